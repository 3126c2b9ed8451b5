"""NDS: the tree that --tree shows, as nmap and libncp ask for it, and the fragments in which they ask."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakenw.bindery.nds_tree import ORGANIZATION, ROOT, NdsTree
from fakenw.bindery.objects import USER, Bindery
from fakenw.core.peer import Peer
from fakenw.journal.record import SECOND
from fakenw.wire import nds
from fakenw.wire.layout import Layout, Malformed, Request
from fakenw.wire.nds import NO_HANDLE, Filter, Filtering, NdsCode, Start, Unicode
from fakenw.wire.packet import Code
from fakenw.wire.requests.connection import NegotiateBuffer
from fakenw.wire.requests.nds import (
    CloseFragment,
    Fragment,
    FragmentReply,
    GetBinderyContext,
    MonitorConnection,
    Ping,
    Pong,
)

Open = Callable[..., Any]

BEGIN_LOGIN = 57
NAMES = 0x381D  # what nmap wants to know of an entry
ONLY_RDN = 0x1001
ALL = Filter(
    Filtering.AND,
    parts=(Filter(Filtering.ITEM, nds.RDN, "*"), Filter(Filtering.ITEM, nds.BASE_CLASS, "User")),
)
USERS = ["CN=SUPERVISOR", "CN=GUEST", "CN=JOE", "CN=ANN"]


@pytest.fixture
def stage(open_stage: Open) -> Any:
    """A server with a tree."""
    return open_stage(tree="FAKETREE")


@pytest.fixture
def station(stage: Any, transport: str) -> Any:
    """An attached station of that server; NDS can be looked at without logging in."""
    return stage.station(f"{transport}:10.0.0.1:1025").attached()


def resolve(name: str, version: int = 0) -> tuple[int, Layout]:
    return 1, nds.ResolveName(version, 0x62, 0, name, (9,), (9,))


def listing(entry: int, *, flags: int = 0, fields: int = ONLY_RDN, **more: Any) -> tuple[int, Layout]:
    asked: dict[str, Any] = {"iteration": NO_HANDLE, "name_filter": "", "class_filter": "", **more}
    return 5, nds.ListEntries(1, flags, entry=entry, info_flags=fields, **asked)


def search(entry: int, wanted: Filter = ALL, *, scope: int = 2, flags: int = 0, **more: Any) -> tuple[int, Layout]:
    asked: dict[str, Any] = {"iteration": NO_HANDLE, "info_flags": ONLY_RDN, "version": 3, "flags": flags, **more}
    asked |= {"entry": entry, "scope": scope, "filter": wanted}
    return 6, nds.SearchEntries(nodes=0, info_type=1, all_attributes=0, attributes=(), **asked)


def pieces(station: Any, verb: int, data: bytes, *, piece: int, most: int, room: int) -> Iterator[FragmentReply]:
    """Send a message in fragments of *piece* bytes, as libncp does; what comes back for each request."""
    start = Start(most, nds.MESSAGE_HEADER + len(data), 0, verb, room, data[:piece])
    request, rest = Fragment(NO_HANDLE, start.encode()), data[piece:]
    while True:
        got = station.call(request)
        assert got.completion == 0
        reply = FragmentReply.decode(got.data)
        assert reply.size == 4 + len(reply.data)
        yield reply
        if reply.handle == NO_HANDLE:
            return
        request, rest = Fragment(reply.handle, rest[:piece]), rest[piece:]


def ask(
    station: Any, message: tuple[int, Layout | bytes], *, piece: int = 489, most: int = 506, room: int = 4096
) -> tuple[int, bytes]:
    """The NDS code and the data that answer a message."""
    verb, asked = message
    data = asked.encode() if isinstance(asked, Layout) else asked
    found = b"".join(reply.data for reply in pieces(station, verb, data, piece=piece, most=most, room=room))
    return int.from_bytes(found[:4], "little", signed=True), found[4:]


def texts(data: bytes, *, behind: int = 0) -> list[str]:
    """The names in a list of entries that have nothing else; *behind* each are so many bytes."""
    (count,) = struct.unpack_from("<I", data)
    at, found = 4, []
    for _ in range(count):
        assert struct.unpack_from("<I", data, at)[0] == ONLY_RDN
        text, at = Unicode().decode(data, at + 4)
        found.append(text)
        at += behind
    assert at == len(data)
    return found


def found(data: bytes) -> list[str]:
    """The names in the answer to a search (libncp search.c)."""
    iteration, _, kind, size = struct.unpack_from("<IIII", data)
    assert (iteration, kind) == (NO_HANDLE, 1)
    assert data[16 + size :] == struct.pack("<II", 4, 0)
    return texts(data[16 : 16 + size], behind=8)


# Ping, and the other functions of the group


def test_ping(station: Any) -> None:
    """53 bytes: nmap reads 40, libncp wants a NUL at 40, Wireshark takes the length from the bytes behind the 9."""
    data = station.call(Ping(bytes(3))).data
    assert len(data) == 53
    assert data[:8] == bytes([9, 0, 0, 0, 33, 0, 0, 0])
    assert data[8:41] == b"FAKETREE".ljust(32, b"_") + b"\0"
    assert Pong.decode(data).tree == "FAKETREE".ljust(32, "_")
    assert station.call(Ping(struct.pack("<II", 1, 0x2000F))).data == data


def test_context_and_monitored_connection(stage: Any, station: Any) -> None:
    """104/4 is a string, 104/5 has no data and costs nothing."""
    assert station.call(GetBinderyContext()).data == Unicode().encode("O=FAKETREE")
    reply = station.call(MonitorConnection())
    assert (reply.completion, reply.data) == (0, b"")
    assert stage.held == 0


GROUP = (Ping(b""), Fragment(NO_HANDLE, b""), CloseFragment(1), GetBinderyContext(), MonitorConnection())


@pytest.mark.parametrize("asked", GROUP, ids=repr)
def test_bindery_server(open_stage: Open, transport: str, asked: Request[Any]) -> None:
    """Without a tree the group is not there, and that is said once for each of its functions."""
    stage = open_stage()
    station = stage.station(f"{transport}:10.0.0.1:1025").attached()
    assert [station.code(asked) for _ in range(3)] == [Code.UNSUPPORTED] * 3
    (line,) = stage.events("unsupported")
    assert line["ncp"] == f"104/{asked.subfunction}"


@pytest.mark.parametrize("name", ["T", "FAKE-TREE", "a_tree_1", "T" * 32])
def test_tree_names(name: str) -> None:
    """Letters, digits, hyphen and underscore; in upper case."""
    assert NdsTree(name, Bindery()).name == name.upper()


@pytest.mark.parametrize("name", ["", "_T", "T_", "A TREE", "A.TREE", "T" * 33, "TREE\n"])
def test_names_that_no_tree_has(name: str) -> None:
    """The ping pads with underscores, so that one at the end would get lost."""
    with pytest.raises(ValueError, match="cannot be a tree"):
        NdsTree(name, Bindery())


# Verbs


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("[Root]", ROOT),
        ("", ROOT),
        ("faketree", ORGANIZATION),
        ("O=FAKETREE", ORGANIZATION),
        (".O=FakeTree.[Root]", ORGANIZATION),
        ("FAKETREE.T=FAKETREE", ORGANIZATION),
        ("CN=SUPERVISOR.O=FAKETREE", 1),
        (".supervisor.faketree", 1),
    ],
)
def test_resolve(station: Any, name: str, entry: int) -> None:
    """With types or without, in any case, from the left or to the root."""
    code, data = ask(station, resolve(name))
    assert (code, nds.Resolved.decode(data)) == (0, nds.Resolved(nds.LOCAL_ENTRY, entry, ()))


@pytest.mark.parametrize(
    "name",
    [
        "NOBODY.FAKETREE",
        "JOE",
        "OU=JOE.O=FAKETREE",
        "JOE.OU=FAKETREE",
        "JOE.SALES.FAKETREE",
        "[Root].FAKETREE",
        "JOE.ELSE",
    ],
)
def test_resolve_what_is_not_there(station: Any, name: str) -> None:
    """-601."""
    assert ask(station, resolve(name)) == (NdsCode.NO_SUCH_ENTRY, b"")


def test_resolve_tells_addresses(stage: Any, station: Any) -> None:
    """Where the server listens, as far as it is IPv4; with one of them the answer is as long as nmap needs it (38)."""
    stage.server.addresses = tuple(map(Peer.parse, ("tcp:10.0.0.9:524", "udp:::1:524", "udp:10.0.0.9:10524")))
    data = ask(station, resolve("[Root]", 1))[1]
    addresses = ((9, bytes([2, 12, 10, 0, 0, 9])), (8, bytes([41, 28, 10, 0, 0, 9])))
    assert nds.Resolved.decode(data).addresses == addresses
    assert 12 + len(nds.Resolved(1, ROOT, addresses[:1]).encode()) >= 38


def test_search_finds_the_users(station: Any) -> None:
    """What ncp-enum-users asks: every user below the root, whatever else the bindery holds."""
    code, data = ask(station, search(ROOT))
    assert code == 0
    assert sorted(found(data)) == sorted(USERS)
    assert found(ask(station, search(ROOT, flags=nds.TYPELESS))[1])[0] == "SUPERVISOR"


def test_search_sees_what_happens(stage: Any, station: Any) -> None:
    """The tree is the bindery: a new object is in it at once, with its name as a name must be written."""
    item = stage.server.bindery.add(USER, "A.B=C")
    assert "CN=A\\.B\\=C" in found(ask(station, search(ROOT))[1])
    code, data = ask(station, resolve("CN=A\\.B\\=C.O=FAKETREE"))
    assert (code, nds.Resolved.decode(data).entry) == (0, item.id)


def item(test: int, text: str) -> Filter:
    return Filter(Filtering.ITEM, test, text)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (item(nds.RDN, "J*"), ["CN=JOE"]),
        (item(nds.RDN, "cn=j?e"), ["CN=JOE"]),
        (item(nds.BASE_CLASS, "organization"), ["O=FAKETREE"]),
        (item(nds.BASE_CLASS, "ncp server"), ["CN=FAKENW"]),
        (Filter(Filtering.OR, parts=(item(nds.RDN, "JOE"), item(nds.RDN, "ANN"))), ["CN=JOE", "CN=ANN"]),
        (Filter(Filtering.AND, parts=(ALL, Filter(Filtering.NOT, parts=(item(nds.RDN, "*E*"),)))), ["CN=ANN"]),
        (Filter(Filtering.OR), []),
    ],
    ids=repr,
)
def test_filters(station: Any, wanted: Filter, names: list[str]) -> None:
    """Names and classes, and, or, not."""
    assert sorted(found(ask(station, search(ROOT, wanted))[1])) == sorted(names)


@pytest.mark.parametrize(
    ("base", "scope", "count"),
    [(ROOT, 0, 0), (ROOT, 1, 0), (ORGANIZATION, 1, 4), (ORGANIZATION, 2, 4), (1, 0, 1), (1, 2, 1)],
)
def test_scopes(station: Any, base: int, scope: int, count: int) -> None:
    """The entry alone, what is directly below it, or all of it."""
    assert len(found(ask(station, search(base, scope=scope))[1])) == count


def test_list(station: Any) -> None:
    """What is directly below, by name, by class, or only what holds something."""

    def names(*args: Any, **more: Any) -> list[str]:
        code, data = ask(station, listing(*args, **more))
        assert (code, data[:4]) == (0, b"\xff" * 4)
        return texts(data[4:])

    assert names(ROOT) == ["O=FAKETREE"]
    assert {*USERS, "CN=FAKENW"} <= set(names(ORGANIZATION))
    assert names(ORGANIZATION, name_filter="j*") == ["CN=JOE"]
    assert names(ORGANIZATION, class_filter="NCP Server", flags=nds.TYPELESS) == ["FAKENW"]
    assert names(ROOT, flags=nds.ONLY_CONTAINERS) == ["O=FAKETREE"]
    assert names(ORGANIZATION, flags=nds.ONLY_CONTAINERS) == []
    assert names(1) == []
    assert ask(station, listing(0x999)) == (NdsCode.NO_SUCH_ENTRY, b"")


def test_every_field_of_an_entry(stage: Any, station: Any) -> None:
    """All that an entry can tell, in the order of the wire (libncp nwnet.c)."""
    data = ask(station, listing(ORGANIZATION, fields=0xFFFF, name_filter="JOE"))[1]
    joe = stage.server.bindery.find(USER, "JOE").id
    made = int(stage.server.utc(0).timestamp())
    stamp = struct.pack("<IHH", made, 1, 0)
    told = struct.pack("<I", 0xFFFF) + struct.pack(">I", joe) + struct.pack("<III", 0, 0, made) + stamp * 2
    told += struct.pack(">II", ROOT, ORGANIZATION) + bytes(8)
    names = ("User", "CN=JOE", "CN=JOE.O=FAKETREE", "[Root]", "O=FAKETREE")
    assert data[8:] == told + b"".join(map(Unicode().encode, names))


def test_fields_that_we_do_not_have(station: Any) -> None:
    """An entry that says which fields it has leaves them out; one that cannot say it is refused."""
    data = ask(station, listing(ROOT, fields=0x02001001))[1]
    assert texts(data[4:]) == ["O=FAKETREE"]
    assert ask(station, listing(ROOT, fields=0x02001000))[0] == NdsCode.INVALID_REQUEST


def test_iteration(stage: Any, station: Any) -> None:
    """What does not fit comes with the next request; the names are all there, and no one twice."""
    for number in range(40):
        stage.server.bindery.add(USER, f"USER{number}")
    names: list[str] = []
    iteration, steps = NO_HANDLE, 0
    while steps == 0 or iteration != NO_HANDLE:
        code, data = ask(station, listing(ORGANIZATION, iteration=iteration, class_filter="User"), room=300)
        assert code == 0
        assert len(data) <= 300
        (iteration,) = struct.unpack_from("<I", data)
        names += texts(data[4:])
        steps += 1
    assert steps > 1
    assert len(names) == len(set(names)) == 44
    assert ask(station, listing(ORGANIZATION, iteration=44, class_filter="User"))[0] == NdsCode.INVALID_ITERATION
    assert ask(station, listing(ORGANIZATION), room=20)[0] == NdsCode.INSUFFICIENT_BUFFER
    assert ask(station, resolve("[Root]"), room=8)[0] == NdsCode.INSUFFICIENT_BUFFER


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (resolve("[Root]", version=9), NdsCode.INVALID_API_VERSION),
        (search(ROOT, version=4), NdsCode.INVALID_API_VERSION),
        ((5, bytes(4)), NdsCode.INVALID_API_VERSION),
        ((1, b""), NdsCode.INVALID_REQUEST),
        ((5, struct.pack("<I", 1)), NdsCode.INVALID_REQUEST),
        ((1, struct.pack("<IIIIHH", 0, 0, 0, 4, 0xD800, 0)), NdsCode.INVALID_REQUEST),
        ((1, struct.pack("<IIII", 0, 0, 0, 0xFFFFFFF0)), NdsCode.INVALID_REQUEST),
        (search(ROOT, item(7, "Object Class")), NdsCode.INVALID_REQUEST),
        ((6, search(ROOT)[1].encode()[:-2]), NdsCode.OK),
        ((6, search(ROOT)[1].encode()[:-3]), NdsCode.INVALID_REQUEST),
    ],
    ids=repr,
)
def test_messages_that_are_wrong(station: Any, message: Any, code: int) -> None:
    """A version that we do not know, too few bytes, text that is none, a test that we do not read.

    The padding of the last string may be missing, as nmap leaves it out.
    """
    assert ask(station, message)[0] == code


def test_filters_in_filters(station: Any) -> None:
    """Nobody gets to the bottom of a filter that has none."""
    deep = ALL
    for _ in range(20):
        deep = Filter(Filtering.NOT, parts=(deep,))
    assert ask(station, search(ROOT, deep))[0] == NdsCode.INVALID_REQUEST


def test_verbs_that_we_lack(stage: Any, station: Any) -> None:
    """-641, and the verb's number in the journal, once per station."""
    for verb in (BEGIN_LOGIN, BEGIN_LOGIN, 96):
        assert ask(station, (verb, b"")) == (NdsCode.INVALID_REQUEST, b"")
    lines = [(line["ncp"], line["verb"]) for line in stage.events("unsupported")]
    assert lines == [("104/2", BEGIN_LOGIN), ("104/2", 96)]


