"""Passwords are nowhere but where a user has put them: in no file that a run leaves, no process list, no error."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import yaml
from click.testing import CliRunner

from fakenw.cli.main import main as fakenw
from fakenw.core.server import Server
from fakenw.server_process import ServerFailed, ServerProcess
from harness.load import servers
from harness.load.profile import PROFILES
from harness.load.specification import LoadSpecification
from harness.runners import containers
from harness.runners.containers import Containers
from harness.runners.docker_engine import Container
from harness.scenario.scenario import load
from harness.testing.netware import Netware
from harness.testing.server_setup import Setup
from tests.programs import LISTEN, PATIENCE, harness, invoke, started, wait_until
from tests.programs import line as command_line

PASSWORD = "QX7DISTINCT"
USER = f"JOE:{PASSWORD}"


def scenario(folder: Path, **client: Any) -> Path:
    """One client that logs in with the password, and one that has a wrong one."""
    file = folder / "mine.yaml"
    script = [{"user.logon": "FAKENW"}, {"wait": client.pop("wait", "1m")}, "user.logoff", {"wait": "10m"}]
    clients = [{"name": "a", "user": USER, "script": script, **client}]
    clients.append({**clients[0], "name": "b", "user": f"ANN:{PASSWORD}WRONG"})
    servers = [{"name": "FAKENW", "users": [USER, f"ANN:{PASSWORD}"]}]
    data = {"format": 1, "id": "mine", "title": "t", "source": "ours", "servers": servers, "clients": clients}
    file.write_text(yaml.safe_dump(data))
    return file


def leaking(folder: Path) -> list[str]:
    """The files below *folder* that have the password, in any case; a capture has what was sent."""
    files = [file for file in folder.rglob("*") if file.is_file() and file.suffix != ".pcap"]
    return [str(file) for file in files if PASSWORD.lower().encode() in file.read_bytes().lower()]


@pytest.mark.parametrize("on", ["memory", pytest.param("processes", marks=pytest.mark.process)])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_run_leaves_none(on: str, transport: str, tmp_path: Path) -> None:
    """In its journals, logs, reports, JUnit XML, JSON, and in what it prints; the keyed login sends none either."""
    report = tmp_path / "report"
    report.mkdir()
    words: list[object] = ["run", scenario(tmp_path), "--on", on, "--transport", transport, "--report", report]
    words += ["--speed", "600"] if on == "processes" else []
    words += ["--json", report / "out.json", "--junit", report / "out.xml"]
    done = harness(*words) if on == "processes" else invoke(*words)
    assert PASSWORD not in done.stdout + done.stderr
    assert (report / "report.html").exists()
    assert leaking(report) == []
    assert not [file for file in report.rglob("*.pcap") if PASSWORD.encode() in file.read_bytes()]
    assert "wrong password" in done.stdout


def shown(process: psutil.Process) -> str:
    """What other users can see of the processes below it, and of itself."""
    found = []
    for one in [process, *process.children(recursive=True)]:
        try:
            found.append("\0".join(one.cmdline()))
        except psutil.Error:
            continue  # it has ended
    return "\n".join(found)


@pytest.mark.process
def test_a_run_shows_none_in_the_list_of_processes(tmp_path: Path) -> None:
    """Its servers and clients get passwords by standard input."""
    words = command_line("harness", "run", scenario(tmp_path, wait="1h"), "--on", "processes", "--speed", "1")
    with started(words) as run:
        process = psutil.Process(run.pid)
        wait_until(lambda: "harness.runners.client" in shown(process), "the clients")
        text = shown(process)
        run.terminate()
        run.communicate(timeout=PATIENCE)
    assert "serve" in text
    assert PASSWORD not in text


@pytest.mark.process
def test_a_fixture_shows_none(tmp_path: Path) -> None:
    """Nor does the server of a test."""
    server = Netware(Setup(users=(USER,)), tmp_path)
    server.start()
    try:
        server.workstation(USER).play([{"user.logon": "FAKENW"}])
        assert PASSWORD not in shown(psutil.Process())
        assert [record["user"] for record in server.journal if record.event == "grant"] == ["JOE"]
    finally:
        server.stop()
    assert leaking(tmp_path) == []


@pytest.mark.process
def test_a_running_server_tells_none(tmp_path: Path) -> None:
    """Neither its command line, nor its administration and metrics, nor its journal."""
    import http.client
    from urllib.parse import urlsplit

    log = tmp_path / "errors.txt"
    options = (*LISTEN, "--admin", "127.0.0.1:0", "--journal", tmp_path / "journal.jsonl")
    with ServerProcess(*options, users=[USER], log=log) as server:
        done = harness("hold", "{}:{}".format(*server.addresses["tcp"]), "--user", USER, "--for", "100ms")
        assert done.returncode == 0, done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        place = urlsplit(server.admin)
        for path in ("/", "/api/server", "/api/connections", "/api/licenses", "/api/journal?from=0", "/metrics"):
            connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=PATIENCE)
            connection.request("GET", path)
            assert PASSWORD.encode() not in connection.getresponse().read(), path
            connection.close()
        assert PASSWORD not in shown(psutil.Process(server.process.pid))
        assert server.stop(PATIENCE) == 0
    assert leaking(tmp_path) == []


class Engine:
    """A Docker Engine that makes containers and runs nothing. What it was given is what ``docker inspect`` shows."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[dict[str, Any]] = []
        self.input: dict[str, bytes] = {}
        engine = self

        class Started(Container):
            def start(self) -> None:
                """Nothing runs."""

            def write(self, data: bytes) -> None:
                engine.input[self.name] = engine.input.get(self.name, b"") + data

        monkeypatch.setattr(containers, "Container", Started)
        api = SimpleNamespace(create_endpoint_config=lambda **options: options)
        self.client = SimpleNamespace(api=api, containers=SimpleNamespace(create=self._create))

    def _create(self, **options: Any) -> Any:
        self.made.append(options)
        return SimpleNamespace(name=options["name"])


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    pytest.importorskip("docker")
    return Engine(monkeypatch)


