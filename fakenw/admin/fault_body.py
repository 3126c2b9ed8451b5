"""A fault as a request has it: its name, its numbers, its station and its duration."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from fakenw.config.field_types import SomeTime
from fakenw.config.server_file import Ncp, ncp_number
from fakenw.config.yaml_file import Mistakes, Model, expected_one_of, shown
from fakenw.core.fault_table import ServerFault
from fakenw.core.peer import IPX, Peer
from fakenw.faults.busy import BusyFault
from fakenw.faults.concerned import ANY_PORT
from fakenw.faults.delay import DelayFault
from fakenw.faults.duplicate import DuplicateFault
from fakenw.faults.loss import MOST, LossFault
from fakenw.faults.refuse_logins import RefuseLoginsFault
from fakenw.faults.reorder import ReorderFault
from fakenw.faults.silence import SilenceFault
from fakenw.faults.slow import SlowFault
from fakenw.faults.trip import LinkFault, Way
from fakenw.journal.record import SECOND

LONGEST_DELAY = 3600 * SECOND
LONGEST_STATION = 64  # characters


def _station(text: str) -> str:
    """*text* as the journal has that station, or with ``:*`` every port. Raises ValueError."""
    every = text.endswith(ANY_PORT)
    probe = f"{text[: -len(ANY_PORT)]}:{'0000' if text.startswith(IPX.name) else '0'}" if every else text
    try:
        peer = Peer.parse(probe)
        if peer.transport is not IPX:
            ipaddress.ip_address(peer.address[0])
    except ValueError:
        wanted = "expected a station such as udp:10.0.0.7:1025, or with every port: udp:10.0.0.7:*"
        raise ValueError(f"{shown(text)}; {wanted}") from None
    return f"{str(peer).rpartition(':')[0]}{ANY_PORT}" if every else str(peer)


def _bounded(by: int) -> int:
    if by > LONGEST_DELAY:
        raise ValueError(f"{by / SECOND:g} s; expected no more than {LONGEST_DELAY // SECOND} s")
    return by


BY: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # of each fault: what it needs, and what it may have
    "delay": (("by",), ("way",)),
    "loss": (("percent",), ("way",)),
    "duplicate": (("percent",), ("way",)),
    "reorder": (("percent",), ("way",)),
    "silence": (("way",), ()),
    "slow": (("by",), ("ncp",)),
    "busy": ((), ()),
    "refuse-logins": ((), ()),
}
EXPECTED = {"by": "a duration, such as 200ms", "percent": "a number above 0", "way": "out, in or both"}
COMMON = ("what", "station", "for")

_MADE: Mapping[str, Callable[[Any], LinkFault | ServerFault]] = {
    "delay": lambda given: DelayFault(given.by, given.way or "out"),
    "loss": lambda given: LossFault(given.percent, given.way or "out"),
    "duplicate": lambda given: DuplicateFault(given.percent, given.way or "out"),
    "reorder": lambda given: ReorderFault(given.percent, given.way or "out"),
    "silence": lambda given: SilenceFault(given.way),
    "slow": lambda given: SlowFault(given.by, given.ncp and ncp_number(given.ncp)),
    "busy": lambda given: BusyFault(),
    "refuse-logins": lambda given: RefuseLoginsFault(),
}


class FaultBody(Model):
    """A fault. ``out`` are the packets that a station sends, ``in`` those for it."""

    kind: Literal["delay", "loss", "duplicate", "reorder", "silence", "slow", "busy", "refuse-logins"] = Field(
        alias="what", description=f"the fault: {', '.join(BY)}"
    )
    station: Annotated[str, Field(max_length=LONGEST_STATION), AfterValidator(_station)] | None = Field(
        None, description="a station, such as udp:10.0.0.7:1025 or udp:10.0.0.7:*; null: all"
    )
    lasting: SomeTime | None = Field(None, alias="for", description="a duration, or null: until it is removed")
    by: Annotated[SomeTime, AfterValidator(_bounded)] | None = Field(None, description="of delay and slow: how much")
    percent: Annotated[float, Field(gt=0, le=100, strict=True)] | None = Field(
        None, description=f"of loss (at most {MOST}), duplicate and reorder: of how many packets"
    )
    way: Way | None = Field(None, description="of packets: out, in or both; left out: out; silence needs it")
    ncp: Ncp | None = Field(None, description="of slow: the only NCP that is slow, such as 23/24")

    @model_validator(mode="after")
    def _fits(self) -> FaultBody:
        """Raises Mistakes where a number is missing, or is not that fault's."""
        needs, may = BY[self.kind]
        known = (*needs, *may, *COMMON)
        found: list[tuple[tuple[str], str]] = []
        for name in needs:
            if not getattr(self, name):
                found.append(((name,), f"missing; expected {EXPECTED[name]}, for {self.kind} needs it"))
        for name in self.model_fields_set - {"kind", "station", "lasting"}:
            if name not in known and getattr(self, name) is not None:
                found.append(((name,), f"not for {self.kind}; {expected_one_of(known, name)}"))
        if self.kind == "loss" and self.percent is not None and self.percent > MOST:
            found.append((("percent",), f"{self.percent:g}; expected {MOST} or less: silence loses all"))
        if found:
            raise Mistakes(found)
        return self

    def fault(self) -> LinkFault | ServerFault:
        return _MADE[self.kind](self)
