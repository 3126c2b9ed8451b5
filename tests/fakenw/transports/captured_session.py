"""A running server, and clients that use every function it has: what the capture for Wireshark is made of."""

from __future__ import annotations

import socket
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from fakenw.bindery.nds_tree import ORGANIZATION, ROOT
from fakenw.bindery.objects import USER
from fakenw.bindery.passwords import answer, hash_password
from fakenw.core.services import SERVICES
from fakenw.server_process import ServerProcess
from fakenw.wire import nds
from fakenw.wire import packet as ncp
from fakenw.wire.framing import TNCP, Deframer, frame_request
from fakenw.wire.layout import Remaining, Request
from fakenw.wire.packet import Code, ReplyPacket, RequestPacket, decode_reply
from fakenw.wire.requests import (
    bindery,
    connection,
    directories,
    directory_entries,
    disk_space,
    entries,
    file_information,
    files,
    message,
    namespace,
    properties,
    server,
    status,
    trustees,
    volumes,
)
from fakenw.wire.requests import nds as tree
from harness.client.nds_login import NdsFailed
from tests.fakenw.login_ways import encrypt_hash, length_byte, nds_login
from tests.programs import LISTEN

DEADLINE = 60.0  # seconds that anything may take on a busy machine
FUNCTIONS = {key: entry for service in SERVICES for key, entry in service.functions.items()}
Key = tuple[int, int | None]


