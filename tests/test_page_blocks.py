"""Every command on a page is run by a test, or marked as not run; and each of ours exists, with its options."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from fakenw.cli.main import main as fakenw
from harness.cli.main import main as harness
from tests.pages import ROOT, SHELLS, Block, blocks, inline_code, pages

PROGRAMS = {"fakenw": fakenw, "harness": harness}
BLOCKS = [block for page in pages() for block in blocks(page)]
AGENT = '#!/bin/sh\nexec harness hold --for 50ms --transport "${FAKENW_TRANSPORT:-tcp}" "$1:$2"\n'
SECTIONS = {
    f"{block.page.name}: {block.section}": [other for other in BLOCKS if other[:3:2] == block[:3:2]]
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


@pytest.mark.process
@pytest.mark.parametrize("section", SECTIONS)
def test_commands_of_a_section(section: str, tmp_path: Path) -> None:
    """They work. Of a console every shown line is printed so, or begins so; "..." stands for more."""
    (tmp_path / "my-agent").write_text(AGENT)
    (tmp_path / "my-agent").chmod(0o755)
    for block in SECTIONS[section]:
        if block.language not in SHELLS and block.mark:
            (tmp_path / block.mark).write_text(block.content, encoding="utf-8")
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
    for words in commands(code):
        if words[0] in PROGRAMS:
            yield from unknown_words(words[0], words[1:])
        elif words[0] == "make" and len(words) > 1 and "=" not in words[1]:
            if not re.search(
                rf"^{re.escape(words[1])}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
            ):
                yield f"make has no target {words[1]}"
        elif Path(words[0]).name == "python" and words[1:2] == ["-m"] and words[2:] and find_spec(words[2]) is None:
            yield f"no module {words[2]}"


def commands(code: str) -> Iterator[list[str]]:
    """The simple commands of a script, each as its words without redirections."""
    for line in code.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&()<>")
        lexer.commenters = "#"
        lexer.whitespace_split = True
        words: list[str] = []
        try:
            for word in [*lexer, ";"]:
                if set(word) <= set(";&()"):
                    if words:
                        yield words
                    words = []
                elif word == "|":
                    yield from [words] if words else []
                    words = []
                else:
                    words.append(word)
        except ValueError:  # a quotation mark that is none, in running text
            continue


def unknown_words(program: str, words: list[str]) -> Iterator[str]:
    if not words or words[0] in ("--help", "--version"):
        return
    command = PROGRAMS[program].get_command(click.Context(PROGRAMS[program]), words[0])
    if command is None:
        yield f"{program} has no command {words[0]}"
        return
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}
    for word in words[1 : words.index("--") if "--" in words else None]:
        if word.startswith("-") and word != "-" and word.partition("=")[0] not in known:
            yield f"{program} {words[0]} has no option {word}"
