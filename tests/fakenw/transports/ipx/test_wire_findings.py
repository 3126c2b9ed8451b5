"""Why a client does not come in: each finding from a good capture that was broken, and what real captures show."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from fakenw.transports.captured_frames import CapturedFrame, read_frames
from fakenw.transports.ipx.wire_findings import WireFinding, findings
from fakenw.transports.ipx.wire_log import WireLog
from fakenw.wire.ipx import rip, sap
from fakenw.wire.ipx.frames import Frame, FrameType, decode_frame
from fakenw.wire.ipx.packet import IpxAddress, IpxPacket, decode_ipx
from tests.fakenw.transports.ipx.captures import CAPTURES, FOUR_FRAMES, MARS, MARS_WRONG_PASSWORD, WATCHDOG
from tests.fakenw.transports.ipx.wire_stage import WireStage

ME = "52:54:00:12:34:56"
CARD = bytes.fromhex("020000000001")
OTHER = bytes.fromhex("00001B010203")
Change = Callable[[Frame, IpxPacket], tuple[Frame, IpxPacket]]


def judged(frames: Iterable[CapturedFrame]) -> list[WireFinding]:
    log = WireLog()
    for number, time, data in frames:
        log.saw(number, time, data)
    return findings(log)


def part(*numbers: int, path: Path = FOUR_FRAMES) -> list[CapturedFrame]:
    """These frames of a capture, which keep their numbers."""
    frames = read_frames(path).frames
    return [frames[number - 1] for number in numbers]


def changed(frame: CapturedFrame, change: Change) -> CapturedFrame:
    outer = decode_frame(frame.data)
    assert outer is not None
    outer, packet = change(outer, decode_ipx(outer.packet))
    return frame._replace(data=outer._replace(packet=packet.encode()).encode())


def told(found: list[WireFinding]) -> list[tuple[str, tuple[int, ...]]]:
    assert all(one.serious for one in found)
    return [(one.text, one.frames) for one in found]


# In ETHERNET_II: 10 query, 11 answer, 12 RIP request, 13 its answer, 14 create, 15 reply. Before that the server
# announces itself, in 802.2 in frames 1 and 2, in ETHERNET_II in 6 and 7.
SESSION = (10, 11, 12, 13, 14, 15)


def test_all_is_well() -> None:
    """A client that comes in, also where other queries before were in vain."""
    came_in = WireFinding(
        "came-in", f"all is well: {ME} came in as connection 1 of FAKENW, in ETHERNET_II", (14, 15), serious=False
    )
    assert judged(part(*SESSION)) == [came_in]
    assert judged([*part(37), *part(*SESSION)]) == [came_in]
    assert judged([*part(14, 14), *part(*SESSION)]) == [came_in], "a create that was lost is repeated"


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_real_captures(path: Path) -> None:
    """All is well in each. mars_nwe knows no query by name, and once a client went on only after its third query."""
    found = judged(read_frames(path).frames)
    assert not [one for one in found if one.serious]
    assert [one.text for one in found] == {
        FOUR_FRAMES: [
            f"all is well: {ME} came in as connection 1 of FAKENW, "
            "in ETHERNET_II, ETHERNET_802.3, ETHERNET_802.2 and ETHERNET_SNAP"
        ],
        WATCHDOG: [
            f"all is well: {ME} came in as connection 1 of FAKENW, in ETHERNET_802.2",
            f"{ME} repeats a nearest query, 3 in 0.2 s, though it is answered: the answers do not arrive, or too late",
        ],
        MARS: (
            mars := [
                f"all is well: {ME} came in as connections 1 and 2 of MARS, in ETHERNET_802.2",
                f"{ME} repeats a specific query, 5 in 0.4 s: no server knows this operation, "
                "and the client asks otherwise then",
            ]
        ),
        MARS_WRONG_PASSWORD: mars,
    }[path]


@pytest.mark.parametrize("tunnel", [False, True])
def test_our_own_server(tunnel: bool) -> None:
    """What it announces and answers is as it should be, in a tunnel too, where nothing is asked by RIP."""
    networks = {FrameType.ETHERNET_II: 0 if tunnel else 0x1234}
    stage = WireStage(networks=networks, tunnel=tunnel)
    client = stage.at(FrameType.ETHERNET_II)
    query = IpxPacket(IpxAddress(0, b"\xff" * 6, 0x0452), client.address, 4, b"\0\3\0\4")
    stage.arrives(client.framed(query, b"\xff" * 6))
    lost = judged(seen(stage))
    assert [one.kind for one in lost] == ["answer-lost"]
    assert ("sends no create" in lost[0].text) is tunnel
    if tunnel:
        client.server = IpxAddress(0, CARD, 0x0451)
    client.attached()
    assert [one.text for one in judged(seen(stage))] == [
        f"all is well: {ME} came in as connection 1 of FAKENW, in ETHERNET_II"
    ]


def seen(stage: WireStage) -> list[CapturedFrame]:
    return [CapturedFrame(number, number / 100, data) for number, data in enumerate(stage.wire, 1)]


# The steps of a client, each of which fails


def test_another_frame_type() -> None:
    assert told(judged(part(1, 2, 10, 12))) == [
        (f"{ME} asks by RIP for the way to network 0000BEEF, and no server or router answers", (12,))
    ]
    assert told(judged(part(1, 2, 10))) == [
        (f"{ME} asks in ETHERNET_II, while servers are heard in ETHERNET_802.2: both need one frame type", (1, 10))
    ]


def test_a_query_that_nobody_answers() -> None:
    assert told(judged(part(10))) == [(f"{ME} asks for a server in ETHERNET_II, and gets no answer", (10,))]
    assert told(judged(part(1, 2, 6, 7, 10))) == [
        (
            f"{ME} asks for a server in ETHERNET_II, and gets no answer, though FAKENW can be heard: "
            "nearest-server replies are off, or the query does not arrive",
            (10,),
        )
    ]


def test_an_answer_that_does_not_arrive() -> None:
    assert told(judged(part(10, 11))) == [
        (
            f"{ME} is told of a server, and sends no RIP request: the answer does not arrive there, "
            "or the capture ends too early",
            (10, 11),
        )
    ]


def test_queries_again_and_again() -> None:
    """86Box: answers that are cut short are no answers (issue 2389)."""
    frames = part(10, 11) * 4
    again = [one._replace(number=n, time=n / 100) for n, one in enumerate(frames, 1)]
    assert told(judged(again))[0] == (
        f"{ME} repeats a nearest query, 4 in 0.1 s, though it is answered: the answers do not arrive, or too late",
        (1, 2, 3, 4, 5, 6, 7),
    )
    late = [again[0], again[2], again[4], again[7]._replace(time=0.9)]
    assert told(judged(late))[0] == (
        f"{ME} repeats a nearest query, 3 in 0.0 s: the first answer comes after 0.89 s, and libncp waits 0.1 s",
        (1, 3, 5, 8),
    )


def test_rip_without_an_answer() -> None:
    assert told(judged(part(10, 11, 12))) == [
        (f"{ME} asks by RIP for the way to network 0000BEEF, and no server or router answers", (12,))
    ]


def test_rip_without_a_create() -> None:
    assert told(judged(part(10, 11, 12, 13))) == [
        (
            f"{ME} is told the way to network 0000BEEF by 02:00:00:00:00:01, and sends no create: "
            "the answer does not arrive, or its network or router is wrong",
            (12, 13),
        )
    ]


def test_a_create_that_is_not_answered() -> None:
    """To the server that told the route, or to another node."""
    asked = f"{ME} asks FAKENW for a connection, which is not answered"
    assert told(judged(part(10, 11, 12, 13, 14, 14))) == [(asked, (14,))]
    away = changed(part(14)[0], lambda frame, packet: (frame._replace(target=OTHER), packet))
    assert told(judged([*part(10, 11, 12, 13), away])) == [
        (f"{asked}; its frame goes to 00:00:1b:01:02:03, but 02:00:00:00:00:01 told the route", (14,))
    ]


def test_a_create_to_another_network() -> None:
    """That of the wire, with the server's card, is another of its addresses; one that is not announced is none."""

    def to(network: int, node: bytes) -> CapturedFrame:
        address = IpxAddress(network, node, 0x0451)
        return changed(part(14)[0], lambda frame, packet: (frame, packet._replace(destination=address)))

    assert told(judged([*part(10, 11, 12, 13), to(0x5678, bytes(5) + b"\1")])) == [
        (
            f"{ME} asks for a connection at 00005678:000000000001:0451, where no server was announced: "
            "FAKENW is at 0000BEEF:000000000001:0451",
            (14,),
        )
    ]
    (card,) = judged([*part(10, 11, 12, 13), to(0x1234, CARD)])
    assert card.kind == "create-unanswered"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0xF9, "no license or no slot of the connection table is free"),
        (0xE0, "no license is free"),
        (0xFF, "the server is down, or refuses connections"),
        (0x98, "the server gives no other reason"),
    ],
)
def test_a_create_that_is_refused(code: int, reason: str) -> None:
    refused = changed(
        part(15)[0],
        lambda frame, packet: (frame, packet._replace(data=packet.data[:6] + bytes([code]) + packet.data[7:])),
    )
    assert told(judged([*part(10, 11, 12, 13, 14), refused])) == [
        (f"FAKENW refuses a connection to {ME} with 0x{code:02X}: {reason}", (14, 15))
    ]


