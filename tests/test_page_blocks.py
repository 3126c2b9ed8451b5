"""Every command on a page is run by a test, or marked as not run; and each of ours exists, with its options."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
import yaml

from fakenw.cli.main import main as fakenw
from harness.cli.main import main as harness
from tests.pages import ROOT, SHELLS, Block, blocks, inline_code, pages

PROGRAMS = {"fakenw": fakenw, "harness": harness}
BLOCKS = [block for page in pages() for block in blocks(page)]
AGENT = '#!/bin/sh\nexec harness hold --for 50ms --transport "${FAKENW_TRANSPORT:-tcp}" "$1:$2"\n'
SECTIONS = {
    f"{block.page.name}: {block.section}": [
        one for one in BLOCKS if (one.page, one.section) == (block.page, block.section)
    ]
    for block in BLOCKS
    if block.mark == "run"
}


def test_every_block_says_what_it_is() -> None:
    """Its language, and of commands which test runs them, or why none does."""
    assert [block.place for block in BLOCKS if not block.language] == []
    unmarked = [f"{block.place}: {block.mark}" for block in BLOCKS if block.language in SHELLS and not is_marked(block)]
    assert unmarked == [], "expected run, the test that runs it, or not-run: REASON"


def is_marked(block: Block) -> bool:
    """A test that runs the block names its page."""
    tests = (ROOT / "tests").rglob(block.mark) if block.mark.endswith(".py") else ()
    return (
        block.mark == "run"
        or block.mark.startswith("not-run: ")
        or any(block.page.name in test.read_text(encoding="utf-8") for test in tests)
    )


def test_python_and_yaml_can_be_read() -> None:
    for block in BLOCKS:
        if block.language == "python":
            compile(block.content, block.place, "exec")
        elif block.language == "yaml":
            assert yaml.safe_load(block.content), block.place


@pytest.mark.process
@pytest.mark.parametrize("section", SECTIONS)
def test_commands_of_a_section(section: str, tmp_path: Path) -> None:
    """They work. Of a console every shown line is printed so, or begins so; "..." stands for more."""
    (tmp_path / "my-agent").write_text(AGENT)
    (tmp_path / "my-agent").chmod(0o755)
    for block in SECTIONS[section]:
        if block.language not in SHELLS and block.mark:
            file = tmp_path / block.mark
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.content, encoding="utf-8")
    for block in SECTIONS[section]:
        if block.mark == "run" and block.language == "sh":
            done = shell(f"set -e\n{block.content}", tmp_path)
            assert done.returncode == 0, done.stdout + done.stderr
        elif block.mark == "run":
            for command, shown in block.commands():
                done = shell(command, tmp_path)
                printed = (done.stdout + done.stderr).splitlines()
                missing = [line for line in shown if line != "..." and not any(one.startswith(line) for one in printed)]
                assert missing == [], done.stdout + done.stderr
                assert "Traceback" not in done.stderr


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"PATH={Path(sys.executable).parent}:/usr/bin:/bin"
    return subprocess.run(["env", path, "bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=120)


def test_every_command_exists() -> None:
    """In running text and in blocks: the command, its options, the target of make, the module of python -m."""
    wrong = [
        f"{page.relative_to(ROOT)}: {code}: {problem}"
        for page in pages()
        if page.name != "CHANGES.md"  # which tells of what was, too
        for code in inline_code(page.read_text(encoding="utf-8"))
        for problem in problems(code)
    ]
    for block in BLOCKS:
        if block.language in SHELLS:
            lines = [command for command, _ in block.commands()] if block.language == "console" else [block.content]
            wrong += [f"{block.place}: {problem}" for line in lines for problem in problems(line)]
    assert wrong == []


def problems(code: str) -> Iterator[str]:
    """What is wrong with the commands in *code*, if there are any."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for name, *words in commands(code):
        match Path(name).name, words:
            case ("fakenw" | "harness") as program, [first, *rest]:
                yield from unknown_words(program, first, rest)
            case "make", [target, *_] if "=" not in target and target not in targets:
                yield f"make has no target {target}"
            case "python" | "python3", ["-m", module, *_] if find_spec(module) is None:
                yield f"there is no module {module}"


def commands(code: str) -> Iterator[list[str]]:
    """The simple commands of a script, each as its words."""
    for line in code.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&()<>")
        lexer.commenters = "#"
        lexer.whitespace_split = True
        words: list[str] = []
        with suppress(ValueError):  # a quotation mark that is none, in running text
            for word in [*lexer, ";"]:
                if word not in (";", "&", "&&", "|", "||", "(", ")"):
                    words.append(word)
                elif words:
                    yield words
                    words = []


def unknown_words(program: str, name: str, words: list[str]) -> Iterator[str]:
    if name in ("--help", "--version"):
        return
    command = PROGRAMS[program].get_command(click.Context(PROGRAMS[program]), name)
    if command is None:
        yield f"{program} has no command {name}"
        return
    if isinstance(command, click.Group) and words and not words[0].startswith(("-", "[")):
        inner = command.get_command(click.Context(command), words[0])
        if inner is None:
            yield f"{program} {name} has no command {words[0]}"
            return
        command, name, words = inner, f"{name} {words[0]}", words[1:]
    known = {one for option in command.params for one in (*option.opts, *option.secondary_opts)} | {"--help"}
    for word in words[: words.index("--") if "--" in words else None]:
        if word.startswith("-") and word != "-" and word.partition("=")[0] not in known:
            yield f"{program} {name} has no option {word}"


def test_a_wrong_command_is_told() -> None:
    """So that the check above is not blind; what stands behind -- is another program's."""
    assert list(problems("fakenw serve --users-file FILE|- | venv/bin/harness check --wall x.jsonl")) == []
    assert list(problems("harness exec --within=30s -- ./agent --verbose; make test; python -m benchmarks")) == []
    assert list(problems("fakenw fault ad busy; fakenw fault add busy --staton x")) == [
        "fakenw fault has no command ad",
        "fakenw fault add has no option --staton",
    ]
    wrong = (
        "fakenw sevre && venv/bin/harness run S3 --fast | harness check --slow; make tests; python3 -m harness.bench"
    )
    assert list(problems(wrong)) == [
        "fakenw has no command sevre",
        "harness run has no option --fast",
        "harness check has no option --slow",
        "make has no target tests",
        "there is no module harness.bench",
    ]
