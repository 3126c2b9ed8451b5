"""Coverage-guided fuzzing of everything that reads foreign bytes, with atheris."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
import traceback
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import click

from tests.trust.fuzz.corpus import seeds
from tests.trust.fuzz.findings import keep
from tests.trust.fuzz.targets import TARGETS, target

PROJECT = Path(__file__).parents[3]
SHORT = 9  # seconds for each target
SLOW = 30  # seconds for one input are a finding


class Fuzzed(NamedTuple):
    """Inputs, covered edges, and the input that was not borne, if there is one."""

    inputs: int
    edges: int
    crash: bytes | None
    said: str


def fuzz(name: str, runs: int, seconds: int, seed: int) -> Fuzzed:
    """Give the target *name* so many inputs, or for so many seconds (0: without end), in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="fakenw-fuzz-") as temporary:
        corpus, found = Path(temporary) / "corpus", Path(temporary) / "found"
        corpus.mkdir()
        found.mkdir()
        inputs = seeds(name)
        for number, data in enumerate(inputs):
            (corpus / f"{number:05}").write_bytes(data)
        options = [f"-runs={runs or -1}", f"-max_total_time={seconds}", f"-timeout={SLOW}", f"-seed={seed}"]
        options += [f"-max_len={max(512, *(len(data) + 256 for data in inputs))}", f"-artifact_prefix={found}/"]
        options += ["-print_final_stats=1", "-rss_limit_mb=2048", "-len_control=0", str(corpus)]
        command = [sys.executable, "-m", "tests.trust.fuzz.child", name, *options]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, errors="replace")
        said = done.stdout + done.stderr
        crash = next((path.read_bytes() for path in sorted(found.iterdir())), None)
    counts = [int(count) for count in re.findall(r"^#(\d+)\s", said, re.M)]
    counts += [int(count) for count in re.findall(r"number_of_executed_units: (\d+)", said)]
    edges = [int(count) for count in re.findall(r" cov: (\d+)", said)]
    if crash is None and (done.returncode or not counts):
        raise click.ClickException(f"{name}: atheris ended with {done.returncode}: {said[-2000:]}")
    return Fuzzed(max(counts, default=0), max(edges, default=0), crash, said)


def replay(name: str, path: Path) -> None:
    """Give one input to a target, without atheris."""
    try:
        target(name)(path.read_bytes())
    except Exception:
        traceback.print_exc()
        sys.exit(1)
    print(f"{name}: nothing is raised for {path}")


@click.command()
@click.option("--target", "chosen", type=click.Choice([*TARGETS]), multiple=True, help="Only this; can be repeated.")
@click.option("--runs", default=20_000, show_default=True, help="Inputs for each target; 0: as --seconds says.")
@click.option("--seconds", default=0, help="At most so long for each target; 0: as --runs says.")
@click.option("--short", is_flag=True, help=f"{SHORT} seconds for each target, about two minutes in all.")
@click.option("--seed", default=1, show_default=True, help="Of atheris's choices.")
@click.option("--keep", "folder", default=Path(".fuzz"), type=click.Path(path_type=Path), show_default=True,
              help="Where the inputs of findings are written.")  # fmt: skip
@click.option("--replay", "again", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Give this input to the one --target, and do nothing else.")  # fmt: skip
def main(
    chosen: tuple[str, ...], runs: int, seconds: int, short: bool, seed: int, folder: Path, again: Path | None
) -> None:
    """Look for inputs that a reader of foreign bytes does not bear, beginning with real frames and files.

    A reader may refuse an input with its own error and a sentence. Anything else is a finding, as is something else
    than what was read when that is written and read again. Exit code 1 where there is a finding; its input is made
    small, and kept.

    \b
      python -m tests.trust.fuzz --short
      python -m tests.trust.fuzz --target layouts --runs 1000000
      python -m tests.trust.fuzz --target layouts --replay .fuzz/layouts-0123456789ab
    """
    if again is not None:
        if len(chosen) != 1:
            raise click.UsageError("--replay needs one --target")
        replay(chosen[0], again)
        return
    if find_spec("atheris") is None:
        raise click.UsageError("atheris is not installed; expected it here: pip install -e '.[trust]'")
    if not runs and not seconds and not short:
        raise click.UsageError("--runs 0 needs --seconds")
    print(f"{'target':18} {'inputs':>10} {'edges':>6} {'seconds':>8}  findings")
    total, wrong = 0, False
    for name in chosen or TARGETS:
        began = time.monotonic()
        fuzzed = fuzz(name, 0 if short else runs, SHORT if short else seconds, seed)
        total += fuzzed.inputs
        taken = time.monotonic() - began
        outcome = "none" if fuzzed.crash is None else "1"
        print(f"{name:18} {fuzzed.inputs:10} {fuzzed.edges:6} {taken:8.1f}  {outcome}", flush=True)
        if fuzzed.crash is not None:
            wrong = True
            path, what = keep(name, fuzzed.crash, folder)
            print(f"  {what[:500]}\n  again: python -m tests.trust.fuzz --target {name} --replay {path}", flush=True)
    print(f"{'all':18} {total:10}")
    sys.exit(int(wrong))


if __name__ == "__main__":
    main()
