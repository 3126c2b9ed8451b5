"""The memory runner: servers and clients in one process, on virtual time.

One heap of events and one clock, in whole microseconds. The clock jumps from event to event, so four idle hours cost
milliseconds. Every choice is drawn from one seeded generator: the same seed is the same run, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, BinaryIO

from fakenw.core.peer import IPX
from fakenw.journal.record import SECOND, Journal, Record
from fakenw.transports.capture import CaptureFile
from fakenw.wire.ipx.frames import FrameType
from harness.client.behavior_file import load
from harness.client.machine import play
from harness.runners.awaited_clients import AwaitedClients, address_of
from harness.runners.machine_link import MachineLink
from harness.runners.memory_clients import ClientWorld
from harness.runners.memory_network import EPOCH, Network, utc
from harness.runners.memory_wire import node_of
from harness.scenario.plan import Plan, client_journal
from harness.scenario.schedule import Condition, Scheduled, ScheduledFault

STARTS_WITHIN = SECOND  # the clients of a run do not start in the same instant


class MemoryRun:
    """One run. What servers receive and send is written to *capture*, as ``fakenw serve --pcap`` does."""

    def __init__(
        self, plan: Plan, capture: BinaryIO | None = None, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        self._plan, self._stopped = plan, stopped
        ipx = IPX.name in plan.transports()
        self._capture = None if capture is None else CaptureFile(capture, self._wall, _raise, ethernet=ipx)
        self.network = Network(Random(plan.seed), self._capture, ipx=ipx)
        self._records = [Record(0, "runner", "run", {**plan.opening("memory"), "utc": utc(0), "speed": 1})]
        self._clients = {client["name"]: client for client in plan.scripted()}
        self._incarnations: dict[str, list[ClientWorld]] = {name: [] for name in self._clients}  # the last one runs
        self._active: set[ClientWorld] = set()  # whose script can continue
        self._done: set[ClientWorld] = set()
        self._own = [component for file in plan.behaviors for component in load(Path(file))]
        self._pending_faults = 0  # whose time is known
        self._awaited: AwaitedClients | None = None  # by the faults whose time is not known yet

    def _wall(self) -> float:
        return EPOCH.timestamp() + self.network.clock.time / SECOND

    def carry_out(self) -> list[Journal]:
        """Returns the journals of the runner, the servers and the clients."""
        plan, network = self._plan, self.network
        for spec in plan.servers:
            network.add_server(spec, plan.seed, plan.idle_threshold)
        for number, name in enumerate(self._clients, 1):
            starts = network.random.randrange(STARTS_WITHIN) if number > 1 else 0
            self._start(name, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", starts)
        self._schedule(plan.scheduled_faults())
        self._until_over()
        if self._stopped():
            self._write("failed", reason="stopped before the end")
        elif self._awaited is not None:
            self._write("failed", reason=self._awaited.never())
        for host in network.hosts.values():
            host.stop()
        if self._capture is not None:
            self._capture.close()
        for worlds in self._incarnations.values():
            worlds[-1].abandon()
        self._write("end")
        return [
            Journal("runner.jsonl", self._records),
            *(Journal(f"server-{name}.jsonl", host.records) for name, host in network.hosts.items()),
            *(
                Journal(client_journal(name, incarnation), world.records)
                for name, worlds in self._incarnations.items()
                for incarnation, world in enumerate(worlds, 1)
            ),
        ]

    def _until_over(self) -> None:
        """Until the clients have finished, and then as long as a license that is held may take to come back."""
        network = self.network
        over = False
        while not over:
            network.clock.run(lambda: (not self._active and not self._pending_faults) or self._stopped())
            if not self._stopped() and any(host.server.ledger.held for host in network.hosts.values()):
                network.clock.run(lambda: bool(self._pending_faults), network.clock.time + self._plan.within + SECOND)
            over = not self._pending_faults or self._stopped()

    def _start(self, name: str, address: str, at: int) -> None:
        world = ClientWorld(self.network, name, address, FrameType(self._clients[name]["frame"]))
        self._incarnations[name].append(world)
        self._active.add(world)
        # Its behaviour is made when it begins, for a machine may be off by then.
        self.network.clock.call_at(at, world.execute, lambda: world.start(self._play(world, self._clients[name])))
        self._write("spawn", client=name)

    async def _play(self, world: ClientWorld, client: dict[str, Any]) -> None:
        await play(world, client, self._own)
        self._done.add(world)
        self._active.discard(world)

    def _schedule(self, faults: Sequence[Scheduled]) -> None:
        """Each of *faults* at its time from now; what stands behind a condition when it is met."""
        for n, fault in enumerate(faults):
            self._pending_faults += 1
            at = self.network.clock.time + fault.at
            if isinstance(fault, Condition):
                self.network.clock.call_at(at, self._await, fault, faults[n + 1 :])
                break
            self.network.clock.call_at(at, self._inject, fault)

    def _await(self, condition: Condition, behind: Sequence[Scheduled]) -> None:
        self._pending_faults -= 1
        awaited = self._awaited = AwaitedClients(condition, self._owns)
        hosts = self.network.hosts.values()

        def look() -> None:
            awaited.look(station for host in hosts for station in host.holders())
            if awaited.met:
                self._awaited = None
                for host in hosts:
                    host.wrote = None
                self._pending_faults += 1
                self.network.clock.call_at(self.network.clock.time, go_on)  # a server is in the middle of its turn

        def go_on() -> None:
            self._pending_faults -= 1
            self._schedule(behind)

        for host in hosts:
            host.wrote = look
        look()

    def _owns(self, name: str, station: str) -> bool:
        address = self._incarnations[name][-1].address
        return address_of(station).rpartition(":")[2] in (address, node_of(address).hex().upper())

    def _inject(self, fault: ScheduledFault) -> None:
        self._pending_faults -= 1
        self._write("fault", **fault.record_fields())
        if fault.role == "server":
            self._inject_server(fault)
        elif fault.verb in MachineLink.VERBS:
            self._incarnations[fault.name][-1].conditions.apply(fault.verb, fault.arguments)
        else:
            self._inject_client(fault, self._incarnations[fault.name][-1])

    def _inject_server(self, fault: ScheduledFault) -> None:
        host = self.network.hosts[fault.name]
        match fault.verb:
            case "freeze":
                host.freeze()
            case "thaw":
                host.thaw()
            case "server-down":
                self.network.stop_server(fault.name)
            case "server-up":
                host.start()
            case "clock-jump":
                host.set_clock(fault.arguments["by"])

    def _inject_client(self, fault: ScheduledFault, world: ClientWorld) -> None:
        match fault.verb:
            case "freeze":
                world.freeze()
                self._active.discard(world)  # the run does not wait for a thaw
            case "thaw":
                world.thaw()
                if world.on:
                    self._active |= {world} - self._done
            case "process-killed":
                self._end(world, fault, world.kill)
            case "power-off":
                self._end(world, fault, world.power_off)
            case "restart":
                self._end(world, fault, world.power_off)
                incarnation = len(self._incarnations[fault.name])
                number = list(self._clients).index(fault.name) + 1
                new = f"10.{128 + (incarnation - 1) % 127}.{number >> 8 & 255}.{number & 255}"
                address = new if fault.arguments["address"] == "new" else world.address
                self._start(fault.name, address, self.network.clock.time)
            case "spoof":
                lasting = fault.arguments["for"]
                until = None if lasting is None else self.network.clock.time + lasting
                self.network.spoof(world.address, until)

    def _end(self, world: ClientWorld, fault: ScheduledFault, end: Callable[[], None]) -> None:
        if world.on:
            end()
            self._active.discard(world)
            self._write("exit", client=world.name, code=None, cause=fault.verb)

    def _write(self, event: str, **fields: Any) -> None:
        self._records.append(Record(self.network.clock.time, "runner", event, fields))


def _raise(problem: OSError) -> None:
    raise problem


def run(plan: Plan, capture: BinaryIO | None = None, stopped: Callable[[], bool] = lambda: False) -> list[Journal]:
    """Carry out *plan*, until *stopped*. Returns the journals of the runner, the servers and the clients."""
    return MemoryRun(plan, capture, stopped).carry_out()