# Fragments


@pytest.mark.parametrize("piece", [1, 5, 100, 100_000])
def test_requests_in_pieces(station: Any, piece: int) -> None:
    """However a request is cut, its answer is the same."""
    assert sorted(found(ask(station, search(ROOT), piece=piece)[1])) == sorted(USERS)


@pytest.mark.parametrize("most", [0, 64, 100, 506, 0xFFFFFFFF])
def test_answers_in_pieces(stage: Any, station: Any, most: int) -> None:
    """No fragment is larger than what the client can take; over UDP, than what it has negotiated."""
    for number in range(40):
        stage.server.bindery.add(USER, f"USER{number}")
    verb, asked = search(ROOT, info_flags=NAMES)
    replies = list(pieces(station, verb, asked.encode(), piece=489, most=most, room=0xFFFFFFFF))
    largest = nds.LARGEST_FRAGMENT if station.tcp else 512 - 12
    assert max(reply.size for reply in replies) <= min(max(most, nds.SMALLEST_FRAGMENT), largest)
    assert len({reply.handle for reply in replies[:-1]}) <= 1
    assert b"".join(reply.data for reply in replies)[4:8] == b"\xff" * 4
    assert (len(replies) == 1) == (station.tcp and most > 0xFFFF)


def test_negotiated_size(stage: Any) -> None:
    """A client over UDP that takes more gets more at once."""
    for number in range(40):
        stage.server.bindery.add(USER, f"USER{number}")
    station = stage.station("udp:10.0.0.1:1025").attached()
    assert station.code(NegotiateBuffer(1024)) == 0
    verb, asked = search(ROOT, info_flags=NAMES)
    replies = list(pieces(station, verb, asked.encode(), piece=489, most=4096, room=4096))
    assert {reply.size for reply in replies[:-1]} == {1024 - 12}


