"""Commands that speak to the administration of a running server."""

from __future__ import annotations

import json
from collections.abc import Callable

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
