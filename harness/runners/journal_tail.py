"""Following a server's journal while it is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fakenw.journal.fold import Fold
from fakenw.journal.record import parse


@dataclass(slots=True)
class JournalTail:
    """What a server's journal says so far; of one that has started again, what it says since then."""

    path: Path
    fold: Fold = field(default_factory=Fold)
    _read: int = 0

    def catch_up(self) -> bool:
        """Read the lines that are whole; whether there were any."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            return False
        end = data.rfind(b"\n") + 1
        self._read += end
        for line in data[:end].decode().splitlines():
            record = parse(line)
            if record.event == "start":
                self.fold = Fold()
            self.fold.saw(record)
        return end > 0

    @property
    def idle(self) -> bool:
        """Nothing is held, or only by connections that are idle."""
        holders = [one for one in self.fold.connections.values() if one.holding]
        return not self.fold.held or (bool(holders) and all(one.idle for one in holders))
