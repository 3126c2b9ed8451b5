"""Counts of instructions: the same again, and what has grown is named."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import __main__ as bench
from benchmarks import instructions
from benchmarks.instructions import Count, between_marks, compare, keep
from benchmarks.probes import PROBES, bytecodes
from benchmarks.steps import CannotMeasure

FUNCTIONS = {"fakenw.core.server:Server.receive": 54.0, "fakenw.core.dispatch:Dispatch.request": 59.0}


def _told(tmp_path: Path, before: Count, now: Count) -> list[str]:
    file = tmp_path / "baseline.json"
    keep({"core": before}, file)
    return list(compare({"core": now}, file))


def test_what_has_grown_is_named(tmp_path: Path) -> None:
    """By more than 3 in 100; also a function that was not there."""
    grown = {**FUNCTIONS, "fakenw.core.dispatch:Dispatch.request": 80.0, "fakenw.core.news:tell": 9.0}
    assert _told(tmp_path, Count(35_000, FUNCTIONS), Count(36_400, grown)) == [
        "GetTime, the core alone                 36,400 instructions, MORE than before: 35,000 (+4.0%)",
        "    fakenw.core.dispatch:Dispatch.request: 59 -> 80 bytecodes",
        "    fakenw.core.news:tell: 0 -> 9 bytecodes",
    ]


def test_what_has_shrunk_is_named(tmp_path: Path) -> None:
    told = _told(tmp_path, Count(35_000, FUNCTIONS), Count(30_000, {"fakenw.core.server:Server.receive": 60.0}))
    assert told == [
        "GetTime, the core alone                 30,000 instructions, less than before: 35,000 (-14.3%)",
        "    fakenw.core.dispatch:Dispatch.request: 59 -> 0 bytecodes",
    ]


def test_a_small_change_names_nothing(tmp_path: Path) -> None:
    (line,) = _told(tmp_path, Count(35_000, FUNCTIONS), Count(36_000, {**FUNCTIONS, "more": 70.0}))
    assert line == "GetTime, the core alone                 36,000 instructions, as before (+2.9%)"


def test_a_change_without_bytecodes_is_in_c(tmp_path: Path) -> None:
    *_, line = _told(tmp_path, Count(35_000, FUNCTIONS), Count(40_000, FUNCTIONS))
    assert line == "    no function of Python executes more or fewer bytecodes: the change is in C"


def test_counts_are_those_of_a_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of another build stay, and are not compared."""
    file = tmp_path / "baseline.json"
    line, *more = compare({"core": Count(35_000, FUNCTIONS)}, file)
    assert line == "GetTime, the core alone                 35,000 instructions"
    assert more[-1] == "to keep some: python -m benchmarks --instructions keep"
    keep({"core": Count(35_000, FUNCTIONS)}, file)
    monkeypatch.setattr(instructions, "BUILD", "cpython 3.99 of another compiler")
    assert "no counts of this build" in "".join(compare({"core": Count(1, {})}, file))
    keep({"core": Count(40_000, FUNCTIONS)}, file)
    assert [kept["probes"]["core"]["instructions"] for kept in json.loads(file.read_text()).values()] == [
        35_000,
        40_000,
    ]


def test_other_libraries_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "baseline.json"
    monkeypatch.setattr(instructions, "version", lambda library: "1.0")
    keep({"core": Count(35_000, FUNCTIONS)}, file)
    monkeypatch.setattr(instructions, "version", lambda library: "2.0" if library == "uvloop" else "1.0")
    assert next(iter(compare({"core": Count(35_000, FUNCTIONS)}, file))) == "uvloop is 2.0, and was 1.0"


def test_a_broken_baseline_is_named(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    file.write_text("{")
    with pytest.raises(CannotMeasure, match=r"baseline\.json: .*; expected JSON, as --instructions keep writes it"):
        list(compare({}, file))


def test_without_valgrind_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And no failure: continuous integration may run it anywhere."""
    monkeypatch.setenv("PATH", str(tmp_path))
    done = CliRunner().invoke(bench.main, ["--instructions", "compare"])
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.splitlines()[-1] == "bench: instructions are counted by valgrind, which is not installed"


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_repeats_itself(name: str) -> None:
    """Each turn executes the same bytecodes, so that nothing is left to chance."""
    with PROBES[name].begin() as prepare:
        prepare(2)()
        first, again, twice = (bytecodes(prepare(turns)) for turns in (1, 1, 2))
    assert first == again
    core = {which: number for which, number in first.items() if which.startswith("fakenw.core.")}
    assert core
    assert {which: twice[which] for which in core} == {which: 2 * number for which, number in core.items()}


def test_bytecodes_are_those_of_each_function() -> None:
    def grows(times: int) -> None:
        for _ in range(times):
            pass

    few, many = (bytecodes(lambda times=times: grows(times)) for times in (10, 1010))  # type: ignore[misc]
    (name,) = (name for name in few if name.endswith("grows"))
    assert many[name] - few[name] >= 1000
    assert {which: number for which, number in few.items() if which != name} == {
        which: number for which, number in many.items() if which != name
    }


@pytest.mark.valgrind
def test_the_same_number_again() -> None:
    """What is between the marks is counted, and nothing else."""
    program = "import os; os.getppid(); sum(range({})); os.getppid(); list(range(99)); os.getppid()"
    few, again, many = (between_marks([sys.executable, "-c", program.format(number)]) for number in (100, 100, 5000))
    assert few == pytest.approx(again, rel=0.01)
    assert many[0] - few[0] > 4900
    assert many[1] == pytest.approx(few[1], rel=0.01)


@pytest.mark.valgrind
def test_a_program_that_fails_is_named() -> None:
    with pytest.raises(CannotMeasure, match=r"(?s)valgrind ended with 1:.*ZeroDivisionError"):
        between_marks([sys.executable, "-c", "1 / 0"])