def test_duplicate_fragment(stage: Any) -> None:
    """A request that is repeated gets the same fragment, not the next one."""
    station = stage.station("udp:10.0.0.1:1025").attached()
    verb, asked = search(ROOT, info_flags=NAMES)
    for _ in pieces(station, verb, asked.encode(), piece=489, most=100, room=4096):
        first = station.again()
        assert station.again() == first


def test_handles(station: Any) -> None:
    """A handle is good until the last fragment, until it is closed, or until another message begins."""
    start = Start(506, 100, 0, 1, 4096, b"")

    def begin() -> int:
        return FragmentReply.decode(station.call(Fragment(NO_HANDLE, start.encode())).data).handle

    one, two = begin(), begin()
    assert one != two
    assert station.code(Fragment(one, b"")) == Code.FAILURE
    assert station.code(CloseFragment(one)) == Code.FAILURE
    assert station.code(CloseFragment(two)) == 0
    assert station.code(CloseFragment(two)) == Code.FAILURE
    assert ask(station, resolve("[Root]"))[0] == 0


@pytest.mark.parametrize(("size", "code"), [(0, Code.INVALID_LENGTH), (11, Code.INVALID_LENGTH), (12, 0)])
def test_message_that_is_too_short(station: Any, size: int, code: int) -> None:
    """A message is at least its header."""
    assert station.code(Fragment(NO_HANDLE, Start(506, size, 0, 1, 4096, b"").encode())) == code
    assert station.code(Fragment(NO_HANDLE, bytes(19))) == Code.INVALID_LENGTH


