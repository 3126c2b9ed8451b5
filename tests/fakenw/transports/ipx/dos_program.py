"""A program for DOS that looks for the nearest server through the IPX of its machine (interrupt 7Ah), in machine code.

It opens socket 4000h, listens, sends a SAP query to every node, gives up its time until an answer is there or it has
asked 65,535 times, and writes an answer to REPLY.BIN. Functions and the event control block (ECB) are those of Novell's
interface for DOS, as Ralf Brown's interrupt list has them.
"""

from __future__ import annotations

SOCKET = b"\x40\x00"
ROOM = 576  # bytes for the answer: the packets of every network
_ORIGIN = 0x100  # where DOS loads a .COM
_FRAGMENT_SEGMENT = 38  # in an ECB


def find_server() -> bytes:
    """FIND.COM."""
    query = bytes.fromhex("ffff 0022 0004 00000000 ffffffffffff 0452 00000000 000000000000 4000 0003 0004")
    where: dict[str, int] = {}
    for _ in range(2):  # the first time to know where everything is
        code = _code(where)
        parts = {
            "listen": _ecb(where.get("reply", 0), ROOM),
            "ask": _ecb(where.get("query", 0), len(query)),
            "name": b"REPLY.BIN\0",
            "query": query,
            "reply": bytes(ROOM),
        }
        at = _ORIGIN + len(code)
        for name, part in parts.items():
            where[name] = at
            at += len(part)
    return code + b"".join(parts.values())


def _ecb(buffer: int, size: int) -> bytes:
    """Link, handler, in use, completion, socket; work areas; the node to send to; one fragment: address and size."""
    fragment = _word(buffer) + _word(0) + _word(size)
    return bytes(8) + b"\0\0" + SOCKET + bytes(16) + b"\xff" * 6 + _word(1) + fragment


def _code(where: dict[str, int]) -> bytes:
    at = {name: _word(where.get(name, 0)) for name in ("listen", "ask", "name", "reply")}
    in_use = _word(where.get("listen", 0) + 8)
    segments = b"".join(
        b"\x8c\x1e" + _word(where.get(name, 0) + _FRAGMENT_SEGMENT)
        for name in ("listen", "ask")  # mov [..], ds
    )
    socket = b"\xba" + SOCKET  # mov dx, socket: its bytes in the order of the wire
    opens = b"\x31\xdb\xb0\xff" + socket + b"\xcd\x7a"  # bx 0: open
    listens = b"\xbb\x04\0\xbe" + at["listen"] + b"\xcd\x7a"  # bx 4, si: the ECB
    asks = b"\xbb\x03\0\xbe" + at["ask"] + b"\xcd\x7a"  # bx 3
    writes = b"\xb4\x3c\x31\xc9\xba" + at["name"] + b"\xcd\x21\x89\xc3"  # create, the handle to bx
    writes += b"\xb4\x40\xb9" + _word(ROOM) + b"\xba" + at["reply"] + b"\xcd\x21\xb4\x3e\xcd\x21"  # write, close
    again = b"\xbb\x0a\0\xcd\x7a\x80\x3e" + in_use + b"\0\x74\x04"  # bx 10: give up time; answered: over the next two
    waits = b"\xb9\xff\xff" + again + b"\xe2" + bytes([256 - len(again) - 2]) + b"\xeb" + bytes([len(writes)])
    closes = b"\xbb\x01\0" + socket + b"\xcd\x7a"  # bx 1
    return segments + opens + listens + asks + waits + writes + closes + b"\xb8\0\x4c\xcd\x21"


def _word(number: int) -> bytes:
    return number.to_bytes(2, "little")
