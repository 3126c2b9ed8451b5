r"""A customer's evidence: a list of connections, and dumps of the registries of clients.

Rules of this file:

* A list is CSV, copied from MONITOR or written by hand: a header, and then one connection a line. The columns are
  ``connection``, ``user``, ``address``, ``licensed`` and ``since``, in any order and case; others are ignored. The
  delimiter is that of ``,``, ``;`` and tab which finds most columns in the header.
* As in MONITOR a ``*`` before a name, or alone in the column ``licensed``, means that the connection is not licensed.
  Where the column is empty, a connection with a user is licensed.
* An address is that of a machine: transport, port and socket do not count, since every connection has its own.
* A dump is a .reg file, or a hive of Windows NT. A hive does not contain its place in the registry: with a top key
  ``Client`` it is taken for NAL's own (KB Q289490), else for SOFTWARE.
* An error has file, line and what was expected. Nothing of a list with a mistake is used.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import NoReturn

from fakenw.config.yaml_file import shown
from harness.client import hive
from harness.client.nal_path import CLIENT
from harness.client.reg_file import RegError, parse
from harness.client.registry import Registry, decode
from harness.judge.history import ConnectionHistory, RunHistory
from harness.lab.nal_dump import OURS, Dumped, ValueNames, entries

COLUMNS = ("connection", "user", "address", "licensed", "since")
SOFTWARE, NAL = CLIENT.rsplit("\\", 3)[0], CLIENT.rpartition("\\")[0]
IDLE_AFTER = 300_000_000  # microseconds; the idle threshold of a journal that has none

_YES = {"yes", "y", "true", "1"}
_NO = {"no", "n", "false", "0", "*"}
_TIME = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")
_IPX = re.compile(r"([0-9a-f]{1,8}):([0-9a-f]{1,12})(?::[0-9a-f]{1,4})?")
_TRANSPORT = re.compile(r"(?:udp|tcp|ipx|ip)[: ]\s*", re.IGNORECASE)


class EvidenceError(ValueError):
    """A list cannot be used: file, line, the mistake, and what was expected."""


@dataclass(frozen=True, slots=True)
class ListedConnection:
    """A connection of the list, or one that is open at the end of a journal.

    ``server`` and ``idle`` (microseconds; 0: not idle) are known from a journal only.
    """

    number: int
    user: str = ""
    address: str = ""
    licensed: bool = True
    since: str = ""
    server: str | None = None
    idle: int | None = None
    files: int = 0  # open files, according to a journal


@dataclass(frozen=True, slots=True)
class Dump:
    """NAL's entries in the registry of one client. ``address`` is empty where the client is not known."""

    name: str
    address: str
    entries: tuple[Dumped, ...]
    accounts: frozenset[str]  # those with a key of connections, with entries or without


def machine(text: str) -> str:
    """The machine of an address: 10.0.0.1 for ``udp:10.0.0.1:1025``; network and node of an IPX address."""
    text = _TRANSPORT.sub("", text.strip().lower(), count=1)
    host, _, port = text.rpartition(":")
    for one in (text, *([host] if port.isdecimal() else [])):
        try:
            return str(ip_address(one.strip("[]")))
        except ValueError:
            continue
    if match := _IPX.fullmatch(text):
        return f"{int(match[1], 16):08x}:{match[2]:0>12}"
    return text


def connections(data: bytes, name: str) -> list[ListedConnection]:
    """Read the list *data*, the content of the file *name*. Raises EvidenceError."""
    text = _decoded(data, name)
    delimiter = max(",;\t", key=lambda d: len({*_header(text, d)} & {*COLUMNS}))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    columns: list[str] | None = None
    found: dict[int, tuple[ListedConnection, int]] = {}
    line = 1
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if columns is None and any(cells):
                columns = _columns(cells, name, line)
            elif columns is not None and any(cells):
                if len(cells) > len(columns) and any(cells[len(columns) :]):
                    _fail(name, line, f"{len(cells)} columns", f"{len(columns)}, as in the header")
                values = dict(zip(columns, cells, strict=False))
                one = _connection(values, name, line)
                if one.number in found:
                    before = f"connection {one.number} again (it is in line {found[one.number][1]} already)"
                    _fail(name, line, before, "each connection once")
                found[one.number] = one, line
            line = reader.line_num + 1
    except csv.Error as problem:
        _fail(name, reader.line_num, f"no CSV ({problem})", "a closed quote, and fields of a sensible size")
    if columns is None:
        _fail(name, 1, "an empty file", f"a header: {', '.join(COLUMNS)}")
    return [one for one, _ in found.values()]


def _decoded(data: bytes, name: str) -> str:
    if b"\0" in data and not data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        _fail(name, data[: data.index(b"\0")].count(b"\n") + 1, "a NUL", "text: a list of connections as CSV")
    try:
        return decode(data)
    except UnicodeDecodeError as problem:
        line, encoding = problem.object[: problem.start].count(b"\n") + 1, problem.encoding.upper()
        _fail(name, line, f"not {encoding}", "the encoding of its byte order mark")


