"""Whatever is in a capture: it is refused in a sentence, or judged, or passed over."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakenw.transports.captured_frames import CaptureRefused, read_frames
from fakenw.transports.ipx.wire_findings import findings
from fakenw.transports.ipx.wire_log import WireLog
from tests.fakenw.transports.ipx.captures import FOUR_FRAMES, MARS_WRONG_PASSWORD, WATCHDOG
from tests.fakenw.transports.ipx.pcap import write_pcap

GOOD = (FOUR_FRAMES.read_bytes(), WATCHDOG.read_bytes())
FRAMES = [one.data for path in (FOUR_FRAMES, WATCHDOG, MARS_WRONG_PASSWORD) for one in read_frames(path).frames]
edits = st.lists(st.tuples(st.integers(0, 20_000), st.binary(min_size=1, max_size=4)), max_size=20)
on_a_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def edited(data: bytes, changes: list[tuple[int, bytes]]) -> bytes:
    for at, new in changes:
        at %= len(data) + 1
        data = data[:at] + new + data[at + len(new) :]
    return data


def judge(frames: list[bytes]) -> None:
    log = WireLog()
    for number, data in enumerate(frames, 1):
        log.saw(number, number / 10, data)
    found = findings(log)
    assert all(one.text and set(one.frames) <= set(range(1, len(frames) + 1)) for one in found)
    assert found


def read(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with suppress(CaptureRefused):
        judge([one.data for one in read_frames(path).frames])


@on_a_file
@given(content=st.binary(max_size=200))
def test_any_file(tmp_path: Path, content: bytes) -> None:
    read(tmp_path / "any.pcap", content)
    for magic in ("D4C3B2A1", "A1B2C3D4", "4D3CB2A1", "0A0D0D0A"):
        read(tmp_path / "any.pcap", bytes.fromhex(magic) + content)


@on_a_file
@given(content=st.sampled_from(GOOD), changes=edits, length=st.integers(0, 20_000))
def test_damaged_files(tmp_path: Path, content: bytes, changes: list[tuple[int, bytes]], length: int) -> None:
    read(tmp_path / "damaged.pcap", edited(content, changes)[:length])


@given(st.lists(st.tuples(st.sampled_from(FRAMES), edits), max_size=30))
def test_damaged_frames(frames: list[tuple[bytes, list[tuple[int, bytes]]]]) -> None:
    """In any order."""
    judge([edited(data, [(at % 120, new) for at, new in changes]) for data, changes in frames])


def test_a_file_that_ends_within_a_frame(tmp_path: Path) -> None:
    """What is before is judged."""
    path = tmp_path / "cut.pcap"
    path.write_bytes(GOOD[0][: 24 + 16 + 60 + 10])
    frames, cut = read_frames(path)
    assert (len(frames), cut) == (1, True)


def test_very_many_nodes(tmp_path: Path) -> None:
    """A flood does not take room without end."""
    query = FRAMES[9]
    flood = [
        query[:6] + node + query[12:36] + node + query[42:] for node in (n.to_bytes(6, "big") for n in range(2, 20_002))
    ]
    frames = read_frames(write_pcap(tmp_path / "flood.pcap", flood)).frames
    log = WireLog()
    for one in frames:
        log.saw(*one)
    assert len(log.newcomers) < len(flood)
    assert len(findings(log)) == len(log.newcomers)


@pytest.mark.parametrize("link", [101, 113, 0])
def test_other_links(tmp_path: Path, link: int) -> None:
    """Such as "any" of tcpdump, which has no Ethernet header."""
    with pytest.raises(CaptureRefused, match=rf"^its link type is {link}; expected Ethernet \(1\)"):
        read_frames(write_pcap(tmp_path / "any.pcap", FRAMES[:3], link=link))
