"""A server in one file: what may stand in it, every mistake with its line, and what the command line makes of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fakenw.bindery.initial_objects import UserSpec
from fakenw.bindery.login_control import Lockout
from fakenw.bindery.objects import USER
from fakenw.cli import serving
from fakenw.cli.main import main
from fakenw.cli.running import DEFAULT_LISTEN
from fakenw.config.server_file import AccountSection, ConfigFile, example, load
from fakenw.config.yaml_file import DocumentError
from fakenw.core.peer import TCP, UDP, Peer
from fakenw.core.server import Server
from fakenw.core.settings import ServerSettings, ticks
from fakenw.journal.record import SECOND
from fakenw.volumes.overlay import Overlay

FULL = """\
server:
  name: lab
  release: "4.11"
  licenses: 2
  listen: [tcp:127.0.0.1:0]
  idle_after: 1m30s
policy: login
bindery:
  groups: [ops]
  users:
    - smith
    - name: joe
      password: SECRET
      groups: [OPS]
      expires: 2000-12-31
      grace_logins: 3
      hours: [mon-fri 07:00-19:00]
      stations: [10.0.0.5]
  lockout: {attempts: 3}
volumes:
  - {name: data, path: files}
set:
  Delay before first watchdog packet: 15.7 sec
  Number of watchdog packets: 5
  NCP PACKET SIGNATURE OPTION: 3
"""

Read = Callable[[str], ConfigFile]
Serve = Callable[..., Server]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Writes a file, beside a folder called "files", and reads it."""
    (tmp_path / "files").mkdir()

    def written(text: str) -> ConfigFile:
        path = tmp_path / "lab.yaml"
        path.write_text(text, encoding="utf-8")
        return load(path)

    return written


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Calls ``fakenw serve --config`` with a file and options; the server, which does not run."""
    started: list[tuple[Server, Any]] = []

    def run(server: Server, *where: Any, **more: Any) -> int:
        started.append((server, where[-2]))  # before what stands around it
        return 0

    monkeypatch.setattr(serving, "_run", run)
    (tmp_path / "files").mkdir()

    def called(text: str, *options: str, listens: Any = None) -> Server:
        path = tmp_path / "lab.yaml"
        path.write_text(text, encoding="utf-8")
        done = CliRunner().invoke(main, ["serve", "--config", str(path), *options], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        server, listen = started.pop()
        assert listens is None or list(listen) == listens
        return server

    return called


def test_settings(read: Read) -> None:
    """What stands in the file, as the server takes it; what does not is not there."""
    assert read(FULL).settings() == {
        "name": "LAB",
        "release": "4.11",
        "licenses": 2,
        "idle_after": 90 * SECOND,
        "policy_name": "login",
        "groups": ("OPS",),
        "users": (
            UserSpec("SMITH"),
            UserSpec(
                "JOE",
                "SECRET",
                groups=("OPS",),
                expires=date(2000, 12, 31),
                grace_logins=3,
                hours=("mon-fri 07:00-19:00",),
                stations=("10.0.0.5",),
            ),
        ),
        "user_connections": 0,
        "lockout": Lockout(attempts=3),
        "watchdog": (286, 1080, 5),
        "plain_passwords": True,
        "signatures": 3,
    }
    assert read("policy: ual").settings() == {"policy_name": "ual"}


def test_paths_lead_from_the_folder_of_the_file(read: Read, tmp_path: Path) -> None:
    """Wherever the server is started."""
    (volume,) = read(FULL).volumes
    assert (volume.name, volume.path, volume.writable) == ("DATA", tmp_path / "files", False)


def test_file_can_say_everything() -> None:
    """No setting of the server and of a user is out of the file's reach, but for what each start draws anew."""
    said = ConfigFile.model_validate(
        {
            "server": {name: ConfigFile().server.model_dump()[name] for name in type(ConfigFile().server).model_fields},
            "policy": "nls",
            "bindery": {},
            "set": {},
            "unlicensed_files": "refuse",
            "slow": {"72": "2s"},
            "ipx": {"internal_network": "1990"},
        }
    ).settings()
    assert said.keys() == {field.name for field in fields(ServerSettings)} - {"instance"}
    assert AccountSection.model_fields.keys() == {field.name for field in fields(UserSpec)}


