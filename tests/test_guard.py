"""The guards of tests: what they are there to catch, they catch."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CONFTEST = (Path(__file__).parent / "conftest.py").read_text(encoding="utf-8")
START = "@pytest.fixture(autouse=True)\ndef reactor_is_left_as_it_was"
GUARD = CONFTEST[CONFTEST.index(START) :].partition("\n\n\n")[0]

TESTS = """
    import gc
    from twisted.internet import defer, reactor
    import twisted.logger

    def test_a_timer():
        reactor.callLater(60, print)

    def test_a_lost_error():
        defer.fail(ZeroDivisionError("lost"))
        gc.collect()

    def test_a_timer_that_is_cancelled():
        reactor.callLater(60, print).cancel()

    def test_an_error_that_is_handled():
        defer.fail(ZeroDivisionError("handled")).addErrback(lambda failure: None)
        gc.collect()
"""


def test_the_guard(pytester: pytest.Pytester) -> None:
    """A timer that is left and an error that is lost fail their tests; the next ones are not to blame."""
    head = "import sys\nfrom collections.abc import Iterator\nfrom typing import Any\nimport pytest\n\n"
    pytester.makeconftest(head + GUARD)
    pytester.makepyfile(test_it=TESTS)
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(passed=4, errors=2)
    assert "timers that were left behind" in done.stdout.str()
    assert "errors of Deferreds that nobody handled" in done.stdout.str()


@pytest.mark.parametrize(
    "start",
    [lambda: subprocess.run([sys.executable, "-c", ""], check=True), lambda: os.system("true"), os.fork],
    ids=["subprocess", "system", "fork"],
)
def test_a_process_needs_the_marker(start: Callable[[], object]) -> None:
    """A test without the marker ``process``, as this one, cannot start one."""
    with pytest.raises(AssertionError, match="has not the marker"):
        start()