@pytest.mark.parametrize("size", [0x10001, 0xFFFFFFFF])
def test_message_that_is_too_long(stage: Any, station: Any, size: int) -> None:
    """Nobody makes us wait for 4 GB."""
    reply = FragmentReply.decode(station.call(Fragment(NO_HANDLE, Start(506, size, 0, 1, 4096, b"").encode())).data)
    assert reply == FragmentReply(8, NO_HANDLE, struct.pack("<i", NdsCode.INSUFFICIENT_BUFFER))
    assert stage.connection(station.name).exchange is None


# What lies in a message


@given(st.text(st.characters(codec="utf-16", exclude_characters="\0"), max_size=30))
def test_unicode_round_trip(text: str) -> None:
    """A string comes back, and ends where the next one begins."""
    raw = Unicode().encode(text)
    assert len(raw) % 4 == 0
    assert Unicode().decode(raw + b"more", 0) == (text, len(raw))


def test_last_string_may_lack_its_padding() -> None:
    """nmap does not pad the class that it searches for."""
    assert Unicode().decode(struct.pack("<I", 10) + "User\0".encode("utf-16-le"), 0) == ("User", 14)


filters: st.SearchStrategy[Filter] = st.deferred(
    lambda: (
        st.builds(item, st.sampled_from([nds.RDN, nds.BASE_CLASS]), st.sampled_from(["*", "User", "CN=J?E"]))
        | st.builds(
            lambda kind, parts: Filter(kind, parts=tuple(parts)),
            st.sampled_from([Filtering.AND, Filtering.OR]),
            st.lists(filters, max_size=3),
        )
        | filters.map(lambda part: Filter(Filtering.NOT, parts=(part,)))
    )
)


