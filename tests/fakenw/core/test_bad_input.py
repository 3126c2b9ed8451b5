"""Whatever arrives: no exception, and no license moves but by a transition that somebody asked for.

The stage audits every journal line (held is grants less releases, never above the limit), so any input that got the
books out of balance would fail here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakenw.bindery.objects import USER
from fakenw.bindery.passwords import answer, hash_password
from fakenw.core.server import UNSUPPORTED
from fakenw.journal.sentences import sentence
from fakenw.wire import packet as ncp
from fakenw.wire.framing import frame_request
from fakenw.wire.packet import RequestPacket, decode_reply
from fakenw.wire.requests import bindery, connection, directories, files, namespace, server, volumes

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

OpenStage = Callable[..., "Stage"]
Units = Callable[[str, list[tuple[str, str | None]]], int]
STATIONS = [
    *("udp:10.0.0.1:1", "udp:10.0.0.2:1", "udp:10.0.0.3:1", "udp:10.0.0.4:1"),
    *("tcp:10.0.0.1:1", "tcp:10.0.0.2:1", "tcp:10.0.0.3:1", "tcp:10.0.0.4:1"),
]
FUNCTIONS = [0x13, 0x14, 0x18, 0x19, 0x21, 0x40, 0x41, 0x42, 0x47, 0x48, 0x4C, 0x61, 0x65, 0x16, 0x17]
SUBFUNCTIONS = [5, 6, 17, 18, 19, 20, 23, 24, 28, 29, 53, 54, 55, 210, 254]
# Whoever sends one of these may move a license: create, destroy; logout and files; login, 23/29, clear; handles.
MOVERS = {0x19, 0x3E, 0x3F, 0x40, 0x41, 0x43, 0x44, 0x45, 0x46, 0x4C, 0x4D, 0x54, 0x57}
MOVING_SUBFUNCTIONS = {(0x17, 20), (0x17, 24), (0x17, 29), (0x17, 210), (0x17, 254)}
MOVING_SUBFUNCTIONS |= {(0x16, number) for number in (0, 2, 3, 10, 11, 15, 18, 19)}

numbers = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 0x0101, 0xFFFE, 0xFFFF])
bodies = st.binary(max_size=40) | st.builds(
    lambda sub, rest: struct.pack(">HB", (1 + len(rest)) & 0xFFFF, sub) + rest,
    st.sampled_from(SUBFUNCTIONS) | st.integers(0, 255),
    st.binary(max_size=40),
)
requests = st.builds(
    lambda *parts: RequestPacket(*parts).encode(),
    st.sampled_from([ncp.REQUEST] * 6 + [ncp.CREATE, ncp.DESTROY, ncp.WATCHDOG, ncp.REPLY, ncp.BURST, 0x9999, 0xBBBB]),
    st.integers(0, 255),
    numbers,
    st.integers(0, 255),
    st.sampled_from(FUNCTIONS) | st.integers(0, 255),
    bodies,
)
# Some that mean something, so that the nonsense meets connections in every state.
WELL_FORMED = [
    *(bindery.PlainLogin(USER, "GUEST", ""), bindery.PlainLogin(USER, "JOE", "SECRET"), bindery.GetLoginKey()),
    *(connection.ChangeConnectionState(0), connection.ChangeConnectionState(1), connection.Logout()),
    *(connection.ClearConnection(1), connection.ClearConnectionOld(4), connection.EndOfJob()),
    *(files.OpenFile(0, 6, 1, "SYS:PUBLIC/NLIST.EXE"), files.AllocateTemporaryHandle(0, 0, "SYS:PUBLIC")),
    *(files.OpenFile(1, 6, 1, "NLIST.EXE"), files.ReadFile(0, bytes(5) + b"\1", 0, 9), files.SearchFile(0, 1, 6, "*")),
    *(files.CreateFile(1, 0, "A"), files.WriteFile(0, bytes(5) + b"\1", 1, 2, b"xy"), files.EraseFile(1, 6, "*")),
    *(files.RenameFile(1, 6, "A", 0, "B"), files.SetFileAttributes(1, 1, 6, "*"), files.EraseFile(0, 6, "SYS:")),
    *(directories.CreateDirectory(1, 0, "D"), directories.RenameDirectory(1, "D", "E")),
    *(directories.DeleteDirectory(1, 0, "E"), directories.InitializeFileSearch(1, ""), volumes.GetPurgeInfo(0)),
    directories.ContinueFileSearch(0, 1, 0xFFFF, 0x16, "*"),
    namespace.OpenOrCreate(0, 9, 6, 0xFFF, 0, 3, 0, 0, 1, ("PUBLIC", "A")),
    namespace.SearchSet(0, 0, 0x8006, 0xFFF, 9, 0, 0, 0xFFFFFFFF, "*"),
    namespace.Rename(0, 0, 6, 0, 0, 1, 2, 0, 0, 1, 1, b"\6PUBLIC\1A\1B"),
]
meaningful = st.builds(
    lambda request, sequence: RequestPacket(ncp.REQUEST, sequence, 0, 1, request.function, request.body()).encode(),
    st.sampled_from(WELL_FORMED),
    st.integers(0, 255),
)
Packets = list[tuple[str, bytes]]
names = st.sampled_from(STATIONS)
traffic = st.lists(
    st.tuples(names, requests | meaningful | st.binary(max_size=60), st.sampled_from([True, True, False])), max_size=25
)


def populated(open_stage: OpenStage, policy: str) -> Stage:
    """Over each transport: a station that has never spoken, an attached, an authenticated and a licensed one."""
    stage = open_stage(policy, licenses=6, connections=8)
    for place, name in enumerate(STATIONS):
        station = stage.station(name)
        if place % 4:
            assert station.attached().code(server.GetServerTime()) == 0
        if place % 4 > 1:
            assert station.login(*(("GUEST", ""), ("JOE", "SECRET"), ("SUPERVISOR", ""))[place % 3]) == 0
        if place % 4 == 2 and policy != "attach":
            assert station.change(0) == 0
    return stage


def as_own(stage: Stage, name: str, packet: bytes) -> bytes:
    """The packet with the number of the station's own connection, if it has one."""
    found = stage.find(name)
    if found is None or len(packet) < 6:
        return packet
    return packet[:3] + bytes([found.number, packet[4], 0]) + packet[6:]


