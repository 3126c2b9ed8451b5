"""Lines that fit a terminal, and helps that fit any."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner

from fakenw.cli.main import main as fakenw
from fakenw.cli.terminal import fitted
from harness.cli.main import main as harness
from tests.fakenw.administered_server import Client, Served, run_command
from tests.programs import line
from tests.pseudo_terminal import on_terminal


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a line that fits as it is", ["a line that fits as it is"]),
        ("", [""]),
        ("one\n\ntwo", ["one", "", "two"]),
        # without columns: four to the right of its own beginning
        ("a line that is longer than forty characters, by far",
         ["a line that is longer than forty", "    characters, by far"]),
        ("  indented and longer than forty characters, by far",
         ["  indented and longer than forty", "      characters, by far"]),
        # below its last column
        ("0:00:05  connection 1 of station 7 took a license at login",
         ["0:00:05  connection 1 of station 7 took", "         a license at login"]),
        ("  name     udp  released, as expected, once more",
         ["  name     udp  released, as expected,", "                once more"]),
        # the last column has no room: below the one before it
        ("  name     udp  released, as expected  this one has none",
         ["  name     udp  released, as expected", "                this one has none"]),
        ("leaked, not expected at all, here  and so",
         ["leaked, not expected at all, here  and", "    so"]),
        # a word is never broken
        (f"  journals: /tmp/{'x' * 40}/y", ["  journals:", f"      /tmp/{'x' * 40}/y"]),
        ("all of these are half-a-word, which stay", ["all of these are half-a-word, which stay"]),
        ("all of these are words, but also half-a-word is", ["all of these are words, but also", "    half-a-word is"]),
    ],
)  # fmt: skip
def test_a_line_of_forty_columns(text: str, shown: list[str]) -> None:
    assert list(fitted(text, 40)) == shown


@pytest.mark.parametrize("program", [fakenw, harness], ids=["fakenw", "harness"])
def test_every_help_fits_eighty_columns(program: click.Group) -> None:
    """Its examples too, which click does not wrap."""
    for name in ("", *program.list_commands(click.Context(program))):
        text = CliRunner().invoke(program, [*name.split(), "--help"], prog_name="harness").output
        assert [shown for shown in text.splitlines() if len(shown) > 80] == [], name


@pytest.mark.process
def test_a_long_error_of_usage_on_a_terminal() -> None:
    """The words of click, in lines that fit; the mistake of a file likewise."""
    command = line("fakenw", "set", "--admin", "http://127.0.0.1:1", "a" * 30, "b" * 30)
    shown = on_terminal(command, 60)
    assert (shown.code, max(map(len, shown.lines)) <= 60) == (2, True), shown.lines
    assert shown.lines[-3:] == [f"Error: '{'a' * 30}' is not NAME=VALUE,", "    for instance licenses=3", ""]


def test_the_commands_of_a_running_server(serve: Callable[..., Served]) -> None:
    """The table and the journal on a narrow terminal; in a pipe the lines are whole."""
    served = serve()
    client = Client(served)
    for command in ("connections", "journal"):
        whole = run_command(command, served).stdout.rstrip().split("\n")
        words = [sys.executable, "-m", "fakenw", command, "--admin", served.admin]
        shown = on_terminal(words, 50).lines
        assert max(map(len, shown)) <= 50 < max(map(len, whole)), shown
        assert len(" ".join(shown).split()) == len(" ".join(whole).split())  # its times have gone on
    client.close()
