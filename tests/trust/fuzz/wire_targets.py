"""What a station can send: frames, packets, layouts. A decoder may refuse; whatever it reads it writes."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from fakenw.wire import nds
from fakenw.wire.framing import DMDT, TNCP, BadFrame, Deframer, frame_reply, frame_request, whole_request
from fakenw.wire.layout import Layout, Malformed, Request, split_body
from fakenw.wire.packet import decode_reply, decode_request, decode_watchdog, packet_type
from fakenw.wire.requests import (
    bindery,
    connection,
    directories,
    files,
    message,
    namespace,
    properties,
    server,
    status,
    volumes,
)
from fakenw.wire.requests import nds as nds_requests

_MODULES = (
    bindery,
    connection,
    directories,
    files,
    message,
    namespace,
    nds_requests,
    properties,
    server,
    status,
    volumes,
    nds,
)
LAYOUTS: tuple[type[Layout], ...] = tuple(
    found
    for module in _MODULES
    for found in vars(module).values()
    if isinstance(found, type) and issubclass(found, Layout) and found.__module__ == module.__name__
)
REQUESTS: tuple[type[Request[Any]], ...] = tuple(found for found in LAYOUTS if issubclass(found, Request))


def framing(data: bytes) -> None:
    """A stream gives the same packets however it is cut, on both sides."""
    for magic, frame in ((DMDT, frame_request), (TNCP, frame_reply)):
        whole, why = _cut(magic, [data])
        step = 1 + (data[-1] & 31 if data else 0)
        pieces = [data[at : at + step] for at in range(0, len(data), step)]
        assert _cut(magic, pieces) == (whole, why), "other packets in pieces"
        again, _ = _cut(magic, [b"".join(map(frame, whole))])
        assert again == whole, "other packets when framed again"
        if magic == DMDT and (packet := whole_request(data)) is not None:
            assert [decode_request(one) for one in whole] == [packet], "the fast path reads another packet"


def _cut(magic: bytes, pieces: list[bytes]) -> tuple[list[bytes], bool]:
    packets: list[bytes] = []
    deframer = Deframer(magic)
    try:
        for piece in pieces:
            packets += deframer.feed(piece)
    except BadFrame as bad:
        assert str(bad), "no reason"
        return [*packets, *bad.before], True
    return packets, False


def packets(data: bytes) -> None:
    """A header and its encoding are the same bytes."""
    packet_type(data)
    try:
        request = decode_request(data)
        assert request.encode() == data.ljust(7, b"\0"), "another request"
        subfunction, rest = split_body(request.function, request.body)
        assert subfunction is None or request.body.endswith(rest), "another body"
    except Malformed as problem:
        assert str(problem), "no reason"
    try:
        assert decode_reply(data).encode() == data, "another reply"
    except Malformed as problem:
        assert len(data) < 8, problem
    try:
        answer = decode_watchdog(data)
        assert decode_watchdog(answer.encode()) == answer, "another answer"
    except Malformed as problem:
        assert len(data) < 10, problem


def layouts(data: bytes) -> None:
    """What a layout decodes it encodes, and decodes again to the same."""
    if len(data) < 2:
        return
    layout = LAYOUTS[int.from_bytes(data[:2], "big") % len(LAYOUTS)]
    try:
        value = layout.decode(data[2:])
    except Malformed as problem:
        assert str(problem), "no reason"
        return
    again = layout.decode(layout(**{f.name: getattr(value, f.name) for f in fields(value)}).encode())  # type: ignore[arg-type]
    assert again == value, f"{value}, then {again}"
    if isinstance(value, Request):
        subfunction, rest = split_body(value.function, value.body())
        assert (subfunction, layout.decode(rest)) == (value.subfunction, value), "another sub-function"
