"""Runs on a cluster of Dask: a scheduler and two workers, each a process of this computer."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from distributed import Client

from harness.cli.worker_options import workers_of
from harness.runners import cluster_workers
from harness.runners.cluster_workers import ClusterWorkers
from harness.runners.workers import WorkersError
from tests.harness.cli.test_workers import COMMANDS, ENDLESS, endless, outcome
from tests.harness.runners import jobs
from tests.programs import PATIENCE, free_port, harness, invoke, started, wait_until

pytestmark = pytest.mark.process
ROOT = Path(__file__).parents[3]
COMPONENT = """\
from harness.behavior import Component, ServerName, verb


class Backup(Component):
    name = "backup"

    @verb
    async def run(self, server: ServerName, times: int = 1) -> None:
        redirector = self.workstation.redirector
        for _ in range(times):
            await redirector.release(await redirector.connect(server, *self.workstation.account()))
"""


class Cluster(NamedTuple):
    address: str
    scheduler: subprocess.Popen[str]
    workers: list[subprocess.Popen[str]]


@contextmanager
def running(folder: Path, workers: int = 2, path: Path = ROOT) -> Iterator[Cluster]:
    """A scheduler and its workers, as users of Dask start them. A run may kill one worker, and no second one."""
    env = {**os.environ, "PYTHONPATH": str(path), "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    with ExitStack() as processes, (folder / "log").open("w") as log:

        def start(*words: object) -> subprocess.Popen[str]:
            command = [sys.executable, "-m", "dask", *map(str, words), "--no-dashboard"]
            return processes.enter_context(started(command, cwd=folder, env=env, stdout=log, stderr=log))

        file = folder / "scheduler.json"
        scheduler = start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", file)
        wait_until(lambda: file.exists() and file.read_text().endswith("}"), "the scheduler")
        address = json.loads(file.read_text())["address"]
        options = ("--nthreads", "1", "--no-nanny", "--local-directory", folder)
        made = Cluster(address, scheduler, [start("worker", address, *options) for _ in range(workers)])
        if workers:
            with Client(address, set_as_default=False) as client:
                client.wait_for_workers(workers, timeout=4 * PATIENCE)
        yield made


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@contextmanager
def connected(cluster: Cluster) -> Iterator[ClusterWorkers]:
    with workers_of(None, cluster.address) as workers:
        assert isinstance(workers, ClusterWorkers)
        yield workers


@pytest.mark.parametrize("name", COMMANDS)
def test_the_same_bytes_on_one_process_and_on_a_cluster(name: str, tmp_path: Path, cluster: Cluster) -> None:
    one = outcome(name, tmp_path / "one", "--workers", 1)
    there = outcome(name, tmp_path / "there", "--cluster", cluster.address)
    assert [key for key in one if one[key] != there.get(key)] == []
    assert one.keys() == there.keys()


def test_components_of_ones_own(mine: Path, tmp_path: Path, cluster: Cluster) -> None:
    """A worker reads them from the same place."""
    behaviors = tmp_path / "backup.py"
    behaviors.write_text(COMPONENT)
    mine.write_text(
        f"{mine.read_text().partition('    script:')[0]}    script: [backup.run: {{server: FAKENW, times: 3}}]\n"
    )
    words = ("run", mine, mine, "--behaviors", behaviors, "--json", "-")
    one, two, there = (
        harness(*words, *where) for where in (("--workers", 1), ("--workers", 2), ("--cluster", cluster.address))
    )
    assert [result["verdict"] for result in json.loads(one.stdout)] == ["released"] * 2
    assert one.stdout == two.stdout == there.stdout


def test_work_of_a_killed_worker_is_done_by_another(tmp_path: Path) -> None:
    """A scheduler gives it to the next one; where there is none left, that is told."""
    with running(tmp_path) as own, connected(own) as workers:
        found = workers.map(jobs.process, range(200))
        assert next(found)[1] in [worker.pid for worker in own.workers]
        own.workers[0].kill()
        assert [item for item, _ in found] == list(range(1, 200))
        own.workers[1].kill()
        with pytest.raises(WorkersError, match="has no worker any more"):
            list(workers.map(jobs.process, range(3)))


def test_a_run_that_kills_workers_is_told(tmp_path: Path) -> None:
    with running(tmp_path, workers=3) as own, connected(own) as workers:
        found: list[int] = []
        with pytest.raises(WorkersError, match="a run has killed several workers of the cluster, the last at tcp://"):
            found.extend(workers.map(partial(jobs.killed, 3), range(5)))
        assert found[:3] == [0, 1, 2]
        assert 3 not in found


def test_a_scheduler_that_ends_is_told(tmp_path: Path) -> None:
    with running(tmp_path) as own, connected(own) as workers:

        def killed_when_both_run() -> bool:
            if sum(file.name.isdecimal() for file in tmp_path.iterdir()) == 2:
                own.scheduler.kill()
            return False

        with pytest.raises(WorkersError, match=f"the scheduler at {own.address} is gone"):
            next(workers.map(jobs.endless, [str(tmp_path)] * 2, killed_when_both_run))
        with pytest.raises(WorkersError, match="is gone"):
            list(workers.map(jobs.process, range(3)))


def test_a_stop_drops_what_has_begun(tmp_path: Path, cluster: Cluster) -> None:
    """The workers finish it, and are there for the next one."""
    places = [str(tmp_path)] * 2
    with connected(cluster) as workers:
        assert list(workers.map(jobs.until_told, places, lambda: len(list(tmp_path.iterdir())) == 2)) == []
    (tmp_path / "end").touch()
    with connected(cluster) as workers:
        assert [item for item, _ in workers.map(jobs.process, range(3))] == [0, 1, 2]


def test_a_command_whose_scheduler_ends(tmp_path: Path) -> None:
    """One sentence, and no traceback of Dask's."""
    with running(tmp_path) as own, endless(*ENDLESS, "--cluster", own.address) as load:
        with Client(own.address, set_as_default=False) as client:
            wait_until(lambda: any(client.processing().values()), "the runs")
        own.scheduler.kill()
        _, error = load.communicate(timeout=100)
    assert load.returncode == 3
    assert error.splitlines() == [
        f"harness: the scheduler at {own.address} is gone",
        "harness: stopped; the outcome is unknown",
    ]


