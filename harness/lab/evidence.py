r"""A customer's evidence: the connections of servers, and dumps of the registries of clients.

Rules of this file:

* An address is that of a machine: transport, port and socket do not count, since every connection has its own.
* A dump is a .reg file, or a hive of Windows NT. A hive does not contain its place in the registry: with a top key
  ``Client`` it is taken for NAL's own (KB Q289490), else for SOFTWARE.
* A .reg file may be UTF-16 without a byte order mark.
* A journal shows by itself whether a connection is idle; lists show it together (``sightings``).
* An error has file, line and what was expected. Nothing of a file with a mistake is used.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from harness.client import hive
from harness.client.nal_path import CLIENT
from harness.client.reg_file import parse
from harness.client.registry import Registry
from harness.judge.captured import doubts, is_captured
from harness.judge.history import ConnectionHistory, RunHistory, ServerHistory
from harness.lab.nal_dump import OURS, Dumped, ValueNames, entries

SOFTWARE, NAL = CLIENT.rsplit("\\", 3)[0], CLIENT.rpartition("\\")[0]
IDLE_AFTER = 300_000_000  # microseconds without a request that make a connection idle, at least
SIZE_LIMIT = 256 * 1024 * 1024  # bytes of a file; the largest that is sent is a hive of SOFTWARE, of some ten million

_IPX = re.compile(r"([0-9a-f]{1,8}):([0-9a-f]{1,12})(?::[0-9a-f]{1,4})?")
_TRANSPORT = re.compile(r"(?:udp|tcp|ipx|ip)[: ]\s*", re.IGNORECASE)


class EvidenceError(ValueError):
    """A file cannot be used: file, line, the mistake, and what was expected."""


@dataclass(frozen=True, slots=True)
class ListedConnection:
    """A connection of the last list of its server, or one that is open at the end of a journal.

    Of ``idle`` False is in use, and None not known. ``idle_for`` and ``held_for`` are microseconds, at least; None: not
    known. ``activity`` says in words how ``idle`` is known, or why not.
    """

    number: int
    user: str = ""
    address: str = ""  # of the machine
    licensed: bool = True
    since: str = ""
    server: str | None = None
    station: str = field(default="", compare=False)  # the address as it was written, with its port
    requests: int | None = None
    idle: bool | None = None
    idle_for: int | None = None
    held_for: int | None = None
    activity: str = ""
    opened_by_nal: bool = False  # according to the client's own journal
    sure: bool = True  # False: it may be licensed or not, as a capture does not show


@dataclass(frozen=True, slots=True)
class Dump:
    """NAL's entries in the registry of one client. ``address`` is empty where the client is not known."""

    name: str
    address: str
    entries: tuple[Dumped, ...]
    stations: frozenset[str] = frozenset()  # the ends of its connections, where its journal tells them

    def is_of(self, connection: ListedConnection) -> bool:
        """Whether *connection* is that of the dumped machine."""
        if self.stations:
            return connection.station in self.stations
        return self.address != "" and self.address == connection.address


def machine(text: str) -> str:
    """The machine of an address: 10.0.0.1 for ``udp:10.0.0.1:1025``; network and node of an IPX address."""
    text = _TRANSPORT.sub("", text.strip().lower(), count=1)
    host, _, port = text.rpartition(":")
    for one in (text, *([host] if port.isdecimal() else [])):
        try:
            return str(ip_address(one.strip("[]")))
        except ValueError:
            continue
    if match := _IPX.fullmatch(re.sub(r"\s+", "", text).replace("][", ":").strip("[]")):
        return f"{int(match[1], 16):08x}:{match[2]:0>12}"
    return text


def content(path: Path, expected: str, limit: int = SIZE_LIMIT) -> bytes:
    """The bytes of the file at *path*, at most *limit* of them. Raises EvidenceError."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as problem:
        raise EvidenceError(f"{path}: cannot be read: {problem.strerror}; expected {expected}") from None
    if len(data) > limit:
        raise EvidenceError(f"{path}: more than {limit >> 20} MiB; expected {expected}")
    return data


def marked(data: bytes) -> bytes:
    """*data* with the byte order mark of UTF-16 where only its NULs show that it is UTF-16."""
    sample = data[: 1 << 16]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or even == odd:
        return data
    if max(even, odd) < len(sample) // 4:  # half of its characters, at least, are Latin
        return data
    return (codecs.BOM_UTF16_LE if odd > even else codecs.BOM_UTF16_BE) + data


def dump(path: Path, address: str = "", names: ValueNames = OURS) -> Dump:
    """Read the registry dump at *path*, of the client at *address* ("": not known). Raises RegError, EvidenceError."""
    data = content(path, "a .reg file or a hive")
    if data.startswith((b"regf", b"CREG")):
        registry = hive.read(path, SOFTWARE)
        if any(key.lower() == "client" for key in registry.subkeys(SOFTWARE)):
            registry = hive.read(path, NAL)
    else:
        registry = parse(marked(data), str(path))
    return _dump(path.name, address, registry, names)


def _dump(
    name: str, address: str, registry: Registry, names: ValueNames, stations: frozenset[str] = frozenset()
) -> Dump:
    return Dump(name, machine(address), tuple(entries(registry, names)), stations)


def of_run(run: RunHistory, names: ValueNames = OURS) -> tuple[list[ListedConnection], list[Dump]]:
    """The connections that are open at the end of *run*, and the registries that its clients wrote at their ends."""
    connected = [_listed(history) for history in run.histories if history.ended is None]
    dumps = []
    for client in run.clients:
        texts = [record.get("text") for record in client.journal.records if record.event == "registry"]
        stations = [str(r["station"]) for r in client.journal.records if isinstance(r.get("station"), str)]
        if texts and stations:
            registry = parse(codecs.BOM_UTF16_LE + str(texts[-1]).encode("utf-16-le", "surrogatepass"), client.name)
            dumps.append(_dump(f"client {client.name}", stations[-1], registry, names, frozenset(stations)))
    return connected, dumps


def _listed(history: ConnectionHistory) -> ListedConnection:
    server = history.server
    silent = server.end - history.last_request
    idle: bool | None = silent >= max(IDLE_AFTER, server.idle_after or 0) and not history.open_files
    activity = (
        "its journal shows no request" if idle else "it has files open" if history.open_files else "it is not idle"
    )
    open_doubt = [doubt for doubt in doubts(history) if doubt.holding.released is None]
    if is_captured(server) and idle:
        activity = "the capture shows no request"
        if len(history.server_lines("uncertain")) > _is_from_before(history):
            idle, activity = None, "packets of it are missing from the capture"
    return ListedConnection(
        number=history.connection,
        user=history.user or "",
        address=machine(history.station),
        licensed=history.holding is not None,
        since=server.at(history.holding.granted) if history.holding else "",
        server=_name(server),
        station=history.station,
        idle=idle,
        idle_for=silent if idle else None if idle is None else 0,
        held_for=server.end - history.holding.granted if history.holding else None,
        activity=activity,
        sure=not open_doubt,
        opened_by_nal=bool(history.client_lines("nal-open")),
    )


def _is_from_before(history: ConnectionHistory) -> bool:
    """Whether it was there before the capture, and all that followed is in it."""
    return bool(history.records[0].get("sure") == "unknown")


def _name(server: ServerHistory) -> str | None:
    """The name of the server; None where a capture shows its address only."""
    addresses = server.records[0].get("addresses")
    return None if isinstance(addresses, list) and server.name in addresses else server.name
