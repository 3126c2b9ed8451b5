"""docs/verdicts.md shows a run for every way to an unknown verdict, and each comes out as it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "verdicts.md"
BLOCK = re.compile(r"^```(yaml|console)(?: (\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)

pytestmark = pytest.mark.process


class Way(NamedTuple):
    """A section: its title, the files that it writes, and its commands, each with lines of the output."""

    title: str
    files: dict[str, str]
    commands: list[tuple[str, list[str]]]


def ways() -> list[Way]:
    text = PAGE.read_text(encoding="utf-8").partition("## Every way to `unknown`")[2].partition("\n## ")[0]
    found = []
    for section in text.split("\n### ")[1:]:
        title, _, body = section.partition("\n")
        way = Way(title, {}, [])
        for kind, name, content in BLOCK.findall(body):
            if kind == "yaml":
                way.files[name] = content
                continue
            for line in content.splitlines():
                if line.startswith("$ "):
                    way.commands.append((line[2:], []))
                else:
                    way.commands[-1][1].append(line)
        found.append(way)
    return found


@pytest.mark.parametrize("way", ways(), ids=lambda way: way.title)
def test_a_way_to_unknown(way: Way, tmp_path: Path) -> None:
    """Every shown line is printed so, or begins so; and one of them says that the verdict is unknown."""
    for name, content in way.files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    shown = [line for _, lines in way.commands for line in lines]
    assert any("unknown: " in line for line in shown)
    path = f"PATH={Path(sys.executable).parent}:/usr/bin:/bin"
    for command, lines in way.commands:
        done = subprocess.run(
            ["env", path, "bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        printed = (done.stdout + done.stderr).splitlines()
        missing = [line for line in lines if not any(one.startswith(line) for one in printed)]
        assert missing == [], done.stdout + done.stderr
        assert "Traceback" not in done.stderr
