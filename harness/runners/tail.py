"""Following a server's journal while it is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fakenw.records import SECOND, Record, parse


@dataclass(slots=True)
class Tail:
    """What a server's journal says so far: what is held, and who of the holders is idle.

    *idle* maps serials of license holders to the time (microseconds of the server) of their last
    request, None for those that are busy.
    """

    path: Path
    held: int = 0
    granted: int = 0
    last: int = 0  # t of the last line
    idle: dict[int, int | None] = field(default_factory=dict)
    _read: int = 0

    def catch_up(self) -> None:
        """Read the lines that are whole."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            return
        end = data.rfind(b"\n") + 1
        self._read += end
        for line in data[:end].decode().splitlines():
            self._see(parse(line))

    def all_idle_since(self) -> int | None:
        """Since when the last of the holders has been idle; None while one is busy or none holds."""
        times = [at for at in self.idle.values() if at is not None]
        return max(times) if times and len(times) == len(self.idle) else None

    def _see(self, record: Record) -> None:
        self.last = record.t
        self.held = record.get("held", self.held)
        serial = record.get("serial")
        if record.event == "start":  # perhaps again, and then it knows of nobody
            self.idle.clear()
        if record.event == "grant":
            self.granted += 1
        if record.event == "grant" and serial is not None:
            self.idle[serial] = None
        elif record.event in ("release", "close"):
            self.idle.pop(serial, None)
        elif record.event == "idle":
            self.idle[serial] = round(record["since"] * SECOND)
        elif record.event == "busy":
            self.idle[serial] = None
