"""The pytest plugin: servers for tests, and a failure when a license is not released.

Rules of this file:

* It imports nothing of the project until a test uses one of its fixtures, or a scenario file is collected.
* A server is a process of its own; each xdist worker has one for each setup, reset between tests.
* A license that is still held at the end of a test fails it, unless its marker has ``may_hold=True``.
* A failure shows the journal's evidence, and the places of journal, capture and report.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.testing.netware import Netware
    from harness.testing.server_setup import Setup

INI = {
    "fakenw_licenses": "licenses of a server whose test does not set them (5)",
    "fakenw_release": "its NetWare release: 3.12, 4.11, 5.1 or 6.5 (5.1)",
    "fakenw_policy": "its license policy; left out: the release's own",
    "fakenw_dir": "directory of the journals, captures and reports of failed tests (.fakenw)",
}
LOOKS_LIKE = re.compile(r"^format: 1\s", re.MULTILINE)
PARTS = (re.compile(r"^servers:", re.MULTILINE), re.compile(r"^clients:", re.MULTILINE))
_used = pytest.StashKey["list[Netware]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("fakenw", "NetWare servers (fakenw)")
    for name, text in INI.items():
        parser.addini(name, text, default="")
        group.addoption(f"--{name.replace('_', '-')}", dest=name, default=None, help=text)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "netware(licenses=5, release='5.1', policy=None, users=(), options=(), may_hold=False): how the server of the "
        "fixture netware is set up; with may_hold a license that is still held at the end does not fail the test.",
    )


def _setting(config: pytest.Config, name: str) -> str:
    return str(config.getoption(name) or config.getini(name) or "")


def _setup(config: pytest.Config, given: dict[str, Any]) -> Setup:
    """Raises ValueError for a setting that is none."""
    from harness.testing.server_setup import Setup

    settings = {name: value for name, value in given.items() if name != "may_hold"}
    for name in ("licenses", "release", "policy"):
        if name not in settings and (text := _setting(config, f"fakenw_{name}")):
            settings[name] = int(text) if name == "licenses" and text.isdecimal() else text
    return Setup.of(settings)


class _Servers:
    """The servers of one worker."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._idle: dict[Setup, list[Netware]] = {}
        self._all: list[Netware] = []

    def acquire(self, setup: Setup) -> Netware:
        """An idle server with this setup, or a new one."""
        idle = self._idle.setdefault(setup, [])
        if idle:
            return idle.pop()
        from harness.testing.netware import Netware

        server = Netware(setup, self._folder / f"server-{len(self._all) + 1}")
        server.start()
        self._all.append(server)
        return server

    def release(self, server: Netware) -> None:
        """Reset *server* for the next test; one that does not answer is stopped."""
        from harness.testing.netware import NetwareError

        try:
            server.reset()
        except NetwareError:
            server.stop()
        else:
            self._idle[server.setup].append(server)

    def stop(self) -> None:
        for server in self._all:
            server.stop()


@pytest.fixture(scope="session")
def _netware_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Servers]:
    servers = _Servers(tmp_path_factory.mktemp("fakenw", numbered=True))
    yield servers
    servers.stop()


@pytest.fixture
def netware_factory(request: pytest.FixtureRequest, _netware_servers: _Servers) -> Iterator[Callable[..., Netware]]:
    """Makes servers: ``netware_factory(licenses=2, release="4.11")``."""
    used = request.node.stash.setdefault(_used, [])

    def make(**given: Any) -> Netware:
        from harness.testing.netware import NetwareError

        try:
            server = _netware_servers.acquire(_setup(request.config, given))
        except (ValueError, NetwareError) as problem:
            raise pytest.fail.Exception(f"netware: {problem}", pytrace=False) from None
        server.title = request.node.nodeid
        used.append(server)
        return server

    yield make
    while used:
        _netware_servers.release(used.pop())


@pytest.fixture
def netware(request: pytest.FixtureRequest, netware_factory: Callable[..., Netware]) -> Netware:
    """A NetWare server in a process of its own. ``@pytest.mark.netware(licenses=2, release="4.11")`` sets it up."""
    return netware_factory(**_marker(request.node))


