"""The server: name and version, time, serial number, console."""

from __future__ import annotations

from typing import Annotated

from fakenw.wire.layout import Byte, LongLE, Nothing, Raw, Reply, Request, Rest, Stamp, Text48, Word, WordLE


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


class SynchronizedTime(
    Reply,
    source="Novell's NCP documents: TimeSync; Wireshark ncp2222.py lacks the last four bytes; inferred: the fraction",
    sure=False,
):
    """Seconds of UTC since 1970, and 1/2**32 of one. ``status``: see SYNCHRONIZED. An ``event_time`` of -1: none."""

    seconds: LongLE
    fraction: LongLE
    status: LongLE
    event_offset: Annotated[bytes, Raw(8)]
    event_time: LongLE
    event_parameter: LongLE = 0


# Of 114/1: the clock is synchronized, also with the network, synchronization is active; the only time server
SYNCHRONIZED = 0x0001 | 0x0002 | 0x0004 | 0x0500


class GetSynchronizedTime(
    Request[SynchronizedTime], ncp=(114, 1), source="Novell's NCP documents: TimeSync; Wireshark ncp2222.py"
):
    pass


class VerifySerialNumber(Request[Nothing], ncp=(23, 12), source="Wireshark ncp2222.py"):
    serial_number: LongLE


class SerialNumber(Reply, source="Wireshark ncp2222.py"):
    serial_number: LongLE
    application: WordLE


class GetSerialNumber(Request[SerialNumber], ncp=(23, 18), source="Wireshark ncp2222.py"):
    pass


class CheckConsolePrivileges(Request[Nothing], ncp=(23, 200), source="Wireshark ncp2222.py"):
    pass


class DescriptionStrings(Reply, source="Wireshark ncp2222.py: 100 bytes; Novell: up to 512"):
    """Company, revision, date, copyright, each ended by a NUL."""

    strings: Rest


class GetDescriptionStrings(Request[DescriptionStrings], ncp=(23, 201), source="Wireshark ncp2222.py"):
    pass


class SetServerTime(
    Request[Nothing], ncp=(23, 202), source="Wireshark ncp2222.py; years below 80 are inferred", sure=False
):
    """The year counts from 1900; below 80 it counts from 2000."""

    year: Byte
    month: Byte
    day: Byte
    hour: Byte
    minute: Byte
    second: Byte


class DisableLogin(Request[Nothing], ncp=(23, 203), source="Wireshark ncp2222.py"):
    pass


class EnableLogin(Request[Nothing], ncp=(23, 204), source="Wireshark ncp2222.py"):
    pass


class LoginStatus(Reply, source="Wireshark ncp2222.py"):
    allowed: Byte


class GetLoginStatus(Request[LoginStatus], ncp=(23, 205), source="Wireshark ncp2222.py"):
    pass


class DownServer(Request[Nothing], ncp=(23, 211), source="Wireshark ncp2222.py"):
    """``force``: 0 stops only if no files are open, 0xFF in any case."""

    force: Byte
