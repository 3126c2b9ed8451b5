"""Journals: refused with file and line, or folded and audited."""

from __future__ import annotations

from fakenw.journal import record
from fakenw.journal.fold import Fold
from fakenw.journal.record import JournalError
from harness.judge.audit import books_balance


def journals(data: bytes) -> None:
    """Every journal that can be read can be folded and audited, and its lines are written as they were understood."""
    try:
        journal = record.read_lines(data.splitlines(keepends=True), "a.jsonl")
    except JournalError as problem:
        assert str(problem).startswith("a.jsonl:"), problem
        return
    for _, records in journal.incarnations():
        fold = Fold()
        for one in records:
            fold.saw(one)
    for found in books_balance(journal):
        assert found.journal == "a.jsonl", found
        assert found.text, found
    for one in journal.records:
        assert record.parse(one.line()) == one, one
