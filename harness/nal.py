r"""The Network Abstraction Layer of the SMS 2.0 client: NAL paths, and the arbiter of its connections.

Rules of this file:

* KB Q257223 gives the key ``HKLM\Software\Microsoft\NAL\Client\Connections\<account>\Deviceless\ResourceN``
  with three values: NAL path, persistence count, reference count. It gives neither their names nor
  their types: those here are ours.
* The account in the key is the local account that owns the entry (KB Q231399). It is not the NetWare
  user who logs in on the wire: all owners share the redirector's connection (KB Q224286).
* The registry is where the counts live. The arbiter counts who asks *it*; a component that opens a file
  on the same connection without asking is seen by the redirector only. That is all there is to Q257223.
* When both counts are zero the arbiter asks the redirector once for a release. As shipped it neither
  forces nor repeats that (our reading of "NAL cannot release the connection").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from harness.redirector import Account, Connection, InUse, Redirector
from harness.registry import Registry
from harness.workstation import World, sleep

CONNECTIONS = r"HKEY_LOCAL_MACHINE\Software\Microsoft\NAL\Client\Connections"
NAL_PATH = "NAL Path"
PERSISTENCE = "Persistence Count"
REFERENCE = "Reference Count"

TYPES = ("MSWNET", "NWBIND", "NWNDS", "LOCAL", "GENERIC", "ABEXPRT")

_QUALIFIERS = r'\[\s*"[^"]*"(?:\s*,\s*"[^"]*")*\s*\]'
_PATH = re.compile(rf'({_QUALIFIERS})?([A-Za-z]+):({_QUALIFIERS})?([^"\[\x00-\x1f][^"\x00-\x1f]*)')
_UNC = re.compile(r"\\\\[^\\]+(\\[^\\]+)*\\?")


@dataclass(frozen=True, slots=True)
class NalPath:
    r"""A NAL path: ``["Display=\\SRV\"]NWBIND:["SMS_SITE=GS1"]\\SRV\VOL1\CAP_GS1\`` (KB Q239828, Q235873, Q267558).

    ``display`` and ``qualifiers`` are the quoted texts of the two lists. ``path`` is the network's own
    path, as it was written. A backslash escapes nothing.
    """

    type: str
    path: str
    qualifiers: tuple[str, ...] = ()
    display: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> NalPath:
        """Read a NAL path. Raises ValueError, which says what was expected."""
        match = _PATH.fullmatch(text.strip())
        if match is None:
            raise ValueError(rf'expected a NAL path such as NWBIND:["SMS_SITE=GS1"]\\SERVER\VOLUME\DIR\, got {text!r}')
        display, kind, qualifiers, path = match.groups()
        if kind.upper() not in TYPES:
            raise ValueError(f"{kind} is no type of a NAL path; expected {', '.join(TYPES)}")
        if kind.upper() != "LOCAL" and not _UNC.fullmatch(path):
            raise ValueError(rf"expected \\SERVER\... after {kind}:, got {path!r}")
        return cls(kind.upper(), path, _texts(qualifiers), _texts(display))

    def __str__(self) -> str:
        return f"{_listed(self.display)}{self.type}:{_listed(self.qualifiers)}{self.path}"

    @property
    def server(self) -> str:
        """The server; of NWNDS the tree; empty in a LOCAL path without one."""
        return self._part(0)

    @property
    def volume(self) -> str:
        """The volume, the share, or the NDS volume object; empty where the path ends before."""
        return self._part(1)

    @property
    def directory(self) -> str:
        """What follows the volume, without the backslashes around it."""
        return self._part(2)

    def leads_where(self, other: NalPath) -> bool:
        """Whether both mean one place. Case does not count, nor do the qualifiers: they say what for."""
        mine, theirs = (path.path.rstrip("\\").lower() for path in (self, other))
        return self.type == other.type and mine == theirs

    def _part(self, n: int) -> str:
        if not self.path.startswith("\\\\"):
            return ""
        parts = self.path[2:].rstrip("\\").split("\\", 2)
        return parts[n] if n < len(parts) else ""


def _texts(listed: str | None) -> tuple[str, ...]:
    return tuple(re.findall(r'"([^"]*)"', listed or ""))


def _listed(texts: tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]" if texts else ""


@dataclass(frozen=True, slots=True)
class ArbiterSettings:
    """What the arbiter does where Q257223 leaves it open, or what would have cured it (not history: no fix was made).

    The defaults are the arbiter as shipped. ``retry`` is in microseconds.
    """

    counted: bool = False  # APM registers its use too
    forced: bool = False  # the release is forced
    retry: int | None = None  # a refused release is asked for again, this often
    key: Literal["survives", "deleted"] = "survives"  # ResourceN after a refused release; the KB does not say
    reopen: Literal["reuse", "add"] = "reuse"  # the next open: on the orphan, or on a connection more
    drop: Literal["decrement", "zero"] = "decrement"  # what a close does to the reference count


class Entry(NamedTuple):
    """A ResourceN key: the account that owns it, the key above it, its own name, and the values."""

    owner: str
    key: str
    resource: str
    path: NalPath
    persistence: int
    reference: int

    @property
    def where(self) -> str:
        """The key in full."""
        return f"{self.key}\\{self.resource}"


class Arbiter:
    """Counts the users of each NAL path in the registry, and has the redirector let go after the last one."""

    def __init__(
        self, world: World, registry: Registry, redirector: Redirector, account: Account, settings: ArbiterSettings
    ) -> None:
        self.settings = settings
        self._world = world
        self._registry = registry
        self._redirector = redirector
        self._account = account
        self._connections: dict[str, Connection] = {}  # by key: which connection an entry stands for
        self._orphans: list[Connection] = []  # their release was refused

    async def open(self, owner: str, path: NalPath) -> Connection:
        """Count one more user of *path*, and connect where needed. Raises Denied, Gone, Lost, OSError."""
        if path.type != "NWBIND":
            raise OSError(f"there is no NAL provider for {path.type} here")
        if self.settings.reopen == "add":
            for orphan in self._orphans:
                orphan.aside = True
        entry = self.find(owner, path)
        connection = self._connection(entry) if entry else None
        if connection is None:
            connection = await self._redirector.connect(path.server, *self._account)
            entry = self.find(owner, path)  # somebody else may have made it meanwhile
        if connection in self._orphans:
            self._orphans.remove(connection)
        if entry:
            action, entry = "counted", entry._replace(reference=entry.reference + 1)
        else:
            action, entry = "opened", self._new(owner, path)
        self._connections[entry.where] = connection
        self._write(action, entry)
        return connection

    async def close(self, owner: str, path: NalPath) -> None:
        """Drop one user of *path*. Asks for a release after the last; a refusal is not raised."""
        entry = self.find(owner, path)
        if entry is None or not entry.reference:  # an earlier close has zeroed it: nothing to drop, nothing to ask
            return
        left = max(entry.reference - 1, 0) if self.settings.drop == "decrement" else 0
        entry = entry._replace(reference=left)
        self._write("dropped", entry)
        if left or entry.persistence:
            return
        connection = self._connections.get(entry.where)
        if connection is None or self._is_counted(connection):  # nothing to release, or another path needs it
            self._delete(entry)
        elif not await self._release(entry, connection):
            self._orphans.append(connection)
            if self.settings.key == "deleted":
                self._delete(entry)
            else:
                self._write("kept", entry)
            if self.settings.retry is not None:
                self._world.spawn(self._ask_again(entry, connection, self.settings.retry))

    def find(self, owner: str, path: NalPath) -> Entry | None:
        """The entry of *owner* for *path*."""
        return next((entry for entry in self._entries(owner) if entry.path.leads_where(path)), None)

    def find_server(self, server: str) -> Entry | None:
        """Any owner's entry whose users are on the redirector's connection to *server*."""
        connection = self._redirector.existing(server)
        every = (entry for owner in self._registry.subkeys(CONNECTIONS) for entry in self._entries(owner))
        return next((entry for entry in every if connection and self._connection(entry) is connection), None)

    async def _ask_again(self, entry: Entry, connection: Connection, every: int) -> None:
        """The cure that was never shipped: ask until it is released, or counted again."""
        while True:
            await sleep(every)
            if connection.gone or self._is_counted(connection) or await self._release(entry, connection):
                return

    async def _release(self, entry: Entry, connection: Connection) -> bool:
        """Ask once for a release; with it the entry goes. False: refused."""
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

    def _connection(self, entry: Entry) -> Connection | None:
        """The connection of *entry*, if a user can still be led to it."""
        connection = self._connections.get(entry.where)
        return None if connection is None or connection.gone or connection.aside else connection

    def _is_counted(self, connection: Connection) -> bool:
        """Whether any entry counts a user on *connection*."""
        return any(
            (self._registry.get(where, REFERENCE) or self._registry.get(where, PERSISTENCE))
            for where, one in self._connections.items()
            if one is connection
        )

    def _entries(self, owner: str) -> Iterator[Entry]:
        key = f"{CONNECTIONS}\\{owner}\\Deviceless"
        for resource in self._registry.subkeys(key):
            values = self._registry.values(f"{key}\\{resource}")
            path = NalPath.parse(str(values[NAL_PATH]))
            yield Entry(owner, key, resource, path, int(values[PERSISTENCE]), int(values[REFERENCE]))

    def _new(self, owner: str, path: NalPath) -> Entry:
        key = f"{CONNECTIONS}\\{owner}\\Deviceless"
        taken = {name.lower() for name in self._registry.subkeys(key)}
        number = next(n for n in range(1, len(taken) + 2) if f"resource{n}" not in taken)
        return Entry(owner, key, f"Resource{number}", path, persistence=0, reference=1)

    def _write(self, action: str, entry: Entry) -> None:
        self._registry.set(entry.where, NAL_PATH, str(entry.path))
        self._registry.set(entry.where, PERSISTENCE, entry.persistence)
        self._registry.set(entry.where, REFERENCE, entry.reference)
        self._tell(action, entry)

    def _delete(self, entry: Entry) -> None:
        self._registry.delete(entry.where)
        self._tell("deleted", entry)
        self._connections.pop(entry.where, None)

    def _tell(self, action: str, entry: Entry) -> None:
        connection = self._connections.get(entry.where)
        fields: dict[str, Any] = entry._asdict() | {"path": str(entry.path)}
        self._world.write("arbiter", action=action, **fields, **(connection.where() if connection else {}))


class Nal:
    """NAL as a component: opens a path for an owner, and gives it up."""

    def __init__(self, world: World, arbiter: Arbiter) -> None:
        self._world = world
        self._arbiter = arbiter
        self._open: list[tuple[str, NalPath, Connection]] = []

    async def open(self, path: str, owner: str) -> None:
        """Open the NAL *path*. Raises ValueError (not a NAL path), Denied, Gone, Lost, OSError."""
        parsed = NalPath.parse(path)
        connection = await self._arbiter.open(owner, parsed)
        self._open.append((owner, parsed, connection))
        self._world.write("nal-open", path=str(parsed), owner=owner, **connection.where())

    async def close(self, path: str | None = None) -> None:
        """Give up *path*, or what was opened last. Nothing happens where that is not open."""
        wanted = NalPath.parse(path) if path is not None else None
        for use in reversed(self._open):
            owner, opened, connection = use
            if wanted is None or opened.leads_where(wanted):
                self._open.remove(use)
                self._world.write("nal-close", path=str(opened), owner=owner, **connection.where())
                await self._arbiter.close(owner, opened)
                return
