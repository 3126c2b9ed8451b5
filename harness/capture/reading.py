"""Captures as the journals of the servers in them: their packets are read, and given to an observer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from fakenw.journal.record import Journal, JournalError, Record
from harness.capture.captured_messages import CapturedMessages
from harness.capture.observer import IDLE_AFTER, Observer


class _Stopped(Exception):
    """The reading was stopped."""


class Given(NamedTuple):
    """What is known of a server beside its packets."""

    name: str | None = None
    release: str | None = None
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class CaptureReading:
    """What was in captures. *packets* are those of NCP; *skipped* are frames without NCP, by the reason.

    *cut* are the files that end within a frame, *names* those of servers by address, as SAP announces them. *until*:
    the wall time of the last frame, or what was said. *stopped*: before the end.
    """

    observer: Observer
    until: int
    speed: float
    frames: int
    packets: int
    skipped: Mapping[str, int]
    cut: tuple[Path, ...]
    names: Mapping[str, str]
    stopped: bool

    def journals(self, given: Mapping[str, Given] = MappingProxyType({})) -> list[Journal]:
        """The journals of the servers. Raises JournalError where several servers would get one name.

        *given* is known of them beside the captures: by address, or by "" of all others.
        """
        others = given.get("", Given())
        unnamed = {"": others._replace(name=None)}
        announced = {address: others._replace(name=name) for address, name in self.names.items()}
        known = {**announced, **given, **unnamed}
        made = self._made(known)
        if others.name is not None:
            if len(made) > 1:
                there = ", ".join(str(one.records[0].get("server")) for one in made)
                raise JournalError(f"the captures have {len(made)} servers ({there}); expected --server ADDRESS=NAME")
            made = self._made(known | {address: others for one in made for address in one.records[0]["addresses"]})
        return [_at_speed(journal, self.speed) for journal in made] if self.speed != 1 else made

    def _made(self, given: Mapping[str, Given]) -> list[Journal]:
        """The journals, each by the release and policy of its own server."""
        names = {address: one.name for address, one in given.items() if address and one.name is not None}
        made: dict[int, Journal] = {}
        for kind in dict.fromkeys((one.release, one.policy) for one in given.values()):
            release, policy = kind
            journals = self.observer.journals(end=self.until, release_of=release, policy=policy, names=names)
            for n, journal in enumerate(journals):
                its = given.get(journal.records[0]["addresses"][0], given[""])
                if (its.release, its.policy) == kind:
                    made[n] = journal
        return [made[n] for n in sorted(made)]


def read_captures(
    paths: Sequence[Path],
    *,
    idle_after: int | None = None,
    until: int | None = None,
    speed: float = 1,
    progress: Callable[[int, int], None] = lambda read, packets: None,
    stopped: Callable[[], bool] = lambda: False,
) -> CaptureReading:
    """Read *paths* as one capture, until it ends or is *stopped*. Raises CaptureRefused.

    *until*: the captures lasted until then, microseconds since 1970, whatever their last packet. *speed* is that of the
    server's clock. *progress* is called with the bytes that have been read, and the packets of NCP.
    """
    packets = 0

    def has_read(done: int, total: int) -> None:
        progress(done, packets)
        if stopped():
            raise _Stopped

    messages = CapturedMessages(paths, has_read)
    observer = Observer(IDLE_AFTER if idle_after is None else idle_after)
    begun: int | None = None
    was_stopped = False
    try:
        for event in messages:
            packets += 1
            if speed != 1:
                begun = event.time if begun is None else begun
                event = replace(event, time=begun + round((event.time - begun) * speed))
            observer.take(event)
    except _Stopped:
        was_stopped = True
    end = messages.last if was_stopped else max(messages.last, until or 0)
    if begun is not None:
        end = begun + round((end - begun) * speed)
    rest = messages.skipped, tuple(messages.cut), messages.names, was_stopped
    return CaptureReading(observer, end, speed, messages.frames, packets, *rest)


def _at_speed(journal: Journal, speed: float) -> Journal:
    start, *rest = journal.records
    return Journal(journal.name, [Record(start.t, start.role, start.event, {**start.fields, "speed": speed}), *rest])
