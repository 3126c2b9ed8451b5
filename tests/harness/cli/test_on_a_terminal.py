"""The commands on a terminal: lines that fit it, a bar for long work, no colours where none are wanted."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from harness.cli import progress
from harness.cli.load import _ProgressPrinter
from harness.cli.main import main
from harness.load.coordinator import LoadProgress
from tests.programs import harness, line
from tests.pseudo_terminal import COLOUR, CONTROL, on_terminal

BUG = Path(__file__).parents[1] / "lab" / "cases" / "14-a-journal-of-the-bug" / "run"
COMMANDS = {
    "run": ["run", "Q257223", "S9"],
    "explain": ["explain", "Q257223"],
    "list": ["list"],
    "matrix": ["matrix", "--scenarios", "Q257223,S5"],
    "check": ["check", str(BUG)],
    "diagnose": ["diagnose", "--journal", str(BUG)],
    "a mistake": ["run", "nowhere", "--on", "memory"],
    "a wrong option": ["load", "--sweep", "licenses=9..11:1", "--behavior", "no-such-behavior-here"],
}
MATRIX = ["matrix", "--scenarios", "Q257223,S5", "--repairs", "retry,forced"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """The lines of a command on a terminal that shows no bar."""

    def show(arguments: list[str], columns: int) -> list[str]:
        terminal = Terminal()
        with monkeypatch.context() as there:
            there.setattr("sys.stdout", terminal)
            there.setattr("sys.stderr", terminal)
            there.setenv("COLUMNS", str(columns))
            there.setenv("TERM", "dumb")
            with pytest.raises(SystemExit):
                main.main(arguments, prog_name="harness")
        return terminal.getvalue().split("\n")

    return show


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_fits_its_terminal(name: str, shown: Callable[..., list[str]]) -> None:
    """All that it says is there, in lines that fit, but for single words."""
    narrow, wide = shown(COMMANDS[name], 80), shown(COMMANDS[name], 400)
    assert [one for one in narrow if len(one) > 80 and len(one.split()) > 1] == []
    if name not in ("explain", "matrix"):  # in columns, which differ
        assert " ".join(narrow).split() == " ".join(wide).split()


def test_the_matrix_has_a_table_below_where_one_is_too_wide(shown: Callable[..., list[str]]) -> None:
    """Each with the names of the scenarios; the same cells as on a wide terminal."""
    narrow, wide = shown(COMMANDS["matrix"], 80), shown(COMMANDS["matrix"], 400)
    assert [len([one for one in lines if one.startswith("S5 ")]) for lines in (narrow, wide)] == [2, 1]
    tables = narrow[: narrow.index("Q257223 is cured, without interrupting work, by")]
    assert set(" ".join(tables).split()) == set(" ".join(wide[:5]).split())


@pytest.mark.process
def test_long_work_has_a_bar_that_is_gone_in_the_end() -> None:
    """In a pipe lines are as long as they are, and progress is lines on standard error: programs read them."""
    done = harness(*MATRIX, env={"COLUMNS": "40"})
    assert (done.returncode, done.stderr) == (0, "  1 of 2: Q257223\n  2 of 2: S5\n")
    assert max(map(len, done.stdout.splitlines())) > 80
    terminal = on_terminal(line("harness", *MATRIX), piped=True)
    assert terminal.out == done.stdout
    assert COLOUR.search(terminal.terminal)
    plain = CONTROL.sub("", terminal.terminal)
    assert ("2/2" in plain, "S5" in plain, "of 2" in plain) == (True, True, False)
    assert "".join(terminal.lines) == ""


@pytest.mark.process
@pytest.mark.parametrize(
    ("env", "bar"),
    [({"NO_COLOR": "1"}, True), ({"TERM": "dumb"}, False), ({"PYTHONPATH": "{without_rich}"}, False)],
    ids=["no colour", "dumb", "without rich"],
)
def test_a_bar_without_colours_and_lines_where_there_can_be_no_bar(
    tmp_path: Path, env: dict[str, str], bar: bool
) -> None:
    (tmp_path / "rich.py").write_text("raise ImportError('not installed')\n")
    given = {name: value.format(without_rich=tmp_path) for name, value in env.items()}
    shown = on_terminal(line("harness", *MATRIX), env=given, piped=True)
    assert not COLOUR.search(shown.terminal)
    if bar:
        assert "2/2" in CONTROL.sub("", shown.terminal)
    else:
        assert shown.terminal == "  1 of 2: Q257223\r\n  2 of 2: S5\r\n"


@pytest.mark.process
def test_runs_have_a_bar(mine: Path) -> None:
    shown = on_terminal(line("harness", "run", mine, mine, "--on", "processes", "--speed", "3600"), piped=True)
    plain = CONTROL.sub("", shown.terminal)
    assert "2/2" in plain
    assert "default: leaked, expected released" in plain


def test_progress_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each piece of work; of short work only the notes."""
    for lines in (True, False):
        with progress.progress(2, lines=lines) as piece:
            piece.show(1, "one: released, as expected")
            piece.note("10 of 100 clients started")
    told = capsys.readouterr()
    note = "10 of 100 clients started\n"
    assert (told.out, told.err) == ("", f"  1 of 2: one: released, as expected\n{note}{note}")
    assert not progress.ProgressLines(2, True).is_bar