def test_defaults_are_the_servers(read: Read) -> None:
    """What the example shows as a default is one."""
    said = read(example()).settings()
    ours = {"users", "groups"}
    assert {name: value for name, value in said.items() if name not in ours} == {
        name: getattr(ServerSettings(), name) for name in said if name not in ours
    }
    assert tuple(read(example()).server.listen) == DEFAULT_LISTEN


def test_example_serves(serve: Serve) -> None:
    """The example is a file that a server starts with."""
    server = serve(example())
    joe = server.bindery.find(USER, "JOE")
    assert joe is not None
    assert server.settings.name == "FAKENW"


def test_what_the_example_leaves_to_the_reader_is_good(serve: Serve) -> None:
    """Lines of the example that are switched off can be switched on."""
    text = example().replace("volumes: []", "volumes:").replace("path: data", "path: files")
    text, count = re.subn(
        r"^( *)# ?( *(?:- \{|(?:tree|name_spaces|clear_idle|keep_cleared|seed|policy|lockout|slow|internal_network):"
        r"|  \w+: \S+ {2,}# ))",
        r"\1\2",
        text,
        flags=re.M,
    )
    assert count == 13
    server = serve(text)
    config = server.settings
    assert [volume.name for volume in server.volumes] == ["SYS", "DATA"]
    assert config.ipx_network == 0x1990
    assert (config.tree, config.seed, config.lockout, len(config.slow)) == ("ACME", 1, Lockout(), 2)
    assert (config.clear_idle, config.keep_cleared) == (30 * 60 * SECOND, 72 * 3600 * SECOND)
    assert config.name_spaces == ("dos", "long")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("15.7 sec", 286),
        ("20 min 52.3 sec", 22_800),
        ("20 Min 52.3 Sec", 22_800),
        ("4 min 56.6 sec", 5400),
        ("4 minutes 56.6 seconds", 5400),
        ("5m", 5462),
        ("300", 5462),
        ("20 min", 21_848),
        ("15.6 sec", None),
        ("20 min 52.5 sec", None),
        ("soon", None),
        ("''", None),
        ("4 min 56.6", None),
    ],
)
def test_first_delay(read: Read, text: str, count: int | None) -> None:
    """A time as SET takes it, in ticks, and Novell's range."""
    written = f"set: {{Delay before first watchdog packet: {text}}}"
    if count is not None:
        assert read(written).settings()["watchdog"] == (count, 1080, 10)
        assert ticks(count) > 0
        return
    with pytest.raises(
        DocumentError, match=r"lab\.yaml:1: set\.Delay before .*; expected 15\.7 sec to 20 min 52\.3 sec$"
    ):
        read(written)


