"""Layouts: what is declared goes to the wire and comes back; what does not fit raises Malformed and nothing else."""

from __future__ import annotations

import importlib
import pkgutil
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakenw.core.services import SERVICES
from fakenw.wire import layout, requests
from fakenw.wire.layout import (
    WITH_LENGTH,
    WITHOUT_LENGTH,
    Counted,
    CountedBytes,
    DateAndTime,
    Field,
    Items,
    Layout,
    Loose,
    Malformed,
    Nothing,
    Number,
    Padded,
    Raw,
    Remaining,
    Request,
    Texts,
    split_body,
)
from fakenw.wire.packet import (
    ReplyPacket,
    RequestPacket,
    WatchdogPacket,
    decode_reply,
    decode_request,
    decode_watchdog,
    packet_type,
)
from fakenw.wire.requests.bindery import KeyedLogin, ObjectInfo, PlainLogin
from fakenw.wire.requests.connection import ChangeConnectionState, GetStationInfo, StationInfo
from fakenw.wire.requests.files import FileData, ReadFile
from fakenw.wire.requests.server import ServerInfo

FAMILIES = [importlib.import_module(f"{requests.__name__}.{m.name}") for m in pkgutil.iter_modules(requests.__path__)]
LAYOUTS: list[type[Layout]] = [
    found
    for family in FAMILIES
    for found in vars(family).values()
    if isinstance(found, type) and issubclass(found, Layout) and found.__module__ == family.__name__
]
REQUESTS: list[type[Request[Any]]] = [found for found in LAYOUTS if issubclass(found, Request)]


def text(most: int, *, least_byte: int = 0) -> st.SearchStrategy[str]:
    """Text of code page 437, made from its bytes."""
    return st.binary(max_size=most).map(lambda raw: bytes(max(b, least_byte) for b in raw).decode(layout.CODE_PAGE))


def values(field: Field) -> st.SearchStrategy[Any]:
    """What a field can hold."""
    match field:
        case Number():
            return st.integers(0, 256 ** len(field.encode(0)) - 1)
        case Raw():
            return st.binary(min_size=field.size, max_size=field.size)
        case Padded():
            return text(field.size, least_byte=1)
        case Counted():
            return text(255)
        case Loose():
            return st.integers(0, 0xFFFFFFFF)
        case Items():
            return st.lists(values(field.item), max_size=20).map(tuple)
        case Texts():
            return st.lists(text(255), max_size=20).map(tuple)
        case Remaining() | CountedBytes():
            return st.binary(max_size=300)
        case DateAndTime():
            moments = st.datetimes(datetime(1900, 1, 1), datetime(2155, 12, 31, 23, 59, 59))
            return st.none() | moments.map(lambda moment: moment.replace(microsecond=0))
    raise AssertionError(f"a kind of field that is not tested: {field}")


def instances(kind: type[Layout]) -> st.SearchStrategy[Layout]:
    return st.builds(kind, *[values(field) for _, field in kind.forms()])


def takes_the_rest(kind: type[Layout]) -> bool:
    return any(isinstance(field, Remaining) for _, field in kind.forms())


every_layout = pytest.mark.parametrize("kind", LAYOUTS, ids=lambda kind: kind.__name__)


def test_something_was_found() -> None:
    """The walk finds the families and the layouts in them."""
    assert len(FAMILIES) >= 4
    assert {KeyedLogin, ChangeConnectionState, ServerInfo, ReadFile} <= set(LAYOUTS)


@every_layout
def test_layout_says_where_it_comes_from(kind: type[Layout]) -> None:
    assert kind.source


def test_every_request_is_answered_by_one_function() -> None:
    """No two requests have the same number, and the services answer exactly these."""
    numbers = [(kind.function, kind.subfunction) for kind in REQUESTS]
    assert len(set(numbers)) == len(numbers)
    answered = {key: entry.layout for service in SERVICES for key, entry in service.functions.items()}
    assert answered == dict(zip(numbers, REQUESTS, strict=True))
    assert sum(len(service.functions) for service in SERVICES) == len(answered)


def test_a_request_knows_its_reply() -> None:
    """The reply's layout is the one in the brackets."""
    assert GetStationInfo.reply is StationInfo
    assert ChangeConnectionState.reply is Nothing


@every_layout
@given(data=st.data())
def test_round_trip(kind: type[Layout], data: st.DataObject) -> None:
    """What is encoded is decoded to the same values; bytes behind it are ignored."""
    item = data.draw(instances(kind))
    raw = item.encode()
    assert kind.decode(raw) == item
    if not takes_the_rest(kind):
        assert kind.decode(raw + data.draw(st.binary(min_size=1, max_size=20))) == item


@every_layout
@given(data=st.data())
def test_truncated(kind: type[Layout], data: st.DataObject) -> None:
    """One byte too few is Malformed, wherever it is missing."""
    raw = data.draw(instances(kind)).encode()
    if takes_the_rest(kind):
        raw = raw[: len(raw) - len(getattr(kind.decode(raw), kind.forms()[-1][0]))]
    elif kind.forms() and isinstance(kind.forms()[-1][1], Loose):
        raw = raw[:-3]  # one byte of the four is enough
    for size in range(len(raw)):
        with pytest.raises(Malformed):
            kind.decode(raw[:size])


@every_layout
@given(raw=st.binary(max_size=200))
def test_random_bytes(kind: type[Layout], raw: bytes) -> None:
    """Random bytes are read or are Malformed."""
    try:
        item = kind.decode(raw)
    except Malformed:
        return
    kind.decode(item.encode())


