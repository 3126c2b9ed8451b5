"""A journal in numbered files is one journal: for its readers, its judge, and the server that continues it."""

from __future__ import annotations

import errno
import os
import signal
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from fakenw.journal import record, writer
from fakenw.journal.record import Journal, JournalError, read
from fakenw.journal.writer import JournalFile, JournalRefused
from harness.judge.audit import books_balance
from harness.judge.history import load
from tests.harness.judge.lived_journals import journals
from tests.harness.memory_run import WORK, played
from tests.programs import invoke

SIZE = 6000  # bytes, some lines


@pytest.fixture(scope="module")
def journal() -> Journal:
    """The journal of a server that lived twice."""
    first, second = (dict(journals())[f"{policy}, held_at_the_end"] for policy in ("service", "nls"))
    return Journal("journal.jsonl", first.records + second.records)


def write(journal: Journal, path: Path, rotate: int | None = SIZE, begin: int = 0, end: int | None = None) -> None:
    """As a server does, which writes the lines of a moment together."""
    file, notes = JournalFile.of_server(path, rotate=rotate)
    assert notes == []
    for _, records in groupby(journal.records[begin:end], key=lambda line: (line.t, line.event == "start")):
        file.write(list(records))
    file.close()


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def rotated(journal: Journal, folder: Path) -> Path:
    path = folder / "journal.jsonl"
    write(journal, path)
    assert len(names(folder)) > 4
    return path


def test_the_files_are_one_journal(journal: Journal, tmp_path: Path) -> None:
    """No line is lost, split or changed; no file is larger than it may be, and each says which it is."""
    path = rotated(journal, tmp_path)
    again = read(path)
    assert again.records == journal.records
    count = len(names(tmp_path))
    for part in range(1, count + 1):
        file = path if part == count else path.with_name(f"journal.{part}.jsonl")
        data = file.read_bytes()
        assert len(data) <= SIZE
        assert data.endswith(b"\n")
        assert f'"part": {part}'.encode() in data.splitlines()[0]


def test_a_server_begins_the_next_file_while_another_is_read(journal: Journal, tmp_path: Path) -> None:
    """The reader gets no file that was begun after it, and all of the one that was the last."""
    path, half = tmp_path / "journal.jsonl", len(journal.records) // 2
    write(journal, path, SIZE, 0, half)
    files = record._files(path)
    name, lines = next(files)
    parts = [(name, list(lines))]
    write(journal, path, SIZE, half)
    parts += [(name, list(lines)) for name, lines in files]
    found = record._read(parts, str(path)).records
    assert found == journal.records[: len(found)]
    assert half <= len(found) < len(journal.records)
    assert read(path).records == journal.records


def test_the_judge_sees_no_difference(tmp_path: Path) -> None:
    """Verdict, audit and diagnosis of Q257223 are the same, from the run directory and from its files."""
    nal, apm, wait, *_ = WORK
    _, verdict, journals_of_it = played([], "udp", [nal, apm, "nal.close", wait, "apm.close", {"wait": "2h"}])
    assert verdict.verdict == "leaked"
    told: list[str] = []
    for rotate in (None, 700):
        folder = tmp_path / str(rotate) / "run"
        folder.mkdir(parents=True)
        for name, one in journals_of_it.items():
            write(one, folder / name, rotate if name.startswith("server") else None)
        for arguments in ([folder], sorted(folder.iterdir())):
            ran = invoke("check", *arguments, "--json", tmp_path / "checked.json")
            assert ran.exit_code == 1
            told.append(ran.stdout.replace(str(folder), "") + (tmp_path / "checked.json").read_text())
    assert len(names(folder)) > 6
    assert "APM rode on it" in told[0]
    assert told[1:] == told[:1] * 3


