"""Containers: every server and every client machine is a container with its own address, on a private network.

Rules of this file:

* Every object that a run creates bears the run's labels, by which it is found and its run is known to be alive or not.
* A server is ready when it has printed its listeners.
* Journals are read from the containers' standard output as they are written: the Docker Engine may be on another
  machine.
* ``cut`` disconnects a container from the network. ``power-off`` does so and then kills it, so that the server receives
  nothing: a kill alone closes its TCP connections at once.
* The run assigns the addresses: a machine that starts again, or is reconnected, has its old one.
* A server is administered from within its container only: a program there asks for its time, and answers the runner
  on its standard output.
* Nothing is pulled: an image that the engine does not have cannot be run.
"""

from __future__ import annotations

import ipaddress
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from docker.errors import APIError, NotFound
from docker.types import IPAMConfig, IPAMPool

from fakenw.core.peer import IPX
from fakenw.health import Address
from fakenw.journal.sentences import harmless
from fakenw.server_process import USERS_FOLLOW, users_input
from fakenw.wire.packet import NCP_PORT
from harness.runners.awaited_clients import address_of
from harness.runners.backend import Failed, Host
from harness.runners.docker_engine import ENGINE_ERRORS, Container, connect, trouble
from harness.runners.processes import server_options, server_users
from harness.runners.run_label import RUN, RunLabel, is_alive
from harness.scenario.plan import Plan
from harness.scenario.schedule import ScheduledFault
from harness.scenario.settings import ClientSpec, ServerSpec

