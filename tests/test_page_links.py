"""What the pages point at is there, and docs/README.md leads to every page."""

from __future__ import annotations

import re

from tests.pages import ROOT, anchors, inline_code, links, pages

FOLDERS = ("benchmarks", "docker", "docs", "fakenw", "harness", "packaging", "tests")
NAMED = re.compile(rf"(?:{'|'.join(FOLDERS)})/[\w/.-]+\.(?:md|py|sh|svg|yaml|yml)|[A-Z]+\.md")


def test_every_link_leads_somewhere() -> None:
    """To a file of the project, and to a heading of it."""
    wrong = []
    for page in pages():
        for target in links(page.read_text(encoding="utf-8")):
            if re.match(r"https?://", target):
                continue
            name, _, anchor = target.partition("#")
            file = (page.parent / name).resolve() if name else page
            if not file.exists() or (anchor and anchor not in anchors(file)):
                wrong.append(f"{page.relative_to(ROOT)}: {target}")
    assert wrong == []


def test_every_file_that_is_named_exists() -> None:
    """Also where a name is no link: `docs/lab.md`, `harness/client/machine.py`."""
    wrong = [
        f"{page.relative_to(ROOT)}: {name}"
        for page in pages()
        for name in inline_code(page.read_text(encoding="utf-8"))
        if NAMED.fullmatch(name) and not (ROOT / name).exists()
    ]
    assert wrong == []


def test_the_contents_lead_to_every_page() -> None:
    contents = ROOT / "docs" / "README.md"
    linked = {(contents.parent / target.partition("#")[0]).resolve() for target in links(contents.read_text("utf-8"))}
    assert [page.name for page in pages() if page not in linked | {contents, ROOT / "README.md"}] == []
