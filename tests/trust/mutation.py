"""Mutation of the modules that keep the books and of those that judge them.

    python -m tests.trust.mutation --module ledger

Each mutant is tried in a copy of the project. A mutant that no test kills is a survivor; tests/trust/justified.yaml
lists those that may survive, each with the reason. The exit code is 1 where another one survives, or where a listed
one no longer does.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from tests.trust.mutant_operators import Mutant, mutants
from tests.trust.mutant_run import MutantRun, forked, functions

PROJECT = Path(__file__).parent.parent.parent
COPIED = ("fakenw", "harness", "benchmarks", "tests", "docs", "packaging", "pyproject.toml", "README.md")
# Imported once, before the forks, since a module of the project may not be: it may depend on the mutant.
LIBRARIES = (
    "hypothesis",
    "pydantic",
    "twisted.internet.defer",
    "twisted.internet.protocol",
    "yaml",
    "jinja2",
    "psutil",
)
OPTIONS = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore::pytest.PytestAssertRewriteWarning"]


@dataclass(frozen=True)
class Mutated:
    """A module that is mutated: its file and its tests."""

    name: str
    file: str
    tests: list[str]


class Copy:
    """A copy of the project in a directory of its own, in whose forks tests run."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.screen = os.dup(1)  # the forks write their standard output into a file
        for name in COPIED:
            source = PROJECT / name
            if source.is_dir():
                shutil.copytree(source, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, directory / name)
        for library in LIBRARIES:
            __import__(library)

    def pytest(self, tests: list[str], *plugins: MutantRun) -> int:
        """Run *tests* in this fork, where this directory takes the place of the project."""
        os.chdir(self.directory)
        with (self.directory / "output").open("w") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        for name in list(sys.modules):
            if name.partition(".")[0] in ("tests", "fakenw", "harness"):
                del sys.modules[name]
        sys.path[:] = [str(self.directory), *(path for path in sys.path if Path(path or ".").resolve() != PROJECT)]
        os.environ["CI"] = "true"  # the same random examples every time
        # A mutant of the same second and size as the original would go unnoticed among compiled files.
        sys.dont_write_bytecode = True
        return int(
            pytest.main(
                [*OPTIONS, "-m", "not process and not slow", *tests, f"--tb={'no' if plugins else 'short'}"],
                list(plugins),
            )
        )

    def tell(self, mutated: Mutated, mutant: Mutant) -> None:
        text = f"{mutated.file}:{mutant.number}: {mutant.operator}\n  - {mutant.line}\n  + {mutant.mutant}\n"
        os.write(self.screen, text.encode())

    def survivors(self, mutated: Mutated) -> tuple[int, list[Mutant]]:
        """How many mutants *mutated* has, and those that every test lets pass."""
        file, result = self.directory / mutated.file, self.directory / "survivors"
        original = file.read_text()
        known = functions(original, file)
        every = list(mutants(file))
        of_functions = [mutant for mutant in every if functions(mutant.code, file) != known]
        codes = [mutant.code for mutant in of_functions]
        run = MutantRun(file, codes, result, lambda place: self.tell(mutated, of_functions[place]))
        forked(lambda: self.pytest(mutated.tests, run), 36_000)
        places = json.loads(result.read_text()) if result.exists() else [-1]
        if places == [-1]:
            output = (self.directory / "output").read_text()[-2000:]
            raise click.ClickException(f"the tests of {mutated.name} fail without a mutant:\n{output}")
        survived = [of_functions[place] for place in places]
        try:
            for mutant in every:
                if mutant not in of_functions:
                    file.write_text(mutant.code)
                    if not forked(lambda: self.pytest(mutated.tests), 1800):
                        survived.append(mutant)
                        self.tell(mutated, mutant)
        finally:
            file.write_text(original)
        return len(every), sorted(survived, key=lambda mutant: mutant.number)


def read(name: str) -> Any:
    return yaml.safe_load((Path(__file__).parent / name).read_text()) or []


def configured() -> dict[str, Mutated]:
    return {name: Mutated(name, **fields) for name, fields in read("mutation.yaml").items()}


@click.command(help=__doc__)
@click.option(
    "--module", "names", multiple=True, type=click.Choice(list(configured())), help="Only this; can be repeated."
)
def main(names: tuple[str, ...]) -> None:
    modules = configured()
    reasons = {(each["module"], each["line"], each["mutant"]): each["reason"] for each in read("justified.yaml")}
    table, found = [], False
    with tempfile.TemporaryDirectory(prefix="mutation-") as directory:
        copy = Copy(Path(directory))
        for name in names or modules:
            began = time.monotonic()
            tried, survived = copy.survivors(modules[name])
            keys = {(name, mutant.line, mutant.mutant) for mutant in survived}
            unlisted = sorted(keys - reasons.keys())
            stale = sorted(key for key in reasons.keys() - keys if key[0] == name)
            found = found or bool(unlisted or stale)
            for _, line, mutant in stale:
                click.echo(f"{name}: listed, and killed or gone:\n  - {line}\n  + {mutant}")
            minutes = (time.monotonic() - began) / 60
            counts = f"{tried:5} mutants, {len(survived):3} survive, {len(unlisted):3} of them not justified"
            row = f"{name:20} {counts}, {minutes:5.1f} min"
            click.echo(row)
            table.append(row)
    click.echo("\n".join(["", *table]))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
