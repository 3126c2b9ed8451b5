"""Components of the user's own: a mistake in one, or in a step of one, is told with its file and line."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakenw.journal.record import read
from harness.scenario.steps import OWN
from tests.harness.runners.journal_page import undocumented
from tests.programs import invoke

COMPONENT = """\
from typing import Literal

from harness.behavior import Component, ServerFile, ServerName, SomeTime, UserName, sleep, verb


class Backup(Component):
    name = "backup"

    @verb
    async def run(self, server: ServerName, times: int = 1, lasts: SomeTime = 1, how: Literal["full", "part"] = "full",
                  quick: bool = False, file: ServerFile | None = None, users: tuple[UserName, ...] = (),
                  parts: tuple[int, int] = (1, 2)) -> None:
        redirector = self.workstation.redirector
        connection = await redirector.connect(server, *self.workstation.account())
        self.opened(connection)
        BODY
        self.closed(connection)
        await redirector.release(connection)

    async def later(self) -> None:
        await sleep(1_000_000)
        raise LookupError("no tape")
"""
RAISES = COMPONENT.splitlines().index("        BODY") + 1
LATER = COMPONENT.splitlines().index('        raise LookupError("no tape")') + 1
SCENARIO = """\
format: 1
id: backup
title: a backup
source: ours
servers: [{name: FAKENW}]
clients:
  - name: workstation
    script:
      - backup.run:
          server: FAKENW
      - wait: 1m
