"""The report: what is in it, that hostile names do nothing, and that a real browser shows it."""

from __future__ import annotations

import html
import json
import re
import shlex
import shutil
import signal
import struct
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from click.testing import CliRunner
from markupsafe import Markup

from fakenw.journal.record import Journal, Record
from harness.cli.main import main
from harness.cli.rerun import run_again
from harness.client.registry import HEADERS
from harness.judge.history import RunHistory
from harness.judge.verdict import judge
from harness.load import report as load
from harness.load.outcome import Outcome
from harness.load.profile import PROFILES
from harness.load.report import Point
from harness.load.specification import LoadSpecification
from harness.load.statistics import LoadStatistics
from harness.report import rendering
from harness.report.html import page
from harness.report.text import Result, story
from harness.runners import memory
from tests.harness.handmade_journals import put_together, q257223
from tests.harness.memory_run import planned
from tests.programs import CLIENTS, harness

HOSTILE = "</title><script>alert(1)</script>\"'><img src=x onerror=alert(2)>\x1b[31m\u202e=1+1"
MANY = r"""
format: 1
id: many
title: a thousand connections, sixty of them left behind
source: here
servers: [{name: FAKENW, licenses: 1000}]
clients:
  - name: bug
    count: 60
    script: [{nal.open: &cap {path: 'NWBIND:\\FAKENW\SYS\CAP_GS1\', owner: X}}, {wait: 1h}]
  - name: good
    count: 940
    script: [{nal.open: *cap}, {wait: 10m}, nal.close, {wait: 1m}, {nal.open: *cap}, {wait: 9m}, nal.close]
expect: leaked
"""


def reported(folder: Path, *arguments: object) -> str:
    """What ``harness run ... --report`` has written."""
    words = ["run", *map(str, arguments), "--report", str(folder)]
    CliRunner().invoke(main, words, catch_exceptions=False)
    return (folder / "report.html").read_text(encoding="utf-8")


def result(**fields: Any) -> Result:
    """The result of the run of the article, with these fields of the run's record."""
    server, client, runner = q257223()
    runner.bend("run", **fields)
    run = put_together(server, client, runner)
    return Result(run, judge(run), command=str(fields.get("command", "")))