@pytest.mark.parametrize(
    ("text", "count"), [("9.9 sec", 180), ("59.3 sec", 1080), ("10 min 26.2 sec", 11_400), ("9.7 sec", None)]
)
def test_delay_between(read: Read, text: str, count: int | None) -> None:
    """The same for the second parameter."""
    written = f"set: {{Delay between watchdog packets: {text}}}"
    if count is not None:
        assert read(written).settings()["watchdog"] == (5400, count, 10)
        return
    with pytest.raises(DocumentError, match=r"expected 9\.9 sec to 10 min 26\.2 sec$"):
        read(written)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "licenses: 2",
            "licences: 2",
            r"4: server.licences: unknown key; expected one of .*\(did you mean licenses\?\)",
        ),
        ("licenses: 2", "licenses: two", "4: server.licenses: 'two'; expected a whole number"),
        ("licenses: 2", "licenses: -1", "4: server.licenses: -1; expected 0 or more"),
        ("licenses: 2", "connections: 65535", "4: server.connections: 65535; expected 65534 or less"),
        ('"4.11"', "4.11", r"3: server.release: 4.11 is unknown; expected one of .* \(in quotes\)"),
        ("name: lab", "name: a lab", "2: server.name: 'a lab' is not a name; expected 1 to 47 characters .*"),
        ("1m30s", "soon", "6: server.idle_after: 'soon' is not a duration; expected text such as .*"),
        ("licenses: 2", "speed: 0", "4: server.speed: 0; expected more than 0"),
        ("licenses: 2", "speed: .inf", "4: server.speed: inf; expected a number"),
        ("licenses: 2", "speed: fast", "4: server.speed: 'fast'; expected a number"),
        ("licenses: 2", "speed: true", "4: server.speed: true; expected a number"),
        ("[tcp:", "[spx:", "5: server.listen.0.: 'spx:127.0.0.1:0' is not tcp:HOST:PORT or .*"),
        ("[tcp:127.0.0.1:0]", "[524]", "5: server.listen.0.: 524; expected text such as tcp:127.0.0.1:10524"),
        ("policy: login", "policy: logins", r"7: policy: 'logins' is unknown; .* \(did you mean login\?\)"),
        ("policy: login", "polices: login", r"7: polices: unknown key; .* \(did you mean policy\?\)"),
        ("[ops]", "[a b]", "9: bindery.groups.0.: 'a b' is not a name; .*"),
        ("- smith", "- JOE", "12: bindery.users.1..name: 'joe' again; expected a name that no other has"),
        ("name: joe", "full_name: joe", "12: bindery.users.1..name: missing; expected the name of the user, .*"),
        ("SECRET", "1234", "13: bindery.users.1..password: a password that is no text; expected text .in quotes."),
        ("[OPS]", "OPS", "14: bindery.users.1..groups: 'OPS'; expected a list"),
        ("2000-12-31", "never", "15: bindery.users.1..expires: 'never' is not a day; expected a form such as .*"),
        ("grace_logins: 3", "grace_logins: 256", "16: bindery.users.1..grace_logins: 256; expected 255 or less"),
        ("grace_logins: 3", "grace_login: 3", r"16: bindery.users.1..grace_login: .* \(did you mean grace_logins\?\)"),
        ("mon-fri 07", "mon-fry 07", "17: bindery.users.1..hours.0.: 'mon-fry 07:00-19:00' is no time of the week.*"),
        ("10.0.0.5", "10.0.5", "18: bindery.users.1..stations.0.: '10.0.5' is no station: expected .*"),
        ("attempts: 3", "attempts: 0", "19: bindery.lockout.attempts: 0; expected 1 or more"),
        ("path: files", "path: fils", "21: volumes.0..path: 'fils' is no directory; expected an existing one.*"),
        ("path: files", "writable: yes", "21: volumes.0..path: missing; expected a directory"),
        ("name: data", "name: 'da ta'", "21: volumes.0..name: 'da ta' is not a name; expected 1 to 15 .*"),
        ("packets: 5", "packets: 4", "24: set.Number of watchdog packets: 4; expected 5 or more"),
        ("OPTION: 3", "OPTION: 4", "25: set.NCP packet signature option: 4; expected 3 or less"),
        ("Number of w", "Numbers of w", r"24: .*: unknown key; .* \(did you mean Number of watchdog packets\?\)"),
        ("policy: login", "slow: {23/x: 1s}", "7: slow.*: '23/x' is no NCP; expected a number such as 72, or two .*"),
        ("policy: login", "slow: {23/256: 1s}", "7: slow.*: '23/256' is no NCP; expected .*"),
        ("policy: login", "slow: {23/29: 0}", "7: slow.23/29: no time at all; expected more than 0"),
        ("policy: login", "unlicensed_files: licence", r"7: .* \(did you mean license\?\)"),
        ("policy: login", "watchdog: never", "7: watchdog: 'never'; expected true or false"),
    ],
)
def test_mistake_has_its_line(read: Read, tmp_path: Path, old: str, new: str, said: str) -> None:
    """File, line, field, and what was expected."""
    assert FULL.count(old) == 1
    with pytest.raises(DocumentError) as caught:
        read(FULL.replace(old, new))
    (problem,) = caught.value.problems
    assert re.fullmatch(re.escape(f"{tmp_path}/lab.yaml:") + said, problem), problem


def test_all_mistakes_are_told_at_once(read: Read) -> None:
    """In the order of their lines."""
    with pytest.raises(DocumentError) as caught:
        read(FULL.replace("lab", "a b").replace("2000", "in").replace("data", "'?'"))
    assert [problem.split(":")[1] for problem in caught.value.problems] == ["2", "15", "21"]


