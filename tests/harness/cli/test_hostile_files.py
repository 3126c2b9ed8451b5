"""``harness check`` and ``harness diagnose`` of files that no server has written: a sentence, bad input or unknown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness.handmade_journals import RunnerBook, ServerBook
from tests.programs import invoke


def lines(book: ServerBook | RunnerBook) -> list[str]:
    return [record.line() for record in book.lines]


def surrogates() -> bytes:
    """A journal in order, whose texts no terminal can show."""
    book = ServerBook()
    book.create(1, 1, station="udp:\ud800\x1b[2J")
    book.login(2, 1, "J\ud800E")
    book.open(3, 1, path="SYS:\udfff\x07")
    book.stop(2000)
    return "".join(lines(book)).encode()


DAMAGED = {
    "deep": b"[" * 100_000 + b"\n",
    "an object": b"{}\n",
    "no time": b'{"t": NaN, "role": "server", "event": "start"}\n',
    "far": b'{"t": 1e308, "role": "server", "event": "start"}\n',
    "digits": b'{"t": 0, "role": "server", "event": "start", "held": ' + b"9" * 5000 + b"}\n",
    "no UTF-8": b'{"t": 0, "role": "\xff", "event": "start"}\n',
    "HTML": b"<html><body>502 Bad Gateway</body></html>\n",
    "NUL": bytes(1000),
    "a policy": b'{"t": 0, "role": "server", "event": "start", "policy": ["nls"]}\n',
    "checks": b'{"t": 0, "role": "runner", "event": "run", "checks": {"x": 1}}\n',
    "an unknown check": b'{"t": 0, "role": "runner", "event": "run", "checks": ["x"]}\n',
}


@pytest.mark.parametrize("command", ["check", "check directory", "diagnose"])
@pytest.mark.parametrize("kind", DAMAGED)
def test_damage_is_bad_input(kind: str, command: str, tmp_path: Path) -> None:
    """Exit code 2, the file, and nothing else; a diagnosis has no use for checks."""
    journal = tmp_path / "runner.jsonl"
    journal.write_bytes(DAMAGED[kind])
    options = {"check": ["check", journal], "check directory": ["check", tmp_path]}
    done = invoke(*options.get(command, ["diagnose", "--journal", journal]))
    if command == "diagnose" and kind == "an unknown check":
        assert done.exit_code == 0
        return
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"harness: {journal}:")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.strip().isprintable()


@pytest.mark.parametrize("command", ["check", "diagnose"])
def test_nothing_to_read(command: str, tmp_path: Path) -> None:
    """An empty file is unknown, a directory in place of a file is bad input."""
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "server.jsonl").mkdir()
    option = ["--journal"] if command == "diagnose" else []
    done = invoke(command, *option, tmp_path / "empty.jsonl")
    assert done.exit_code == (3 if command == "check" else 0)
    done = invoke(command, *option, tmp_path)
    assert (done.exit_code, f"{tmp_path}/server.jsonl: cannot be read" in done.stderr) == (2, True)


@pytest.mark.parametrize("command", ["check", "diagnose"])
def test_texts_that_no_terminal_can_show(command: str, tmp_path: Path) -> None:
    """Users, stations, paths and titles are escaped, in what is printed and in what is written."""
    server, runner = tmp_path / "server.jsonl", tmp_path / "runner.jsonl"
    server.write_bytes(surrogates())
    text = "\ud800\x1b[2J"
    book = RunnerBook(title=text, variant=text, why=text, transport=text, expect=text, fails=[text], idle_after=60)
    book.write(1, "failed", reason=text)
    book.write(1, "exit", client=text, code=text, output=text)
    runner.write_text("".join(lines(book)))
    option = ["--journal"] if command == "diagnose" else []
    out, junit = tmp_path / "out.json", ["--junit", tmp_path / "out.xml"] if command == "check" else []
    done = invoke(command, *option, tmp_path, "--json", out, *junit)
    assert done.exit_code in (0, 1, 3)
    assert all(line.isprintable() for line in (done.stdout + done.stderr).splitlines())
    assert json.loads(out.read_text())
