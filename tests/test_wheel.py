"""What `make wheel` makes, in an empty environment: docs/tutorial.md word for word, and README's commands.

pip takes what fakenw depends on from the index that it is set up with, as `make venv` does.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.pages import Block, blocks
from tests.programs import CLIENTS

PROJECT = Path(__file__).parent.parent
TUTORIAL, README = PROJECT / "docs" / "tutorial.md", PROJECT / "README.md"
WHEEL = f"fakenw-{version('fakenw')}-py3-none-any.whl"
VOLATILE = (  # what differs from run to run, and what is compared in its place
    (r"127\.0\.0\.1:\d+", "ADDRESS"),
    (r"\b0:00:\d\d\b", "TIME"),
    (r"\b\d+\.\d\ds\b", "SECONDS"),
    (r"(/[\w.-]+)+(?=/server-1/|/\.fakenw/)", "FOLDER"),
)

pytestmark = pytest.mark.process


def section(page: Path, title: str) -> list[Block]:
    return [block for block in blocks(page) if block.section == title]


def run(folder: Path, command: str, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run a line as a user's shell in *folder* does: it sees nothing of our environment but how pip finds packages."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name in ("HOME", "TMPDIR")}
    programs = f"{path}{Path(sys.executable).resolve().parent}:/usr/bin:/bin"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**kept, "PATH": programs, "COLUMNS": "80", "LANG": "C.UTF-8", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=200,
    )


def without_what_differs(text: str) -> str:
    for pattern, word in VOLATILE:
        text = re.sub(pattern, word, text)
    return text


def follow(found: list[Block], folder: Path) -> None:
    """Write each file, or add it to the end of one (``>>``); run each command, and compare its output."""
    for block in found:
        if block.language == "python":
            with (folder / block.mark.removeprefix(">>")).open("a" if block.mark.startswith(">>") else "w") as file:
                file.write(block.content)
        for command, shown in block.commands() if block.language == "console" else []:
            output = "".join(f"{line}\n" for line in shown)
            assert without_what_differs(run(folder, command).stdout) == without_what_differs(output), command


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nothing but the wheel, and what the first block of the tutorial makes of it."""
    subprocess.run(["make", "-s", "wheel"], cwd=PROJECT, check=True, capture_output=True, timeout=200)
    folder = tmp_path_factory.mktemp("empty")
    shutil.copy(PROJECT / "dist" / WHEEL, folder)
    follow(section(TUTORIAL, "Install")[:1], folder)
    return folder


def test_the_tutorial(folder: Path) -> None:
    """Word for word; from the wheel to the green test there are five commands."""
    chapters = [section(TUTORIAL, title) for title in ("An agent", "A red test", "The repair", "In a shell")]
    for chapter in chapters:
        follow(chapter, folder)
    to_green = [*section(TUTORIAL, "Install")[:1], *chapters[1], *chapters[2]]
    assert len([command for block in to_green if block.language == "console" for command, _ in block.commands()]) == 5


def test_other_ways_to_install(folder: Path, tmp_path: Path) -> None:
    """From a path and from a git URL, each into a folder of its own; and an extra."""
    if not (PROJECT / ".git").exists():
        pytest.skip("the project is no git repository here")
    source = tmp_path / "fakenw"
    subprocess.run(["git", "clone", "-q", PROJECT, source], check=True, capture_output=True, timeout=60)
    _, other, extra = section(TUTORIAL, "Install")
    for number, (command, _) in enumerate(other.commands()):
        aside = command.replace("venv/", f"{folder}/venv/").replace("/srv/git/fakenw", str(source))
        assert run(tmp_path, f"{aside} --no-deps --target {number}").stdout == ""
        assert (tmp_path / str(number) / "bin" / "harness").exists()
    follow([extra], folder)
    assert run(folder, "venv/bin/pip show -q regipy").returncode == 0


def test_what_readme_says(folder: Path, tmp_path: Path) -> None:
    """From another folder: the commands of its first part, its test, and its line for a shell."""
    text, programs = README.read_text(encoding="utf-8"), f"{tmp_path}:{folder}/venv/bin:"
    (seen, *_) = section(README, "What you will see")
    ((_, shown),) = seen.commands()
    assert run(tmp_path, "harness run Q257223", programs).stdout.splitlines() == shown
    assert run(tmp_path, "fakenw --help", programs).stdout.startswith("Usage: fakenw")
    report = re.findall(r"`(harness run [^`]* --report )DIR`", text)
    assert len(report) == 1
    assert run(tmp_path, f"{report[0]}evidence", programs).returncode == 0
    assert (tmp_path / "evidence" / "report.html").exists()

    (test,) = section(README, "In your tests")
    (tmp_path / "test_it.py").write_text(f"import subprocess\nimport pytest\n\n{test.content}")
    (exec_line,) = re.findall(r"`(harness exec -- \./my-agent [^`]*)`", text)
    for how, code in (("", 0), ("--no-logout", 1)):
        (tmp_path / "my-agent").write_text(f'#!/bin/sh\nexec perl {CLIENTS / "ncp.pl"} --transport tcp {how} "$@"\n')
        (tmp_path / "my-agent").chmod(0o755)
        for command in ("pytest -q", exec_line):
            done = run(tmp_path, command, programs)
            assert done.returncode == code, done.stdout
