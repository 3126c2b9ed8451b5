"""A workstation's socket on a wire, against what servers really sent: mars_nwe 0.99, and fakenw's core to libncp 2.2.6.

The frames are those of a Linux guest with libncp, captured on 2026-11-26. libncp has another socket for each question;
here all of them are asked from one, so the numbers of some sockets are changed.
"""

from __future__ import annotations

import pytest

from fakenw.transports.ipx.advertising import Advertising
from fakenw.transports.ipx.board import Board
from fakenw.transports.ipx.stack import Request, Stack
from fakenw.wire.ipx.frames import FrameType
from fakenw.wire.packet import WatchdogPacket
from harness.client.ipx_station import NOTHING, Heard, IpxStation

CLIENT = bytes.fromhex("525400123456")
SOCKET = 0x4003
MARS = bytes.fromhex("525400990001")

CREATE, CREATED = bytes.fromhex("111101ff01ff00"), bytes.fromhex("3333010101000000")  # NCP, libncp's and mars_nwe's

# ncpfs-four-frames-vs-fakenw-core.pcap, frame 153: libncp looks for the nearest server, on a network of unknown number.
NEAREST = bytes.fromhex(
    "ffffffffffff5254001234560025e0e003ffff0022000400000000ffffffffffff045200000000525400123456400000030004"
).ljust(60, b"\0")
# ncpfs-vs-mars_nwe-guest.pcap, frames 19, 8, 9, 10 and 11.
SAP_ANSWER = bytes.fromhex(
    "5254001234565254009900010063e0e003ffff0060000400001234525400123456400300001234525400990001045200040004"
    "4d415253" + "00" * 44 + "0000cafe00000000000104510001"
)
RIP_REQUEST = bytes.fromhex(
    "ffffffffffff525400123456002be0e003ffff0028000100001234ffffffffffff045300001234525400123456400300010000cafe00000000"
).ljust(60, b"\0")
RIP_ANSWER = bytes.fromhex(
    "525400123456525400990001002be0e003ffff0028000100001234525400123456400300001234525400990001045300020000cafe00010002"
).ljust(60, b"\0")
NCP_CREATE = bytes.fromhex(
    "5254009900015254001234560028e0e003ffff002500110000cafe0000000000010451000012345254001234564001111101ff01ff00"
).ljust(60, b"\0")
NCP_REPLY = bytes.fromhex(
    "5254001234565254009900010029e0e003ffff002601110000123452540012345640010000cafe00000000000104513333010101000000"
).ljust(60, b"\0")
# ncpfs-watchdog-broadcast.pcap: a SAP broadcast of another server (2); a RIP answer about another network (17).
OTHER_SAP = bytes.fromhex(
    "5254001234560200000000010063e0e003ffff0060000400001234525400123456400300001234020000000001045200020004"
    "46414b454e57" + "00" * 42 + "0000beef00000000000104510001"
)
OTHER_RIP = bytes.fromhex(
    "525400123456020000000001002be0e003ffff0028000100001234525400123456400300001234020000000001045300020000beef00010002"
).ljust(60, b"\0")
# The same capture: the server asks connection 1 (67), libncp's daemon answers (68), a message is announced (75).
QUERY = bytes.fromhex(
    "5254001234560200000000010023e0e003ffff002000110000123452540012345640070000beef0000000000014001013f"
).ljust(60, b"\0")
ANSWER = bytes.fromhex(
    "0200000000015254001234560023e0e003ffff002000110000beef00000000000140010000123452540012345640070159"
).ljust(60, b"\0")
MESSAGE = bytes.fromhex(
    "5254001234560200000000010023e0e003ffff002000110000123452540012345640080000beef00000000000140010121"
).ljust(60, b"\0")


def other_socket(frame: bytes, old: int, new: int) -> bytes:
    """The frame with another socket of the station."""
    before, after = (CLIENT + number.to_bytes(2, "big") for number in (old, new))
    assert frame.count(before) == 1
    return frame.replace(before, after)


def found() -> IpxStation:
    """A station that has found MARS, with nothing unsent but a create."""
    station = IpxStation("MARS", CLIENT, SOCKET)
    station.send(CREATE)
    station.receive(SAP_ANSWER)
    station.receive(RIP_ANSWER)
    return station


def test_by_its_name_then_its_network_then_itself() -> None:
    """SAP, RIP and then the create, to the node that answered RIP; the answer to one step brings the next at once."""
    station = IpxStation("mars", CLIENT, SOCKET)
    general = other_socket(NEAREST, 0x4000, SOCKET).replace(bytes.fromhex("00030004"), bytes.fromhex("00010004"))
    assert station.send(CREATE) == (general,)
    assert str(station) == "ipx:00000000:525400123456:4003"
    assert station.receive(SAP_ANSWER) == Heard(frames=(RIP_REQUEST,))
    assert str(station) == "ipx:00001234:525400123456:4003"
    assert station.receive(RIP_ANSWER) == Heard(frames=(other_socket(NCP_CREATE, 0x4001, SOCKET),))
    assert station.receive(other_socket(NCP_REPLY, 0x4001, SOCKET)) == Heard(CREATED)


def test_the_step_that_is_unanswered_is_repeated() -> None:
    """The requester repeats its request, and knows nothing of the lookup."""
    station = IpxStation("MARS", CLIENT, SOCKET)
    assert station.send(CREATE) == station.send(CREATE)
    station.receive(SAP_ANSWER)
    assert station.send(CREATE) == (RIP_REQUEST,)
    station.receive(RIP_ANSWER)
    assert station.send(CREATE) == (other_socket(NCP_CREATE, 0x4001, SOCKET),)


