"""Addresses of IPX links, as --listen and a configuration have them."""

from __future__ import annotations

import pytest

from fakenw.core.ipx_link import IpxLink, network_number, parse_listener
from fakenw.core.peer import UDP, Peer


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("ipx:qemu:127.0.0.1:0", IpxLink("qemu", ("127.0.0.1", 0))),
        ("ipx:qemu:127.0.0.1:20000,peer=[::1]:20001", IpxLink("qemu", ("127.0.0.1", 20000), peer=("::1", 20001))),
        ("ipx:stream:0.0.0.0:5000", IpxLink("stream", ("0.0.0.0", 5000))),
        ("ipx:stream:lab.example:5000,connect", IpxLink("stream", ("lab.example", 5000), connects=True)),
        ("ipx:dosbox:10.0.0.5:213", IpxLink("dosbox", ("10.0.0.5", 213))),
        ("ipx:tap:tap0", IpxLink("tap", card="tap0")),
        ("ipx:eth:enp0s31f6.7", IpxLink("eth", card="enp0s31f6.7")),
        ("udp:127.0.0.1:524", Peer(UDP, ("127.0.0.1", 524))),
    ],
)
def test_links(text: str, link: IpxLink | Peer) -> None:
    assert parse_listener(text) == link


@pytest.mark.parametrize(
    "text",
    [
        *(
            "ipx:",
            "ipx:127.0.0.1:524",
            "ipx:00000001:000000000001:0451",
            "ipx:wire:127.0.0.1:0",
            "ipx:QEMU:127.0.0.1:0",
        ),
        *("ipx:qemu:127.0.0.1", "ipx:qemu:127.0.0.1:x", "ipx:qemu:127.0.0.1:0,peer=", "ipx:qemu:127.0.0.1:0,connect"),
        *("ipx:qemu:127.0.0.1:0,peer=127.0.0.1:1,peer=127.0.0.1:2", "ipx:qemu:127.0.0.1:65536", "ipx:stream::0"),
        *("ipx:stream:127.0.0.1:0,connect,connect", "ipx:dosbox:127.0.0.1:213,peer=127.0.0.1:1", "ipx:tap:"),
        *("ipx:tap:a-name-too-long-for-linux", "ipx:eth:eth0:1", "ipx:eth:a/b", "ipx:eth:eth0,peer=127.0.0.1:1"),
    ],
)
def test_what_is_no_link(text: str) -> None:
    """The message quotes it, and names every form."""
    with pytest.raises(ValueError, match=r"is not ipx:qemu:HOST:PORT.* or ipx:eth:NAME, nor tcp:HOST:PORT") as found:
        parse_listener(text)
    assert str(found.value).startswith(repr(text))


def test_the_name_of_a_link() -> None:
    """It has the port that the system gave, and no options."""
    assert IpxLink.parse("ipx:qemu:127.0.0.1:0,peer=127.0.0.1:1").at(20002) == "qemu:127.0.0.1:20002"
    assert str(IpxLink.parse("ipx:eth:eth0")) == "eth:eth0"


def test_numbers_of_networks() -> None:
    """The two largest are the default route and every network (RFC 1634), 0 is the network at hand."""
    assert [network_number(text) for text in ("1", "00001234", "FFFFFFFD", "beef")] == [1, 0x1234, 0xFFFFFFFD, 0xBEEF]
    for text in ("0", "00000000", "FFFFFFFE", "ffffffff", "123456789", "xyz", "", "-1", "0x12"):
        with pytest.raises(ValueError, match="no IPX network; expected 1 to 8 hexadecimal digits"):
            network_number(text)
