"""``harness check`` of captures: from the wire of a server to a verdict, and clear errors for what is none."""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from harness.cli import capturing
from tests.programs import harness, invoke

DATA = Path(__file__).parents[2] / "fakenw" / "transports" / "data"  # its README says where they come from
HEAD = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, 101)  # of a pcap of raw IP
ACCUSED = "Q257223 (certain): connection 1 on FAKENW of SMSCLIENT_GS1 at 10.0.0.1: both counts are 0"


@pytest.fixture(scope="module", params=["udp", "tcp", "ipx"])
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directories of the bug's variants, each with a capture beside its journals."""
    folder = tmp_path_factory.mktemp("runs")
    assert invoke("run", "Q257223", "--transport", request.param, "--report", folder).exit_code == 0
    return folder / "Q257223"


@pytest.fixture
def leak(tmp_path: Path) -> Path:
    """The capture of a license that is held for four hours after its last use."""
    return captured("as-shipped", tmp_path)


def captured(variant: str, folder: Path, transport: str = "udp") -> Path:
    options = ("--variant", variant, "--transport", transport, "--report", folder / "runs")
    assert invoke("run", "Q257223", *options).exit_code == 0
    return folder / "runs" / "Q257223" / variant / "capture.pcap"


def test_a_capture_in_the_place_of_the_servers_journal(runs: Path, tmp_path: Path) -> None:
    """Of every variant, over every transport: the verdict of the run."""
    for folder in sorted(path for path in runs.iterdir() if path.is_dir()):
        result = tmp_path / "result.json"
        own = invoke("check", folder, "--json", result)
        (expected,) = json.loads(result.read_text())
        done = invoke("check", folder, "--server-from", folder / "capture.pcap", "--json", result)
        (found,) = json.loads(result.read_text())
        assert (folder.name, found["verdict"]) == (folder.name, expected["verdict"])
        assert (done.exit_code, found["problems"]) == (own.exit_code, [])
        assert [one["reason"].partition(" at ")[0] for one in found["leaked"]] == [
            one["reason"].partition(" at ")[0] for one in expected["leaked"]
        ]


def test_a_capture_alone(leak: Path) -> None:
    """It is judged by what the user says of the need: an idle time, or a mark; otherwise nothing is known."""
    idle = invoke("check", leak, "--idle-after", "30m")
    assert (idle.exit_code, "capture.pcap: leaked: 1 of 1 licenses not released" in idle.stdout) == (1, True)
    marked = invoke("check", leak, "--mark", "2000-08-10 11:40:20", "--tz", "Europe/Berlin")
    assert (marked.exit_code, "it was marked as no longer needed at 0:10:04" in marked.stdout) == (1, True)
    neither = invoke("check", leak)
    assert (neither.exit_code, "expected --idle-after or a mark" in neither.stdout) == (3, True)


def test_until_when_a_capture_lasted(tmp_path: Path) -> None:
    """A quiet TCP connection has no packet for hours; that the sniffer was running all the time has to be said."""
    leak = captured("as-shipped", tmp_path, "tcp")
    open_end = made(leak, leak.read_bytes()[:24] + b"".join(records(leak.read_bytes())[:-3]))  # without FIN
    early = invoke("check", open_end, "--idle-after", "30m")
    assert (early.exit_code, "its last use is not known" in early.stdout) == (3, True)
    said = invoke("check", open_end, "--idle-after", "30m", "--until", "2000-08-10 13:30")
    assert (said.exit_code, "3:59:44 seen from" in said.stdout) == (1, True)


def test_what_is_told_of_a_server(leak: Path) -> None:
    """Its release, and each connection: when it was licensed, what became of that, how sure it is."""
    told = invoke("check", leak, "--idle-after", "30m").stdout
    assert "192.168.0.1:524: release 5.1, by its behaviour only; --release says it better; policy nls" in told
    assert "1 connection, 1 licensed, 1 of them at the end" in told
    assert (
        "connection 1 of SMSCLIENT_GS1 from udp:10.0.0.1:1025: licensed at 0:00:00 (login, seen); "
        "opened and closed 1 file; last request at 0:10:00, 4:02:13 before the end"
    ) in told
    given = invoke("check", leak, "--idle-after", "30m", "--release", "4.11", "--policy", "login").stdout
    assert "release 4.11, as was said; policy login" in given


