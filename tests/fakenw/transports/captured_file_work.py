"""What clients do with volumes, directories, files and locks, for the capture."""

from __future__ import annotations

from typing import Any

from fakenw.wire.packet import Code
from fakenw.wire.requests import (
    directories,
    directory_entries,
    disk_space,
    entries,
    file_information,
    files,
    holdings,
    namespace,
    semaphores,
    synchronization,
    trustees,
    volumes,
)
from tests.fakenw.transports.captured_client import Client


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


def use_long_names(op: Client) -> None:
    """As use_name_spaces, in LONG; the reply to 87/6 has the name of the other name space."""
    mask, long, short = 0x0FFF, "A long name.text", "ALONGNAM.TEX"
    made = op.done(namespace.OpenOrCreate(4, 0x09, 0x06, mask, 0, 0x03, 0, 0, 0xFF, ("SYS", long)))
    op.done(files.CloseFile(0, bytes(2) + made.handle))
    number = op.done(namespace.GetDirectoryBase(4, 4, 0, 0, 0, 0xFF, ("SYS", long))).base
    start = op.done(namespace.InitializeSearch(4, 0, 0, 0, 1, ()))
    position = (start.volume, start.directory, start.sequence)
    op.done(namespace.Search(4, 0, 0x16, mask, *position, "*"))
    op.done(namespace.SearchSet(4, 0, 0x16, mask, 10, *position, "*"))
    op.done(namespace.GetEntryInfo(4, 0, 0x06, mask, 0, 0, 1, (long,)))
    op.done(namespace.GetEntryInfo(0, 4, 0x06, mask, 0, 0, 1, (short,)))
    op.done(entries.GetNameSpaceInfo(0, 4, 0, 0, number, 1))
    op.done(entries.GetFullPath(0, 4, 0, 0, 0, 0, number, 1, ()))
    handle = op.done(namespace.AllocateShortHandle(4, 4, 0, 0, 0, 1, ())).handle
    op.done(entries.GetHandlePath(4, handle))
    op.done(namespace.Rename(4, 0x04, 0x06, 0, 0, 1, 1, 0, 0, 1, 1, b"\x10A long name.text\x0cAnother name"))
    op.done(entries.SetNameSpaceInfo(4, 0, 0, number, 1, b"\x07ONE.TXT"))
    op.done(namespace.Delete(4, 0, 0x06, 0, 0, 1, ("another NAME",)))


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


def ask_who_holds(op: Client, joe: Client) -> None:
    """SYS:ONE.TXT is open and locked, and so is a part of it; so is a logical record."""
    there = op.done(holdings.MapPathToNumber(0, "SYS:ONE.TXT"))
    of_entry = 0, there.volume, there.entry, 0
    for asking in (
        *(holdings.GetFileHolders(*of_entry), holdings.GetPhysicalRecords(op.number, *of_entry)),
        *(holdings.GetPhysicalRecordHolders(*of_entry), holdings.GetLogicalRecordHolders(0, "A")),
        *(holdings.MapNumberToPath(there.volume, there.entry, 0), holdings.MapPathToNumber(0, "SYS:ONE.TXT")),
    ):
        op.done(asking)
        joe.refused(asking, Code.NOT_OPERATOR)
    nothing = 0, there.volume, 0xFFFFFF, 0
    for asking in (holdings.GetFileHolders(*nothing), holdings.GetPhysicalRecordHolders(*nothing)):
        op.refused(asking, Code.FAILURE)
    op.refused(holdings.GetPhysicalRecords(op.number, *nothing), Code.FAILURE)
    op.refused(holdings.GetLogicalRecordHolders(0, "NO SUCH"), Code.FAILURE)


