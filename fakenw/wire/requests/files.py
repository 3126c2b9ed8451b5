"""Volumes by name, directory handles, search; files: open, create, read, write, erase, rename."""

from __future__ import annotations

from fakenw.wire.layout import Byte, Bytes2, Bytes6, Long, Nothing, PString, Reply, Request, Rest, Text14, Word


class VolumeNumber(Reply, source="Wireshark ncp2222.py"):
    number: Byte


class GetVolumeNumber(Request[VolumeNumber], ncp=(22, 5), source="Wireshark ncp2222.py"):
    name: PString


class VolumeName(Reply, source="Wireshark ncp2222.py; empty for an unused slot"):
    name: PString


class GetVolumeName(Request[VolumeName], ncp=(22, 6), source="Wireshark ncp2222.py"):
    number: Byte


class DirectoryHandle(Reply, source="Wireshark ncp2222.py"):
    handle: Byte
    rights: Byte


class AllocatePermanentHandle(Request[DirectoryHandle], ncp=(22, 18), source="Wireshark ncp2222.py"):
    directory: Byte
    drive: Byte
    path: PString


class AllocateTemporaryHandle(Request[DirectoryHandle], ncp=(22, 19), source="Wireshark ncp2222.py"):
    directory: Byte
    drive: Byte
    path: PString


class AllocateSpecialHandle(Request[DirectoryHandle], ncp=(22, 22), source="Wireshark ncp2222.py; mars_nwe"):
    directory: Byte
    drive: Byte
    path: PString


class FreeDirectoryHandle(Request[Nothing], ncp=(22, 20), source="Wireshark ncp2222.py"):
    directory: Byte


class FoundFile(Reply, source="Wireshark ncp2222.py; mars_nwe"):
    sequence: Word
    reserved: Bytes2
    name: Text14
    attributes: Byte
    mode: Byte
    size: Long
    created: Word
    accessed: Word
    modified: Word
    modified_time: Word


class SearchFile(Request[FoundFile], ncp=0x40, source="Wireshark ncp2222.py; mars_nwe connect.c"):
    """0xFFFF starts; the end is completion 0xFF."""

    sequence: Word
    directory: Byte
    attributes: Byte
    pattern: PString


class OpenedFile(Reply, source="Wireshark ncp2222.py"):
    handle: Bytes6
    reserved: Bytes2
    name: Text14
    attributes: Byte
    execute: Byte
    size: Long
    created: Word
    accessed: Word
    modified: Word
    modified_time: Word


class OpenFileOld(Request[OpenedFile], ncp=0x41, source="Wireshark ncp2222.py"):
    directory: Byte
    attributes: Byte
    name: PString


class OpenFile(Request[OpenedFile], ncp=0x4C, source="Wireshark ncp2222.py"):
    """``access``: bit 0 read, 1 write, 2 deny read, 3 deny write, 4 compatibility; see ``fakenw.volumes.sharing``."""

    directory: Byte
    attributes: Byte
    access: Byte
    name: PString


class CloseFile(Request[Nothing], ncp=0x42, source="Wireshark ncp2222.py"):
    reserved: Byte
    handle: Bytes6


class FileSize(Reply, source="Wireshark ncp2222.py"):
    size: Long


class GetFileSize(Request[FileSize], ncp=0x47, source="Wireshark ncp2222.py"):
    reserved: Byte
    handle: Bytes6


class FileData(Reply, source="mars_nwe; Linux ncpfs: a pad byte comes first where the offset is odd"):
    size: Word
    padded: Rest

    @classmethod
    def of(cls, data: bytes, offset: int) -> FileData:
        """The reply to a read of *data* at *offset*."""
        return cls(len(data), bytes(offset & 1) + data)

    def data(self, offset: int) -> bytes:
        """The bytes that were read, given the *offset* of the request."""
        return self.padded[offset & 1 :][: self.size]


class ReadFile(Request[FileData], ncp=0x48, source="Wireshark ncp2222.py; mars_nwe; Linux ncpfs"):
    reserved: Byte
    handle: Bytes6
    offset: Long
    size: Word


class WriteFile(Request[Nothing], ncp=0x49, source="Wireshark ncp2222.py; mars_nwe; Linux ncpfs: no pad byte"):
    """The bytes follow. A write without bytes sets the end of the file (mars_nwe), as in DOS."""

    reserved: Byte
    handle: Bytes6
    offset: Long
    size: Word
    data: Rest


class CreateFile(Request[OpenedFile], ncp=0x43, source="Wireshark ncp2222.py; mars_nwe"):
    """An existing file is truncated."""

    directory: Byte
    attributes: Byte
    name: PString


class CreateNewFile(Request[OpenedFile], ncp=0x4D, source="Wireshark ncp2222.py; mars_nwe"):
    """An existing file is an error."""

    directory: Byte
    attributes: Byte
    name: PString


class OpenOrCreateFile(Request[OpenedFile], ncp=0x54, source="Wireshark ncp2222.py"):
    """``action``: 1 open an existing file, 2 truncate it, 0x10 create a missing one."""

    directory: Byte
    attributes: Byte
    access: Byte
    action: Byte
    name: PString


class EraseFile(Request[Nothing], ncp=0x44, source="Wireshark ncp2222.py; mars_nwe"):
    """The name may have wild cards."""

    directory: Byte
    attributes: Byte
    name: PString


class RenameFile(Request[Nothing], ncp=0x45, source="Wireshark ncp2222.py; mars_nwe, which ignores the second handle"):
    """Both names may have wild cards."""

    directory: Byte
    attributes: Byte
    name: PString
    new_directory: Byte
    new_name: PString


class SetFileAttributes(Request[Nothing], ncp=0x46, source="Wireshark ncp2222.py; mars_nwe"):
    """``new`` are the attributes to set; the name may have wild cards."""

    new: Byte
    directory: Byte
    attributes: Byte
    name: PString


class SetFileTime(Request[Nothing], ncp=0x4B, source="Wireshark ncp2222.py"):
    """Time and date as DOS encodes them."""

    reserved: Byte
    handle: Bytes6
    time: Word
    date: Word


class CommitFile(Request[Nothing], ncp=0x3B, source="Wireshark ncp2222.py; mars_nwe"):
    reserved: Byte
    handle: Bytes6


class CommitFileToDisk(Request[Nothing], ncp=0x3D, source="Wireshark ncp2222.py; mars_nwe"):
    reserved: Byte
    handle: Bytes6


class CopiedBytes(Reply, source="Wireshark ncp2222.py"):
    count: Long


class CopyFile(
    Request[CopiedBytes], ncp=0x4A, source="libncp: four bytes of length, where Wireshark ncp2222.py has two"
):
    """From one open file into another, on the server."""

    reserved: Byte
    handle: Bytes6
    to_handle: Bytes6
    offset: Long
    to_offset: Long
    size: Long
