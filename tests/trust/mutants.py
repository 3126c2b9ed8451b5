"""Plants single mistakes in a copy of the project, and shows what catches each: a test, the judge, or both.

A mistake is an entry of ``tests/trust/planted/*.yaml``: a piece of text in a file of the project and what replaces it,
the tests that must fail, and the runs of ``tests.trust.probe`` in which the judge must tell. Where one of the two
cannot catch it, the entry says why.
"""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import click
import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

PROJECT = Path(__file__).parents[2]
PLANTED = Path(__file__).parent / "planted"
COPIED = ("fakenw", "harness", "tests", "docs", "pyproject.toml", "README.md")
LONGEST = 160  # characters of a cell
SECONDS = 300  # for the tests of one mistake, or the judge's runs; more than that is a mistake that makes a loop
PAGE_HEAD = """# Planted mistakes, and what catches each

`make trust` plants them one at a time in a copy of the project; [trust.md](trust.md) says how. This page was written by
`python -m tests.trust.mutants --page docs/mutants.md`.

| mistake | where | test | judge |
|---|---|---|---|
"""

Text = Annotated[str, Field(min_length=1)]


class Mutant(BaseModel):
    """One mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    what: Text
    file: Text
    old: Text  # stands in the file exactly once
    new: str
    tests: list[Text] | Annotated[str, Field(min_length=20)]  # node ids; or why no test can catch it
    judge: list[Text] | Annotated[str, Field(min_length=20)]  # runs of the probe; or why the judge cannot catch it

    @property
    def where(self) -> str:
        return self.file.removesuffix(".py")


@dataclass(frozen=True)
class Finding:
    """What the tests or the judge made of a mistake."""

    kind: Literal["caught", "crashed", "survived", "excused"]
    text: str


@dataclass(frozen=True)
class Outcome:
    """What became of a planted mistake."""

    mutant: Mutant
    test: Finding
    judge: Finding

    @property
    def survived(self) -> bool:
        """Neither of the two caught it, or one of the two did not although it should have."""
        kinds = self.test.kind, self.judge.kind
        return "survived" in kinds or "crashed" in kinds or "caught" not in kinds


def planted(folder: Path = PLANTED) -> dict[str, list[Mutant]]:
    """The entries of each file. Raises click.UsageError where one is no entry, or two have the same id."""
    found: dict[str, list[Mutant]] = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            found[path.stem] = TypeAdapter(list[Mutant]).validate_python(yaml.safe_load(path.read_text()))
        except (yaml.YAMLError, ValidationError) as problem:
            raise click.UsageError(f"{path.name}: {problem}") from problem
    twice = [id for id, count in Counter(m.id for mutants in found.values() for m in mutants).items() if count > 1]
    if twice:
        raise click.UsageError(f"two mistakes have the id {', '.join(twice)}")
    return found


class Copy:
    """A copy of the project in a folder of its own, in which one mistake at a time is planted."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in COPIED:
            source = PROJECT / name
            if source.is_dir():
                shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, root / name)
        self._edits = 0

    @contextmanager
    def planted(self, mutant: Mutant) -> Iterator[None]:
        """The copy with *mutant* in it. Raises click.ClickException where its text does not stand there once."""
        path = self.root / mutant.file
        if not path.is_file():
            raise click.ClickException(f"{mutant.id}: there is no file {mutant.file}")
        text, times = path.read_text(), path.stat()
        if text.count(mutant.old) != 1:
            raise click.ClickException(
                f"{mutant.id}: its text stands {text.count(mutant.old)} times in {mutant.file}, expected once"
            )
        path.write_text(text.replace(mutant.old, mutant.new))
        self._edits += 1
        # Python compares the second and the size alone to tell whether compiled code is stale.
        os.utime(path, (times.st_atime, times.st_mtime + 10 * self._edits))
        try:
            yield
        finally:
            path.write_text(text)
            os.utime(path, (times.st_atime, times.st_mtime))

    def python(self, *arguments: str) -> tuple[int, str]:
        """Run Python there; its exit code and output. A run that does not end is killed, and has no code (-1)."""
        environment = {**os.environ, "PYTHONPATH": str(self.root), "CI": "1", "PYTHONHASHSEED": "0"}
        with subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            try:
                output, _ = process.communicate(timeout=SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return -1, process.communicate()[0]
            return process.returncode, output

    def try_tests(self, mutant: Mutant) -> Finding:
        if isinstance(mutant.tests, str):
            return Finding("excused", mutant.tests)
        options = ("-q", "-x", "-p", "no:cacheprovider", "-p", "tests.trust.failures", "--no-header", "--tb=no")
        code, output = self.python("-m", "pytest", *options, *mutant.tests)
        if code == 0:
            return Finding("survived", "its tests pass")
        if code == -1:
            return Finding("caught", "its tests do not end")
        failed = re.search(r"^failed (\S+) by (\w+)$", output, re.MULTILINE)
        if failed is None:
            return Finding("crashed", f"pytest ended with {code}: {output.strip()[-300:]}")
        name, kind = failed.groups()
        return Finding("caught" if kind == "judgement" else "crashed", name)

    def try_judge(self, mutant: Mutant) -> Finding:
        if isinstance(mutant.judge, str):
            return Finding("excused", mutant.judge)
        code, output = self.python("-m", "tests.trust.probe", *mutant.judge)
        told = re.search(r"^told (.*)$", output, re.MULTILINE)
        if told:
            return Finding("caught", told[1])
        if code == 0:
            return Finding("survived", "every run is judged as before")
        return Finding("crashed", output.strip()[-300:])

    def outcome(self, mutant: Mutant) -> Outcome:
        with self.planted(mutant):
            return Outcome(mutant, self.try_tests(mutant), self.try_judge(mutant))


def healthy(copy: Copy, mutants: list[Mutant]) -> str | None:
    """What the tests or the judge find wrong without any mistake; None where all is well."""
    tests = sorted({name for mutant in mutants for name in mutant.tests if not isinstance(mutant.tests, str)})
    runs = sorted({name for mutant in mutants for name in mutant.judge if not isinstance(mutant.judge, str)})
    for arguments in (
        ("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests),
        ("-m", "tests.trust.probe", *runs),
    ):
        code, output = copy.python(*arguments)
        if code:
            return output.strip()[-1500:]
    return None


def outcomes(mutants: list[Mutant], workers: int, folder: Path) -> Iterator[Outcome]:
    """Each mistake's outcome, as it comes. Raises click.ClickException if the project is not well without one."""
    copies: queue.SimpleQueue[Copy] = queue.SimpleQueue()
    first = Copy(folder / "0")
    ill = healthy(first, mutants)
    if ill is not None:
        raise click.ClickException(f"without any mistake planted:\n{ill}")
    copies.put(first)
    for number in range(1, workers):
        copies.put(Copy(folder / str(number)))

    def tried(mutant: Mutant) -> Outcome:
        copy = copies.get()
        try:
            return copy.outcome(mutant)
        finally:
            copies.put(copy)

    with ThreadPoolExecutor(workers) as pool:
        try:
            for future in as_completed([pool.submit(tried, mutant) for mutant in mutants]):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def cell(finding: Finding) -> str:
    text = textwrap.shorten(finding.text, LONGEST, placeholder=" ...").replace("|", "\\|")
    return text if finding.kind == "caught" else f"{finding.kind}: {text}"


def page(done: list[Outcome]) -> str:
    """The table, as docs/mutants.md has it."""
    rows = [f"| {o.mutant.what} | `{o.mutant.where}` | {cell(o.test)} | {cell(o.judge)} |\n" for o in done]
    return f"{PAGE_HEAD}{''.join(rows)}\n{summary(done)}\n"


def summary(done: list[Outcome]) -> str:
    caught = Counter((o.test.kind == "caught", o.judge.kind == "caught") for o in done if not o.survived)
    return (
        f"{len(done)} mistakes: {caught[True, True]} caught by a test and by the judge, {caught[True, False]} by a test"
        f" alone, {caught[False, True]} by the judge alone, {sum(o.survived for o in done)} not as they should be."
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--only", "wanted", multiple=True, metavar="ID", help="Only this mistake, or those of this file.")
@click.option("--workers", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True)
@click.option("--page", "to", type=click.Path(dir_okay=False, path_type=Path), help="Write the table as Markdown.")
def main(wanted: tuple[str, ...], workers: int, to: Path | None) -> None:
    """Plant each mistake of tests/trust/planted in a copy of the project, and show what catches it.

    Exit code 1: one was caught neither by its tests nor by the judge, or by a crash alone.
    """
    files = planted()
    mutants = [mutant for entries in files.values() for mutant in entries]
    if wanted:
        chosen = {id for name in wanted for id in [name, *(mutant.id for mutant in files.get(name, []))]} - files.keys()
        unknown = chosen - {mutant.id for mutant in mutants}
        if unknown:
            raise click.UsageError(f"there is no mistake {', '.join(sorted(unknown))}")
        mutants = [mutant for mutant in mutants if mutant.id in chosen]
    began, done = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="fakenw-trust-") as folder:
        for outcome in outcomes(mutants, workers, Path(folder)):
            done.append(outcome)
            mark = "NOT CAUGHT" if outcome.survived else "caught"
            click.echo(f"{len(done):3}/{len(mutants)} {mark} {outcome.mutant.id}: {outcome.mutant.what}")
            click.echo(f"        test:  {cell(outcome.test)}\n        judge: {cell(outcome.judge)}")
    order = {mutant.id: place for place, mutant in enumerate(mutants)}
    done.sort(key=lambda outcome: order[outcome.mutant.id])
    if to:
        to.write_text(page(done))
    click.echo(f"{summary(done)} {time.monotonic() - began:.0f} s")
    sys.exit(any(outcome.survived for outcome in done))


if __name__ == "__main__":
    main()
