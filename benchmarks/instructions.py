"""Instructions of the probes, by valgrind: a number that a busy machine does not change.

The same build of Python counts the same again, but for less than one in a hundred: the addresses of objects differ.
So the counts of ``baseline.json`` are kept by build. Where one has changed by more than ALLOWED, the functions with the
largest change of bytecodes are named: callgrind knows the functions of C only.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.probes import PROBES
from benchmarks.steps import CannotMeasure

BASELINE = Path(__file__).with_name("baseline.json")
BUILD = f"{sys.implementation.name} {sys.version} {sysconfig.get_platform()}".replace("\n", "")
LIBRARIES = ("Twisted", "uvloop")  # whose instructions are counted too
ALLOWED = 0.03
NAMED = 5  # functions of a probe that has changed
OF_ALL = 0.005  # of a probe's bytecodes: a function that has changed by less is not named
KEPT = 0.001  # of a probe's bytecodes: a function with less is not kept


class NoValgrind(CannotMeasure):
    """Instructions cannot be counted on this machine."""


class Count(NamedTuple):
    """What a unit of a probe costs: instructions, and bytecodes of each function of Python."""

    instructions: int
    functions: Mapping[str, float]


def count(names: Sequence[str] = tuple(PROBES)) -> dict[str, Count]:
    """Count these probes, in a process that valgrind simulates and in one that is traced. Raises CannotMeasure."""
    probes = [sys.executable, "-m", "benchmarks.probes", *names]
    totals = between_marks(probes)[::2]  # every other one is of what comes before a probe's turn
    functions = json.loads(_run([*probes, "--functions"]))
    return {name: _of_a_unit(name, total, functions[name]) for name, total in zip(names, totals, strict=True)}


def between_marks(command: Sequence[str]) -> list[int]:
    """The instructions of *command*, a program of Python, from each call of ``getppid`` to the next.

    Raises CannotMeasure.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise NoValgrind("instructions are counted by valgrind, which is not installed")
    with tempfile.TemporaryDirectory(prefix="fakenw-bench-") as folder:
        out = Path(folder) / "out"
        _run([valgrind, "-q", "--tool=callgrind", "--dump-before=getppid", f"--callgrind-out-file={out}", *command])
        # a part ends before each call; what comes behind the last one is in a file without a number
        parts = sorted(out.parent.glob("out.*"), key=lambda path: int(path.suffix[1:]))
        if len(parts) < 2:
            raise CannotMeasure("valgrind has not seen the calls of getppid")
        return [_summary(part) for part in parts[1:]]


def _run(command: Sequence[str]) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, cwd=BASELINE.parents[1], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise CannotMeasure(f"{Path(command[0]).name} ended with {done.returncode}:\n{done.stderr.strip()}")
    return done.stdout


def _summary(part: Path) -> int:
    lines = part.read_text(encoding="utf-8", errors="replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("summary:"))


def _of_a_unit(name: str, total: int, functions: Mapping[str, int]) -> Count:
    units, least = PROBES[name].turns * PROBES[name].units, KEPT * sum(functions.values())
    shares = {which: round(counted / units, 2) for which, counted in functions.items() if counted > least}
    return Count(round(total / units), shares)


def keep(counts: Mapping[str, Count], file: Path = BASELINE) -> None:
    """Keep *counts* in *file* as those of this build, beside those of others."""
    kept = _read(file)
    probes = {name: counted._asdict() for name, counted in counts.items()}
    kept[BUILD] = {"libraries": _libraries(), "probes": probes}
    file.write_text(f"{json.dumps(kept, indent=1, sort_keys=True)}\n", encoding="utf-8")


def compare(counts: Mapping[str, Count], file: Path = BASELINE) -> Iterator[str]:
    """Sentences about what has changed since *counts* of this build were kept in *file*. Raises CannotMeasure."""
    kept = _read(file).get(BUILD)
    if kept is None:
        yield from told(counts)
        yield f"{file.name} has no counts of this build, {BUILD}"
        yield "to keep some: python -m benchmarks --instructions keep"
        return
    for library, now in _libraries().items():
        if now != kept["libraries"].get(library):
            yield f"{library} is {now}, and was {kept['libraries'].get(library)}"
    for name, counted in counts.items():
        if name in kept["probes"]:
            yield from _compared(name, Count(**kept["probes"][name]), counted)
        else:
            yield f"{_told(name, counted)}, not counted before"


def told(counts: Mapping[str, Count]) -> Iterator[str]:
    """A line for each probe."""
    for name, counted in counts.items():
        yield _told(name, counted)


def _told(name: str, counted: Count) -> str:
    return f"{PROBES[name].what:34}{counted.instructions:>12,} instructions"


def _compared(name: str, before: Count, now: Count) -> Iterator[str]:
    change = now.instructions / before.instructions - 1
    if abs(change) <= ALLOWED:
        yield f"{_told(name, now)}, as before ({change:+.1%})"
        return
    yield f"{_told(name, now)}, {'MORE' if change > 0 else 'less'} than before: {before.instructions:,} ({change:+.1%})"
    least = OF_ALL * sum(before.functions.values())
    more = {
        function: (now.functions.get(function, 0) - before.functions.get(function, 0)) * (1 if change > 0 else -1)
        for function in {**before.functions, **now.functions}
    }
    changed = sorted((function for function in more if more[function] > least), key=lambda each: (-more[each], each))
    for function in changed[:NAMED]:
        yield f"    {function}: {before.functions.get(function, 0):g} -> {now.functions.get(function, 0):g} bytecodes"
    if not changed:
        yield "    no function of Python executes more or fewer bytecodes: the change is in C"


def _read(file: Path) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as problem:
        raise CannotMeasure(f"{file}: {problem}; expected JSON, as --instructions keep writes it") from None
    return kept


def _libraries() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = None
    return found
