"""The file of a journal, without a server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fakenw.journal.record import Record, read
from fakenw.journal.writer import JournalFile, JournalRefused

LIFE = [Record(0, "server", "start"), *(Record(n, "server", "mark", {"text": str(n)}) for n in range(1, 300))]


def written(path: Path, *portions: list[Record]) -> list[str]:
    """Write portions of records; what was said when the file was opened."""
    file, notes = JournalFile.of_server(path)
    for portion in portions:
        file.write(portion)
    file.close()
    return notes


def test_a_full_turn(tmp_path: Path) -> None:
    """However many lines there are in a turn, all of them are written."""
    path = tmp_path / "server.jsonl"
    written(path, LIFE)
    assert read(path).records == LIFE


def test_a_torn_line_is_cut_off(tmp_path: Path) -> None:
    """The lives before and after it are whole."""
    path = tmp_path / "server.jsonl"
    written(path, LIFE)
    with path.open("ab") as torn:
        torn.write(b'{"t": 9.0000')
    notes = written(path, LIFE)
    assert ["was torn" in note for note in notes] == [True]
    assert path.read_text() == 2 * "".join(record.line() for record in LIFE)


def test_a_kernel_that_takes_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write may take less than it was given: the rest follows."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:100]))
    path = tmp_path / "server.jsonl"
    written(path, LIFE[:1], LIFE[1:])
    monkeypatch.undo()
    assert path.read_text() == "".join(record.line() for record in LIFE)


def test_a_journal_has_one_writer(tmp_path: Path) -> None:
    """A second server is refused as long as the first one has the file open."""
    path = tmp_path / "server.jsonl"
    file, _ = JournalFile.of_server(path)
    with pytest.raises(JournalRefused, match="is the journal of another server"):
        JournalFile.of_server(path)
    file.close()
    assert written(path, LIFE) == []
