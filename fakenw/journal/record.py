"""The journal record: one event, its text form, and the reader.

Rules of this file (the journal is a contract, see docs/journal.md):

* A journal is JSON Lines. Every line has ``t``, ``role`` and ``event``; the rest depends on the event.
* ``t`` counts from that journal's start on its writer's clock. In memory it is a whole number of
  microseconds, which are never rounded; on the line it has six decimals.
* A last line without a line feed is torn (the writer was killed) and is dropped. Any other damage is an error that
  names file and line. So is a ``format`` that is newer than FORMAT.
* A journal may have begun in numbered files: the first line of the file then says which file of the journal it is
  (``part``). All are read as one journal, and none of them may be missing.
* What is read is bounded: numbers, times, and the depth of lists and objects. So no reader meets a number that cannot
  be printed, or a value that cannot be walked through.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, pairwise
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Any, NoReturn

FORMAT = 1
PART = "part"  # of the first line of a file: which file of the journal it is, from 1
SECOND = 1_000_000  # microseconds
_FAR = 1e12  # seconds, over 30,000 years: what is beyond is no time
_DIGITS = 18  # of a whole number
_DEPTH = 50  # of lists and objects in one another


def microseconds(value: object) -> int | None:
    """A field in seconds as microseconds; None for a field that is no such number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _FAR:
        return None
    return round(value * SECOND)


_text = json.JSONEncoder(separators=(", ", ": "), ensure_ascii=True).encode


class _Templates(dict[tuple[str, ...], str]):
    """Lines of an event with fields of these names, in which the values are missing; each is made once."""

    def __missing__(self, key: tuple[str, ...]) -> str:
        event, *names = [part.replace("%", "%%") for part in key]
        fields = "".join([f", {encode_basestring_ascii(name)}: %s" for name in names])
        self[key] = f'{{"t": %d.%06d, "role": "%s", "event": "{event}"{fields}}}\n'
        return self[key]


_templates = _Templates()


def _value(value: Any) -> str:
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    if value is None:
        return "null"
    return float.__repr__(value) if type(value) is float and math.isfinite(value) else _text(value)


class JournalError(Exception):
    """A journal cannot be read. ``str()`` names the file, the line and the expectation."""


@dataclass(slots=True)
class Record:
    """One line of a journal. ``t`` is in microseconds since the journal's start."""

    t: int
    role: str
    event: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """The record as one line of JSON, with its line feed."""
        fields = self.fields
        values = [
            encode_basestring_ascii(value) if type(value) is str else value if type(value) is int else _value(value)
            for value in fields.values()
        ]
        return _templates[self.event, *fields] % (*divmod(self.t, SECOND), self.role, *values)

    def get(self, name: str, default: Any = None) -> Any:
        return self.fields.get(name, default)

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]


@dataclass(frozen=True, slots=True)
class Journal:
    """The records of one writer, in the order of writing. Record *i* stands on line *i* + 1.

    *files* are those that it was read from, if there are several, each with its first line: lines are numbered through.
    """

    name: str
    records: list[Record]
    torn: bool = False
    files: tuple[tuple[int, str], ...] = field(default=(), compare=False)

    def place(self, line: int) -> tuple[str, int]:
        """The file in which *line* stands, and the number that it has there."""
        n = bisect_right(self.files, line, key=lambda file: file[0]) - 1
        return (self.name, line) if n < 0 else (self.files[n][1], line - self.files[n][0] + 1)

    def at(self, line: int) -> str:
        """The place of *line* for a message."""
        name, number = self.place(line)
        return f"{name}:{number}"

    def incarnations(self) -> Iterator[tuple[int, list[Record]]]:
        """The parts of the journal, one for each ``start`` of the server, with the number of the first line."""
        begins = [n for n, record in enumerate(self.records) if n == 0 or record.event == "start"]
        for begin, end in pairwise([*begins, len(self.records)]):
            yield begin + 1, self.records[begin:end]


def _whole(text: str) -> int:
    if len(text) > _DIGITS + 1:
        raise ValueError(f"expected a number of at most {_DIGITS} digits, not one of {len(text)}")
    return int(text)


