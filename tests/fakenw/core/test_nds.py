"""NDS: the tree that --tree shows, as nmap and libncp ask for it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakenw.bindery.nds_tree import ORGANIZATION, ROOT, NdsTree
from fakenw.bindery.objects import USER, Bindery
from fakenw.core.peer import Peer
from fakenw.journal.record import SECOND
from fakenw.wire import nds
from fakenw.wire.layout import Request
from fakenw.wire.nds import NO_HANDLE, Filter, Filtering, NdsCode, Unicode
from fakenw.wire.packet import Code
from fakenw.wire.requests.nds import (
    CloseFragment,
    Fragment,
    GetBinderyContext,
    MonitorConnection,
    Ping,
    Pong,
)
from tests.fakenw.nds_requests import (
    ALL,
    SET_KEYS,
    USERS,
    ask,
    found,
    listing,
    resolve,
    search,
    texts,
)

Open = Callable[..., Any]


@pytest.fixture
def stage(open_stage: Open) -> Any:
    """A server with a tree."""
    return open_stage(tree="FAKETREE")


@pytest.fixture
def station(stage: Any, transport: str) -> Any:
    """An attached station of that server; NDS can be looked at without logging in."""
    return stage.station(f"{transport}:10.0.0.1:1025").attached()


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
    stage = open_stage(tree=None)
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
    """-641, and the verb's number and name in the journal, once per station."""
    for verb in (SET_KEYS, SET_KEYS, 96):
        assert ask(station, (verb, b"")) == (NdsCode.INVALID_REQUEST, b"")
    lines = [(line["ncp"], line["verb"], line["name"]) for line in stage.events("unsupported")]
    assert lines == [("104/2", SET_KEYS, "Set Keys"), ("104/2", 96, "Monitor Connection")]


@given(st.sampled_from([1, 2, 3, 5, 6, 53, 57, 58, 59, 60, 61]), st.integers(0, 3), st.binary(max_size=120))
def test_random_messages(open_stage: Open, verb: int, version: int, data: bytes) -> None:
    """Whatever a message says, it has an NDS code."""
    station = open_stage(tree="FAKETREE").station("tcp:10.0.0.1:1025").attached()
    code, _ = ask(station, (verb, struct.pack("<I", version) + data))
    assert code in [int(known) for known in NdsCode]


def test_time_of_an_entry(stage: Any) -> None:
    """Entries were made when the server was started."""
    assert stage.server.tree.made * SECOND == int(stage.server.utc(0).timestamp()) * SECOND
