"""Runs on memory whose capture is observed: the server's own journals, and those that its packets give."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fakenw.journal.record import SECOND, Journal, Record
from harness.capture.captured_messages import CapturedMessages
from harness.capture.observer import Observer, observe
from harness.judge.history import RunHistory
from harness.judge.verdict import Verdict, judge
from harness.runners.memory import MemoryRun
from harness.scenario.catalogue import catalogue
from harness.scenario.plan import Plan

TRANSPORTS = ("udp", "tcp", "ipx")
HEADER = 24  # bytes of a pcap file before its first frame
FRAME_HEADER = 16


def plans() -> Iterator[Plan]:
    """All runs of the catalogue, on each transport."""
    for transport in TRANSPORTS:
        for scenario in catalogue():
            yield from scenario.plans(transport, seed=0)


def label(plan: Plan) -> str:
    return f"{plan.scenario}/{plan.variant}/{plan.transport}"


class _Kept(io.BytesIO):
    """A file whose content outlives it."""

    content = b""

    def close(self) -> None:
        self.content = self.getvalue()
        super().close()


@dataclass(slots=True)
class ObservedRun:
    """*own*: the servers' journals by name; *rest*: those of the clients and of the runner."""

    plan: Plan
    own: dict[str, Journal]
    rest: list[Journal]
    frames: list[bytes]
    header: bytes

    @classmethod
    def of(cls, plan: Plan) -> ObservedRun:
        file = _Kept()
        journals = MemoryRun(plan, file).carry_out()
        own = {str(one.records[0]["server"]): one for one in journals if one.records[0].role == "server"}
        rest = [one for one in journals if one.records[0].role != "server"]
        return cls(plan, own, rest, list(_frames(file.content)), file.content[:HEADER])

    def verdict(self) -> Verdict:
        return judge(RunHistory.of([*self.rest, *self.own.values()]))

    @property
    def until(self) -> int:
        """The wall time of the end of the run, in microseconds since 1970."""
        runner = next(one for one in self.rest if one.records[0].role == "runner")
        return _wall(runner.records[0]) + runner.records[-1].t

    def observed(
        self, file: Path, keep: Callable[[list[bytes]], list[bytes]] = list, until: int | None = None
    ) -> dict[str, Journal]:
        """The journals that the frames give which *keep* leaves, by the name of the server."""
        file.write_bytes(self.header + b"".join(keep(self.frames)))
        observer = observe(CapturedMessages([file]), self.plan.idle_threshold)
        names = self._names(observer, until)
        found: dict[str, Journal] = {}
        for name, journal in self.own.items():
            start = journal.records[0]
            said = {"release_of": start["release"], "policy": start["policy"]}
            for one in observer.journals(names=names, **said):
                if one.records[0]["server"] == name:
                    found[name] = one
        return found

    def judged(self, journals: dict[str, Journal]) -> Verdict:
        """The verdict with *journals* in the place of the servers' own."""
        return judge(RunHistory.of([*self.rest, *journals.values()]))

    def _names(self, observer: Observer, until: int | None) -> dict[str, str]:
        """The names of servers by address: no packet tells them, but the stations are those of one server."""
        found: dict[str, str] = {}
        for journal in observer.journals(end=until):
            stations = _stations(journal)
            name = max(self.own, key=lambda name: len(stations & _stations(self.own[name])))
            found |= dict.fromkeys(journal.records[0]["addresses"], name)
        return found


def lines(journal: Journal, *, since: int) -> list[tuple[int, str, dict[str, object]]]:
    """What the lines say that a wire can show, with times from *since* (microseconds since 1970) on."""
    found: list[tuple[int, str, dict[str, object]]] = []
    begun = 0
    for record in journal.records:
        if record.event == "start":
            begun = _wall(record) - since
        elif record.event not in ("stop", "capture-end"):
            fields = {name: value for name, value in record.fields.items() if name not in ("limit", "sure", "alive")}
            for name in ("since", "last_request"):
                if name in fields:
                    fields[name] = round(float(fields[name]) * SECOND) + begun
            found.append((record.t + begun, str(record.event), fields))
    return found


def begun(journal: Journal) -> int:
    """The wall time of its t = 0, in microseconds since 1970."""
    return _wall(journal.records[0])


def _wall(record: Record) -> int:
    return round(datetime.fromisoformat(record["utc"]).timestamp() * SECOND)


def _stations(journal: Journal) -> set[object]:
    return {record.get("station") for record in journal.records} - {None}


def _frames(content: bytes) -> Iterator[bytes]:
    at = HEADER
    while at < len(content):
        size = FRAME_HEADER + int.from_bytes(content[at + 8 : at + 12], "little")
        yield content[at : at + size]
        at += size