def _marker(item: pytest.Item) -> dict[str, Any]:
    """The settings of a test's marker. Raises ValueError."""
    given: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers("netware"))):
        if marker.args:
            raise ValueError(f"{', '.join(map(repr, marker.args))}; expected settings by name, such as licenses=2")
        given |= marker.kwargs
    if not isinstance(given.get("may_hold", False), bool):
        raise ValueError(f"may_hold={given['may_hold']!r}; expected True or False")
    return given


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem() -> Generator[None, Any, Any]:
    """Refuse a marker with a mistake, or of a test without the fixture, where the test is collected."""
    found = yield
    for item in found if isinstance(found, list) else [found]:
        if isinstance(item, pytest.Function) and any(item.iter_markers("netware")):
            try:
                _setup(item.config, _marker(item))
            except ValueError as problem:
                raise pytest.Collector.CollectError(f"{item.name}: the marker netware: {problem}") from None
            own = any(marker.name == "netware" for marker in item.own_markers)
            if own and not {"netware", "netware_factory"} & {*item.fixturenames}:
                raise pytest.Collector.CollectError(
                    f"{item.name}: the marker netware without its fixture; expected an argument netware of the test"
                )
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test that has passed if a license is still held."""
    try:
        outcome = yield
    except Exception:
        if item.stash.get(_used, []):
            _keep(item)
        raise
    if not _marker(item).get("may_hold"):
        for server in item.stash.get(_used, []):
            try:
                server.assert_nothing_held()
            except AssertionError as problem:
                kept = _keep(item)
                raise pytest.fail.Exception(f"{problem}\n  kept in: {kept}", pytrace=False) from None
    return outcome


def _keep(item: pytest.Item) -> Path:
    """Write the evidence of each server of a test to a directory of the test. Returns the directory."""
    from fakenw.journal.record import JournalError
    from harness.testing.netware import NetwareError

    root = item.config.rootpath / (_setting(item.config, "fakenw_dir") or ".fakenw")
    folder = root / re.sub(r"[^A-Za-z0-9.-]+", "-", item.nodeid).strip("-")
    servers = item.stash.get(_used, [])
    with suppress(OSError):  # it exists: a directory of the user's stays as it is
        root.mkdir(parents=True)
        (root / ".gitignore").write_text("*\n", encoding="utf-8")
    for server in servers:
        place = folder if len(servers) == 1 else folder / server.folder.name
        with suppress(OSError, JournalError, NetwareError):
            server.keep(place)
    item.add_report_section("call", "fakenw", f"journal, capture, report and logs of the server: {folder}")
    return folder


# Scenario files


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a YAML file that looks like a scenario."""
    if file_path.suffix not in (".yaml", ".yml"):
        return None
    try:
        text = file_path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    if not LOOKS_LIKE.search(text) or not all(part.search(text) for part in PARTS):
        return None
    return ScenarioFile.from_parent(parent, path=file_path)


class ScenarioFile(pytest.File):
    """A scenario file, with a test for each variant."""

    def collect(self) -> Iterator[pytest.Item]:
        from harness.scenario.scenario import ScenarioError, load

        try:
            plans = load(self.path).plans()
        except ScenarioError as problem:
            raise self.CollectError(str(problem)) from None
        for plan in plans:
            yield ScenarioItem.from_parent(self, name=plan.variant, plan=plan)


class ScenarioItem(pytest.Item):
    """One run: on memory, or in processes where a client is the user's own program."""

    def __init__(self, *, plan: Any, **more: Any) -> None:
        super().__init__(**more)
        self._plan = plan

    def runtest(self) -> None:
        import threading

        from harness.runners.run_plans import RunOptions, run_plans

        if self._plan.images():
            pytest.skip("a client with an image needs harness run --on containers")
        on = "processes" if self._plan.own() else "memory"
        (result,) = run_plans([self._plan], on, threading.Event(), RunOptions())
        if not result.verdict.ok:
            raise NotAsExpected(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        from harness.report.text import story

        if isinstance(excinfo.value, NotAsExpected):
            result = excinfo.value.result
            return "\n".join([result.said(), *story(result)])
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"{self._plan.scenario}: {self._plan.variant}"


class NotAsExpected(Exception):
    """The verdict is not the expected one."""

    def __init__(self, result: Any) -> None:
        super().__init__(result.said())
        self.result = result
