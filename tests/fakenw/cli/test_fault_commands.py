"""``fakenw fault``: what is written becomes a request, and what comes back a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click
import pytest

from fakenw.cli.faults import body_of
from tests.fakenw.administered_server import Served, run_command


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("delay=200ms,for=5m", {"what": "delay", "by": "200ms", "for": "5m"}),
        ("loss=20%, way=both", {"what": "loss", "percent": 20.0, "way": "both"}),
        ("silence=in", {"what": "silence", "way": "in"}),
        ("slow=2s,ncp=23/24", {"what": "slow", "by": "2s", "ncp": "23/24"}),
        ("busy", {"what": "busy"}),
        ("refuse-logins,for=30s", {"what": "refuse-logins", "for": "30s"}),
        ("gremlins", {"what": "gremlins"}),  # of which the server says what it expects
    ],
)
def test_what_is_written_as_a_request(text: str, body: dict[str, Any]) -> None:
    assert body_of(text) == body


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("busy=5", "'busy=5' is not a fault or NAME=VALUE"),
        ("delay=", "'delay=' is not a fault or NAME=VALUE"),
        ("delay=5s,for", "'for' is not a fault or NAME=VALUE"),
        ("delay=5s,by=6s", "by is given twice"),
        ("loss=many", "'many' is no percentage"),
        ("busy,,", "is not a fault or NAME=VALUE"),
    ],
)
def test_what_is_written_wrongly(text: str, told: str) -> None:
    with pytest.raises(click.UsageError, match=told):
        body_of(text)


@pytest.mark.process
def test_commands(serve: Callable[..., Served]) -> None:
    """As an operator uses them, and what a mistake costs."""
    served = serve()

    def fault(*words: str) -> tuple[int, str]:
        done = run_command("fault", *words, served)
        return done.returncode, done.stdout + done.stderr

    assert fault("list") == (0, "no fault\n")
    station = ("--station", "udp:10.0.0.7:1025")
    assert fault("add", "delay=200ms,for=5m", *station) == (
        0,
        "fault 1: delay 0.2 s (out), udp:10.0.0.7:1025, for 0:05:00\n",
    )
    assert fault("add", "loss=20") == (0, "fault 2: loss 20.0 % (out), all stations\n")
    assert json.loads(fault("add", "busy", "--json")[1])["id"] == 3
    code, listed = fault("list")
    rows = [line.split("  ") for line in listed.splitlines()]
    assert (code, [row[0] for row in rows]) == (0, ["", "1", "2", "3"])
    assert "0:04:5" in rows[1][-1]
    assert fault("remove", "2") == (0, "ended: 2\n")
    assert fault("remove", "2") == (1, "fakenw: there is no fault 2\n")
    assert fault("remove", "all") == (0, "ended: 1, 3\n")
    assert fault("remove", "all") == (0, "there was none\n")
    code, told = fault("remove", "some")
    assert (code, "neither the number of a fault nor all" in told) == (2, True)
    code, told = fault("add", "loss=95")
    assert (code, "percent: 95; expected 90 or less" in told) == (1, True)
    code, told = fault("add", "gremlins")
    assert (code, "expected one of delay, loss, duplicate" in told) == (1, True)
    journal = run_command("journal", served).stdout
    assert "fault 1 begins: delay 0.2 s (out), udp:10.0.0.7:1025, for 300.0 s" in journal
    assert "fault 1 ends (removed): delay 0.2 s (out), udp:10.0.0.7:1025" in journal
