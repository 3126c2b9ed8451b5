"""A member of an IPXNET tunnel, in datagrams as DOSBox and ipxbox send them (ncp.md 9, ipx.md 8: dosbox
``ipxserver.cpp``, ipxbox, and runs of 2026-11-26)."""

from __future__ import annotations

from fakenw.transports.ipx.membership import AGAIN_AFTER, QUIET, Membership

# checksum, length, hops and type; then network, node and socket of the destination, and of the source
REGISTRATION = "FFFF 001E 0000 00000000 000000000000 0002 00000000 000000000000 0002"
DOSBOX_REPLY = "FFFF 001E 0000 00000000 7F0000018BB1 0002 00000001 7F0000015334 0002"
IPXBOX_REPLY = "FFFF 001E 0000 00000000 02A1B2C3D4E5 0002 00000001 FFFFFFFFFFFF 0002"
IPXBOX_PING = "0000 0000 0000 00000000 02A1B2C3D4E5 0002 00000000 02FFFFFF0000 0000"
IPXBOX_PONG = "FFFF 001E 0000 00000000 02FFFFFF0000 0000 00000000 02A1B2C3D4E5 0002"
DOSBOX_PING = "FFFF 001E 0000 00000000 FFFFFFFFFFFF 0002 00000000 7F00000188B8 0002"
DOSBOX_PONG = "FFFF 001E 0000 00000000 7F00000188B8 0002 00000000 7F0000018BB1 0002"
# A SAP query for the nearest file server (ncp.md 9)
QUERY = "FFFF 0022 0004 00000000 FFFFFFFFFFFF 0452 00000000 7F00000188B8 4000 0003 0004"


def data(words: str) -> bytes:
    return bytes.fromhex(words)


def joined(reply: str) -> Membership:
    """A member since the time 0."""
    member = Membership()
    assert member.due(0.0) == data(REGISTRATION)
    assert member.receive(data(reply), 0.0) == (None, None)
    return member


def test_the_reply_to_a_registration_has_the_node() -> None:
    """It is DOSBox's address of the member, or any other six bytes."""
    assert joined(DOSBOX_REPLY).node == data("7F0000018BB1")
    assert joined(IPXBOX_REPLY).node == data("02A1B2C3D4E5")


def test_a_registration_is_repeated_until_it_is_answered() -> None:
    member = Membership()
    assert member.due(0.0) == data(REGISTRATION)
    assert member.due(AGAIN_AFTER - 0.1) is None
    assert member.due(AGAIN_AFTER) == data(REGISTRATION)
    assert member.node is None
    member.receive(data(DOSBOX_REPLY), AGAIN_AFTER + 1)
    assert member.due(2 * AGAIN_AFTER) is None


def test_a_silent_tunnel_is_joined_again() -> None:
    """Its server may have been started anew. The member gives its node, by which DOSBox knows it."""
    member = joined(DOSBOX_REPLY)
    member.receive(data(QUERY), 10.0)
    assert member.due(10.0 + QUIET - 0.1) is None
    again = member.due(10.0 + QUIET)
    assert again == data(
        REGISTRATION.replace("000000000000 0002 00000000 000000000000", "000000000000 0002 00000000 7F0000018BB1")
    )
    member.receive(data(IPXBOX_REPLY), 80.0)
    assert member.node == data("02A1B2C3D4E5")


def test_nobody_gives_a_member_another_node() -> None:
    """What looks like a reply is none where nothing was asked."""
    member = joined(DOSBOX_REPLY)
    member.receive(data(IPXBOX_REPLY), 1.0)
    assert member.node == data("7F0000018BB1")


def test_pings_are_answered() -> None:
    """ipxbox asks each member (without length and checksum), DOSBox all of them with IPXNET PING."""
    assert joined(IPXBOX_REPLY).receive(data(IPXBOX_PING), 5.0) == (None, data(IPXBOX_PONG))
    assert joined(DOSBOX_REPLY).receive(data(DOSBOX_PING), 5.0) == (None, data(DOSBOX_PONG))
    assert Membership().receive(data(DOSBOX_PING), 5.0) == (None, None)


def test_packets_are_frames_between_nodes() -> None:
    """Of type ETHERNET_II; before the registration is answered there is no node that they could be for."""
    head = "FFFFFFFFFFFF 7F00000188B8 8137"
    frame, answer = joined(DOSBOX_REPLY).receive(data(QUERY), 1.0)
    assert (frame, answer) == (data(head + QUERY).ljust(60, b"\0"), None)
    assert Membership().receive(data(QUERY), 1.0) == (None, None)


def test_what_ipxbox_leaves_out_is_mended() -> None:
    """Length 0 is that of the datagram, checksum 0 is none (measured)."""
    without = QUERY.replace("FFFF 0022", "0000 0000", 1)
    member = joined(DOSBOX_REPLY)
    assert member.receive(data(without), 1.0) == member.receive(data(QUERY), 1.0)


def test_what_is_no_packet_is_ignored() -> None:
    member = joined(DOSBOX_REPLY)
    for datagram in (b"", b"\0" * 29, data(QUERY.replace("0022", "0023", 1)), data(QUERY.replace("FFFF", "1234", 1))):
        assert member.receive(datagram, 1.0) == (None, None)
