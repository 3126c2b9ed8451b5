"""A plugin of pytest for ``tests.trust.mutants``: says of each failed test whether it judged, or only crashed.

A test has judged if an assertion failed, or if the product said with an exception of its own that something is wrong.
Any other exception is a crash: it would be seen without the test.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

failed: list[tuple[str, bool]] = []


def judged(problem: BaseException) -> bool:
    if isinstance(problem, BaseExceptionGroup):
        return any(map(judged, problem.exceptions))
    if isinstance(problem, AssertionError | pytest.fail.Exception):
        return True
    return type(problem).__module__.partition(".")[0] in ("fakenw", "harness", "hypothesis")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and call.excinfo is not None:
        failed.append((item.nodeid.replace(" ", "_"), judged(call.excinfo.value)))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, was_judged in failed:
        terminalreporter.line(f"failed {name} by {'judgement' if was_judged else 'crash'}")
