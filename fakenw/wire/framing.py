"""NCP over TCP ("Demand Transport"): a length before every packet.

A request is ``DmdT``, length, version, reply buffer size; a reply is ``tNcP``, length. The length
counts the header. Its top bits are flags: the highest says that an 8-byte signature follows the
header (Wireshark masks it, libncp and the kernel mask four bits). We never sign, and skip a
signature that we are sent. There is no way to find the next frame after a bad one: the
connection must be closed, as real clients do.
"""

from __future__ import annotations

import struct

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
_whole = struct.Struct(">4sIIIHBBBBB")  # a request's frame and its header
_answer = struct.Struct(">4sIHBBBBBB")  # and a reply's


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


def whole_request(data: bytes) -> RequestPacket | None:
    """The request (0x2222) that *data* is, in one whole unsigned frame: nearly everything that comes is.

    None: it is something else, which a ``Deframer`` understands.
    """
    if len(data) < _whole.size:
        return None
    magic, length, _, _, kind, sequence, low, task, high, function = _whole.unpack_from(data)
    if magic != DMDT or length != len(data) or kind != REQUEST or length > LARGEST_FRAME:
        return None
    return RequestPacket(kind, sequence, low | high << 8, task, function, data[_whole.size :])


def framed_reply(
    kind: int, sequence: int, connection: int, task: int, completion: int, status: int, data: bytes
) -> bytes:
    """A reply in its frame; as ``frame_reply(encode_reply(…))``, in one step."""
    size, low, high = _answer.size + len(data), connection & 0xFF, connection >> 8
    return _answer.pack(TNCP, size, kind, sequence, low, task, high, completion, status) + data


class Deframer:
    """Cuts a byte stream into packets, however it arrives.

    ``magic`` says which side is read: ``DMDT`` on the server, ``TNCP`` on the client. ``rest`` is what has
    come of a frame that is not whole yet.
    """

    def __init__(self, magic: bytes) -> None:
        self._magic = magic
        self._header = _request.size if magic == DMDT else _reply.size
        self.rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that *data* completes. Raises BadFrame; then close the connection."""
        buffer = self.rest + data if self.rest else data
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
        self.rest = bytes(buffer[at:])
        if self.rest and not self._magic.startswith(self.rest[:4]):
            raise BadFrame(f"expected {self._magic.decode()}, got {self.rest[:4]!r}", packets)
        return packets
