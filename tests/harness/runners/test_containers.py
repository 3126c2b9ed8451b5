"""Runs in containers: real hosts, what is left of them (nothing), and clients that are none of ours."""

from __future__ import annotations

import io
import json
import signal
import tarfile
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from fakenw.journal.record import read
from harness.judge.history import RunHistory
from harness.judge.verdict import judge
from harness.report.text import Result
from harness.runners import real_time
from harness.scenario.scenario import load
from tests.programs import CLIENTS, harness, line, started, wait_until

docker_errors = pytest.importorskip("docker.errors", reason="the Docker SDK is not installed")
docker_client = pytest.importorskip("docker.client", reason="the Docker SDK is not installed")
containers = pytest.importorskip("harness.runners.containers")
pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("fakenw_image")]

RUN = "fakenw.run"
OPEN = {"nal.open": {"path": "NWBIND:\\\\FAKENW\\SYS\\CAP_GS1\\", "owner": "SMSCCMBootAcct"}}


def ident(folder: Path) -> str:
    """The id of a test's scenario, by which what it makes is told from what others make at the same time."""
    return f"mine-{zlib.crc32(bytes(folder)):08x}"


class Engine:
    """The Docker Engine, and on it what this test's scenario has made."""

    def __init__(self, client: Any, scenario: str) -> None:
        self.client = client
        self._filters = {"label": f"fakenw.scenario={scenario}"}

    def containers(self) -> list[Any]:
        """The containers, also those that have ended."""
        found: list[Any] = self.client.containers.list(all=True, filters=self._filters, ignore_removed=True)
        return found

    def things(self) -> list[Any]:
        """The containers and networks, containers first."""
        return [*self.containers(), *self.client.networks.list(filters=self._filters)]

    def left(self) -> list[Any]:
        """The things that could be removed, and so were forgotten.

        Where containers start and end at once, an engine can count an endpoint too many on a network. Until the
        engine starts again it refuses to remove that network, on which no container is.
        """
        left = self.things()
        for thing in left[:]:
            with suppress(docker_errors.NotFound):
                if hasattr(thing, "kill"):
                    thing.remove(force=True)
                    continue
                thing.reload()
                try:
                    thing.remove()
                except docker_errors.APIError as problem:
                    if "has active endpoints" not in str(problem) or thing.attrs["Containers"]:
                        raise
                    left.remove(thing)
        return left

    def build(self, tag: str, dockerfile: str, **files: bytes) -> str:
        """An image of the test's own."""
        context = io.BytesIO()
        with tarfile.open(fileobj=context, mode="w") as tar:
            for name, data in {"Dockerfile": dockerfile.encode(), **files}.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
        context.seek(0)
        self.client.images.build(fileobj=context, custom_context=True, tag=tag, rm=True, network_mode="none")
        return tag


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Whatever a test leaves is removed."""
    client = docker_client.DockerClient.from_env(timeout=120)
    engine = Engine(client, ident(tmp_path))
    yield engine
    engine.left()
    client.close()


def write(folder: Path, clients: list[dict[str, Any]], **more: Any) -> Path:
    """A scenario file; JSON is YAML."""
    data = {"format": 1, "id": ident(folder), "title": "mine", "source": "here", "servers": [{"name": "FAKENW"}]}
    path = folder / "mine.yaml"
    path.write_text(json.dumps({**data, "clients": clients, **more}))
    return path


def judged(folder: Path, *options: object, within: float = 300) -> tuple[dict[str, Any], Any]:
    """Run the scenario file in containers: its result, and how the command ended."""
    report = folder / "report"
    words = ("--on", "containers", "--report", report, "--json", "-", *options)
    done = harness("run", folder / "mine.yaml", *words, within=within)
    assert done.stdout, done.stderr
    (result,) = json.loads(done.stdout)
    return result, done


@pytest.fixture(scope="module")
def alien(fakenw_image: str) -> Iterator[str]:
    """An image with nothing of ours in it: Perl, and NCP by hand."""
    client = docker_client.DockerClient.from_env(timeout=120)
    engine = Engine(client, "none")
    dockerfile = 'FROM fakenw-base:bookworm\nCOPY ncp.pl /ncp.pl\nENTRYPOINT ["perl", "/ncp.pl"]\nCMD []\n'
    yield engine.build("alien:1.0", dockerfile, **{"ncp.pl": (CLIENTS / "ncp.pl").read_bytes()})
    with suppress(docker_errors.NotFound):  # the tests of another checkout have the same name for it
        client.images.remove("alien:1.0", force=True)
    client.close()


def test_five_machines_with_the_bug(tmp_path: Path, engine: Engine) -> None:
    """Q257223 as shipped on five machines: five licenses leak, and every phase has its figure."""
    script = [OPEN, {"apm.open": {"file": "SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR"}}, "nal.close"]
    script += [{"wait": "10m"}, "apm.close", {"wait": "4h"}]
    write(tmp_path, [{"name": "workstation", "count": 5, "script": script}], expect="leaked")
    result, done = judged(tmp_path, "--speed", 3600)
    assert (done.returncode, result["verdict"], len(result["leaked"])) == (0, "leaked", 5), done.stderr
    addresses = {entry["station"].split(":")[1] for entry in result["leaked"]}
    assert len(addresses) == 5
    assert list(result["phases"]) == ["create", "ready", "run", "collect", "remove"]
    assert all(f"{name} {seconds:.1f} s" in done.stderr for name, seconds in result["phases"].items())
    assert engine.left() == []


def test_ten_machines_and_eight_licenses(tmp_path: Path, engine: Engine) -> None:
    """Two machines are refused and prove nothing, eight give back what they had, and nothing is left behind."""
    script = [OPEN, {"wait": "30m"}, "nal.close"]
    servers = [{"name": "FAKENW", "release": "3.12", "policy": "attach", "licenses": 8}]
    write(tmp_path, [{"name": "workstation", "count": 10, "script": script}], servers=servers)
    result, done = judged(tmp_path, "--speed", 60, "--parallel", 8, within=600)
    assert (done.returncode, result["verdict"], result["peak"]) == (3, "unknown", 8), done.stderr
    assert len(result["unproven"]) == 2
    server = read(tmp_path / "report" / ident(tmp_path) / "default" / "server-FAKENW.jsonl").records
    refused = {record["station"].split(":")[1] for record in server if record.event == "deny"}
    served = {record["station"].split(":")[1] for record in server if record.event == "grant"}
    assert (len(refused), len(served), refused & served) == (2, 8, set())
    assert "10 of 10 clients started" in done.stderr
    assert engine.left() == []


def test_clean_removes_what_a_killed_run_left_and_nothing_else(tmp_path: Path, engine: Engine) -> None:
    """Two runs at once do not see each other; of the one that is killed nothing stays, the other is not touched."""
    write(tmp_path, [{"name": "workstation", "script": [OPEN, {"wait": "20m"}, "nal.close"]}])
    ours = line("harness", "run", tmp_path / "mine.yaml", "--on", "containers", "--speed", 60, "--json", "-")

    def runs() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for container in engine.containers():
            found.setdefault(container.labels[RUN], []).append(container.labels["fakenw.name"])
        return found

    both = ["FAKENW", "workstation"]
    with started(ours) as killed:
        wait_until(lambda: [sorted(names) for names in runs().values()] == [both], "the first run")
        (first,) = runs()
        with started(ours) as other:
            wait_until(lambda: [sorted(names) for names in runs().values()] == [both, both], "the second run")
            killed.send_signal(signal.SIGKILL)
            killed.wait(30)
            done = harness("clean")
            assert (
                first not in done.stderr
            )  # an engine may hold what another run has left: that is no part of this test
            assert done.returncode == (1 if "could not be removed" in done.stderr else 0), done.stderr
            assert done.stdout.count(f"removed fakenw-{first}") == 3  # two containers and a network
            assert first not in runs()
            assert len({thing.name for thing in engine.things()}) == 3
            out, error = other.communicate(timeout=100)
            assert other.returncode == 0, error
            assert json.loads(out)[0]["verdict"] == "released"
    assert engine.left() == []
    assert first not in harness("clean").stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_removes_everything(tmp_path: Path, engine: Engine, number: signal.Signals) -> None:
    """A run that is asked to end removes what it has made, and says that it could not tell."""
    write(tmp_path, [{"name": "workstation", "script": [OPEN, {"wait": "8h"}]}])
    command = line("harness", "run", tmp_path / "mine.yaml", "--on", "containers", "--json", "-")
    with started(command) as process:
        wait_until(lambda: len(engine.containers()) == 2, "the run")
        process.send_signal(number)
        out, error = process.communicate(timeout=60)
    assert (process.returncode, json.loads(out)[0]["reason"]) == (
        3,
        "the run could not be carried out: stopped before the end",
    ), error
    assert engine.left() == []


def test_keep_leaves_everything_there(tmp_path: Path, engine: Engine) -> None:
    """It says how to look inside, and clean removes it."""
    write(tmp_path, [{"name": "workstation", "script": [OPEN, "nal.close"]}])
    _, done = judged(tmp_path, "--keep")
    kept = {thing.name for thing in engine.things()}
    assert len(kept) == 3
    (client,) = (name for name in kept if name.endswith("workstation"))
    assert f"docker logs {client}" in done.stderr
    assert f"docker exec -it {client} sh" in done.stderr
    inside = engine.client.containers.get(client).exec_run(["python3", "-c", "import harness"])
    assert inside.exit_code == 0
    removed = harness("clean").stdout.splitlines()
    assert {f"removed {name}" for name in kept} <= set(removed)
    assert removed[-1] == f"{len(removed) - 1} removed"


# A user's own client


ALIENS: dict[str, tuple[list[str], dict[str, str], dict[str, str]]] = {  # its command, the scenario, the verdicts
    "releases": ([], {}, {"udp": "released", "tcp": "released"}),
    "exits without": (["--no-logout"], {}, {"udp": "leaked", "tcp": "reclaimed"}),
    "lives on idle": (["--stay"], {"idle_after": "2s"}, {"udp": "leaked", "tcp": "leaked"}),
}


def test_aliens_are_judged(tmp_path: Path, alien: str, engine: Engine) -> None:
    """By the server's and the runner's journals alone; its environment names the server. All run at once."""

    def judge_alien(name: str, transport: str) -> None:
        command, more, expected = ALIENS[name]
        folder = tmp_path / f"{name} {transport}"
        folder.mkdir()
        client = {"name": "agent", "image": alien, **({"command": command} if command else {})}
        write(folder, [client], checks=[{"released": {"within": "2s"}}], expect=expected, id=ident(tmp_path), **more)
        result, done = judged(folder, "--transport", transport)
        assert (result["verdict"], done.returncode) == (expected[transport], 0), done.stderr
        for entry in [*result["leaked"], *result["reclaimed"]]:
            assert (entry["user"], entry["station"].split(":")[0]) == ("GUEST", transport)

    with ThreadPoolExecutor() as pool:
        ended = [pool.submit(judge_alien, name, transport) for name in ALIENS for transport in ("udp", "tcp")]
    for each in ended:
        each.result()
    assert engine.left() == []


def test_several_aliens_with_a_file_and_a_command(tmp_path: Path, alien: str, engine: Engine) -> None:
    """``count``, ``files`` and ``environment`` are for images too, and the address can be part of the command."""
    (tmp_path / "agent.conf").write_text("a setting")
    command = ["-c", 'test "$(cat /etc/agent/agent.conf)" = "$WANTED" && exec perl /ncp.pl {host} {port}']
    dockerfile = 'FROM alien:1.0\nENTRYPOINT ["/bin/sh"]\n'
    engine.build("alien:shell", dockerfile)
    try:
        agent = {"name": "agent", "image": "alien:shell", "command": command, "count": 3}
        agent |= {"files": {"/etc/agent/agent.conf": "agent.conf"}, "environment": {"WANTED": "a setting"}}
        write(tmp_path, [agent])
        result, done = judged(tmp_path, "--transport", "tcp")
        assert (result["verdict"], result["peak"] >= 1, done.returncode) == ("released", True, 0), done.stderr
        runner = read(tmp_path / "report" / ident(tmp_path) / "default" / "runner.jsonl").records
        assert sorted(r["client"] for r in runner if r.event == "exit" and r["code"] == 0) == [
            "agent#1", "agent#2", "agent#3",
        ]  # fmt: skip
    finally:
        engine.client.images.remove("alien:shell", force=True)


def test_another_version_of_the_image_is_expected_to_do_better(tmp_path: Path, alien: str, engine: Engine) -> None:
    """One file follows several versions of a client: ``--image`` swaps it, ``expect:`` differs by its tag."""
    engine.build("alien:0.9", 'FROM alien:1.0\nENTRYPOINT ["perl", "/ncp.pl", "--no-logout"]\n')
    try:
        expect = {"tcp": "released", "images": {"0.9": "reclaimed"}}
        write(tmp_path, [{"name": "agent", "image": alien}], expect=expect)
        for options, verdict in (((), "released"), (("--image", "agent=alien:0.9"), "reclaimed")):
            result, done = judged(tmp_path, "--transport", "tcp", *options)
            assert (result["verdict"], result["expected"], done.returncode) == (verdict, verdict, 0), done.stderr
    finally:
        engine.client.images.remove("alien:0.9", force=True)


@pytest.mark.parametrize(
    ("client", "reasons"),
    [
        ({"command": ["/no/such/program"]}, ["agent cannot be started, exit code 127: ", "/no/such/program"]),
        (
            {"command": ["sh", "-c", "echo out of sorts >&2; exit 3"]},
            ["agent ended with exit code 3, expected 0: out of sorts"],
        ),
        ({"command": ["sh", "-c", "echo waiting; exec sleep 1000"]}, ["given up after 3 s; agent still runs: waiting"]),
    ],
    ids=["never starts", "exits at once", "hangs"],
)
def test_an_image_that_does_not_work(
    tmp_path: Path, engine: Engine, client: dict[str, Any], reasons: list[str]
) -> None:
    """It cannot be told what it does with its license: unknown, with its exit code and its last lines."""
    write(tmp_path, [{"name": "agent", "image": "fakenw-base:bookworm", **client}], timeout="3s")
    result, done = judged(tmp_path)
    assert (result["verdict"], done.returncode) == ("unknown", 3), done.stderr
    assert all(reason in result["reason"] for reason in reasons), result["reason"]
    assert engine.left() == []


def test_a_server_that_dies_is_told_at_once(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner does not wait for the listeners of a container that has died."""
    monkeypatch.setattr(containers, "server_options", lambda plan, spec: ["--licenses", "plenty"])
    (plan,) = load(write(tmp_path, [{"name": "workstation", "script": [OPEN]}])).plans()
    site = containers.Containers(threading.Semaphore(2), 2, keep=False, progress=print)
    run = RunHistory.of(real_time.run(plan, tmp_path, site, threading.Event()))
    verdict = judge(run)
    assert verdict.verdict == "unknown"
    assert "FAKENW ended with exit code 2: " in verdict.reason
    assert "'plenty' is not a valid integer" in verdict.reason
    assert Result(run, verdict).phases["ready"] < 20
    assert engine.left() == []


