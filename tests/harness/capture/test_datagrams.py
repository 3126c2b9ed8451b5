"""NCP over UDP and IPX: which end is the server, the watchdog, messages; a real client, and what tests say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from fakenw.wire.packet import decode_watchdog
from harness.capture.captured_messages import CapturedMessages
from harness.capture.message import Message
from tests.fakenw.transports.ipx.captures import FOUR_FRAMES, MARS, MARS_WRONG_PASSWORD, WATCHDOG
from tests.harness.capture.segments import dialogue, read, told, udp, write

QUERY = bytes.fromhex("3e3e000100000000003f")  # ncp.md 7.2
ANSWER = bytes.fromhex("3e3e0001000000000059")
WAITING = bytes.fromhex("bbbb0001000000000021") + bytes(4)
INTERNAL = "00001234:000000000001:0451"


def messages(path: Path) -> list[Message]:
    return [event for event in CapturedMessages([path]) if isinstance(event, Message)]


@pytest.mark.parametrize(
    ("path", "each"), [(FOUR_FRAMES, 60), (MARS, 352), (MARS_WRONG_PASSWORD, 101)], ids=lambda value: str(value)[-20:]
)
def test_captures_of_a_real_client(path: Path, each: int) -> None:
    """The counts are Wireshark's, with the filter ncp.type; each request is answered by the same server."""
    seen = messages(path)
    types = {True: {0x1111, 0x2222, 0x5555}, False: {0x3333}}
    assert Counter(message.from_client for message in seen) == {True: each, False: each}
    assert all(int.from_bytes(message.data[:2], "big") in types[message.from_client] for message in seen)
    for asked, answered in zip(seen[::2], seen[1::2], strict=True):
        assert (asked.from_client, answered.from_client) == (True, False)
        assert asked.conversation == answered.conversation
        assert asked.data[2] == answered.data[2]


def test_watchdog_and_messages_over_ipx() -> None:
    """Queries to the socket behind the client's, a message to the one after it: told as of the connection."""
    beside = [message for message in messages(WATCHDOG) if message.data[:1] in b"\x3e\xbb"]
    numbers = [67, 68, 69, 70, 71, 72, 73, 74, 75, 78, 79, 80, 81, 90, 91]  # of Wireshark: ipx.len == 32
    assert [message.number for message in beside] == numbers
    assert {str(message.conversation.client) for message in beside} == {"ipx:00001234:525400123456:4006"}
    assert {message.conversation.server for message in beside} == {"0000BEEF:000000000001:0451"}
    marks = "".join(chr(message.data[9]) for message in beside)
    assert marks == "?Y?Y?Y?Y!?Y?Y?Y"
    assert [message.from_client for message in beside] == [mark == "Y" for mark in marks]
    assert {decode_watchdog(message.data).connection for message in beside if message.data[0] == 0x3E} == {1}


def ipx(source: str, target: str, data: bytes) -> bytes:
    """An Ethernet II frame."""
    first, second = (bytes.fromhex(address.replace(":", "")) for address in (source, target))
    head = b"\xff\xff" + (30 + len(data)).to_bytes(2, "big") + b"\0\x11"
    return bytes(12) + b"\x81\x37" + head + second + first + data


def test_an_answer_from_another_socket(tmp_path: Path) -> None:
    """It belongs to the connection that was asked (some stations answer from a socket of their own)."""
    node, server = "00001234:525400123456", "0000BEEF:000000000001:4001"
    frames = [ipx(server, f"{node}:4007", b"\x05?"), ipx(f"{node}:5000", server, b"\x05Y")]
    events = read(tmp_path / "a.pcap", frames, 1)
    assert {str(event.conversation.client) for event in events} == {f"ipx:{node}:4006"}
    assert {event.conversation.server for event in events} == {"0000BEEF:000000000001:0451"}
    assert list(told(events)) == [(False, QUERY[:3] + b"\x05" + QUERY[4:]), (True, ANSWER[:3] + b"\x05" + ANSWER[4:])]


def test_watchdog_and_messages_over_udp(tmp_path: Path) -> None:
    """They come to the port of the connection."""
    said = [*dialogue()[:2], (False, QUERY), (True, ANSWER), (False, WAITING)]
    events = read(tmp_path / "a.pcap", [udp(*one) for one in said])
    assert list(told(events)) == said
    assert len({event.conversation for event in events}) == 1


@pytest.mark.parametrize("begin", range(4))
def test_another_port_over_udp(tmp_path: Path, begin: int) -> None:
    """A create shows that a server is there; else a request and its reply do, of which the reply is told."""
    said = dialogue()[begin:12]
    events = read(tmp_path / "a.pcap", [udp(*one, server_port=40_123) for one in said])
    shown = 0 if begin == 0 else 2 if begin % 2 else 1
    assert list(told(events)) == list(said[shown:])
    assert {event.conversation.server for event in events} == {"10.0.0.1:40123"}


def test_replies_that_nothing_asked_for(tmp_path: Path) -> None:
    """At other ports they are not NCP."""
    said = [dialogue()[2], dialogue()[5]]
    assert read(tmp_path / "a.pcap", [udp(*one, server_port=40_123) for one in said]) == []


def test_several_servers(tmp_path: Path) -> None:
    """A client of two servers has a conversation with each, from the same port."""
    servers = ("10.0.0.1", "10.0.0.2")
    packets = [udp(*one, hosts=("10.0.0.7", server)) for one in dialogue()[:4] for server in servers]
    events = read(tmp_path / "a.pcap", packets)
    for server in servers:
        own = [event for event in events if event.conversation.server == f"{server}:524"]
        assert list(told(own)) == list(dialogue()[:4])


@pytest.mark.parametrize("copies", [2, 3])
def test_copies(tmp_path: Path, copies: int) -> None:
    """A sniffer on a bridge sees each datagram several times; a repetition comes later, and is told."""
    packets = [udp(*one) for one in dialogue()[:4] for _ in range(copies)]
    path = write(tmp_path / "a.pcap", packets, apart=100)
    captured = CapturedMessages([path])
    assert list(told(captured)) == list(dialogue()[:4])
    assert captured.skipped == {"a copy, within a millisecond, of the datagram before it": 4 * (copies - 1)}
    later = write(tmp_path / "a.pcap", packets, apart=1000)
    assert len(list(CapturedMessages([later]))) == 4 * copies
