"""Wireshark, which knows nothing of us, finds the same NCP packets in the same frames."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.capture.captured_messages import CapturedMessages
from harness.capture.message import Message
from harness.runners import memory
from tests.fakenw.transports.ipx.captures import CAPTURES
from tests.harness.memory_run import WORK, planned

Seen = list[tuple[int, bytes]]


def found_here(path: Path) -> Seen:
    """The numbers of frames, and what they complete; the watchdog of IPX is no NCP to Wireshark."""
    beside = (b"\x3e\x3e", b"\xbb\xbb")
    return [
        (event.number, event.data)
        for event in CapturedMessages([path])
        if isinstance(event, Message)
        and not (event.conversation.client.transport.name == "ipx" and event.data[:2] in beside)
    ]


def found_by_wireshark(path: Path, *options: str) -> Seen:
    """The same of tshark."""
    command = ["tshark", "-r", str(path), "-Y", "ncp", "-T", "jsonraw", "-j", "frame ncp", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    numbers = subprocess.run(
        ["tshark", "-r", str(path), "-Y", "ncp", "-T", "fields", "-e", "frame.number"],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    # A frame with several packets has the key several times.
    frames = json.loads(done.stdout, object_pairs_hook=list)
    found = []
    for number, frame in zip(map(int, numbers.stdout.split()), frames, strict=True):
        layers: Any = dict(dict(frame)["_source"])["layers"]
        for name, value in layers:
            if name == "ncp_raw":
                data = bytes.fromhex(value[0])
                header = {b"DmdT": 16, b"tNcP": 8}.get(data[:4], 0)
                found.append((number, data[header:]))
    return found


@pytest.mark.tshark
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_a_real_client(path: Path) -> None:
    assert found_here(path) == found_by_wireshark(path)


@pytest.mark.tshark
@pytest.mark.parametrize("transport", ["tcp", "udp", "ipx"])
def test_a_run(tmp_path: Path, transport: str) -> None:
    """Two clients for an hour, one of which loses its network for a time."""
    clients = [{"name": name, "script": WORK} for name in ("one", "two")]
    faults: list[Any] = [{"wait": "20m"}, {"cut": "two"}]
    plan, path = planned(faults, transport, clients=clients), tmp_path / "capture.pcap"
    with path.open("wb") as file:
        memory.run(plan, file)
    found = found_here(path)
    assert found == found_by_wireshark(path)
    assert len(found) > 20