IMAGE = f"fakenw:{version('fakenw')}"
FIRST_PORT = 1025  # of a scripted client, which takes the next one for each connection
ADMIN_PORT = 8524
SUBNET_TRIES = 20
NETEM = """cd /sys/class/net; for i in *; do [ $i = lo ] || tc qdisc replace dev $i root netem "$@" || exit; done"""
OURS = {"image": IMAGE, "read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]}
CANNOT = {
    "drop": "netem does not count packets; --on memory can do that",
    "reorder": "netem would reorder streams, too; --on memory can do that",
    "spoof": "there is no router between containers; --on memory can do that",
    "clock-jump": "containers share the clock of their engine; --on memory can do that",
}
LISTENING = {"listening tcp", "listening udp"}  # the beginnings of what a server prints when it is ready
NO_CHECK = {"test": ["NONE"]}  # each would start a Python, every second and in every container


class Containers:
    """The backend. *starting* limits how many containers start at once; *keep* leaves all of them at the end."""

    on = "containers"
    followed = True  # the kernel ends them with the container

    def __init__(
        self, starting: threading.Semaphore, parallel: int, keep: bool, progress: Callable[[str], None]
    ) -> None:
        self.parallel, self._starting, self._keep, self._progress = parallel, starting, keep, progress
        self._lock = threading.Lock()
        self._all: list[Container] = []
        self._free: Iterator[Any] = iter(())
        self._network: Any = None
        self._label: RunLabel | None = None
        self._client: Any = None
        self._netem: dict[str, dict[str, str]] = {}  # netem's options, by client

    def open(self, plan: Plan, folder: Path) -> None:
        if IPX.name in plan.transports():
            raise Failed("ipx: containers have no wire between them; --on memory and --on processes can do that")
        self._plan, self._folder = plan, folder
        self._client = connect()
        self._label = RunLabel(plan.scenario)
        with trouble("the network of the run"):
            self._network, subnet = self._make_network(f"fakenw-{self._label.run}")
        self._free = iter(list(subnet.hosts())[1:])  # the first is the engine's own

    def _make_network(self, name: str) -> tuple[Any, Any]:
        """Make a network of the run's own, and return its subnet.

        Addresses can be assigned only in a subnet that was asked for, so the one that the engine chose is asked for.
        """
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
            except APIError:  # another run took the subnet first
                if attempt == SUBNET_TRIES - 1:
                    raise
        raise AssertionError

    def start_server(self, spec: ServerSpec, journal: Path, again: Host | None = None) -> Container:
        users = server_users(spec)  # by standard input: a command is shown by docker inspect
        if again is not None:
            assert isinstance(again, Container)
            made = self._start_again(again, again.address, journal)
        else:
            command = ["fakenw", "serve", *server_options(self._plan, spec), "--journal", "-"]
            command += ["--admin", f"127.0.0.1:{ADMIN_PORT}", *(USERS_FOLLOW if users else ())]
            options = {**OURS, "command": command, "healthcheck": NO_CHECK, "stdin_open": bool(users), "detach": True}
            made = self._start(spec.name, options, self._folder / f"server-{spec.name}.log", journal)
        if users:
            with suppress(OSError):  # it has ended, which its exit code tells
                made.write(users_input(users))
        return made

    def addresses(self, server: Host) -> dict[str, Address] | None:
        assert isinstance(server, Container)
        if LISTENING - {" ".join(line.split()[:2]) for line in server.printed()}:
            return None
        return dict.fromkeys(self._plan.transports(), (server.address, NCP_PORT))

    @contextmanager
    def asking_clock(self, server: Host) -> Iterator[Callable[[], float]]:
        assert isinstance(server, Container)
        with server.asking("python3", "-m", "harness.runners.server_clock", str(ADMIN_PORT)) as ask:
            yield lambda: _number(ask(), server.name)

    def start_scripted(self, name: str, journal: Path) -> Container:
        command = ["python3", "-m", "harness.runners.client", "-", "--ports-from", str(FIRST_PORT)]
        # Detached: its standard input stays open when ours closes, so that the container can be kept.
        options = {**OURS, "command": command, "stdin_open": True, "detach": True, "healthcheck": NO_CHECK}
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
        with self._starting:
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

    def owns(self, host: Host, station: str) -> bool:
        assert isinstance(host, Container)
        return address_of(station) == host.address

    def inject(self, fault: ScheduledFault, host: Host) -> None:
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
                    self._set_netem(fault, host)
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

    def _set_netem(self, fault: ScheduledFault, host: Container) -> None:
        if fault.arguments.get("way", "out") != "out":
            raise Failed(f"{fault.verb}: tc loses what a machine sends, and nothing else; --on memory can do that")
        options = self._netem.setdefault(host.name, {})
        amount = f"{fault.arguments['by']}us" if fault.verb == "delay" else f"{fault.arguments['percent']}%"
        options[fault.verb] = amount
        words = [word for option in options.items() for word in option]
        done = host.container.exec_run(["sh", "-c", NETEM, "sh", *words], privileged=True, user="0")
        if done.exit_code:
            output = done.output.decode(errors="replace").strip()
            raise Failed(f"{fault.verb}: tc in {host.name} failed: {output or f'exit code {done.exit_code}'}")

    def restart(self, host: Host, new_address: bool, journal: Path | None) -> Container:
        assert isinstance(host, Container)
        host.drain()
        self._netem.pop(host.name, None)
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
            self._report_kept()
        else:
            with ThreadPoolExecutor(max_workers=self.parallel) as pool:
                list(pool.map(_remove, [host.container for host in self._all]))
            for host in self._all:
                host.drain()
            if self._network is not None and not _remove(self._network):
                self._progress(f"{self._network.name} could not be removed; harness clean tries again")
        if self._label is not None:
            self._label.close()
        self._client.close()

    def _report_kept(self) -> None:
        for host in self._all:
            self._progress(f"kept: {host.container.name} ({host.address}): docker logs {host.container.name}")
        if self._all:
            self._progress(f"open a shell in one that runs: docker exec -it {self._all[-1].container.name} sh")
            self._progress("remove all of them: harness clean")


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Failed(f"{name} does not tell the time: {harmless(text)}") from None


def _remove(made: Any) -> bool:
    """Remove a container or a network in any state. Returns whether it is gone."""
    options = {"force": True, "v": True} if hasattr(made, "kill") else {}
    try:
        made.remove(**options)
    except NotFound:
        pass
    except ENGINE_ERRORS:
        return False
    return True


def clean(everything: bool = False) -> tuple[list[str], list[str]]:
    """Remove what ended runs have left. Returns the names of what was removed, and of what could not be.

    What a run on another machine has made is removed only with *everything*. Raises Failed.
    """
    removed: list[str] = []
    left: list[str] = []
    client = connect()
    try:
        with trouble("containers"):
            containers = client.containers.list(all=True, filters={"label": RUN}, ignore_removed=True)
            networks = client.networks.list(filters={"label": RUN})
        for made in [*containers, *networks]:
            labels = made.labels if hasattr(made, "labels") else made.attrs["Labels"]
            alive = is_alive(labels)
            if alive is False or (everything and alive is None):
                (removed if _remove(made) else left).append(made.name)
    finally:
        client.close()
    return removed, left
