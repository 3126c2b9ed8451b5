"""The server about itself."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from fakenw.core.service import Call, NcpService, ServiceHost
from fakenw.core.settings import RELEASES
from fakenw.wire.packet import Code, Refused
from fakenw.wire.requests import server as ncp

service = NcpService()

MOST_VOLUMES = 64


def slots(host: ServiceHost) -> int:
    """How many connections it says it supports: 3.x shows its license size (TID102118)."""
    return host.ledger.limit if host.ledger.policy.name == "attach" else host.table.capacity


@service.answers(ncp.GetServerInfo)
def get_server_info(call: Call[ncp.GetServerInfo]) -> ncp.ServerInfo:
    host = call.host
    release = RELEASES[host.settings.release]
    return ncp.ServerInfo(
        name=host.settings.name,
        os_major=release.os[0],
        os_minor=release.os[1],
        max_connections=min(slots(host), 0xFFFF),
        connections_in_use=len(host.table.by_number),
        max_volumes=MOST_VOLUMES,
        os_revision=0,
        sft_level=2,
        tts_level=1,
        peak_connections=host.table.peak,
        accounting_version=1,
        vap_version=1,
        queue_version=1,
        print_server_version=0,
        virtual_console_version=1,
        security_restriction=1,
        bridge_version=1,
        mixed_mode_path=0,
        local_login_code=0,
        product_major=release.product[0],
        product_minor=release.product[1],
        product_revision=0,
        language=4,
    )


@service.answers(ncp.GetServerTime)
def get_server_time(call: Call[ncp.GetServerTime]) -> ncp.ServerTime:
    return _told(call.host.clock())


@lru_cache(maxsize=1)
def _told(clock: datetime) -> ncp.ServerTime:
    """One reply for everybody who asks within a second: no request is more frequent."""
    return ncp.ServerTime(clock)


@service.answers(ncp.GetSynchronizedTime)
def get_synchronized_time(call: Call[ncp.GetSynchronizedTime]) -> ncp.SynchronizedTime:
    """The server's wall time, which is taken for UTC; it is the only time server, and no event is planned."""
    since = call.host.utc(call.host.now) - datetime(1970, 1, 1)
    seconds, fraction = since.days * 86_400 + since.seconds, (since.microseconds << 32) // 1_000_000
    return ncp.SynchronizedTime(seconds & 0xFFFFFFFF, fraction, ncp.SYNCHRONIZED, bytes(8), 0xFFFFFFFF)


@service.answers(ncp.VerifySerialNumber, refuses=(Code.FAILURE,))
def verify_serial_number(call: Call[ncp.VerifySerialNumber]) -> None:
    if call.request.serial_number != call.host.settings.serial_number:
        raise Refused(Code.FAILURE)


@service.answers(ncp.GetSerialNumber)
def get_serial_number(call: Call[ncp.GetSerialNumber]) -> ncp.SerialNumber:
    return ncp.SerialNumber(call.host.settings.serial_number, 0)


@service.answers(ncp.GetDescriptionStrings)
def get_description_strings(call: Call[ncp.GetDescriptionStrings]) -> ncp.DescriptionStrings:
    """A hundred bytes at least, which is what Wireshark reads."""
    major, minor = RELEASES[call.host.settings.release].product
    strings = (
        "fakenw",
        f"NetWare {major}.{minor:02d} as fakenw plays it",
        "10 August 2000",
        "no copyright of Novell's",
    )
    raw = b"".join(text.encode("ascii") + b"\0" for text in strings)
    return ncp.DescriptionStrings(raw.ljust(100, b"\0"))
