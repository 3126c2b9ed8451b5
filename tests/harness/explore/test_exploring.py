"""``harness explore``: its output, its file, its corpus, its exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from harness.scenario.steps import OWN
from tests.harness.explore import forgetful
from tests.programs import invoke

RACE = ("forgetful.yaml", "--behaviors", forgetful.__file__, "--workers", "1", "--faults", "cut,freeze")
SOUND = ("Q257223", "--variant", "counted", "--workers", "1")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory in which the commands run, with the scenario of the race."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "forgetful.yaml").write_text(forgetful.SCENARIO)
    yield tmp_path
    OWN.clear()


def explore(*arguments: object) -> Result:
    return invoke("explore", *arguments)


def test_the_race_is_told_written_and_repeated(folder: Path) -> None:
    """A counterexample with one fault; ``harness run`` of its file has the same verdict and diagnosis."""
    done = explore(*RACE, "--runs", 500)
    assert done.exit_code == 1
    told = done.stdout
    assert re.search(
        r"^forgetful default: leaked, found in [0-9]+ schedules \(.* released.*\), and [0-9]+ to make", told
    )
    assert re.findall(r"^  0:0\d:\d\d\S*  (.*)$", told, re.MULTILINE) == ["cut workstation", "heal workstation"]
    assert "the network cable was pulled out" in told
    assert told.endswith("exit 1: a counterexample of forgetful default\n")
    (again,) = re.findall(r"run it again: harness (.*)$", told, re.MULTILINE)
    text = (folder / "forgetful-default-leaked.yaml").read_text()
    assert "#   0:00:00" in text
    repeated = invoke(*again.split())
    assert repeated.exit_code == 1
    assert "leaked, expected released" in repeated.stdout
    (story,) = re.findall(r"(?s)^  (default: leaked:.*)\n  run it again", told, re.MULTILINE)
    assert story.replace("\n  ", "\n") in repeated.stdout
    assert explore(*RACE, "--runs", 500).stdout == told
    assert (folder / "forgetful-default-leaked.yaml").read_text() == text


def test_nothing_is_found(folder: Path) -> None:
    done = explore(*SOUND, "--runs", 30, "--json", "found.json")
    assert done.exit_code == 0
    assert re.match(
        r"Q257223 counted: no counterexample in [0-9]+ schedules \(.*\)\nexit 0: no counterexample", done.stdout
    )
    (entry,) = json.loads((folder / "found.json").read_text())
    assert entry["found"] is None
    assert sum(entry["verdicts"].values()) == entry["tried"] > 15
    assert re.search(r"^  [0-9]+ of 30: Q257223 counted: ", done.stderr, re.MULTILINE)


def test_a_corpus_keeps_what_was_found(folder: Path) -> None:
    """The next time it is run first, and told without a search, until the client is repaired."""
    first = explore(*RACE, "--runs", 500, "--corpus", "corpus")
    (kept,) = (folder / "corpus").iterdir()
    assert first.exit_code == 1
    assert f"harness run corpus/{kept.name}" in first.stdout
    again = explore(*RACE, "--runs", 500, "--corpus", "corpus")
    assert again.exit_code == 1
    assert again.stdout.startswith(f"forgetful default: leaked, from corpus/{kept.name}\n")
    kept.write_text(re.sub(r"(?s)faults:.*?\n(?=[a-z])", "", kept.read_text()))
    assert "no counterexample in" in explore(*RACE, "--runs", 1, "--corpus", "corpus").stdout


def test_the_reverse_is_asked_for(folder: Path) -> None:
    """Of a scenario that leaks: what keeps it from leaking?"""
    arguments = ("Q257223", "--variant", "as-shipped", "--workers", "1")
    assert explore(*arguments, "--runs", 20).exit_code == 0
    done = explore(*arguments, "--runs", 500, "--find", "reclaimed", "--json", "-")
    assert done.exit_code == 1
    assert done.stderr.rstrip().endswith("exit 1: a counterexample of Q257223 as-shipped")
    (entry,) = json.loads(done.stdout)
    assert entry["found"]["kind"] == "reclaimed"
    repeated = invoke("run", entry["found"]["file"])
    assert "reclaimed, expected leaked" in repeated.stdout


def test_what_cannot_be_told(folder: Path) -> None:
    """A scenario that is unknown without any fault is not explored."""
    steps = forgetful.SCENARIO.index("      - forgetful.work"), forgetful.SCENARIO.index("      - wait")
    (folder / "forgetful.yaml").write_text(forgetful.SCENARIO[: steps[0]] + forgetful.SCENARIO[steps[1] :])
    done = explore("forgetful.yaml", "--workers", "1", "--runs", 5)
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (3, "exit 3: could not be explored: forgetful default")
    assert "forgetful default: without any fault it is unknown: " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        (("Q999",), "Q999: no such scenario"),
        (("Q257223", "--variant", "countd"), "did you mean counted?"),
        (("Q257223", "--faults", "cut,frieze"), "--faults frieze: no such fault; expected one of cut, freeze"),
        (("Q257223", "--runs", "5", "--for", "5s"), "--runs and --for exclude one another"),
        (("Q257223", "--runs", "0"), "0 is not in the range"),
        (("Q257223", "--corpus", "forgetful.yaml"), "forgetful.yaml"),
        (("own.yaml",), "own default: a client with a program of its own cannot be run on memory"),
        ((), "Missing argument"),
    ],
)
def test_mistakes(folder: Path, arguments: tuple[str, ...], mistake: str) -> None:
    own = forgetful.SCENARIO.replace("id: forgetful", "id: own").partition("    script")[0] + "    command: [cat]\n"
    (folder / "own.yaml").write_text(own)
    done = explore(*arguments)
    assert done.exit_code == 2
    assert mistake in done.stderr


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its help is there; a search says what is missing."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "hypothesis"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "harness.explore.search", raising=False)
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    assert explore("--help").exit_code == 0
    done = explore(*SOUND)
    assert (done.exit_code, done.stderr) == (
        2,
        "harness: harness explore needs Hypothesis: pip install 'fakenw[explore]'\n",
    )


def test_a_time_and_a_signal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ends it, it says what was tried until then."""
    done = explore(*SOUND, "--for", "1s")
    assert done.exit_code == 0
    assert "Q257223 counted: no counterexample in " in done.stdout
    calls = iter(range(1_000_000))

    def signalled(*arguments: object) -> int:
        if next(calls) == 100:
            os.kill(os.getpid(), signal.SIGINT)
        return 0

    monkeypatch.setattr("harness.explore.search._below", lambda draw, count: signalled())
    done = explore(*SOUND, "--runs", 100_000)
    assert done.exit_code == 3
    assert done.stdout.endswith("exit 3: stopped before the end, and no counterexample until then\n")
