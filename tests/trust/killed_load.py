"""Stations that load a server until it is killed, and remember what it has acknowledged."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from random import Random
from typing import Any

from fakenw.bindery.objects import USER
from fakenw.bindery.passwords import answer, hash_password
from fakenw.health import Address
from fakenw.wire import packet as ncp
from fakenw.wire.framing import TNCP, Deframer, frame_request
from fakenw.wire.layout import Request
from fakenw.wire.packet import Code, ReplyPacket, RequestPacket, decode_reply
from fakenw.wire.requests import bindery, connection, files
from tests.trust.acknowledged import Acknowledged

FILES = ("SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR", "SYS:LOGIN/LOGIN.EXE")
USERS = ("JOE", "ANN", "GUEST")
LISTEN_FOR = 0.2  # seconds for a reply, before a datagram is sent again
CREATED = ("create", "state")
LICENSED = ("grant", "state")
REFUSED = ("deny",)


class ServerEnded(Exception):
    """The server does not answer any more."""


class LoadingStation:
    """One station in a thread: sessions one after the other, until the server has ended and no reply is left."""

    def __init__(self, transport: str, server: Address, random: Random, killed: threading.Event) -> None:
        self.acknowledged: dict[str, Acknowledged] = {}  # by station
        self.requests = self.repeated = 0
        self.problem: str | None = None
        self._tcp, self._server, self._random, self._killed = transport == "tcp", server, random, killed
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def join(self, within: float) -> None:
        """Wait until nothing arrives any more."""
        self._thread.join(within)
        if self._thread.is_alive():
            self.problem = "the station did not end"

    def _run(self) -> None:
        try:
            with ExitStack() as used:  # a datagram that comes late must not find its port in another session
                while True:
                    self._socket = socket.socket(type=socket.SOCK_STREAM if self._tcp else socket.SOCK_DGRAM)
                    used.callback(self._socket.close)
                    self._session()
                    if self._tcp:
                        self._socket.close()
        except (ServerEnded, OSError) as problem:
            if not self._killed.wait(5):
                self.problem = f"the server ended by itself: {problem}"
        except Exception as problem:
            self.problem = f"{type(problem).__name__}: {problem}"

    def _session(self) -> None:
        self._socket.settimeout(LISTEN_FOR)
        self._socket.connect(self._server)
        host, port = self._socket.getsockname()
        station = f"{'tcp' if self._tcp else 'udp'}:{host}:{port}"
        self._told = self.acknowledged.setdefault(station, Acknowledged())
        self._deframer = Deframer(TNCP)
        self._number, self._sequence, self._file = ncp.NO_CONNECTION, 0, b""
        reply = self._exchange(ncp.CREATE, 0, b"", CREATED)
        self._number = reply.connection
        self._tell(f"create {self._number}", "state attached")
        if self._log_in():
            for _ in range(self._random.randrange(6)):
                self._random.choice([self._open, self._close, self._unlicense, self._idle])()
            self._log_out()
        self._exchange(ncp.DESTROY, 0, b"", ("state", "close"), sequence=self._sequence + 1)
        self._tell("state gone", "close destroy")

    def _log_in(self) -> bool:
        user = self._random.choice(USERS)
        key = bindery.LoginKey.decode(self._call(bindery.GetLoginKey()).data)
        found = bindery.ObjectInfo.decode(self._call(bindery.GetObjectId(USER, user)).data)
        login = bindery.KeyedLogin(answer(key.key, hash_password(found.object_id, b"")), USER, user)
        self._licensed = self._tell_licensed(self._call(login, (*LICENSED, "login"), REFUSED), "login")
        if self._licensed:
            self._tell("login keyed")
        return self._licensed

    def _tell_licensed(self, reply: ReplyPacket, cause: str) -> bool:
        if reply.completion:
            self._tell(f"deny {reply.completion}")
            return False
        self._tell(f"grant {cause}", "state licensed")
        return True

    def _open(self) -> None:
        if self._file:
            return
        request = files.OpenFile(0, 6, 0x01, self._random.choice(FILES))
        if self._licensed:
            reply = self._call(request, ("open",))
        else:
            reply = self._call(request, (*LICENSED, "open"), REFUSED)
            self._licensed = self._tell_licensed(reply, "service")
        if reply.completion == 0:
            self._file = files.OpenedFile.decode(reply.data).handle
            self._tell(f"open {self._file.hex()}")

    def _close(self) -> None:
        if self._file:
            self._call(files.CloseFile(0, self._file), ("shut",))
            self._shut()

    def _shut(self) -> None:
        if self._file:
            self._tell(f"shut {self._file.hex()}")
            self._file = b""

    def _unlicense(self) -> None:
        if self._licensed:
            self._call(connection.ChangeConnectionState(0), self._leaving())
            self._shut()
            self._tell("state authenticated", "release unlicense")
            self._licensed = False

    def _log_out(self) -> None:
        self._call(connection.Logout(), self._leaving())
        self._shut()
        self._tell("state attached", *(["release logout"] if self._licensed else []))

    def _leaving(self) -> Sequence[str]:
        return [*(["shut"] if self._file else []), "state", *(["release"] if self._licensed else [])]

    def _idle(self) -> None:
        self._call(bindery.GetLoginKey())

    def _tell(self, *lines: str) -> None:
        self._told.lines += lines

    def _call(self, request: Request[Any], *possible: Sequence[str]) -> ReplyPacket:
        self._sequence = (self._sequence + 1) & 0xFF
        reply = self._exchange(ncp.REQUEST, request.function, request.body(), *possible)
        if reply.completion not in (0, *([Code.NO_LICENSE] if possible else [])):
            raise AssertionError(f"{type(request).__name__}: completion code 0x{reply.completion:02X}")
        return reply

    def _exchange(
        self, kind: int, function: int, body: bytes, *possible: Sequence[str], sequence: int | None = None
    ) -> ReplyPacket:
        """Send a request, and return its reply. Raises ServerEnded.

        *possible* are the events that it may cause, of which a station knows nothing before the reply.
        """
        number = (self._sequence if sequence is None else sequence) & 0xFF
        packet = RequestPacket(kind, number, self._number, 1, function, body).encode()
        self._told.unanswered = possible
        self._send(packet)
        while (reply := self._receive(packet, number)) is None:
            pass
        self._told.unanswered = ()
        self.requests += 1
        return reply

    def _send(self, packet: bytes) -> None:
        self._socket.sendall(frame_request(packet) if self._tcp else packet)
        if not self._tcp and self._random.random() < 0.02:  # a network that doubles a datagram
            self.repeated += 1
            self._socket.sendall(packet)

    def _receive(self, packet: bytes, sequence: int) -> ReplyPacket | None:
        """The reply to *packet*, where it is the next that arrives; a reply to an earlier one is dropped."""
        try:
            data = self._socket.recv(65_536)
        except TimeoutError:
            if self._killed.is_set():
                raise ServerEnded("no reply") from None
            if not self._tcp:
                self.repeated += 1
                self._socket.sendall(packet)
            return None
        if not data:
            raise ServerEnded("the stream has ended")
        for one in self._deframer.feed(data) if self._tcp else [data]:
            if ncp.packet_type(one) == ncp.REPLY and (reply := decode_reply(one)).sequence == sequence:
                return reply
        return None
