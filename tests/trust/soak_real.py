"""Minutes of churn over TCP and UDP against a real ``fakenw serve``."""

from __future__ import annotations

import asyncio
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from fakenw.health import Address
from fakenw.server_process import ServerProcess
from fakenw.wire import packet as ncp
from fakenw.wire.framing import TNCP, Deframer, frame_request
from fakenw.wire.packet import ReplyPacket, WatchdogPacket, decode_reply
from tests.trust.slopes import Bound, Series
from tests.trust.soak_audit import audit_file
from tests.trust.soak_station import USERS, Ask, Boot, Life, Rest, life, stay

SPEED = 60  # times as fast: a silent station is cleared after 15 seconds
PAUSE = 120.0  # seconds of the server's time
HOLDERS = 8  # stations that keep their license to the end, in turn over TCP and UDP
KEPT = 100_000  # lines in the server's memory for readers of the administration; until then it must grow
REPLY_WITHIN = 5.0
SETTLED_WITHIN = 120.0

BOUNDS = {  # per hour; beyond connections, since their number varies
    "RSS, MB": Bound(8, 4),
    "descriptors beyond TCP": Bound(10, 20),
    "routes beyond connections": Bound(10, 20),
    "timers beyond connections": Bound(10, 20),
}


class Ports(asyncio.Protocol, asyncio.DatagramProtocol):
    """A station's socket, over either transport: replies by their sequence; the watchdog is answered."""

    def __init__(self, framed: bool) -> None:
        self.framed, self.answers, self.ended = framed, True, False
        self.transport: Any = None
        self._deframer = Deframer(TNCP)
        self._awaited: tuple[int, asyncio.Future[ReplyPacket | None]] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        for packet in self._deframer.feed(data):
            self.datagram_received(packet, None)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        kind = ncp.packet_type(data)
        if kind == ncp.WATCHDOG and self.answers:
            self.transport.sendto(WatchdogPacket(ncp.decode_watchdog(data).connection, b"Y").encode())
        elif kind == ncp.REPLY and self._awaited is not None:
            reply = decode_reply(data)
            if reply.sequence == self._awaited[0] and not self._awaited[1].done():
                self._awaited[1].set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        if self._awaited is not None and not self._awaited[1].done():
            self._awaited[1].set_result(None)

    def error_received(self, exc: Exception) -> None:
        """The socket is closed."""

    async def ask(self, step: Ask) -> ReplyPacket | None:
        """The reply; None where none came."""
        data = step.packet.encode()
        for _ in range(1 if self.framed else 3):
            if self.ended:
                return None
            self._awaited = step.packet.sequence, asyncio.get_running_loop().create_future()
            if self.framed:
                self.transport.write(frame_request(data))
            else:
                for _ in range(step.times + step.lost):
                    self.transport.sendto(data)
            with suppress(TimeoutError):  # not wait_for, which loses a cancellation that comes with the reply
                async with asyncio.timeout(REPLY_WITHIN):
                    return await self._awaited[1]
        return None


class RealStation:
    """Carries out a life over real sockets."""

    def __init__(self, steps: Life, addresses: dict[str, Address], transport: str) -> None:
        self._steps, self._to, self._framed = steps, addresses[transport], transport == "tcp"
        self._port: Ports | None = None
        self._silent: Ports | None = None  # a socket that its machine has forgotten, and whose end the server waits for

    async def run(self) -> None:
        reply: ReplyPacket | None = None
        while True:
            step, reply = self._steps.send(reply), None
            if isinstance(step, Rest):
                if self._port is not None:
                    self._port.answers = step.answers
                await asyncio.sleep(step.seconds / SPEED)
            elif isinstance(step, Ask):
                assert self._port is not None
                self._port.answers = True
                reply = await self._port.ask(step)
            else:
                await self._boot(step)

    async def _boot(self, step: Boot) -> None:
        self._close(self._silent)
        self._silent = None
        if step.silently:
            self._silent = self._port
        else:
            self._close(self._port)
        loop, framed = asyncio.get_running_loop(), self._framed

        def make() -> Any:
            return Ports(framed)

        if framed:
            _, self._port = await loop.create_connection(make, *self._to)
        else:
            _, self._port = await loop.create_datagram_endpoint(make, remote_addr=self._to)

    def sockets(self) -> int:
        """The TCP sockets that are open."""
        return sum(self._framed and port is not None and not port.ended for port in (self._port, self._silent))

    def close(self) -> None:
        for port in (self._port, self._silent):
            self._close(port)

    def _close(self, port: Ports | None) -> None:
        if port is not None:
            port.transport.close()