def test_a_client_with_another_network_number() -> None:
    """NT's NetworkNumber, set by hand: its broadcasts are to a network that no server has."""

    def renumber(frame: Frame, packet: IpxPacket) -> tuple[Frame, IpxPacket]:
        to, source = packet.destination._replace(network=0x99), packet.source._replace(network=0x99)
        return frame, packet._replace(destination=to, source=source)

    assert told(judged([*part(6, 7), changed(part(10)[0], renumber)])) == [
        (
            f"{ME} has the number 00000099 for the ETHERNET_II wire, servers have 00001234: "
            "0 on the client lets it learn the number",
            (6, 10),
        )
    ]


def test_windows_95_looks_for_a_frame_type() -> None:
    """Its general RIP requests are queries."""
    everything = rip.RipPacket(1, (rip.Reach(0xFFFFFFFF),)).encode()
    request = changed(part(12)[0], lambda frame, packet: (frame, packet._replace(data=everything)))
    assert told(judged([*part(1, 2), request])) == [
        (f"{ME} asks in ETHERNET_II, while servers are heard in ETHERNET_802.2: both need one frame type", (1, 12))
    ]
    (lost,) = judged([request, *part(13)])
    assert (lost.kind, lost.frames) == ("answer-lost", (12, 13))


def test_a_client_that_does_not_answer_the_watchdog() -> None:
    frames = read_frames(WATCHDOG).frames
    mute = [one for one in frames if one.data[47:49] != b"\1Y"]
    assert len(frames) - len(mute) == 7
    (lost,) = [one for one in judged(mute) if one.serious]
    assert lost.text == f"{ME} does not answer the watchdog: its connection will be cleared"
    assert lost.frames == (67, 69, 71, 73, 78, 80, 90)
    last = frames[90]._replace(data=frames[90].data[:48] + b"N" + frames[90].data[49:])
    assert not [one for one in judged([*frames[:90], last]) if one.serious], "one may still be under way"


