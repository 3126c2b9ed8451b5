"""Frames of NDS that Wireshark dissected without complaint, most of them nmap's: read, written again, and answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fakenw.core.peer import TCP, UDP, Peer
from fakenw.wire import nds
from fakenw.wire import packet as ncp
from fakenw.wire.framing import DMDT, TNCP, Deframer, frame_reply, frame_request
from fakenw.wire.layout import Layout, Nothing, Request, split_body
from fakenw.wire.packet import decode_reply, decode_request
from fakenw.wire.requests.nds import Fragment, FragmentReply, Ping, Pong

ROOT = 0x00010000
MADE = 0x6B03B388  # when the tree was made, in seconds since 1970
LISTENING = (Peer(TCP, ("127.0.0.1", 0xA1C7)), Peer(UDP, ("127.0.0.1", 0xD197)))
ADDRESSES = ((9, bytes.fromhex("a1c77f000001")), (8, bytes.fromhex("d1977f000001")))
USERS = nds.Filter(
    nds.Filtering.AND,
    parts=(nds.Filter(nds.Filtering.ITEM, nds.RDN, "*"), nds.Filter(nds.Filtering.ITEM, nds.BASE_CLASS, "User")),
)


class Create(NamedTuple):
    """A create, which has no data."""


class Asked(NamedTuple):
    """A request in one fragment: its verb, how much may be answered, what it says, and what its padding lacks."""

    verb: int
    reply_size: int
    says: Layout
    lacks: int = 0

    def fragment(self) -> Fragment:
        data = self.says.encode()
        data = data[: len(data) - self.lacks]
        size = nds.MESSAGE_HEADER + len(data)
        return Fragment(nds.NO_HANDLE, nds.Start(64176, size, 0, self.verb, self.reply_size, data).encode())


def answered(data: bytes) -> FragmentReply:
    """An answer in one fragment, with the NDS code 0."""
    return FragmentReply(8 + len(data), nds.NO_HANDLE, bytes(4) + data)


def numbers(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "little") for value in values)


def user(name: str) -> bytes:
    """An entry with what nmap wants to know, and behind it that it has no attributes."""
    texts = ("User", f"CN={name}", f"CN={name}.O=FAKETREE")
    return numbers(0x381D, 0, 0, MADE) + b"".join(map(nds.Unicode().encode, texts)) + numbers(1, 0)


FOUND = numbers(3) + b"".join(map(user, ("SUPERVISOR", "GUEST", "JOE")))

FRAMES: dict[str, Layout | Create | Asked] = {
    "nmap_nds_ping": Ping(bytes(3)),
    "nmap_nds_ping_reply": Pong(tree="FAKETREE".ljust(32, "_")),
    "nmap_create_connection": Create(),
    "nmap_create_connection_reply": Nothing(),
    "nmap_resolve_root": Asked(1, 4096, nds.ResolveName(1, 0x2062, 0, "[Root]\0", (9,), (9,))),
    "nmap_resolve_root_reply": answered(nds.Resolved(nds.LOCAL_ENTRY, ROOT, ADDRESSES).encode()),
    "nmap_search_users": Asked(
        6, 64520, nds.SearchEntries(3, 0, nds.NO_HANDLE, ROOT, 2, 0, 1, 0x381D, 0, (), USERS), lacks=2
    ),
    "nmap_search_users_reply": answered(
        numbers(nds.NO_HANDLE, 7, 1, len(FOUND)) + FOUND + numbers(4, 0),
    ),
}


def load() -> dict[str, dict[str, Any]]:
    text = (Path(__file__).parent / "data" / "frames_nds.json").read_text(encoding="ascii")
    return {frame["name"]: frame for frame in json.loads(text)}


def test_table_is_complete() -> None:
    """Every frame that is carried is in the table, and the reverse."""
    assert load().keys() == FRAMES.keys()


@pytest.mark.parametrize("name", FRAMES)
def test_frame_decodes_and_encodes(name: str) -> None:
    """The layout reads the values of the table, and they make the same bytes again; the header is what tshark saw."""
    frame, expected = load()[name], FRAMES[name]
    raw, seen = bytes.fromhex(frame["hex"]), frame["tshark"]
    (data,) = Deframer(DMDT if frame["direction"] == "c2s" else TNCP).feed(raw)
    if frame["direction"] == "s2c":
        assert isinstance(expected, Layout)
        reply = decode_reply(data)
        assert (reply.completion, reply.sequence) == (int(seen["completion_code"], 16), int(seen["seq"]))
        assert type(expected).decode(reply.data) == expected
        assert frame_reply(reply._replace(data=expected.encode()).encode()) == raw
        return
    request = decode_request(data)
    assert (request.type, request.connection) == (int(seen["type"], 16), int(seen["connection"]))
    if isinstance(expected, Create):
        assert (request.type, request.body) == (ncp.CREATE, b"")
        return
    subfunction, content = split_body(request.function, request.body)
    assert (request.function, subfunction) == (int(seen["func"], 16), int(seen["subfunc"]))
    if isinstance(expected, Asked):
        start = nds.Start.decode(Fragment.decode(content).data)
        assert (start.verb, start.reply_size) == (expected.verb, expected.reply_size)
        assert type(expected.says).decode(start.data) == expected.says
        expected = expected.fragment()
    assert isinstance(expected, Request)
    assert type(expected).decode(content) == expected
    written = request._replace(body=expected.body()).encode()
    assert frame_request(written, int(seen["ip.replybufsize"])) == raw


def test_nmap_is_answered(open_stage: Callable[..., Any]) -> None:
    """What nmap asked gets the answers from which it listed the users, to the byte."""
    frames = load()
    stage = open_stage(tree="FAKETREE", users=(("JOE", ""),))
    stage.server.tree.made, stage.server.addresses = MADE, LISTENING
    station = stage.station("tcp:127.0.0.1:40001")
    for name in ("nmap_create_connection", "nmap_resolve_root", "nmap_search_users"):
        station.inbox.clear()
        stage.receive(station.name, bytes.fromhex(frames[name]["hex"]))
        (reply,) = station.inbox
        assert frame_reply(reply).hex() == frames[f"{name}_reply"]["hex"]