class Process(ServerProcess):
    """A running server which listens on a free port of either kind, and captures everything."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.capture, self.errors = folder / "server.pcap", folder / "errors.txt"
        self.sockets: list[socket.socket] = []
        super().__init__(*LISTEN, "--pcap", self.capture, *options, log=self.errors)
        self.ready()

    def end(self, number: int) -> int | None:
        """Send a signal; the exit code."""
        self.process.send_signal(number)
        self.process.wait(DEADLINE)
        return self.kill()

    def clean(self) -> None:
        self.kill()
        for each in self.sockets:
            each.close()


class Client:
    """One NCP connection over a plain socket, which notes what came back for which function."""

    def __init__(self, process: Process, transport: str, heard: dict[Key, set[int]]) -> None:
        kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
        self.socket = socket.socket(socket.AF_INET, kind)
        process.sockets.append(self.socket)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(process.addresses[transport])
        self.heard = heard
        self.number, self._sequence = ncp.NO_CONNECTION, 0
        self._deframer = Deframer(TNCP) if transport == "tcp" else None
        self.number = self.ask(ncp.CREATE, 0).connection

    def ask(self, kind: int, function: int, body: bytes = b"") -> ReplyPacket:
        packet = RequestPacket(kind, self._sequence, self.number, 1, function, body).encode()
        self.socket.sendall(frame_request(packet) if self._deframer else packet)
        packets: list[bytes] = []
        while not packets:
            data = self.socket.recv(65536)
            assert data, "the server closed the connection"
            packets = self._deframer.feed(data) if self._deframer else [data]
            packets = [one for one in packets if ncp.packet_type(one) == ncp.REPLY]
        reply = decode_reply(packets[0])
        assert reply.sequence == self._sequence
        self._sequence = (self._sequence + 1) & 0xFF
        return reply

    def call(self, request: Request[Any]) -> ReplyPacket:
        reply = self.ask(ncp.REQUEST, request.function, request.body())
        self.heard[request.function, request.subfunction].add(reply.completion)
        return reply

    def done(self, request: Request[Any]) -> Any:
        """A request that must succeed; its reply."""
        reply = self.call(request)
        assert reply.completion == 0, (request, hex(reply.completion))
        return request.reply.decode(reply.data)

    def refused(self, request: Request[Any], code: int) -> None:
        assert self.call(request).completion == code, request

    def message(self, verb: int, asked: bytes, most: int = 506) -> int:
        """An NDS message, in fragments; its code."""
        first, rest = nds.Start(most, nds.MESSAGE_HEADER + len(asked), 0, verb, 4096, asked[:489]), asked[489:]
        reply, found = self.done(tree.Fragment(nds.NO_HANDLE, first.encode())), b""
        while reply.handle != nds.NO_HANDLE:
            found += reply.data
            reply, rest = self.done(tree.Fragment(reply.handle, rest[:489])), rest[489:]
        return int.from_bytes((found + reply.data)[:4], "little", signed=True)

    def end(self) -> None:
        assert self.ask(ncp.DESTROY, 0).completion == 0
        self.socket.close()


def empty(layout: type[Request[Any]]) -> Request[Any]:
    """A request with nothing in it but zeros."""
    values = [b"" if isinstance(field, Remaining) else field.decode(bytes(600), 0)[0] for _, field in layout._fields]
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


def use_volumes_and_directories(op: Client) -> None:
    handle = op.done(files.AllocateTemporaryHandle(0, 0, "SYS:")).handle
    other = op.done(files.AllocatePermanentHandle(0, ord("F"), "SYS:PUBLIC")).handle
    for request in (
        *(files.GetVolumeNumber("SYS"), files.GetVolumeName(0), volumes.GetVolumeInfo(0)),
        *(volumes.GetVolumeInfoByHandle(handle), volumes.GetPurgeInfo(0), volumes.GetDirectoryInfo(handle)),
        *(volumes.GetMountedVolumes(0, 1, 0), volumes.GetMountedVolumes(0, 0, 0), directories.GetDirectoryPath(other)),
        *(directories.CreateDirectory(handle, 0xFF, "ONE"), directories.RenameDirectory(handle, "ONE", "TWO")),
        *(directories.GetEffectiveRights(handle, "TWO"), directories.ScanDirectories(handle, 1, "*")),
        *(directories.SetDirectoryHandle(other, handle, "TWO"), directories.SetDirectoryHandle(other, 0, "SYS:")),
        *(directories.DeleteDirectory(handle, 0, "TWO"), files.SearchFile(0xFFFF, handle, 0x10, "*")),
    ):
        op.done(request)
    start = op.done(directories.InitializeFileSearch(handle, ""))
    op.done(directories.ContinueFileSearch(start.volume, start.directory_id, start.sequence, 0x10, "*"))
    op.refused(
        directories.ContinueFileSearch(start.volume, start.directory_id, start.sequence, 0x06, "NO.SUCH"), Code.FAILURE
    )
    op.done(files.FreeDirectoryHandle(other))
    op.done(directories.GetPathOfNumber(start.volume, start.directory_id))
    kept = op.done(directories.ExtractHandle(op.done(files.AllocateSpecialHandle(0, 0, "SYS:PUBLIC")).handle))
    op.done(directories.RestoreHandle(kept.server, kept.place))
    op.done(volumes.GetNameSpaceList(0))
    op.done(volumes.GetExtendedVolumeInfo(0))
    op.done(directories.RenameOrMove(handle, 0x16, ("PUBLIC",), handle, ("PRIVATE",)))
    op.done(directories.RenameOrMove(handle, 0x16, ("PRIVATE",), handle, ("PUBLIC",)))


def use_files(op: Client) -> None:
    one = op.done(files.CreateFile(0, 0, "SYS:ONE.TXT")).handle
    two = op.done(files.CreateNewFile(0, 0, "SYS:TWO.TXT")).handle
    for request in (
        *(files.WriteFile(0, one, 0, 5, b"hello"), files.ReadFile(0, one, 1, 3), files.ReadFile(0, one, 0, 5)),
        *(files.CopyFile(0, one, two, 0, 0, 5), files.GetFileSize(0, two), files.CommitFile(0, one)),
        *(files.CommitFileToDisk(0, one), files.SetFileTime(0, two, 0, 0x290A), files.CloseFile(0, one)),
        *(files.CloseFile(0, two), files.SetFileAttributes(0x20, 0, 0, "SYS:ONE.TXT")),
        *(files.RenameFile(0, 0, "SYS:ONE.TXT", 0, "SYS:SIX.TXT"), files.SearchFile(0xFFFF, 0, 0, "SYS:SIX.TXT")),
    ):
        op.done(request)
    for opening in (
        files.OpenFileOld(0, 0, "SYS:SIX.TXT"),
        files.OpenFile(0, 0, 1, "SYS:SIX.TXT"),
        files.OpenOrCreateFile(0, 0, 1, 1, "SYS:SIX.TXT"),
    ):
        op.done(files.CloseFile(0, op.done(opening).handle))
    for name in ("SYS:SIX.TXT", "SYS:TWO.TXT"):
        op.done(files.EraseFile(0, 0, name))


def use_name_spaces(op: Client) -> None:
    """As libncp and the kernel do it: with a base, with a handle, with names only; both styles of the mask."""
    old, new, nowhere = 0x0FFF, 0x81FFFFFF, (0, 0, 0xFF)
    base = op.done(namespace.GetDirectoryBase(0, 0, 0, *nowhere, ("SYS",)))
    number = int.from_bytes(base.encode()[:4], "little")
    opened = namespace.OpenOrCreate(0, 0x09, 0x06, old, 0, 0x03, 0, number, 1, ("NEW.TXT",))
    for mask in (old, new):
        found = op.done(namespace.OpenOrCreate(0, 0x09, 0x06, mask, 0, 0x03, *nowhere, ("SYS", "NEW.TXT")))
        op.done(files.CloseFile(0, bytes(2) + found.handle))
        op.done(namespace.GetEntryInfo(0, 0, 0x06, mask, 0, number, 1, ("NEW.TXT",)))
        start = op.done(namespace.InitializeSearch(0, 0, 0, number, 1, ()))
        position = (start.volume, start.directory, start.sequence)
        searched = (
            mask if mask == old else mask & ~0xC010
        )  # Wireshark forgets total size and streams in a new-style 87/3
        op.done(namespace.Search(0, 0, 0x16, searched, *position, "*"))
        op.done(namespace.SearchSet(0, 0, 0x16, mask, 10, *position, "*"))
    op.done(files.CloseFile(0, bytes(2) + op.done(opened).handle))
    op.done(namespace.GetNameSpaces(0, 0))
    op.done(namespace.AllocateShortHandle(0, 0, 0, *nowhere, ("SYS",)))
    names = b"\x07NEW.TXT" + b"\x07OLD.TXT"
    op.done(namespace.Rename(0, 0, 0x06, 0, number, 1, 1, 0, number, 1, 1, names))
    op.done(namespace.Delete(0, 0, 0x06, 0, number, 1, ("OLD.TXT",)))


def use_entries(op: Client) -> None:
    """Numbers, attributes, dates and paths, as libncp and the kernel ask for them."""
    op.done(files.CloseFile(0, op.done(files.CreateFile(0, 0, "SYS:NUM.TXT")).handle))
    number = op.done(namespace.GetDirectoryBase(0, 0, 0, 0, 0, 0xFF, ("SYS", "NUM.TXT"))).base
    handle = op.done(files.AllocateTemporaryHandle(0, 0, "SYS:")).handle
    dates = (0x290A, 0x4BC7, 1)
    for request in (
        entries.ModifyDosInfo(0, 0, 0x06, 0x3FFE, 0x20, *dates * 3, 0x290A, 0, 0, 0, 0, number, 1, ()),
        entries.SetShortHandle(0, 0, handle, 0, 0, 0, 0xFF, ("SYS", "LOGIN")),
        *(entries.GetHandlePath(0, handle), entries.GetNameSpaceInfo(0, 0, 0, 0, number, 0x1FFF)),
        entries.SetNameSpaceInfo(0, 0, 0, number, 0x0003, b"\x07NEW.TXT" + bytes(4)),
        *(entries.GetHugeInfo(0, 0, number, 1, bytes(16)), entries.GetFullPath(0, 0, 0, 0, 0, 0, number, 1, ())),
    ):
        op.done(request)
    op.done(namespace.Delete(0, 0, 0x06, 0, number, 1, ()))


def use_directory_entries(op: Client) -> None:
    """NetWare 386's own entries: scanned, told, and set to what they are."""
    handle = op.done(files.AllocateTemporaryHandle(0, 0, "SYS:LOGIN")).handle
    root = op.done(files.AllocateTemporaryHandle(0, 0, "SYS:")).handle
    found = op.done(directory_entries.ScanDirectory(handle, 0x06, 0xFFFFFFFF, "*.*"))
    op.done(directory_entries.ScanDirectory(root, 0x16, 0xFFFFFFFF, "*.*"))
    op.done(directory_entries.ScanDirectorySpace(handle, 0x06, 0xFFFFFFFF, "*.*"))
    entry = found.entry[4:]
    op.done(directory_entries.SetDirectoryEntry(handle, 0x06, found.sequence, 0x0002, bytes(2), 0, entry))
    op.done(directory_entries.GetDirectoryEntry(handle))
    op.done(directory_entries.SetDirectoryInfo(handle, 0x290A, 0x4BC7, 1, 0xFF, ""))
    number = op.done(namespace.GetDirectoryBase(0, 0, 0, 0, 0, 0xFF, ("SYS", "LOGIN"))).base
    op.done(directory_entries.GetNameSpaceEntry(0, number, 0))