def may_move(packet: bytes) -> bool:
    """Whether a packet is, by its first bytes, one that may move a license. Knows nothing of the server."""
    kind = packet[:2]
    if kind in (b"\x11\x11", b"\x55\x55"):
        return len(packet) >= 6
    if kind != b"\x22\x22" or len(packet) < 7:
        return False
    return packet[6] in MOVERS or (len(packet) > 9 and (packet[6], packet[9]) in MOVING_SUBFUNCTIONS)


def arrive(stage: Stage, name: str, packet: bytes) -> None:
    """A packet arrives, in a frame over TCP, where one too short ends the stream; the license of nobody else moves."""
    lines = len(stage.records)
    stage.receive(name, frame_request(packet) if name.startswith("tcp:") else packet)
    moved = [record for record in stage.records[lines:] if record.event in ("grant", "release")]
    if name.startswith("tcp:") and len(packet) < 6:
        assert {record["cause"] for record in moved} <= {"lost"}
    elif not may_move(packet):
        assert not moved, packet.hex()
    assert {record["station"] for record in moved if record["cause"] != "cleared"} <= {name}


@given(packets=traffic)
def test_random_requests(
    open_stage: OpenStage, units: Units, policy: str, packets: list[tuple[str, bytes, bool]]
) -> None:
    """Random functions with random bodies, from strangers, attached, authenticated and licensed stations."""
    stage = populated(open_stage, policy)
    for name, packet, own in packets:
        arrive(stage, name, as_own(stage, name, packet) if own else packet)
    stage.wait(100 * 86_400)  # no assignment of ual lasts that long, no silent station over UDP either
    connections = stage.server.table.by_number.values()
    assert all(connection.transport.framed for connection in connections)
    assert stage.held == units(policy, [(connection.state, connection.user) for connection in connections])


