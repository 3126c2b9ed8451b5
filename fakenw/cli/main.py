"""The command line of the server: the names of its commands, each imported when it is used."""

from __future__ import annotations

import click

from fakenw.cli.program import Program

COMMANDS = {  # the line of each in --help is the first sentence of its own help
    "advance": ("fakenw.cli.remote:advance", "Advance the clock: what is due in the next hours happens now."),
    "clear": ("fakenw.cli.remote:clear", "Clear a connection, as CLEAR STATION does."),
    "config": ("fakenw.cli.configuring:configuration", "Print an example of a configuration file, or check a file."),
    "connections": (
        "fakenw.cli.remote:connections",
        "The connection table, as MONITOR shows it.",
    ),
    "down": ("fakenw.cli.remote:down", "Bring the server down: it refuses all, and releases nothing."),
    "fault": ("fakenw.cli.faults:fault", "Delay and lose packets, be slow, busy or closed: on purpose."),
    "journal": ("fakenw.cli.following:journal", "The journal, as sentences; with --json its lines."),
    "licenses": ("fakenw.cli.remote:licenses", "The licenses that are held, the one idle for longest first."),
    "login": ("fakenw.cli.remote:login", "Open or close login, as ENABLE LOGIN and DISABLE LOGIN do."),
    "mark": ("fakenw.cli.remote:mark", "Write a mark: licenses held now are no longer needed."),
    "message": ("fakenw.cli.remote:message", "Leave a message of up to 58 characters, as BROADCAST does."),
    "reset": ("fakenw.cli.remote:reset", "End all connections and free all licenses, as at the start."),
    "serve": ("fakenw.cli.serving:serve", "Run a server until SIGTERM, SIGHUP or Ctrl-C."),
    "set": ("fakenw.cli.remote:set_command", "Change a running server: its licenses, watchdog or clear_idle."),
    "wait": ("fakenw.cli.following:wait", "Wait until a server answers NCP at HOST:PORT, or is ready."),
    "wire": ("fakenw.cli.wire:wire", "Why does a client not come in over IPX? From captures of its wire."),
}


@click.group(cls=Program, where=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fakenw")
def main() -> None:
    """A NetWare server that keeps exact books on connection licenses.

    Start it with `fakenw serve`, point clients at it, and read its journal: which connections
    took a license, which released it, which still hold one.
    """
