"""`fakenw wire`: what is printed, for people and for programs, and the exit codes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import dpkt
import pytest
from click.testing import CliRunner, Result

from fakenw.cli.main import main
from fakenw.server_process import ServerProcess
from fakenw.transports.captured_frames import read_frames
from fakenw.wire.ipx.frames import FrameType
from tests.fakenw.transports.ipx.captures import CAPTURES, FOUR_FRAMES, WATCHDOG
from tests.fakenw.transports.ipx.pcap import write_pcap
from tests.fakenw.transports.ipx.wire_client import Datagrams, WireClient
from tests.pages import ROOT, blocks
from tests.programs import LISTEN

ME = "52:54:00:12:34:56"


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(main, ["wire", *map(str, arguments)])
    assert isinstance(result.exception, SystemExit | None)
    return result


def frames(*numbers: int) -> list[bytes]:
    found = read_frames(FOUR_FRAMES).frames
    return [found[number - 1].data for number in numbers]


def test_real_captures() -> None:
    """All clients came in: exit code 0."""
    done = run(*CAPTURES)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert [line.rpartition("/")[2] for line in lines if not line.startswith(" ")] == [
        "ncpfs-four-frames-vs-fakenw-core.pcap: IPX in 178 of 179 frames, servers: FAKENW",
        "ncpfs-watchdog-broadcast.pcap: IPX in 134 of 135 frames, servers: FAKENW",
        "ncpfs-vs-mars_nwe-guest.pcap: IPX in 801 of 802 frames, servers: MARS",
        "ncpfs-vs-mars_nwe-wrongpassword.pcap: IPX in 278 of 280 frames, servers: MARS",
    ]
    assert (
        f"  note     all is well: {ME} came in as connection 1 of FAKENW, in ETHERNET_802.2 "
        "(frames 18, 19, 31, 32, 41, 42)" in lines
    )
    assert not [line for line in lines if line.startswith("  problem")]


def test_a_client_that_does_not_come_in(tmp_path: Path) -> None:
    """Exit code 1, also where another capture is well."""
    broken = write_pcap(tmp_path / "broken.pcap", frames(1, 2, 10))
    done = run(WATCHDOG, broken)
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-2:] == [
        f"{broken}: IPX in 3 of 3 frames, servers: FAKENW",
        f"  problem  {ME} asks in ETHERNET_II, while servers are heard in ETHERNET_802.2: both need one frame type "
        "(frames 1, 3)",
    ]


def test_for_programs(tmp_path: Path) -> None:
    broken = write_pcap(tmp_path / "broken.pcap", frames(10))
    done = run("--json", FOUR_FRAMES, broken)
    assert done.exit_code == 1
    first, second = json.loads(done.stdout)["captures"]
    assert first.keys() == {"file", "frames", "packets", "servers", "clients", "findings"}
    assert (first["frames"], first["packets"], first["clients"]) == (179, 178, [ME])
    assert first["servers"] == {"FAKENW": ["0000BEEF:000000000001:0451"]}
    assert [(one["kind"], one["serious"]) for one in first["findings"]] == [("came-in", False)]
    assert second["findings"] == [
        {
            "kind": "query-unanswered",
            "text": f"{ME} asks for a server in ETHERNET_II, and gets no answer",
            "frames": [1],
            "serious": True,
        }
    ]


def test_pcapng(tmp_path: Path) -> None:
    """What Wireshark writes, here by dpkt."""
    path = tmp_path / "wire.pcapng"
    with path.open("wb") as file:
        writer = dpkt.pcapng.Writer(file)
        for number, data in enumerate(frames(10, 11, 12, 13, 14, 15)):
            writer.writepkt(data, ts=1000.0 + number / 100)
    done = run(path)
    assert done.exit_code == 0
    assert f"all is well: {ME} came in as connection 1 of FAKENW, in ETHERNET_II (frames 5, 6)" in done.stdout


def test_a_file_that_ends_within_a_frame(tmp_path: Path) -> None:
    """A capture that is still written, for instance."""
    path = tmp_path / "cut.pcap"
    path.write_bytes(WATCHDOG.read_bytes()[:-20])
    done = run(path)
    assert done.exit_code == 0
    assert "  note     the file is cut off behind frame 134" in done.stdout.splitlines()


def test_names_on_the_wire_are_harmless(tmp_path: Path) -> None:
    """A name from SAP cannot steer a terminal."""
    named = [data.replace(b"FAKENW", b"\x1b[2JNW") for data in frames(10, 11, 12, 13, 14, 15)]
    done = run(write_pcap(tmp_path / "named.pcap", named))
    assert "\x1b" not in done.stdout
    assert "connection 1 of \\x1b[2JNW" in done.stdout


def test_bad_usage(tmp_path: Path) -> None:
    """Exit code 2, and a sentence."""
    text = tmp_path / "text.pcap"
    text.write_text("no frames")
    for arguments, told in (
        ([text], f"{text}: this is no capture file; expected pcap or pcapng"),
        ([tmp_path], "is a directory"),
        ([tmp_path / "nothing"], "does not exist"),
        ([], "expected captures, or --listen with a link"),
    ):
        done = run(*arguments)
        assert done.exit_code == 2
        assert told in done.stderr


def test_without_dpkt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library is an extra."""
    monkeypatch.setitem(sys.modules, "dpkt", None)
    done = run(WATCHDOG)
    assert done.exit_code == 2
    assert "this needs dpkt; expected it here: pip install 'fakenw[captures]'" in done.stderr


