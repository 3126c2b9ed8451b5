"""The same packet on every link, with every tag, in fragments; what is on the wire beside NCP."""

from __future__ import annotations

import struct
from collections import Counter
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakenw.transports.captured_frames import CaptureReader
from harness.capture.captured_messages import CapturedMessages
from harness.capture.fragments import MOST_PACKETS
from harness.capture.message import Message
from tests.fakenw.transports.ipx.captures import FOUR_FRAMES
from tests.harness.capture.segments import RAW_IP, dialogue, ip, read, told, udp, write

REQUEST = dialogue()[2]
V4, V6 = udp(*REQUEST), udp(*REQUEST, hosts=("fd00::7", "fd00::1"))
MAPPED = udp(*REQUEST, hosts=("::ffff:10.0.0.7", "::ffff:10.0.0.1"))
NODES = bytes.fromhex("5254001234565254000ffa7e")
SNAP = bytes.fromhex("aaaa03000000")
TAGS = [b"", b"\x81\x00\x00\x05", b"\x88\xa8\x00\x01\x81\x00\x20\x02", b"\x91\x00\x00\x01\x81\x00\x00\x02"]


def ethertype(packet: bytes) -> bytes:
    return b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"


def on_links(packet: bytes) -> list[tuple[int, bytes]]:
    """By the descriptions of www.tcpdump.org/linktypes.html."""
    kind = ethertype(packet)
    padded = kind + packet + b"\0" * 46  # short frames are, and some have a check sequence behind
    cooked = b"\0\0\0\x01\0\x06" + NODES[:6] + b"\0\0"
    family = 24 if kind == b"\x86\xdd" else 2
    return [
        *((1, NODES + tag + padded) for tag in TAGS),
        (1, NODES + (len(packet) + 8).to_bytes(2, "big") + SNAP + padded),
        (113, cooked + padded),
        (113, cooked + TAGS[1] + padded),
        (276, kind + b"\0\0" + b"\0\0\0\x07\0\x01\x04\x06" + NODES[:6] + b"\0\0" + packet),
        (0, struct.pack("<I", family) + packet),
        (108, struct.pack(">I", family) + packet),
        *((link, packet) for link in (12, 14, 101, 229 if family == 24 else 228)),
    ]


@pytest.mark.parametrize(
    ("packet", "client", "server"),
    [
        (V4, "udp:10.0.0.7:1025", "10.0.0.1:524"),
        (V6, "udp:fd00::7:1025", "fd00::1:524"),
        (MAPPED, "udp:10.0.0.7:1025", "10.0.0.1:524"),
    ],
)
def test_ip_on_every_link(tmp_path: Path, packet: bytes, client: str, server: str) -> None:
    for link, frame in on_links(packet):
        events = read(tmp_path / "a.pcap", [frame], link)
        assert list(told(events)) == [REQUEST], link
        assert (str(events[0].conversation.client), events[0].conversation.server) == (client, server)


def test_a_packet_without_its_length(tmp_path: Path) -> None:
    """The card cuts large packets into segments; before that, where a sniffer sees them, their length may be 0."""
    for packet in (V4[:2] + b"\0\0" + V4[4:], V6[:4] + b"\0\0" + V6[6:]):
        assert list(told(read(tmp_path / "a.pcap", [packet]))) == [REQUEST]


def test_ipx_in_four_frame_types(tmp_path: Path) -> None:
    """Of a real client, as they were, with tags, and cooked."""
    frames = [data for _, _, data in CaptureReader(FOUR_FRAMES)]
    plain = read(tmp_path / "a.pcap", frames, 1)
    assert Counter(event.from_client for event in plain) == {True: 60, False: 60}
    heads = {frame[12:14] if frame[12] > 5 else frame[14:17] for frame in frames}
    assert heads >= {b"\x81\x37", b"\xff\xff\0", b"\xe0\xe0\x03", b"\xaa\xaa\x03"}
    for tag in TAGS[1:]:
        tagged = [frame[:12] + tag + frame[12:] for frame in frames]
        assert list(told(read(tmp_path / "a.pcap", tagged, 1))) == list(told(plain))
    cooked = []
    for frame in frames:
        kind = frame[12:14]
        if frame[12] < 6:
            kind = b"\0\x01" if frame[14:16] == b"\xff\xff" else b"\0\x04"
        cooked.append(b"\0\0\0\x01\0\x06" + frame[6:12] + b"\0\0" + kind + frame[14:])
    assert list(told(read(tmp_path / "a.pcap", cooked, 113))) == list(told(plain))


