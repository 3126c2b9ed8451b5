"""Captures as journals: the names of servers, what is given of each, and captures that invent stations."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import pytest

from fakenw.journal.record import Journal, JournalError
from harness.capture.reading import CaptureReading, Given, read_captures
from tests.programs import invoke

HEAD = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, 101)  # of a pcap of raw IP
CREATE, REPLY = bytes.fromhex("111100ff01ff00"), bytes.fromhex("3333000101000000")  # ncp.md 3
SERVER = bytes([192, 168, 0, 1])


def datagram(source: bytes, target: bytes, data: bytes) -> bytes:
    ports = (524, 1025) if source == SERVER else (1025, 524)
    udp = struct.pack(">HHHH", *ports, 8 + len(data), 0) + data
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, source, target) + udp


def written(path: Path, packets: Iterable[bytes]) -> Path:
    frames = (struct.pack("<IIII", n, 0, len(one), len(one)) + one for n, one in enumerate(packets, 1))
    path.write_bytes(HEAD + b"".join(frames))
    return path


def reading(path: Path) -> CaptureReading:
    return read_captures([path])


def start(journal: Journal) -> tuple[object, ...]:
    return tuple(journal.records[0].get(name) for name in ("server", "release", "policy", "found"))


@pytest.fixture(scope="module")
def two_servers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CaptureReading]:
    """The captures of S8, whose client is attached to both servers, by transport."""
    found = {}
    for transport in ("udp", "ipx"):
        folder = tmp_path_factory.mktemp(transport)
        invoke("run", "S8", "--variant", "as-shipped", "--transport", transport, "--report", folder)
        found[transport] = reading(folder / "S8" / "as-shipped" / "capture.pcap")
    return found


def test_the_names_that_sap_announces(two_servers: dict[str, CaptureReading]) -> None:
    assert {start(journal)[0] for journal in two_servers["ipx"].journals()} >= {"FS1", "FS2"}


def test_what_is_given_of_each(two_servers: dict[str, CaptureReading]) -> None:
    """Name, release and policy by address; what is given of none in particular is so of the others."""
    over_udp = two_servers["udp"]
    addresses = [str(start(journal)[0]) for journal in over_udp.journals()]
    assert len(addresses) > 1
    given = {addresses[0]: Given("FS1", "4.11", "login"), "": Given(None, "3.12")}
    first, *others = over_udp.journals(given)
    assert start(first) == ("FS1", "4.11", "login", "given")
    assert [start(journal) for journal in others] == [(address, "3.12", "attach", "given") for address in addresses[1:]]


def test_one_name_for_several_servers(two_servers: dict[str, CaptureReading]) -> None:
    with pytest.raises(JournalError, match=r"have 2 servers \(192\.168\.0.*expected --server ADDRESS=NAME"):
        two_servers["udp"].journals({"": Given("FS1")})


def test_stations_that_a_capture_invents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ask and get no answer: few are kept, and the connection between them is."""
    monkeypatch.setattr("harness.capture.observer.MOST_STATIONS", 50)
    real = bytes([10, 0, 0, 1])
    asked = [datagram(bytes([10, 1, n >> 8, n & 0xFF]), SERVER, CREATE) for n in range(1000)]
    packets = [datagram(real, SERVER, CREATE), datagram(SERVER, real, REPLY), *asked]
    packets += [datagram(bytes([10, 2, 0, 1]), bytes([172, 16, n >> 8, n & 0xFF]), CREATE) for n in range(1000)]
    found = reading(written(tmp_path / "flood.pcap", packets))
    assert len(found.observer._stations) <= 120
    assert len(found.observer._servers) <= 120
    (journal,) = found.journals()
    assert [line["station"] for line in journal.records if line.event == "create"] == ["udp:10.0.0.1:1025"]