def test_an_error_is_raised_here(cluster: Cluster) -> None:
    with connected(cluster) as workers, pytest.raises(ValueError, match="item 0"):
        list(workers.map(jobs.mistaken, range(5)))


# no cluster


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_workers, "PATIENCE", 1)


def refusal(address: str) -> str:
    done = invoke("matrix", "--scenarios", "S5", "--cluster", address)
    assert (done.exit_code, done.stdout) == (2, "")
    return done.stderr.removeprefix("harness: ")


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("127.0.0.1:{free}", "no scheduler of Dask answers there"),
        ("here", "missing port number in address 'here'; expected HOST:PORT"),
        ("ftp://here:1", "unknown address scheme 'ftp' (known schemes: "),
    ],
)
def test_an_address_without_a_scheduler(address: str, told: str) -> None:
    address = address.format(free=free_port())
    assert refusal(address).startswith(f"--cluster {address}: {told}")


@pytest.mark.parametrize("banner", [b"SSH-2.0-OpenSSH_9.2\r\n", bytes(64)])
def test_another_service(banner: bytes) -> None:
    """What it sends is no message of Dask's; the first eight bytes would be a length."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(banner)

        service = threading.Thread(target=answer)
        service.start()
        address = "{}:{}".format(*listener.getsockname())
        assert refusal(address) == f"--cluster {address}: no scheduler of Dask answers there\n"
        service.join()


@pytest.mark.usefixtures("hurried")
def test_a_scheduler_without_workers(tmp_path: Path) -> None:
    with running(tmp_path, workers=0) as own:
        assert refusal(own.address) == f"--cluster {own.address}: the scheduler has no worker\n"


def test_a_worker_with_another_edition(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_workers, "version", lambda name: "9.9")
    here, _, there = refusal(cluster.address).partition(", but on worker tcp://127.0.0.1:")
    assert here.startswith(f"--cluster {cluster.address}: here is fakenw 9.9 (sources ")
    assert ": fakenw 0.1.0 (sources " in there


def test_a_worker_without_fakenw(tmp_path: Path) -> None:
    (tmp_path / "harness").mkdir()
    (tmp_path / "harness" / "__init__.py").touch()
    with running(tmp_path, workers=1, path=tmp_path) as own:
        assert "No module named 'harness.runners'" in refusal(own.address)


def test_without_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "harness.runners.cluster_workers")
    assert refusal("127.0.0.1:8786") == "--cluster needs Dask: pip install 'fakenw[cluster]'\n"