@given(data=st.data())
def test_mutated_frames(
    open_stage: OpenStage, frames: dict[str, dict[str, Any]], policy: str, data: st.DataObject
) -> None:
    """Real requests with bytes changed, left out, put in, or cut off."""
    stage = populated(open_stage, policy)
    real = [
        bytes.fromhex(frame["hex"])[16 if frame["transport"] == "tcp" else 0 :]
        for frame in frames.values()
        if frame["direction"] == "c2s"
    ]
    for _ in range(10):
        name = data.draw(st.sampled_from(STATIONS))
        packet = bytearray(data.draw(st.sampled_from(real)))
        for place, value in data.draw(st.lists(st.tuples(st.integers(6, 60), st.integers(0, 255)), max_size=3)):
            match data.draw(st.sampled_from(["change", "insert", "remove", "cut"])):
                case "change" if place < len(packet):
                    packet[place] = value
                case "insert":
                    packet.insert(place, value)
                case "remove" if place < len(packet):
                    del packet[place]
                case "cut":
                    del packet[place:]
        arrive(stage, name, as_own(stage, name, bytes(packet)))


@given(pieces=st.lists(st.tuples(st.sampled_from(STATIONS), st.binary(max_size=80)), max_size=20))
def test_random_bytes(open_stage: OpenStage, pieces: Packets) -> None:
    """A stream that is not NCP ends, and with it its own connection only; a datagram is dropped."""
    stage = populated(open_stage, "nls")
    streams = dict.fromkeys(STATIONS, b"")
    for name, piece in pieces:
        lines = len(stage.records)
        stage.receive(name, piece)
        streams[name] += piece
        for record in stage.records[lines:]:
            assert record["station"] == name
            assert record.get("cause", "lost") == "lost" or may_move(piece)
        if name.startswith("tcp:") and not b"DmdT".startswith(streams[name][:4]):
            assert stage.order[-1] == ("close", name)
            assert stage.state(name) == "gone"
            streams[name] = b""


@given(chunks=st.lists(st.binary(max_size=30), max_size=10))
def test_garbage_after_a_frame(open_stage: OpenStage, chunks: list[bytes]) -> None:
    """What came whole before the stream went bad is carried out first: the client did log out."""
    stage = open_stage("nls")
    station = stage.station("tcp:10.0.0.1:1").licensed()
    logout = RequestPacket(ncp.REQUEST, station.sequence + 1, 1, 1, 0x19, b"").encode()
    stage.receive(station.name, frame_request(logout) + b"GET " + b"".join(chunks))
    assert [record["cause"] for record in stage.events("release")] == ["logout"]
    assert [record["cause"] for record in stage.events("close")] == ["lost"]
    assert stage.order[-2:] == [("send", station.name), ("close", station.name)]


@pytest.mark.parametrize("name", ["", "G" * 255, "\0" * 255, "*" * 255])
def test_names_of_any_length(open_stage: OpenStage, transport: str, name: str) -> None:
    """Empty and 255 bytes: refused like any unknown name, and written into the journal as it came."""
    stage = open_stage("nls")
    station = stage.station(f"{transport}:10.0.0.1:1").attached()
    assert station.code(bindery.GetObjectId(USER, name)) == 0xFC
    assert station.code(bindery.KeyedLogin(bytes(8), USER, name)) == 0xFC
    assert station.code(bindery.PlainLogin(USER, name, name)) == 0xFC
    assert station.code(bindery.PlainLogin(USER, "GUEST", name)) == (0 if name.strip("\0") == "" else 0xFF)
    assert [record["user"] for record in stage.events("login-failed")][:2] == [name, name]
    for record in stage.records:
        assert record.line().isascii()
    assert station.logout() == 0
    assert station.login() == 0
    for request in (files.OpenFile(0, 6, 1, name), files.SearchFile(0xFFFF, 0, 6, name), files.GetVolumeNumber(name)):
        assert station.code(request) in (0x98, 0xFF)
    assert station.code(bindery.ScanObjects(0xFFFFFFFF, 0xFFFF, name)) == (0 if "*" in name else 0xFC)


