"""``fakenw serve`` and its environment: after the command line, before a configuration file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fakenw.journal.record import read
from fakenw.server_process import ServerProcess
from tests.programs import line, run

pytestmark = pytest.mark.process

LISTEN = ("--listen", "tcp:127.0.0.1:0")


def start_of(journal: Path, env: Mapping[str, str], *arguments: object) -> dict[str, Any]:
    """The first line of the journal of a server that was started so."""
    with ServerProcess("--journal", journal, *arguments, env={**os.environ, **env}) as server:
        assert server.addresses.keys() == {"tcp"}
        assert server.stop() == 0
    return dict(read(journal).records[0].fields)


def test_it_is_heeded(tmp_path: Path) -> None:
    """Name, licenses, release and where to listen."""
    env = {"FAKENW_NAME": "lab", "FAKENW_LICENSES": "7", "FAKENW_RELEASE": "4.11", "FAKENW_LISTEN": LISTEN[1]}
    start = start_of(tmp_path / "journal.jsonl", env)
    assert (start["server"], start["licenses"], start["release"]) == ("LAB", 7, "4.11")


def test_the_command_line_comes_first_and_the_file_last(tmp_path: Path) -> None:
    """What is said nearest to the server counts."""
    (tmp_path / "lab.yaml").write_text("server: {name: FILE, licenses: 3, release: '3.12'}\n")
    env = {"FAKENW_NAME": "ENV", "FAKENW_LICENSES": "4"}
    options = ("--config", tmp_path / "lab.yaml", "--name", "TYPED", *LISTEN)
    start = start_of(tmp_path / "journal.jsonl", env, *options)
    assert (start["server"], start["licenses"], start["release"]) == ("TYPED", 4, "3.12")


def test_empty_is_not_set(tmp_path: Path) -> None:
    """As compose files pass on what nobody has set."""
    env = dict.fromkeys(("FAKENW_NAME", "FAKENW_LICENSES", "FAKENW_RELEASE", "FAKENW_USERS", "FAKENW_LISTEN"), "")
    start = start_of(tmp_path / "journal.jsonl", env, *LISTEN)
    assert (start["server"], start["licenses"], start["release"]) == ("FAKENW", 5, "5.1")


def test_a_bad_value_names_its_variable() -> None:
    """Exit code 2, before anything is bound."""
    for name, value in {
        "FAKENW_LICENSES": "many",
        "FAKENW_RELEASE": "7",
        "FAKENW_LISTEN": "tcp",
        "FAKENW_USERS": "A/B",
    }.items():
        done = run(line("fakenw", "serve"), env={name: value})
        assert (done.returncode, name in done.stderr) == (2, True), done.stderr
