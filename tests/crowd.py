"""Many stations at one server, made in a moment: for a page that must show them."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from fakenw.server_process import ServerProcess
from fakenw.wire import packet as ncp
from fakenw.wire.packet import RequestPacket, decode_reply
from fakenw.wire.requests.server import GetServerTime
from tests.fakenw.administered_server import Client, Served

HOSTS = 200  # of 127.0.1.0/24, each with a station at the same port


def attach(server: ServerProcess, count: int, port: int = 20_000, timeout: float = 30) -> None:
    """*count* stations attach over UDP, each from an address of its own, and say nothing more."""
    packet = RequestPacket(ncp.CREATE, 0, ncp.NO_CONNECTION, 1, 0, b"").encode()
    for number in range(count):
        with socket.socket(type=socket.SOCK_DGRAM) as station:
            station.settimeout(timeout)
            station.bind((f"127.0.1.{number % HOSTS + 1}", port + number // HOSTS))
            station.connect(server.addresses["udp"])  # so that a server that has gone is an error, not a silence
            station.send(packet)
            assert decode_reply(station.recv(1024)).completion == 0


class Crowd:
    """Clients over TCP, which the watchdog does not ask: the clock may be advanced behind them."""

    def __init__(self, served: Served) -> None:
        self.clients: list[Client] = []
        self._served = served

    def join(self, users: Sequence[str]) -> list[Client]:
        """A client of each of these users logs in, from an address of its own."""
        first = len(self.clients)
        hosts = [f"127.0.{1 + number // HOSTS}.{number % HOSTS + 1}" for number in range(first, first + len(users))]
        joined = [Client(self._served, "tcp", user, host=host) for user, host in zip(users, hosts, strict=True)]
        self.clients += joined
        return joined

    def leave(self, clients: Sequence[Client]) -> None:
        for client in clients:
            client.close()
            self.clients.remove(client)

    def refused(self, count: int, user: str) -> None:
        """So many clients find no license."""
        for _ in range(count):
            try:
                Client(self._served, "tcp", user).close()
            except AssertionError:
                continue
            raise AssertionError("a license was free")

    def work(self, clients: Sequence[Client]) -> None:
        """Each of these makes a request."""
        for client in clients:
            client.call(GetServerTime())

    def close(self) -> None:
        for client in self.clients:
            client.close()
