"""The pages say what is so of packages and policies. test_catalogue_runs reads docs/journal.md."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from fakenw.journal.policy import BY_RELEASE, POLICIES

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


def test_each_policy_has_its_release() -> None:
    text = (ROOT / "docs" / "nal-and-apm.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+|none)\b", text, re.MULTILINE))
    assert told.keys() == POLICIES.keys()
    assert {release: policy for policy, release in told.items() if release != "none"} == BY_RELEASE
