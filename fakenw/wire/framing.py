"""NCP over TCP ("Demand Transport"): a length before every packet.

A request is ``DmdT``, length, version, reply buffer size; a reply is ``tNcP``, length. The length
counts the header. Its top bits are flags: the highest says that an 8-byte signature follows the
header (Wireshark masks it, libncp and the kernel mask four bits). We never sign, and skip a
signature that we are sent. There is no way to find the next frame after a bad one: the
connection must be closed, as real clients do.
"""

from __future__ import annotations

import struct

DMDT = b"DmdT"
TNCP = b"tNcP"
SIGNED = 0x80000000
LENGTH = 0x0FFFFFFF
VERSION = 1  # what libncp, the Linux kernel and nmap send
LARGEST_FRAME = 64 * 1024
SMALLEST_PACKET = 6  # a create without its function byte; shorter cannot be NCP

_request = struct.Struct(">4sIII")
_reply = struct.Struct(">4sI")


class BadFrame(ValueError):
    """The stream is not NCP. Nothing behind this point can be read; ``before`` came whole ahead of it."""

    def __init__(self, reason: str, before: list[bytes]) -> None:
        super().__init__(reason)
        self.before = before


def frame_request(packet: bytes, reply_size: int = 65536) -> bytes:
    """Wrap a request. *reply_size* is a hint only; clients send 0 and 128 as well."""
    return _request.pack(DMDT, _request.size + len(packet), VERSION, reply_size) + packet


def frame_reply(packet: bytes) -> bytes:
    """Wrap a reply."""
    return _reply.pack(TNCP, _reply.size + len(packet)) + packet


class Deframer:
    """Cuts a byte stream into packets, however it arrives.

    ``magic`` says which side is read: ``DMDT`` on the server, ``TNCP`` on the client.
    """

    def __init__(self, magic: bytes) -> None:
        self._magic = magic
        self._header = _request.size if magic == DMDT else _reply.size
        self._smallest = self._header + SMALLEST_PACKET
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that *data* completes. Raises BadFrame; then close the connection."""
        if not self._buffer and len(data) > self._header:  # the rule: one whole frame, unsigned
            magic, length = _reply.unpack_from(data)
            if magic == self._magic and length == len(data) and self._smallest <= length <= LARGEST_FRAME:
                return [data[self._header :]]
        buffer = self._buffer + data if self._buffer else data
        packets: list[bytes] = []
        at, size = 0, len(buffer)
        while size - at >= 8:
            if buffer[at : at + 4] != self._magic:
                raise BadFrame(f"expected {self._magic.decode()}, got {bytes(buffer[at : at + 4])!r}", packets)
            word = int.from_bytes(buffer[at + 4 : at + 8], "big")
            length = word & LENGTH
            start = self._header + (8 if word & SIGNED else 0)
            if not start + SMALLEST_PACKET <= length <= LARGEST_FRAME:
                raise BadFrame(f"a frame of {length} bytes", packets)
            if size - at < length:
                break
            packets.append(bytes(buffer[at + start : at + length]))
            at += length
        self._buffer = bytes(buffer[at:])
        if self._buffer and not self._magic.startswith(self._buffer[:4]):
            raise BadFrame(f"expected {self._magic.decode()}, got {self._buffer[:4]!r}", packets)
        return packets