class Seen(HTMLParser):
    """The elements of a page, their attributes, and the text by element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, f"{self._open} are never closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def of(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name in tags]

    def classes(self) -> set[str]:
        return {name for _, attributes in self.elements for name in (attributes.get("class") or "").split()}


# What is in it


def test_a_report_of_the_catalogue(tmp_path: Path) -> None:
    """Everything that was asked for is there: verdicts, charts, the story, the command, and links that lead on."""
    text = reported(tmp_path, "Q257223", "--variant", "as-shipped", "--variant", "counted", "--seed", "3")
    seen = Seen(text)
    words = html.unescape(text)
    assert "leaked, as expected" in words
    assert "released, as expected" in words
    assert "NAL cannot release a connection that APM is using" in words
    assert "APM's use of the connection is not counted with NAL's arbiter" in words
    assert "harness run Q257223 --variant as-shipped --on memory --transport udp --seed 3" in words
    assert "0:10:00  APM closed its file" in words
    assert {"licenses", "lanes", "licensed", "unneeded", "use", "asked", "refused", "legend"} <= seen.classes()
    links = [unquote(str(link["href"])) for link in seen.of("a")]
    files = [link for link in links if not link.startswith("#")]
    assert all((tmp_path / link).is_file() for link in files)
    assert {f"Q257223/as-shipped/{name}" for name in ("server-FAKENW.jsonl", "capture.pcap")} <= set(files)
    anchors = {attributes.get("id") for _, attributes in seen.elements}
    assert {link[1:] for link in links if link.startswith("#")} <= anchors


def test_the_other_files(tmp_path: Path) -> None:
    """JSON and JUnit are what the options write, the registry is a file for regedit, the capture one of NCP."""
    options = ("--json", tmp_path / "a.json", "--junit", tmp_path / "a.xml")
    reported(tmp_path / "report", "Q257223", "--variant", "as-shipped", *options)
    assert (tmp_path / "report" / "results.json").read_bytes() == (tmp_path / "a.json").read_bytes()
    assert (tmp_path / "report" / "junit.xml").read_bytes() == (tmp_path / "a.xml").read_bytes()
    kept = tmp_path / "report" / "Q257223" / "as-shipped"
    registry = (kept / "client-workstation.reg").read_bytes()
    assert registry.startswith(HEADERS[4].encode() + b"\r\n\r\n[HKEY_LOCAL_MACHINE\\")
    assert registry.count(b"\n") == registry.count(b"\r\n")
    magic, *_, kind = struct.unpack_from("<IHHiIII", (kept / "capture.pcap").read_bytes())
    assert (magic, kind) == (0xA1B2C3D4, 101)


def test_a_second_run_of_a_variant_is_kept_beside_the_first(tmp_path: Path) -> None:
    """Nothing is overwritten, and what an earlier report has left is gone."""
    old = tmp_path / "Q257223" / "counted" / "client-gone.reg"
    old.parent.mkdir(parents=True)
    old.write_text("old")
    reported(tmp_path, "Q257223", "Q257223", "--variant", "counted")
    assert sorted(path.name for path in (tmp_path / "Q257223").iterdir()) == ["counted", "counted+2"]
    assert not old.exists()
    names = re.findall('<testcase .* name="(.*)"', (tmp_path / "junit.xml").read_text())
    assert names == ["counted", "counted (2)"]


@pytest.mark.process
def test_a_report_of_processes(tmp_path: Path) -> None:
    """A program of the user's own: its command, and the capture that its server has written."""
    perl = shutil.which("perl")
    if perl is None:
        pytest.skip("there is no program perl")
    command = [perl, str(CLIENTS / "ncp.pl"), "{host}", "{port}"]
    done = harness("exec", "--report", tmp_path, "--user", "JOE:SECRET", "--", *command)
    assert done.returncode == 0, done.stderr
    words = html.unescape((tmp_path / "report.html").read_text())
    assert "harness exec --licenses 5 --release 5.1" in words
    assert "'{host}' '{port}'" in words
    assert "SECRET" not in words
    assert (tmp_path / "exec" / "default" / "capture.pcap").stat().st_size > 200


def test_a_report_of_containers_says_what_it_lacks(tmp_path: Path) -> None:
    """There is no capture, and that is said."""
    (tmp_path / "s" / "v").mkdir(parents=True)
    text = page([replace(result(on="containers"), kept=str(tmp_path / "s" / "v"))], tmp_path)
    assert "no capture: in containers none is made" in text


def test_the_command_of_a_file_on_processes() -> None:
    """The file as it was named, quoted for a shell, with the speed that memory has not."""
    plan = planned([], "tcp").model_copy(update={"speed": 60.0})
    command = run_again("my file.yaml", plan, "processes", [Path("b.py")], {"ws": "agent:2", "other": "x"})
    assert shlex.split(command) == [
        *("harness", "run", "my file.yaml", "--variant", "default", "--on", "processes", "--transport", "tcp"),
        *("--seed", "0", "--speed", "60", "--behaviors", "b.py", "--image", "ws=agent:2"),
    ]


def test_what_the_network_carried_is_captured(tmp_path: Path) -> None:
    """Every packet of a run on memory, and the journals are the same with a capture as without."""
    plan = planned([{"wait": "10m"}, {"server-down": "FAKENW"}, {"server-up": "FAKENW"}], "tcp")
    with (tmp_path / "capture.pcap").open("wb") as file:
        journals = memory.run(plan, file)
    assert journals == memory.run(plan)
    data = (tmp_path / "capture.pcap").read_bytes()
    at, packets = 24, []
    while at < len(data):
        seconds, micros, length, _ = struct.unpack_from("<IIII", data, at)
        packets.append((seconds + micros / 1e6, data[at + 16 : at + 16 + length]))
        at += 16 + length
    assert [t for t, _ in packets] == sorted(t for t, _ in packets)
    assert packets[0][0] - 965899815 < 2  # 2000-08-10 09:30:15 UTC
    server = bytes([192, 168, 0, 1])
    asked, answered = (
        [packet for _, packet in packets if packet[at : at + 4] == server and start in packet]
        for at, start in ((16, b"DmdT"), (12, b"tNcP"))
    )
    assert len(asked) == len(answered) >= 6  # to attach, log in and open a file
    over = [t - packets[0][0] for t, packet in packets if packet[33] & 0x01]
    assert len(over) == 2  # both ends of the stream
    assert all(599 < t < 602 for t in over)  # when the server goes down
    flags = [packet[33] for _, packet in packets]
    assert flags[:3] == [0x02, 0x12, 0x10]
    assert {packet[12:16] + packet[16:20] for _, packet in packets} == {
        bytes([10, 0, 0, 1, 192, 168, 0, 1]),
        bytes([192, 168, 0, 1, 10, 0, 0, 1]),
    }


