"""Reading journals while they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fakenw.journal.fold import Fold
from fakenw.journal.record import Record, parse


@dataclass(slots=True)
class NewLines:
    """The lines of a journal that were not read before."""

    path: Path
    _offset: int = 0

    def read(self) -> Iterator[Record]:
        """The new whole lines."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return
        end = data.rfind(b"\n") + 1
        self._offset += end
        yield from map(parse, data[:end].decode().splitlines())


class ClientStations:
    """The stations of a scripted client by its journal so far."""

    def __init__(self, path: Path) -> None:
        self._lines = NewLines(path)
        self._stations: set[object] = set()

    def __contains__(self, station: str) -> bool:
        self._stations.update(record.get("station") for record in self._lines.read())
        return station in self._stations


@dataclass(slots=True)
class JournalTail:
    """The state of a server by its journal so far, since the server's last start.

    *watcher* is called behind each line.
    """

    path: Path
    fold: Fold = field(default_factory=Fold)
    watcher: Callable[[], None] | None = None
    _lines: NewLines = field(init=False)

    def __post_init__(self) -> None:
        self._lines = NewLines(self.path)

    def catch_up(self) -> bool:
        """Read the new whole lines; returns whether there were any."""
        grown = False
        for record in self._lines.read():
            grown = True
            if record.event == "start":
                self.fold = Fold()
            self.fold.saw(record)
            if self.watcher is not None:
                self.watcher()
        return grown

    def holders(self) -> list[str]:
        """The stations that hold a license."""
        return [connection.station for connection in self.fold.connections.values() if connection.holding]

    @property
    def idle(self) -> bool:
        """No license is held, or all holders are idle."""
        holders = [connection for connection in self.fold.connections.values() if connection.holding]
        return not self.fold.held or (bool(holders) and all(connection.idle for connection in holders))
