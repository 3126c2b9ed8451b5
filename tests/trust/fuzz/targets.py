"""The targets by name. A target takes any bytes; whatever it raises is a finding."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

Target = Callable[[bytes], None]
TARGETS = {  # the module of each, which is imported where it is used: atheris takes long to instrument what it imports
    "framing": "wire_targets",
    "packets": "wire_targets",
    "layouts": "wire_targets",
    "sequences": "server_targets",
    "administration": "server_targets",
    "nal-paths": "path_target",
    "reg-files": "registry_targets",
    "hives": "registry_targets",
    "configurations": "yaml_targets",
    "scenarios": "yaml_targets",
    "journals": "journal_target",
    "connection-lists": "list_target",
}


def target(name: str) -> Target:
    """The target *name*: the function of that name."""
    module = import_module(f"tests.trust.fuzz.{TARGETS[name]}")
    return cast(Target, getattr(module, name.replace("-", "_")))
