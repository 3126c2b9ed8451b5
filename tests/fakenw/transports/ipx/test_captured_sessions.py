"""The server at the end of a wire answers a real client, frame by frame, as the transcript has it.

An earlier core behind an edge of its own was at the other end of two captures. What must differ from it is named here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from fakenw.transports.ipx.advertising import Advertising
from fakenw.transports.ipx.board import Board
from fakenw.transports.ipx.stack import ECHO_SOCKET, Request, Stack
from fakenw.wire.ipx.frames import FrameType
from fakenw.wire.ipx.packet import EVERY_NODE, NCP_SOCKET, RIP_SOCKET, SAP_SOCKET
from fakenw.wire.layout import split_body
from fakenw.wire.packet import REQUEST, decode_request, packet_type
from tests.fakenw.stage import Stage
from tests.fakenw.transports.ipx.captures import FOUR_FRAMES, MARS, MARS_WRONG_PASSWORD, WATCHDOG, Captured, captured
from tests.fakenw.transports.ipx.wire_stage import CARD, CLIENT, INTERNAL, WireStage

# Within the data of a reply: what the earlier core sent, what is right, and where; the key is function and subfunction.
NO_ECHO_SOCKET = (bytes(2), ECHO_SOCKET.to_bytes(2, "big"))  # it had no size test
NET_ADDRESS = (bytes.fromhex("ACE10FE0"), INTERNAL.to_bytes(4, "big"))  # ipx.md 1: it named another network
RIGHTS = (b"\xdf\x00", b"\xff\x01")  # the inherited rights mask, of which nothing is taken
DIFFERENCES = {
    (0x61, None): {2: NO_ECHO_SOCKET},
    (23, 61): {0: NET_ADDRESS},
    (87, 6): {46: RIGHTS},  # of an entry
    (87, 20): {58: RIGHTS, 142: RIGHTS, 224: RIGHTS},  # of three
}


def differences(request: bytes) -> dict[int, tuple[bytes, bytes]]:
    """What must differ in the reply to *request*, an NCP packet."""
    if packet_type(request) != REQUEST:
        return {}
    packet = decode_request(request)
    subfunction, _ = split_body(packet.function, packet.body)
    return DIFFERENCES.get((packet.function, subfunction), {})


def replay(path: Path, speed: int, events: dict[int, Callable[[WireStage], None]]) -> WireStage:
    """The client's frames arrive at their times; *events* happen before the frame with their number."""
    stage = WireStage(
        "login",
        networks=dict.fromkeys(FrameType, 0x1234),  # one number for all, as there
        licenses=5,
        connections=10,
        tree=None,
        signatures=0,
        speed=float(speed),
    )
    stage.server.random = Random(0)  # login keys
    expected: list[Captured] = []
    asked: dict[int, list[bytes]] = {}
    for one in captured(path):
        stage.until(one.time * speed)
        if one.number in events:
            events[one.number](stage)
        if one.frame.source == CLIENT:
            stage.arrives(one.data)
            if one.packet.destination.socket == NCP_SOCKET:
                asked.setdefault(one.packet.source.socket, []).append(one.packet.data)
        elif one.frame.target != EVERY_NODE:
            expected.append(one)
    for one, sent in zip(expected, stage.frames, strict=True):
        changed, start = one.data, one.data.index(one.packet.data) + 8
        if one.packet.source.socket == NCP_SOCKET:
            for at, (was, right) in differences(asked[one.packet.destination.socket].pop(0)).items():
                assert changed[start + at :].startswith(was), one.number
                changed = changed[: start + at] + right + changed[start + at + len(right) :]
        assert sent == changed, one.number
    assert not any(asked.values())
    assert stage.stack.dropped == {}
    return stage


def test_four_frame_types() -> None:
    """SAP, RIP, NCP, and again by name; in the asker's frame type."""
    stage = replay(FOUR_FRAMES, 1, {})
    assert len(stage.frames) == 78
    assert stage.server.table.by_number == {}


def test_watchdog_and_message() -> None:
    """Six queries, all answered; a message is fetched."""

    def message(stage: WireStage) -> None:
        (connection,) = stage.server.table.by_serial.values()
        stage.server.leave_message(connection, "HELLO")
        stage.carry_out(stage.server.take_effects())

    stage = replay(WATCHDOG, 60, {75: message})
    two_bytes = [packet.data for packet in stage.packets(stage.frames) if packet.source.socket == ECHO_SOCKET]
    assert two_bytes == [b"\x01?"] * 4 + [b"\x01!"] + [b"\x01?"] * 3
    assert stage.events("watchdog") == []  # nothing of a silent station


def test_broadcasts() -> None:
    """RIP, then SAP, in each frame type, byte for byte."""
    frames = [one for one in captured(FOUR_FRAMES) if one.frame.target == EVERY_NODE and one.frame.source == CARD]
    order = list(dict.fromkeys(one.frame.type for one in frames))
    assert len(order) == 4
    stage = WireStage(networks=dict.fromkeys(order, 0x1234), tree=None)
    assert [one.data for one in frames] == [frame for _, frame in stage.stack.announce()] * (len(frames) // 8)


# In front of mars_nwe


def mars(path: Path) -> tuple[Stack, list[tuple[Captured, Request | list[bytes]]]]:
    """What our stack makes of each frame of the client and of its broadcasts, with the numbers of that server."""
    stack = Stack(Advertising("MARS", 0xCAFE), 0)
    card = bytes.fromhex("525400990001")
    board = Board("lab", card, {FrameType.ETHERNET_802_2: 0x1234})
    return stack, [(one, stack.receive(board, one.data)) for one in captured(path) if one.frame.source == CLIENT]


@pytest.mark.parametrize("path", [MARS, MARS_WRONG_PASSWORD], ids=lambda path: path.stem)
def test_the_client_of_another_server_is_understood(path: Path) -> None:
    """Nothing is dropped but the answers to its watchdog; all else is SAP, RIP or NCP."""
    stack, done = mars(path)
    assert stack.dropped == {}
    for one, answer in done:
        socket = one.packet.destination.socket
        if socket == NCP_SOCKET:
            assert isinstance(answer, Request)
            assert answer.data == one.packet.data
            assert str(answer.peer) == f"ipx:00001234:525400123456:{one.packet.source.socket:04X}"
        else:
            assert socket in (SAP_SOCKET, RIP_SOCKET)
            assert isinstance(answer, list)
            assert len(answer) == 1


def test_every_request_of_the_client_is_supported() -> None:
    """The core in place of mars_nwe answers what it is asked; packet burst, which both refuse, is not asked for."""
    stage = Stage("login")
    for _, request in mars(MARS)[1]:
        if isinstance(request, Request):
            stage.delivery.receive(request.peer, request.data, stage.now)
    assert len(stage.events("create")) > 10
    assert stage.events("unsupported") == []


@pytest.mark.parametrize("path", [MARS, MARS_WRONG_PASSWORD], ids=lambda path: path.stem)
def test_sap_and_rip_are_answered_as_by_another_server(path: Path) -> None:
    """Byte for byte; mars_nwe leaves specific queries unanswered."""
    _, done = mars(path)
    theirs = [
        one
        for one in captured(path)
        if one.frame.target == CLIENT and one.packet.source.socket in (SAP_SOCKET, RIP_SOCKET)
    ]
    ours = [
        frame
        for one, answers in done
        if isinstance(answers, list)
        for frame in answers
        if one.packet.data[:2] != b"\0\x0e"
    ]
    assert [one.data for one in theirs] == ours
    assert theirs