class Watched:
    """A server's figures."""

    def __init__(self, server: ServerProcess, journal: Path) -> None:
        self._server, self._journal = server, journal
        self._read = self.lines = 0

    def metrics(self) -> dict[str, float]:
        with urllib.request.urlopen(f"{self._server.admin}/metrics", timeout=30) as response:
            text = response.read().decode()
        found = re.findall(r"^(fakenw_[^ ]+) ([0-9.e+-]+)$", text, re.MULTILINE)
        return {name: float(value) for name, value in found}

    def figures(self, sockets: int) -> dict[str, float]:
        found, process = self.metrics(), Path(f"/proc/{self._server.process.pid}")
        rss = int(re.search(r"VmRSS:\s+(\d+)", (process / "status").read_text())[1])  # type: ignore[index]
        connections = connected(found)
        with self._journal.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        self._read, self.lines = self._read + len(data), self.lines + data.count(b"\n")
        return {
            "RSS, MB": rss / 1024,
            "descriptors beyond TCP": len(list((process / "fd").iterdir())) - sockets,
            "routes beyond connections": found["fakenw_routes"] - connections,
            "timers beyond connections": found["fakenw_deadlines"] - connections,
            "connections": connections,
            "licenses held": found["fakenw_licenses_held"],
            "journal lines": self.lines,
        }


def connected(metrics: dict[str, float]) -> float:
    return sum(value for name, value in metrics.items() if name.startswith("fakenw_connections{"))


def soak(minutes: float, stations: int, seed: int, folder: Path, say: Callable[[str], None]) -> Iterator[str]:
    """Churn for so long. Yields a sentence for each finding."""
    journal = folder / "soak.jsonl"
    users = [word for n in range(USERS) for word in ("--user", f"U{n}")]
    options = ["--listen", "tcp:127.0.0.1:0", "--listen", "udp:127.0.0.1:0", "--admin", "127.0.0.1:0"]
    options += ["--licenses", str(HOLDERS + stations // 2), "--speed", str(SPEED), "--journal", str(journal), *users]
    with ServerProcess(*options, log=folder / "server.log") as server:
        series, found = asyncio.run(_churn(server, journal, minutes, stations, seed, say))
        ended = server.process
        server.stop()
    yield from found
    yield from series.findings()
    for line in series.table("hour"):
        say(line)
    if ended.returncode:
        yield f"the server ended with the code {ended.returncode}"
    say("auditing the journal")
    audit = audit_file(journal)
    yield from audit.problems
    if audit.holders != HOLDERS:
        yield f"the journal's last line has {audit.holders} holders; expected {HOLDERS}"
    say(f"{audit.lines:,} lines, {audit.grants:,} grants, {audit.releases}")


async def _churn(
    server: ServerProcess, journal: Path, minutes: float, stations: int, seed: int, say: Callable[[str], None]
) -> tuple[Series, list[str]]:
    watched, found = Watched(server, journal), list[str]()
    holding = [RealStation(stay("U0"), server.addresses, ("tcp", "udp")[n % 2]) for n in range(HOLDERS)]
    tasks = [asyncio.ensure_future(station.run()) for station in holding]
    while watched.metrics()["fakenw_licenses_held"] < HOLDERS:
        await asyncio.sleep(0.05)
    churning = [
        RealStation(life(Random(f"{seed}/{n}"), f"T{n:04}", PAUSE), server.addresses, ("tcp", "udp")[n % 2])
        for n in range(stations)
    ]
    tasks += [asyncio.ensure_future(station.run()) for station in churning]
    begun, series, count = time.monotonic(), Series(BOUNDS), 0
    until, every = begun + minutes * 60, max(0.5, min(5.0, minutes * 60 / 40))
    while (now := time.monotonic()) < until:
        await asyncio.sleep(every)
        figures = watched.figures(sum(station.sockets() for station in holding + churning))
        warm = now - begun > minutes * 60 * 0.3 and (watched.lines > KEPT or minutes < 5)
        if warm:
            series.add((now - begun) / 3600, figures)
        if (count := count + 1) % 12 == 0:
            told = ", ".join(f"{name} {value:,.0f}" for name, value in figures.items())
            say(f"{(now - begun) / 60:5.1f} min: {told}")
        found += [f"a station ended: {task.exception()!r}" for task in tasks if task.done() and not task.cancelled()]
        if found:
            break
    if minutes < 5:  # the lines that the administration keeps are still becoming more
        series.bounds = {name: bound for name, bound in BOUNDS.items() if name != "RSS, MB"}
    for task in tasks[HOLDERS:]:
        task.cancel()
    await asyncio.gather(*tasks[HOLDERS:], return_exceptions=True)
    for station in churning:
        station.close()
    until = time.monotonic() + SETTLED_WITHIN
    while (left := connected(watched.metrics())) > HOLDERS and time.monotonic() < until:
        await asyncio.sleep(0.2)
    metrics = watched.metrics()
    held, routes = metrics["fakenw_licenses_held"], metrics["fakenw_routes"]
    say(f"after the last of the others: {left:g} connections, {held:g} licenses held, {routes:g} routes")
    found += [
        f"{name}: {value:g} at the end; expected {HOLDERS}"
        for name, value in (("connections", left), ("licenses held", held), ("routes", routes))
        if value != HOLDERS
    ]
    for task in tasks:
        task.cancel()
    server.send_signal(15)  # while the holders are still there
    while server.code() is None:
        await asyncio.sleep(0.05)
    for station in holding:
        station.close()
    return series, found
