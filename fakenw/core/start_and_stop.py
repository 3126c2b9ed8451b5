"""The first and the last line of a server's journal, as its fields."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fakenw.core.connection_table import ConnectionTable
from fakenw.core.ledger import Ledger
from fakenw.core.settings import ServerSettings
from fakenw.journal.record import FORMAT, SECOND


def started(settings: ServerSettings, ledger: Ledger, utc: datetime) -> dict[str, Any]:
    """What the server is, and its wall time."""
    return {
        "format": FORMAT,
        "release": settings.release,
        "policy": ledger.policy.name,
        "licenses": settings.licenses,
        "seed": settings.seed,
        "instance": settings.instance,
        "speed": settings.speed,
        "utc": utc.isoformat(timespec="microseconds"),
        "idle_after": settings.idle_after / SECOND,
        **({"keep_cleared": settings.keep_cleared / SECOND} if ledger.keep_cleared else {}),
    }


def stopped(table: ConnectionTable, ledger: Ledger) -> dict[str, Any]:
    """The connections that hold a license: a stop releases nothing."""
    holders = [
        {
            "serial": c.serial,
            "station": c.station,
            "user": c.user,
            "since": ledger.holdings[c.unit].since / SECOND,
            "last_request": c.last_request / SECOND,
            "files": len(c.files),
        }
        for c in table.by_serial.values()
        if c.unit is not None
    ]
    return {"holders": holders}