def test_second_answers_change_nothing() -> None:
    """Of several answers the first counts."""
    station = found()
    assert station.receive(SAP_ANSWER) == station.receive(RIP_ANSWER) == NOTHING
    assert station.send(CREATE) == (other_socket(NCP_CREATE, 0x4001, SOCKET),)


GONE_SAP = SAP_ANSWER[:-2] + b"\0\x10"
GONE_RIP = RIP_ANSWER.replace(bytes.fromhex("0000cafe0001"), bytes.fromhex("0000cafe0010"))
HEARS_NOTHING = {
    "another server": OTHER_SAP,
    "a server that has stopped": GONE_SAP,
    "another socket": other_socket(SAP_ANSWER, SOCKET, SOCKET + 3),
    "another node": SAP_ANSWER.replace(CLIENT, MARS),
    "another frame type": SAP_ANSWER[:12] + b"\x81\x37" + SAP_ANSWER[17:],
    "a query of a server": SAP_ANSWER.replace(bytes.fromhex("00040004"), bytes.fromhex("00010004")),
    "a reply before it was found": other_socket(NCP_REPLY, 0x4001, SOCKET),
    "RIP before SAP": RIP_ANSWER,
    "no IPX": b"\xff" * 60,
}


@pytest.mark.parametrize("frame", HEARS_NOTHING.values(), ids=list(HEARS_NOTHING))
def test_what_is_no_answer_about_its_server(frame: bytes) -> None:
    station = IpxStation("MARS", CLIENT, SOCKET)
    asked = station.send(CREATE)
    assert station.receive(frame) == NOTHING
    assert station.send(CREATE) == asked


@pytest.mark.parametrize("frame", [OTHER_RIP, GONE_RIP, RIP_REQUEST.replace(b"\xff" * 6, CLIENT)])
def test_what_is_no_answer_about_its_network(frame: bytes) -> None:
    station = IpxStation("MARS", CLIENT, SOCKET)
    station.send(CREATE)
    station.receive(SAP_ANSWER)
    assert station.receive(frame) == NOTHING
    assert station.send(CREATE) == (RIP_REQUEST,)


@pytest.mark.parametrize("frame", [SAP_ANSWER, RIP_ANSWER, other_socket(NCP_REPLY, 0x4001, SOCKET)])
def test_frames_that_are_cut_short(frame: bytes) -> None:
    """Nothing is raised, and nothing is found, whatever has become of a frame."""
    whole = frame[14:].rstrip(b"\0")
    for length in range(14 + len(whole)):
        station = IpxStation("MARS", CLIENT, SOCKET)
        station.send(CREATE)
        assert station.receive(frame[:length]) == NOTHING


def watched(number: str = "01") -> IpxStation:
    """The station of the capture, at socket 0x4006: connected to FAKENW as *number*."""
    station = IpxStation("FAKENW", CLIENT, 0x4006)
    station.send(CREATE)
    station.receive(other_socket(OTHER_SAP, SOCKET, 0x4006))
    station.receive(other_socket(OTHER_RIP, SOCKET, 0x4006))
    reply = bytes.fromhex(
        "5254001234560200000000010029e0e003ffff002600110000123452540012345640060000beef0000000000010451333301"
        f"{number}01000000"
    )
    assert station.receive(reply.ljust(60, b"\0")).packet is not None
    return station


def test_the_watchdog() -> None:
    """The query comes to the next socket and is answered from there; the requester sees the packets of UDP."""
    station = watched()
    heard = station.receive(QUERY)
    assert heard == Heard(WatchdogPacket(1, b"?").encode())
    assert station.send(WatchdogPacket(1, b"Y").encode()) == (ANSWER,)


def test_a_query_about_another_connection() -> None:
    """The station of connection 2 does not answer for connection 1, nor one that is not connected."""
    assert watched("02").receive(QUERY) == NOTHING
    assert IpxStation("FAKENW", CLIENT, 0x4006).receive(QUERY) == NOTHING


def test_messages_are_not_fetched() -> None:
    assert watched().receive(MESSAGE) == NOTHING


def first_request(station: IpxStation, board: Board) -> tuple[Request, int]:
    """What MARS, with a board on the station's wire, is asked for first; and how many frames answered the lookup."""
    stack = Stack(Advertising("MARS", 0xCAFE), 1)
    stack.boards.append(board)
    frames, answers = list(station.send(CREATE)), 0
    while True:
        done = stack.receive(board, frames.pop(0))
        if isinstance(done, Request):
            return done, answers
        answers += len(done)
        frames += [frame for answer in done for frame in station.receive(answer).frames]


@pytest.mark.parametrize("frame", FrameType)
def test_every_frame_type(frame: FrameType) -> None:
    """The server's own end finds the station where the station says it is."""
    station = IpxStation("MARS", CLIENT, SOCKET, frame)
    request, answers = first_request(station, Board("lab", MARS, {frame: 0x1234}))
    assert (str(request.peer), request.data, answers) == (str(station), CREATE, 2)
    assert str(station) == "ipx:00001234:525400123456:4003"


def test_through_a_tunnel_no_router_is_asked_for() -> None:
    """The server is on network 0 itself, at the node that SAP names."""
    station = IpxStation("MARS", CLIENT, SOCKET, FrameType.ETHERNET_II)
    request, answers = first_request(station, Board("lab", MARS, {FrameType.ETHERNET_II: 0}, tunnel=True))
    assert (str(request.peer), answers) == ("ipx:00000000:525400123456:4003", 1)
