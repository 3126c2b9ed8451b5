"""YAML as nodes, with bounded recursion; libyaml reads it where PyYAML was built with it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import yaml
from yaml.composer import Composer

DEPTH_LIMIT = 40  # nested lists and mappings


class _Composer(Composer):
    """PyYAML's composer, bounded."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.depth == DEPTH_LIMIT:
            mark = self.peek_event().start_mark  # type: ignore[attr-defined]
            problem = f"more than {DEPTH_LIMIT} nested lists and mappings"
            raise yaml.MarkedYAMLError(None, None, problem, mark)
        self.depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Loader(_Composer, yaml.SafeLoader):
    """PyYAML's safe loader, bounded."""


_LibYaml: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # some builds of PyYAML have none


class _FastLoader(_Composer, _LibYaml):  # type: ignore[misc]
    """The same with libyaml, which reads a file in a third of the time."""

    def __init__(self, text: str) -> None:
        _LibYaml.__init__(self, text)
        Composer.__init__(self)


def parsed(text: str) -> tuple[Any, yaml.Node | None]:
    """The loader and the document. Raises yaml.YAMLError in PyYAML's words, which libyaml's differ from."""
    with suppress(yaml.YAMLError):
        fast = _FastLoader(text)
        return fast, fast.get_single_node()
    loader = _Loader(text)
    return loader, loader.get_single_node()