def test_docker_inspect_shows_none(engine: Engine, tmp_path: Path) -> None:
    """A server's command and environment; its users come by standard input, and so do a client's instructions."""
    (plan,) = load(scenario(tmp_path)).plans()
    site = Containers(threading.Semaphore(2), 2, keep=False, progress=print)
    site._plan, site._folder, site._client = plan, tmp_path, engine.client
    site._label = SimpleNamespace(run="1", labels={})  # type: ignore[assignment]
    site._network, site._free = SimpleNamespace(name="net"), iter(range(10))
    site.start_server(plan.servers[0], tmp_path / "server.jsonl")
    client = site.start_scripted("a", tmp_path / "client.jsonl")
    client.send({"client": plan.scripted()[0]})
    assert PASSWORD not in json.dumps(engine.made, default=str)
    assert engine.made[0]["stdin_open"]
    assert PASSWORD.encode() in engine.input["FAKENW"]
    assert engine.input["FAKENW"].endswith(b"\n\n")
    assert PASSWORD.encode() in engine.input["a"]


def test_the_configuration_of_a_load_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it is there; also where the server does not start."""
    seen: list[tuple[int, bool]] = []

    def start(*options: object, log: Path) -> ServerProcess:
        config = Path(str(options[options.index("--config") + 1]))
        seen.append((config.stat().st_mode & 0o777, '"password"' in config.read_text()))
        raise ServerFailed("no", 2)

    monkeypatch.setattr(servers, "ServerProcess", start)
    spec = LoadSpecification(clients=1, licenses=1, profile=PROFILES["morning"], day=1)
    with pytest.raises(servers.NoServer):
        servers.OwnServer(spec, tmp_path / "journal.jsonl", lambda record: None)
    assert seen == [(0o600, True)]
    assert list(tmp_path.iterdir()) == []


# What is wrong with a user


def in_a_file(folder: Path, line: str) -> list[str]:
    (folder / "users").write_text(f"ANN\n{line}\n")
    return ["--users-file", str(folder / "users")]


def in_a_configuration(folder: Path, line: str) -> list[str]:
    name, _, password = line.partition(":")
    (folder / "lab.yaml").write_text(yaml.safe_dump({"bindery": {"users": [{"name": name, "password": password}]}}))
    return ["--config", str(folder / "lab.yaml")]


WAYS: list[Callable[[Path, str], list[str]]] = [lambda folder, line: ["--user", line], in_a_file, in_a_configuration]


@pytest.mark.parametrize("way", WAYS, ids=["option", "file", "configuration"])
@pytest.mark.parametrize("line", [f"JOE:{PASSWORD}☃", f"J/E:{PASSWORD}", f":{PASSWORD}"])
def test_an_error_quotes_none(way: Callable[[Path, str], list[str]], line: str, tmp_path: Path) -> None:
    """Whatever is wrong with the user or the password."""
    done = CliRunner().invoke(fakenw, ["serve", *way(tmp_path, line)], catch_exceptions=False)
    assert done.exit_code == 2
    assert PASSWORD not in done.output.upper()


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The settings of the servers that would run."""
    from fakenw.cli import serving as module

    found: list[Any] = []

    def run(server: Server, *rest: Any, **more: Any) -> int:
        found.append(server.settings)
        return 0

    monkeypatch.setattr(module, "_run", run)
    return found


@pytest.mark.parametrize("given", ["file", "standard input"])
def test_users_from_a_file(given: str, tmp_path: Path, settings: list[Any]) -> None:
    """One on each line, up to an empty one; a password may have colons and blanks."""
    text = f"{USER}\nANN: a:b \nMAX\n\nNOBODY\n"
    (tmp_path / "users").write_text(text)
    words = ["serve", "--users-file", "-" if given == "standard input" else str(tmp_path / "users")]
    done = CliRunner().invoke(fakenw, words, input=text, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert settings[0].users == (("JOE", PASSWORD), ("ANN", " a:b "), ("MAX", ""))


@pytest.mark.parametrize(("text", "said"), [(b"\xff\n", "expected UTF-8"), (b"ANN\nA/B\n", ":2: 'A/B' cannot be")])
def test_mistakes_in_such_a_file(text: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "users").write_bytes(text)
    done = CliRunner().invoke(fakenw, ["serve", "--users-file", str(tmp_path / "users")], catch_exceptions=False)
    assert (done.exit_code, said in done.output) == (2, True), done.output
