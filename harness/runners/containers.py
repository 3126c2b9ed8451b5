"""Containers: every server and every client machine a container with an address of its own, on a private network.

Rules of this file:

* Everything that a run makes bears the run's labels, which say how to find it and whether the run still lives.
* A server is ready when its health check says so. The check leaves no trace in the books.
* Journals come out as they are written, over the containers' standard output, so that the Docker Engine may be
  on another machine.
* ``cut`` disconnects a container from the network; ``power-off`` does, and then kills it, so that the server hears
  nothing. A kill alone closes its TCP connections at once.
* The addresses are ours to give: a machine that starts again, or whose cable is plugged in, has the one it had.
* Nothing is pulled: an image that is not there cannot be run.
"""

from __future__ import annotations

import ipaddress
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

from docker.errors import APIError, NotFound
from docker.types import IPAMConfig, IPAMPool

from fakenw.health import Address
from fakenw.wire.packet import NCP_PORT
from harness.runners.backend import Failed, Host
from harness.runners.docker_engine import LEFT, Container, connect, trouble
from harness.runners.processes import server_options
from harness.runners.run_label import RUN, RunLabel, is_alive
from harness.scenario.plan import Plan
from harness.scenario.schedule import Disruption
from harness.scenario.settings import ClientSpec, ServerSpec

