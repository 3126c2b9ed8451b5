"""Frames that Wireshark dissected without complaint: they decode to what it saw, and encode back to the same bytes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import pytest

from fakenw.wire import packet as ncp
from fakenw.wire.framing import DMDT, TNCP, Deframer, frame_reply, frame_request
from fakenw.wire.layout import Layout, Nothing, Request, split_body
from fakenw.wire.packet import ReplyPacket, RequestPacket, WatchdogPacket, decode_reply, decode_request, decode_watchdog
from fakenw.wire.requests import bindery, connection, files, server


class Create(NamedTuple):
    """A create; libncp over TCP sends bytes behind it that nobody understands."""

    behind: bytes = b""


class Destroy(NamedTuple):
    """A destroy, which has no data."""


class Wide(NamedTuple):
    """A request with more bytes than Wireshark documents; they are ignored."""

    request: Request[Any]
    ignored: bytes


RESPONSE = bytes.fromhex("217b64e99d363d71")
ACCOUNT = "SMSCCMBOOTACCT"
LOGIN_TIME = datetime(2000, 8, 10, 9, 30, 15)
LOGIN_EXE = ("LOGIN.EXE", 0x20, 0, 11, 0x290A, 0x290A, 0x290A, 0x4BC0)

FRAMES: dict[str, Layout | Create | Destroy | Wide | WatchdogPacket] = {
    "tcp_create_connection_libncp": Create(bytes.fromhex("10") + bytes(17)),
    "tcp_create_connection_reply": Nothing(),
    "tcp_negotiate_61_request_signing": connection.NegotiateBigPacket(1032, 2),
    "tcp_negotiate_61_reply_nosign": connection.BigPacketSize(1024, 0x4002, 0),
    "tcp_negotiate_61_request_plain": connection.NegotiateBigPacket(1024, 0),
    "tcp_negotiate_61_reply_plain": connection.BigPacketSize(1024, 0x4002, 0),
    "tcp_negotiate_21_request": connection.NegotiateBuffer(1024),
    "tcp_negotiate_21_reply": connection.BufferSize(1024),
    "tcp_get_login_key_request": bindery.GetLoginKey(),
    "tcp_get_login_key_reply": bindery.LoginKey(bytes.fromhex("a1b2c3d4e5f60718")),
    "tcp_get_object_id_request": bindery.GetObjectId(1, ACCOUNT),
    "tcp_get_object_id_reply": bindery.ObjectInfo(0x02000017, 1, ACCOUNT),
    "tcp_keyed_login_request": bindery.KeyedLogin(RESPONSE, 1, ACCOUNT),
    "tcp_keyed_login_reply_ok": Nothing(),
    "tcp_change_conn_state_license_dword": Wide(connection.ChangeConnectionState(1), bytes(3)),
    "tcp_change_conn_state_reply_ok": Nothing(),
    "tcp_station_info_request": connection.GetStationInfo(5),
    "tcp_station_info_reply": connection.StationInfo(0x02000017, 1, ACCOUNT, LOGIN_TIME, 0),
    "tcp_change_conn_state_unlicense_byte": connection.ChangeConnectionState(0),
    "tcp_change_conn_state_unlicense_reply": Nothing(),
    "tcp_change_conn_state_license_byte": connection.ChangeConnectionState(1),
    "tcp_change_conn_state_no_license_E0": Nothing(),
    "tcp_logout_request": connection.Logout(),
    "tcp_get_time_request": server.GetServerTime(),
    "tcp_get_time_reply": server.ServerTime(LOGIN_TIME),
    "tcp_destroy_connection": Destroy(),
    "tcp_destroy_connection_reply": Nothing(),
    "nmap_server_info": server.GetServerInfo(),
    "nmap_server_info_reply": server.ServerInfo(
        name="FAKENW",
        os_major=4,
        os_minor=11,
        max_connections=5,
        connections_in_use=3,
        max_volumes=2,
        os_revision=0,
        sft_level=2,
        tts_level=1,
        peak_connections=4,
        accounting_version=1,
        vap_version=1,
        queue_version=1,
        print_server_version=0,
        virtual_console_version=1,
        security_restriction=1,
        bridge_version=1,
        mixed_mode_path=0,
        local_login_code=0,
        product_major=4,
        product_minor=11,
        product_revision=0,
        language=4,
    ),
    "nmap_destroy_connection": Destroy(),
    "nmap_destroy_connection_reply": Nothing(),
    "udp_create_connection_reply": Nothing(),
    "udp_get_time_reply_msg_waiting": server.ServerTime(LOGIN_TIME),
    "udp_watchdog_query": WatchdogPacket(300, b"?"),
    "udp_clear_connection_254": connection.ClearConnection(7),
    "udp_clear_connection_210": connection.ClearConnectionOld(7),
    "udp_keyed_login_reply_D9": Nothing(),
    "udp_keyed_login_request_2": bindery.KeyedLogin(RESPONSE, 1, ACCOUNT),
    "udp_request_after_clear": server.GetServerTime(),
    "udp_reply_bad_connection_status_mars": Nothing(),
    "udp_reply_cleared_FD_status01": Nothing(),
    "udp_reply_server_down_10": Nothing(),
    "udp_create_connection_refused_req": Create(),
    "udp_create_connection_refused_F9": Nothing(),
    "g_create_connection": Create(),
    "g_create_connection_reply": Nothing(),
    "plain_login_20_request": bindery.PlainLogin(1, "GUEST", "SECRET"),
    "file_create_conn": Create(),
    "file_alloc_temp_dir_handle": files.AllocateTemporaryHandle(0, ord("Z"), "SYS:PUBLIC"),
    "file_alloc_temp_dir_handle_reply": files.DirectoryHandle(1, 0x45),
    "file_search_40": files.SearchFile(0xFFFF, 1, 6, "*.*"),
    "file_search_40_reply": files.FoundFile(1, bytes(2), *LOGIN_EXE),
    "file_open_4c": files.OpenFile(1, 6, 0x11, "LOGIN.EXE"),
    "file_open_4c_reply": files.OpenedFile(bytes.fromhex("000000010001"), bytes(2), *LOGIN_EXE),
    "file_read_48_odd_reply": files.FileData.of(b"ello world", offset=1),
    "file_scan_object": bindery.ScanObjects(0xFFFFFFFF, 0xFFFF, "*"),
    "file_scan_object_reply": bindery.ScannedObject(1, 1, "SUPERVISOR", 1, 0x31, 0xFF),
    "file_burst_65": connection.RequestBurst(0x1234, 1470, 0x4004, 0x2000, 0x2000),
    "file_burst_65_refused": Nothing(),
    "ipx_kb_q186804_E0": Nothing(),
}

IPX_HEADER = 30


def unwrapped(frame: dict[str, Any]) -> bytes:
    """The NCP packet inside a frame."""
    data = bytes.fromhex(frame["hex"])
    if frame["transport"] == "tcp":
        (data,) = Deframer(DMDT if frame["direction"] == "c2s" else TNCP).feed(data)
    elif frame["transport"].startswith("ipx"):
        data = data[IPX_HEADER:]
    return data


def test_table_is_complete(frames: dict[str, dict[str, Any]]) -> None:
    """Every frame that is carried is in the table, and the reverse."""
    assert frames.keys() == FRAMES.keys()


@pytest.mark.parametrize("name", FRAMES)
def test_frame_decodes_and_encodes(frames: dict[str, dict[str, Any]], name: str) -> None:
    """The layout reads the values of the table, and they make the same bytes again."""
    data, expected = unwrapped(frames[name]), FRAMES[name]
    if isinstance(expected, WatchdogPacket):
        assert decode_watchdog(data) == expected
        assert expected.encode() == data
        return
    if frames[name]["direction"] == "s2c":
        assert isinstance(expected, Layout)
        reply = decode_reply(data)
        assert type(expected).decode(reply.data) == expected
        assert reply._replace(data=expected.encode()).encode() == data
        return
    request = decode_request(data)
    if isinstance(expected, Create | Destroy):
        assert request.type == (ncp.CREATE if isinstance(expected, Create) else ncp.DESTROY)
        assert request.body == (expected.behind if isinstance(expected, Create) else b"")
        assert request.encode() == data
        return
    layout, ignored = (expected.request, expected.ignored) if isinstance(expected, Wide) else (expected, b"")
    assert isinstance(layout, Request)
    assert (request.type, request.function) == (ncp.REQUEST, layout.function)
    subfunction, content = split_body(request.function, request.body)
    assert subfunction == layout.subfunction
    assert type(layout).decode(content) == layout
    assert layout.encode() + ignored == content
    if not ignored:
        assert request._replace(body=layout.body()).encode() == data


@pytest.mark.parametrize("name", FRAMES)
def test_header_is_what_wireshark_saw(frames: dict[str, dict[str, Any]], name: str) -> None:
    """Type, sequence, connection, task, function, codes: as the dissector printed them."""
    data, seen = unwrapped(frames[name]), frames[name]["tshark"]
    packet: RequestPacket | ReplyPacket
    if int(seen["type"], 16) == ncp.WATCHDOG:
        assert decode_watchdog(data).connection == int(seen["connection"])
        return
    if frames[name]["direction"] == "c2s":
        packet = decode_request(data)
        if packet.type == ncp.REQUEST:
            assert packet.function == int(seen["func"], 16)
            subfunction, _ = split_body(packet.function, packet.body)
            assert subfunction == (int(seen["subfunc"]) if "subfunc" in seen else None)
    else:
        packet = decode_reply(data)
        assert packet.completion == int(seen["completion_code"], 16)
        assert packet.status == int(seen["connection_status"])
    assert packet.type == int(seen["type"], 16)
    assert packet.sequence == int(seen["seq"])
    assert packet.connection == int(seen["connection"])
    if "task" in seen:
        assert packet.task == int(seen["task"])


@pytest.mark.parametrize("name", [name for name in FRAMES if name.startswith(("tcp", "nmap", "file"))])
def test_framing_gives_the_same_frame(frames: dict[str, dict[str, Any]], name: str) -> None:
    """Wrapping the packet again makes the frame that was read."""
    frame = frames[name]
    assert int(frame["tshark"]["ip.length"]) == len(frame["hex"]) // 2
    if frame["direction"] == "c2s":
        wrapped = frame_request(unwrapped(frame), int(frame["tshark"]["ip.replybufsize"]))
    else:
        wrapped = frame_reply(unwrapped(frame))
    assert wrapped.hex() == frame["hex"]
