"""docs/testing.md, from the pytest plugin and the servers of tests: ``python -m harness.cli.testing_page``.

Rules of this file:

* ``page`` is a pure function of signatures and docstrings; ``make docs`` writes it, and a test compares the two.
* What only the plugin calls is left out.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from harness.testing import pytest_plugin
from harness.testing.netware import Netware, ScriptedWorkstation
from harness.testing.netware_faults import NetwareFaults
from harness.testing.netware_server import NetwareServer
from harness.testing.server_setup import EXPECTED, Setup

FOR_THE_PLUGIN = ("keep", "reset", "start", "stop")

_HEAD = """\
# Servers in tests: fixtures, settings, assertions

Made by `make docs` from the signatures and docstrings of the pytest plugin. [ci.md](ci.md) shows how they are used.
Times to wait are real time: seconds, or text such as `"30s"`.
"""


def page() -> str:
    """The whole page, in Markdown."""
    return "\n".join([_HEAD, *_plugin(), *_server(), *_classes()])


def _plugin() -> Iterator[str]:
    yield "## The fixtures\n\n| | |\n|---|---|"
    for fixture in (pytest_plugin.netware, pytest_plugin.netware_factory):
        wrapped: Any = inspect.unwrap(fixture)
        yield f"| `{wrapped.__name__}` | {_line(wrapped.__doc__)} |"
    yield "\n## The marker `netware`, and the arguments of `netware_factory` and `NetwareServer`\n"
    yield "| setting | default | |\n|---|---|---|"
    for setting in fields(Setup):
        yield f"| `{setting.name}` | `{setting.default!r}` | {EXPECTED[setting.name]} |"
    yield "| `may_hold` | `False` | `True`: a license that is still held at the end does not fail the test |"
    yield "\n## Settings of pytest\n"
    yield "The same for all tests: keys of the ini file, or options of the command line.\n"
    yield "| key | option | |\n|---|---|---|"
    for name, text in pytest_plugin.INI.items():
        yield f"| `{name}` | `--{name.replace('_', '-')}` | {text} |"
    yield ""


def _classes() -> Iterator[str]:
    yield from _class(NetwareFaults, "`netware.faults`")
    yield from _class(ScriptedWorkstation, "`netware.workstation()`")


def _server() -> Iterator[str]:
    yield from _class(Netware, "`netware`")
    yield "## `NetwareServer`, without pytest\n"
    yield f"`NetwareServer{_signature(NetwareServer)}`\n"
    for paragraph in inspect.cleandoc(NetwareServer.__doc__ or "").split("\n\n"):
        code = re.sub(r"^(>>>|\.\.\.) ?", "", paragraph, flags=re.MULTILINE)
        yield f"{_line(paragraph)}\n" if code == paragraph else f"```python\n{code}\n```\n"


def _class(kind: type, title: str) -> Iterator[str]:
    yield f"## {title}\n\n{_line(kind.__doc__)}\n\n| | |\n|---|---|"
    for name, member in vars(kind).items():
        if name.startswith("_") or name in FOR_THE_PLUGIN or not member.__doc__:
            continue
        if isinstance(member, property):
            yield f"| `.{name}` | {_line(member.__doc__)} |"
        elif inspect.isfunction(member):
            yield f"| `.{name}{_cell(_signature(member))}` | {_line(member.__doc__)} |"
    yield ""


def _signature(function: Any) -> str:
    """Its parameters and defaults, types without their modules."""
    signature = inspect.signature(function, eval_str=True)
    told = [one for one in signature.parameters.values() if one.name != "self"]
    text = str(signature.replace(parameters=told, return_annotation=inspect.Signature.empty))
    return re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Z])", "", text)


def _line(text: str | None) -> str:
    """A docstring as one line of Markdown: its ``code`` and its *parameters* as code."""
    told = re.sub(r"``(.+?)``", r"`\1`", " ".join(inspect.cleandoc(text or "").split()))
    return _cell(re.sub(r"\*(\w+)\*", r"`\1`", told))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(page(), end="")