def test_a_client_that_was_in() -> None:
    """The capture begins late."""
    assert judged(part(16, 17, 18, 19)) == [
        WireFinding("was-in", f"{ME} has a connection from before the first frame", (17,), serious=False)
    ]


# The wire


def announced(frame: CapturedFrame, name: str, network: int, node: bytes, wire: int = 0x1234) -> CapturedFrame:
    """The general response of another server."""
    service = sap.Service(4, name, IpxAddress(network, bytes(5) + b"\1", 0x0451), 1)
    data = sap.SapResponse(2, (service,)).encode()

    def by_other(frame: Frame, packet: IpxPacket) -> tuple[Frame, IpxPacket]:
        source = IpxAddress(wire, node, 0x0452)
        return frame._replace(source=node), packet._replace(source=source, data=data)

    return changed(frame, by_other)._replace(number=8)


def problems(*more: CapturedFrame) -> list[tuple[str, tuple[int, ...]]]:
    """Beside a client that comes in."""
    return told([one for one in judged([*part(6, 7), *more, *part(*SESSION)]) if one.serious])


def test_two_servers_with_one_internal_network() -> None:
    """By their SAP, or by RIP, where both say that it is one hop away."""
    text = "FAKENW and OTHER have one internal network, 0000BEEF"
    assert problems(announced(part(7)[0], "OTHER", 0xBEEF, OTHER)) == [(text, (6, 7, 8, 11, 13))]
    route = changed(
        part(6)[0],
        lambda frame, packet: (frame._replace(source=OTHER), packet._replace(source=IpxAddress(0x1234, OTHER, 0x0453))),
    )
    both = problems(announced(part(7)[0], "OTHER", 0x77, OTHER), route._replace(number=9))
    assert both == [(text, (6, 7, 9, 11, 13))]


