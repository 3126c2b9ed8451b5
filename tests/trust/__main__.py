"""``make trust``: what shows that tests and judge catch what they claim to catch, one part after the other."""

from __future__ import annotations

import subprocess
import sys
import time

import click

PARTS = {
    "mutants": ("mistakes planted in server, journal, clients and judge", []),
    "model": ("every short history of three connections against a specification", ["--depth", "4"]),
    "fuzz": ("hostile bytes for everything that reads bytes", ["--short"]),
    "kill": ("a server killed under load: nothing acknowledged is missing", ["--short"]),
    "soak": ("days of clients that come and go: nothing grows", ["--short"]),
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("wanted", nargs=-1, metavar="[PART]...", type=click.Choice(list(PARTS)))
def main(wanted: tuple[str, ...]) -> None:
    """Run these parts, or all: mutants, model, fuzz, kill, soak. Within 20 minutes on two cores.

    Each is a command of its own with more options, such as python -m tests.trust.soak --help. Exit code 1: one of them
    found something.
    """
    rows = []
    for name in wanted or PARTS:
        what, options = PARTS[name]
        click.echo(f"== {name}: {what}")
        began = time.monotonic()
        code = subprocess.run([sys.executable, "-m", f"tests.trust.{name}", *options]).returncode
        rows.append((name, "as expected" if code == 0 else f"exit {code}", time.monotonic() - began))
    for name, result, seconds in rows:
        click.echo(f"{name:8}  {result:12}  {seconds:5.0f} s")
    sys.exit(any(result != "as expected" for _, result, _ in rows))


if __name__ == "__main__":
    main()