def use_trustees(op: Client, user: int) -> None:
    """Rights are assigned, listed, asked for and taken away."""
    here, one = (0, 0, 0xFF, ("SYS", "PUBLIC")), trustees.pack([(user, 0x41)])
    for request in (
        *(trustees.AddTrustee(0, user, 0xFB, "SYS:PUBLIC"), trustees.ScanTrustees(0, 0, "SYS:PUBLIC")),
        *(trustees.GetObjectRights(user, 0, "SYS:PUBLIC"), trustees.DeleteTrustee(0, user, 0, "SYS:PUBLIC")),
        trustees.AddExtendedTrustee(0, user, 0x1FB, "SYS:PUBLIC/NLIST.EXE"),
        *(trustees.GetEntryRights(0, "SYS:PUBLIC"), trustees.ModifyMaximumRights(0, 0xFF, 0, "SYS:PUBLIC")),
        trustees.DeleteExtendedTrustee(0, user, 0, "SYS:PUBLIC/NLIST.EXE"),
        *(trustees.AddTrusteeSet(0, 0, 0x8006, 0xFFFF, 1, *here, one), trustees.ScanTrusteeSet(0, 0, 0x8006, 0, *here)),
        *(trustees.DeleteTrusteeSet(0, 0, 1, *here, one), trustees.GetEffectiveRights(0, 0, 0x8006, 0xFFF, *here)),
    ):
        op.done(request)


