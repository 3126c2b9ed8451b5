"""``harness hold``: a license held by hand."""

from __future__ import annotations

import sys
import threading

import click

from fakenw.cli.terminal import say
from fakenw.core.peer import Peer
from fakenw.journal.sentences import harmless
from harness.cli.parameters import IP_TRANSPORT, DurationParam
from harness.cli.stopping import stop_on_signals
from harness.client.attachment import Account
from harness.report.output import exit_with_usage_error
from harness.runners.hold import hold as hold_license


@click.command(epilog="Exit codes: 0 held and released, 1 no license, or it was lost, 2 bad usage.")
@click.argument("address", metavar="HOST:PORT")
@click.option("--user", default="GUEST", show_default=True, metavar="NAME[:PASSWORD]", help="The account.")
@click.option("--for", "how_long", type=DurationParam(), default="60s", show_default=True, help="How long to hold.")
@click.option("--no-logout", is_flag=True, help="End without logging out.")
@IP_TRANSPORT
def hold(address: str, user: str, how_long: int, no_logout: bool, transport: str | None) -> None:
    """Acquire a license of a server by hand, hold it, and release it. Ctrl-C releases it at once."""
    try:
        peer = Peer.parse(f"{transport or 'tcp'}:{address}")
    except ValueError:
        exit_with_usage_error(f"{address} is not HOST:PORT")
    stop = threading.Event()

    def connected() -> None:  # from now on there is something to give back
        stop_on_signals(stop)

    problem = hold_license(
        peer.address,
        peer.transport,
        Account.parse(user),
        how_long,
        log_out=not no_logout,
        report=say,
        connected=connected,
        stopped=stop.is_set,
    )
    if problem:
        say(harmless(f"harness: {problem}"), err=True)
        sys.exit(1)