def test_a_license_that_came_back(tmp_path: Path) -> None:
    done = invoke("check", captured("counted", tmp_path), "--idle-after", "30m")
    assert (done.exit_code, "released, as expected" in done.stdout) == (0, True)
    assert "given back at 0:10:00 (logout, seen)" in done.stdout


def test_the_journal_that_the_server_did_not_keep(leak: Path, tmp_path: Path) -> None:
    """--report keeps it, and it is judged alone as the capture was; the page shows no limit of licenses."""
    page = tmp_path / "page"
    done = invoke("check", leak, "--idle-after", "30m", "--report", page, "--json", tmp_path / "found.json")
    (journal,) = page.glob("server-*.jsonl")
    (found,) = json.loads((tmp_path / "found.json").read_text())
    assert (found["limit"], found["peak"], found["verdict"]) == (None, 1, "leaked")
    (connection,) = found["observed"][0]["connections"]
    assert (connection["user"], connection["licenses"][0]["sure"]) == ("SMSCLIENT_GS1", "seen")
    again = invoke("check", journal, "--idle-after", "30m")
    assert again.exit_code == done.exit_code == 1
    shown = (page / "report.html").read_text()
    assert f'<a href="{quote(journal.name)}">' in shown
    assert "None" not in shown
    assert "no capture" not in shown
    assert "leaked" in (page / "junit.xml").read_text()


def test_the_name_of_a_server_is_no_path(tmp_path: Path) -> None:
    """It comes from a wire, and may be anything."""
    hostile = captured("as-shipped", tmp_path)
    for name in ("../../escape", "a/b", "\x1b[31m"):
        page = tmp_path / "page"
        done = invoke("check", hostile, "--idle-after", "30m", "--report", page, "--server", f"192.168.0.1:524={name}")
        assert done.exit_code == 1
        kept = [path.name for path in page.iterdir() if path.suffix == ".jsonl"]
        assert len(kept) == 1, name
        shutil.rmtree(page)
    assert not list(tmp_path.parent.glob("escape*"))


def test_several_captures_are_one(leak: Path, tmp_path: Path) -> None:
    """A ring of files, in any order on the command line."""
    frames = list(records(leak.read_bytes()))
    parts = []
    for n, some in enumerate((frames[:9], frames[9:20], frames[20:])):
        parts.append(tmp_path / f"part{n}.pcap")
        parts[-1].write_bytes(leak.read_bytes()[:24] + b"".join(some))
    whole, split = (
        invoke("check", "--idle-after", "30m", *paths) for paths in ([leak], [parts[2], parts[0], parts[1]])
    )
    assert whole.stdout.replace("capture.pcap", "") == split.stdout.replace("part2.pcap and 2 more", "")


def records(data: bytes) -> list[bytes]:
    """The frames of a pcap, with their headers."""
    found, at = [], 24
    while at < len(data):
        end = at + 16 + int.from_bytes(data[at + 8 : at + 12], "little")
        found.append(data[at:end])
        at = end
    return found


def test_is_it_the_bug(leak: Path, tmp_path: Path) -> None:
    """The registry of the machine joins the capture: the answer of harness diagnose, below the verdict."""
    evidence = ("--registry", f"10.0.0.1={leak.parent / 'client-workstation.reg'}", "--account", "SMSCLIENT_GS1")
    named = ("--server", "FAKENW")
    done = invoke("check", leak, "--idle-after", "30m", "--json", tmp_path / "found.json", *named, *evidence)
    assert ACCUSED in done.stdout
    (found,) = json.loads((tmp_path / "found.json").read_text())
    assert (found["q257223"]["q257223"], found["q257223"]["sure"]) == (True, "certain")
    assert ACCUSED in invoke("diagnose", "--journal", leak, *named, *evidence).stdout
    assert "Q257223 (possible)" in invoke("check", leak, "--idle-after", "30m", *evidence).stdout  # of which server?
    innocent = invoke("check", captured("counted", tmp_path), "--idle-after", "30m", *evidence)
    assert "not Q257223: no connection is licensed" in innocent.stdout


