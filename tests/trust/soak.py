"""Two soaks: does the server's memory follow what is connected, or does it grow with time?

* On virtual time: days of thousands of stations with faults. They vanish, fall silent, come back, lose datagrams, log
  in and out, open files. The server, its edge and the journal are the real ones.
* In real time: minutes of churn over TCP and UDP against a real ``fakenw serve``, with silent stations.

Each ends with a table of slopes, and audits the whole journal.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from tests.trust import soak_real, soak_virtual

SHORT = {"days": 0.5, "clients": 200, "minutes": 0.4, "stations": 150}


def say(text: str) -> None:
    """Print at once: a soak is long."""
    click.echo(text)
    sys.stdout.flush()


@click.command(help=__doc__)
@click.option("--days", default=7.0, show_default=True, help="Virtual days; the first one is warm-up. 0: no such soak.")
@click.option("--clients", default=2000, show_default=True, help="Stations on virtual time.")
@click.option("--minutes", default=30.0, show_default=True, help="Minutes of the real soak. 0: no such soak.")
@click.option("--stations", default=400, show_default=True, help="Stations of the real soak.")
@click.option("--seed", default=1, show_default=True, help="Of all that is random.")
@click.option("--short", is_flag=True, help=f"A minute in all: {SHORT}.")
def main(days: float, clients: int, minutes: float, stations: int, seed: int, short: bool) -> None:
    if short:
        days, clients = SHORT["days"], int(SHORT["clients"])
        minutes, stations = SHORT["minutes"], int(SHORT["stations"])
    found: list[str] = []
    if days:
        say(f"{days:g} virtual days of {clients} stations")
        found += soak_virtual.soak(days, clients, seed, say)
    if minutes:
        say(f"{minutes:g} real minutes of {stations} stations")
        with tempfile.TemporaryDirectory() as folder:
            found += soak_real.soak(minutes, stations, seed, Path(folder), say)
    for finding in found:
        say(f"FINDING: {finding}")
    say("nothing grows with time" if not found else f"{len(found)} findings")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