@pytest.mark.tshark
def test_wireshark_reads_the_capture(tmp_path: Path) -> None:
    """Wireshark finds NCP in it, and nothing malformed."""
    reported(tmp_path, "Q257223", "--variant", "as-shipped")
    capture = tmp_path / "Q257223" / "as-shipped" / "capture.pcap"
    read = subprocess.run(["tshark", "-r", capture, "-Y", "ncp"], capture_output=True, text=True, timeout=60)
    assert "C Keyed Object Login" in read.stdout
    assert "Malformed" not in read.stdout


# What must do no harm


@pytest.mark.parametrize("field", ["scenario", "variant", "title", "source", "cause", "why", "on", "transport", "seed"])
def test_hostile_settings(field: str, tmp_path: Path) -> None:
    """Whatever a scenario says, the page has our script and no other, and no control character."""
    harmless(page([result(**{field: HOSTILE, "command": HOSTILE})], tmp_path))


def test_hostile_wire(tmp_path: Path) -> None:
    """Names of users and files, and what clients say of them."""
    server, client, runner = q257223()
    server.about[1]["user"] = HOSTILE
    for book in (server, client):
        for n, record in enumerate(book.lines):
            for name in ("user", "path", "file", "by", "owner", "reason", "key", "resource"):
                if name in record.fields:
                    book.bend(record.event, book_index(book.lines, n), **{name: HOSTILE})
    client.bend("release-refused", files=[HOSTILE])
    run = put_together(server, client, runner)
    harmless(page([Result(run, judge(run))], tmp_path))


def book_index(lines: list[Record], n: int) -> int:
    """Which of the events of its kind line *n* is."""
    return [at for at, record in enumerate(lines) if record.event == lines[n].event].index(n)


def harmless(text: str, scripts: int = 1) -> None:
    """The page holds what was hostile as text only."""
    seen = Seen(text)
    assert len(seen.of("script")) == scripts
    assert not seen.of("img", "iframe", "object", "link", "base", "form")
    assert not [name for _, attributes in seen.elements for name in attributes if name.startswith("on")]
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", text)
    assert "alert(1)" in html.unescape(text)
    assert not [link for link in seen.of("a") if ":" in str(link["href"])]


def test_hostile_load(tmp_path: Path) -> None:
    """The page of a load: its title, and what clients say."""
    order = LoadSpecification(clients=1, licenses=1, profile=PROFILES["morning"], day=1)
    point = Point(1, (Outcome(order, LoadStatistics(), None, 1.0, virtual=True),))
    load.write(tmp_path, [], [HOSTILE], [point], HOSTILE)
    harmless((tmp_path / "report.html").read_text(encoding="utf-8"), scripts=0)
    Seen((tmp_path / "sweep.svg").read_text(encoding="utf-8"))