def use_locks(joe: Client, op: Client) -> None:
    """Each kind by its old functions and by its new ones: logged, locked as a set, released, cleared; and refused."""
    sync = synchronization
    one = op.done(files.CreateFile(0, 0, "SYS:ONE.TXT")).handle
    name, record = (0, "SYS:ONE.TXT"), (0, one, 16, 8)
    for request in (
        *(sync.LogFileOld(0, 0, 0, "SYS:ONE.TXT"), sync.LockFileSetOld(9), sync.ReleaseFileSet(0)),
        *(sync.LogFile(0, 0, 0, "SYS:ONE.TXT"), sync.LockFileSet(9), sync.ReleaseFile(*name), sync.ClearFile(*name)),
        *(sync.ClearFileSet(0), sync.LogLogicalRecordOld(0, 0, "A"), sync.LockLogicalRecordSetOld(1, 9)),
        *(sync.ReleaseLogicalRecord("A"), sync.ClearLogicalRecord("A"), sync.LogLogicalRecord(0, 0, "A")),
        *(sync.LockLogicalRecordSet(1, 9), sync.ReleaseLogicalRecordSet(0), sync.ClearLogicalRecordSet(0)),
        *(sync.LogPhysicalRecordOld(0, one, 16, 8, 0), sync.LockPhysicalRecordSetOld(1, 9)),
        *(sync.ReleasePhysicalRecord(*record), sync.ClearPhysicalRecord(*record)),
        *(sync.LogPhysicalRecord(0, one, 16, 8, 0), sync.LockPhysicalRecordSet(1, 9)),
        *(sync.ReleasePhysicalRecordSet(0), sync.ClearPhysicalRecordSet(0)),
        *(sync.LogLogicalRecord(1, 0, "A"), sync.LogPhysicalRecord(1, one, 16, 8, 0), sync.LogFile(0, 1, 0, name[1])),
    ):
        op.done(request)
    joe.refused(sync.LogLogicalRecord(1, 1, "A"), Code.TIMED_OUT)  # after a tick
    joe.refused(sync.LogLogicalRecordOld(1, 1, "A"), Code.TIMED_OUT)
    joe.refused(sync.LogFile(0, 3, 1, "SYS:ONE.TXT"), Code.TIMED_OUT)
    joe.refused(files.OpenFile(0, 6, 1, "SYS:ONE.TXT"), Code.IN_USE)
    for unlocking in (sync.ReleaseLogicalRecord("A"), sync.ClearLogicalRecord("A")):
        joe.refused(unlocking, Code.FAILURE)
    for logged, lock_set in (
        (sync.LogFile(0, 0, 0, "SYS:ONE.TXT"), (sync.LockFileSetOld(1), sync.LockFileSet(0))),
        (sync.LogLogicalRecord(0, 0, "A"), (sync.LockLogicalRecordSetOld(1, 1), sync.LockLogicalRecordSet(1, 0))),
    ):
        joe.done(logged)
        for locking in lock_set:
            joe.refused(locking, Code.TIMED_OUT)
    for asking in (holdings.GetOpenFiles, holdings.GetLogicalRecords):
        op.done(asking(op.number, 0))
        joe.refused(asking(op.number, 0), Code.NOT_OPERATOR)
    ask_who_holds(op, joe)
    op.done(sync.ClearFile(*name))
    other = joe.done(files.OpenFile(0, 6, 1, "SYS:ONE.TXT")).handle
    joe.refused(sync.LogPhysicalRecordOld(1, other, 16, 1, 1), Code.TIMED_OUT)
    joe.refused(sync.LogPhysicalRecord(1, other, 16, 1, 0), Code.LOCK_COLLISION)
    joe.refused(sync.ClearPhysicalRecord(0, other, 16, 1), Code.FAILURE)
    joe.done(sync.LogPhysicalRecord(0, other, 16, 1, 0))
    joe.refused(sync.LockPhysicalRecordSetOld(1, 1), Code.TIMED_OUT)
    joe.refused(sync.LockPhysicalRecordSet(1, 0), Code.LOCK_COLLISION)
    joe.refused(files.ReadFile(0, other, 16, 1), Code.IO_LOCKED)
    for client, handle in ((joe, other), (op, one)):
        client.done(files.CloseFile(0, handle))
    op.done(files.EraseFile(0, 0, "SYS:ONE.TXT"))
    layouts: Any
    for layouts in (
        (
            *(semaphores.OpenSemaphoreOld, semaphores.ExamineSemaphoreOld, semaphores.WaitOnSemaphoreOld),
            *(semaphores.SignalSemaphoreOld, semaphores.CloseSemaphoreOld),
        ),
        (
            *(semaphores.OpenSemaphore, semaphores.ExamineSemaphore, semaphores.WaitOnSemaphore),
            *(semaphores.SignalSemaphore, semaphores.CloseSemaphore),
        ),
    ):
        opening, examine, wait, signal, close = layouts
        handle = op.done(opening(1, "GATE")).handle
        for asked in (examine(handle), wait(handle, 0), signal(handle), wait(handle, 9)):
            op.done(asked)
        op.refused(wait(handle, 1), Code.TIMED_OUT)
        op.done(holdings.GetSemaphores(op.number, 0))
        op.done(holdings.GetSemaphoreHolders(0, "GATE"))
        joe.refused(holdings.GetSemaphores(op.number, 0), Code.NOT_OPERATOR)
        joe.refused(holdings.GetSemaphoreHolders(0, "GATE"), Code.NOT_OPERATOR)
        op.done(close(handle))
        op.refused(close(handle), Code.FAILURE)