@pytest.mark.parametrize("kind", REQUESTS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_body_round_trip(kind: type[Request[Any]], data: st.DataObject) -> None:
    """A request's body splits into its sub-function and its data, whatever the length word says."""
    item = data.draw(instances(kind))
    assert isinstance(item, Request)
    body = item.body()
    assert split_body(kind.function, body) == (kind.subfunction, item.encode())
    assert (kind.subfunction is not None) == (kind.function in WITH_LENGTH | WITHOUT_LENGTH)
    if kind.function in WITH_LENGTH:
        assert int.from_bytes(body[:2], "big") == len(body) - 2
        wrong = data.draw(st.binary(min_size=2, max_size=2))
        assert split_body(kind.function, wrong + body[2:]) == (kind.subfunction, item.encode())


@pytest.mark.parametrize(
    ("function", "body"), [(0x17, b""), (0x17, b"\0"), (0x17, b"\0\1"), (0x16, b"\0\1"), (0x68, b""), (0x57, b"")]
)
def test_missing_subfunction(function: int, body: bytes) -> None:
    """A group without its sub-function is Malformed."""
    with pytest.raises(Malformed):
        split_body(function, body)


@pytest.mark.parametrize(
    "item",
    [
        ChangeConnectionState(256),
        ChangeConnectionState(-1),
        GetStationInfo(1 << 32),
        KeyedLogin(bytes(7), 1, "GUEST"),
        PlainLogin(1, "G" * 256, ""),
        PlainLogin(1, "\u20ac", ""),
        ObjectInfo(1, 1, "\u20ac"),
    ],
    ids=repr,
)
def test_value_that_does_not_fit(item: Layout) -> None:
    """A value too large for its field, or a character that the code page lacks, is Malformed."""
    with pytest.raises(Malformed):
        item.encode()


def test_padded_text_is_cut() -> None:
    """What does not fit into a fixed room is cut."""
    assert ObjectInfo.decode(ObjectInfo(1, 1, "N" * 60).encode()).name == "N" * 48


def test_sizes_that_clients_need() -> None:
    """23/17 has 128 bytes of data, 23/28 62, 23/53 54."""
    assert len(StationInfo(1, 1, "", None).encode()) == 62
    assert len(ObjectInfo(1, 1, "").encode()) == 54
    assert len(ServerInfo("", *[0] * 22).encode()) == 128  # type: ignore[arg-type]


@given(st.binary(max_size=50), st.integers(0, 0xFFFFFFFF))
def test_read_is_padded_at_odd_offsets(content: bytes, offset: int) -> None:
    """One byte more where the offset is odd, and the reader takes it off again."""
    raw = FileData.of(content, offset).encode()
    assert len(raw) == 2 + offset % 2 + len(content)
    assert FileData.decode(raw + b"behind").data(offset) == content


@given(st.datetimes(datetime(1900, 1, 1), datetime(2155, 12, 31)))
def test_weekday(moment: datetime) -> None:
    """The seventh byte of a time is the weekday, with Sunday 0."""
    assert DateAndTime().encode(moment)[6] == (moment.weekday() + 1) % 7


bytes_and_words = (st.integers(0, 0xFFFF), st.integers(0, 255), st.integers(0, 0xFFFF), *[st.integers(0, 255)] * 2)


@given(st.builds(RequestPacket, *bytes_and_words, st.binary(max_size=40)))
def test_request_packet_round_trip(packet: RequestPacket) -> None:
    """A request header has 7 bytes and comes back; only a create may lack the last of them."""
    raw = packet.encode()
    assert decode_request(raw) == packet
    assert packet_type(raw) == packet.type
    assert len(raw) == 7 + len(packet.body)
    assert decode_request(raw[:6]) == packet._replace(function=0, body=b"")
    for size in range(6):
        with pytest.raises(Malformed):
            decode_request(raw[:size])


@given(st.builds(ReplyPacket, *bytes_and_words, st.integers(0, 255), st.binary(max_size=40)))
def test_reply_packet_round_trip(packet: ReplyPacket) -> None:
    """A reply header has 8 bytes and comes back."""
    raw = packet.encode()
    assert decode_reply(raw) == packet
    assert len(raw) == 8 + len(packet.data)
    for size in range(8):
        with pytest.raises(Malformed):
            decode_reply(raw[:size])


@given(st.builds(WatchdogPacket, st.integers(0, 0xFFFF), st.sampled_from([b"?", b"Y"])))
def test_watchdog_round_trip(packet: WatchdogPacket) -> None:
    """A watchdog packet has 10 bytes and comes back."""
    raw = packet.encode()
    assert decode_watchdog(raw) == packet
    assert len(raw) == 10
    for size in range(10):
        with pytest.raises(Malformed):
            decode_watchdog(raw[:size])


@pytest.mark.parametrize("raw", [b"", b"\x11"])
def test_no_type(raw: bytes) -> None:
    """Where there are not even two bytes there is no type."""
    assert packet_type(raw) == 0


def test_a_layout_that_extends_another_is_used_after_it() -> None:
    """Each becomes a dataclass at its own first use: with its own fields, and those of the other before them."""

    class Pair(layout.Reply):
        first: layout.Byte
        second: layout.Byte = 2

    class Triple(Pair):
        third: layout.Byte = 3

    assert (Pair(1).encode(), Triple(1).encode()) == (b"\1\2", b"\1\2\3")
    assert {Triple.decode(b"\1\2\3"), Triple(first=1)} == {Triple(1, 2)}
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'first'"):
        Pair()  # type: ignore[call-arg]