def test_it_is_the_templates_that_escape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above fail where Jinja does not escape, and where control characters are printed as they are."""
    hostile = [result(why=HOSTILE)]
    for changed in ({"autoescape": False}, {"finalize": lambda value: value}):
        with monkeypatch.context() as patch:
            patch.setattr(rendering, "TEMPLATES", rendering.TEMPLATES.overlay(**changed))
            with pytest.raises(AssertionError):
                harmless(page(hostile, tmp_path))
    harmless(page(hostile, tmp_path))


def test_what_a_template_prints() -> None:
    """Text is escaped once, markup not again; halves of surrogates and NULs can be written; None is nothing."""
    template = rendering.TEMPLATES.from_string("{{ text }}|{{ nothing }}|{{ markup }}|{{ number }}")
    printed = template.render(text="\x00\ud800\n<&\"'", nothing=None, markup=Markup("<b>&amp;</b>"), number=0.1 + 0.2)
    assert printed == "\\x00\\xd800\n&lt;&amp;&#34;&#39;||<b>&amp;</b>|0.3"


def test_nothing_to_show(tmp_path: Path) -> None:
    """No run at all, and one without a server, are pages too."""
    Seen(page([], tmp_path))
    run = RunHistory.of([Journal("runner.jsonl", [Record(0, "runner", "run", {"format": 1, "speed": 1})])])
    text = page([Result(run, judge(run))], tmp_path)
    assert "there is no server" in text
    assert "leaked" in "\n".join(story(result()))


# In a browser


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run with a thousand connections and more."""
    folder = tmp_path_factory.mktemp("many")
    (folder / "many.yaml").write_text(MANY)
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    reported(folder, folder / "many.yaml")
    for number, action in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
        signal.signal(number, action)
    return folder / "report.html"


def test_a_thousand_connections_make_a_small_page(thousand: Path) -> None:
    """The worst fifty are shown in full, and all are shown."""
    text = thousand.read_text()
    assert len(text) < 5_000_000
    seen = Seen(text)
    lanes = [attributes["class"] for attributes in seen.of("g") if "lane" in str(attributes.get("class")).split()]
    assert lanes == ["lane bad"] * 50
    (server,) = json.loads((thousand.parent / "results.json").read_text())
    assert len(server["leaked"]) == 60
    thin = [str(path["d"]) for path in seen.of("path") if "thin" in str(path.get("class"))]
    rows = {row for path in thin for row in re.findall(r"M[0-9.]+ ([0-9.]+)h", path)}
    assert len(rows) == int(re.findall("and ([0-9]+) more", text)[0]) == 950 + 940


def browsed(report: Path, *options: str) -> tuple[str, str]:
    """The DOM that a browser makes of the page, and what it complained of."""
    words = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0", *options]
    folder = f"--user-data-dir={report.parent / 'chromium'}"
    done = subprocess.run([*words, folder, "--dump-dom", report.as_uri()], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout, "\n".join(row for row in done.stderr.splitlines() if "CONSOLE" in row)


@pytest.mark.chromium
def test_a_browser_shows_it(tmp_path: Path) -> None:
    """The charts are in the DOM, the script has run, and nothing was complained of."""
    reported(tmp_path, "Q257223", "--variant", "as-shipped", "--variant", "counted")
    dom, complaints = browsed(tmp_path / "report.html")
    assert complaints == ""
    for expected in ('class="licenses"', 'class="lanes"', 'class="lane bad"', 'class="mark refused"', "<button>"):
        assert expected in dom
    assert "url(#unneeded)" in dom


@pytest.mark.chromium
def test_a_browser_would_have_complained(tmp_path: Path) -> None:
    """A page whose script is not the one that its policy names: so this test can fail."""
    path = tmp_path / "report.html"
    path.write_text(page([result(), result()], tmp_path).replace('"use strict";', "", 1))
    dom, complaints = browsed(path)
    assert "Content Security Policy" in complaints
    assert "<button>" not in dom


@pytest.mark.chromium
def test_a_browser_shows_a_thousand_connections(thousand: Path) -> None:
    """A page of that size is shown as well."""
    dom, complaints = browsed(thousand)
    assert complaints == ""
    assert dom.count('class="lane bad"') == 50
    assert 'class="thin licensed-line"' in dom


@pytest.mark.chromium
def test_light_and_dark(tmp_path: Path) -> None:
    """The page looks different where the browser prefers dark."""
    path = tmp_path / "report.html"
    path.write_text(page([result()], tmp_path))
    shots = []
    for scheme in (0, 1):  # dark, light
        shot = tmp_path / f"{scheme}.png"
        browsed(path, f"--blink-settings=preferredColorScheme={scheme}", f"--screenshot={shot}")
        shots.append(shot.read_bytes())
    assert shots[0] != shots[1]
