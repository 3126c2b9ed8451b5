r"""A list of a server's connections, as customers send it: CSV, or text copied from the screen of MONITOR.

Rules of this file:

* A list has a header, and then one connection a line. The columns are ``connection``, ``user``, ``address``,
  ``licensed``, ``since``, ``server`` and ``requests``, in any order and case, in English or German; others are ignored.
  Lines before the header, such as the title of a screen, are ignored, and so is the same header again.
* The cells are separated by ``,``, ``;`` or a tab, or they stand under their header, with two or more blanks between
  them: the layout which finds most columns in the header. A cell of a screen may be empty, and belongs to the header
  above it.
* As in MONITOR a ``*`` before a name, or alone in the column ``licensed``, means that the connection is not licensed.
  Where the column is empty, a connection with a user is licensed.
* Text is UTF-8, UTF-16 with or without a byte order mark, or code page 1252.
* Nothing of a list with a mistake is used.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn

from fakenw.config.yaml_file import shown
from harness.client.registry import decode
from harness.lab.evidence import EvidenceError, ListedConnection, machine, marked
from harness.lab.moments import moment

COLUMNS = {
    "connection": ("conn", "conn.", "connection number", "verbindung", "verbindungsnummer", "verb.", "nr", "nr."),
    "user": ("user name", "username", "benutzer", "benutzername"),
    "address": ("network address", "netzwerkadresse", "adresse"),
    "licensed": ("license", "lizenziert", "lizenz"),
    "since": ("login time", "seit", "anmeldezeit"),
    "server": ("server name", "servername"),
    "requests": ("requests received", "anfragen", "anforderungen"),
}
_COLUMN = {name: column for column, others in COLUMNS.items() for name in (column, *others)}
_YES = {"yes", "y", "true", "1", "ja", "j", "wahr"}
_NO = {"no", "n", "false", "0", "*", "nein", "falsch"}
_NOT_LOGGED_IN = {"", "NOT-LOGGED-IN", "NOT LOGGED IN", "NICHT ANGEMELDET"}
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n|\Z)")
_FRAME = str.maketrans(dict.fromkeys("|│║┃", " "))
_RULE = re.compile(r"[-=_+─═┌┐└┘╔╗╚╝├┤╠╣┬┴┼ \t]*")
_COUNT = re.compile(r"[0-9]{1,18}|[0-9]{1,3}(?:[.,' \u00a0][0-9]{3}){1,5}")

SIZE_LIMIT = 32 * 1024 * 1024  # bytes of a list: some hundred thousand connections
_TITLES = 50  # lines in which the header is sought
_WIDEST = 4096  # characters of a line of a screen

Row = tuple[int, list[str]]  # a line's number, and its cells


def connections(data: bytes, name: str, server: str | None = None) -> list[ListedConnection]:
    """Read the list *data*, the content of the file *name*, of *server* where no column says it. Raises EvidenceError.

    The connections are those of one moment: whether they are idle is not known.
    """
    found: dict[tuple[str | None, int], tuple[ListedConnection, int]] = {}
    header: list[str] = []
    columns: list[str] | None = None
    for line, cells in _rows(_decoded(data, name), name):
        if columns is None:
            header, columns = cells, _columns(cells, name, line)
            continue
        if cells == header:  # another screen
            continue
        if len(cells) > len(columns) and any(cells[len(columns) :]):
            _fail(name, line, f"{len(cells)} columns", f"{len(columns)}, as in the header")
        one = _connection(dict(zip(columns, cells, strict=False)), name, line, server)
        key = one.server.upper() if one.server else None, one.number
        if key in found:
            before = f"connection {one.number} again (it is in line {found[key][1]} already)"
            _fail(name, line, before, "each connection once")
        found[key] = one, line
    if {None} < {one.server for one, _ in found.values()}:
        line = next(line for one, line in found.values() if one.server is None)
        _fail(name, line, "a connection without a server", "the server of each connection, or of none")
    return [one for one, _ in found.values()]


def _decoded(data: bytes, name: str) -> str:
    data = marked(data)
    try:
        text = decode(data)
    except UnicodeDecodeError as problem:
        line, encoding = problem.object[: problem.start].count(b"\n") + 1, problem.encoding.upper()
        _fail(name, line, f"not {encoding}", "the encoding of its byte order mark")
    if "\0" in text:
        _fail(name, text[: text.index("\0")].count("\n") + 1, "a NUL", "text: a list of connections as CSV")
    return text


# The layouts: each gives the rows from the header on


def _rows(text: str, name: str) -> Iterator[Row]:
    layouts: list[Callable[[str], list[str]]] = [lambda line, d=d: _split(line, d) for d in ",;\t"]  # type: ignore[misc]
    layouts.append(lambda line: [match[0] for match in _fields(line)])
    lines = [match[0] for match in _LINE.finditer(text) if match[0]]
    first = None
    for n, line in enumerate(lines):
        if first is not None and n >= _TITLES:
            break
        if not line.strip():
            continue
        known = [len({_COLUMN[cell.lower()] for cell in layout(line) if cell.lower() in _COLUMN}) for layout in layouts]
        best = known.index(max(known))
        first = (n, best) if first is None else first
        if known[best] > 1 and {"connection"} < {_COLUMN.get(cell.lower()) for cell in layouts[best](line)}:
            yield from _aligned(lines, n, name) if best == 3 else _delimited(lines, n, ",;\t"[best], name)
            return
    if first is None:
        _fail(name, 1, "an empty file", f"a header: {', '.join(COLUMNS)}")
    yield first[0] + 1, layouts[first[1]](lines[first[0]])  # is refused as a header, in words


def _split(line: str, delimiter: str) -> list[str]:
    return [cell.strip().strip('"').strip() for cell in line.split(delimiter)]


def _delimited(lines: Sequence[str], start: int, delimiter: str, name: str) -> Iterator[Row]:
    reader = csv.reader(iter(lines[start:]), delimiter=delimiter, strict=True, skipinitialspace=True)
    line = start + 1
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield line, cells
            line = start + reader.line_num + 1
    except csv.Error as problem:
        expected = "a closed quote, and fields of a sensible size"
        _fail(name, start + reader.line_num, f"no CSV ({problem})", expected)


def _fields(line: str) -> list[re.Match[str]]:
    """The texts of a line that two or more blanks separate."""
    return list(re.finditer(r"\S+(?: \S+)*", line.translate(_FRAME).expandtabs().rstrip()))


def _aligned(lines: Sequence[str], start: int, name: str) -> Iterator[Row]:
    if len(lines[start]) > _WIDEST:
        _fail(name, start + 1, f"a line of {len(lines[start])} characters", f"at most {_WIDEST}")
    header = _fields(lines[start])
    yield start + 1, [match[0] for match in header]
    spans = [match.span() for match in header]
    for n, text in enumerate(lines[start + 1 :], start + 2):
        if len(text) > _WIDEST:
            _fail(name, n, f"a line of {len(text)} characters", f"at most {_WIDEST}")
        if _RULE.fullmatch(text.translate(_FRAME).strip()):
            continue
        cells = [""] * len(spans)
        for field in _fields(text):
            for begin, part in _parts(field, spans):
                at = _under(begin, begin + len(part), spans)
                cells[at] = f"{cells[at]} {part}".strip()
        yield n, cells


def _under(begin: int, end: int, spans: Sequence[tuple[int, int]]) -> int:
    """The header of a cell: it begins or ends with it, or is under most of it, or else begins after it."""
    for at, (left, right) in enumerate(spans):
        if begin == left or end == right or min(end, right) - max(begin, left) > (end - begin) // 2:
            return at
    return max((at for at, (left, _) in enumerate(spans) if left <= begin), default=0)


def _parts(field: re.Match[str], spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, str]]:
    """A field, divided where a header begins after a blank: a long cell leaves one blank to the next."""
    begin, text = field.start(), field[0]
    cuts = [left for left, _ in spans if begin < left < field.end() and text[left - begin - 1] == " "]
    for left, right in zip([begin, *cuts], [*cuts, field.end()], strict=True):
        yield left, text[left - begin : right - begin].strip()


# A header, and a connection


def _columns(cells: Sequence[str], name: str, line: int) -> list[str]:
    columns = [_COLUMN.get(cell.lower(), cell.lower()) for cell in cells]
    for column in COLUMNS:
        if columns.count(column) > 1:
            _fail(name, line, f"the column {column} twice", "each column once")
    if "connection" not in columns or not {"user", "address"} & {*columns}:
        expected = "a header with connection, and user or address, of " + ", ".join(COLUMNS)
        _fail(name, line, f"the columns {shown(', '.join(cells))}", expected)
    return columns


def _connection(values: dict[str, str], name: str, line: int, server: str | None) -> ListedConnection:
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
    is_licensed = answer in _YES or (not answer and not starred and user.upper() not in _NOT_LOGGED_IN)
    since, requests, address = (values.get(column, "") for column in ("since", "requests", "address"))
    if since and moment(since) is None:
        _fail(name, line, f"since {shown(since)}", "a time such as 2000-08-10 09:30 or 9:30, or nothing")
    if requests and not _COUNT.fullmatch(requests):
        _fail(name, line, f"requests {shown(requests)}", "a whole number, or nothing")
    return ListedConnection(
        number=int(number),
        user=user,
        address=machine(address),
        licensed=is_licensed,
        since=since,
        server=(values.get("server") or server or "").strip("\\ ") or None,
        station=address.strip().lower(),
        requests=int(re.sub(r"\D", "", requests)) if requests else None,
    )


def _fail(name: str, line: int, what: str, expected: str) -> NoReturn:
    raise EvidenceError(f"{name}:{line}: {what}; expected {expected}")