def _header(text: str, delimiter: str) -> list[str]:
    first = next((line for line in text.splitlines() if line.strip()), "")
    return [cell.strip().strip('"').strip().lower() for cell in first.split(delimiter)]


def _columns(cells: Sequence[str], name: str, line: int) -> list[str]:
    columns = [cell.lower() for cell in cells]
    for column in COLUMNS:
        if columns.count(column) > 1:
            _fail(name, line, f"the column {column} twice", "each column once")
    if "connection" not in columns or not {"user", "address"} & {*columns}:
        expected = "a header with connection, and user or address, of " + ", ".join(COLUMNS)
        _fail(name, line, f"the columns {shown(', '.join(cells))}", expected)
    return columns


def _connection(values: dict[str, str], name: str, line: int) -> ListedConnection:
    number, user, licensed = (values.get(column, "") for column in ("connection", "user", "licensed"))
    starred = False
    if number.startswith("*"):  # the mark may also be before the number
        starred, number = True, number[1:].strip()
    if not (number.isascii() and number.isdecimal() and len(number) <= 9):
        _fail(name, line, f"connection {shown(number)}", "a number")
    if user.startswith("*"):
        starred, user = True, user[1:].strip()
    answer = licensed.lower()
    if answer and answer not in _YES | _NO:
        _fail(name, line, f"licensed {shown(licensed)}", "yes, no, 1, 0, * (not licensed) or nothing")
    if starred and answer in _YES:
        _fail(name, line, f"licensed {shown(licensed)} and a * before the name", "one or the other: * is not licensed")
    is_licensed = answer in _YES or (not answer and not starred and user.upper() not in ("", "NOT-LOGGED-IN"))
    since = values.get("since", "")
    if since and not _is_time(since):
        _fail(name, line, f"since {shown(since)}", "a time such as 2000-08-10 09:30 or 9:30, or nothing")
    return ListedConnection(int(number), user, machine(values.get("address", "")), is_licensed, since)


def _is_time(text: str) -> bool:
    try:
        if _TIME.fullmatch(text):
            text = f"2000-01-01T{text:0>{5 if text.count(':') == 1 else 8}}"
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _fail(name: str, line: int, what: str, expected: str) -> NoReturn:
    raise EvidenceError(f"{name}:{line}: {what}; expected {expected}")


def dump(path: Path, address: str = "", names: ValueNames = OURS) -> Dump:
    """Read the registry dump at *path*, of the client at *address* ("": not known). Raises RegError."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise RegError(f"{path}: cannot be read: {problem.strerror}; expected a .reg file or a hive") from None
    if data.startswith((b"regf", b"CREG")):
        registry = hive.read(path, SOFTWARE)
        if any(key.lower() == "client" for key in registry.subkeys(SOFTWARE)):
            registry = hive.read(path, NAL)
    else:
        registry = parse(data, str(path))
    return _dump(path.name, address, registry, names)


def _dump(name: str, address: str, registry: Registry, names: ValueNames) -> Dump:
    found = re.compile(r"(?:.*\\)?NAL\\Client\\Connections\\([^\\]+)(?:\\.*)?", re.IGNORECASE | re.DOTALL)
    accounts = {match[1].removesuffix("&").upper() for key in registry if (match := found.fullmatch(key))}
    return Dump(name, machine(address), tuple(entries(registry, names)), frozenset(accounts))


def of_run(run: RunHistory, names: ValueNames = OURS) -> tuple[list[ListedConnection], list[Dump]]:
    """The connections that are open at the end of *run*, and the registries that its clients wrote at their ends."""
    connected = [_listed(history) for history in run.histories if history.ended is None]
    dumps = []
    for client in run.clients:
        texts = [record.get("text") for record in client.journal.records if record.event == "registry"]
        stations = [str(r["station"]) for r in client.journal.records if isinstance(r.get("station"), str)]
        if texts and stations:
            registry = parse(codecs.BOM_UTF16_LE + str(texts[-1]).encode("utf-16-le", "surrogatepass"), client.name)
            dumps.append(_dump(f"client {client.name}", stations[-1], registry, names))
    return connected, dumps


def _listed(history: ConnectionHistory) -> ListedConnection:
    idle = history.server.end - history.last_request
    after = IDLE_AFTER if history.server.idle_after is None else history.server.idle_after
    return ListedConnection(
        number=history.connection,
        user=history.user or "",
        address=machine(history.station),
        licensed=history.holding is not None,
        since=history.server.at(history.holding.granted) if history.holding else "",
        server=history.server.name,
        idle=idle if idle >= after else 0,
        files=len(history.open_files),
    )
