"""Where a shorter way stands beside the plain one, both give the same bytes, effects and errors.

Each property is tried on valid frames, on frames that are cut or changed, and on noise.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakenw.core import dispatch
from fakenw.core import server as core
from fakenw.journal.record import SECOND
from fakenw.wire import packet as ncp
from fakenw.wire.framing import DMDT, BadFrame, Deframer, frame_reply, frame_request, framed_reply, whole_request
from fakenw.wire.layout import Layout, Malformed, Reply, Request
from fakenw.wire.packet import RequestPacket, decode_request, encode_reply
from fakenw.wire.requests import connection, files, server
from tests.fakenw.stage import OFFER, Stage, Station

byte, word = st.integers(0, 0xFF), st.integers(0, 0xFFFF)
kinds = st.sampled_from([ncp.REQUEST, ncp.CREATE, ncp.DESTROY, ncp.WATCHDOG, ncp.BURST, 0])
packets = st.builds(RequestPacket, kinds, byte, word, byte, byte, st.binary(max_size=40)).map(RequestPacket.encode)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """A frame: whole, signed, cut, too long, with a byte changed, or noise."""
    packet = draw(packets)
    frame = frame_request(packet)
    match draw(st.sampled_from(["whole", "signed", "cut", "more", "changed", "noise"])):
        case "signed":
            size = len(packet) + 24
            frame = struct.pack(">4sIII", DMDT, size | 0x80000000, 1, 0) + bytes(8) + packet
        case "cut":
            frame = frame[: draw(st.integers(0, len(frame)))]
        case "more":
            frame += draw(st.binary(min_size=1, max_size=30))
        case "changed":
            at = draw(st.integers(0, len(frame) - 1))
            frame = frame[:at] + bytes([draw(byte)]) + frame[at + 1 :]
        case "noise":
            frame = draw(st.binary(max_size=60))
    return frame


def plainly(data: bytes) -> RequestPacket | None:
    """The request that *data* is by way of a ``Deframer``; None where it is something else, or not whole."""
    deframer = Deframer(DMDT)
    try:
        (packet,) = deframer.feed(data)
        request = decode_request(packet)
    except (BadFrame, Malformed, ValueError):
        return None
    signed = data[4] & 0x80
    return request if request.type == ncp.REQUEST and len(packet) >= 7 and not deframer.rest and not signed else None


@given(data=streams())
def test_a_whole_request(data: bytes) -> None:
    assert whole_request(data) == plainly(data)


def test_a_whole_request_is_no_rarity() -> None:
    """The property above would hold of a function that never finds one."""
    packet = RequestPacket(ncp.REQUEST, 1, 300, 2, 20, b"body")
    assert whole_request(frame_request(packet.encode())) == packet


@given(segments=st.lists(streams(), max_size=6))
def test_a_server_that_takes_every_request_the_plain_way(segments: list[bytes]) -> None:
    """The same effects of the same segments, behind a connection that is logged in."""

    def effects() -> list[object]:
        stage = Stage("nls")
        stage.station("tcp:10.0.0.1:1025").licensed()
        for data in segments:
            stage.receive("tcp:10.0.0.1:1025", data)
        return [stage.records, stage.order, stage.stations["tcp:10.0.0.1:1025"].inbox]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core, "whole_request", lambda data: None)
        expected = effects()
    assert effects() == expected


def hostile(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[int]:
    """*numbers*, and now and then one that does not fit."""
    return st.one_of(numbers, numbers, numbers, numbers, st.sampled_from([-1, 0x100, 0x10000, 0x1FFFF]))


@given(
    numbers=st.tuples(hostile(word), hostile(byte), hostile(word), hostile(byte), hostile(byte), hostile(byte)),
    data=st.binary(max_size=40),
)
def test_a_framed_reply(numbers: tuple[int, int, int, int, int, int], data: bytes) -> None:
    """One step or two; a number that does not fit its field is an error of both."""

    def result(make: Callable[[], bytes]) -> bytes | None:
        try:
            return make()
        except struct.error:
            return None

    assert result(lambda: framed_reply(*numbers, data)) == result(lambda: frame_reply(encode_reply(*numbers, data)))


def layouts(kind: type[Layout] = Layout) -> Iterator[type[Layout]]:
    """Every layout of the project."""
    for layout in kind.__subclasses__():
        if layout not in (Request, Reply) and layout.__module__.startswith("fakenw."):
            yield layout
        yield from layouts(layout)


LAYOUTS = sorted(set(layouts()), key=lambda layout: (layout.__module__, layout.__name__))


@given(layout=st.sampled_from(LAYOUTS), data=st.one_of(st.binary(max_size=80), st.integers(0, 200).map(bytes)))
def test_a_layout(layout: type[Layout], data: bytes) -> None:
    """Field by field through the constructor, or past it; encoded afresh, or from what was kept."""

    def plain() -> Layout:
        values, at = {}, 0
        for name, field in layout.forms():
            values[name], at = field.decode(data, at)
        return layout(**values)

    def result(decode: Callable[[], Layout]) -> Layout | str:
        try:
            return decode()
        except Malformed as problem:
            return str(problem)

    expected, decoded = result(plain), result(lambda: layout.decode(data))
    assert decoded == expected
    if isinstance(decoded, Layout):
        raw = b"".join(field.encode(getattr(expected, name)) for name, field in layout.forms())
        assert decoded.encode() == decoded.encode() == raw


def test_there_are_layouts() -> None:
    assert len(LAYOUTS) > 150


# The watchdog's activity, which Dispatch.request marks by itself unless the station was asked or idle

STATIONS = ("udp:10.0.0.1:1025", "udp:10.0.0.2:1025", "tcp:10.0.0.3:1025")
doings = st.tuples(
    st.sampled_from(STATIONS),
    st.sampled_from(["time", "open", "end-of-job", "logout", "again", "alive", "login"]),
    st.sampled_from([0, 1, 58, 61, 280, 300, 400, 900]),  # seconds until then
)


def lived(doing: list[tuple[str, str, int]]) -> list[object]:
    """What is written and sent while the stations do that."""
    stage = Stage("nls", idle_after=250 * SECOND)
    stations = {name: stage.station(name).licensed() for name in STATIONS}
    for name, what, wait in doing:
        stage.wait(wait)
        act(stations[name], what)
    stage.wait(2000)
    return [stage.records, stage.order]


def act(station: Station, what: str) -> None:
    match what:
        case "time":
            station.call(server.GetServerTime())
        case "open":
            station.call(files.OpenFile(0, 6, 0x01, OFFER))
        case "end-of-job":
            station.call(connection.EndOfJob(), task=0)
        case "logout":
            station.call(connection.Logout())
        case "again":
            station.again()
        case "alive" if not station.tcp:
            station.send(ncp.WatchdogPacket(station.number, b"Y").encode())
        case "login":
            station.login()


@given(doing=st.lists(doings, max_size=8))
def test_activity(doing: list[tuple[str, str, int]]) -> None:
    """The watch hears of every request, or only of those that matter to it."""
    plain = dispatch.Dispatch._execute

    def execute(self: dispatch.Dispatch, connection: Any, packet: RequestPacket) -> bytes | None:
        self._watchdog.requested(connection, self._host.now)
        return plain(self, connection, packet)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatch.Dispatch, "_execute", execute)
        expected = lived(doing)
    assert lived(doing) == expected