def test_several_interfaces(tmp_path: Path) -> None:
    """One file, two link types."""
    blocks = [struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)]
    blocks += [struct.pack("<IIHHII", 1, 20, link, 0, 0, 20) for link in (1, RAW_IP)]
    sent = dialogue()[2:6]
    for number, (from_client, packet) in enumerate(sent):
        data = udp(from_client, packet)
        frame = data if number % 2 else NODES + b"\x08\x00" + data
        padded = frame + b"\0" * (-len(frame) % 4)
        head = struct.pack("<IIIIIII", 6, 32 + len(padded), number % 2, 0, number, len(frame), len(frame))
        blocks.append(head + padded + struct.pack("<I", 32 + len(padded)))
    path = tmp_path / "a.pcapng"
    path.write_bytes(b"".join(blocks))
    assert list(told(CapturedMessages([path]))) == list(sent)


def fragments4(packet: bytes, size: int, number: int = 77) -> list[bytes]:
    header, data = packet[:20], packet[20:]
    parts = []
    for at in range(0, len(data), size):
        part, more = data[at : at + size], at + size < len(data)
        field = struct.pack(">HHH", 20 + len(part), number, at // 8 | (0x2000 if more else 0))
        parts.append(header[:2] + field + header[8:] + part)
    return parts


def fragments6(packet: bytes, size: int) -> list[bytes]:
    """With hop-by-hop options before, and options for the destination within."""
    header, data = packet[:40], bytes([packet[6], 0, 1, 4, 0, 0, 0, 0]) + packet[40:]
    parts = []
    for at in range(0, len(data), size):
        part, more = data[at : at + size], at + size < len(data)
        between = bytes([44, 0, 1, 4, 0, 0, 0, 0]) + struct.pack(">BBHI", 60, 0, at | more, 99)
        parts.append(header[:4] + struct.pack(">HBB", 16 + len(part), 0, 64) + header[8:] + between + part)
    return parts


LONG = (False, dialogue()[3][1] + bytes(range(256)) * 8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([4, 6]), st.integers(1, 60), st.randoms(use_true_random=False))
def test_fragments(tmp_path: Path, version: int, eighths: int, random: st.DataObject) -> None:
    """In any order, some twice; a packet with a fragment missing is none."""
    if version == 4:
        parts = fragments4(udp(*LONG), eighths * 8)
    else:
        parts = fragments6(udp(*LONG, hosts=("fd00::7", "fd00::1")), eighths * 8)
    shuffled = [*parts, *parts[:-1][:2]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    events = [what for what in told(read(tmp_path / "a.pcap", shuffled)) if what == LONG]
    assert events
    missing = parts[: len(parts) // 2] + parts[len(parts) // 2 + 1 :]
    captured = CapturedMessages([write(tmp_path / "a.pcap", missing)])
    assert list(captured) == []
    assert captured.skipped == {"IP, a packet of which fragments are missing": 1}


def test_fragments_of_packets_with_the_same_number(tmp_path: Path) -> None:
    """The numbers repeat: what is left of a packet that was not whole does not get into a later one."""
    first, second = (fragments4(udp(False, LONG[1][:3] + bytes([fill]) * 2000), 512) for fill in (1, 2))
    between = [udp(*REQUEST)] * 31_000  # a millisecond each
    events = read(tmp_path / "a.pcap", [first[0], *between, *second])
    assert set(events[-1].data[3:]) == {2} if isinstance(events[-1], Message) else False


def test_fragments_without_end(tmp_path: Path) -> None:
    """Of packets that are never whole: what is kept is bounded, and a packet that is whole comes through."""
    endless = [fragments4(udp(*LONG), 8, number)[0] for number in range(5 * MOST_PACKETS)]
    whole = fragments4(udp(*LONG), 512, 60_000)
    assert list(told(read(tmp_path / "a.pcap", [*endless, *whole]))) == [LONG]
    assert read(tmp_path / "a.pcap", [*whole[:-1], *endless, whole[-1]]) == []


def test_cut_by_the_snap_length(tmp_path: Path) -> None:
    """A datagram that is cut is no packet: it is skipped and counted."""
    captured = CapturedMessages(
        [write(tmp_path / "a.pcap", [V4, udp(*LONG), fragments4(udp(*LONG), 512)[0]], snap=200)]
    )
    assert list(told(captured)) == [REQUEST]
    assert captured.skipped == {"UDP, cut by the snap length": 1, "IP, a fragment cut by the snap length": 1}


def test_what_else_is_on_a_wire(tmp_path: Path) -> None:
    """Each frame is skipped for a reason; none is taken for NCP."""
    frames = [
        b"",
        NODES,
        NODES + b"\x08\x06" + bytes(28),  # ARP
        NODES + b"\x00\x26\x42\x42\x03" + bytes(35),  # spanning tree
        NODES + b"\x08\x00" + ip("10.0.0.7", "10.0.0.1", 1, bytes(8)),
        NODES + b"\x08\x00" + b"\x45\x00",
        NODES + b"\x08\x00" + b"\x42" + V4[1:],
        NODES + b"\x86\xdd" + V6[:6] + b"\x3b" + V6[7:],  # no next header
        NODES + b"\x08\x00" + udp(True, b"a question", server_port=53),
        NODES + b"\x08\x00" + udp(True, b"\x22\x22\x01\0\0\x01\0\0\0\0\0\0", server_port=53),  # of DNS, number 0x2222
        NODES + b"\x08\x00" + udp(True, b"no request"),
        NODES + b"\x08\x00" + ip("10.0.0.7", "10.0.0.1", 6, bytes(12)),
        NODES + b"\x81\x37" + b"\xff\xff" + bytes(40),
        NODES + b"\x81\x37" + b"\xff\xff\x00",
    ]
    captured = CapturedMessages([write(tmp_path / "a.pcap", frames, 1)])
    assert list(captured) == []
    assert captured.frames == sum(captured.skipped.values()) == len(frames)
    assert captured.skipped == {
        "cut within a header": 4,
        "neither IP nor IPX": 2,
        "IP, neither TCP nor UDP": 2,
        "IP, malformed": 1,
        "UDP, not NCP": 3,
        "IPX, length": 1,
        "IPX, short": 1,
    }


def test_other_link_types(tmp_path: Path) -> None:
    captured = CapturedMessages([write(tmp_path / "a.pcap", [V4], 105)])
    assert list(captured) == []
    assert captured.skipped == {"link type 105": 1}


def test_several_files(tmp_path: Path) -> None:
    """They are read as one, in the order of their times, and numbered as one."""
    packets = [udp(from_client, packet) for from_client, packet in dialogue()[:90]]
    one, other, third = (tmp_path / name for name in ("z.pcap", "a.pcap", "empty.pcap"))
    whole = write(one, packets).read_bytes()
    first = struct.calcsize("<IHHiIII")
    records, at = [], first
    while at < len(whole):
        size = 16 + struct.unpack_from("<I", whole, at + 8)[0]
        records.append(whole[at : at + size])
        at += size
    late = [record for number, record in enumerate(records) if (number < 20 and number % 2) or number >= 60]
    early = [record for record in records if record not in late]
    other.write_bytes(whole[:first] + b"".join(late))
    one.write_bytes(whole[:first] + b"".join(early))
    third.write_bytes(whole[:first])
    steps: list[tuple[int, int]] = []
    captured = CapturedMessages([other, third, one], lambda done, total: steps.append((done, total)))
    events = list(captured)
    assert list(told(events)) == list(dialogue()[:90])
    assert [event.number for event in events] == list(range(1, 91))
    assert captured.frames == 90
    assert steps[-1] == (len(whole) + 2 * first,) * 2
    assert captured.cut == []
    one.write_bytes(one.read_bytes()[:-1])
    captured = CapturedMessages([other, third, one])
    assert sum(isinstance(event, Message) for event in captured) == 89
    assert captured.cut == [one]


def test_addresses_are_those_of_the_packet() -> None:
    """What the tests above send is what the RFCs say: the library ipaddress names the same ends."""
    assert ip_address(V4[12:16]).compressed == "10.0.0.7"
    assert ip_address(V6[24:40]).compressed == "fd00::1"
