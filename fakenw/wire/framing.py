"""NCP over TCP ("Demand Transport"): a length before every packet.

A request is ``DmdT``, length, version, reply buffer size; a reply is ``tNcP``, length. The length
counts the header. Its top bits are flags: the highest says that an 8-byte signature follows the header
(Wireshark masks it, libncp and the kernel mask four bits). These clients do not set it: once a
stream is *signed*, a signature stands in every frame. Before that a signature is skipped. The next
frame after a bad one cannot be found: the connection must be closed, as real clients do.
"""

from __future__ import annotations

import struct
from collections.abc import Generator

from fakenw.wire.packet import REQUEST, RequestPacket

DMDT = b"DmdT"
TNCP = b"tNcP"
SIGNED = 0x80000000
LENGTH = 0x0FFFFFFF
VERSION = 1  # what libncp, the Linux kernel and nmap send
LARGEST_FRAME = 64 * 1024
SMALLEST_PACKET = 6  # a create without its function byte; shorter cannot be NCP

_request = struct.Struct(">4sIII")
_reply = struct.Struct(">4sI")
_framed_request = struct.Struct(">4sI8xHBBBBB")  # frame and header
_framed_reply = struct.Struct(">4sIHBBBBBB")


class BadFrame(ValueError):
    """The stream is not NCP. Nothing behind this point can be read; ``before``: what ``feed`` has cut ahead of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.before: list[bytes] = []


def frame_request(packet: bytes, reply_size: int = 65536, signature: bytes = b"") -> bytes:
    """*reply_size* is only a hint; clients send 0 and 128 as well."""
    size = _request.size + len(signature) + len(packet)
    return _request.pack(DMDT, size, VERSION, reply_size) + signature + packet


def frame_reply(packet: bytes, signature: bytes = b"") -> bytes:
    return _reply.pack(TNCP, _reply.size + len(signature) + len(packet)) + signature + packet


def whole_request(data: bytes) -> RequestPacket | None:
    """The request (0x2222) in *data* where that is exactly one unsigned frame, as it nearly always is; else None.

    A ``Deframer`` reads everything else.
    """
    if len(data) < _framed_request.size:
        return None
    magic, length, kind, sequence, low, task, high, function = _framed_request.unpack_from(data)
    if magic != DMDT or length != len(data) or kind != REQUEST or length > LARGEST_FRAME:
        return None
    return RequestPacket(kind, sequence, low | high << 8, task, function, data[_framed_request.size :])


def framed_reply(
    kind: int, sequence: int, connection: int, task: int, completion: int, status: int, data: bytes
) -> bytes:
    """The same bytes as ``frame_reply(encode_reply(…))``, in one step."""
    size, low, high = _framed_reply.size + len(data), connection & 0xFF, connection >> 8
    return _framed_reply.pack(TNCP, size, kind, sequence, low, task, high, completion, status) + data


class Deframer:
    """Cuts a byte stream into packets, whatever its segments.

    ``magic`` selects the side: ``DMDT`` on the server, ``TNCP`` on the client. ``rest`` is what has not been cut: the
    beginning of a frame that is not complete yet, and whole frames where ``cut`` was not used up. Behind a login
    ``signed`` is set: every packet then begins with its signature.
    """

    def __init__(self, magic: bytes) -> None:
        self._magic = magic
        self._header = _request.size if magic == DMDT else _reply.size
        self.rest = b""
        self.signed = False

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that *data* completes. Raises BadFrame; then close the connection."""
        size = len(data)
        whole = not self.rest and data[:4] == self._magic and int.from_bytes(data[4:8], "big") == size
        if whole and self._header + SMALLEST_PACKET <= size <= LARGEST_FRAME:
            return [bytes(data[self._header :])]  # one frame, as nearly always
        packets: list[bytes] = []
        try:
            for packet in self.cut(data):
                packets.append(packet)
        except BadFrame as bad:
            bad.before = packets
            raise
        return packets

    def cut(self, data: bytes) -> Generator[bytes, None, None]:
        """The packets that *data* completes, one by one. Raises BadFrame behind the last; then close the connection.

        Packets that are not taken stay in ``rest``, for the next call, once the iterator is closed.
        """
        buffer = self.rest + data if self.rest else data
        at, size = 0, len(buffer)
        try:
            while size - at >= 8:
                if buffer[at : at + 4] != self._magic:
                    raise BadFrame(f"expected {self._magic.decode()}, got {bytes(buffer[at : at + 4])!r}")
                word = int.from_bytes(buffer[at + 4 : at + 8], "big")
                length = word & LENGTH
                start = self._header + (8 if word & SIGNED and not self.signed else 0)
                if not start + SMALLEST_PACKET <= length <= LARGEST_FRAME:
                    raise BadFrame(f"a frame of {length} bytes")
                if size - at < length:
                    break
                packet = bytes(buffer[at + start : at + length])
                at += length
                yield packet
        finally:
            self.rest = bytes(buffer[at:])
        if self.rest and not self._magic.startswith(self.rest[:4]):
            raise BadFrame(f"expected {self._magic.decode()}, got {self.rest[:4]!r}")
