"""Judges that know nothing of us: nmap looks around on a running server, Wireshark reads what the server captured."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from fakenw.wire import packet as ncp
from fakenw.wire.packet import Code
from tests.fakenw.transports.captured_client import DEADLINE, FUNCTIONS, Client, Key, Process
from tests.fakenw.transports.captured_session import converse


class Serve:
    """Starts servers, and ends what is left of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.running: list[Process] = []

    def __call__(self, *options: str) -> Process:
        self.running.append(Process(self._folder, *options))
        return self.running[-1]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    starter = Serve(tmp_path)
    yield starter
    for process in starter.running:
        process.clean()


# nmap


def nmap(process: Process, script: str) -> list[str]:
    """What a script of nmap prints about a server; "+" has it run although the port is not 524."""
    command = ["nmap", "-Pn", "-n", "-p", str(process.addresses["tcp"][1]), "--script", f"+{script}", "127.0.0.1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr
    lines = [line[2:] for line in done.stdout.splitlines() if line.startswith("|")]
    assert not lines or lines[0].strip() == f"{script}:", done.stdout
    return [line.strip().replace("\\x00", "") for line in lines[1:]]


@pytest.mark.nmap
def test_nmap_serverinfo(serve: Serve, tmp_path: Path) -> None:
    """Name, tree, versions, addresses, volumes."""
    process = serve("--name", "LAB", "--tree", "FAKETREE", "--release", "6.5", "--volume", f"DATA={tmp_path}")
    assert nmap(process, "ncp-serverinfo") == [
        "Server name: LAB",
        "Tree Name: FAKETREE",
        "OS Version: 5.70 (rev 0)",
        "Product version: 6.50 (rev 0)",
        "OS Language ID: 4",
        "Addresses",
        f"127.0.0.1 {process.addresses['tcp'][1]}/tcp",
        f"127.0.0.1 {process.addresses['udp'][1]}/udp",
        "Mounts",
        "SYS",
        "DATA",
    ]


@pytest.mark.nmap
def test_nmap_enum_users(serve: Serve) -> None:
    """Exactly the users of the bindery, however many there are; not the groups, not the server."""
    names = ["JOE", *(f"USER{number:03}" for number in range(200))]
    process = serve("--tree", "FAKETREE", "--user", "ANN.LEE", *(part for name in names for part in ("--user", name)))
    found = nmap(process, "ncp-enum-users")
    assert len(found) == len(set(found))
    assert set(found) == {f"CN={name}.O=FAKETREE" for name in ("SUPERVISOR", "GUEST", "ANN\\.LEE", *names)}


@pytest.mark.nmap
def test_nmap_on_a_bindery_server(serve: Serve) -> None:
    """Without a tree there is nothing to list."""
    process = serve()
    assert nmap(process, "ncp-enum-users") == []
    assert nmap(process, "ncp-serverinfo") == []


# Wireshark


class Frame(NamedTuple):
    """What Wireshark said of one packet. ``request``: the number of the frame that it is the reply to."""

    number: str
    protocol: str
    info: str
    type: str
    function: str
    subfunction: str
    completion: str
    request: str
    malformed: str
    notes: str

    @property
    def key(self) -> Key:
        return int(self.function or "0", 16), int(self.subfunction) if self.subfunction else None


def dissect(capture: Path) -> list[Frame]:
    """Every packet that is more than TCP."""
    fields = (
        *("frame.number", "_ws.col.Protocol", "_ws.col.Info", "ncp.type", "ncp.func", "ncp.subfunc"),
        *("ncp.completion_code", "ncp.req_frame_num", "_ws.malformed", "_ws.expert.message"),
    )
    command = ["tshark", "-n", "-r", str(capture), "-Y", "tcp.len > 0 or udp", "-T", "fields", "-E", "separator=/t"]
    command += [part for field in fields for part in ("-e", field)]
    for checksum in ("ip.check_checksum", "tcp.check_checksum", "udp.check_checksum"):
        command += ["-o", f"{checksum}:TRUE"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr
    return [Frame(*line.split("\t")) for line in done.stdout.splitlines()]


# Wireshark notes every completion code and every NDS code that is not 0, by design.
BY_DESIGN = re.compile(r"Error: \d+ \(0x89[0-9a-f]{2}\) [^,]*|NDS Error: 0xf[0-9a-f]{7} [^,]*")
# It takes 23/75's encrypted length (libncp) for the length of a password that follows, and expects 512 bytes of fields
# in 87/25, where libncp sends those that the mask names. It expects one name in each path of 22/46. The fields that it
# lists for 22/51 take more room than it gives them. It has an entry of its own for 22/37, which it doubts itself.
MISREAD = {(22, 37), (22, 46), (22, 51), (23, 75), (87, 25)}
# It expects one string where 23/201 has four, one behind the other.
STRAY = {((23, 201), "Trailing stray characters")}
# Codes that it does not list for the function: from mars_nwe and libncp, or inferred.
UNLISTED = {
    *(((101, None), 0xFB), ((23, 19), 0xFD), ((23, 26), 0xFD), ((104, 2), 0xFF)),
    *(((23, 24), 0xFC), ((23, 72), 0xFC), ((23, 74), 0xFC), ((23, 75), 0xFC), ((23, 76), 0xFC)),
    *(((23, 14), 0xFC), ((23, 71), 0x98)),
    *(((3, None), 0x98), ((5, None), 0x98), ((105, None), 0x98), ((72, None), 0xA2)),
    *(((32, 0), 0xFE), ((32, 2), 0xFE), ((111, 0), 0xFE)),
    *(((22, 21), 0x9B), ((22, 44), 0x98), ((63, None), 0x9B), ((87, 2), 0x7D), ((87, 3), 0x7D), ((87, 20), 0x7D)),
    *(((87, number), 0x7D) for number in (19, 25, 26)),
    *(((22, number), 0x98) for number in (30, 31, 37, 39, 40, 43, 50)),
    ((22, 48), 0x7D),
}


@pytest.mark.tshark
def test_wireshark_reads_everything(serve: Serve, transport: str) -> None:
    """A capture of every function: nothing malformed, nothing unknown, nothing noted but what must be, all in pairs."""
    process = serve("--tree", "FAKETREE", "--user", "JOE:SECRET", "--licenses", "50")
    converse(process, transport)
    assert process.stop() == 0
    assert process.errors.read_text() == ""
    frames = dissect(process.capture)
    assert {frame.protocol for frame in frames} == {"NCP", "NDS"}
    assert {frame.key for frame in frames if frame.malformed} <= MISREAD
    assert [frame for frame in frames if "Unknown Function" in frame.info] == []
    unlisted = {(frame.key, int(frame.completion, 16)) for frame in frames if "Unknown Error" in frame.info}
    assert unlisted <= UNLISTED
    left = [(frame, BY_DESIGN.sub("", frame.notes).strip(",")) for frame in frames if not frame.malformed]
    assert [(frame, note) for frame, note in left if note and (frame.key, note) not in STRAY] == []

    asked = [frame.number for frame in frames if int(frame.type, 16) in (ncp.CREATE, ncp.REQUEST, ncp.DESTROY)]
    replies = [frame for frame in frames if int(frame.type, 16) == ncp.REPLY]
    paired = [frame.request for frame in replies if frame.request]
    assert [frame for frame in replies if not frame.request and not frame.info.startswith("[NDS Fragment ")] == []
    assert len(asked) == len(replies)
    assert len(paired) == len(set(paired))
    assert set(paired) <= set(asked)


def test_conversation_has_every_function(serve: Serve, transport: str) -> None:
    """What Wireshark is shown is every function we have: with success, and with a refusal where it has one."""
    heard = converse(serve("--tree", "FAKETREE", "--user", "JOE:SECRET", "--licenses", "50"), transport)
    assert {key for key in FUNCTIONS if 0 not in heard[key]} == {(101, None)}  # packet burst is always refused
    refusals = {key: codes - {0, Code.INVALID_LENGTH} for key, codes in heard.items()}
    assert {key for key, function in FUNCTIONS.items() if function.refuses and not refusals[key]} == set()
    assert {key for key, function in FUNCTIONS.items() if refusals[key] - function.refuses} == set()


@pytest.mark.tshark
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_capture_of_a_server_that_ends(serve: Serve, transport: str, number: int) -> None:
    """However the server ends, what was captured is whole; where it can, it ends the connections in the capture too."""
    process = serve()
    client = Client(process, transport, {})
    assert process.end(number) == (-number if number == signal.SIGKILL else 0)
    client.socket.close()
    assert [frame.info for frame in dissect(process.capture)] == ["C Create Connection Service", "R OK"]
    command = ["tshark", "-n", "-r", str(process.capture), "-Y", "tcp.flags.fin == 1", "-T", "fields", "-e", "ip.proto"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)
    ends = done.stdout.split()
    assert len(ends) == (2 if transport == "tcp" and number != signal.SIGKILL else 0)
