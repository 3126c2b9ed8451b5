"""The server about itself: name and version, time."""

from __future__ import annotations

from typing import Annotated

from fakenw.wire.layout import Byte, Raw, Reply, Request, Stamp, Text48, Word


class ServerInfo(Reply, source="Wireshark ncp2222.py 0x1711; libncp; nmap needs 78 of the 128 bytes"):
    name: Text48
    os_major: Byte
    os_minor: Byte
    max_connections: Word
    connections_in_use: Word
    max_volumes: Word
    os_revision: Byte
    sft_level: Byte
    tts_level: Byte
    peak_connections: Word
    accounting_version: Byte
    vap_version: Byte
    queue_version: Byte
    print_server_version: Byte
    virtual_console_version: Byte
    security_restriction: Byte
    bridge_version: Byte
    mixed_mode_path: Byte
    local_login_code: Byte
    product_major: Word
    product_minor: Word
    product_revision: Word
    language: Byte
    wide_support: Byte = 0
    oes_server: Byte = 0
    kernel: Byte = 0
    reserved: Annotated[bytes, Raw(48)] = bytes(48)


class GetServerInfo(Request[ServerInfo], ncp=(23, 17), source="Wireshark ncp2222.py; libncp; nmap"):
    pass


class ServerTime(Reply, source="Wireshark ncp2222.py"):
    now: Stamp


class GetServerTime(Request[ServerTime], ncp=0x14, source="Wireshark ncp2222.py"):
    pass