def test_the_time_that_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    """As long for each piece as before; not where that is short."""
    now = iter([100.0, 110.0, 190.0, 191.0])
    piece = progress.ProgressLines(10, True, lambda: next(now))
    for done in (0, 1, 9, 10):
        piece.show(done, "S5")
    first, *told = capsys.readouterr().err.splitlines()
    assert first == "  0 of 10: S5"
    assert told == ["  1 of 10: S5; about 0:01:30 left", "  9 of 10: S5; about 0:00:10 left", "  10 of 10: S5"]


def test_the_progress_of_a_load_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """A line every five seconds, with what the clients wait."""
    printer = _ProgressPrinter(progress.ProgressLines(60, True))
    for seconds in (0.0, 0.2, 4.9, 5.0, 9.9, 10.1):
        printer(LoadProgress(seconds, 3, 40, round(seconds * 6), 60, 0, [2000, 4000]))
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "   0.0 s  held 3 of 40  refused 0  logons 0 of 60, 0/s  p50 4.0 ms  p99 4.0 ms",
        "   5.0 s  held 3 of 40  refused 0  logons 30 of 60, 6/s  p50 4.0 ms  p99 4.0 ms",
        "  10.1 s  held 3 of 40  refused 0  logons 61 of 60, 6/s  p50 4.0 ms  p99 4.0 ms",
    ]


@pytest.mark.parametrize(("times", "bars"), [(2, []), (3, [30])])
def test_runs_on_memory_have_a_bar_where_there_are_many(
    times: int, bars: list[int], shown: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few take less than a second; there are no lines instead."""
    made: list[int] = []

    class Bar:
        def __init__(self, _: object, total: int) -> None:
            made.append(total)
            self.show = self.note = lambda *_: None

    monkeypatch.setattr(progress, "ProgressBar", Bar)
    monkeypatch.setattr(progress, "_bar", nullcontext)
    lines = shown(["run", *["Q257223"] * times], 80)
    assert made == bars
    assert not [one for one in lines if " of 30: " in one]


@pytest.mark.process
def test_a_load_has_a_bar_and_its_server_is_silent() -> None:
    """The server tells each event on a terminal: not on that of the load."""
    load = ["load", "--clients", "4", "--licenses", "3", "--profile", "steady", "--duration", "1s"]
    shown = on_terminal(line("harness", *load), piped=True)
    plain = CONTROL.sub("", shown.terminal)
    assert (shown.code, "4/4" in plain, "refused 1" in plain) == (0, True, True)
    assert "took a license" not in plain
    assert "logons 4 of 4" not in plain
    assert shown.out.splitlines()[1].startswith("logons       4 tried, 3 connections let in")
