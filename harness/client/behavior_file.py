"""Behaviours of the user's own: components from a Python file, given with ``--behaviors FILE``.

Rules of this file:

* A file is run once in a process; every subclass of ``Component`` that it defines is one more component.
* Such a file is a program, and trusted.
* What it raises while a client runs ends that behaviour alone. The client's journal has the file and the line.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Awaitable, Collection
from pathlib import Path
from typing import Any

from harness.client.context import Component
from harness.client.settings import verbs
from harness.client.workstation import World


class BehaviorError(Exception):
    """A file of behaviours cannot be used: the file, and why."""


_loaded: dict[Path, list[type[Component]]] = {}


def load(path: Path) -> list[type[Component]]:
    """The components that the file at *path* defines. Raises BehaviorError."""
    path = path.resolve()
    if path not in _loaded:
        _loaded[path] = _run(path)
    return _loaded[path]


def _run(path: Path) -> list[type[Component]]:
    name = f"fakenw_behaviors_{len(_loaded)}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise BehaviorError(f"{path}: cannot be read; expected a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # its annotations are looked up there
    try:
        spec.loader.exec_module(module)
    except SyntaxError as problem:
        where = f"{problem.filename or path}:{problem.lineno or 1}"
        raise BehaviorError(f"{where}: {problem.msg}; expected Python") from None
    except Exception as problem:
        line = raised_at(problem, {path}).get("line", 1)
        raise BehaviorError(f"{path}:{line}: {type(problem).__name__}: {problem}; expected a file to import") from None
    found = [
        one
        for one in vars(module).values()
        if inspect.isclass(one) and issubclass(one, Component) and one.__module__ == name
    ]
    if not found:
        raise BehaviorError(f"{path}: no component; expected a subclass of harness.behavior.Component with a name")
    for one in found:
        if not getattr(one, "name", "") or not verbs(one):
            raise BehaviorError(f"{path}: {one.__name__}: expected a name, and at least one method marked with @verb")
    return found


def raised_at(problem: BaseException, files: Collection[Path] = _loaded.keys()) -> dict[str, Any]:
    """The ``file``, ``line`` and ``function`` of *files* in which *problem* came up last; empty where in none."""
    named = {str(file) for file in files}
    for frame, line in reversed(list(traceback.walk_tb(problem.__traceback__))):
        if frame.f_code.co_filename in named:
            return {"file": frame.f_code.co_filename, "line": line, "function": frame.f_code.co_qualname}
    return {}


async def guarded(world: World, behaviour: Awaitable[None]) -> None:
    """Do *behaviour*. What a file of the user's own raises is written, and ends it."""
    try:
        await behaviour
    except Exception as problem:
        if not (place := raised_at(problem)):
            raise
        world.write("behavior-failed", **place, text=f"{type(problem).__name__}: {problem}")
