"""The pages say what is so: ARCHITECTURE.md of every package. test_catalogue_runs reads docs/journal.md."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


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
