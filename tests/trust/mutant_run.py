"""Tests run against mutants, each in a fork of one collected pytest session.

A mutant of a function replaces the code of the loaded function; only the tests that reach this function run, the
quickest first. A mutant of what runs at import is written into the file, and the session begins anew.
"""

from __future__ import annotations

import ast
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType, FunctionType

import pytest

Key = tuple[str, int]  # of a function: its qualified name and its first line
Functions = dict[Key, CodeType]


def functions(source: str | ast.Module, file: Path) -> Functions:
    """The code of every function that a module has; that of an inner one is a constant of the outer one's too."""
    found: Functions = {}
    waiting = [compile(source, str(file), "exec", dont_inherit=True)]
    while waiting:
        code = waiting.pop()
        if code.co_flags & CO_OPTIMIZED:
            found[code.co_qualname, code.co_firstlineno] = code
        waiting += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return found


def loaded(file: Path) -> list[FunctionType]:
    """The functions of *file* that exist."""
    return [f for f in gc.get_objects() if isinstance(f, FunctionType) and f.__code__.co_filename == str(file)]


def replace(existing: list[FunctionType], codes: Functions) -> None:
    for function in existing:
        with suppress(ValueError):  # an inner function that does not use what the original uses
            function.__code__ = codes[function.__code__.co_qualname, function.__code__.co_firstlineno]


class Reaching(ast.NodeTransformer):
    """Adds to each function a first statement that notes that it was reached."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        line = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        note = ast.parse(f"__import__('sys').reached.add(({node.name!r}, {line}))").body[0]
        for part in ast.walk(note):
            if isinstance(part, ast.expr | ast.stmt):
                part.lineno = part.end_lineno = node.body[0].lineno
                part.col_offset = part.end_col_offset = 0
        node.body.insert(0, note)
        return node


def forked(act: Callable[[], int], limit: float) -> int:
    """The exit code of *act* in a fork; 124 after *limit* seconds."""
    sys.stdout.flush()
    child = os.fork()
    if not child:
        code = 70
        try:
            code = act()
        finally:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
            os._exit(code)
    ends, pause = time.monotonic() + limit, 0.002
    while time.monotonic() < ends:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(pause)
        pause = min(0.05, pause * 1.5)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 124


class MutantRun:
    """A pytest plugin: in place of the tests' loop it runs the loop once for each mutant of *codes*.

    It calls *survives* with the place of each survivor in *codes*, and writes all of them to *result*; -1 if the tests
    fail without a mutant.
    """

    def __init__(self, file: Path, codes: list[str], result: Path, survives: Callable[[int], None]) -> None:
        self.file, self.codes, self.result, self.survives = file, codes, result, survives
        self.original = file.read_text()
        self.existing: list[FunctionType] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = session.items
        self.existing = loaded(self.file)
        gc.freeze()  # so that a fork shares its memory
        if forked(lambda: self.observe(items), 1800):
            self.result.write_text("[-1]")
            return True
        noted: list[tuple[float, list[list[object]]]] = json.loads(self.result.read_text())
        order = sorted(range(len(items)), key=lambda place: noted[place][0])
        old, survived = functions(self.original, self.file), []
        for number, code in enumerate(self.codes):
            new = functions(code, self.file)
            changed = [[key[0].rpartition(".")[2], key[1]] for key in old if new.get(key) != old[key]]
            chosen = [place for place in order if any(key in noted[place][1] for key in changed)]
            limit = 10 + 5 * sum(noted[place][0] for place in chosen)
            if not forked(partial(self.meet, new, [items[at] for at in chosen]), limit):
                survived.append(number)
                self.survives(number)
        self.result.write_text(json.dumps(survived))
        return True

    def observe(self, items: list[pytest.Item]) -> int:
        """Run every test once: how long it takes, and what it reaches."""
        tree = ast.fix_missing_locations(Reaching().visit(ast.parse(self.original)))
        replace(self.existing, functions(tree, self.file))
        noted = []
        for place, item in enumerate(items):
            sys.reached = set()  # type: ignore[attr-defined]
            began = time.monotonic()
            if not passed(item, items[place + 1] if place + 1 < len(items) else None):
                return 1
            noted.append((time.monotonic() - began, sorted(sys.reached)))  # type: ignore[attr-defined]
        self.result.write_text(json.dumps(noted))
        return 0

    def meet(self, codes: Functions, items: list[pytest.Item]) -> int:
        """1 if a test fails with these *codes*."""
        replace(self.existing, codes)
        following = [*items[1:], None]
        return int(not all(passed(item, after) for item, after in zip(items, following, strict=True)))


def passed(item: pytest.Item, following: pytest.Item | None) -> bool:
    before = item.session.testsfailed
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    return item.session.testsfailed == before
