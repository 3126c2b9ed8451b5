"""Hostile names in every output, each of which has them as text: terminal, HTML, JUnit XML, JSON, errors.

No output is CSV or made of Markdown from names: our pages in ``docs`` come from scenarios of our own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from click.testing import CliRunner

from fakenw.cli.main import main as fakenw
from fakenw.journal.record import Record, read
from fakenw.journal.sentences import sentence
from harness.judge.audit import books_balance
from harness.judge.history import load
from harness.judge.verdict import judge
from harness.report.html import page
from harness.report.text import Result
from tests.harness.cli.test_hostile_answers import answering, response
from tests.harness.handmade_journals import ClientBook, RunnerBook, ServerBook
from tests.programs import invoke

NAMES = {
    "script": "</td><script>alert(1)</script>",
    "attribute": "\" onmouseover=alert(1) x='",
    "line": "one\r\ntwo\nthree\u2028four\u0085five",
    "escape": "\x1b]0;title\x07\x1b[2J\x9b31m",
    "direction": "\u202egnp.exe\u2066\u200b",
    "formula": "=cmd|'/C calc'!A0",
    "markdown": "| a | `b` | [c](javascript:d) |",
    "path": "../../../etc/passwd",
    "NUL": "a\0b",
    "not XML": "\x01\x0b\ufffe\uffff\ud800",
    "long": "A" * 30_000,
    "template": "{{ 7*7 }}{% raw %}${x}%s{0}",
}
Output = Callable[[str, Path], str]


def run_of(name: str, folder: Path) -> Path:
    """The journals of a run in which everything that somebody else may choose has this name."""
    server, client = ServerBook(), ClientBook(name)
    server.create(1, 1, station=name)
    server.login(2, 1, name)
    server.open(3, 1, path=name)
    server.line(4, "mark", text=name)
    server.line(4, "deny", station=name, what="login", code=1)
    server.line(4, "operator", action="message", text=name, by=name)
    server.stop(2000)
    client.attach(1, station=name)
    client.say(2, "nal-open", path=name, owner=name)
    client.say(2, "nal-close", path=name, owner=name)
    client.say(3, "apm-open", file=name, mode="rides")
    client.say(3, "work-failed", component=name, file=name, code=1, reason=name)
    client.say(3, "step-failed", verb=name, text=name, reason=name, code=1)
    client.arbiter(3, "kept", 0, name, name)
    client.say(3, "release-refused", reason=name, files=[name], drives=[name])
    client.say(4, "registry", text="REGEDIT4\r\n")
    client.say(4, "done")
    runner = RunnerBook(transport="udp", on="memory", fails=[name])
    runner.bend("run", scenario=name, title=name, variant=name, why=name, expect=name)
    runner.write(1, "exit", client=name, code=1, output=name, program=name)
    folder.mkdir()
    for book, file in ((server, "server-FAKENW"), (client, "client-workstation"), (runner, "runner")):
        (folder / f"{file}.jsonl").write_text("".join(record.line() for record in book.lines))
    return folder


def scenario_of(name: str, folder: Path) -> Path:
    """A scenario whose texts are this name, and two lines of which are mistakes."""
    file = folder / "mine.yaml"
    client = {"name": "a", "script": [{"user.logon": "FAKENW"}, {"wait": "1m"}, "user.logoff", {"wait": "1h"}]}
    data = {"format": 1, "id": "mine", "title": name, "source": name, "description": name}
    more = {"sourced": name, "servers": [{"name": "FAKENW"}], "clients": [client], "variants": {"v": {"title": name}}}
    file.write_text(yaml.safe_dump({**data, **more}), encoding="utf-8")
    return file


def checked(name: str, folder: Path) -> str:
    done = invoke("check", run_of(name, folder / "run"))
    return done.stdout + done.stderr


def diagnosed(name: str, folder: Path) -> str:
    done = invoke("diagnose", "--journal", run_of(name, folder / "run"))
    return done.stdout + done.stderr


def ran(name: str, folder: Path) -> str:
    done = invoke("run", scenario_of(name, folder), "--report", folder / "report")
    assert done.exit_code == 0, done.stdout + done.stderr
    return done.stdout


def explained(name: str, folder: Path) -> str:
    done = invoke("explain", scenario_of(name, folder))
    assert done.exit_code == 0, done.stdout + done.stderr
    return done.stdout


def refused_scenario(name: str, folder: Path) -> str:
    """The mistakes of a scenario that has the name where it must not be."""
    file = folder / "mine.yaml"
    file.write_text(yaml.safe_dump({"format": 1, "id": name, "title": "t", "expect": name, name: 1}), encoding="utf-8")
    done = invoke("run", file)
    assert done.exit_code == 2
    return done.stderr


def refused_configuration(name: str, folder: Path) -> str:
    file = folder / "lab.yaml"
    data = {"server": {"name": name, name: 1}, "volumes": [{"name": name}], "bindery": {"users": [{"name": name}]}}
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    done = CliRunner().invoke(fakenw, ["config", "--check", str(file)], catch_exceptions=False)
    assert done.exit_code == 2
    return done.stderr


def broken_yaml(name: str, folder: Path) -> str:
    file = folder / "lab.yaml"
    file.write_bytes(b"server: {name: [" + name.encode("utf-8", "surrogatepass") + b"\n")
    done = CliRunner().invoke(fakenw, ["config", "--check", str(file)], catch_exceptions=False)
    assert done.exit_code == 2
    return done.stderr


def missing_files(name: str, folder: Path) -> str:
    """Files of that name, which are not there or cannot be made."""
    name = name.replace("\0", "").replace("\ud800", "\udcff")[:200]  # as Python reads a byte that is no UTF-8
    said = [invoke(*words, name).output for words in (["check"], ["run"], ["diagnose"])]
    path = str(folder / "no" / name)
    for options in (["--journal", path], ["--pcap", path], ["--config", path], ["--volume", f"SYS={path}"]):
        words = ["serve", "--listen", "udp:127.0.0.1:0", *options]
        if "config" in options[0]:
            said.append(CliRunner().invoke(fakenw, words, catch_exceptions=False).output)
    return "\n".join(said)


def asked(name: str, folder: Path) -> str:
    """``fakenw connections`` of a server with such users, and one that refuses."""
    entry = {"connection": 1, "user": name, "licensed": True, "station": name, "since": 1, "idle": 1, "files": [name]}
    said = []
    for body, status in (({"connections": [entry]}, "200 OK"), ({"error": name}, "409 Conflict")):
        with answering(lambda path, b=body, s=status: response(json.dumps(b), s)) as url:  # type: ignore[misc]
            said.append(CliRunner().invoke(fakenw, ["connections", "--admin", url], catch_exceptions=False).output)
    return "\n".join(said)


def followed(name: str, folder: Path) -> str:
    records = [record for file in sorted(run_of(name, folder / "run").iterdir()) for record in read(file).records]
    return "\n".join(text for record in records if (text := sentence(record)) is not None)


def audited(name: str, folder: Path) -> str:
    """The problems of books that have the name in every field."""
    journal = read(run_of(name, folder / "run") / "server-FAKENW.jsonl")
    found = []
    for n, record in enumerate(journal.records):
        for field in record.fields:
            kept, record.fields = record.fields, {**record.fields, field: name}
            found += [str(problem) for problem in books_balance(journal)]
            journal.records[n] = record
            record.fields = kept
    assert found
    return "\n".join(dict.fromkeys(found))


TERMINAL: dict[str, Output] = {
    "harness check": checked,
    "harness diagnose": diagnosed,
    "harness run": ran,
    "harness explain": explained,
    "mistakes of a scenario": refused_scenario,
    "mistakes of a configuration": refused_configuration,
    "broken YAML": broken_yaml,
    "files that are not there": missing_files,
    "fakenw connections": asked,
    "fakenw journal": followed,
    "the audit": audited,
}


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("output", TERMINAL)
def test_a_terminal_shows_it(output: str, kind: str, tmp_path: Path) -> None:
    """It executes nothing, and a line remains a line."""
    if kind in ("not XML", "NUL") and output in ("harness run", "harness explain", "mistakes of a scenario"):
        pytest.skip("YAML has no such characters")
    if kind == "long" and output == "the audit":
        pytest.skip("the same as others, for long")
    text = TERMINAL[output](NAMES[kind], tmp_path)
    assert text.strip()
    for line in text.split("\n"):
        assert line.isprintable(), line


@pytest.mark.parametrize("kind", NAMES)
def test_files_hold_it(kind: str, tmp_path: Path) -> None:
    """JUnit XML and JSON can be read again."""
    name, junit, out = NAMES[kind], tmp_path / "junit.xml", tmp_path / "out.json"
    invoke("check", run_of(name, tmp_path / "run"), "--junit", junit, "--json", out)
    (case,) = ElementTree.fromstring(junit.read_text(encoding="utf-8")).iter("testcase")
    assert case.get("name")
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u202e\u2066-\u2069\ufffe\uffff]", junit.read_text("utf-8")
    )
    json.loads(out.read_text(encoding="ascii"))


@pytest.mark.parametrize("kind", NAMES)
def test_a_page_shows_it(kind: str, tmp_path: Path) -> None:
    """As text: no element and no attribute is made of it. The operator's page is tested in a browser."""
    run = load([run_of(NAMES[kind], tmp_path / "run")])
    text = page([Result(run, judge(run))], tmp_path)
    assert "<script>alert" not in text
    assert not re.search("<[^>]* onmouseover=", text)
    for line in text.split("\n"):
        assert line.isprintable(), line


def test_a_record_is_one_line_of_ascii() -> None:
    """Whatever a name has."""
    for name in NAMES.values():
        line = Record(0, "server", "mark", {"text": name, name: name}).line()
        assert line.isascii()
        assert line.count("\n") == 1
        assert line[:-1].isprintable()
        assert json.loads(line)["text"] == name
