"""The operator's page in a browser: what tests ask of it again and again."""

from __future__ import annotations

import json
import os
from importlib import resources
from pathlib import Path

from tests.browser import Browser

ROWS = "[...document.querySelectorAll('#rows .row')]"
USERS = f"JSON.stringify({ROWS}.map(r => r.querySelector('.user span').textContent))"
NUMBERS = f"{ROWS}.map(r => Number(r.querySelector('.number').textContent))"
AXE = (resources.files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")
VIOLATIONS = """axe.run(document).then(result => result.violations.map(
    v => [v.id, v.help, v.nodes.map(n => n.target.join(' ') + ': ' + n.failureSummary)]))"""


def keep(page: Browser, name: str) -> None:
    """For an operator's eyes: FAKENW_SCREENSHOTS names a directory."""
    if folder := os.environ.get("FAKENW_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(Path(folder) / f"{name}.png")


def assert_accessible(page: Browser) -> None:
    """axe finds nothing: names, roles, order of headings, contrast."""
    page.get(f"{AXE}; 0")
    assert page.get(VIOLATIONS) == []


def answer(page: Browser, question: str, **fields: str) -> list[str]:
    """Fill in the dialog with this title and say yes. Returns what it says will happen."""
    page.wait_for("document.getElementById('question').open")
    assert page.text("#question-title") == question
    said = page.get("[...document.querySelectorAll('#question-says li')].map(li => li.textContent)")
    for name, value in fields.items():
        page.get(f"document.getElementById('field-{name}').value = {json.dumps(value)}")
    page.click("#question-yes")
    assert isinstance(said, list)
    return said