def use_disk_space(op: Client, user: int) -> None:
    op.done(disk_space.SetSpaceRestriction(0, user, 100))
    op.done(disk_space.ScanSpaceRestrictions(0, 0))
    op.done(disk_space.GetSpaceInUse(0, user))
    op.done(disk_space.RemoveSpaceRestriction(0, user))
    for asked in (
        *(disk_space.ScanSpaceRestrictions(9, 0), disk_space.GetSpaceInUse(9, user)),
        *(volumes.GetNameSpaceList(9), volumes.GetExtendedVolumeInfo(9)),
    ):
        op.refused(asked, Code.NO_SUCH_VOLUME)


def use_file_information(op: Client, user: int) -> None:
    op.done(files.CloseFile(0, op.done(files.CreateFile(0, 0, "SYS:ONE.TXT")).handle))
    dates = (0x290A, 0x290A, 0x290A, 0x4BC7, 0, 0x290A, 0)
    for request in (
        *(file_information.GetDiskUse(0, user), file_information.ScanTrusteePaths(0, 0xFFFF, user)),
        file_information.ScanFileInformation(0xFFFF, 0, 6, "SYS:ONE.TXT"),
        file_information.SetFileInformation(0x20, 0, *dates, bytes(56), 0, 6, "SYS:ONE.TXT"),
        files.EraseFile(0, 6, "SYS:ONE.TXT"),
    ):
        op.done(request)
    op.refused(file_information.GetDiskUse(9, user), Code.NO_SUCH_VOLUME)
    op.refused(file_information.ScanTrusteePaths(9, 0xFFFF, user), Code.NO_SUCH_VOLUME)


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
    use_entries(op)
    use_directory_entries(op)
    user = op.done(bindery.GetObjectId(USER, "JOE")).object_id
    use_trustees(op, user)
    use_disk_space(op, user)
    use_file_information(op, user)
    use_the_tree(joe)
    joe.done(connection.Logout())
    joe.end()
    for client, clear in zip(cleared, (connection.ClearConnection, connection.ClearConnectionOld), strict=True):
        op.done(clear(client.number))
        client.socket.close()
    op.done(server.DownServer(0xFF))
    op.socket.close()
    return heard
