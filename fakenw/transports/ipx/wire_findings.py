"""Why does a client not come in? Findings from what was seen on a wire, each a sentence with the frames that show it.

Rules of this file:

* A client goes from a query to an answer, then to a RIP request and its answer, then to a create and its reply (ipx.md
  1). What is told of a client that is not in is the first of these steps that fails.
* A finding that is not ``serious`` hinders no client.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from fakenw.transports.ipx.wire_log import NOWHERE, Entrance, Newcomer, Sighting, WireLog
from fakenw.wire.ipx import sap
from fakenw.wire.ipx.frames import FrameType
from fakenw.wire.ipx.packet import SERVER_NODE
from fakenw.wire.packet import Code

REPEATED = 3  # times; one query more than a lost packet explains
MOST_NAMED = 5  # things in one sentence
PATIENCE = 0.1  # seconds that libncp waits for an answer of SAP
_REASONS: dict[int, str] = {
    Code.TABLE_FULL: "no license or no slot of the connection table is free",
    Code.NO_LICENSE: "no license is free",
    Code.FAILURE: "the server is down, or refuses connections",
}


class WireFinding(NamedTuple):
    """``kind`` is for programs, ``text`` a sentence; ``frames`` are numbers."""

    kind: str
    text: str
    frames: tuple[int, ...]
    serious: bool = True


def findings(log: WireLog) -> list[WireFinding]:
    """Of the wire, then of each client."""
    found = [*_of_the_wire(log), *(one for client in log.clients() for one in _of_client(log, client))]
    if not log.packets:
        text = f"{_times(log.frames, 'frame')} there, and none has an IPX packet" if log.frames else "no frame was seen"
        found.append(WireFinding("no-ipx", text, ()))
    elif not log.clients():
        found.append(WireFinding("no-client", "no client asks for a server, by SAP, RIP or a create", ()))
    return found


def dotted(node: bytes) -> str:
    return node.hex(":")


def _finding(kind: str, text: str, frames: Iterable[Sighting | int], *, serious: bool = True) -> WireFinding:
    numbers = {one if isinstance(one, int) else one.number for one in frames}
    return WireFinding(kind, text, tuple(sorted(numbers)), serious)


def _flat(lists: Iterable[list[int]]) -> list[int]:
    return [number for numbers in lists for number in numbers]


# The wire


def _of_the_wire(log: WireLog) -> Iterator[WireFinding]:
    yield from _numbers(log)
    for (name, kind), where in log.services.items():
        networks = {address[:2] for address in where}
        if kind == sap.FILE_SERVER and len(networks) > 1 and not any(network == 0 for network, _ in networks):
            told = _listed(f"{network:08X}:{node.hex().upper()}" for network, node in sorted(networks))
            yield _finding("name-twice", f"two servers are called {name}: {told}", _flat(where.values()))
    for network, names in _file_servers_by_network(log).items():
        nodes = log.internal.get(network, NOWHERE)
        apart = [node for node in nodes if log.names.get(node)]
        if len(names) > 1 or len({frozenset(log.names[node]) for node in apart}) > 1:
            called = _listed(sorted({*names, *(name for node in apart for name in log.names[node])}))
            frames = _flat([*names.values(), *(nodes[node] for node in apart)])
            yield _finding("internal-network-twice", f"{called} have one internal network, {network:08X}", frames)
    if log.bridged:
        text = (
            f"{_times(len(log.bridged), 'frame')} of an ipxbox bridge, with checksum 0000 and 127 hops: "
            "Linux clients drop them"
        )
        yield _finding("bridged", text, log.bridged)
    if log.cut:
        text = (
            f"{_times(len(log.cut), 'SAP packet')} cut short: clients take them for malformed. The network card that "
            "is emulated does that (older NE2000 of 86Box), or the capture has a small snapshot length"
        )
        yield _finding("cut-short", text, log.cut)
    yield from _trees(log)


def _file_servers_by_network(log: WireLog) -> dict[int, dict[str, list[int]]]:
    found: dict[int, dict[str, list[int]]] = {}
    for (name, kind), where in log.services.items():
        for address, numbers in where.items():
            if kind == sap.FILE_SERVER and address.network and address.node == SERVER_NODE:
                found.setdefault(address.network, {}).setdefault(name, []).extend(numbers)
    return found


def _numbers(log: WireLog) -> Iterator[WireFinding]:
    """A wire has one network number in a frame type."""
    for kind, networks in log.wires.items():
        if len(networks) > 1:
            told = _listed(f"{network:08X} by {_listed(map(dotted, nodes))}" for network, nodes in networks.items())
            frames = _flat(numbers for nodes in networks.values() for numbers in nodes.values())
            yield _finding("wire-network", f"servers have different numbers for the {kind.value} wire: {told}", frames)


def _trees(log: WireLog) -> Iterator[WireFinding]:
    for (name, kind), where in log.services.items():
        refused = [
            number
            for number, server in log.no_nds
            if kind == sap.TREE and any(server[:2] == known[:2] for known in where)
        ]
        if refused:
            frames = [numbers[0] for numbers in where.values()] + refused
            text = f"the tree {name.rstrip('_')} is announced, but its server refuses NDS: VLM and Client 32 prefer it"
            yield _finding("tree-not-served", text, frames)


# A client


def _of_client(log: WireLog, client: Newcomer) -> Iterator[WireFinding]:
    node, in_now = dotted(client.node), False
    for station in _by_station(client.entrances):
        entrance = next((one for one in station if one.admitted), station[-1])
        if entrance.admitted:
            in_now = True
        else:
            yield _entrance(log, client, entrance, [one.create for one in station])
    yield from _welcome(log, client)
    if client.inside:
        in_now = True
        yield _finding(
            "was-in", f"{node} has a connection from before the first frame", client.inside[:1], serious=False
        )
    if len(client.watched) > 1:
        text = f"{node} does not answer the watchdog: its connection will be cleared"
        yield _finding("watchdog-unanswered", text, client.watched)
    yield from _repeats(client, serious=not (in_now or client.entrances))
    if not (in_now or client.entrances):
        yield _waiting(log, client)


def _by_station(entrances: list[Entrance]) -> list[list[Entrance]]:
    """The creates of each socket for each server: a client repeats one that is not answered."""
    stations: dict[object, list[Entrance]] = {}
    for one in entrances:
        packet = one.create.packet
        stations.setdefault((packet.source, packet.destination), []).append(one)
    return list(stations.values())


def _welcome(log: WireLog, client: Newcomer) -> Iterator[WireFinding]:
    """One sentence for each server; of several connections the numbers."""
    servers: dict[str, list[Entrance]] = {}
    for one in client.entrances:
        if one.admitted:
            servers.setdefault(log.server(one.create.packet.destination), []).append(one)
    for server, entrances in servers.items():
        numbers = sorted({one.said.connection for one in entrances if one.said is not None})
        kinds = _types(sorted({one.create.type for one in entrances}, key=list(FrameType).index))
        as_connection = f"connection {numbers[0]}" if len(numbers) == 1 else f"connections {_listed(numbers)}"
        frames = [seen for one in entrances for seen in (one.create, one.reply) if seen is not None]
        text = f"all is well: {dotted(client.node)} came in as {as_connection} of {server}, in {kinds}"
        yield _finding("came-in", text, frames, serious=False)


def _entrance(log: WireLog, client: Newcomer, entrance: Entrance, creates: list[Sighting]) -> WireFinding:
    """A create that was refused, or not answered."""
    node, create = dotted(client.node), entrance.create
    to, server = create.packet.destination, log.server(create.packet.destination)
    if entrance.said is not None and entrance.reply is not None:
        code = entrance.said.completion
        reason = _REASONS.get(code, "the server gives no other reason")
        text = f"{server} refuses a connection to {node} with 0x{code:02X}: {reason}"
        return _finding("create-refused", text, [create, entrance.reply])
    servers = {address for (_, kind), where in log.services.items() if kind == sap.FILE_SERVER for address in where}
    here = any(to.network in networks for networks in log.wires.values()) and to.node in log.speakers
    if servers and to[:2] not in {address[:2] for address in servers} and not here:
        known = _listed(f"{log.server(address)} is at {address}" for address in sorted(servers))
        text = f"{node} asks for a connection at {to}, where no server was announced: {known}"
        return _finding("create-elsewhere", text, creates)
    router = next((seen.sender for seen, _ in reversed(client.told) if seen.number < create.number), None)
    away = ""
    if router is not None and router != create.target:
        away = f"; its frame goes to {dotted(create.target)}, but {dotted(router)} told the route"
    return _finding("create-unanswered", f"{node} asks {server} for a connection, which is not answered{away}", creates)


def _waiting(log: WireLog, client: Newcomer) -> WireFinding:
    """Why a client that has sent no create goes no further."""
    node = dotted(client.node)
    if client.routes:
        first, asked = client.routes[0]
        answers = [seen for seen, _ in client.told if seen.number > first.number]
        requests = [seen for seen, _ in client.routes]
        wanted = _listed(f"{reach.network:08X}" for reach in asked.networks)
        if not answers:
            text = f"{node} asks by RIP for the way to network {wanted}, and no server or router answers"
            return _finding("rip-unanswered", text, requests)
        text = (
            f"{node} is told the way to network {wanted} by {dotted(answers[-1].sender)}, and sends no create: "
            "the answer does not arrive, or its network or router is wrong"
        )
        return _finding("rip-without-create", text, [*requests, *answers])
    answered = [seen for seen, _ in client.answers] + client.probed
    if answered:
        tunnel = any(service.address.network == 0 for _, said in client.answers for service in said.services)
        text = (
            f"{node} is told of a server, and sends no {'create' if tunnel else 'RIP request'}: "
            "the answer does not arrive there, or the capture ends too early"
        )
        return _finding("answer-lost", text, [*client.asked, *answered])
    return _unheard(log, client)


def _unheard(log: WireLog, client: Newcomer) -> WireFinding:
    """A client whose queries get no answer."""
    node, asked = dotted(client.node), client.asked
    own = list(dict.fromkeys(seen.type for seen in asked))
    others = [kind for kind in log.speaking if kind not in own]
    if others and len(others) == len(log.speaking):
        text = f"{node} asks in {_types(own)}, while servers are heard in {_types(others)}: both need one frame type"
        return _finding("frame-type", text, [*asked, *(log.speaking[kind][0] for kind in others)])
    for seen in asked:
        told = log.wires.get(seen.type, {})
        mine = seen.packet.source.network
        if mine and told and mine not in told:
            theirs = _listed(f"{network:08X}" for network in told)
            text = (
                f"{node} has the number {mine:08X} for the {seen.type.value} wire, servers have {theirs}: "
                "0 on the client lets it learn the number"
            )
            frames = _flat(numbers[:1] for nodes in told.values() for numbers in nodes.values())
            return _finding("client-network", text, [seen, *frames])
    heard = sorted({name for (name, kind) in log.services if kind == sap.FILE_SERVER})
    text = f"{node} asks for a server in {_types(own)}, and gets no answer"
    if heard:
        text += f", though {_listed(heard)} can be heard: nearest-server replies are off, or the query does not arrive"
    return _finding("query-unanswered", text, asked)


def _repeats(client: Newcomer, *, serious: bool) -> Iterator[WireFinding]:
    """A query that comes again and again, with no other step between; told once for each query."""
    node, told = dotted(client.node), set()
    steps: list[tuple[Sighting, sap.SapQuery | None]] = [*client.queries, *((seen, None) for seen, _ in client.routes)]
    steps += [(one.create, None) for one in client.entrances]
    steps.sort(key=lambda step: step[0].number)
    for (kind, query), group in groupby(steps, key=lambda step: (step[0].type, step[1])):
        seen = [sighting for sighting, _ in group]
        if query is None or len(seen) < REPEATED or (kind, query) in told:
            continue
        told.add((kind, query))
        first, last = seen[0], seen[-1]
        answers = [one for one, _ in client.answers if one.number > first.number and one.type is kind]
        answers = [one for one in answers if one.number < last.number] or answers[:1]
        what = f"{node} repeats a {_query(query)} query, {len(seen)} in {last.time - first.time:.1f} s"
        if query.operation == sap.SPECIFIC_QUERY and not any(one.number < last.number for one in answers):
            text, frames = f"{what}: no server knows this operation, and the client asks otherwise then", seen
        elif not answers:
            continue  # told as unanswered
        elif answers[0].time - first.time > PATIENCE:
            text = f"{what}: the first answer comes after {answers[0].time - first.time:.2f} s, and libncp waits 0.1 s"
            frames = [*seen, answers[0]]
        else:
            text = f"{what}, though it is answered: the answers do not arrive, or too late"
            frames = [*seen, *answers]
        yield _finding("repeated", text, frames, serious=serious)


def _query(query: sap.SapQuery) -> str:
    return {sap.GENERAL_QUERY: "general", sap.NEAREST_QUERY: "nearest"}.get(query.operation, "specific")


def _types(kinds: Iterable[FrameType]) -> str:
    return _listed([kind.value for kind in kinds])


def _listed(things: Iterable[object]) -> str:
    every = list(map(str, things))
    *first, last = (
        every if len(every) <= MOST_NAMED else [*every[: MOST_NAMED - 1], f"{len(every) - MOST_NAMED + 1} more"]
    )
    return f"{', '.join(first)} and {last}" if first else last


def _times(count: int, what: str) -> str:
    return f"{count} {what} is" if count == 1 else f"{count} {what}s are"
