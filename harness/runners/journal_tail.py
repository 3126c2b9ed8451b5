"""Reading a server's journal while it is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fakenw.journal.fold import Fold
from fakenw.journal.record import parse


@dataclass(slots=True)
class JournalTail:
    """The state of a server by its journal so far, since the server's last start."""

    path: Path
    fold: Fold = field(default_factory=Fold)
    _offset: int = 0

    def catch_up(self) -> bool:
        """Read the new whole lines; returns whether there were any."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return False
        end = data.rfind(b"\n") + 1
        self._offset += end
        for line in data[:end].decode().splitlines():
            record = parse(line)
            if record.event == "start":
                self.fold = Fold()
            self.fold.saw(record)
        return end > 0

    @property
    def idle(self) -> bool:
        """No license is held, or all holders are idle."""
        holders = [connection for connection in self.fold.connections.values() if connection.holding]
        return not self.fold.held or (bool(holders) and all(connection.idle for connection in holders))