def test_a_problem_names_the_file_and_the_line_in_it(journal: Journal, tmp_path: Path) -> None:
    path = rotated(journal, tmp_path)
    file = path.with_name("journal.2.jsonl")
    first, second, *rest = file.read_text().splitlines(keepends=True)
    file.write_text(first + second.replace('"held": ', '"held": 7') + "".join(rest))
    found = [str(problem) for problem in books_balance(read(path))]
    assert found[0].startswith(f"{file}:2: books_balance: held is 7")
    file.write_text(first + second + "hello\n")
    with pytest.raises(JournalError, match=rf"{file}:3: not a journal line"):
        read(path)
    file.write_text(first + second[:-1])
    with pytest.raises(JournalError, match=rf"{file}:2: not a journal line: expected a whole line"):
        read(path)
    file.write_text("")
    with pytest.raises(JournalError, match=rf"{file}: has no line"):
        read(path)


@pytest.mark.parametrize("part", [1, 3])
def test_a_missing_file(journal: Journal, tmp_path: Path, part: int) -> None:
    """It is no verdict, and it is named: from the file, from the directory, and where another has its name."""
    path = rotated(journal, tmp_path)
    gone = path.with_name(f"journal.{part}.jsonl")
    gone.unlink()
    for argument in (path, tmp_path):
        ran = invoke("check", argument)
        assert (ran.exit_code, ran.stdout) == (2, "")
        assert f"{gone}: cannot be read" in ran.stderr
    gone.write_bytes(path.with_name("journal.2.jsonl").read_bytes())
    with pytest.raises(JournalError, match=rf"{gone}:1: this is file 2 of its journal; expected file {part}"):
        read(path)


def test_a_missing_last_file(journal: Journal, tmp_path: Path) -> None:
    """The rest of a series is no journal, nor is one of its files, nor a file without those before it."""
    path = rotated(journal, tmp_path)
    count = len(names(tmp_path))
    assert invoke("check", path.with_name("journal.1.jsonl")).exit_code == 2
    last = path.read_bytes()
    path.unlink()
    with pytest.raises(JournalError, match=rf"journal\.1\.jsonl is file 1 of the journal that ends with {path}"):
        load([tmp_path])
    write(journal, path, None)  # another journal, which does not go on from them
    with pytest.raises(JournalError, match=rf"journal\.1\.jsonl is file 1 of the journal that ends with {path}"):
        load([tmp_path])
    path.unlink()
    moved = tmp_path / "moved.jsonl"
    moved.write_bytes(last)
    with pytest.raises(JournalError, match=r"moved\.1\.jsonl: cannot be read"):
        read(moved)
    assert count == len(names(tmp_path))


def test_another_journal_with_such_a_name(journal: Journal, tmp_path: Path) -> None:
    """Servers may be called A and A.1: these are two journals."""
    for name in ("server-A.jsonl", "server-A.1.jsonl"):
        write(journal, tmp_path / name, None)
    assert len({server.journal.name for server in load([tmp_path]).servers}) == 2


@pytest.mark.parametrize("part", ["0", "-1", '"2"', "true", "2.5", "null", "2", "999999999999999999"])
def test_a_part_that_is_none(tmp_path: Path, part: str) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(f'{{"t": 0.0, "role": "server", "event": "start", "part": {part}}}\n')
    if part == "null":
        assert read(path).records[0].fields == {"part": None}
    else:
        with pytest.raises(JournalError, match=r'expected "part" to be|journal\.1\.jsonl: cannot be read'):
            read(path)


def test_a_server_that_starts_again_goes_on(journal: Journal, tmp_path: Path) -> None:
    """In the last file, with another size or none; also in a journal that began without --rotate."""
    path = tmp_path / "journal.jsonl"
    quarter = len(journal.records) // 4
    for n, rotate in enumerate((None, SIZE, 2 * SIZE, None)):
        write(journal, path, rotate, n * quarter, None if n == 3 else (n + 1) * quarter)
    assert len(names(tmp_path)) > 3
    assert read(path).records == journal.records
    assert b'"part"' not in path.with_name("journal.1.jsonl").read_bytes()
    assert [server.line for server in load([tmp_path]).servers] == [server.line for server in load([path]).servers]


def test_a_turn_that_is_larger_than_a_file(journal: Journal, tmp_path: Path) -> None:
    """Its lines are in one file; it is not split, and no file is empty."""
    path = tmp_path / "journal.jsonl"
    write(journal, path, 1)
    assert read(path).records == journal.records
    assert all(file.stat().st_size for file in tmp_path.iterdir())


