"""The scripted client's standard input: instructions, and the faults that come after them."""

from __future__ import annotations

import os
import sys

import pytest

from harness.runners.client import Instructions


def test_a_fault_that_comes_with_the_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lines in one write: the second is there when it is asked for, and then the end."""
    ours, theirs = os.pipe()
    os.write(theirs, b'{"client": 1}\n{"fault": "cut"}\n')
    with os.fdopen(ours) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        instructions = Instructions()
        assert instructions.first() == {"client": 1}
        assert list(instructions.read()) == [{"fault": "cut"}]
        os.close(theirs)
        assert list(instructions.read()) == []
        assert instructions.ended
