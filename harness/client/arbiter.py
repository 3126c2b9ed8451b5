r"""NAL's arbiter: counts the users of each NAL path, and has the redirector release the connection after the last one.

Rules of this file:

* The account in the key is the local account that owns the entry (KB Q231399), not the NetWare user of the login.
* The counts stand in the registry. They hold only the users that asked the arbiter; a component that opens a file on
  the same connection without asking is known to the redirector alone. That is the cause of Q257223.
* A *reference* is a user of the path; *persistence* is a user that wants the connection held between uses (inferred).
* When both counts are zero the arbiter asks the redirector once for a release. As shipped it neither
  forces nor repeats the request (our reading of "NAL cannot release the connection").
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from pydantic import StrictBool

from fakenw.config.field_types import SomeTime
from harness.client.attachment import Account, Attachment, InUse
from harness.client.nal_path import CONNECTIONS, NAL_PATH, PERSISTENCE, REFERENCE, NalPath
from harness.client.redirector import Redirector
from harness.client.registry import Registry
from harness.client.settings import Settings
from harness.client.workstation import World, sleep


class ArbiterSettings(Settings):
    """The arbiter: choices that Q257223 leaves open, and repairs that would have cured it (no fix was ever made)."""

    counted: StrictBool = False  # APM registers its use with the arbiter
    forced: StrictBool = False  # the release is forced, whatever is open
    retry: SomeTime | None = None  # how long until a refused release is requested again
    key: Literal["survives", "deleted"] = "survives"  # ResourceN after a refused release, which the KB leaves open
    reopen: Literal["reuse", "add"] = "reuse"  # a later open: on the orphan, or on a new connection
    drop: Literal["decrement", "zero"] = "decrement"  # the reference count at a close


def server_of(path: NalPath) -> str:
    r"""The name of the server of *path*. Raises OSError where no provider resolves it.

    A volume object of NDS is called SERVER_VOLUME, unless its administrator has renamed it (Novell's default).
    """
    if path.type == "NWBIND":
        return path.server
    if path.type == "NWNDS" and "_" in path.volume:
        return path.volume.strip(".").partition(".")[0].removeprefix("CN=").rpartition("_")[0]
    raise OSError(f"there is no NAL provider for {path.type} here")


class ArbiterEntry(NamedTuple):
    """A ResourceN key: the account that owns it, the key above it, its own name, its path and its two counts."""

    owner: str
    key: str
    resource: str
    path: NalPath
    persistence: int
    reference: int

    @property
    def where(self) -> str:
        return f"{self.key}\\{self.resource}"


class Arbiter:
    """Counts the users of each NAL path in the registry, and asks for a release after the last one."""

    def __init__(
        self, world: World, registry: Registry, redirector: Redirector, account: Account, settings: ArbiterSettings
    ) -> None:
        self.settings = settings
        self._world = world
        self._registry = registry
        self._redirector = redirector
        self._account = account
        self._connections: dict[str, Attachment] = {}  # by key: the connection of an entry
        self._orphans: list[Attachment] = []  # their release was refused

    async def open(
        self, owner: str, path: NalPath, account: Account | None = None, *, persistent: bool = False
    ) -> Attachment:
        """Count one more user of *path*, and connect where needed. Raises Denied, Gone, Lost, OSError.

        *account* logs in; left out: the workstation's own user.
        """
        if self.settings.reopen == "add":
            for orphan in self._orphans:
                orphan.aside = True
        entry = self.find(owner, path)
        connection = self._connection(entry) if entry else None
        if connection is None:
            connection = await self._redirector.connect(server_of(path), *(account or self._account), context=owner)
            entry = self.find(owner, path)
            if entry and self._connection(entry) is connection:
                connection.opens -= 1  # another open has made the entry meanwhile; an entry counts as one opener
        if connection in self._orphans:
            self._orphans.remove(connection)
        if entry:
            action = "counted"
        else:
            action, entry = "opened", self._new(owner, path)
        if persistent:
            entry = entry._replace(persistence=entry.persistence + 1)
        else:
            entry = entry._replace(reference=entry.reference + 1)
        self._connections[entry.where] = connection
        self._write(action, entry)
        return connection

    async def close(self, owner: str, path: NalPath, *, persistent: bool = False) -> None:
        """Drop one user of *path*, and ask for a release after the last; a refusal is not raised."""
        count = "persistence" if persistent else "reference"
        entry = self.find(owner, path)
        before = getattr(entry, count, 0)
        if entry is None or not before:  # an earlier close has zeroed it: nothing to drop, nothing to ask
            return
        left: dict[str, Any] = {count: before - 1 if self.settings.drop == "decrement" else 0}
        entry = entry._replace(**left)
        self._write("dropped", entry)
        if entry.reference or entry.persistence:
            return
        connection = self._connections.get(entry.where)
        if connection is None or self._has_other_paths(connection):
            self._delete(entry)
        elif not await self._release(entry, connection):
            self._orphans.append(connection)
            if self.settings.key == "deleted":
                self._delete(entry)
            else:
                self._write("kept", entry)
            if self.settings.retry is not None:
                self._world.spawn(self._retry(entry, connection, self.settings.retry))

    def find(self, owner: str, path: NalPath) -> ArbiterEntry | None:
        """The entry of *owner* for *path*."""
        return next((entry for entry in self._entries(owner) if entry.path.same_place(path)), None)

    def find_server(self, server: str, context: str = "") -> ArbiterEntry | None:
        """Any owner's entry on the connection to *server* that the redirector gives to *context*."""
        connection = self._redirector.existing(server, context)
        every = (entry for owner in self._registry.subkeys(CONNECTIONS) for entry in self._entries(owner))
        return next((entry for entry in every if connection and self._connection(entry) is connection), None)

    async def _retry(self, entry: ArbiterEntry, connection: Attachment, every: int) -> None:
        """Ask again until the connection is released, or counted again: a repair that was never shipped."""
        while True:
            await sleep(every)
            if connection.gone or self._is_counted(connection) or await self._release(entry, connection):
                return

    async def _release(self, entry: ArbiterEntry, connection: Attachment) -> bool:
        """Ask once for a release, and delete the entry; False if it was refused."""
        try:
            await self._redirector.release(connection, forced=self.settings.forced, by="NAL")
        except InUse:
            return False
        if connection in self._orphans:
            self._orphans.remove(connection)
        now = self.find(entry.owner, entry.path)
        if now and not now.reference and self._connections.get(now.where) is connection:
            self._delete(now)
        return True

    def _connection(self, entry: ArbiterEntry) -> Attachment | None:
        """The connection of *entry*, unless it has ended or is not given out any more."""
        connection = self._connections.get(entry.where)
        return None if connection is None or connection.gone or connection.aside else connection

    def _has_other_paths(self, connection: Attachment) -> bool:
        """Whether another path needs *connection*. A redirector that counts its openers decides that itself."""
        return self._is_counted(connection) and not self._redirector.settings.count_opens

    def _is_counted(self, connection: Attachment) -> bool:
        """Whether any entry counts a user on *connection*."""
        return any(
            (self._registry.get(where, REFERENCE) or self._registry.get(where, PERSISTENCE))
            for where, one in self._connections.items()
            if one is connection
        )

    def _entries(self, owner: str) -> Iterator[ArbiterEntry]:
        key = f"{CONNECTIONS}\\{owner}\\Deviceless"
        for resource in self._registry.subkeys(key):
            values = self._registry.values(f"{key}\\{resource}")
            path, *counts = (values.get(name) for name in (NAL_PATH, PERSISTENCE, REFERENCE))
            persistence, reference = (count if isinstance(count, int) else 0 for count in counts)
            yield ArbiterEntry(owner, key, resource, NalPath.parse(str(path)), persistence, reference)

    def _new(self, owner: str, path: NalPath) -> ArbiterEntry:
        key = f"{CONNECTIONS}\\{owner}\\Deviceless"
        taken = {name.lower() for name in self._registry.subkeys(key)}
        number = next(n for n in range(1, len(taken) + 2) if f"resource{n}" not in taken)
        return ArbiterEntry(owner, key, f"Resource{number}", path, persistence=0, reference=0)

    def _write(self, action: str, entry: ArbiterEntry) -> None:
        self._registry.set(entry.where, NAL_PATH, str(entry.path))
        self._registry.set(entry.where, PERSISTENCE, entry.persistence)
        self._registry.set(entry.where, REFERENCE, entry.reference)
        self._emit(action, entry)

    def _delete(self, entry: ArbiterEntry) -> None:
        self._registry.delete(entry.where)
        self._emit("deleted", entry)
        self._connections.pop(entry.where, None)

    def _emit(self, action: str, entry: ArbiterEntry) -> None:
        connection = self._connections.get(entry.where)
        fields: dict[str, Any] = entry._asdict() | {"path": str(entry.path)}
        self._world.write("arbiter", action=action, **fields, **(connection.where() if connection else {}))