def test_no_file_is_overwritten(journal: Journal, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    other = tmp_path / "journal.1.jsonl"
    other.write_text("of the user")
    with pytest.raises(JournalRefused, match=str(other)):
        write(journal, path)
    other.unlink()
    file, _ = JournalFile.of_server(path, rotate=1)
    file.write(journal.records[:1])
    other.write_text("of the user")
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        file.write(journal.records[1:2])
    assert (other.read_text(), path.read_bytes()) == ("of the user", before)
    assert len(names(tmp_path)) == 2


def test_overwrite_removes_all_of_the_earlier_journal(journal: Journal, tmp_path: Path) -> None:
    """And nothing else."""
    path = rotated(journal, tmp_path)
    (tmp_path / "journal.99.jsonl").write_text("of the user")
    file, _ = JournalFile.of_server(path, overwrite=True, rotate=SIZE)
    file.close()
    assert names(tmp_path) == ["journal.99.jsonl", "journal.jsonl"]
    assert path.read_bytes() == b""


@pytest.mark.parametrize("what", ["link", "device", "moved"])
def test_what_cannot_be_numbered(journal: Journal, tmp_path: Path, what: str) -> None:
    path = tmp_path / "journal.jsonl"
    if what == "moved":
        file, _ = JournalFile.of_server(path, rotate=1)
        file.write(journal.records[:1])
        path.rename(tmp_path / "moved.jsonl")
        path.touch()
        with pytest.raises(OSError, match="has become another file"):
            file.write(journal.records[1:])
        assert names(tmp_path) == ["journal.jsonl", "moved.jsonl"]
    else:
        path.symlink_to("/dev/null" if what == "device" else "other.jsonl")
        with pytest.raises(JournalRefused, match="expected one for --rotate"):
            write(journal, path)


def test_without_a_descriptor_the_file_goes_on(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has no other use for one than this; as soon as there is one, the next file begins."""
    path = tmp_path / "journal.jsonl"
    file, _ = JournalFile.of_server(path, rotate=1)
    file.write(journal.records[:1])

    def exhausted(*_: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", exhausted)
        file.write(journal.records[1:2])
    assert names(tmp_path) == ["journal.jsonl"]
    file.write(journal.records[2:])
    assert names(tmp_path) == ["journal.1.jsonl", "journal.jsonl"]
    assert read(path).records == journal.records


@pytest.mark.process
@pytest.mark.parametrize("more", [["--rotate"], [], ["--overwrite"]])
@pytest.mark.parametrize("step", ["_lock", "_put", "_give_number", "replace"])
@pytest.mark.parametrize("after", [False, True])
def test_a_server_killed_between_two_files(
    journal: Journal, tmp_path: Path, step: str, after: bool, more: list[str]
) -> None:
    """Before and after each step nothing that was announced is lost, and the next server goes on."""
    path, half = tmp_path / "journal.jsonl", len(journal.records) // 2
    write(journal, path, SIZE, 0, half)
    process = os.fork()
    if not process:  # the server, which is killed when it begins the next file
        owner: Any = {"_lock": writer, "replace": Path}.get(step, writer.RotatedJournal)
        file, _ = JournalFile.of_server(path, rotate=1)
        carry_out = getattr(owner, step)

        def killed(*arguments: Any) -> None:
            if after:
                carry_out(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(owner, step, killed)
        file.write(journal.records[half : half + 1])
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(process, 0)[1]) == signal.SIGKILL
    written = read(path).records
    assert written in (journal.records[:half], journal.records[: half + 1])
    assert (written == journal.records[: half + 1]) == (step == "replace" and after)
    assert load([tmp_path]).servers[0].records == load([path]).servers[0].records
    if "--overwrite" in more:
        JournalFile.of_server(path, overwrite=True)[0].close()
        assert [name for name in names(tmp_path) if name.endswith(".jsonl")] == ["journal.jsonl"]
    else:
        write(journal, path, 1 if more else None, len(written))
        assert read(path).records == journal.records
        assert load([tmp_path]).servers[-1].end == journal.records[-1].t
