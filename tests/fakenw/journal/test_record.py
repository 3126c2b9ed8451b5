"""The journal's lines: what is written is read, and what cannot be read is named."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakenw.journal.record import FORMAT, SECOND, Journal, JournalError, Record, microseconds, parse, read, read_lines

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**18) + 1, 10**18 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
contents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
names = st.text().filter(lambda name: name not in ("t", "role", "event", "format"))
CENTURY = 100 * 365 * 86_400 * SECOND
records = st.builds(
    Record,
    st.integers(0, CENTURY),
    st.sampled_from(["server", "client", "runner"]),
    st.sampled_from(["grant", "login-failed"]),
    st.dictionaries(names, contents, max_size=5),
)
GOOD = Record(1, "server", "grant", {"unit": "connection:1"}).line()


@given(records)
def test_round_trip(record: Record) -> None:
    """A line is one line of ASCII, is JSON, and reads back the same to the microsecond."""
    line = record.line()
    assert line.isascii()
    assert line.endswith("\n")
    assert len(line.splitlines()) == 1
    assert parse(line) == record
    assert json.loads(line)["event"] == record.event


@given(records)
def test_a_line_is_what_json_writes(record: Record) -> None:
    """It is made from a template, not by the encoder of the library."""
    whole = json.dumps({"role": record.role, "event": record.event, **record.fields})
    assert record.line().partition(", ")[2] == f"{whole[1:]}\n"


@pytest.mark.parametrize(
    ("t", "text"),
    [
        (0, "0.000000"),
        (1, "0.000001"),
        (999_999, "0.999999"),
        (1_000_000, "1.000000"),
        (889_792_108, "889.792108"),
        (90 * 86_400 * SECOND + 5, "7776000.000005"),
    ],
)
def test_six_decimals(t: int, text: str) -> None:
    """The time stands first, in seconds with six decimals, never rounded and never as a power of ten."""
    line = Record(t, "server", "start").line()
    assert line == f'{{"t": {text}, "role": "server", "event": "start"}}\n'
    assert parse(line).t == t


def test_fields() -> None:
    """A field is found by name; a missing one has the default."""
    record = parse(GOOD)
    assert record["unit"] == "connection:1"
    assert record.get("unit") == "connection:1"
    assert record.get("cause") is None
    assert record.get("cause", "lost") == "lost"
    with pytest.raises(KeyError):
        record["cause"]


@given(st.lists(records, min_size=1, max_size=5), st.data())
def test_torn_last_line_is_dropped(written: list[Record], data: st.DataObject) -> None:
    """Wherever the writer was killed in its last line, the lines before it are read."""
    first, last = [GOOD, *[record.line() for record in written[:-1]]], written[-1].line()
    torn = data.draw(st.integers(1, len(last) - 1))
    journal = read_lines([*first, last[:torn]], "server.jsonl")
    assert journal == Journal("server.jsonl", [parse(line) for line in first], torn=True)
    assert not read_lines([*first, last], "server.jsonl").torn


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{\n", "not a journal line"),
        ("\n", "not a journal line"),
        ('{"t": 0.000001, "ro', "not a journal line"),
        ("[]\n", "expected a JSON object"),
        ('{"role": "server", "event": "grant"}\n', 'expected "t"'),
        ('{"t": "0", "role": "server", "event": "grant"}\n', 'expected "t"'),
        ('{"t": true, "role": "server", "event": "grant"}\n', 'expected "t"'),
        ('{"t": 1, "event": "grant"}\n', 'expected "role"'),
        ('{"t": 1, "role": "server", "event": null}\n', 'expected "event"'),
        ('{"t": 1e999, "role": "server", "event": "grant"}\n', "t"),
        ('{"t": NaN, "role": "server", "event": "grant"}\n', "t"),
    ],
)
def test_damage_is_named(bad: str, reason: str) -> None:
    """A bad line with others behind it is an error that says file, line and what was expected."""
    with pytest.raises(JournalError, match=rf"^run/server\.jsonl:2: .*{re.escape(reason)}"):
        read_lines([GOOD, bad, GOOD], "run/server.jsonl")


def test_a_single_torn_line_is_no_journal() -> None:
    """Where nothing at all could be read there is nothing to tolerate."""
    with pytest.raises(JournalError, match=r"server\.jsonl:1: "):
        read_lines(['{"t": 0.0'], "server.jsonl")


@pytest.mark.parametrize("last", [True, False])
def test_newer_format_is_refused_by_name(last: bool) -> None:
    """A journal of a later program is not guessed at, not even where its first line is its last."""
    line = Record(0, "server", "start", {"format": FORMAT + 1}).line()
    with pytest.raises(JournalError, match=rf"j:1: format {FORMAT + 1} is newer .* up to format {FORMAT}"):
        read_lines([line] if last else [line, GOOD], "j")
    assert parse(Record(0, "server", "start", {"format": FORMAT}).line())["format"] == FORMAT


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_file(tmp_path: Path) -> None:
    """A file is read under its path."""
    path = write(tmp_path / "server.jsonl", GOOD.encode() * 2 + b'{"t": 5')
    assert read(path) == Journal(str(path), [parse(GOOD)] * 2, torn=True)


@pytest.mark.parametrize("content", [None, b'{"t": 1, "role": "\xff\xfe", "event": "grant"}\n' + GOOD.encode()])
def test_file_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    """A missing file, or one that is not text, is named."""
    path = tmp_path / "server.jsonl"
    if content is not None:
        write(path, content)
    with pytest.raises(JournalError, match=re.escape(str(path))):
        read(path)


def test_empty_journal() -> None:
    """No lines are no records, and no error."""
    nothing: list[Any] = []
    assert read_lines(nothing, "j") == Journal("j", [])


def test_the_lives_of_a_journal() -> None:
    """Each begins with a start; what stands before the first is a part as well. Lines are those of the file."""
    events = ["mark", "start", "create", "start"]
    incarnations = list(Journal("x", [Record(0, "server", event) for event in events]).incarnations())
    assert [(line, [record.event for record in records]) for line, records in incarnations] == [
        (1, ["mark"]),
        (2, ["start", "create"]),
        (4, ["start"]),
    ]
    assert list(Journal("x", []).incarnations()) == []


@pytest.mark.parametrize("value", [None, True, "1", [1], float("nan"), float("inf"), 10**400, -1e308])
def test_what_is_no_time(value: object) -> None:
    """Another type, or nothing that can be counted."""
    assert microseconds(value) is None
    assert (microseconds(1.5), microseconds(-2)) == (1_500_000, -2_000_000)
