"""The pages of the project: their headings, links, inline code and fenced blocks.

The first word behind a fence is its language. A block of ``sh`` or ``console`` has a second word:

* ``run``: tests/test_page_blocks.py runs it, in a directory with the named files of its section.
* ``test_NAME.py``: that test runs it.
* ``not-run: REASON``: no test does.

A block of another language that has a second word is the file of that name.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
SHELLS = ("sh", "console")
_FENCE = re.compile(r"^```(\S*)(?: (.+?))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """A fenced block, and the title of the section that it stands in."""

    page: Path
    line: int
    section: str
    language: str
    mark: str
    content: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def commands(self) -> list[tuple[str, list[str]]]:
        """Each command of a ``console``, with the lines that are shown of its output."""
        found: list[tuple[str, list[str]]] = []
        for line in self.content.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
        return found


def pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        before = text[: match.start()]
        (*_, section) = ["", *re.findall(r"^#+ (.*)$", prose(before), re.MULTILINE)]
        found.append(Block(page, before.count("\n") + 1, section, match[1], match[2] or "", match[3]))
    return found


def prose(text: str) -> str:
    """The text without its fenced blocks."""
    return _FENCE.sub("", text)


def inline_code(text: str) -> list[str]:
    """What stands between backticks outside of blocks, a bar in a table without its backslash."""
    return [" ".join(code.replace("\\|", "|").split()) for code in re.findall(r"`([^`]+)`", prose(text))]


def links(text: str) -> list[str]:
    """The targets of links and pictures."""
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", prose(text)))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of the headings."""
    found: set[str] = set()
    for title in re.findall(r"^#+ (.*)$", prose(page.read_text(encoding="utf-8")), re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).lower()).replace(" ", "-")
        number = 0
        while (anchor := f"{name}-{number}" if number else name) in found:
            number += 1
        found.add(anchor)
    return found
