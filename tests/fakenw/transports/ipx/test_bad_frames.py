"""Whatever arrives on a wire: never an exception, never a moved license, and each frame without a use is counted."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from fakenw.core.server import Server
from fakenw.core.settings import ServerSettings
from fakenw.transports.ipx.advertising import Advertising
from fakenw.transports.ipx.board import DEFAULT_FRAMES, Board, numbered
from fakenw.transports.ipx.stack import Request, Stack
from fakenw.volumes.sms_volume import sms_tree
from fakenw.volumes.volume import Volumes
from fakenw.wire.ipx.frames import Frame, FrameType, decode_frame
from fakenw.wire.ipx.packet import EVERY_NETWORK, EVERY_NODE, SERVER_NODE, IpxAddress, IpxPacket, decode_ipx

INTERNAL, CARD, STATION = 0xBEEF, bytes.fromhex("020000000001"), bytes.fromhex("525400123456")
SETTINGS = ServerSettings(ipx_network=INTERNAL, tree="FAKETREE")
SERIAL = SETTINGS.serial_number.to_bytes(6, "big")

networks = st.sampled_from([0, INTERNAL, INTERNAL + 1, INTERNAL + 3, 0x1234, EVERY_NETWORK])
nodes = st.sampled_from([CARD, SERVER_NODE, EVERY_NODE, STATION, bytes(6)])
sockets = st.sampled_from([0x451, 0x452, 0x453, 0x455, 0x456, 0x457, 0x550, 0x4001, 0x4002, 2]) | st.integers(0, 0xFFFF)
addresses = st.builds(IpxAddress, networks, nodes, sockets)
# What begins like something, with anything behind it
beginnings = st.sampled_from(
    [
        *(
            b"",
            b"\0\1\xff\xff",
            b"\0\3\0\4",
            b"\0\x0e\0\4FAKENW",
            b"\0\2",
            b"\0\4",
            b"\0\x0f",
            b"\0\1",
            b"\x11\x11",
            b"\1Y",
        ),
        *(
            b"\x22\x22\0\1\1\0",
            b"\x33\x33",
            b"\x55\x55\0\1",
            b"\x3e\x3e\1Y",
            b"\xbb\xbb\1!",
            b"\0",
            b"\1" + CARD,
            SERIAL,
        ),
    ]
)
payloads = st.builds(lambda begins, rest: begins + rest, beginnings, st.binary(max_size=140))
packets = st.builds(
    IpxPacket, addresses, addresses, st.sampled_from([0, 1, 4, 5, 17, 20]), payloads, st.integers(0, 20)
)
frames = st.builds(
    lambda kind, target, source, packet: Frame(kind, target, source, packet.encode()).encode(),
    st.sampled_from(FrameType),
    st.sampled_from([CARD, EVERY_NODE, STATION]),
    nodes,
    packets,
)
damage = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=3)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A frame of which some bytes were changed, or the end is missing."""
    frame = bytearray(draw(frames))
    for at, value in draw(damage):
        frame[at % len(frame)] = value
    return bytes(frame[: draw(st.none() | st.integers(0, len(frame)))])


class OneWire:
    """A server with a board, in which every frame is bound."""

    def __init__(self, *, tunnel: bool = False) -> None:
        advertising = Advertising(SETTINGS.name, INTERNAL, SETTINGS.tree)
        self.stack = Stack(advertising, SETTINGS.serial_number)
        networks = {FrameType.ETHERNET_II: 0} if tunnel else numbered(DEFAULT_FRAMES, INTERNAL + 1)
        self.board = Board("lab", CARD, networks, tunnel)
        self.server = Server(SETTINGS, Volumes([("SYS", sms_tree())]), Random(1))

    def arrives(self, frame: bytes) -> None:
        """Each frame has one use: it asks, tells, is a request, or is dropped and counted."""
        before = self.stack.dropped.total()
        outcome = self.stack.receive(self.board, frame)
        dropped = self.stack.dropped.total() - before
        if isinstance(outcome, Request):
            assert dropped == 0
            effects = self.server.receive(1, outcome.peer, outcome.data)
            for peer, data in effects.sends:
                self.is_answer(self.stack.seal(peer, outcome.way, data), frame)
            assert not [record for record in effects.records if record.event in ("grant", "release", "login")]
        else:
            assert dropped in (0, 1)
            assert not (dropped and outcome)
            for answer in outcome:
                self.is_answer(answer, frame)
        assert self.server.ledger.held == 0

    def is_answer(self, answer: bytes, asked: bytes) -> None:
        """It goes to the sender, in its frame type, as a packet that can be read."""
        there, back = decode_frame(asked), decode_frame(answer)
        assert there is not None
        assert back is not None
        assert (back.type, back.target, back.source) == (there.type, there.source, CARD)
        decode_ipx(back.packet, checked=False)


@given(st.lists(frames | damaged() | st.binary(max_size=80), max_size=30), st.booleans())
def test_any_frames(arriving: list[bytes], tunnel: bool) -> None:
    wire = OneWire(tunnel=tunnel)
    for frame in arriving:
        wire.arrives(frame)


def test_the_reasons() -> None:
    """A frame for each of them."""
    wire = OneWire()
    to, source = IpxAddress(INTERNAL, SERVER_NODE, 0x451), IpxAddress(INTERNAL + 3, STATION, 0x4001)

    def framed(packet: bytes, target: bytes = CARD, node: bytes = STATION) -> bytes:
        return Frame(FrameType.ETHERNET_802_2, target, node, packet).encode()

    def packet(
        socket: int, data: bytes = b"", node: bytes = SERVER_NODE, network: int = INTERNAL, kind: int = 0
    ) -> bytes:
        return framed(IpxPacket(IpxAddress(network, node, socket), source, kind, data).encode())

    whole = IpxPacket(to, source, 17, b"").encode()
    for reason, frame in {
        "other-protocol": bytes.fromhex("ffffffffffff 525400123456 0806") + bytes(46),
        "other-node": framed(whole, target=STATION),
        "loop": framed(whole, node=CARD),
        "length": framed(whole[:2] + b"\xff\xff" + whole[4:]),
        "checksum": framed(b"\x12\x34" + whole[2:]),
        "hops": framed(IpxPacket(to, source, 17, b"", 16).encode()),
        "short": Frame(FrameType.ETHERNET_II, CARD, STATION, b"").encode()[:40],
        "other-network": packet(0x451, network=0x1234),
        "broadcast": packet(0x451, node=EVERY_NODE),
        "malformed": packet(0x453),
        "netbios": packet(0x455),
        "smb": packet(0x553),
        "socket": packet(0x9999),
    }.items():
        assert wire.stack.receive(wire.board, frame) == []
        assert wire.stack.dropped == {reason: 1}, reason
        wire.stack.dropped.clear()
    bare = Board("lab", CARD, {FrameType.ETHERNET_II: 1})
    wire.stack.receive(bare, framed(whole))
    assert wire.stack.dropped == {"frame-type": 1}
