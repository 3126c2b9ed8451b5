"""``harness clean``: what is left of runs in containers."""

from __future__ import annotations

import sys

import click

from fakenw.cli.terminal import say
from fakenw.journal.sentences import harmless
from harness.cli.running import needs_docker
from harness.report.text import UNKNOWN


@click.command(
    epilog="Exit codes: 0 done, 1 not all could be removed, 2 bad usage, or no Docker SDK, 3 no Docker Engine answers."
)
@click.option("--all", "everything", is_flag=True, help="Also those of runs on other machines that use this engine.")
def clean(everything: bool) -> None:
    """Remove what killed runs, and runs with --keep, left in Docker.

    Those of a run that has not ended are not removed.
    """
    needs_docker()
    from harness.runners.backend import Failed
    from harness.runners.containers import clean as remove

    try:
        removed, left = remove(everything)
    except Failed as problem:
        say(harmless(f"harness: {problem}"), err=True)
        sys.exit(UNKNOWN)
    for name in removed:
        say(f"removed {name}")
    for name in left:
        say(f"could not be removed: {name}", err=True)
    say(f"{len(removed)} removed")
    sys.exit(1 if left else 0)