LIST = """Connection  User           Address         Licensed  Since             Requests
1           SMSCLIENT_GS1  10.0.0.1:1025   yes       2000-08-10 08:14       212
"""


def test_a_capture_that_began_later(leak: Path, tmp_path: Path) -> None:
    """It does not show whether the connection is licensed; a list of connections does."""
    frames = records(leak.read_bytes())
    late = made(leak, leak.read_bytes()[:24] + b"".join(frames[16:]))  # behind the login and the open file
    (tmp_path / "list.txt").write_text(LIST)
    done = invoke("check", late, "--idle-after", "30m")
    assert (done.exit_code, "made.pcap: unknown: connection 1 (serial 1)" in done.stdout) == (3, True)
    assert "may hold a license of 192.168.0.1:524" in done.stdout
    assert "connection 1 from udp:10.0.0.1:1025: it was there before the capture; no license seen" in done.stdout
    registry = ("--registry", f"10.0.0.1={leak.parent / 'client-workstation.reg'}", "--account", "SMSCLIENT_GS1")
    alone = invoke("diagnose", "--journal", late, "--server", "FAKENW", *registry)
    assert "could not be decided: connection 1 on FAKENW at 10.0.0.1: the capture does not show whether" in alone.stdout
    listed = invoke(
        "diagnose", "--journal", late, "--server", "FAKENW", "--connections", tmp_path / "list.txt", *registry
    )
    assert ACCUSED in listed.stdout
    assert "the capture shows no request" in listed.stdout


def test_a_real_client_in_front_of_another_server() -> None:
    """ncpfs and mars_nwe: GUEST comes, works with a file, and goes; every connection is given back."""
    done = invoke("check", DATA / "ncpfs-vs-mars_nwe-guest.pcap", "--idle-after", "5m", "--clients", "1")
    assert "MARS at 0000CAFE:000000000001:0451: release 3.12, by its own word (23/17); policy attach" in done.stdout
    assert "22 connections, 22 licensed, 0 of them at the end" in done.stdout
    assert "connection 1 of GUEST from ipx:00001234:525400123456:4012" in done.stdout
    assert (done.exit_code, "released, as expected" in done.stdout) == (0, True)


ERRORS: dict[str, tuple[Callable[[Path], list[object]], str]] = {
    "no file": (lambda leak: [leak.parent / "none.pcap"], "none.pcap: No such file or directory"),
    "empty": (lambda leak: [made(leak, b"")], "this is no capture file; expected pcap or pcapng"),
    "no frame": (lambda leak: [made(leak, HEAD)], "no NCP in it; it has no frame"),
    "other packets": (
        lambda leak: [made(leak, HEAD + frame(bytes([0x45, *[0] * 8, 1, *[0] * 30])) * 3)],
        "no NCP in it; 3 frames were skipped: 3 of IP, neither TCP nor UDP",
    ),
    "no capture": (lambda leak: [made(leak, b"GIF89a" * 20)], "this is no capture file; expected pcap or pcapng"),
    "mixed": (
        lambda leak: [leak, leak.parent / "server-FAKENW.jsonl"],
        "is a capture and",
    ),
    "in no run": (lambda leak: [leak.parent / "server-FAKENW.jsonl", "--server-from", leak], "expected RUN_DIR"),
    "in several runs": (
        lambda leak: [leak.parents[1], "--server-from", leak],
        "2 run directories; expected one with --server-from",
    ),
    "a mark outside": (lambda leak: [leak, "--mark", "1999-01-01 12:00"], "no server was there; expected a time of"),
    "an account alone": (lambda leak: [leak, "--account", "SMSNW"], "--account needs --registry or --connections"),
    "a release of a journal": (
        lambda leak: [leak.parent / "server-FAKENW.jsonl", "--release", "5.1"],
        "--release, --policy, --server and --until are for captures",
    ),
}


