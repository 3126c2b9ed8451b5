"""The options of commands with many independent runs: where the runs are carried out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import click
from click.core import ParameterSource

from harness.cli.parameters import options
from harness.report.output import exit_with_usage_error
from harness.runners.workers import ProcessWorkers, Workers, WorkersError

WORKERS = options(
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        envvar="FAKENW_WORKERS",
        show_envvar=True,
        help="The number of processes for runs on memory. Default: one for each processor.",
    ),
    click.option(
        "--cluster",
        metavar="ADDRESS",
        help="Instead of processes the workers of a cluster of Dask; HOST:PORT of its scheduler. See docs/load.md.",
    ),
)


def option_given(*names: str) -> str | None:
    """The first of these options that stands on the command line."""
    context = click.get_current_context()
    return next(
        (f"--{name}" for name in names if context.get_parameter_source(name) is ParameterSource.COMMANDLINE), None
    )


@contextmanager
def workers_of(count: int | None, cluster: str | None, runs: int | None = None) -> Iterator[Workers]:
    """*count* processes, None: one for each processor; or the workers of the *cluster* with that address.

    For a single process, or a single one of so many *runs*, it is this process. Ends the program where there is no such
    cluster. A WorkersError that is raised later is for the command to tell.
    """
    count = min([count or os.cpu_count() or 1, *([] if runs is None else [runs])])
    made = Workers()
    try:
        if cluster is not None:
            from harness.runners.cluster_workers import ClusterWorkers

            made = ClusterWorkers(cluster)
        elif count > 1:
            made = ProcessWorkers(count)
    except ImportError:
        exit_with_usage_error("--cluster needs Dask: pip install 'fakenw[cluster]'")
    except WorkersError as problem:
        exit_with_usage_error(problem)
    with made:
        yield made
