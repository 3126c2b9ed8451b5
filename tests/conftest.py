"""A test marked with the name of a tool is skipped where that tool is missing.

It fails instead where the environment says FAKENW_REQUIRE=tshark,nmap,chromium,docker,dosbox (or some of them), as
continuous integration does, so that nothing is ever skipped there unseen.
"""

from __future__ import annotations

import fcntl
import functools
import gc
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Generator, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from fakenw.core.ledger import NoRoom
from fakenw.core.service import Answer, HeldBack, ServiceFunction, Succeeded
from fakenw.core.services import SERVICES
from fakenw.wire.packet import Code, Refused

pytest_plugins = ["pytester"]
os.environ["FAKENW_WORKERS"] = "1"  # a test that has not the marker starts no processes

# How long an example takes says something about the machine only. Continuous integration tries the same examples every
# time, so that it fails for the change it tests; everywhere else new ones are looked for.
hypothesis.settings.register_profile("fakenw", deadline=None, max_examples=25, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=200)  # make test-all
hypothesis.settings.load_profile("fakenw")

PROJECT = Path(__file__).parent.parent
TOOLS = ("chromium", "docker", "dosbox", "nmap", "tshark", "valgrind")
STARTING = {"dosbox", "fakenw_image", "pytester", "serve", "served_once"}  # fixtures that start processes


@functools.cache
def lacking(tool: str) -> str | None:
    """Why *tool* cannot be used here; None where it can."""
    if tool != "docker":
        return None if shutil.which(tool) else f"there is no program {tool}"
    try:
        from docker.client import DockerClient
        from docker.errors import DockerException
    except ImportError:
        return "the Docker SDK is not installed: fakenw[containers]"
    reason = None
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        try:
            DockerClient.from_env(timeout=10).close()
        except DockerException as problem:
            reason = f"no Docker Engine answers: {problem}"
        gc.collect()  # where the SDK cannot connect it leaves its socket to the collector, which warns
    return reason


@pytest.fixture(scope="session")
def fakenw_image() -> str:
    """The image, made once for everybody: pytest-xdist runs this in every worker."""
    with (Path(sys.prefix) / "fakenw-image.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = subprocess.run(["make", "-s", "image"], cwd=PROJECT, capture_output=True, text=True, timeout=1200)
    assert made.returncode == 0, made.stdout + made.stderr
    return f"fakenw:{version('fakenw')}"


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as process tests the tests whose fixtures start processes, and those that use a tool.

    Containers come first and what takes no time last, so that no worker is left alone with a long file.
    """
    for item in items:
        fixtures = item.fixturenames if isinstance(item, pytest.Function) else ()
        if STARTING.intersection(fixtures) or any(item.get_closest_marker(tool) for tool in TOOLS):
            item.add_marker("process")
    items.sort(key=lambda item: [item.get_closest_marker(mark) is None for mark in ("docker", "process")])


class ProcessGuard:
    """An audit hook: a test that has not the marker ``process`` fails where it starts one."""

    def __init__(self) -> None:
        self.refused: str | None = None  # the test that may not; None while any other runs, or none
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system") and self.refused:
            raise AssertionError(f"{self.refused} starts a process, and has not the marker")


process_guard = ProcessGuard()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    process_guard.refused = None if item.get_closest_marker("process") else item.nodeid
    try:
        return (yield)
    finally:
        process_guard.refused = None


def pytest_runtest_setup(item: pytest.Item) -> None:
    for tool in TOOLS:
        reason = lacking(tool) if item.get_closest_marker(tool) else None
        if reason and tool in os.environ.get("FAKENW_REQUIRE", "").split(","):
            pytest.fail(f"FAKENW_REQUIRE names {tool}, but {reason}", pytrace=False)
        if reason:
            pytest.skip(reason)


def held_to_its_codes(function: ServiceFunction) -> Answer[Any]:
    """The function; it fails where it refuses with a code that it does not declare."""

    def answer(call: Any) -> Any:
        try:
            return function.answer(call)
        except (Refused, Succeeded, HeldBack, NoRoom) as outcome:
            code = Code.NO_LICENSE if isinstance(outcome, NoRoom) else outcome.code
            assert code in function.refuses, f"{function.layout.__name__} does not declare 0x{code:02X}"
            raise

    return answer


@pytest.fixture(scope="session", autouse=True)
def codes_are_declared() -> None:
    """Whatever a test asks of a server in this process: the completion code is one that the function declares."""
    for service in SERVICES:
        for key, function in service.functions.items():
            service.functions[key] = function._replace(answer=held_to_its_codes(function))


@pytest.fixture(autouse=True)
def reactor_is_left_as_it_was() -> Iterator[None]:
    """A test that leaves a timer behind, or loses the error of a Deferred, fails."""
    publisher = sys.modules.get("twisted.logger")
    lost: list[str] = []

    def heard(event: dict[str, Any]) -> None:
        if "Unhandled error in Deferred" in str(event.get("log_format")):
            lost.append("")
        elif lost and event.get("log_failure") is not None:  # what it was comes after
            lost[-1] = str(event["log_failure"])

    if publisher is not None:
        publisher.globalLogPublisher.addObserver(heard)
    yield
    if publisher is not None:
        publisher.globalLogPublisher.removeObserver(heard)
    reactor = sys.modules.get("twisted.internet.reactor")
    timers = [call for call in reactor.getDelayedCalls() if call.active()] if reactor is not None else []
    for call in timers:
        call.cancel()
    assert not timers, f"timers that were left behind: {timers}"
    assert not lost, f"errors of Deferreds that nobody handled: {lost}"
