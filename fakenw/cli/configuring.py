"""``fakenw config``: an example of a configuration file, and the mistakes of one."""

from __future__ import annotations

import click

from fakenw.cli.parameters import ConfigParam
from fakenw.config.server_file import ConfigFile, example


@click.command("config", epilog="Exit codes: 0 no mistakes, 2 bad usage, or mistakes in the file.")
@click.option("--example", "shown", is_flag=True, help="Print a file that shows and explains all fields.")
@click.option("--check", "file", type=ConfigParam(), help="Look for mistakes in a file.")
def configuration(shown: bool, file: ConfigFile | None) -> None:
    """Print an example of a configuration file, or check a file.

    \b
    fakenw config --example >lab.yaml
    fakenw config --check lab.yaml && fakenw serve --config lab.yaml
    """
    if shown == (file is not None):
        raise click.UsageError("expected either --example or --check FILE")
    if file is None:
        click.echo(example(), nl=False)
    else:
        click.echo("no mistakes", err=True)
