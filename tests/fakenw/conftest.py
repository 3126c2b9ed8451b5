"""What every test of the server may use: a server in memory, or one in a process."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fakenw.journal.record import read
from harness.judge.audit import books_balance
from tests.fakenw.administered_server import DEADLINE, Served
from tests.fakenw.stage import POLICIES, Stage
from tests.harness.runners.journal_page import undocumented


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Unwrap a hypothesis test after each of its parameters.

    pytest-twisted 1.14 puts a wrapper around it for every parameter, one in the other, and the second of them fails.
    """
    handle = getattr(pyfuncitem.obj, "hypothesis", None)
    inner = getattr(handle, "inner_test", None)
    try:
        return (yield)
    finally:
        if handle is not None:
            handle.inner_test = inner


@pytest.fixture(scope="session")
def open_stage() -> Callable[..., Stage]:
    """Makes a new stage: ``open_stage("ual", licenses=2)``."""
    return Stage


@pytest.fixture(scope="session", params=["udp", "tcp"])
def transport(request: pytest.FixtureRequest) -> str:
    """Either transport: TCP is framed, a datagram is not."""
    return str(request.param)


@pytest.fixture(scope="session", params=POLICIES)
def policy(request: pytest.FixtureRequest) -> str:
    """Each of the five license policies."""
    return str(request.param)


@pytest.fixture(scope="session")
def frames() -> dict[str, dict[str, Any]]:
    """Frames by name, each dissected by Wireshark, with what it said (``tshark``)."""
    text = (Path(__file__).parent / "wire" / "data" / "frames.json").read_text(encoding="ascii")
    return {frame["name"]: frame for frame in json.loads(text)}


@pytest.fixture(scope="session")
def units() -> Callable[[str, Iterable[tuple[str, str | None]]], int]:
    """Counts what connections cost: ``units(policy, [(state, user), ...])``. Knows nothing of the ledger."""

    def count(policy: str, connections: Iterable[tuple[str, str | None]]) -> int:
        if policy == "ual":
            return len({user for state, user in connections if state == "licensed"})
        free = {"attach": ("gone",), "login": ("gone", "attached")}.get(policy, ("gone", "attached", "authenticated"))
        return sum(state not in free for state, _ in connections)

    return count


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts servers; at the end each stops in order, its books balance, and docs/journal.md has each of its lines."""
    running: list[Served] = []

    def start(*options: str) -> Served:
        folder = tmp_path / str(len(running))
        folder.mkdir()
        running.append(Served(folder, *options))
        return running[-1]

    yield start
    for served in running:
        assert (served.stop(DEADLINE), served.errors.read_text()) == (0, "")
        journal = read(served.journal)
        assert books_balance(journal) == []
        assert [missing for record in journal.records for missing in undocumented(record)] == []


@pytest.fixture(scope="module")
def served_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for whoever only asks."""
    with Served(tmp_path_factory.mktemp("admin")) as served:
        yield served
    assert served.errors.read_text() == ""  # whatever was asked, nothing of it was a surprise