def test_two_servers_with_one_name() -> None:
    assert problems(announced(part(7)[0], "FAKENW", 0x77, OTHER)) == [
        ("two servers are called FAKENW: 00000077:000000000001 and 0000BEEF:000000000001", (7, 8, 11))
    ]
    assert problems(announced(part(7)[0], "OTHER", 0x77, OTHER)) == []


def test_two_numbers_of_one_wire() -> None:
    assert problems(announced(part(7)[0], "OTHER", 0x77, OTHER, wire=0x5678)) == [
        (
            "servers have different numbers for the ETHERNET_II wire: "
            "00001234 by 02:00:00:00:00:01 and 00005678 by 00:00:1b:01:02:03",
            (6, 7, 8, 11, 13),
        )
    ]


def test_a_bridge_of_ipxbox() -> None:
    """802.2, for 802.3 frames are known by the checksum FFFF; what is in them is read all the same."""
    frames = read_frames(WATCHDOG).frames[9:19]
    bridged = [
        one._replace(data=one.data[:17] + b"\0\0" + one.data[19:21] + b"\x7f" + one.data[22:])
        if one.data[6:12] == CARD
        else one
        for one in frames
    ]
    found = judged(bridged)
    assert [one.kind for one in found if not one.serious] == ["came-in", "repeated"]
    assert told([one for one in found if one.serious]) == [
        (
            "5 frames are of an ipxbox bridge, with checksum 0000 and 127 hops: Linux clients drop them",
            (11, 14, 15, 17, 19),
        )
    ]


def test_answers_that_are_cut_short() -> None:
    """By a card that loses the end, or with an IPX length that is too short as well."""
    answer = part(11)[0]
    lost = answer._replace(data=answer.data[:80])
    short = changed(answer, lambda frame, packet: (frame, packet._replace(data=packet.data[:60])))
    long = changed(answer, lambda frame, packet: (frame, packet._replace(data=packet.data + packet.data[2:30])))
    text = "1 SAP packet is cut short"
    for frame in (lost, long):
        first, *_ = judged([*part(10), frame])
        assert (first.kind, first.text.partition(":")[0], first.frames) == ("cut-short", text, (11,))
    assert [one.kind for one in judged([*part(10), short])] == ["query-unanswered"]


def test_a_tree_that_is_not_served() -> None:
    """VLM and Client 32 prefer a tree that is announced."""
    tree = sap.Service(sap.TREE, "LAB".ljust(32, "_"), IpxAddress(0xCAFE, bytes(5) + b"\1", 0x0451), 1)
    response = sap.SapResponse(2, (tree,)).encode()
    frames = read_frames(MARS_WRONG_PASSWORD).frames
    with_tree = changed(frames[115], lambda frame, packet: (frame, packet._replace(data=response)))
    frames[115] = with_tree
    assert told([one for one in judged(frames) if one.serious]) == [
        (
            "the tree LAB is announced, but its server refuses NDS: VLM and Client 32 prefer it",
            (116, 124, 159, 194, 229),
        )
    ]


def test_nothing_to_see() -> None:
    ipv6, announcements = part(5), part(1, 2, 3, 4)
    assert told(judged(ipv6)) == [("1 frame is there, and none has an IPX packet", ())]
    assert told(judged([])) == [("no frame was seen", ())]
    assert told(judged(announcements)) == [("no client asks for a server, by SAP, RIP or a create", ())]
