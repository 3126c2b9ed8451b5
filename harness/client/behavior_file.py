"""Behaviours of the user's own: components from a Python file, given with ``--behaviors FILE``.

Rules of this file:

* A file is run once in a process; every subclass of ``Component`` that it defines is one more component.
* Such a file is a program, and trusted.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path

from harness.client.context import Component
from harness.client.settings import verbs


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
    except Exception as problem:
        raise BehaviorError(f"{path}: {type(problem).__name__}: {problem}") from problem
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
