"""Commands that speak to the administration of a running server."""

from __future__ import annotations

import json
from collections.abc import Callable

from fakenw.wire.requests.message import GetMessage, Message
from tests.fakenw.administered_server import Client, Served, run_command


def test_commands(serve: Callable[..., Served]) -> None:
    """Each does what its name says, for people and as JSON."""
    served = serve()
    assert run_command("wait", "{}:{}".format(*served.addresses["udp"]), "--transport", "udp").returncode == 0
    client = Client(served)
    table = run_command("connections", served).stdout.splitlines()
    assert table[0].split() == ["user", "from", "since", "idle", "files"]
    assert table[1].split()[:2] == ["1", "GUEST"]
    assert json.loads(run_command("connections", served, "--json").stdout)["connections"][0]["user"] == "GUEST"
    assert run_command("set", "licenses=9", served).stdout == "1 of 9 licenses held\n"
    assert run_command("login", "off", served).stdout == "login is closed\n"
    assert run_command("mark", "here", served).stdout.startswith("marked at 0:0")
    assert run_command("clear", "1", served).stdout == "connection 1 is cleared\n"
    again = run_command("clear", "1", served)
    assert (again.returncode, "there is no connection 1" in again.stderr) == (1, True)
    assert "marked: here" in run_command("journal", served).stdout
    assert run_command("down", served).returncode == 0
    assert run_command("set", "licenses", served).returncode == 2
    client.close()
    gone = run_command("connections", "--admin=http://127.0.0.1:1")
    assert (gone.returncode, "does not answer" in gone.stderr) == (3, True)
    late = run_command("wait", "127.0.0.1:1", "--for", "100ms")
    assert (late.returncode, "does not answer NCP over tcp" in late.stderr) == (3, True)


def test_licenses_with_the_one_idle_for_longest_first(serve: Callable[..., Served]) -> None:
    """Each with its holder; and under ual the assignment of a user that has left."""
    served = serve("--policy", "ual", "--user", "ANN")
    assert run_command("licenses", served).stdout == "0 of 5 licenses held, 0 at most\n"
    gone, stays = Client(served, "tcp"), Client(served, "tcp", "ANN")
    served.post("/api/connections/1/clear")
    assert run_command("advance", "10m", served).stdout.startswith("the clock is at 0:10:0")
    head, *rows, last = run_command("licenses", served).stdout.splitlines()
    assert head.split() == ["unit", "user", "from", "since", "idle"]
    assert rows[0].split()[:2] == ["user:ANN", "ANN"]
    assert rows[0].split()[-1].startswith("0:10:")
    assert rows[1].split()[:2] == ["user:GUEST", "GUEST"]
    assert len(rows[1].split()) == 3  # no station and no idle time
    assert last == "2 of 5 licenses held, 2 at most"
    assert json.loads(run_command("licenses", served, "--json").stdout)["held"] == 2
    for client in (gone, stays):
        client.close()


def test_several_are_cleared_and_all_are_reset(serve: Callable[..., Served]) -> None:
    served = serve()
    clients = [Client(served, "tcp") for _ in range(4)]
    assert run_command("clear", "3", "1", served).stdout == "connections 3, 1 are cleared\n"
    unknown = run_command("clear", "2", "3", served)
    assert (unknown.returncode, unknown.stderr) == (1, "fakenw: there is no connection 3\n")
    connected = run_command("reset", served)
    assert (connected.returncode, "2 clients are connected" in connected.stderr) == (1, True)
    assert run_command("reset", "--force", served).stdout == "the server is as at its start: 0 of 5 licenses held\n"
    for client in clients:
        client.close()


def test_a_message_is_left(serve: Callable[..., Served]) -> None:
    """The exit code says whether a station has it."""
    served = serve()
    nobody = run_command("message", "hello", served)
    assert (nobody.returncode, nobody.stdout) == (1, "no station is connected\n")
    first, second = Client(served, "tcp"), Client(served, "tcp")
    assert run_command("message", "to one", "--to", "1", served).stdout == "connections: 1 have it\n"
    assert run_command("message", "to all", served).stdout == "connections: 1 have it, 1 had one\n"
    again = run_command("message", "again", "--to", "1", "--to", "2", served, "--json")
    assert (again.returncode, json.loads(again.stdout)["has_one"]) == (1, 2)
    assert Message.decode(second.call(GetMessage())).text == "to all"
    long = run_command("message", "x" * 59, served)
    assert (long.returncode, "expected 58 characters or fewer" in long.stderr) == (1, True)
    for client in (first, second):
        client.close()


def test_an_advance_that_is_too_far(serve: Callable[..., Served]) -> None:
    served = serve()
    far = run_command("advance", "99999d", served)
    assert (far.returncode, "would pass the end of 2099" in far.stderr) == (1, True)
    assert run_command("advance", "soon", served).returncode == 2
