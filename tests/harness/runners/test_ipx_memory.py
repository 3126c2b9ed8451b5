"""IPX on memory: a wire with servers and workstations, its faults, and the watchdog to the microsecond."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fakenw.core.peer import IPX
from fakenw.journal.record import SECOND, Journal, Record
from fakenw.wire.ipx.frames import FrameType, decode_frame
from fakenw.wire.ipx.packet import decode_ipx
from harness.client.workstation import TRY, Requester
from harness.judge.history import RunHistory
from harness.judge.verdict import judge
from harness.runners import memory
from harness.runners.memory import MemoryRun
from harness.runners.memory_clients import ClientWorld
from harness.runners.memory_network import Network
from harness.scenario.catalogue import find
from harness.scenario.scenario import Change
from harness.scenario.settings import ServerSpec
from tests.harness.memory_run import OPEN_PATH, WORK, events, planned, played

GIVES_UP = 889_792_108  # microseconds: 16,200 ticks of the PC's clock, 18.2065 a second
DAY = 86_400 * SECOND
STATION = "ipx:00000102:02000A000001:4003"


def server_lines(journals: dict[str, Journal], *wanted: str) -> list[Record]:
    return [record for record in journals["server-FAKENW.jsonl"].records if record.event in wanted]


def test_a_client_at_work() -> None:
    """It finds the server, and its station is of the wire's network in 802.2, in its journal and the server's."""
    run, verdict, _ = played([], "ipx")
    (history,) = run.histories
    assert (verdict.verdict, verdict.problems) == ("released", [])
    assert (history.station, history.client and history.client.name) == (STATION, "ws")


def test_nothing_is_dropped_and_no_number_is_another_servers() -> None:
    """Two servers on one wire, with one number for each network of it; a client that uses both."""
    clients = [
        {"name": f"ws{n}", "script": [{"nal.open": {"path": OPEN_PATH.replace("FAKENW", server), "owner": "A"}}]}
        for n, server in enumerate(("FAKENW", "OTHER"), 1)
    ]
    faults = [{"wait": "1m"}, {"server-down": "OTHER"}, {"wait": "1m"}, {"server-up": "OTHER"}]
    run = MemoryRun(planned(faults, "ipx", clients=clients, servers=[{"name": "FAKENW"}, {"name": "OTHER"}]))
    run.carry_out()
    stacks = [host.stack for host in run.network.hosts.values()]
    assert [stack.conflicts for stack in stacks if stack] == [[], []]
    assert [dict(stack.dropped) for stack in stacks if stack] == [{}, {}]


def test_stations_of_a_machine() -> None:
    """Each connection has a socket, and the two behind it are those of its watchdog and of its messages."""
    script = [{"nal.open": {"path": OPEN_PATH, "owner": "A"}}, {"user.logon": {"server": "FAKENW"}}]
    clients = [{"name": name, "script": [*WORK, *WORK]} for name in ("ws", "other")]
    run, _, _ = played([], "ipx", script, clients=clients)
    stations = {(history.client.name if history.client else "", history.station) for history in run.histories}
    assert stations == {
        (name, f"ipx:00000102:02000A00000{number}:{socket:04X}")
        for number, name in enumerate(("ws", "other"), 1)
        for socket in (0x4003, 0x4006)
    }


def test_each_frame_type_is_a_network_of_its_own() -> None:
    """One server serves all four at once."""
    clients = [{"name": f"ws{n}", "script": WORK, "frame": frame.value} for n, frame in enumerate(FrameType)]
    run, verdict, _ = played([], "ipx", clients=clients, servers=[{"name": "FAKENW", "licenses": 4}])
    assert verdict.verdict == "released"
    assert {history.station[:12] for history in run.histories} == {f"ipx:0000010{n}" for n in range(4)}


# The watchdog


def test_a_silent_station_is_cleared_at_its_tick() -> None:
    """16,200 ticks after its last packet, neither sooner nor later."""
    run, verdict, _ = played([{"wait": "1m"}, {"power-off": "ws"}], "ipx", checks=[{"released": {"within": "30m"}}])
    (history,) = run.histories
    assert (verdict.verdict, history.cause) == ("reclaimed", "watchdog")
    assert history.ended == history.last_request + GIVES_UP


def test_a_station_that_answers_is_never_cleared() -> None:
    """Its requester does, from the socket that was asked, whatever the program above it does: for a month."""
    run, verdict, _ = played([], "ipx", [*WORK[:2], {"wait": "30d"}])
    (history,) = run.histories
    assert (verdict.verdict, history.ended, history.server_lines("watchdog")) == ("leaked", None, [])
    assert history.server.end >= 30 * DAY


class Stations:
    """A machine with many connections to one server."""

    def __init__(self, count: int) -> None:
        self.network = Network(Random(1), ipx=True)
        self.network.add_server(ServerSpec(name="FAKENW", licenses=1000, connections=1000), 1, SECOND)
        self.world = ClientWorld(self.network, "ws", "10.0.0.1")
        self.requesters = [Requester(self.world, "FAKENW", IPX) for _ in range(count)]
        self.world.start(self._attach())
        self.network.clock.run(lambda: self.requesters[-1].number == count)

    async def _attach(self) -> None:
        for requester in self.requesters:
            await requester.create()

    def after(self, duration: int) -> list[int]:
        """The numbers of the connections that are left then."""
        self.network.clock.run(lambda: False, self.network.clock.time + duration)
        return sorted(c.number for c in self.network.hosts["FAKENW"].server.table.by_serial.values())


def test_connections_of_one_node_with_the_same_low_byte() -> None:
    """A query has one byte of the number: 1 and 257 are told apart by their sockets."""
    stations = Stations(300)
    assert stations.after(1000 * SECOND) == [*range(1, 301)]
    stations.requesters[256].close()  # the socket is closed, and nothing is sent
    assert stations.after(1000 * SECOND) == [*range(1, 257), *range(258, 301)]


# Captures


def captured(folder: Path, faults: list[Any], **more: Any) -> Path:
    """The capture of a run, whose journals are those of the run without one."""
    plan, path = planned(faults, "ipx", **more), folder / "capture.pcap"
    with path.open("wb") as file:
        journals = memory.run(plan, file)
    assert journals == memory.run(plan)
    return path


def test_what_the_wire_carried_is_captured(tmp_path: Path) -> None:
    """Ethernet; each frame once, though two servers hear each question; nothing that a server that is down missed."""
    servers = [{"name": "FAKENW"}, {"name": "OTHER"}]
    faults = [{"wait": "10m"}, {"server-down": "FAKENW"}]
    data = captured(tmp_path, faults, servers=servers, script=[{"wait": "1m"}, *WORK]).read_bytes()
    assert struct.unpack_from("<I", data, 20) == (1,)  # LINKTYPE_ETHERNET
    at, packets = 24, []
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        frame = decode_frame(data[at + 16 : at + 16 + length])
        assert frame is not None
        packets.append(decode_ipx(frame.packet))
        at += 16 + length
    started, looking = packets[:16], packets[16:]
    assert [packet.destination.socket for packet in started] == [0x0453, 0x0452] * 8
    asked = [(packet.source.node[-1], packet.destination.socket) for packet in looking[:7]]
    assert sorted(asked[1:3]) == [(1, 0x4003), (2, 0x4003)]  # both servers answer SAP, and one answers RIP
    assert [asked[0], *asked[3:]] == [(1, 0x0452), (1, 0x0453), (1, 0x4003), (1, 0x0451), (1, 0x4003)]
    gone = [packet for packet in packets if packet.data.endswith((b"\0\x10", b"\0\x10\0\2"))]
    assert len(gone) == 2 * 2 * 4  # RIP and SAP of both servers, in each frame type
    assert not any(packet.destination.socket == 0x0451 for packet in packets[packets.index(gone[0]) :])


@pytest.mark.tshark
def test_wireshark_reads_the_capture(tmp_path: Path) -> None:
    """All of it is what it should be, and nothing is malformed."""
    read = subprocess.run(["tshark", "-r", captured(tmp_path, [])], capture_output=True, text=True, timeout=60)
    for what in ("IPX SAP", "IPX RIP", "C Create Connection Service", "C Keyed Object Login", "Poll inactive station"):
        assert what in read.stdout
    assert "Malformed" not in read.stdout


# Faults of the wire


@pytest.mark.parametrize("packets", [1, 2])
def test_a_lookup_with_lost_answers(packets: int) -> None:
    """The requester's own repetition asks again, every three seconds."""
    _, verdict, journals = played([{"drop": {"client": "ws", "packets": packets, "way": "in"}}], "ipx")
    (created,) = server_lines(journals, "create")
    assert verdict.verdict == "released"
    assert packets * 3 * SECOND < created.t < packets * 3 * SECOND + SECOND // 10


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_five_percent_lost_each_way(seed: int) -> None:
    """The same verdicts of all variants, later, and as many connections are left as without the loss."""
    lossy = Change.model_validate({"faults": [{"loss": {"client": "workstation", "percent": 5, "way": "both"}}]})
    scenario, sent_again = find("Q257223"), 0
    for calm, plan in zip(
        scenario.plans("ipx", seed=seed), scenario.plans("ipx", seed=seed, change=lossy), strict=True
    ):
        runs = [RunHistory.of(memory.run(each)) for each in (calm, plan)]
        for run in runs:
            verdict = judge(run)
            assert (verdict.verdict, verdict.problems) == (plan.expect, []), (plan.variant, verdict.reason)
        left, left_with_loss = ([history.ended for history in run.histories].count(None) for run in runs)
        assert left == left_with_loss, plan.variant
        sent_again += sum(run.servers[0].end for run in runs[1:]) > runs[0].servers[0].end + TRY - SECOND
    assert sent_again > 0, "nothing was lost"


