"""NDS messages in fragments as a capture shows them: whole messages with their answers, and names of entries."""

from __future__ import annotations

from typing import NamedTuple

from fakenw.wire.layout import Malformed
from fakenw.wire.nds import LARGEST_MESSAGE, MESSAGE_HEADER, NO_HANDLE, NdsExchange, Start
from fakenw.wire.requests.nds import Fragment, FragmentReply
from harness.capture.facts import SeenConnection


class NdsMessage(NamedTuple):
    """A verb with its data, the NDS code of its answer, and the data behind that."""

    verb: int
    asked: bytes
    code: int
    told: bytes


def add(connection: SeenConnection, request: bytes, reply: bytes) -> NdsMessage | None:
    """A request of 104/2 and its reply; the message that they complete. Raises Malformed."""
    asked, told = Fragment.decode(request), FragmentReply.decode(reply)
    exchange = connection.exchange
    if asked.handle == NO_HANDLE:
        start = Start.decode(asked.data)
        if not MESSAGE_HEADER <= start.message_size <= LARGEST_MESSAGE:
            raise Malformed(f"a message of {start.message_size} bytes")
        exchange = connection.exchange = NdsExchange(told.handle, start)
        exchange.add(start.data)
    elif exchange is None or exchange.handle != asked.handle:
        connection.exchange = None
        return None
    elif exchange.missing:
        exchange.add(asked.data)
    if exchange.missing:
        exchange.handle = told.handle
        return None
    data = told.data[: max(told.size - 4, 0)]  # a signature may follow
    exchange.reply = (exchange.reply or b"") + data
    exchange.handle = told.handle
    if told.handle != NO_HANDLE and len(exchange.reply) <= LARGEST_MESSAGE:
        return None
    connection.exchange = None
    code = int.from_bytes(exchange.reply[:4], "little", signed=True)
    return NdsMessage(exchange.start.verb, bytes(exchange.request), code, exchange.reply[4:])


def leaf(name: str) -> str:
    """The first component of a distinguished name, without its type: as the bindery calls the object."""
    return name.lstrip(".").split(".")[0].rpartition("=")[2].upper()