def test_truncated_transitions_move_nothing(open_stage: OpenStage, transport: str) -> None:
    """A login or a 23/29 with a byte too few is 0x7E, and the license stays where it was."""
    stage = open_stage("nls")
    station = stage.station(f"{transport}:10.0.0.1:1").attached()
    for request in (bindery.PlainLogin(USER, "GUEST", ""), bindery.KeyedLogin(bytes(8), USER, "GUEST")):
        body = request.body()
        for size in range(len(body)):
            assert raw(station, 0x17, body[:size]) == 0x7E
    assert stage.held == 0
    assert station.login() == 0
    body = connection.ChangeConnectionState(0).body()
    assert {raw(station, 0x17, body[:size]) for size in range(len(body))} == {0x7E}
    assert (stage.held, stage.state(station.name)) == (1, "licensed")


def raw(station: Station, function: int, body: bytes) -> int:
    station.sequence = (station.sequence + 1) & 0xFF
    packet = RequestPacket(ncp.REQUEST, station.sequence, station.number, 1, function, body)
    return station.ask(packet).completion


# Passwords


def test_a_key_serves_once(open_stage: OpenStage, transport: str) -> None:
    """Right or wrong, the second answer to the same key is refused; so is one to no key at all."""
    stage = open_stage("nls")
    station = stage.station(f"{transport}:10.0.0.1:1").attached()
    found = bindery.ObjectInfo.decode(station.call(bindery.GetObjectId(USER, "JOE")).data)
    hashed = hash_password(found.object_id, b"SECRET")

    def key() -> bytes:
        return bindery.LoginKey.decode(station.call(bindery.GetLoginKey()).data).key

    first = key()
    assert station.code(bindery.KeyedLogin(answer(first, hashed), USER, "JOE")) == 0
    assert station.logout() == 0
    assert station.code(bindery.KeyedLogin(answer(first, hashed), USER, "JOE")) == 0xFF
    second = key()
    assert station.code(bindery.KeyedLogin(bytes(8), USER, "JOE")) == 0xFF
    assert station.code(bindery.KeyedLogin(answer(second, hashed), USER, "JOE")) == 0xFF
    third = key()
    assert station.code(bindery.KeyedLogin(answer(third, hashed), USER, "NOBODY")) == 0xFC
    assert station.code(bindery.KeyedLogin(answer(third, hashed), USER, "JOE")) == 0xFF
    assert len({first, second, third}) == 3
    assert stage.held == 0
    other = stage.station(f"{transport}:10.0.0.2:1").attached()
    fourth = key()
    assert other.code(bindery.KeyedLogin(answer(fourth, hashed), USER, "JOE")) == 0xFF, "a key is its connection's"


def test_no_key_has_equal_halves(open_stage: OpenStage) -> None:
    """Eight zero bytes, the answer to such a key for every password, never let anybody in."""
    stage = open_stage("nls")
    station = stage.station("udp:10.0.0.1:1").attached()
    halves = iter([b"abcdabcd", b"\0" * 8, b"abcdABCD"])

    class Loaded(Random):
        def randbytes(self, n: int) -> bytes:
            return next(halves)

    stage.server.random = Loaded()
    assert station.call(bindery.GetLoginKey()).data == b"abcdABCD"
    assert station.code(bindery.KeyedLogin(bytes(8), USER, "JOE")) == 0xFF
    assert stage.held == 0


@given(guesses=st.lists(st.binary(min_size=8, max_size=8) | st.text("ABC", max_size=4), max_size=10))
def test_wrong_passwords_move_nothing(open_stage: OpenStage, policy: str, guesses: list[bytes | str]) -> None:
    """Any number of wrong answers and words leave the books as they were, and each is told."""
    stage = open_stage(policy)
    station = stage.station("tcp:10.0.0.1:1").attached()
    held = stage.held
    for guess in guesses:
        if isinstance(guess, str):
            assert station.code(bindery.PlainLogin(USER, "JOE", guess)) == 0xFF
        else:
            station.call(bindery.GetLoginKey())
            assert station.code(bindery.KeyedLogin(guess, USER, "JOE")) == 0xFF
    assert (stage.held, stage.state(station.name)) == (held, "attached")
    assert len(stage.events("login-failed")) == len(guesses)


