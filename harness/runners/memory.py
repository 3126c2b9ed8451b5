"""The memory runner: servers and clients in one process, on virtual time.

One heap of events and one clock, in whole microseconds. The clock jumps from event to event, so
four idle hours cost milliseconds. Everything that could happen in another order is drawn from one
seeded generator: the same seed is the same run, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from fakenw.records import SECOND, Journal, Record
from harness.faults import Disruption
from harness.machine import Machine
from harness.plan import Plan
from harness.runners.network import ClientWorld, Network, utc

STARTS_WITHIN = SECOND  # the clients of a run do not begin in the same instant


class Run:
    """One run on its way."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._network = Network(Random(plan.seed))
        self._told = [Record(0, "runner", "run", {**plan.opening("memory"), "utc": utc(0), "speed": 1})]
        self._orders = {client["name"]: client for client in plan.scripted()}
        self._lives: dict[str, list[ClientWorld]] = {name: [] for name in self._orders}  # the last one is today's
        self._going: set[ClientWorld] = set()  # whose script can still go on
        self._done: set[ClientWorld] = set()
        self._faults = 0  # that are still to come

    def carry_out(self) -> list[Journal]:
        """Let it happen. Returns the journals of the runner, the servers and the clients."""
        plan, network = self._plan, self._network
        for spec in plan.servers:
            network.add_server(spec, plan.seed, plan.idle_threshold)
        for number, name in enumerate(self._orders, 1):
            starts = network.random.randrange(STARTS_WITHIN) if number > 1 else 0
            self._start(name, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", starts)
        for fault in plan.disruptions():
            self._faults += 1
            network.at(fault.at, self._disrupt, fault)
        network.run(lambda: not self._going and not self._faults)
        if any(server.ledger.held for server in network.servers.values()):
            network.run(lambda: False, network.now + plan.within + SECOND)
        for name, server in network.servers.items():
            network.journals[name].extend(server.stop(network.now).records)
        self._tell("end")
        return [
            Journal("runner.jsonl", self._told),
            *(Journal(f"server-{name}.jsonl", records) for name, records in network.journals.items()),
            *(
                Journal(client_journal(name, life), world.records)
                for name, worlds in self._lives.items()
                for life, world in enumerate(worlds, 1)
            ),
        ]

    def _start(self, name: str, address: str, at: int) -> None:
        world = ClientWorld(self._network, name, address)
        self._lives[name].append(world)
        self._going.add(world)
        self._network.at(at, world.happen, world.start, self._play(world, self._orders[name]))
        self._tell("spawn", client=name)

    async def _play(self, world: ClientWorld, client: dict[str, Any]) -> None:
        await Machine(world, client).run()
        self._done.add(world)
        self._going.discard(world)

    def _disrupt(self, fault: Disruption) -> None:
        self._faults -= 1
        name = fault.client
        world = self._lives[name][-1]
        self._tell("fault", what=fault.verb, client=name, **fault.as_json())
        match fault.verb:
            case "freeze":
                world.freeze()
                self._going.discard(world)  # unless it is thawed it has come to its end
            case "thaw":
                world.thaw()
                self._going |= {world} - self._done
            case "process-killed":
                self._ended(world, fault, world.kill)
            case "power-off":
                self._ended(world, fault, world.power_off)
            case "restart":
                self._ended(world, fault, world.power_off)
                life = len(self._lives[name])
                number = list(self._orders).index(name) + 1
                new = f"10.{128 + (life - 1) % 127}.{number >> 8 & 255}.{number & 255}"
                self._start(name, new if fault.arguments["address"] == "new" else world.address, self._network.now)
            case "cut":
                world.cable.cut()
            case "heal":
                world.cable.heal()
            case "delay":
                world.cable.delay = fault.arguments["by"]
            case "loss":
                world.cable.loss = fault.arguments["percent"] / 100

    def _ended(self, world: ClientWorld, fault: Disruption, end: Callable[[], None]) -> None:
        if world.on:
            end()
            self._going.discard(world)
            self._tell("exit", client=world.name, code=None, cause=fault.verb)

    def _tell(self, event: str, **fields: Any) -> None:
        self._told.append(Record(self._network.now, "runner", event, fields))


def run(plan: Plan) -> list[Journal]:
    """Carry *plan* out. Returns the journals of the runner, the servers and the clients."""
    return Run(plan).carry_out()


def client_journal(name: str, life: int) -> str:
    """The name of a client's journal. A machine that starts again begins another: its clock is at 0 again."""
    return f"client-{name}.jsonl" if life == 1 else f"client-{name}+{life}.jsonl"