"""
STEP = "clients[0].script[0].backup.run"


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    yield
    OWN.clear()


def run(
    folder: Path, text: str = COMPONENT, scenario: str = SCENARIO, body: str = "pass", *options: str
) -> tuple[int, str]:
    """The exit code, and what is said without the folder; nothing that Python or pydantic says of itself."""
    (folder / "backup.py").write_text(text.replace("BODY", body))
    (folder / "backup.yaml").write_text(scenario)
    done = invoke("run", folder / "backup.yaml", "--behaviors", folder / "backup.py", *options)
    assert not re.search("Traceback|pydantic|Input should|unexpected keyword", done.output)
    return done.exit_code, done.output.replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("argument", "mistake"),
    [
        ("tims: 2", f"11: {STEP}.tims: unknown key; expected one of server, times, lasts, how, quick, file, users, "
         "parts, may_fail (did you mean times?)"),
        ("times: five", f"11: {STEP}.times: 'five'; expected a whole number"),
        ("times: 1.5", f"11: {STEP}.times: 1.5; expected a whole number"),
        ("times: yes", f"11: {STEP}.times: true; expected a whole number"),
        ("lasts: soon", f"11: {STEP}.lasts: 'soon' is not a duration; expected text such as 500ms, 30s, 10m, 4h, 2d or "
         "1h30m"),
        ("how: fll", f"11: {STEP}.how: 'fll' is unknown; expected one of full, part (did you mean full?)"),
        ("quick: maybe", f"11: {STEP}.quick: 'maybe'; expected true or false"),
        ("file: 'SYS:PUBLIC/NLIST.EX'", f"11: {STEP}.file: no server has the file 'SYS:PUBLIC/NLIST.EX'; expected a "
         "file of its volume SYS (did you mean SYS:PUBLIC/NLIST.EXE?), or may_fail: true"),
        ("users: [GUEST, GUST]", f"11: {STEP}.users[1]: no server has the user 'GUST'; expected one of SUPERVISOR, "
         "GUEST (did you mean GUEST?), or strangers: [GUST]"),
        ("parts: [1, 2, 3]", f"11: {STEP}.parts: a list; expected 2 items or fewer"),
        ("parts: [1, b]", f"11: {STEP}.parts[1]: 'b'; expected a whole number"),
    ],
)  # fmt: skip
def test_a_wrong_argument(tmp_path: Path, argument: str, mistake: str) -> None:
    scenario = SCENARIO.replace("FAKENW\n      -", f"FAKENW\n          {argument}\n      -")
    assert run(tmp_path, scenario=scenario) == (2, f"harness: backup.yaml:{mistake}\n")


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("backup.run:\n          server: FAKENW", "backup.run", f"9: {STEP}.server: missing; expected the name of a "
         "server"),
        ("server: FAKENW", "server: FAKEMW", f"10: {STEP}.server: there is no server 'FAKEMW'; expected FAKENW (did "
         "you mean FAKENW?)"),
        ("backup.run", "backup.rn", "9: clients[0].script[0]: 'backup.rn' is not a step; expected one of "),
        ("backup.run", "bakup.run", "9: clients[0].script[0]: 'bakup.run' is not a step; expected one of "),
        ("- backup.run:\n          server: FAKENW", "- repeat: {times: 2, script: [{backup.run: {times: 2}}]}", "9: "
         "clients[0].script[0].repeat.script[0].backup.run.server: missing; expected the name of a server"),
    ],
)  # fmt: skip
def test_a_missing_argument_and_a_name_that_is_none(tmp_path: Path, old: str, new: str, mistake: str) -> None:
    code, said = run(tmp_path, scenario=SCENARIO.replace(old, new, 1))
    assert (code, said.startswith(f"harness: backup.yaml:{mistake}")) == (2, True), said
    assert "is not a step" not in said or said.endswith("(did you mean backup.run?)\n")


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ('name = "backup"', 'name = "apm"', "6: the name 'apm' is that of a component of the harness; expected "
         "another, such as 'my-apm'"),
        ('name = "backup"', 'name = "redirector"', "6: the name 'redirector' is that of a component of the harness; "),
        ('name = "backup"', 'name = "my backup"', "6: the name 'my backup'; expected 1 to 47 letters, digits, dots, "),
        ("times: int", "times", "9: backup.run: times has no type; expected one of harness.behavior"),
        ("times: int", "times: Component", "9: backup.run: times has a type of which no file has values; expected one "
         "of harness.behavior"),
        ("times: int", "times: 'Cuont'", "9: backup.run: name 'Cuont' is not defined; expected a type of "
         "harness.behavior, imported"),
        ("times: int", "verb: int", "9: backup.run: verb means something else in every step; expected another name"),
        ("times: int = 1", "*times: int", "9: backup.run: *times: int has no name; expected arguments that each have "
         "one"),
        ("async def run", "def run", "9: backup.run is no coroutine; expected async def"),
        ("class Backup(Component):", "class Backup(Component)", "6: expected ':'; expected Python"),
        ('"backup"\n', '"backup"\n    every = HOUR\n', "8: NameError: name 'HOUR' is not defined; expected a file to "
         "import"),
        ("from typing", "import nowhere_at_all\nfrom typing", "1: ModuleNotFoundError: No module named "
         "'nowhere_at_all'"),
        ("@verb\n", "\n", " Backup: expected a name, and at least one method marked with @verb"),
        ("(Component)", "", " no component; expected a subclass of harness.behavior.Component with a name"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file(tmp_path: Path, old: str, new: str, mistake: str) -> None:
    body = "await sleep(1)" if old != "async def run" else "pass"
    text = COMPONENT.replace(old, new, 1)
    if old == "async def run":
        text = text.replace("await redirector", "redirector")
    code, said = run(tmp_path, text, body=body)
    assert (code, said.startswith(f"harness: backup.py:{mistake}")) == (2, True), said


def test_two_files_with_one_name(tmp_path: Path) -> None:
    """Which of them a step means could not be told; the same file twice is one."""
    other = tmp_path / "other.py"
    other.write_text(COMPONENT)
    code, said = run(tmp_path, COMPONENT, SCENARIO, "pass", "--behaviors", str(other))
    assert (code, said) == (
        2,
        "harness: other.py:6: the name 'backup' is that of a component of backup.py; expected another, such as "
        "'my-backup'\n",
    )
    assert run(tmp_path, COMPONENT, SCENARIO, "pass", "--behaviors", str(tmp_path / "backup.py"))[0] == 0
    OWN.clear()
    twice = f"{COMPONENT}\n\nclass Again(Backup):\n    pass\n"
    assert "the name 'backup' is that of a component of" in run(tmp_path / "..", twice)[1]


FAULTS = {
    "1 / 0": (RAISES, "ZeroDivisionError: division by zero"),
    "await redirector.release()": (RAISES, "TypeError: "),
    "raise ValueError('one; two')": (RAISES, "ValueError: one; two"),
    "await sleep(0.5)": (RAISES, "ValueError: sleep takes a whole number of microseconds, 0 or more, not 0.5"),
    "self.workstation.world.spawn(self.later())": (LATER, "LookupError: no tape"),
}
ON_PROCESSES = pytest.param(
    "self.workstation.world.spawn(self.later())", ["--on", "processes", "--speed", "600"], marks=pytest.mark.process
)


@pytest.mark.parametrize(("body", "options"), [*((body, []) for body in FAULTS), ON_PROCESSES])
def test_a_behavior_that_raises(tmp_path: Path, body: str, options: list[str]) -> None:
    """One sentence with its file and line, in the output, in the verdict's reason and in the client's journal."""
    line, problem = FAULTS[body]
    report = tmp_path / "report"
    code, said = run(tmp_path, COMPONENT, SCENARIO, body, *options, "--report", str(report))
    assert code == 3
    (sentence,) = re.findall("^default: unknown: (.*)$", said, re.MULTILINE)
    assert sentence.startswith(f"a behavior of workstation raised {problem}")
    assert sentence.endswith(f" (backup.py:{line})")
    (record,) = [
        one
        for one in read(report / "backup" / "default" / "client-workstation.jsonl").records
        if one.event == "behavior-failed"
    ]
    assert (record["file"], record["line"]) == (str(tmp_path / "backup.py"), line)
    assert undocumented(record) == set()
    assert record["function"] == ("Backup.later" if line == LATER else "Backup.run")


def test_a_behavior_that_awaits_something_else(tmp_path: Path) -> None:
    """The harness resumes two kinds of waits; another one is told at the line that awaits it."""
    text = COMPONENT + "\n\nimport types\n\n@types.coroutine\ndef foreign():\n    yield 5\n"
    code, said = run(tmp_path, text, body="await foreign()")
    assert (code, "TypeError: a behavior awaits sleep or an exchange with a server, not 5 (backup.py:" in said) == (
        3,
        True,
    )


def test_a_step_that_fails_and_says_where(tmp_path: Path) -> None:
    """A refusal, and an error of the operating system, end the step alone."""
    code, said = run(tmp_path, body="open('/nowhere/at/all')")
    assert code == 1  # it holds a license
    reason = "backup.run: [Errno 2] No such file or directory: '/nowhere/at/all'"
    assert f"a step of workstation failed at 0:00:00: {reason} (backup.py:{RAISES})" in said


def test_a_leak_outweighs_a_behavior_that_raises(tmp_path: Path) -> None:
    """It is told beside the leak."""
    later = "self.workstation.world.spawn(self.later())"
    text = COMPONENT.replace("        await redirector.release(connection)\n", "")
    code, said = run(tmp_path, text, SCENARIO.replace("1m", "1h"), later)
    assert (code, "default: leaked: 1 of 1" in said) == (1, True)
    assert f"\n  a behavior of workstation raised LookupError: no tape (backup.py:{LATER - 1})\n" in said


def test_an_error_of_the_harness_is_not_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of our own is not blamed on a file of the user's: it is a traceback, as every other."""
    machine = sys.modules["harness.client.machine"]
    monkeypatch.setattr(machine.Machine, "_play", lambda self, script: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(tmp_path)