def test_file_that_is_none(read: Read, tmp_path: Path) -> None:
    """An empty file, and one that is not there."""
    with pytest.raises(DocumentError, match="the file is empty; expected a configuration in YAML"):
        read("# nothing\n")
    with pytest.raises(DocumentError, match=r"none\.yaml: cannot be read: .*; expected a configuration file"):
        load(tmp_path / "none.yaml")


def test_watchdog_off(read: Read) -> None:
    """A switch in the words of NetWare; the parameters may stay where they are."""
    assert read(FULL + "watchdog: on\n").settings() == read(FULL).settings()
    assert read(FULL + "watchdog: off\n").settings() == read(FULL).settings() | {"watchdog": None}


def test_slow_and_unlicensed(read: Read) -> None:
    """NCPs by their numbers, with the time they take; and the switch for files."""
    said = read("slow: {72: 500ms, 23/29: 2}\nunlicensed_files: refuse").settings()
    assert said == {"slow": {(72, None): SECOND // 2, (23, 29): 2 * SECOND}, "auto_license": False}


def test_command_line_comes_before_the_file(serve: Serve) -> None:
    """Single values are replaced, listeners as well; users and volumes are added, or replaced by name."""
    server = serve(FULL, listens=[Peer.parse("tcp:127.0.0.1:0")])
    assert (server.settings.name, server.settings.licenses, server.settings.policy.name) == ("LAB", 2, "login")
    assert [volume.name for volume in server.volumes] == ["SYS", "DATA"]
    more = ("--licenses", "7", "--idle-after", "5", "--listen", "udp:127.0.0.1:0", "--user", "NEW", "--seed", "3")
    server = serve(FULL, *more, "--volume", "data=/", "--volume", "MORE=/", listens=[Peer.parse("udp:127.0.0.1:0")])
    config = server.settings
    assert (config.name, config.licenses, config.idle_after, config.seed) == ("LAB", 7, 5 * SECOND, 3)
    assert server.bindery.find(USER, "NEW")
    assert server.bindery.find(USER, "SMITH")
    assert [volume.name for volume in server.volumes] == ["SYS", "DATA", "MORE"]


def test_volumes(serve: Serve) -> None:
    """SYS comes first wherever it stands, and only a volume that is called writable is."""
    volumes = "volumes: [{name: a, path: files}, {name: b, path: files, writable: true}, {name: sys, path: files}]"
    server = serve(volumes, "--volume", "C=/")
    assert [(volume.name, not isinstance(volume.root, Overlay)) for volume in server.volumes] == [
        ("SYS", False),
        ("A", False),
        ("B", True),
        ("C", False),
    ]
    assert isinstance(serve(volumes, "--volume", "B=/").volumes.named("B").root, Overlay)


def test_config_example_and_check(tmp_path: Path) -> None:
    """``--example`` prints a file that ``--check`` finds good; a bad one is told line by line, and is exit code 2."""
    printed = CliRunner().invoke(main, ["config", "--example"])
    assert (printed.exit_code, printed.stdout) == (0, example())
    path = tmp_path / "lab.yaml"
    path.write_text(printed.stdout, encoding="utf-8")
    good = CliRunner().invoke(main, ["config", "--check", str(path)])
    assert (good.exit_code, good.stdout) == (0, "")
    path.write_text("policy: x\nservers: {}\n", encoding="utf-8")
    for command in (["config", "--check", str(path)], ["serve", "--config", str(path)]):
        bad = CliRunner().invoke(main, command)
        assert bad.exit_code == 2
        assert [line.partition(": ")[0] for line in bad.stderr.splitlines()] == [f"{path}:1", f"{path}:2"]
    for options in ([], ["--example", "--check", str(path)]):
        assert CliRunner().invoke(main, ["config", *options]).exit_code == 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tcp:127.0.0.1:0", Peer(TCP, ("127.0.0.1", 0))),
        ("udp:[::1]:524", Peer(UDP, ("::1", 524))),
        ("tcp::1", None),
        ("tcp:host", None),
        ("tcp:host:65536", None),
    ],
)
def test_listener(text: str, found: Peer | None) -> None:
    """Transport, host and port; an IPv6 address stands in brackets."""
    if found:
        assert Peer.parse(text) == found
        return
    with pytest.raises(ValueError, match="is not tcp:HOST:PORT"):
        Peer.parse(text)
