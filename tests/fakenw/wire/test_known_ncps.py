"""The names of NCPs and NDS verbs: Wireshark's, for all that it knows, and for what we have as well."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from fakenw.core.peer import Peer
from fakenw.core.services import SERVICES
from fakenw.transports.capture import CaptureFile
from fakenw.wire import packet as ncp
from fakenw.wire.known_ncps import known, name_of, subfunction_of
from fakenw.wire.packet import RequestPacket


@pytest.mark.parametrize(
    ("function", "subfunction", "verb", "name"),
    [
        (3, None, None, "Log File Exclusive"),
        (23, 100, None, "Create Queue"),
        (86, 1, None, "Close Extended Attribute Handle"),
        (104, 2, None, "Send NDS Fragmented Request/Reply"),
        (104, 2, 1, "Resolve Name"),
        (104, 2, 96, "Monitor Connection"),
        (23, 250, None, None),
        (199, None, None, None),
        (104, 2, 107, None),
    ],
)
def test_names(function: int, subfunction: int | None, verb: int | None, name: str | None) -> None:
    """Of a function, of a sub-function, of a verb; None for what nobody knows."""
    assert name_of(function, subfunction, verb) == name


@pytest.mark.parametrize(
    ("function", "body", "subfunction"),
    [
        *((36, b"\0\1\6", 6), (36, b"\0\1", None), (86, b"\2", 2), (86, b"", None), (3, b"\1\2\3", None)),
        *((23, b"\0\1\x64", 100), (199, b"\0\1\2", None)),
    ],
)
def test_where_a_sub_function_stands(function: int, body: bytes, subfunction: int | None) -> None:
    """Behind a length word or at once, by the group; None where there is none."""
    assert subfunction_of(function, body) == subfunction


def test_what_we_have_is_known() -> None:
    assert {key for service in SERVICES for key in service.functions} <= known()


@pytest.mark.tshark
def test_wireshark_says_so(tmp_path: Path) -> None:
    """One request for each entry of the table: Wireshark finds the function, the sub-function and this name in it."""
    capture = CaptureFile.create(tmp_path / "all.pcap", lambda: 0.0, lambda problem: pytest.fail(str(problem)))
    keys = sorted(known(), key=lambda key: (key[0], key[1] or 0))
    for n, (function, subfunction) in enumerate(keys):
        sub = b"" if subfunction is None else bytes([subfunction])
        bodies = [head + sub + bytes(80) for head in (b"", b"\0\x51")]
        body = next(body for body in bodies if subfunction_of(function, body) == subfunction)
        request = RequestPacket(ncp.REQUEST, n & 0xFF, 1 + n, 1, function, body)
        capture.received(Peer.parse(f"udp:10.0.0.1:{1025 + n}"), "10.0.0.2", request.encode())
    capture.close()
    command = ["tshark", "-n", "-V", "-r", str(tmp_path / "all.pcap")]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    seen = []
    for frame in re.split(r"^Frame \d+:", told, flags=re.MULTILINE)[1:]:
        named = re.search(r"^    Function: (\d+) \(0x\w+\), (.*)$", frame, re.MULTILINE)
        numbered = re.search(r"^    SubFunction: (\d+)", frame, re.MULTILINE)
        assert named, frame
        seen.append((int(named[1]), int(numbered[1]) if numbered else None, named[2]))
    assert seen == [(*key, name_of(*key)) for key in keys]
