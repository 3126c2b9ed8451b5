"""NDS: ping and fragments, whose content is in ``fakenw.wire.nds``. All numbers are little-endian."""

from __future__ import annotations

from typing import Annotated

from fakenw.wire.layout import Long, LongLE, Nothing, Padded, Raw, Reply, Request, Rest

AROUND_FRAGMENT = 12  # reply header and size, which a fragment's size does not count


class Pong(Reply, source="Wireshark dissect_nds_ping_reply; libncp NWIsDSServer; nmap needs 40 of the 53 bytes"):
    """Wireshark reads the length if version 9 has three zero bytes; libncp needs the NUL behind the name."""

    version: LongLE = 9
    length: LongLE = 33
    tree: Annotated[str, Padded(32)] = ""
    end: Annotated[bytes, Raw(1)] = b"\0"
    depth: Long = 1
    revision: Long = 600
    flags: LongLE = 0


class Ping(Request[Pong], ncp=(0x68, 1), source="nmap and libncp: three zero bytes; Wireshark: version and flags"):
    """The reply does not depend on the request."""

    asked: Rest


class FragmentReply(Reply, source="libncp ncp_send_nds_frag; Wireshark dissect_nds_reply"):
    """The size counts the handle and the data, which begins with the NDS code. The handle 0xFFFFFFFF marks the last."""

    size: LongLE
    handle: LongLE
    data: Rest


class Fragment(Request[FragmentReply], ncp=(0x68, 2), source="libncp ncp_send_nds_frag; nmap ncp.lua; Wireshark"):
    """The handle 0xFFFFFFFF begins a message: see ``Start``."""

    handle: LongLE
    data: Rest


class CloseFragment(Request[Nothing], ncp=(0x68, 3), source="Wireshark ncp2222.py", sure=False):
    """Abandons a message before its last fragment."""

    handle: LongLE


class BinderyContext(Reply, source="libncp bindctx.c: a string of NDS; Wireshark ncp2222.py"):
    context: Rest


class GetBinderyContext(Request[BinderyContext], ncp=(0x68, 4), source="libncp bindctx.c; Wireshark ncp2222.py"):
    pass


class MonitorConnection(Request[Nothing], ncp=(0x68, 5), source="Wireshark ncp2222.py"):
    """No data in either direction."""