def _real(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("expected a finite number")
    return value


def _refused(name: str) -> NoReturn:
    raise ValueError(f"expected a number, not {name}")


_decoder = json.JSONDecoder(parse_int=_whole, parse_float=_real, parse_constant=_refused)


def _deep(value: object) -> bool:
    """Whether lists and objects are nested more than _DEPTH deep."""
    level = [value]
    for _ in range(_DEPTH):
        inner = [list(one.values()) if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [one for many in inner for one in many]
    return bool(level)


def decode(text: str) -> Any:
    """Read JSON that another program has written, within bounds. Raises ValueError, which names the expectation."""
    try:
        value = _decoder.decode(text)
    except RecursionError:
        raise ValueError(f"expected values at most {_DEPTH} deep in one another") from None
    if text.count("[") + text.count("{") > _DEPTH and _deep(value):
        raise ValueError(f"expected values at most {_DEPTH} deep in one another")
    return value


def parse(line: str) -> Record:
    """Read one line. Raises ValueError, which names the expectation."""
    data = decode(line)
    if not isinstance(data, dict):
        raise ValueError("expected a JSON object")
    for name, kind in (("t", (int, float)), ("role", str), ("event", str)):
        if not isinstance(data.get(name), kind) or isinstance(data.get(name), bool):
            raise ValueError(f'expected "{name}" in every line')
    written = data.get("format")
    if isinstance(written, int) and written > FORMAT:
        raise ValueError(f"format {written} is newer than this program, which reads up to format {FORMAT}")
    t = microseconds(data.pop("t"))
    if t is None or t < 0:
        raise ValueError(f'expected "t" to be seconds from 0 to {_FAR:g}')
    return Record(t, data.pop("role"), data.pop("event"), data)


def part_of(record: Record) -> int | None:
    """Which file of its journal *record* begins; None where it does not say. Raises ValueError."""
    part = record.get(PART)
    if part is not None and (isinstance(part, bool) or not isinstance(part, int) or part < 1):
        raise ValueError(f'expected "{PART}" to be a number from 1')
    return part


def numbered(path: Path, part: int) -> Path:
    """The file with the lines of *part* of the journal at *path*, which has the last part: NAME.1.jsonl and so on."""
    return path.with_name(f"{path.stem}.{part}{path.suffix}")


def read_lines(lines: Iterable[str | bytes], name: str) -> Journal:
    """Read a journal from its lines, as text or as bytes. Raises JournalError, except for a torn last line."""
    return _read([(name, lines)], name)


def _read(files: Iterable[tuple[str, Iterable[str | bytes]]], whole: str) -> Journal:
    """Read the journal *whole* from the lines of its files. Raises JournalError, except for a torn last line."""
    records: list[Record] = []
    begins: list[tuple[int, str]] = []
    torn: str | None = None
    for part, (name, lines) in enumerate(files, 1):
        if part > 1 and len(records) < begins[-1][0]:
            raise JournalError(f"{begins[-1][1]}: has no line; expected the lines before those of {name}")
        begins.append((len(records) + 1, name))
        for number, line in enumerate(lines, 1):
            if torn:
                raise JournalError(torn)
            try:
                text = line.decode("utf-8") if isinstance(line, bytes) else line
                if not text.endswith("\n"):
                    raise json.JSONDecodeError("expected a whole line", text, 0)
                records.append(parse(text))
                if number == 1 and (said := part_of(records[-1])) is not None:
                    if said != part:
                        raise ValueError(f"this is file {said} of its journal; expected file {part}")
                    first = records.pop()
                    fields = {name: value for name, value in first.fields.items() if name != PART}
                    records.append(Record(first.t, first.role, first.event, fields))
            except (json.JSONDecodeError, UnicodeDecodeError) as problem:
                why = problem.msg if isinstance(problem, json.JSONDecodeError) else "expected UTF-8"
                torn = f"{name}:{number}: not a journal line: {why}"
                if line[-1:] in ("\n", b"\n"):
                    raise JournalError(torn) from None
            except ValueError as problem:
                raise JournalError(f"{name}:{number}: {problem}") from None
    if torn and not records:
        raise JournalError(torn)
    return Journal(whole, records, torn is not None, tuple(begins) if len(begins) > 1 else ())


def _files(path: Path) -> Iterator[tuple[str, Iterable[bytes]]]:
    """The lines of every file of the journal at *path*, which is opened first: a server may begin another meanwhile."""
    with path.open("rb") as last:
        first_line = last.readline()
        try:
            parts = part_of(parse(first_line.decode("utf-8"))) or 1
        except ValueError:
            parts = 1  # _read will say what is wrong with the line
        for part in range(1, parts):
            with numbered(path, part).open("rb") as file:
                yield str(numbered(path, part)), file
        yield str(path), chain([first_line] if first_line else [], last)


def read(path: Path) -> Journal:
    """Read the journal whose last file is at *path*. Raises JournalError."""
    try:
        return _read(_files(path), str(path))
    except OSError as problem:
        where = problem.filename or path
        raise JournalError(f"{where}: cannot be read: {problem.strerror}; expected a journal") from None
