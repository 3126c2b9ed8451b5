"""The requests that change a server's books, and what their replies show.

Rules of this file:

* A change has the time of its request: a server executes it before it answers.
* Files are an essential service: the first request for a path licenses a connection that has logged in, even where the
  answer is that there is no such file (``fakenw.core.services.paths``). That is inferred, not seen.
* A reply that shows the state of a connection ends the doubt that missing packets have left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fakenw.journal.policy import State
from fakenw.volumes.volume import VolumePath
from fakenw.wire.layout import Layout, Malformed, split_body
from fakenw.wire.packet import REQUEST, Code
from fakenw.wire.requests import bindery, connection, directories, entries, files, namespace, server
from fakenw.wire.requests import nds as nds_requests
from harness.capture import file_changes, logins
from harness.capture.change import LAYOUTS, Change, Key
from harness.capture.facts import PendingRequest, SeenConnection, Sure
from harness.capture.seen_server import SeenServer

_NOT_ADMITTED = frozenset(  # the codes of a request for a path that was refused before the path was looked at
    {
        *(Code.NO_LICENSE, Code.NOT_LOGGED_IN, Code.BAD_DIRECTORY_HANDLE, Code.INVALID_PATH),
        *(Code.INVALID_LENGTH, Code.UNSUPPORTED, Code.BAD_NAME_SPACE),
    }
)
_BY_FILE_HANDLE = frozenset({0x3B, 0x3D, 0x42, 0x47, 0x48, 0x49, 0x4A, 0x4B})
_READS = frozenset({0x47, 0x48, 0x49})  # the common ones


def _for_a_path(layout: type[Layout]) -> bool:
    """Whether a request names a place in a volume, other than by a handle alone."""
    names = {name for name, _ in layout.forms()}
    by_handle = "directory" in names and names & {"path", "name", "pattern"}
    return bool(by_handle) or {"base", "flag", "path"} <= names or {"base", "flag", "paths"} <= names


FOR_A_PATH = frozenset(key for key, layout in LAYOUTS.items() if _for_a_path(layout)) | {(22, 31), (22, 37)}
"""The requests that license: see ``fakenw.core.services.paths.admit``."""


def executed(seen: SeenServer, known: SeenConnection, request: PendingRequest, code: int, data: bytes) -> None:
    """A request has been answered. Raises nothing: what cannot be read leaves doubt."""
    if request.function in _READS and known.unsure is None:
        known.alive = request.time
        return
    try:
        _executed(Change(seen, known, request, code, data))
    except (Malformed, UnicodeDecodeError):
        seen.doubts(request.time, request.number, known, "a packet cannot be read")
    if known.unsure is None:
        known.alive = max(known.alive, request.time)


def unanswered(seen: SeenServer, known: SeenConnection, request: PendingRequest) -> None:
    """The reply to a request is missing, so that it is not known whether it was executed."""
    if request.type != REQUEST:  # to create or to destroy
        seen.doubts(request.time, request.number, known)
        return
    try:
        key = request.function, split_body(request.function, request.body)[0]
    except Malformed:
        return  # nor was it executed
    if key in OF_FILES:
        known.doubtful_files = True
    if key in OF_LICENSES or (key in FOR_A_PATH and known.state is not State.LICENSED):
        known.alive = min(known.alive, request.time)
        seen.doubts(request.time, request.number, known)


def _executed(change: Change) -> None:
    key, code = change.key, change.code
    if code == Code.NO_LICENSE:
        change.refused("deny", what="license")
    elif key in FOR_A_PATH and code not in _NOT_ADMITTED:
        _admitted(change)
    elif key[0] in _BY_FILE_HANDLE and code == Code.OK:
        _worked(change)
    handler = HANDLERS.get(key)
    if handler is not None:
        handler(change)


def _admitted(change: Change) -> None:
    known = change.connection
    if known.state is State.LICENSED and known.unsure is None:
        return
    if known.state is State.AUTHENTICATED and known.unsure is None:
        change.server.moves(*change.at, known, State.LICENSED, "service", Sure.INFERRED)
    elif (known.state is None or known.unsure is not None) and change.code == Code.OK:
        path = change.path()
        if path is not None and not _before_login(path):
            change.confirms(State.LICENSED, "service")


def _worked(change: Change) -> None:
    """A file handle was used: only a licensed connection has files open, but for those of SYS:LOGIN."""
    known = change.connection
    if known.unsure is not None or known.state is None:
        opened = known.files.get(change.body[3:7])
        if opened is not None and not opened[0].upper().startswith(("SYS:LOGIN", "?")):
            change.confirms(State.LICENSED, "service")


def _before_login(path: VolumePath) -> bool:
    """Whether a station reaches the path without a login, or it is not known what it is."""
    return path.volume == "?" or (path.volume == "SYS" and [part.upper() for part in path.parts[:1]] == ["LOGIN"])


# The server


def _told_server(change: Change) -> None:
    if change.code == Code.OK:
        told = server.ServerInfo.decode(change.data)
        change.server.name = change.server.name or told.name
        change.server.version = told.os_major, told.os_minor


def _pinged(change: Change) -> None:
    change.server.directory = change.server.directory or change.code == Code.OK


def _of(*layouts: Any) -> list[Key]:
    return [(layout.function, layout.subfunction) for layout in layouts]


_OPENS = _of(
    *(files.OpenFileOld, files.OpenFile, files.CreateFile, files.CreateNewFile, files.OpenOrCreateFile),
    namespace.OpenOrCreate,
)
OF_FILES = frozenset((*_OPENS, *_of(files.CloseFile, connection.EndOfJob)))
OF_LICENSES = frozenset(
    _of(
        *(bindery.KeyedLogin, bindery.PlainLogin, bindery.LoginUser, nds_requests.Fragment),
        *(connection.Logout, connection.ChangeConnectionState),
    )
)

HANDLERS: dict[Key, Callable[[Change], None]] = {
    **dict.fromkeys(_of(bindery.KeyedLogin), logins.keyed_login),
    **dict.fromkeys(_of(bindery.PlainLogin), logins.plain_login),
    **dict.fromkeys(_of(bindery.LoginUser), logins.login_user),
    **dict.fromkeys(_of(bindery.VerifyPassword, bindery.KeyedVerifyPassword), logins.verified),
    **dict.fromkeys(
        _of(bindery.ChangePassword, bindery.ChangeUserPassword, bindery.KeyedChangePassword), logins.changed_password
    ),
    **dict.fromkeys(_of(connection.NegotiateBigPacket, connection.NegotiateBuffer), logins.negotiated),
    **dict.fromkeys(_of(connection.Logout), logins.logout),
    **dict.fromkeys(_of(connection.ChangeConnectionState), logins.changed_state),
    **dict.fromkeys(_of(connection.GetStationInfo), logins.told_station),
    **dict.fromkeys(_of(connection.ClearConnection, connection.ClearConnectionOld), logins.cleared),
    **dict.fromkeys(_of(connection.EndOfJob), file_changes.ended_job),
    **dict.fromkeys(_of(nds_requests.Fragment), logins.fragment),
    **dict.fromkeys(_of(nds_requests.Ping), _pinged),
    **dict.fromkeys(_OPENS, file_changes.opened),
    **dict.fromkeys(_of(files.CloseFile), file_changes.closed),
    **dict.fromkeys(
        _of(
            *(files.AllocatePermanentHandle, files.AllocateTemporaryHandle, files.AllocateSpecialHandle),
            namespace.AllocateShortHandle,
        ),
        file_changes.got_handle,
    ),
    **dict.fromkeys(_of(directories.SetDirectoryHandle, entries.SetShortHandle), file_changes.set_handle),
    **dict.fromkeys(_of(files.FreeDirectoryHandle), file_changes.freed_handle),
    **dict.fromkeys(_of(directories.GetDirectoryPath), file_changes.told_path),
    **dict.fromkeys(
        _of(namespace.InitializeSearch, namespace.GetDirectoryBase, namespace.GetEntryInfo), file_changes.told_number
    ),
    **dict.fromkeys(_of(server.GetServerInfo), _told_server),
}
