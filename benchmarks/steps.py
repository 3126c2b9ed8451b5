"""The requests of a client of the load, and the parts that it reads of the replies.

Rules of this file:

* A step is a request without its frame. What differs between stations is patched in: always the sequence and the
  connection number, and by the step's *patch* a file handle or the answer to a login key.
* A refusal is an error of the benchmark: refused requests must not be measured.
* Offsets are those of a packet without its TCP frame, which has 16 bytes in a request and 8 in a reply.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fakenw.bindery.passwords import answer, hash_password
from fakenw.wire.framing import frame_request
from fakenw.wire.layout import Request, encode_text
from fakenw.wire.packet import CREATE, DESTROY, NO_CONNECTION, REPLY, REQUEST, RequestPacket
from fakenw.wire.requests.bindery import GetLoginKey, GetObjectId, KeyedLogin, PlainLogin
from fakenw.wire.requests.connection import ChangeConnectionState, Logout, NegotiateBuffer
from fakenw.wire.requests.files import CloseFile, OpenFile, ReadFile
from fakenw.wire.requests.server import GetServerTime
from harness.load.virtual_user import OFFER

USER, PASSWORD = "BENCH", "SECRET"  # an account of our servers
FRAME, REPLY_FRAME = 16, 8  # bytes before a packet over TCP
HEADER = 8  # of a reply without its frame
PATCHED = {"handle": slice(8, 14), "answer": slice(10, 18)}  # in a request
TAKEN = {"handle": slice(8, 14), "key": slice(8, 16), "id": slice(8, 12)}  # of a reply


class CannotMeasure(Exception):
    """The server did not answer as expected: there is nothing to measure."""


class Step(NamedTuple):
    """One request. *patch*: the part of an earlier reply that it needs; *take*: the part of its reply to store."""

    name: str
    packet: bytes
    patch: str = ""
    take: str = ""


class Program(NamedTuple):
    """The steps that a station takes once, and those that it then repeats. *sizes* are those of the replies."""

    setup: tuple[Step, ...]
    cycle: tuple[Step, ...]
    sizes: tuple[int, ...] = ()
    hashed: bytes = b""  # the password, for the answer to a login key

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.setup + self.cycle


def _ask(request: Request[Any], patch: str = "", take: str = "") -> Step:
    packet = RequestPacket(REQUEST, 0, NO_CONNECTION, 1, request.function, request.body())
    return Step(type(request).__name__, packet.encode(), patch, take)


def _bare(kind: int, name: str, take: str = "") -> Step:
    return Step(name, RequestPacket(kind, 0, NO_CONNECTION, 1, 0, b"").encode(), "", take)


CREATES = _bare(CREATE, "create", "number")
DESTROYS = _bare(DESTROY, "destroy")
NEGOTIATES = _ask(NegotiateBuffer(1024))
PLAIN_LOGIN = _ask(PlainLogin(1, USER, PASSWORD))
ASKS_TIME = _ask(GetServerTime())
OPENS = _ask(OpenFile(0, 6, 0x11, OFFER), take="handle")
CLOSES = _ask(CloseFile(0, bytes(6)), patch="handle")
READS = _ask(ReadFile(0, bytes(6), 0, 64), patch="handle")
LOGS_OUT = _ask(Logout())


def get_time() -> Program:
    """The smallest request, repeated, of a connection that is only attached."""
    return Program((CREATES,), (ASKS_TIME,))


def mix() -> Program:
    """A whole session with its lines of the journal: a license, a file, and other requests."""
    logon = (CREATES, NEGOTIATES, PLAIN_LOGIN, *[ASKS_TIME] * 10)
    work = (OPENS, *[READS] * 4, CLOSES, *[ASKS_TIME] * 5)
    return Program((), (*logon, *work, LOGS_OUT, DESTROYS))


def logon(object_id: int) -> Program:
    """A logon with an encrypted password, and little else. *object_id* is the user's, and salts the hash.

    A bindery login is licensed; 23/29 releases that license, as a DOS client does, and the open acquires one again.
    """
    key = _ask(GetLoginKey(), take="key")
    login = _ask(KeyedLogin(bytes(8), 1, USER), patch="answer")
    temporary = _ask(ChangeConnectionState(0))
    cycle = (CREATES, NEGOTIATES, key, login, temporary, OPENS, CLOSES, LOGS_OUT, DESTROYS)
    return Program((), cycle, hashed=hash_password(object_id, encode_text(PASSWORD)))


def object_id_lookup() -> Program:
    """Look up the object id of the benchmark's user."""
    return Program((), (CREATES, _ask(GetObjectId(1, USER), take="id"), DESTROYS))


def licensed() -> Program:
    """Attach and acquire a license."""
    return Program((CREATES, NEGOTIATES, PLAIN_LOGIN), ())


def license_again() -> Program:
    """Acquire a license and release it, repeated, with nothing else."""
    again, release = _ask(ChangeConnectionState(1)), _ask(ChangeConnectionState(0))
    return Program((*licensed().setup, release), (again, release))


def active() -> Program:
    """Acquire a license, and then ask for the time, repeated."""
    return Program(licensed().setup, (ASKS_TIME,))


class Station:
    """The state of one client. Sans-IO."""

    def __init__(self, program: Program, *, tcp: bool) -> None:
        self._program, self._tcp = program, tcp
        self._sequence, self._number = 0, NO_CONNECTION
        self.known = {"handle": bytes(6), "key": bytes(8), "id": bytes(4)}

    def request(self, step: Step) -> bytes:
        """The bytes to send for *step*."""
        packet = bytearray(step.packet)
        creates = packet[0] == CREATE >> 8
        self._sequence = 0 if creates else self._sequence + 1 & 255
        packet[2] = self._sequence
        if not creates:
            packet[3], packet[5] = self._number & 255, self._number >> 8
        if step.patch == "handle":
            packet[PATCHED["handle"]] = self.known["handle"]
        elif step.patch == "answer":
            packet[PATCHED["answer"]] = answer(self.known["key"], self._program.hashed)
        return frame_request(bytes(packet)) if self._tcp else bytes(packet)

    def is_answer(self, packet: bytes) -> bool:
        """Whether a datagram answers the last request; not a second reply to an old one, nor a watchdog query."""
        return len(packet) >= HEADER and packet[0] == REPLY >> 8 and packet[2] == self._sequence

    def answered(self, step: Step, packet: bytes) -> None:
        """Process the reply to *step*, without its frame. Raises CannotMeasure."""
        if not self.is_answer(packet) or packet[6]:
            raise CannotMeasure(
                f"{step.name} was answered {packet.hex() or 'with nothing'}: refused, so nothing is measured"
            )
        if step.take == "number":
            self._number = packet[3] | packet[5] << 8
        elif step.take:
            self.known[step.take] = packet[TAKEN[step.take]]
