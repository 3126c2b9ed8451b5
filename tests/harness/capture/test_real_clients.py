"""What is found in captures of a real client, Linux ncpfs, in front of two servers (tests/fakenw/transports/data).

The numbers are those of Wireshark: packets of types 0x1111 and 0x5555, and the replies to 23/24 and 87/1.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from harness.capture.captured_messages import CapturedMessages
from harness.capture.observer import observe
from harness.judge.audit import books_balance

DATA = Path(__file__).parents[2] / "fakenw/transports/data"
SUPERVISOR, GUEST = "SUPERVISOR", "GUEST"


@pytest.mark.parametrize(
    ("name", "server", "connections", "logins", "refused"),
    [
        ("ncpfs-vs-mars_nwe-guest", "MARS", 22, [GUEST] * 2, [SUPERVISOR] * 5),
        ("ncpfs-vs-mars_nwe-wrongpassword", "MARS", 17, [], [SUPERVISOR] * 5),
        ("ncpfs-four-frames-vs-fakenw-core", "FAKENW", 12, [], []),
        ("ncpfs-watchdog-broadcast", "FAKENW", 3, [SUPERVISOR], []),
    ],
)
def test_attaches_logins_and_ends(
    name: str, server: str, connections: int, logins: list[str], refused: list[str]
) -> None:
    (journal,) = observe(CapturedMessages([DATA / f"{name}.pcap"])).journals()
    start, *lines = journal.records
    assert (start["server"], start["release"], start["policy"], start["found"]) == (server, "3.12", "attach", "23/17")
    assert not books_balance(journal)
    there = Counter(str(record.event) for record in lines)
    assert there["create"] == there["grant"] == there["release"] == there["close"] == connections
    assert {record.get("cause") for record in lines if record.event == "close"} == {"destroy"}
    assert {record["sure"] for record in lines[:-1]} == {"seen"}
    assert [record["user"] for record in lines if record.event == "login"] == logins
    assert [record["user"] for record in lines if record.event == "login-failed"] == refused
    assert there["uncertain"] == there["open"] == 0  # both requests for a file were refused
    assert {record["station"].rpartition(":")[0] for record in lines if record.event == "create"} == {
        "ipx:00001234:525400123456"
    }


def test_without_its_first_half_the_capture_has_connections_from_before_it(tmp_path: Path) -> None:
    """Of the mount of a volume the watchdog's questions and the listing are left, and no attach or login."""
    content = (DATA / "ncpfs-watchdog-broadcast.pcap").read_bytes()
    at, frames = 24, []
    while at < len(content):
        size = 16 + int.from_bytes(content[at + 8 : at + 12], "little")
        frames.append(content[at : at + size])
        at += size
    file = tmp_path / "half.pcap"
    file.write_bytes(content[:24] + b"".join(frames[len(frames) // 2 :]))
    (journal,) = observe(CapturedMessages([file])).journals(policy="service", release_of="4.11")
    assert not books_balance(journal)
    creates = [record for record in journal.records if record.event == "create"]
    assert [record["sure"] for record in creates] == ["unknown"]
    assert any(record.event == "uncertain" for record in journal.records)
