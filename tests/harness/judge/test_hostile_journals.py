"""Hostile and damaged journals: a verdict or a JournalError, and never anything else."""

from __future__ import annotations

import functools
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakenw.journal.record import JournalError, read_lines
from harness.cli import checking
from harness.client.reg_file import RegError
from harness.judge.history import RunHistory
from harness.lab.answer import decide
from harness.lab.evidence import EvidenceError, of_run
from harness.lab.sightings import Sightings
from harness.report.junit import case_of, junit_xml
from harness.report.text import Result, last_line, story, table
from harness.runners import memory
from harness.scenario.catalogue import catalogue
from tests.harness.judge.lived_journals import journals

HUGE = 10**4000
VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2**63, -(2**63), 10**17, HUGE, 0.5, -0.5, 1e-9, 1e12, 1e17, 1e300, 1e308, -1e308),
    *(float("nan"), float("inf"), float("-inf"), "", "x", "connection:1", "user:JOE", "udp:10.0.0.1:1025", "licensed"),
    *("\ud800", "\x1b[2J", "1" * 5000, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", [], {}, [None]),
    *([{}], [[]], {"x": []}, {"serial": []}, [{"serial": 1, "last_request": "x"}], [{"bounded": {"units": -1}}]),
    *([{"attempts": {"most": 0, "per": 0}}], ["released"], ["no such check"], [["released"]], [7]),
]
values = st.sampled_from(VALUES) | st.integers(-(10**19), 10**19) | st.floats() | st.text(max_size=4)
Files = tuple[tuple[str, tuple[str, ...]], ...]


@functools.cache
def good() -> list[Files]:
    """Good journals: of a run with a client that leaks, of one with faults, and of servers alone."""
    chosen = [("Q257223", "as-shipped", "udp"), ("Q257223", "forced", "tcp"), ("S12", None, None), ("S18", None, None)]
    runs = []
    for scenario in catalogue():
        for name, variant, transport in chosen:
            if scenario.id == name:
                plans = list(scenario.plans(transport, (variant,) if variant else (), seed=1))
                runs.append(memory.run(plans[0]))
    alone = [[journal] for name, journal in journals() if name.startswith(("nls", "ual"))]
    return [
        tuple((journal.name, tuple(record.line() for record in journal.records[:80])) for journal in run)
        for run in [*runs, *alone]
    ]


def judged(files: list[tuple[str, list[bytes]]]) -> Result:
    """What ``harness check``, ``harness diagnose`` and a report make of it. Raises JournalError."""
    run = RunHistory.of([read_lines(lines, name) for name, lines in files])
    result = checking.judged(run, None, 1)
    texts = [*table([result]), *story(result), last_line([result]), junit_xml([case_of(result)])]
    assert json.dumps(result.as_json())
    assert texts
    with suppress(EvidenceError, RegError):  # which diagnose tells
        there, dumps = of_run(run)
        decide(Sightings(there), dumps).line()
    return result


def outcome(files: list[tuple[str, list[bytes]]]) -> str:
    try:
        return judged(files).verdict.verdict
    except JournalError:
        return "error"