# Odd packets


@pytest.mark.parametrize("name", ["udp:10.0.0.1:1", "tcp:10.0.0.1:1"])
def test_large_internet_packet_echo(open_stage: OpenStage, name: str) -> None:
    """It looks like a create and is none: returned as it is, in a frame over TCP, and no slot is taken."""
    stage = open_stage("nls")
    echo = b"\x11\x11\0\0Lip Echo Data" + bytes(range(200))
    assert stage.station(name).send(echo) == [echo]
    assert stage.state(name) == "gone"
    assert len(stage.records) == 1


def test_unsupported_is_written_once_per_station(open_stage: OpenStage, transport: str) -> None:
    """0xFB every time, one line each for a function and a sub-function, with its name."""
    stage = open_stage("nls")
    for port in (1, 2):
        station = stage.station(f"{transport}:10.0.0.1:{port}").attached()
        assert [raw(station, 0x22, b"\1"), raw(station, 0x22, b"\1"), raw(station, 0x25, b"")] == [0xFB] * 3
        assert [raw(station, 0x5A, b"\0\1\x80"), raw(station, 0x5A, b"\0"), raw(station, 0xC7, b"")] == [0xFB] * 3
    told = [(record["ncp"], record.get("name")) for record in stage.events("unsupported")]
    assert (
        told
        == [
            *(("34/1", "TTS Begin Transaction"), ("37", "Execute NCP Extension")),
            *(("90/128", "Move File Data To Data Migration"), ("90", None), ("199", None)),
        ]
        * 2
    )
    said = sentence(stage.events("unsupported")[0]) or ""
    assert said.endswith(" requested NCP 34/1 (TTS Begin Transaction), which is not supported")


def test_unsupported_is_bounded_and_goes_with_the_connection(open_stage: OpenStage, transport: str) -> None:
    """A station that tries everything has so many lines; with its next connection they begin again."""
    stage = open_stage("nls")
    station = stage.station(f"{transport}:10.0.0.1:1").attached()
    assert {raw(station, 0x22, bytes([number])) for number in range(200)} == {0xFB}
    assert len(stage.events("unsupported")) == UNSUPPORTED
    station.destroy()
    raw(station.attached(), 0x22, b"\1")
    assert len(stage.events("unsupported")) == UNSUPPORTED + 1


def test_nobody_answers_a_reply(open_stage: OpenStage, transport: str) -> None:
    """Packets that only servers send are dropped, or two servers would talk for ever."""
    stage = open_stage("nls")
    station = stage.station(f"{transport}:10.0.0.1:1").licensed()
    for kind in (ncp.REPLY, ncp.BEING_PROCESSED, ncp.BROADCAST, ncp.BURST, 0x0000, 0x4C69):
        assert station.send(RequestPacket(kind, 9, 1, 1, 0x19, bytes(20)).encode()) == []
    assert stage.state(station.name) == "licensed"


def test_a_read_fits_its_packet(open_stage: OpenStage, tmp_path: Any, transport: str) -> None:
    """The largest read that can be asked for is answered with what a datagram and a frame can carry."""
    from fakenw.volumes.host_directory import Folder
    from fakenw.volumes.volume import Volumes

    (tmp_path / "BIG.DAT").write_bytes(bytes(100_000))
    stage = open_stage("nls")
    stage.server.volumes = Volumes([("SYS", Folder(tmp_path))])
    station = stage.station(f"{transport}:10.0.0.1:1").licensed()
    handle = files.OpenedFile.decode(station.call(files.OpenFile(0, 6, 1, "SYS:BIG.DAT")).data).handle
    for offset in (0, 1):
        request = files.ReadFile(0, handle, offset, 0xFFFF)
        data = files.FileData.decode(decode_reply(encoded := station.call(request).encode()).data)
        assert len(encoded) <= 65_507, "the largest datagram"
        assert 32_768 <= data.size == len(data.data(offset))
