"""The server about itself."""

from __future__ import annotations

from fakenw.config import RELEASES
from fakenw.service import Call, Service
from fakenw.wire.requests import server as ncp

service = Service()


@service.answers(ncp.GetServerInfo)
def get_server_info(call: Call[ncp.GetServerInfo]) -> ncp.ServerInfo:
    """3.x shows its license size as the number of connections it supports (TID102118)."""
    host = call.host
    release = RELEASES[host.config.release]
    slots = host.ledger.limit if host.ledger.policy.name == "attach" else host.table.capacity
    return ncp.ServerInfo(
        name=host.config.name,
        os_major=release.os[0],
        os_minor=release.os[1],
        max_connections=min(slots, 0xFFFF),
        connections_in_use=len(host.table.by_number),
        max_volumes=64,
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
    return ncp.ServerTime(call.host.utc(call.host.now))
