"""The faults of a scenario.

Rules of this file:

* Faults are written like a script, with waits between them; their time begins when the clients start, and anew when a
  client has the license that ``when`` waits for.
* The name of a fault's field is the role of its target: ``client``, ``server``, or ``machine`` for either of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    StrictBool,
    Tag,
    WithJsonSchema,
    create_model,
)

from fakenw.config.field_types import Count, Duration, SomeTime, duration, is_bindery_name, seconds
from fakenw.config.yaml_file import Named, one_of, shown, verb_of
from fakenw.journal.record import SECOND
from harness.client.settings import NAME, ServerName
from harness.scenario.steps import Wait

MAX_JUMP = 3650 * 86_400 * SECOND  # NetWare's own dates are from 1980 to 2107

Role = Literal["client", "server", "machine"]

_CLIENT = re.compile(NAME.pattern + "(#[1-9][0-9]{0,5})?")


def _client_name(text: Any) -> Any:
    if isinstance(text, str) and not _CLIENT.fullmatch(text):
        raise ValueError(f"{shown(text)} is not the name of a client; expected NAME, or NAME#2 for the second of them")
    return text


def _machine_name(text: Any) -> Any:
    if isinstance(text, str) and not _CLIENT.fullmatch(text) and not is_bindery_name(text):
        raise ValueError(f"{shown(text)} is not the name of a machine; expected NAME of a client or of a server")
    return text


def _jump(value: object) -> int:
    """A duration with a sign. Raises ValueError."""
    if isinstance(value, str) and value.strip().startswith("-"):
        jump = -duration(value.strip()[1:])
    elif isinstance(value, int | float) and not isinstance(value, bool) and value < 0:
        jump = -duration(-value)
    else:
        jump = duration(value)
    if not 0 < abs(jump) <= MAX_JUMP:
        raise ValueError(f"{shown(value)}; expected a time from -{seconds(MAX_JUMP) // 86_400}d to 3650d, but not 0")
    return jump


ClientName = Annotated[str, BeforeValidator(_client_name)]
MachineName = Annotated[str, BeforeValidator(_machine_name)]
Jump = Annotated[
    int,
    BeforeValidator(_jump),
    PlainSerializer(seconds),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^\s*-?\d"}]}),
]
Percent = Annotated[float, Field(ge=0, le=100, strict=True)]


class _Fault(Named):
    """A fault of a machine. One that needs only a name may be written with the name alone."""

    whose: ClassVar[Role]

    @classmethod
    def unfold(cls, data: Any) -> Any:
        arguments = super().unfold(data)
        return {cls.whose: arguments} if isinstance(arguments, str) and arguments != cls.verb else arguments


class _OnClient(_Fault):
    """A fault of a client machine, or of all machines of that client."""

    whose = "client"
    client: ClientName = Field(description="the name of a client")


class _OnServer(_Fault):
    """A fault of a server."""

    whose = "server"
    server: ServerName


class _OnMachine(_Fault):
    """A fault of a client machine, of all machines of that client, or of a server."""

    whose = "machine"
    only = "machine"
    machine: MachineName = Field(description="the name of a client or of a server")


class Freeze(_OnMachine):
    """The machine is suspended or paused: incoming packets wait, and its timers do not run."""

    verb = "freeze"


class Thaw(_OnMachine):
    """A frozen machine goes on."""

    verb = "thaw"


class ProcessKilled(_OnClient):
    """The client's process is killed. Its machine closes the TCP connections at once; over UDP and IPX it is silent."""

    verb = "process-killed"
    only = "client"


class PowerOff(_OnClient):
    """The machine loses its power, and sends nothing any more."""

    verb = "power-off"
    only = "client"


class Cut(_OnClient):
    """The machine's network cable is pulled out; the machine is on."""

    verb = "cut"
    only = "client"


class Heal(_OnClient):
    """The cable is plugged in again."""

    verb = "heal"
    only = "client"


class Restart(_OnClient):
    """The machine is switched off, if it is on, and starts again; its client plays its script from the beginning."""

    verb = "restart"
    address: Literal["same", "new"] = "same"


class Delay(_OnClient):
    """From now on every packet that the machine sends takes longer by this, in real time; 0 ends the fault."""

    verb = "delay"
    by: Duration = Field(description="how much longer")


class Loss(_OnClient):
    """From now on this percentage of packets is lost; 0 ends the fault.

    Of those that the machine sends (``out``), of those for it (``in``), or of each.
    """

    verb = "loss"
    percent: Annotated[float, Field(ge=0, le=90, strict=True)] = Field(description="a number from 0 to 90")
    way: Literal["out", "in", "both"] = "out"


class Drop(_OnClient):
    """The next packets are lost: those that the machine sends (``out``), those for it (``in``), or either.

    A stream repeats lost data, and its repetitions count as packets, too.
    """

    verb = "drop"
    packets: Count = Field(description="how many packets")
    way: Literal["out", "in", "both"] = "out"


class Duplicate(_OnClient):
    """From now on this percentage of the datagrams that the machine sends arrives twice; streams are not affected."""

    verb = "duplicate"
    percent: Percent = Field(description="a number from 0 to 100")


class Reorder(_OnClient):
    """From now on this percentage of the datagrams that the machine sends arrives late; streams are not affected."""

    verb = "reorder"
    percent: Percent = Field(description="a number from 0 to 100")


class ServerDown(_OnServer):
    """The server stops in order: TCP connections close, over UDP and IPX no reply comes, and all tables are lost."""

    verb = "server-down"
    only = "server"


class ServerUp(_OnServer):
    """The server starts again, with empty tables."""

    verb = "server-up"
    only = "server"


class ClockJump(_OnServer):
    """The server's wall clock is set, as by SET TIME or by a time synchronisation: from now on it is later by this.

    Deadlines and the times of the server's journal do not change. The server's next start sets the clock right.
    """

    verb = "clock-jump"
    by: Jump = Field(description="how much later, or with a minus how much earlier")


_LASTING: dict[str, Any] = {"for": (SomeTime | None, Field(None, description="how long; left out: for good"))}
Spoof = create_model("Spoof", __base__=_OnClient, **_LASTING)  # no class statement can have a field called "for"
Spoof.verb = "spoof"
Spoof.__doc__ = """A router answers the server's watchdog in the machine's place, in any state of the machine.

So dial-up routers did while their line was down (Ascend, Cisco and ELSA: watchdog spoofing). The router answers for
the present address of the machine.
"""


class When(Named):
    """The faults behind it wait until the client holds a license, by the journals of the servers.

    Waits behind it count from then. A run in which it never comes to that ends as without these faults, and fails.
    """

    verb = "when"
    client: ClientName = Field(description="the name of a client; of several each must have come to it")
    licensed: StrictBool = Field(description="true: it holds a license of a server; false: it holds none")


FAULTS = (
    Freeze,
    Thaw,
    ProcessKilled,
    PowerOff,
    Cut,
    Heal,
    Restart,
    Delay,
    Loss,
    Drop,
    Duplicate,
    Reorder,
    ServerDown,
    ServerUp,
    ClockJump,
    Spoof,
    When,
    Wait,
)
if TYPE_CHECKING:
    Fault = _Fault | When | Wait
else:
    Fault = Annotated[
        Union[*(Annotated[fault, Tag(fault.verb)] for fault in FAULTS)],
        Discriminator(verb_of),
        one_of("fault", *FAULTS),
    ]
