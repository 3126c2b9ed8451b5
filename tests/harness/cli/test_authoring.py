"""Commands for authors: new, schema, explain, matrix, behaviors; and the examples of the documents are true."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main as cli
from harness.cli.authoring import template
from harness.cli.matrix import AS_SHIPPED, REPAIRS, Cell, answer, conclusion
from harness.judge.checks import CHECKS
from harness.scenario.catalogue import catalogue
from harness.scenario.settings import Parts
from harness.scenario.steps import OWN, STEPS

DOCS = Path(__file__).parents[3] / "docs"


def invoke(*arguments: str) -> Result:
    """Run the harness in this process."""
    return CliRunner().invoke(cli.main, list(arguments))


def blocks(document: str, language: str) -> list[str]:
    """The code blocks of a document."""
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / document).read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def forget() -> Iterator[None]:
    """Forget the behaviours that a test has loaded."""
    yield
    OWN.clear()


# new and schema


def test_new_writes_a_scenario_that_runs(tmp_path: Path) -> None:
    """As it stands, and only where nothing is yet."""
    file = tmp_path / "mine.yaml"
    done = invoke("new", str(file))
    assert (done.exit_code, file.read_text(encoding="utf-8")) == (0, template())
    assert invoke("run", str(file)).exit_code == 0
    again = invoke("new", str(file))
    assert again.exit_code == 2
    assert "exists already; nothing was changed" in again.stderr
    assert invoke("new", str(tmp_path / "no" / "mine.yaml")).exit_code == 2


def test_schema_knows_every_word() -> None:
    """The JSON Schema of a scenario: each step, each check and each fault, with what is known of their arguments."""
    done = invoke("schema")
    assert done.exit_code == 0
    made = json.loads(done.stdout)
    assert made["$schema"].startswith("https://json-schema.org/")
    assert {"format", "id", "servers", "clients", "variants", "cause"} <= made["properties"].keys()
    assert {"NalOpen", "UserShutDown", "Wait", "OpensBalance", "PowerOff", "ServerSpec"} <= made["$defs"].keys()
    text = done.stdout
    assert "the time until each new try after a refusal" in text


# explain


def test_explain_tells_both_sides() -> None:
    """What is known of it, then the client's words and the server's, then the verdict."""
    done = invoke("explain", "q257223")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "Q257223: NAL cannot release a connection that APM is using"
    assert any(line.startswith("Cause: APM's use of the connection is not counted") for line in lines)
    (refused,) = [line for line in lines if "refused: 1 files open" in line]
    (closed,) = [line for line in lines if line.startswith("0:10:00")]
    assert refused.index("workstation:") < 20 < closed.index("FAKENW:")
    assert any("as-shipped: leaked" in line for line in lines)


def test_explain_a_variant_over_tcp() -> None:
    """Any variant, on either transport; by any of its names."""
    done = invoke("explain", "Q164791", "--variant", "corrected", "--transport", "tcp")
    assert done.exit_code == 0
    assert "Variant: corrected, the drive is removed after the package (tcp)" in done.stdout
    assert invoke("explain", "S2", "--variant", "nothing").exit_code == 2


# The matrix


def test_matrix_over_the_command_line() -> None:
    """A table, the answer in words, and both as JSON."""
    done = invoke("matrix", "--scenarios", "S3,day", "--repairs", "counted,forced,clear-idle", "--json", "-")
    assert done.exit_code == 0
    made = json.loads(done.stdout)
    cells = {(cell["scenario"], cell["repair"]): cell for cell in made["cells"]}
    assert len(cells) == 3 * 4
    assert cells["Q257223", "as-shipped"]["verdict"] == "leaked"
    assert cells["Q257223", "as-shipped"]["wasted"] == pytest.approx(4 * 3600 + 1801, abs=2)
    assert cells["Q257223", "forced"]["verdict"] == "interrupted"
    assert set(made["cures"]) == {"counted", "clear-idle"}
    assert made["cures"]["counted"] == {}
    assert "day" in made["cures"]["clear-idle"]
    told = done.stderr
    assert "Q257223 is cured, without interrupting work, by" in told
    assert "counted: APM registers its use with the arbiter" in told
    assert re.search(r"^Q257223 +1 leaked 4:30:0\d +released +interrupted ! +reclaimed", told, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--repairs", "count"], "no repair count; expected one of as-shipped, counted"),
        (["--repairs", "count"], "(did you mean counted?)"),
        (["--scenarios", "S99"], "S99: no such scenario"),
        (["--for", "S99"], "S99: no such scenario"),
        (["--scenarios", ","], "no name; expected NAME,NAME"),
    ],
)
def test_matrix_refuses_what_it_does_not_know(arguments: list[str], complaint: str) -> None:
    """Before anything is run."""
    done = invoke("matrix", *arguments)
    assert (done.exit_code, complaint in done.stderr) == (2, True)


def cell(scenario: str, repair: str, verdict: str, **more: int) -> Cell:
    """A cell made by hand."""
    return Cell(
        scenario, repair, verdict, **{"leaked": 0, "wasted": 0, "peak": 1, "denied": 0, "work_failed": 0, **more}
    )


def test_the_answer_is_about_cures_without_interruption() -> None:
    """A repair that interrupts cures nobody; what gets worse elsewhere is its cost."""
    cells = [
        cell("Q", AS_SHIPPED, "leaked", leaked=1),
        cell("Q", "forced", "interrupted"),
        cell("Q", "counted", "released"),
        cell("Q", "private", "released"),
        cell("X", AS_SHIPPED, "released"),
        cell("X", "forced", "released"),
        cell("X", "counted", "released"),
        cell("X", "private", "reclaimed", peak=2, denied=1, leaked=1, work_failed=3),
    ]
    worse = [
        "reclaimed instead of released",
        "1 leaked instead of 0",
        "2 licenses at once instead of 1",
        "1 refusals instead of 0",
        "work failed 3 times instead of 0",
    ]
    assert answer(cells, "Q") == {"counted": {}, "private": {"X": worse}}
    lines = list(conclusion(cells, "Q"))
    assert lines[1].startswith("  counted: ")
    assert lines[2] == "    costs nothing in the other scenarios"
    assert lines[4] == f"    worse in X: {'; '.join(worse)}"


def test_no_cure() -> None:
    """That is said too."""
    cells = [cell("Q", AS_SHIPPED, "leaked", leaked=1), cell("Q", "forced", "interrupted")]
    assert list(conclusion(cells, "Q")) == ["No repair here cures Q without interrupting work."]


def test_every_repair_of_the_scenario_is_one_of_the_matrix() -> None:
    """What the variants of Q257223 change can be asked about everything else."""
    (scenario,) = [one for one in catalogue() if one.id == "Q257223"]
    assert {"counted", "private", "retry", "forced", "idle-timeout"} <= set(REPAIRS) & set(scenario.variants)


# The documents


def test_write_a_scenario_is_true(tmp_path: Path) -> None:
    """Its first scenario is released, without its logoff it leaks; its variants come out as it says."""
    first, expect, variants, _ = blocks("write-a-scenario.md", "yaml")
    file = tmp_path / "visitor.yaml"
    file.write_text(first, encoding="utf-8")
    assert "released, as expected" in invoke("run", str(file)).stdout
    file.write_text(first.replace("      - user.logoff\n", "") + expect, encoding="utf-8")
    assert "leaked, as expected" in invoke("run", str(file)).stdout
    file.write_text(variants, encoding="utf-8")
    for transport in ("udp", "tcp"):
        done = invoke("run", str(file), "--transport", transport)
        assert (done.exit_code, done.stdout.count("as expected")) == (0, 4)


def test_write_a_scenario_names_every_check_and_every_part() -> None:
    """None is forgotten, and no step."""
    text = (DOCS / "write-a-scenario.md").read_text(encoding="utf-8")
    assert [name for name in (*CHECKS, *Parts.model_fields) if f"`{name}" not in text] == []
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    steps = [verb.partition(".")[::2] for step in STEPS for verb in [step.verb]]
    assert [(part, verb) for part, verb in steps if not any(f"`{part}" in row and verb in row for row in rows)] == []


@pytest.fixture
def backup(tmp_path: Path) -> tuple[Path, Path]:
    """The files of docs/add-a-behavior.md."""
    (python,) = blocks("add-a-behavior.md", "python")
    (scenario,) = blocks("add-a-behavior.md", "yaml")
    (tmp_path / "backup.py").write_text(python, encoding="utf-8")
    (tmp_path / "backup.yaml").write_text(scenario, encoding="utf-8")
    return tmp_path / "backup.py", tmp_path / "backup.yaml"


@pytest.mark.process
@pytest.mark.usefixtures("forget")
@pytest.mark.parametrize("options", [[], ["--on", "processes", "--speed", "3600"]], ids=["memory", "processes"])
def test_add_a_behavior_is_true(backup: tuple[Path, Path], options: list[str]) -> None:
    """The component of the document plays its script, on memory and in a process of its own."""
    python, scenario = backup
    done = invoke("run", str(scenario), "--behaviors", str(python), "--transport", "tcp", *options)
    assert (done.exit_code, "leaked, as expected" in done.stdout) == (0, True), done.output
    assert "the backup opened SYS:PUBLIC/NLIST.EXE on it" in done.stdout


@pytest.mark.usefixtures("forget")
def test_a_behavior_that_is_not_loaded_is_no_step(backup: tuple[Path, Path]) -> None:
    """And with it, its arguments are checked."""
    python, scenario = backup
    done = invoke("run", str(scenario))
    assert (done.exit_code, "'backup.run' is not a step" in done.stderr) == (2, True)
    text = scenario.read_text(encoding="utf-8")
    scenario.write_text(text.replace("lasts: 10m", "lasts: soon"), encoding="utf-8")
    done = invoke("run", str(scenario), "--behaviors", str(python))
    assert done.exit_code == 2
    assert "backup.yaml:9: clients[0].script[0].backup.run.lasts: 'soon' is not a duration" in done.stderr


@pytest.mark.parametrize(
    ("better", "worse"), [("released", "unknown"), ("unknown", "leaked"), ("unknown", "reclaimed")]
)
def test_a_repair_without_proof_is_worse_than_a_release(better: str, worse: str) -> None:
    """The matrix counts an unknown verdict as a cost where the license came back before, and as no cure."""
    cells = {verdict: Cell("S1", "retry", verdict, 0, 0, 1, 0, 0) for verdict in (better, worse)}
    assert cells[worse].worse_than(cells[better]) == [f"{worse} instead of {better}"]
    assert cells[better].worse_than(cells[worse]) == []
    assert not Cell("S1", "retry", "unknown", 0, 0, 1, 0, 0).cured