IMAGE = f"fakenw:{version('fakenw')}"
FIRST_PORT = 1025  # of a scripted client, which takes the next one for each connection
CHECK_EVERY = 1_000_000_000  # nanoseconds
SUBNET_TRIES = 20
NETEM = """cd /sys/class/net; for i in *; do [ $i = lo ] || tc qdisc replace dev $i root netem "$@" || exit; done"""
OURS = {"image": IMAGE, "read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]}
CANNOT = {
    "drop": "netem does not count packets; --on memory can do that",
    "reorder": "netem would reorder streams, too; --on memory can do that",
    "spoof": "there is no router between containers; --on memory can do that",
    "clock-jump": "containers share the clock of their engine; --on memory can do that",
}
CHECK = {"test": ["CMD", "python3", "-m", "fakenw.health", "--no-trace"], "interval": CHECK_EVERY, "retries": 60}


class Containers:
    """The site. *turns* is held by whoever starts a container; *keep* leaves everything there at the end."""

    on = "containers"

    def __init__(self, turns: threading.Semaphore, parallel: int, keep: bool, tell: Callable[[str], None]) -> None:
        self.parallel, self._turns, self._keep, self._tell = parallel, turns, keep, tell
        self._lock = threading.Lock()
        self._all: list[Container] = []
        self._free: Iterator[Any] = iter(())
        self._network: Any = None
        self._label: RunLabel | None = None
        self._client: Any = None
        self._slow: dict[str, dict[str, str]] = {}  # by client: what netem was told

    def open(self, plan: Plan, folder: Path) -> None:
        self._plan, self._folder = plan, folder
        self._client = connect()
        self._label = RunLabel(plan.scenario)
        with trouble("the network of the run"):
            self._network, subnet = self._make_network(f"fakenw-{self._label.run}")
        self._free = iter(list(subnet.hosts())[1:])  # the first is the engine's own

    def _make_network(self, name: str) -> tuple[Any, Any]:
        """A network of its own. Addresses can be given where its subnet is given: the engine chooses, we repeat it."""
        assert self._label is not None
        options = {"driver": "bridge", "internal": True, "labels": self._label.labels}
        for attempt in range(SUBNET_TRIES):
            trial = self._client.networks.create(name, **options)
            trial.reload()
            subnet = trial.attrs["IPAM"]["Config"][0]["Subnet"]
            trial.remove()
            try:
                pool = IPAMPool(subnet=subnet)
                made = self._client.networks.create(name, ipam=IPAMConfig(pool_configs=[pool]), **options)
                return made, ipaddress.ip_network(subnet)
            except APIError:  # another run was faster
                if attempt == SUBNET_TRIES - 1:
                    raise
        raise AssertionError

    def start_server(self, spec: ServerSpec, journal: Path, again: Host | None = None) -> Container:
        if again is not None:
            assert isinstance(again, Container)
            return self._start_again(again, again.address, journal)
        command = ["fakenw", "serve", *server_options(self._plan, spec), "--journal", "-"]
        options = {**OURS, "command": command, "healthcheck": CHECK}
        return self._start(spec.name, options, self._folder / f"server-{spec.name}.log", journal)

    def addresses(self, server: Host) -> dict[str, Address] | None:
        assert isinstance(server, Container)
        if server.state().get("Health", {}).get("Status") != "healthy":
            return None
        return dict.fromkeys(self._plan.transports(), (server.address, NCP_PORT))

    def start_scripted(self, name: str, journal: Path) -> Container:
        command = ["python3", "-m", "harness.runners.client", "-", "--ports-from", str(FIRST_PORT)]
        # Detached: so the end of our end of its standard input is not the end of it, and it can be kept.
        options = {**OURS, "command": command, "stdin_open": True, "detach": True, "healthcheck": {"test": ["NONE"]}}
        return self._start(name, options, self._folder / f"client-{name}.log", journal)

    def start_own(self, name: str, client: ClientSpec) -> Container:
        options: dict[str, Any] = {"image": client.image, "environment": client.environment}
        if client.command:
            options["command"] = list(client.command)
        files = {place: Path(self._plan.folder, file) for place, file in client.files.items()}
        return self._start(name, options, self._folder / f"client-{name}.log", None, files)

    def _start(
        self,
        name: str,
        options: Mapping[str, Any],
        log: Path,
        journal: Path | None,
        files: Mapping[str, Path] | None = None,
    ) -> Container:
        assert self._label is not None
        host = re.sub(r"[^A-Za-z0-9.-]", "-", name)
        with self._lock:
            address, number = str(next(self._free)), len(self._all)
        with self._turns:
            with trouble(f"{name} cannot be made"):
                endpoint = self._client.api.create_endpoint_config(ipv4_address=address, aliases=[host.lower()])
                container = self._client.containers.create(
                    name=f"fakenw-{self._label.run}-{number}-{host}",
                    hostname=host[:63],
                    labels={**self._label.labels, "fakenw.name": name},
                    network=self._network.name,
                    networking_config={self._network.name: endpoint},
                    **options,
                )
            made = Container(name, container, address, log, journal)
            with self._lock:
                self._all.append(made)
            if files:
                made.put(files)
            made.start()
        return made

    # Faults

    def disrupt(self, fault: Disruption, host: Host) -> None:
        assert isinstance(host, Container)
        with trouble(f"{fault.verb}: {host.name}"):
            match fault.verb:
                case "freeze":
                    host.container.pause()
                    host.paused = True
                case "thaw":
                    host.container.unpause()
                    host.paused = False
                case "process-killed":
                    host.container.kill()
                case "power-off":
                    self._cut(host)
                    host.container.kill()
                case "cut":
                    self._cut(host)
                case "heal":
                    self._heal(host)
                case "delay" | "loss" | "duplicate":
                    self._slow_down(fault, host)
                case _:
                    raise Failed(f"{fault.verb}: {CANNOT.get(fault.verb, 'containers cannot do that')}")

    def _cut(self, host: Container) -> None:
        if host.connected:
            host.connected = False
            self._network.disconnect(host.container, force=True)

    def _heal(self, host: Container) -> None:
        if not host.connected:
            self._network.connect(host.container, ipv4_address=host.address)
            host.connected = True

    def _slow_down(self, fault: Disruption, host: Container) -> None:
        rules = self._slow.setdefault(host.name, {})
        rules[fault.verb] = f"{fault.arguments['by']}us" if fault.verb == "delay" else f"{fault.arguments['percent']}%"
        rule = [word for pair in rules.items() for word in pair]
        done = host.container.exec_run(["sh", "-c", NETEM, "sh", *rule], privileged=True, user="0")
        if done.exit_code:
            said = done.output.decode(errors="replace").strip()
            raise Failed(f"{fault.verb}: tc in {host.name} says: {said or f'exit code {done.exit_code}'}")

    def restart(self, host: Host, new_address: bool, journal: Path | None) -> Container:
        assert isinstance(host, Container)
        host.ended()
        self._slow.pop(host.name, None)
        address = host.address
        if new_address:
            with self._lock:
                address = str(next(self._free))
            with trouble(f"restart: {host.name}"):
                self._cut(host)
        return self._start_again(host, address, journal)

    def _start_again(self, host: Container, address: str, journal: Path | None) -> Container:
        again = Container(host.name, host.container, address, host.log, journal)
        again.connected = host.connected
        with trouble(f"restart: {host.name}"):
            self._heal(again)
        with self._lock:
            self._all[self._all.index(host)] = again
        again.start()
        return again

    # Ending

    def close(self) -> None:
        if self._client is None:
            return
        if self._keep:
            self._tell_what_is_kept()
        else:
            with ThreadPoolExecutor(max_workers=self.parallel) as pool:
                list(pool.map(_remove, [one.container for one in self._all]))
            for one in self._all:
                one.ended()
            if self._network is not None and not _remove(self._network):
                self._tell(f"{self._network.name} could not be removed; harness clean tries again")
        if self._label is not None:
            self._label.close()
        self._client.close()

    def _tell_what_is_kept(self) -> None:
        for one in self._all:
            self._tell(f"kept: {one.container.name} ({one.address}): docker logs {one.container.name}")
        if self._all:
            self._tell(f"look inside one that runs: docker exec -it {self._all[-1].container.name} sh")
            self._tell("remove all that was kept: harness clean")


def _remove(thing: Any) -> bool:
    """Remove a container or a network, whatever state it is in. Returns whether it is gone."""
    options = {"force": True, "v": True} if hasattr(thing, "kill") else {}
    try:
        thing.remove(**options)
    except NotFound:
        pass
    except LEFT:
        return False
    return True


def clean(everything: bool = False) -> tuple[list[str], list[str]]:
    """Remove what runs have left that live no more: the names of what was removed, and of what could not be.

    What a run on another machine has made is removed only with *everything*. Raises Failed.
    """
    removed: list[str] = []
    left: list[str] = []
    client = connect()
    try:
        with trouble("containers"):
            containers = client.containers.list(all=True, filters={"label": RUN}, ignore_removed=True)
            networks = client.networks.list(filters={"label": RUN})
        for thing in [*containers, *networks]:
            labels = thing.labels if hasattr(thing, "labels") else thing.attrs["Labels"]
            alive = is_alive(labels)
            if alive is False or (everything and alive is None):
                (removed if _remove(thing) else left).append(thing.name)
    finally:
        client.close()
    return removed, left