def frame(packet: bytes) -> bytes:
    return struct.pack("<IIII", 1, 0, len(packet), len(packet)) + packet


def made(leak: Path, content: bytes) -> Path:
    path = leak.parent / "made.pcap"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("wrong", ERRORS)
def test_what_cannot_be_judged(wrong: str, leak: Path) -> None:
    """Bad usage, in a sentence, and nothing on standard output."""
    if wrong == "in several runs":
        captured("counted", leak.parents[3])
    arguments, expected = ERRORS[wrong]
    done = invoke("check", *arguments(leak))
    assert (done.exit_code, done.stdout) == (2, "")
    assert expected in done.stderr.replace("\n", " ")


def test_a_pipe_keeps_its_first_bytes(tmp_path: Path) -> None:
    """A journal may come from one: ``harness check <(zcat server.jsonl.gz)``."""
    os.mkfifo(tmp_path / "pipe")
    pipe = os.open(tmp_path / "pipe", os.O_RDWR)
    try:
        os.write(pipe, HEAD)
        assert not capturing.is_capture(tmp_path / "pipe")
        assert os.read(pipe, len(HEAD)) == HEAD
    finally:
        os.close(pipe)


def test_a_file_that_is_cut(leak: Path) -> None:
    """A sniffer that was killed: what is there is judged, and the cut is told."""
    done = invoke("check", made(leak, leak.read_bytes()[:-7]), "--idle-after", "30m")
    assert (done.exit_code, "made.pcap: cut off within a frame, or damaged: its end was not read" in done.stdout) == (
        1,
        True,
    )


def test_without_dpkt(leak: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dpkt", None)
    done = invoke("check", leak)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "expected it here: pip install 'fakenw[captures]'" in done.stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("variant", "frames", "why"),
    [
        ("as-shipped", 14, "its last use is not known"),
        ("counted", 21, "the reading was stopped; until there released: every"),
    ],
)
def test_it_is_stopped(variant: str, frames: int, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends the reading, and what was read is told; nothing is green then."""
    capture = captured(variant, tmp_path)
    stop = threading.Event()
    stop.set()
    monkeypatch.setattr(capturing, "stop_on_signals", lambda: stop)
    monkeypatch.setattr("harness.capture.captured_messages._EVERY", frames)
    done = invoke("check", capture, "--idle-after", "30m")
    assert (done.exit_code, why in done.stdout) == (3, True)
    assert "stopped after 0 of 0 MiB" in done.stderr


def test_damage_of_every_kind(leak: Path) -> None:
    """A verdict or a sentence, whatever the bytes: lengths of two gigabytes, headers and bodies at random."""
    whole = leak.read_bytes()
    shake = random.Random(21)
    seen = set()
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(shake.choice((1, 3, 30))):
            at = shake.randrange(len(data))
            data[at : at + 4] = shake.choice((b"\xff\xff\xff\x7f", shake.randbytes(1), b"\0\0\0\0", b"DmdT"))
        done = invoke("check", made(leak, bytes(data)), "--idle-after", "30m")
        assert "Traceback" not in done.stderr
        seen.add(done.exit_code)
    assert seen <= {0, 1, 2, 3}
    assert {1, 3} <= seen


@pytest.mark.process
def test_a_run_on_real_time(tmp_path: Path) -> None:
    """Its capture has the times of real packets, and the server's clock runs 3600 times as fast."""
    options = ("--on", "processes", "--transport", "tcp", "--speed", "3600", "--report", tmp_path)
    done = harness("run", "Q257223", "--variant", "as-shipped", "--variant", "counted", *options)
    assert done.returncode == 0, done.stderr
    for variant, verdict in (("as-shipped", "leaked"), ("counted", "released")):
        folder = tmp_path / "Q257223" / variant
        found = invoke("check", folder, "--server-from", folder / "capture.pcap")
        assert (found.exit_code, f"{variant}: {verdict}: " in found.stdout) == (0, True)