def written(value: Any) -> str:
    """JSON of any value: a number of so many digits is more than ``json`` writes."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**4000:
        return "1" + "0" * 5000
    return json.dumps(value)


def bend(data: st.DataObject, line: str) -> str:
    """The line with one value in it replaced, anywhere in it, or with a field taken or added."""
    fields = json.loads(line)
    names = list(fields)
    name = data.draw(st.sampled_from([*names, "serial", "checks", "fails", "held", "speed", "utc"]))
    inner = fields.get(name)
    value = data.draw(values)
    if isinstance(inner, list) and inner and isinstance(inner[0], dict) and data.draw(st.booleans()):
        inner[0][data.draw(st.sampled_from(list(inner[0]) or ["x"]))] = None if value == HUGE else value
        return json.dumps(fields) + "\n"
    if data.draw(st.integers(0, 9)) == 0:
        fields.pop(name, None)
        return json.dumps(fields) + "\n"
    rest = {other: fields[other] for other in names if other != name}
    return json.dumps(rest)[:-1] + (", " if rest else "") + f"{json.dumps(name)}: {written(value)}}}\n"


@given(st.data())
def test_bent_values(data: st.DataObject) -> None:
    """Some lines of some journal have other values, or are moved, repeated or left out."""
    files = [(name, list(lines)) for name, lines in data.draw(st.sampled_from(good()))]
    for _ in range(data.draw(st.integers(1, 3))):
        _, lines = data.draw(st.sampled_from(files))
        if not lines:
            continue
        at = data.draw(st.integers(0, min(len(lines) - 1, 60)))
        match data.draw(st.sampled_from(["bend", "bend", "bend", "remove", "repeat", "move"])):
            case "bend":
                lines[at] = bend(data, lines[at])
            case "remove":
                del lines[at]
            case "repeat":
                lines.insert(at, lines[at])
            case "move":
                lines.insert(data.draw(st.integers(0, len(lines) - 1)), lines.pop(at))
    outcome([(name, [line.encode("utf-8", "surrogatepass") for line in lines]) for name, lines in files])


@given(st.data())
def test_bent_bytes(data: st.DataObject) -> None:
    """Bytes are replaced, inserted and cut off, anywhere."""
    files = []
    for name, lines in data.draw(st.sampled_from(good())):
        content = bytearray("".join(lines).encode())
        for _ in range(data.draw(st.integers(0, 3))):
            at = data.draw(st.integers(0, max(len(content) - 1, 0)))
            length = data.draw(st.integers(0, 20))
            content[at : at + length] = data.draw(st.binary(max_size=10))
        if data.draw(st.booleans()):
            del content[data.draw(st.integers(0, len(content))) :]
        files.append((name, bytes(content).splitlines(keepends=True)))
    outcome([(name, [part for line in lines for part in split(line)]) for name, lines in files])


def split(line: bytes) -> list[bytes]:
    """Lines end with a line feed only."""
    return [line] if line.endswith(b"\n") or b"\r" not in line else [line.replace(b"\r", b"?") + b"\n"]


START = next(line for files in good() for name, lines in files if name == "server.jsonl" for line in lines[:1])
RUN = '{"t": 0.0, "role": "runner", "event": "run", "format": 1, "utc": "2000-08-10T09:30:15+00:00", "speed": 1'


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([b"{}\n"], 'j:1: expected "t" in every line'),
        ([b"[" * 100_000 + b"]" * 100_000 + b"\n"], "j:1: expected values at most 50 deep"),
        ([b'{"t": 0, "role": "server", "event": "start", "x": ' + b"[" * 60 + b"]" * 60 + b"}\n"], "at most 50 deep"),
        ([b'{"t": 1e308, "role": "server", "event": "start"}\n'], 'j:1: expected "t" to be seconds from 0 to 1e+12'),
        ([b'{"t": NaN, "role": "server", "event": "start"}\n'], "j:1: expected a number, not NaN"),
        ([b'{"t": 1e999, "role": "server", "event": "start"}\n'], "j:1: expected a finite number"),
        ([b'{"t": -1, "role": "server", "event": "start"}\n'], 'j:1: expected "t" to be seconds from 0'),
        ([b'{"t": ' + b"9" * 5000 + b', "role": "server", "event": "start"}\n'], "at most 18 digits, not one of 5000"),
        ([b'{"t": 0, "role": "\xff", "event": "start"}\n'], "j:1: not a journal line: expected UTF-8"),
        ([START.encode(), b'{"half\n'], "j:2: not a journal line"),
        ([START.replace('"speed": 1.0', '"speed": 0').encode()], "j:1: expected a speed from 1e-06 to 1e+09, not 0"),
        (
            [START.replace('"speed": 1.0', '"speed": 1e308').encode()],
            "speed from 1e-06 to 1e+09, not 1e+308",
        ),
        ([START.replace('"speed": 1.0', '"speed": -1').encode()], "expected a speed from 1e-06 to 1e+09, not -1"),
        ([f'{RUN}, "checks": 5}}\n'.encode()], "j:1: checks: expected a list of names, or of objects, not 5"),
        ([f'{RUN}, "fails": {{}}}}\n'.encode()], "j:1: fails: expected a list of text, not {}"),
        ([f'{RUN}, "within": "soon"}}\n'.encode()], "j:1: within: expected seconds from 0, not soon"),
        ([f'{RUN}, "within": -1}}\n'.encode()], "j:1: within: expected seconds from 0, not -1"),
        ([f'{RUN}, "clients": 7}}\n'.encode()], "j:1: clients: expected a list of objects, not 7"),
        ([f'{RUN}, "checks": ["x"]}}\n'.encode()], "j: unknown check x"),
        (
            [f'{RUN}, "checks": [{{"attempts": {{"most": 1, "per": 0}}}}]}}\n'.encode()],
            "per to be a number above",
        ),
    ],
)
def test_damage_is_told_with_its_place(lines: list[bytes], told: str) -> None:
    with pytest.raises(JournalError) as caught:
        judged([("j", lines)])
    assert told in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_torn_line_has_no_line_feed() -> None:
    """One that has it was written as a whole, and is damaged."""
    assert read_lines([START, '{"half'], "j").torn
    assert read_lines([START.encode(), b'{"half \xff'], "j").torn
    with pytest.raises(JournalError, match=r"^j:2: not a journal line"):
        read_lines([START, '{"half\n'], "j")


def test_an_unmutated_journal_has_a_verdict() -> None:
    """The journals are good ones, or the tests above would be about nothing."""
    verdicts = {outcome([(name, [line.encode() for line in lines]) for name, lines in files]) for files in good()}
    assert "error" not in verdicts
    assert len(verdicts) > 1
