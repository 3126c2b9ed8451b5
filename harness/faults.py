"""What happens to client machines: the words for it, and the cable between a machine and the network.

Rules of this file:

* Faults are written like a script, with waits between them; their time begins when the clients start.
* A cable knows no protocol.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Discriminator, Field, Tag

from fakenw.records import SECOND
from fakenw.words import Duration, seconds
from fakenw.yamlfile import Named, one_of, shown, verb_of
from harness.script import NAME, Wait

REPEATED_AFTER = SECOND // 5  # how soon a stream first repeats what got lost (Linux: TCP_RTO_MIN); then twice as long

_CLIENT = re.compile(NAME.pattern + "(#[1-9][0-9]{0,5})?")


def _client_name(text: Any) -> Any:
    if isinstance(text, str) and not _CLIENT.fullmatch(text):
        raise ValueError(f"{shown(text)} is not the name of a client; expected NAME, or NAME#2 for the second of them")
    return text


ClientName = Annotated[str, BeforeValidator(_client_name)]


class _Fault(Named):
    """Something that happens to a client machine, or to all machines of that client."""

    only = "client"
    client: ClientName = Field(description="the name of a client")


class Freeze(_Fault):
    """The machine stands still, as one that is suspended or paused."""

    verb = "freeze"


class Thaw(_Fault):
    """A frozen machine goes on."""

    verb = "thaw"


class ProcessKilled(_Fault):
    """The client's process is killed. Its machine closes its TCP connections at once; over UDP nobody hears of it."""

    verb = "process-killed"


class PowerOff(_Fault):
    """The machine loses its power: it is gone, and says nothing to anybody."""

    verb = "power-off"


class Cut(_Fault):
    """The machine's network cable is pulled out; the machine is on."""

    verb = "cut"


class Heal(_Fault):
    """The cable is plugged in again."""

    verb = "heal"


class Restart(_Fault):
    """The machine is switched off, if it was on, and starts anew; its client plays its script from the beginning."""

    verb = "restart"
    only = ""
    address: Literal["same", "new"] = "same"

    @classmethod
    def unfold(cls, data: Any) -> Any:
        arguments = super().unfold(data)
        return {"client": arguments} if isinstance(arguments, str) and arguments != cls.verb else arguments


class Delay(_Fault):
    """From now on every packet that the machine sends takes longer by this, in real time; 0 for no longer."""

    verb = "delay"
    only = ""
    by: Duration = Field(description="how much longer")


class Loss(_Fault):
    """From now on so many of a hundred packets that the machine sends are lost; 0 for none."""

    verb = "loss"
    only = ""
    percent: Annotated[float, Field(ge=0, le=90, strict=True)] = Field(description="a number from 0 to 90")


Fault = Annotated[
    Annotated[Freeze, Tag(Freeze.verb)]
    | Annotated[Thaw, Tag(Thaw.verb)]
    | Annotated[ProcessKilled, Tag(ProcessKilled.verb)]
    | Annotated[PowerOff, Tag(PowerOff.verb)]
    | Annotated[Cut, Tag(Cut.verb)]
    | Annotated[Heal, Tag(Heal.verb)]
    | Annotated[Restart, Tag(Restart.verb)]
    | Annotated[Delay, Tag(Delay.verb)]
    | Annotated[Loss, Tag(Loss.verb)]
    | Annotated[Wait, Tag(Wait.verb)],
    Discriminator(verb_of),
    one_of("fault", Freeze, Thaw, ProcessKilled, PowerOff, Cut, Heal, Restart, Delay, Loss, Wait),
]


class Disruption(NamedTuple):
    """A fault at its time: microseconds of scenario time after the clients were started."""

    at: int
    verb: str
    client: str
    arguments: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The arguments as they stand in a journal: a duration is seconds."""
        return {name: seconds(value) if name == "by" else value for name, value in self.arguments.items()}


def timeline(faults: Sequence[Fault]) -> list[Disruption]:
    """Faults as they follow one another, with the waits between them added up."""
    at, found = 0, []
    for fault in faults:
        if isinstance(fault, Wait):
            at += fault.duration
        else:
            arguments = {name: value for name, value in fault if name != "client"}
            found.append(Disruption(at, fault.verb, fault.client, arguments))
    return found


class Cable:
    """One machine's way to everybody else. ``delay`` is in microseconds, ``loss`` a share from 0 to 1."""

    def __init__(self, random: Random) -> None:
        self.delay = 0
        self.loss = 0.0
        self._random = random
        self._cut = False
        self._waiting: list[Callable[[int], None]] = []

    def cut(self) -> None:
        """From now on nothing passes."""
        self._cut = True

    def heal(self) -> None:
        """What streams have kept repeating meanwhile passes now; datagrams are lost."""
        self._cut = False
        waiting, self._waiting = self._waiting, []
        for deliver in waiting:
            deliver(0)

    def carry(self, deliver: Callable[[int], None], *, sent: bool, stream: bool) -> None:
        """Have *deliver* called with the microseconds that it takes longer than usual; or later, or never.

        Delay and loss befall what the machine has *sent*, as with ``tc`` on its interface.
        """
        if self._cut:
            if stream:
                self._waiting.append(deliver)
            return
        late, again = 0, REPEATED_AFTER
        if sent:
            late = self.delay
            while self.loss and self._random.random() < self.loss:
                if not stream:
                    return
                late, again = late + again, 2 * again
        deliver(late)