@given(filters)
def test_filter_round_trip(wanted: Filter) -> None:
    """A filter comes back, or is too deep."""
    raw = nds.SearchFilter().encode(wanted)
    try:
        assert nds.SearchFilter().decode(raw, 0) == (wanted, len(raw))
    except Malformed:
        assert raw.count(b"\x03\0\0\0") + raw.count(b"\x02\0\0\0") + raw.count(b"\x01\0\0\0") > nds.SearchFilter.DEEPEST


MESSAGES = (
    nds.ResolveName(1, 2, 3, "CN=A.O=B", (9, 8), ()),
    nds.Resolved(1, 2, ((9, b"123456"),)),
    search(7)[1],
    listing(9, name_filter="J*")[1],
)


@pytest.mark.parametrize("layout", MESSAGES, ids=lambda layout: type(layout).__name__)
def test_message_round_trip(layout: Layout) -> None:
    """A message comes back; cut anywhere, it is Malformed."""
    raw = layout.encode()
    assert type(layout).decode(raw) == layout
    for size in range(len(raw) - 3):
        with pytest.raises(Malformed):
            type(layout).decode(raw[:size])


@given(st.lists(st.tuples(st.sampled_from([NO_HANDLE, 0x101, 0x102, 1]), st.binary(max_size=80)), max_size=6))
def test_random_fragments(open_stage: Open, sent: list[tuple[int, bytes]]) -> None:
    """Whatever is sent, it is answered."""
    station = open_stage(tree="FAKETREE").station("tcp:10.0.0.1:1025").attached()
    for handle, data in sent:
        assert station.call(Fragment(handle, data)).completion in (0, Code.INVALID_LENGTH, Code.FAILURE)


@given(st.sampled_from([1, 5, 6]), st.integers(0, 3), st.binary(max_size=120))
def test_random_messages(open_stage: Open, verb: int, version: int, data: bytes) -> None:
    """Whatever a message says, it has an NDS code."""
    station = open_stage(tree="FAKETREE").station("tcp:10.0.0.1:1025").attached()
    code, _ = ask(station, (verb, struct.pack("<I", version) + data))
    assert code in [int(known) for known in NdsCode]


def test_time_of_an_entry(stage: Any) -> None:
    """Entries were made when the server was started."""
    assert stage.server.tree.made * SECOND == int(stage.server.utc(0).timestamp()) * SECOND
