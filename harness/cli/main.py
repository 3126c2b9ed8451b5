"""The command line of the harness: only its modules read arguments, signals and the wall clock."""

from __future__ import annotations

import click

from fakenw.cli.program import Program

COMMANDS = {  # the line of each in --help is the first sentence of its own help
    "assert": ("harness.cli.asserting:assert_command", "Assert something of a server that runs."),
    "check": (
        "harness.cli.checking:check",
        "Judge run directories, the journals of one run, or captures of a server's wire.",
    ),
    "clean": ("harness.cli.cleaning:clean", "Remove what killed runs, and runs with --keep, left in Docker."),
    "diagnose": ("harness.cli.diagnosing:diagnose", "Tell whether the bug of Q257223 holds a real server's licenses."),
    "exec": ("harness.cli.running:exec_command", "Run COMMAND against a server that is started for it, and judge it."),
    "explain": ("harness.cli.authoring:explain", "Explain a scenario: what its clients do, and what the servers see."),
    "explore": (
        "harness.cli.exploring:explore",
        "Search for the moment that leaks: a schedule under which a client does not give its license back.",
    ),
    "hold": ("harness.cli.holding:hold", "Acquire a license of a server by hand, hold it, and release it."),
    "list": ("harness.cli.authoring:list_scenarios", "List the catalogue: ids, titles, sources, variants."),
    "load": ("harness.cli.load:load_command", "Exhaust a server's licenses with many clients."),
    "matrix": ("harness.cli.authoring:matrix", "Apply each repair to each scenario: what it cures or makes worse."),
    "new": ("harness.cli.authoring:new", "Write a commented scenario to FILE, as a start."),
    "run": ("harness.cli.running:run", "Run scenarios: all, ids of the catalogue, or YAML files."),
    "schema": ("harness.cli.authoring:schema", "Print the JSON Schema of scenario files, for editors."),
}


@click.group(cls=Program, where=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fakenw")
def main() -> None:
    """Does a client release its NetWare connection license?

    Start with `harness run Q257223`, which shows the bug and its repairs. Then test your own client
    with `harness exec -- COMMAND {host} {port}`.

    Exit codes: 0 every verdict is the expected one, 1 one is not, 2 bad usage, 3 a verdict is unknown.
    """