def test_delay_and_loss_or_why_not(tmp_path: Path) -> None:
    """Where the kernel can do it the license comes back all the same; where not, the reason is told."""
    faults = [{"delay": {"client": "workstation", "by": "100ms"}}, {"loss": {"client": "workstation", "percent": 20}}]
    faults.append({"duplicate": {"client": "workstation", "percent": 20}})
    write(
        tmp_path,
        [{"name": "workstation", "script": [{"wait": "2s"}, OPEN, {"wait": "2s"}, "nal.close"]}],
        faults=faults,
    )
    result, done = judged(tmp_path)
    if result["verdict"] == "unknown":
        assert "delay: tc in workstation failed: " in result["reason"]
        assert "unknown" in result["reason"]  # the qdisc, to this kernel
    else:
        assert (result["verdict"], done.returncode) == ("released", 0), done.stderr


@pytest.mark.parametrize(("address", "cause"), [("same", "reinitialize"), ("new", None)])
def test_a_machine_that_starts_again(tmp_path: Path, engine: Engine, address: str, cause: str | None) -> None:
    """From its old address it takes its own place; from another it takes another license."""
    faults = [{"wait": "3s"}, {"restart": {"client": "workstation", "address": address}}]
    script = [OPEN, {"wait": "5s"}, "nal.close"]
    # The machine comes back in seconds, or on a busy computer in many.
    checks = [{"released": {"within": "1m" if address == "same" else "2s"}}]
    write(tmp_path, [{"name": "workstation", "script": script}], faults=faults, checks=checks)
    result, done = judged(tmp_path)
    assert result["verdict"] == ("reclaimed" if address == "same" else "leaked"), done.stderr
    server = read(tmp_path / "report" / ident(tmp_path) / "default" / "server-FAKENW.jsonl").records
    created = [record["station"] for record in server if record.event == "create"]
    assert (len(created), created[0] == created[1]) == (2, address == "same")
    closed = [record["cause"] for record in server if record.event == "close"]
    assert closed == [cause, "destroy"][cause is None :]
    assert engine.left() == []
