"""What a client of the load says, and what it has to understand of the answers.

Rules of this file:

* A step is a request without its frame. What differs from station to station is patched in: sequence and
  connection number always, a file handle or the answer to a login key where the step says so.
* A refusal is an error of the bench: what is refused must not be measured.
* Offsets are those of a packet without its TCP frame, which is 16 bytes more in a request, 8 in a reply.
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

USER, PASSWORD = "BENCH", "SECRET"  # whom the bench's servers know
FRAME, REPLY_FRAME = 16, 8  # what TCP puts before a packet
HEADER = 8  # of a reply without its frame
PATCHED = {"handle": slice(8, 14), "answer": slice(10, 18)}  # in a request
TAKEN = {"handle": slice(8, 14), "key": slice(8, 16), "id": slice(8, 12)}  # of a reply


class CannotMeasure(Exception):
    """The server did not do what the bench asked for: there is nothing to measure."""


class Step(NamedTuple):
    """One request. *patch*: what it needs of an earlier reply; *take*: what is kept of its own."""

    name: str
    packet: bytes
    patch: str = ""
    take: str = ""


class Program(NamedTuple):
    """What every station says once, and what it then repeats. *sizes* are of the packets that answer, in this order."""

    once: tuple[Step, ...]
    life: tuple[Step, ...]
    sizes: tuple[int, ...] = ()
    hashed: bytes = b""  # the password, for the answer to a login key

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.once + self.life


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
    """The smallest request there is, again and again, of a connection that is only attached."""
    return Program((CREATES,), (ASKS_TIME,))


def mix() -> Program:
    """A client's life, whose lines of the journal are paid for: a license, a file, and what is asked meanwhile."""
    begins = (CREATES, NEGOTIATES, PLAIN_LOGIN, *[ASKS_TIME] * 10)
    works = (OPENS, *[READS] * 4, CLOSES, *[ASKS_TIME] * 5)
    return Program((), (*begins, *works, LOGS_OUT, DESTROYS))


def logon(object_id: int) -> Program:
    """A logon with an encrypted password, and little else. *object_id* is the user's, and salts the hash.

    A bindery login is licensed; 23/29 gives that license back, as a DOS client does, and the open takes one again.
    """
    key = _ask(GetLoginKey(), take="key")
    login = _ask(KeyedLogin(bytes(8), 1, USER), patch="answer")
    temporary = _ask(ChangeConnectionState(0))
    life = (CREATES, NEGOTIATES, key, login, temporary, OPENS, CLOSES, LOGS_OUT, DESTROYS)
    return Program((), life, hashed=hash_password(object_id, encode_text(PASSWORD)))


def who() -> Program:
    """Asks for the number of the bench's user."""
    return Program((), (CREATES, _ask(GetObjectId(1, USER), take="id"), DESTROYS))


def licensed() -> Program:
    """Attach and take a license, and stay."""
    return Program((CREATES, NEGOTIATES, PLAIN_LOGIN), ())


def active() -> Program:
    """The same, and then ask for the time again and again."""
    return Program(licensed().once, (ASKS_TIME,))


class Station:
    """What one client knows of its server. Sans-IO."""

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
        """Whether a datagram answers the last request: not an old one's second reply, nor a watchdog's question."""
        return len(packet) >= HEADER and packet[0] == REPLY >> 8 and packet[2] == self._sequence

    def answered(self, step: Step, packet: bytes) -> None:
        """Understand the reply to *step*, which is given without its frame. Raises CannotMeasure."""
        if not self.is_answer(packet) or packet[6]:
            raise CannotMeasure(
                f"{step.name} was answered {packet.hex() or 'with nothing'}: refused, so nothing is measured"
            )
        if step.take == "number":
            self._number = packet[3] | packet[5] << 8
        elif step.take:
            self.known[step.take] = packet[TAKEN[step.take]]