@pytest.mark.process
def test_the_capture_of_a_server(tmp_path: Path) -> None:
    """It has both sides of the wire, and is read while the server runs."""
    capture = tmp_path / "lab.pcap"
    options = (*LISTEN, "--listen", "ipx:qemu:127.0.0.1:0", "--pcap", capture)
    with ServerProcess(*options, log=tmp_path / "errors") as server:
        plug = Datagrams(("127.0.0.1", server.addresses["ipx"][1]))
        with plug.socket:
            assert WireClient(plug, FrameType.ETHERNET_802_2).log_in() == "FAKENW"
        done = run(capture)
        assert server.stop() == 0
    assert done.exit_code == 0, done.stdout
    assert f"all is well: {ME} came in as connection 1 of FAKENW, in ETHERNET_802.2" in done.stdout


@pytest.mark.process
def test_a_link_that_is_watched() -> None:
    """The frames of a guest, as QEMU sends them; nothing comes back."""
    command = [sys.executable, "-m", "fakenw", "wire", "--listen", "ipx:qemu:127.0.0.1:0", "--for", "2s", "--json"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watch,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as guest,
    ):
        assert watch.stderr is not None
        said, name = watch.stderr.readline().split()
        assert said == "watching"
        port = int(name.removeprefix("qemu:127.0.0.1:"))
        for data in frames(10, 12):
            guest.sendto(data, ("127.0.0.1", port))
        told, errors = watch.communicate(timeout=60)
        assert (watch.returncode, errors) == (1, "")
        guest.setblocking(False)
        with pytest.raises(BlockingIOError):
            guest.recv(2000)
    (link,) = json.loads(told)["captures"]
    assert (link["file"], link["packets"], link["clients"]) == (name, 2, [ME])
    assert [one["kind"] for one in link["findings"]] == ["rip-unanswered"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--listen", "ipx:eth:no-such-card"], "cannot watch eth:no-such-card: there is no card no-such-card"),
        (["--listen", "udp:127.0.0.1:524"], "--listen udp:127.0.0.1:524 is not a link of IPX"),
        (["--listen", "ipx:qemu:127.0.0.1:1", str(WATCHDOG)], "expected captures, or --listen with a link"),
    ],
)
def test_links_that_cannot_be_watched(arguments: list[str], told: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert told in done.stderr


def test_the_page_shows_what_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/period-clients.md: its command and the answer."""
    page = ROOT / "docs/period-clients.md"
    command, shown = (
        block.content
        for block in blocks(page)
        if block.section == "3. When a client does not come in" and block.mark in ("test_wire.py", "")
    )
    monkeypatch.chdir(tmp_path)
    write_pcap(Path("lab.pcap"), frames(1, 2, 10))
    program, name, *arguments = command.split()
    assert (program, name) == ("fakenw", "wire")
    assert run(*arguments).stdout == shown
