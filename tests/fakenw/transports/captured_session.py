"""A running server, and clients that use every function it has: what the capture for Wireshark is made of."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from fakenw.bindery.nds_tree import ORGANIZATION, ROOT
from fakenw.bindery.objects import USER
from fakenw.bindery.passwords import answer, hash_password
from fakenw.wire import nds
from fakenw.wire.layout import Remaining, Request
from fakenw.wire.packet import Code
from fakenw.wire.requests import (
    bindery,
    connection,
    files,
    message,
    namespace,
    properties,
    server,
    status,
    volumes,
)
from fakenw.wire.requests import nds as tree
from harness.client.nds_login import NdsFailed
from tests.fakenw.login_ways import encrypt_hash, length_byte, nds_login
from tests.fakenw.transports.captured_client import FUNCTIONS, Client, Key, Process
from tests.fakenw.transports.captured_file_work import (
    use_directory_entries,
    use_disk_space,
    use_entries,
    use_file_information,
    use_files,
    use_locks,
    use_long_names,
    use_name_spaces,
    use_trustees,
    use_volumes_and_directories,
)


def empty(layout: type[Request[Any]]) -> Request[Any]:
    """A request with nothing in it but zeros."""
    values = [b"" if isinstance(field, Remaining) else field.decode(bytes(600), 0)[0] for _, field in layout.forms()]
    return layout(*values)


def ask_for_nothing(client: Client) -> None:
    """Every function, with zeros for everything: most is refused, and nothing breaks."""
    for function in FUNCTIONS.values():
        client.call(empty(function.layout))


def look_at_the_server(joe: Client, op: Client) -> None:
    """What a monitor and an operator ask."""
    for request in (
        *(server.GetServerTime(), server.GetServerInfo(), server.GetDescriptionStrings(), server.GetSynchronizedTime()),
        *(connection.GetStationNumber(), connection.NegotiateBuffer(1024), connection.NegotiateBigPacket(1024, 0)),
        *(connection.SetWatchdogDelay(5), connection.EndOfJob(), connection.GetStationInfo(joe.number)),
        *(connection.GetStationInfoOld(joe.number), connection.GetInternetAddress(joe.number)),
        *(connection.GetInternetAddressOld(joe.number), connection.GetObjectConnections(0, USER, "JOE")),
        *(connection.GetObjectConnectionsOld(USER, "JOE"), connection.GetUserConnections("JOE")),
        *(status.GetStatistics(), status.GetVersion()),
        *(status.GetUserInfo(joe.number), status.GetActiveConnections(0, 2), status.GetAddresses(0)),
        status.GetConnectionDetails(0xFF, bytes(3), (joe.number, op.number)),
    ):
        joe.done(request)
    joe.done(server.VerifySerialNumber(joe.done(server.GetSerialNumber()).serial_number))
    for asked, code in (
        (connection.RequestBurst(1, 1024, 0x4004, 8192, 8192), Code.UNSUPPORTED),
        (connection.SetWatchdogDelay(0xFFFFFFFF), Code.CANNOT_LICENSE),
        (status.GetActiveConnections(0xFFFFFFFF, 2), Code.BAD_CONNECTION),
        (status.GetConnectionDetails(0xFF, bytes(3), (999,)), Code.INVALID_PARAMETER),
        (files.GetVolumeName(255), Code.NO_SUCH_VOLUME),
        (volumes.GetVolumeInfo(255), Code.NO_SUCH_VOLUME),
        (volumes.GetPurgeInfo(255), Code.NO_SUCH_VOLUME),
        (namespace.GetNameSpaces(0, 255), Code.NO_SUCH_VOLUME),
    ):
        joe.refused(asked, code)
    found = joe.done(bindery.GetObjectId(USER, "JOE"))
    joe.done(connection.GetConnectionsOfObject(found.object_id, 0))
    joe.done(connection.ChangeConnectionState(0))
    joe.done(connection.ChangeConnectionState(1))
    for privileged in (
        *(server.CheckConsolePrivileges(), server.SetServerTime(100, 8, 10, 9, 30, 15), server.DisableLogin()),
        *(server.GetLoginStatus(), server.EnableLogin(), connection.GetConnectionUsage(joe.number)),
    ):
        op.done(privileged)


def send_messages(joe: Client, op: Client) -> None:
    op.done(message.DisableBroadcasts())
    op.done(message.EnableBroadcasts())
    op.done(message.BroadcastToConsole("HELLO"))
    op.done(message.SendMessageOld((joe.number,), "ONE"))
    joe.done(message.GetMessageOld())
    op.done(message.SendMessage((joe.number, 200), "TWO"))
    joe.done(message.GetMessage())
    for broadcast in (
        message.ConsoleBroadcastOld((joe.number,), "THREE"),
        message.ConsoleBroadcast((joe.number,), "FOUR"),
    ):
        op.done(broadcast)
        joe.done(message.GetMessage())


def use_the_bindery(joe: Client, op: Client) -> None:
    """Objects, properties, sets, and every way to say a password."""
    for request in (
        *(bindery.CreateObject(1, 0x31, USER, "TMP"), bindery.RenameObject(USER, "TMP", "TEMP")),
        *(bindery.ChangeObjectSecurity(0x33, USER, "TEMP"), bindery.ScanObjects(0xFFFFFFFF, 0xFFFF, "*")),
        *(bindery.GetObjectName(1), bindery.GetOwnAccess(), bindery.GetObjectAccess(1), bindery.IsManager()),
        *(
            properties.CreateProperty(USER, "TEMP", 0, 0x31, "NOTE"),
            properties.CreateProperty(USER, "TEMP", 2, 0x31, "SET"),
        ),
        properties.WriteProperty(USER, "TEMP", 1, 0xFF, "NOTE", b"text".ljust(128, b"\0")),
        *(properties.ReadProperty(USER, "TEMP", 1, "NOTE"), properties.ScanProperties(USER, "TEMP", 0xFFFFFFFF, "*")),
        *(
            properties.ChangePropertySecurity(USER, "TEMP", 0x33, "NOTE"),
            properties.AddToSet(USER, "TEMP", "SET", USER, "JOE"),
        ),
        *(
            properties.IsInSet(USER, "TEMP", "SET", USER, "JOE"),
            properties.DeleteFromSet(USER, "TEMP", "SET", USER, "JOE"),
        ),
        *(properties.DeleteProperty(USER, "TEMP", "NOTE"), bindery.DeleteObject(USER, "TEMP")),
        *(bindery.VerifyPassword(USER, "JOE", "SECRET"), bindery.CloseBindery(), bindery.OpenBindery()),
        properties.ListRelations(0xFFFFFFFF, USER, "JOE", "GROUP_MEMBERS"),
        *(bindery.LoginUser("JOE", "SECRET"), bindery.ChangePassword(USER, "JOE", "SECRET", "OTHER")),
        *(bindery.ChangeUserPassword("JOE", "OTHER", "THIRD"), bindery.ChangeUserPassword("JOE", "THIRD", "OTHER")),
    ):
        own = isinstance(request, bindery.LoginUser | bindery.ChangePassword | bindery.ChangeUserPassword)
        (joe if own else op).done(request)
    number = joe.done(bindery.GetObjectId(USER, "JOE")).object_id
    old, new = (hash_password(number, word) for word in (b"OTHER", b"SECRET"))

    def key() -> bytes:
        return bytes(joe.done(bindery.GetLoginKey()).key)

    joe.done(bindery.KeyedVerifyPassword(answer(key(), old), USER, "JOE"))
    sent = encrypt_hash(old, new)
    joe.done(bindery.KeyedChangePassword(answer(key(), old), USER, "JOE", length_byte(old, 6), sent))
    joe.done(bindery.KeyedLogin(answer(key(), new), USER, "JOE"))
    joe.refused(bindery.KeyedLogin(answer(key(), old), USER, "JOE"), Code.FAILURE)
    joe.refused(bindery.PlainLogin(USER, "JOE", "WRONG"), Code.FAILURE)


def use_the_tree(joe: Client) -> None:
    """What nmap and libncp ask, in one fragment or in several, and what we do not know."""
    users = nds.Filter(
        nds.Filtering.AND,
        parts=(nds.Filter(nds.Filtering.ITEM, nds.RDN, "*"), nds.Filter(nds.Filtering.ITEM, nds.BASE_CLASS, "User")),
    )
    joe.done(tree.Ping(bytes(3)))
    joe.done(tree.GetBinderyContext())
    joe.done(tree.MonitorConnection())
    for name, code in (("[Root]", 0), ("CN=JOE.O=FAKETREE", 0), ("CN=NOBODY.O=FAKETREE", -601)):
        assert joe.message(1, nds.ResolveName(0, 0x62, 0, name, (9,), (9,)).encode()) == code
    for most in (506, 60_000):
        for names in ((), ("A" * 300, "B" * 100)):
            asked = nds.SearchEntries(3, 0, nds.NO_HANDLE, ROOT, 2, 0, 1, 0x381D, 0, names, users)
            assert joe.message(6, asked.encode(), most) == 0
        for fields in (0x381D, 0x3FFF):
            listing = nds.ListEntries(1, 0, nds.NO_HANDLE, ORGANIZATION, fields, "", "")
            assert joe.message(5, listing.encode(), most) == 0
    assert joe.message(54, bytes(8)) == -641
    assert joe.message(57, bytes(8)) == -601
    with pytest.raises(NdsFailed):
        nds_login(joe, "WRONG")
    nds_login(joe, "SECRET")
    joe.done(connection.ChangeConnectionState(1))
    start = nds.Start(506, 1000, 0, 6, 4096, asked.encode()[:489])
    joe.done(tree.CloseFragment(joe.done(tree.Fragment(nds.NO_HANDLE, start.encode())).handle))


def converse(process: Process, transport: str) -> dict[Key, set[int]]:
    """Every function, with success and with refusal. Returns the completion codes of each.

    Nobody gets a number that somebody had before: Wireshark would take the reply to the create for one to the other.
    """
    heard: dict[Key, set[int]] = defaultdict(set)
    op, stranger, joe, *cleared = (Client(process, transport, heard) for _ in range(5))
    ask_for_nothing(stranger)
    stranger.end()
    op.done(bindery.PlainLogin(USER, "SUPERVISOR", ""))
    joe.done(bindery.PlainLogin(USER, "JOE", "SECRET"))
    ask_for_nothing(joe)
    joe.done(bindery.PlainLogin(USER, "JOE", "SECRET"))
    look_at_the_server(joe, op)
    send_messages(joe, op)
    use_the_bindery(joe, op)
    use_volumes_and_directories(op)
    use_files(op)
    use_name_spaces(op)
    use_long_names(op)
    use_entries(op)
    use_directory_entries(op)
    user = op.done(bindery.GetObjectId(USER, "JOE")).object_id
    use_trustees(op, user)
    use_disk_space(op, user)
    use_file_information(op, user)
    use_locks(joe, op)
    use_the_tree(joe)
    joe.done(connection.Logout())
    joe.end()
    for client, clear in zip(cleared, (connection.ClearConnection, connection.ClearConnectionOld), strict=True):
        op.done(clear(client.number))
        client.socket.close()
    op.done(server.DownServer(0xFF))
    op.socket.close()
    return heard
