"""The servers, users and files that a scenario names in steps and settings.

Rules of this file:

* Every one of them must exist: a server in the scenario, a user and a file on one of its servers. So a misspelt name is
  a mistake of the file, and no client that was refused.
* A client must be licensed by the servers that its steps name and log in to. Of a list of servers (``ABEXPRT``,
  ``servers:``) one suffices; so does one of all where every step that names a server may fail, or where a NAL path does
  not tell its server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fakenw.config.yaml_file import Keys, expected_one_of, shown
from harness.client.arbiter import server_of
from harness.client.nal_path import NalPath
from harness.client.reg_file import parse
from harness.client.registry import Registry
from harness.client.selection import LISTS
from harness.client.settings import Mention
from harness.scenario import server_files
from harness.scenario.settings import PARTS, ClientSpec, Parts
from harness.scenario.steps import Call, Repeat

Named = tuple[Keys, Mention, str]  # where it stands, what it is, and its name
INITIAL_USERS = ("SUPERVISOR", "GUEST")  # of every server


def of_script(script: Sequence[Any], place: Keys) -> Iterator[Named]:
    """The servers, users and files that the steps of *script* name."""
    for at, step in _calls(script, place):
        for field, mention in step.mentions.items():
            if not (mention is Mention.FILE and step.may_fail):
                yield from _named(getattr(step, field), mention, (*at, field))


def of_settings(parts: Parts, place: Keys) -> Iterator[Named]:
    """The servers that the settings of *parts* name."""
    for part in PARTS:
        settings = getattr(parts, part)
        for field in settings.model_fields_set:
            if mention := Mention.within(type(settings).model_fields[field].annotation):
                yield from _named(getattr(settings, field), mention, (*place, part, field))


def of_client(client: ClientSpec, place: Keys) -> Iterator[Named]:
    """All that a client names: its accounts, its settings and its steps."""
    yield (*place, "user"), Mention.USER, client.user.name
    for n, account in enumerate(client.accounts):
        yield (*place, "accounts", n), Mention.USER, account.name
    yield from of_settings(client, place)
    yield from of_script(client.script or (), (*place, "script"))


def strangers(client: ClientSpec) -> list[str]:
    """The users and files that a client names."""
    return sorted({name for _, mention, name in of_client(client, ()) if mention in (Mention.USER, Mention.FILE)})


def unknown(named: Iterator[Named], servers: Sequence[str], known: Sequence[str]) -> Iterator[tuple[Keys, str]]:
    """The mistakes: each name that no server has, with its place."""
    for place, mention, name in named:
        if mention is Mention.USER and name not in known:
            expected = f"{expected_one_of(known, name)}, or strangers: [{name}]"
            yield place, f"no server has the user {shown(name)}; {expected}"
        elif mention is Mention.FILE:
            if name.upper() not in known and not server_files.exists(name):
                near = server_files.nearest(name)
                expected = "expected a file of its volume SYS" + (f" (did you mean {near}?)" if near else "")
                yield place, f"no server has the file {shown(name)}; {expected}, or may_fail: true"
        elif mention is not Mention.USER and name not in servers:
            yield place, f"there is no server {shown(name)}; {expected_one_of(servers, name)}"


def licensing_servers(client: ClientSpec, all_servers: Sequence[str]) -> list[list[str]]:
    """The servers that must license *client*: of each list one. *all_servers* are those of the scenario."""
    wanted: dict[tuple[str, ...], None] = {}
    perhaps: list[str] = []
    for _, step in _calls(client.script or (), ()):
        for field, mention in step.mentions.items():
            value = getattr(step, field)
            if value is None or mention in (Mention.USER, Mention.ASKED, Mention.FILE):
                continue
            if mention is Mention.SERVER:
                servers = [value] if isinstance(value, str) else list(value)
            elif NalPath.parse(value).type == "LOCAL":
                continue
            else:
                servers = [server for path in _paths(value, client) if (server := _server_of(path))]
                servers = servers or list(all_servers)
            if step.may_fail:
                perhaps += servers
            else:
                wanted[tuple(dict.fromkeys(servers))] = None
    if perhaps and not wanted:
        wanted[tuple(dict.fromkeys(perhaps))] = None
    return [list(servers) for servers in wanted]


def _calls(script: Sequence[Any], place: Keys) -> Iterator[tuple[Keys, Call]]:
    for n, step in enumerate(script):
        at = (*place, n, step.verb)
        if isinstance(step, Repeat):
            yield from _calls(step.script, (*at, "script"))
        elif isinstance(step, Call):
            yield at, step


def _named(value: Any, mention: Mention, place: Keys) -> Iterator[Named]:
    """The names in *value*: a text, or a list or a mapping of such values."""
    if isinstance(value, str):
        if mention is not Mention.PATH:
            yield place, mention, value
        elif server := _server_of(NalPath.parse(value)):
            yield place, mention, server
    elif value is not None:
        for key, one in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _named(one, mention, (*place, key))


def _paths(text: str, client: ClientSpec) -> list[NalPath]:
    """The path, or those of its list that the client has a provider for: see ``Selection.candidates``."""
    path, registry = NalPath.parse(text), parse(client.registry.encode(), "registry") if client.registry else Registry()
    if path.type != "ABEXPRT":
        return [path]
    listed = [*registry.values(rf"{LISTS}\{path.server}"), *client.nal.lists.get(path.server, ())]
    return [one for one in map(NalPath.parse, listed) if one.type in client.nal.providers]


def _server_of(path: NalPath) -> str | None:
    """The server of *path*, in capitals; None where the path alone does not tell."""
    try:
        return server_of(path).upper() or None
    except OSError:
        return None