def test_a_machine_that_boots_takes_its_own_place() -> None:
    """The same node and socket: the create that comes again ends the old connection, and reuses its number."""
    _, _, journals = played([{"wait": "5m"}, {"restart": "ws"}], "ipx")
    creates = server_lines(journals, "create")
    assert [(line["station"], line["connection"], line.get("again")) for line in creates] == [
        (STATION, 1, None),
        (STATION, 1, True),
    ]
    (ended, _) = server_lines(journals, "close")
    assert ended["cause"] == "reinitialize"


def test_a_machine_with_another_card_is_another_station() -> None:
    """Its old connection stays, until the watchdog ends it."""
    faults: list[Any] = [{"wait": "5m"}, {"restart": {"client": "ws", "address": "new"}}]
    run, _, _ = played(faults, "ipx", checks=[{"released": {"within": "30m"}}])
    assert [(history.station, history.cause) for history in run.histories] == [
        (STATION, "watchdog"),
        ("ipx:00000102:02000A800001:4003", "destroy"),
    ]


def test_a_server_that_starts_again_is_found_again() -> None:
    """The client's connection is gone, as it hears at its next request, and another one is made."""
    script = [*WORK, *WORK]
    run, _, journals = played(
        [{"wait": "5m"}, {"server-down": "FAKENW"}, {"wait": "1m"}, {"server-up": "FAKENW"}], "ipx", script
    )
    (failed,) = events(journals["client-ws.jsonl"], "work-failed")
    assert failed["reason"] == "gone"
    assert [(history.station, history.cause) for history in run.histories] == [
        (STATION, "server-down"),
        (STATION.replace("4003", "4006"), "destroy"),
    ]


def test_clients_of_several_transports() -> None:
    clients = [{"name": kind, "script": WORK, "transport": kind} for kind in ("udp", "tcp", "ipx")]
    run, verdict, _ = played([], "udp", clients=clients)
    assert verdict.verdict == "released"
    assert {history.client.name for history in run.histories if history.client} == {"udp", "tcp", "ipx"}
    assert {history.transport for history in run.histories} == {"udp", "tcp", "ipx"}
