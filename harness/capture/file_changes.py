"""What replies show of files: handles of open ones, directory handles, and numbers of entries."""

from __future__ import annotations

from typing import Any

from fakenw.volumes.directory_tree import DIRECTORY
from fakenw.wire.packet import Code
from fakenw.wire.requests import directories, files, namespace
from harness.capture import paths
from harness.capture.change import LAYOUTS, Change
from harness.capture.facts import Sure, What


def opened(change: Change) -> None:
    if change.code != Code.OK:
        return
    path = change.path()
    if change.key == (87, 1):
        asked, told = namespace.OpenOrCreate.decode(change.body), namespace.OpenedEntry.decode(change.data)
        if path is not None:
            paths.learn_from_info(change.server.numbers, told.info, asked.mask, path)
        handle = told.handle
        if asked.attributes & DIRECTORY:
            return
    else:
        handle = files.OpenedFile.decode(change.data).handle[2:]
    text = str(path or paths.SOMEWHERE)
    if handle in change.connection.files:  # it was closed, unseen
        change.tell(What.SHUT, Sure.UNKNOWN, handle=b"\0\0" + handle)
    change.connection.files[handle] = text, change.request.task
    change.tell(What.OPEN, handle=b"\0\0" + handle, path=text, task=change.request.task)


def closed(change: Change) -> None:
    if change.code == Code.OK:
        handle = files.CloseFile.decode(change.body).handle[2:]
        change.connection.files.pop(handle, None)
        change.tell(What.SHUT, handle=b"\0\0" + handle)


def ended_job(change: Change) -> None:
    if change.code == Code.OK:
        known, task = change.connection, change.request.task
        for handle in [handle for handle, (_, own) in known.files.items() if not task or own == task]:
            del known.files[handle]
        if not task:
            known.directories.clear()
        change.tell(What.END_OF_JOB, task=task)


# Directory handles, and numbers of entries


def got_handle(change: Change) -> None:
    if change.code == Code.OK and (path := change.path()) is not None:
        if change.key != (87, 12):
            handle = files.DirectoryHandle.decode(change.data).handle
        elif namespace.AllocateShortHandle.decode(change.body).mode & 0x4000:
            handle = namespace.ShortHandleLevel2.decode(change.data).handle
        else:
            handle = namespace.ShortHandle.decode(change.data).handle
        change.connection.directories[handle] = path


def set_handle(change: Change) -> None:
    if change.code == Code.OK and (path := change.path()) is not None:
        asked: Any = LAYOUTS[change.key].decode(change.body)
        change.connection.directories[asked.target] = path


def freed_handle(change: Change) -> None:
    if change.code == Code.OK:
        change.connection.directories.pop(files.FreeDirectoryHandle.decode(change.body).directory, None)


def told_path(change: Change) -> None:
    if change.code == Code.OK:
        handle = directories.GetDirectoryPath.decode(change.body).directory
        text = directories.DirectoryPath.decode(change.data).path
        change.connection.directories[handle] = paths.of_handle(change.connection, 0, text)


def told_number(change: Change) -> None:
    if change.code != Code.OK or (path := change.path()) is None:
        return
    numbers = change.server.numbers
    if change.key == (87, 2):
        found = namespace.SearchPosition.decode(change.data)
        paths.learn(numbers, found.volume, found.directory, path)
    elif change.key == (87, 22):
        base = namespace.DirectoryBase.decode(change.data)
        paths.learn(numbers, base.volume, base.base, path)
    else:
        mask = namespace.GetEntryInfo.decode(change.body).mask
        paths.learn_from_info(numbers, change.data, mask, path)
