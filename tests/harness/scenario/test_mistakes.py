"""Every mistake in a scenario file is told with its line, its field and what was expected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fakenw.config.bounded_yaml import DEPTH_LIMIT
from fakenw.config.yaml_file import SIZE_LIMIT
from harness.judge import checks
from harness.scenario.scenario import Scenario, ScenarioError, load
from harness.scenario.settings import Parts, ServerHabits
from harness.scenario.steps import STEPS
from tests.harness.scenario_files import FULL, LEAST, changed, mistakes, read

NAL = "clients[0].script[0].nal.open"
APM = "clients[0].script[1].apm.open"
WAIT = "clients[0].script[2].wait"
REPEAT = "clients[0].script[3].repeat"
DURATIONS = "is not a duration; expected text such as 500ms, 30s, 10m, 4h, 2d or 1h30m"
VERDICTS = "expected one of released, reclaimed, leaked, interrupted, unknown"
VERBS = ", ".join(step.verb for step in STEPS)
PARTS = ", ".join(Parts.model_fields)
CHECKS = ", ".join(checks.CHECKS)
USER = "not a user; expected text: NAME or NAME:PASSWORD, NAME of 1 to 47 characters"


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        # Keys that are unknown
        ("          file: SYS:PUBLIC/NLIST.EXE", "          file: a\n          serer: b",
         f"16: {APM}.serer: unknown key; expected one of "
         "file, server, may_fail (did you mean server?)"),
        ("title: a bit", "titel: x\ntitle: a bit", "3: titel: unknown key; expected one of format, id, title, source, "
         "known_as, sourced, reading, description, idle_after, timeout, transport, seed, servers, strangers, "
         f"clients, faults, cause, checks, expect, fails, variants, {PARTS} (did you mean title?)"),
        ("times: 2", "times: 2\n          zzz:\n            1",
         f"19: {REPEAT}.zzz: unknown key; expected one of times, "
         "script"),
        ("{within: 5m}", "{within: 5m, withn: 1}", "21: checks[0].released.withn: unknown key; expected within "
         "(did you mean within?)"),
        ("{expect: leaked}", "{expct: leaked}",
         "23: variants.shipped.expct: unknown key; expected one of title, expect, fails, "
         f"transport, checks, script, scripts, licensed, {PARTS}, server, faults (did you mean expect?)"),
        # Keys that are missing
        ("format: 1\n", "", "1: format: missing; expected 1"),
        ("title: a bit of everything\n", "", "1: title: missing; expected the scenario in one line"),
        ("  - name: fakenw\n    release", "  - release",
         "6: servers[0].name: missing; expected the name of the server, "
         "1 to 47 characters"),
        ("          file: SYS:PUBLIC/NLIST.EXE", "          server: A",
         f"14: {APM}.file: missing; expected a file: VOLUME:DIRECTORY/FILE"),
        ("      - apm.open:\n          file: SYS:PUBLIC/NLIST.EXE", "      - apm.open",
         f"14: {APM}.file: missing; expected a file: VOLUME:DIRECTORY/FILE"),
        ("      - apm.open:\n          file: SYS:PUBLIC/NLIST.EXE", "      - apm.open:",
         f"14: {APM}.file: missing; expected a file: VOLUME:DIRECTORY/FILE"),
        (", owner: SMSCCMBootAcct", "", f"13: {NAL}.owner: missing; expected the account that owns the entry in the "
         "registry"),
        ("          times: 2\n", "", f"17: {REPEAT}.times: missing; expected the number of times"),
        # Words from a list
        ("format: 1", "format: 2", "1: format: 2 is unknown; expected 1"),
        ('"3.12"', "3.12", "7: servers[0].release: 3.12 is unknown; expected one of 3.12, 4.11, 5.1, 6.5 (in quotes)"),
        ('"3.12"', '"4.1"', "7: servers[0].release: '4.1' is unknown; expected one of 3.12, 4.11, 5.1, 6.5 "
         "(did you mean 4.11?)"),
        ('"3.12"', '"3.12"\n    policy: logon',
         "8: servers[0].policy: 'logon' is unknown; expected one of attach, login, "
         "service, nls, ual (did you mean login?)"),
        ("source: ours", "source: ours\ntransport: ip", "5: transport: 'ip' is unknown; expected one of udp, tcp, ipx "
         "(did you mean ipx?)"),
        ("{expect: leaked}", "{expect: leakd}", f"23: variants.shipped.expect: 'leakd' is unknown; {VERDICTS} "
         "(did you mean leaked?)"),
        ("{expect: leaked}", "\n    expect:\n      udp: leaked\n      tcp: lost",
         "26: variants.shipped.expect.tcp: 'lost' "
         f"is unknown; {VERDICTS}"),
        ("{expect: leaked}", "{expect: {ip: leaked}}", "23: variants.shipped.expect.ip: unknown key; expected one of "
         "udp, tcp, ipx, images (did you mean ipx?)"),
        ("{expect: leaked}", "{expect: [leaked]}", f"23: variants.shipped.expect: a list is unknown; {VERDICTS} "
         "(in quotes)"),
        # Numbers, text, durations
        ('"3.12"', '"3.12"\n    licenses: five', "8: servers[0].licenses: 'five'; expected a whole number"),
        ('"3.12"', '"3.12"\n    licenses: 5.0', "8: servers[0].licenses: 5.0; expected a whole number"),
        ('"3.12"', '"3.12"\n    licenses: yes', "8: servers[0].licenses: true; expected a whole number"),
        ('"3.12"', '"3.12"\n    licenses: -1', "8: servers[0].licenses: -1; expected 0 or more"),
        ('"3.12"', '"3.12"\n    connections: 0', "8: servers[0].connections: 0; expected 1 or more"),
        ("times: 2", "times:\n            many", f"19: {REPEAT}.times: 'many'; expected a whole number"),
        ("title: a bit of everything", "title: 2000-08-10", "3: title: 2000-08-10; expected text (in quotes)"),
        ("title: a bit of everything", "title:", "3: title: nothing; expected text (in quotes)"),
        ("title: a bit of everything", "title: ''", "3: title: ''; expected text that is not empty"),
        ("wait: 10m", "wait: 10 minutes", f"16: {WAIT}: '10 minutes' {DURATIONS}"),
        ("wait: 10m", "wait:\n          {for: 10m}", f"16: {WAIT}: a mapping {DURATIONS}"),
        ("- wait: 10m", "- wait", f"16: {WAIT}: nothing {DURATIONS}"),
        ("- wait: 10m", "- wait:", f"16: {WAIT}: nothing {DURATIONS}"),
        ("{within: 5m}", "\n      within: soon", f"22: checks[0].released.within: 'soon' {DURATIONS}"),
        ("{within: 5m}", "{within: 0}", "21: checks[0].released.within: no time at all; expected more than 0"),
        ("source: ours", "source: ours\nidle_after: x", f"5: idle_after: 'x' {DURATIONS}"),
        ("source: ours", "source: ours\narbiter: {retry: 0s}",
         "5: arbiter.retry: no time at all; expected more than 0"),
        # Lists and mappings
        ("[nal.close]", "nal.close", f"19: {REPEAT}.script: 'nal.close'; expected a list"),
        ("[nal.close]", "[]", f"19: {REPEAT}.script: empty; expected at least one"),
        ("{expect: leaked}", "leaked", "23: variants.shipped: 'leaked'; expected a mapping"),
        ("{expect: leaked}", "", "23: variants.shipped: nothing; expected a mapping"),
        ("      - apm.open:\n          file: SYS:PUBLIC/NLIST.EXE", "      - apm.open: 5",
         f"14: {APM}: 5; expected a mapping"),
        # Settings
        ("source: ours", "source: ours\narbiter: count",
         "5: arbiter: 'count' is unknown; expected one of counted, forced, "
         "a mapping (did you mean counted?)"),
        ("source: ours", "source: ours\napm: {private: maybe}", "5: apm.private: 'maybe'; expected true or false"),
        ("source: ours", "source: ours\narbiter: {key: gone}", "5: arbiter.key: 'gone' is unknown; expected one of "
         "survives, deleted"),
        ("source: ours", "source: ours\nredirector: on", "5: redirector: true; expected a mapping"),
        # Steps and checks
        ("wait: 10m", "wiat: 10m", f"16: clients[0].script[2]: 'wiat' is not a step; expected one of {VERBS} "
         "(did you mean wait?)"),
        ("- wait: 10m", "- apm.opne", f"16: clients[0].script[2]: 'apm.opne' is not a step; expected one of {VERBS} "
         "(did you mean apm.open?)"),
        ("- wait: 10m", "- {wait: 10m, nal.close: }",
         "16: clients[0].script[2]: a mapping is not a step; expected a name "
         f"or one key: {VERBS}"),
        ("- wait: 10m", "- 10", f"16: clients[0].script[2]: 10 is not a step; expected a name or one key: {VERBS}"),
        ("          file: SYS:PUBLIC/NLIST.EXE", "          file: SYS:A\n      - nal.close: {path: CAP}", "16: "
         r'clients[0].script[2].nal.close.path: expected a NAL path such as NWBIND:["SMS_SITE=GS1"]'
         r"\\SERVER\VOLUME\DIR\, got 'CAP'"),
        ("- released: {within: 5m}", "- relased", f"21: checks[0]: 'relased' is not a check; expected one of {CHECKS} "
         "(did you mean released?)"),
        ("- released: {within: 5m}", "- bounded", "21: checks[0].bounded.units: missing; expected a whole number of "
         "units"),
        # Names
        ("  - name: fakenw", "  - {name: FAKENW}\n  - name: fakenw",
         "7: servers[1].name: 'fakenw' again; expected a name "
         "that no other has"),
        ("  - name: fakenw", "  - name: a/b", "6: servers[0].name: 'a/b' is not a name; expected 1 to 47 characters "
         "without blanks and punctuation"),
        ("  - name: fakenw", f"  - name: {'x' * 48}",
         f"6: servers[0].name: '{'x' * 48}' is not a name; expected 1 to 47 "
         "characters without blanks and punctuation"),
        ("name: workstation", "name: my workstation",
         "10: clients[0].name: 'my workstation' is not a name; expected 1 to "
         "47 letters, digits, dots, dashes and underscores"),
        ("shipped:", "as shipped:", "23: variants.as shipped: 'as shipped' is not a name; expected 1 to 47 letters, "
         "digits, dots, dashes and underscores"),
        ("ANN]", "ANN: secret]", f"8: servers[0].users[1]: {USER}"),
        ("user: joe:secret", "user: :secret", f"11: clients[0].user: {USER}"),
        ("user: joe:secret", "user: jo:secret", "11: clients[0].user: no server has the user 'JO'; expected one of "
         "JOE, ANN, SUPERVISOR, GUEST (did you mean JOE?), or strangers: [JO]"),
        ("user: joe:secret", "user: joe\n    accounts: [ann, nan]", "12: clients[0].accounts[1]: no server has the "
         "user 'NAN'; expected one of JOE, ANN, SUPERVISOR, GUEST (did you mean ANN?), or strangers: [NAN]"),
        (r"\\FAKENW\SYS", r"\\FAKEMW\SYS", "13: clients[0].script[0].nal.open.path: there is no server 'FAKEMW'; "
         "expected FAKENW (did you mean FAKENW?)"),
        ("          script: [nal.close]", "          script: [user.logon: FS1]", "19: "
         "clients[0].script[3].repeat.script[0].user.logon: there is no server 'FS1'; expected FAKENW"),
        ("shipped: {expect: leaked}", "shipped: {logon: {tree: [fakenw, FS1]}}", "23: variants.shipped.logon.tree[1]: "
         "there is no server 'FS1'; expected FAKENW"),
        ("shipped: {expect: leaked}", "shipped: {script: [{operator.clear: {server: FAKENW, user: BOB}}]}", "23: "
         "variants.shipped.script[0].operator.clear.user: no server has the user 'BOB'; expected one of JOE, ANN, "
         "SUPERVISOR, GUEST, or strangers: [BOB]"),
        ("shipped: {expect: leaked}", "shipped: {licensed: {workstaton: never}}", "23: "
         "variants.shipped.licensed.workstaton: there is no client 'workstaton'; expected workstation (did you mean "
         "workstation?)"),
        ("shipped: {expect: leaked}", "shipped:\n    scripts:\n      workstaton: [nal.close]", "25: "
         "variants.shipped.scripts.workstaton: there is no client 'workstaton'; expected workstation (did you mean "
         "workstation?)"),
        ("shipped: {expect: leaked}", "shipped:\n    faults:\n      - wait: 1m\n      - cut: workstaton", "26: "
         "variants.shipped.faults[1].cut: there is no client 'workstaton'; expected workstation (did you mean "
         "workstation?)"),
        ("checks:", "  - {name: p, command: [p], licensed: never}\n  - {name: q, command: [q]}\nchecks:", "9: clients: "
         "licensed: never of one program of several; expected it of all, for the journal cannot tell them apart"),
        ("user: joe:secret", "licensed: no", "11: clients[0].licensed: false is unknown; expected never"),
        ("user: joe:secret", "exit: 3", "11: clients[0].exit: an exit code of a script; expected one of a command or "
         "an image"),
        ("user: joe:secret", "exit: 256", "11: clients[0].exit: 256 is not an exit code; expected 0 to 255, or any"),
        ("user: joe:secret", "exit: true", "11: clients[0].exit: true is not an exit code; expected 0 to 255, or any"),
        ("user: joe:secret", "exit: some", "11: clients[0].exit: 'some' is not an exit code; expected 0 to 255, or "
         "any"),
        ("user: joe:secret", "command: [./client]",
         "11: clients[0].command: a script and a command; expected exactly one "
         "of them"),
    ],
)  # fmt: skip
def test_mistake(tmp_path: Path, old: str, new: str, mistake: str) -> None:
    """One mistake is one line: the file, the line, the field, what was wrong and what was expected."""
    assert mistakes(tmp_path, changed(old, new)) == [f"my.yaml:{mistake}"]


def test_client_that_does_nothing(tmp_path: Path) -> None:
    """A client needs a script, a command or an image."""
    assert mistakes(tmp_path, LEAST.replace("    script: [nal.close]\n", "    count: 1\n")) == [
        "my.yaml:7: clients[0]: neither a script nor a command nor an image; expected one of them"
    ]


@pytest.mark.parametrize("what", ["servers", "clients"])
def test_nobody(tmp_path: Path, what: str) -> None:
    """There is at least one server and one client."""
    text = LEAST[: LEAST.index("servers")] + f"{what}: []\n"
    text += LEAST[LEAST.index("clients") :] if what == "servers" else "servers: [{name: FAKENW}]\n"
    assert mistakes(tmp_path, text) == [f"my.yaml:5: {what}: empty; expected at least one"]


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    """However different, all are told, in the order of their lines; a script that is wrong is not a missing one."""
    text = """\
