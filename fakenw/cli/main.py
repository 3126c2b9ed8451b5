"""The command line of the server: the names of its commands, each imported when it is used."""

from __future__ import annotations

import click

from fakenw.cli.program import Program

COMMANDS = {  # the line of each in --help is the first sentence of its own help
    "clear": ("fakenw.cli.remote:clear", "Clear a connection, as CLEAR STATION does."),
    "config": ("fakenw.cli.configuring:configuration", "Print an example of a configuration file, or check a file."),
    "connections": (
        "fakenw.cli.remote:connections",
        "The connection table, as MONITOR shows it.",
    ),
    "down": ("fakenw.cli.remote:down", "Bring the server down: it refuses all, and releases nothing."),
    "journal": ("fakenw.cli.remote:journal", "The journal, as sentences; with --json its lines."),
    "login": ("fakenw.cli.remote:login", "Open or close login, as ENABLE LOGIN and DISABLE LOGIN do."),
    "mark": ("fakenw.cli.remote:mark", "Write a mark: licenses held now are no longer needed."),
    "serve": ("fakenw.cli.serving:serve", "Run a server until SIGTERM, SIGHUP or Ctrl-C."),
    "set": ("fakenw.cli.remote:set_command", "Change a running server: its licenses, watchdog or clear_idle."),
    "wait": ("fakenw.cli.remote:wait", "Wait until a server answers NCP at HOST:PORT, or is ready."),
}


@click.group(cls=Program, where=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fakenw")
def main() -> None:
    """A NetWare server that keeps exact books on connection licenses.

    Start it with `fakenw serve`, point clients at it, and read its journal: which connections
    took a license, which released it, which still hold one.
    """
