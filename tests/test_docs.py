"""The pages say what is so: docs/journal.md of every record, ARCHITECTURE.md of every package."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.runners import memory
from harness.scenario.catalogue import catalogue

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "journal.md"
TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "wall time": (str,),
    "integer": (int,),
    "number": (int, float),
    "seconds": (int, float),
    "boolean": (bool,),
    "list": (list, tuple),
}
Fields = dict[str, tuple[type, ...]]


def rows(text: str) -> Iterator[list[str]]:
    """The cells of each row of a table that begins with a name."""
    for line in text.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def types(told: str) -> tuple[type, ...]:
    """What *told* means: ``text: a, b`` or ``seconds or null``."""
    (kind,) = (one for one in TYPES if re.match(rf"{one}\b", told))
    return (*TYPES[kind], type(None)) if re.match(rf"{kind} or null\b", told) else TYPES[kind]


def documented() -> dict[tuple[str, str], Fields]:
    """The fields of each event, by (role, event): those of every line, of lines about a connection, and its own."""
    first, *sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.M)[1:]
    found: dict[tuple[str, str], Fields] = {}
    for section in sections:
        always = {name: types(told) for names, told, *_ in rows(first) for name in re.findall("`(.+?)`", names)}
        own: dict[str, Fields] = {}
        for names, told, *more in rows(section):
            if types_of := [one for one in TYPES if re.match(rf"{one}\b", told)]:
                assert len(types_of) == 1
                always |= {name: types(told) for name in re.findall("`(.+?)`", names)}
            else:
                fields = {name: types(kind) for name, kind in re.findall(r"`(\w+)` \(([^)]*)", " ".join(more))}
                own |= dict.fromkeys(re.findall("`(.+?)`", names), fields)
        role = section.split()[0].lower()
        found |= {(role, event): always | fields for event, fields in own.items()}
    return found


def test_the_journals_of_the_catalogue_are_documented() -> None:
    """Each event has its row, each field its type."""
    known = documented()
    missing: set[tuple[str, str, str]] = set()
    for scenario in catalogue():
        for plan in scenario.plans():
            for journal in memory.run(plan):
                for record in journal.records:
                    fields: dict[str, Any] = {"t": 0, "role": record.role, "event": record.event, **record.fields}
                    of = known.get((record.role, record.event), {})
                    missing |= {
                        (record.role, record.event, name)
                        for name, value in fields.items()
                        if not isinstance(value, of.get(name, ())) or (isinstance(value, bool) and of[name] != (bool,))
                    }
    assert sorted(missing) == []


def test_the_tree_has_the_sentence_of_each_package() -> None:
    """No package is missing, and none says something else of itself."""
    tree = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    found = [file for package in ("fakenw", "harness", "benchmarks") for file in (ROOT / package).rglob("__init__.py")]
    sentences = {file.parent: ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) for file in found}
    wrong = [
        folder
        for folder, told in sentences.items()
        if not re.search(rf"\b{folder.name}/ +{re.escape(str(told))}\n", tree)
    ]
    assert wrong == []