format: 1
id: mine
title: many mistakes
title: again
servers:
  - name: FAKENW
    releas: "5.1"
  - name: fakenw
    licenses: many
clients:
  - name: workstation
    script:
      - nal.opne
      - wait: 10x
  - name: workstation
    command: []
expect: leak
"""
    assert mistakes(tmp_path, text) == [
        "my.yaml:1: source: missing; expected the documents that describe it",
        "my.yaml:4: title: the key stands again, first on line 3; expected it once",
        "my.yaml:7: servers[0].releas: unknown key; expected one of name, users, "
        f"{', '.join(ServerHabits.model_fields)} (did you mean release?)",
        "my.yaml:8: servers[1].name: 'fakenw' again; expected a name that no other has",
        "my.yaml:9: servers[1].licenses: 'many'; expected a whole number",
        f"my.yaml:13: clients[0].script[0]: 'nal.opne' is not a step; expected one of {VERBS} (did you mean nal.open?)",
        f"my.yaml:14: clients[0].script[1].wait: '10x' {DURATIONS}",
        "my.yaml:15: clients[1].name: 'workstation' again; expected a name that no other has",
        "my.yaml:16: clients[1].command: empty; expected at least one",
        f"my.yaml:17: expect: 'leak' is unknown; {VERDICTS} (did you mean leaked?)",
    ]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "1: (file): the file is empty; expected a scenario in YAML"),
        ("# nothing\n", "1: (file): the file is empty; expected a scenario in YAML"),
        ("- format: 1\n", "1: (file): a list; expected a mapping"),
        ("format: 1\n\n  id: mine\n", "3: (file): mapping values are not allowed here; expected a scenario in YAML"),
        ("format: 1\nid: [mine\ntitle: x\n",
         "3: (file): while parsing a flow sequence, expected ',' or ']', but got ':'; "
         "expected a scenario in YAML"),
        ("format: 1\nid: *mine\n", "2: (file): found undefined alias 'mine'; expected a scenario in YAML"),
        ("a: 1\n---\nb: 2\n",
         "2: (file): expected a single document in the stream, but found another document; expected "
         "a scenario in YAML"),
        (b"format: 1\ntitle: \xff\n", "2: (file): not UTF-8; expected a scenario in YAML"),
        ("format: 1\ntitle: \x07\n",
         "2: (file): the character U+0007 may not stand in YAML; expected a scenario in YAML"),
        ("a:\n" + "[" * 100, f"2: (file): more than {DEPTH_LIMIT} nested lists and mappings; expected a "
         "scenario in YAML"),
        ("a: [&a [x,x,x,x,x,x,x,x,x,x],\n &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a],\n &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b],\n "
         "&d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c],\n &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]]", "1: (file): aliases "
          "expand to more "
         "than 50000 values; expected a scenario in YAML"),
    ],
)  # fmt: skip
def test_not_yaml(tmp_path: Path, text: str | bytes, mistake: str) -> None:
    """What cannot be read at all is told with its line too, and nothing else is."""
    assert mistakes(tmp_path, text) == [f"my.yaml:{mistake}"]


@pytest.mark.parametrize(
    ("value", "mistake"),
    [
        ("!!python/object/apply:os.system ['true']",
         "the tag tag:yaml.org,2002:python/object/apply:os.system; expected a "
         "plain YAML value"),
        ("!!python/name:os.system ''", "not readable as python/name:os.system; expected a plain YAML value"),
        ("!mine x", "not readable as !mine; expected a plain YAML value"),
        ("2000-02-31", "not readable as timestamp; expected a plain YAML value"),
        ("9" * 5000, "not readable as int; expected a plain YAML value"),
        ("&me [*me]", None),
    ],
)  # fmt: skip
def test_odd_values(tmp_path: Path, value: str, mistake: str | None) -> None:
    """A value that is not plain is one mistake, at its line, whatever it was meant to be; nothing is executed."""
    path, mistake = ("title", mistake) if mistake else (
        "title[0]", "an alias inside the value that it repeats; expected a value of its own")  # fmt: skip
    found = mistakes(tmp_path, changed("title: a bit of everything", f"title:\n  {value}"))
    assert f"my.yaml:4: {path}: {mistake}" in found
    assert len(found) == 1 if path == "title" else len(found) == 2


def test_key_that_is_no_text(tmp_path: Path) -> None:
    """A key can be a number or a switch, and is taken as it was written, but it cannot be a list."""
    text = LEAST + "variants:\n  on: {expect: leaked}\n  1: {}\n"
    assert list(read(tmp_path, text).variants) == ["on", "1"]
    assert mistakes(tmp_path, LEAST + "variants:\n  a: {}\n  ? [b]\n  : {}\n") == [
        "my.yaml:11: variants: a key that is a list or a mapping; expected text"
    ]


def test_mistake_behind_an_alias(tmp_path: Path) -> None:
    """It is told where the value was written, under each field that has it."""
    text = LEAST.replace("[nal.close]", "\n      - wait:\n          &long 10x\n      - wait: *long\n")
    assert mistakes(tmp_path, text) == [f"my.yaml:10: clients[0].script[{n}].wait: '10x' {DURATIONS}" for n in (0, 1)]


def test_mistake_inside_an_alias(tmp_path: Path) -> None:
    """Lists and mappings that are repeated are told where they were written."""
    text = LEAST.replace("[nal.close]", "&script\n      - apm.open:\n          flie: x\n          file: y\n")
    found = mistakes(tmp_path, text + "variants:\n  again: {script: *script}\n")
    unknown = "flie: unknown key; expected one of file, server, may_fail (did you mean file?)"
    places = ("clients[0].script[0]", "variants.again.script[0]")
    assert found == [f"my.yaml:10: {place}.apm.open.{unknown}" for place in places]


def test_too_big(tmp_path: Path) -> None:
    """The size of a file is bounded, before it is read as YAML."""
    assert read(tmp_path, LEAST + "#" * (SIZE_LIMIT - len(LEAST))).id == "mine"
    assert mistakes(tmp_path, LEAST + "#" * SIZE_LIMIT) == ["my.yaml: too big; expected no more than 256 KiB"]


def test_windows_file(tmp_path: Path) -> None:
    """A byte order mark and CR LF, as editors on Windows write them, change no line number."""
    assert read(tmp_path, b"\xef\xbb\xbf" + LEAST.replace("\n", "\r\n").encode()).id == "mine"
    (mistake,) = mistakes(tmp_path, changed("wait: 10m", "wait: 10x").replace("\n", "\r\n"))
    assert mistake.startswith("my.yaml:16: ")


def test_no_file(tmp_path: Path) -> None:
    """A file that is not there, or no file, is a ScenarioError too."""
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ScenarioError, match=r"cannot be read: .*; expected a scenario file"):
            load(path)


def test_passwords_are_not_shown(tmp_path: Path) -> None:
    """Neither a mistake in a user nor the run record shows a password."""
    assert "secret" not in "".join(mistakes(tmp_path, changed("user: joe:secret", "user: j*e:secret")))
    text = json.dumps(read(tmp_path, FULL).plans()[0].opening("memory"))
    assert '"JOE"' in text
    assert "secret" not in text
    assert "a:b" not in text


def test_what_no_server_can_have(tmp_path: Path) -> None:
    """Numbers beyond the connection table, and text that code page 437 cannot spell, are told with their lines."""
    text = LEAST.replace(
        "{name: FAKENW}", "{name: FAKENW, licenses: 99999, connections: 70000, users: [\u0416]}"
    ).replace("[nal.close]", "\n      - apm.open: {file: 'SYS:\u0416'}")
    assert [line.partition("; ")[0] for line in mistakes(tmp_path, text)] == [
        "my.yaml:5: servers[0].connections: 70000",
        "my.yaml:5: servers[0].licenses: 99999",
        "my.yaml:5: servers[0].users[0]: not a user",
        "my.yaml:9: clients[0].script[0].apm.open.file: '\u0416' cannot be sent",
    ]


def test_a_cause_is_about_machines_that_there_are(tmp_path: Path) -> None:
    """The faults without which it does not happen are checked as all faults are."""
    cause = "cause: {text: it is cut off, without: {faults: [{cut: nobody}]}}\n"
    assert mistakes(tmp_path, LEAST + cause) == [
        "my.yaml:9: cause.without.faults[0].cut: there is no client 'nobody'; expected workstation"
    ]


def test_data_instead_of_a_file() -> None:
    """A program can give the data; mistakes then name the field, and have no line."""
    data: dict[str, Any] = {"format": 1, "id": "exec", "title": "x", "source": "y", "servers": [{"name": "A"}]}
    command = {"name": "c", "command": ["./client"]}
    (plan,) = Scenario.read({**data, "clients": [command]}, "command line").plans()
    assert [(name, client.command) for name, client in plan.own()] == [("c", ("./client",))]
    with pytest.raises(ScenarioError) as caught:
        Scenario.read({**data, "clients": [{**command, "cuont": 2}], "expect": "x"}, "command line")
    assert caught.value.problems == (
        "command line: clients[0].cuont: unknown key; expected one of name, user, transport, frame, count, script, "
        f"command, image, exit, environment, files, accounts, registry, licensed, {PARTS} (did you mean count?)",
        f"command line: expect.udp: 'x' is unknown; {VERDICTS}",
        f"command line: expect.tcp: 'x' is unknown; {VERDICTS}",
    )


def test_a_file_that_no_server_has(tmp_path: Path) -> None:
    """It is told where the file is read, with the nearest; a step that may fail can name any."""
    step = "apm.open: {file: 'SYS:CAP_GS1/OFFERINF.BOX/GS10001.OFR', server: FAKENW}"
    nearest = "SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR"
    (mistake,) = mistakes(tmp_path, LEAST.replace("[nal.close]", f"[{step}]"))
    assert mistake.endswith(
        "apm.open.file: no server has the file 'SYS:CAP_GS1/OFFERINF.BOX/GS10001.OFR'; "
        f"expected a file of its volume SYS (did you mean {nearest}?), or may_fail: true"
    )
    allowed = step.replace("server: FAKENW}", "server: FAKENW, may_fail: true}")
    for right in (allowed, step.replace("GS10001.OFR", r"..\offerinf.box\gs100001.ofr")):
        read(tmp_path, LEAST.replace("[nal.close]", f"[{right}]"))
