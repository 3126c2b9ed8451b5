"""Made cases, guilty and innocent: what ``harness diagnose`` finds of them, and that it accuses no innocent license.

Each folder of ``cases`` has the evidence, and in ``case.yaml`` the story, the arguments, and the truth about every
licensed connection of the last list. *evident*: the evidence suffices to tell.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from harness.cli.main import main
from harness.lab import pairing, sightings, signature

CASES = sorted(path.parent for path in Path(__file__).parent.glob("cases/*/case.yaml"))
PAGE = Path(__file__).parents[3] / "docs" / "lab.md"
SURE = ("certain", "probable")
SETS: dict[str, Callable[[Path], bool]] = {
    "written with the program": lambda case: case.name[:2] <= "20",
    "written by a person who had not seen it": lambda case: case.name[:2] > "20",
}
Patch = tuple[object, str, Callable[..., object]]
ANY_USER: Patch = (pairing, "standing", lambda *_, **__: "named")
ANY_SERVER: Patch = (pairing.Evidence, "names", lambda *_: True)
ANY_SILENCE: Patch = (signature, "_missing", lambda *_: [])
FAULTS: dict[str, list[Patch]] = {
    "the machine alone decides": [ANY_USER, ANY_SERVER, ANY_SILENCE],
    "every user is an account": [ANY_USER],
    "every path names the server": [ANY_SERVER],
    "every connection is idle": [ANY_SILENCE],
    "a count is nothing": [(signature, "_judge_counted", lambda found, _: found.may_be("probable", "planted"))],
    "one list twice is two": [(sightings, "_differ", lambda *_: True)],
}


def diagnosed(case: Path, tmp_path: Path) -> dict[str, Any]:
    """The answer about *case* as JSON."""
    written = yaml.safe_load((case / "case.yaml").read_text("utf-8"))
    here = Path.cwd()
    os.chdir(case)
    try:
        arguments = ["diagnose", *map(str, written["arguments"]), "--json", str(tmp_path / "answer.json")]
        done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    finally:
        os.chdir(here)
    assert done.exit_code in (0, 3), f"{case.name}: {done.stderr}"
    answer: dict[str, Any] = json.loads((tmp_path / "answer.json").read_text())
    return answer


def outcomes(case: Path, tmp_path: Path) -> list[tuple[str, str]]:
    """For each license of the truth, and each that is accused besides: what it is and how it was judged."""
    licenses = [one for one in diagnosed(case, tmp_path)["connections"] if one["licensed"]]
    found = []
    for truth in yaml.safe_load((case / "case.yaml").read_text("utf-8"))["truth"]:
        ours = [
            one
            for one in licenses
            if one["connection"] == truth["connection"]
            and (not truth.get("server") or (one["server"] or "").upper() == truth["server"].upper())
        ]
        assert len(ours) == 1, f"{case.name}: connection {truth['connection']}: {len(ours)} in the answer"
        licenses.remove(ours[0])
        accused = ours[0]["sure"] in SURE
        name = f"{case.name} {truth['connection']}: {ours[0]['sure'] or ours[0]['class']}: {ours[0]['why']}"
        if truth["is"] != "q257223":
            found.append(("falsely accused" if accused else "cleared", name))
        elif truth["evident"]:
            found.append(("found" if accused else "missed", name))
        else:
            found.append(("accused without evidence" if accused else "left open", name))
    return found + [("falsely accused", f"{case.name}: {one}") for one in licenses if one["sure"] in SURE]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_false_accusation_and_no_miss(case: Path, tmp_path: Path) -> None:
    """An innocent license is never certain or probable, a guilty and evident one always."""
    assert [name for what, name in outcomes(case, tmp_path) if what in ("falsely accused", "missed")] == []


def test_the_page_has_the_table(tmp_path: Path) -> None:
    """docs/lab.md says what the cases show."""
    rows = []
    for name, chosen in SETS.items():
        cases = [case for case in CASES if chosen(case)]
        count = Counter(what for case in cases for what, _ in outcomes(case, tmp_path))
        guilty = count["found"] + count["missed"]
        rows.append(
            f"| {len(cases)} {name} | {count.total()} | {count['found']} of {guilty} | "
            f"{count['accused without evidence']} of {count['left open'] + count['accused without evidence']} | "
            f"{count['falsely accused']} of {count['cleared'] + count['falsely accused']} |"
        )
    page = PAGE.read_text("utf-8")
    assert [row for row in rows if row not in page] == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_a_false_accusation(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any one of the conditions an innocent license is accused."""
    for target, name, broken in FAULTS[fault]:
        monkeypatch.setattr(target, name, broken)
    assert any(what == "falsely accused" for case in CASES for what, _ in outcomes(case, tmp_path))
