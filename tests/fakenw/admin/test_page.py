"""What the operator's page shows, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakenw.wire.requests import files, synchronization
from tests.browser import Browser
from tests.crowd import attach
from tests.fakenw.administered_server import Client, Served
from tests.operators_page import NUMBERS, USERS, answer, assert_accessible, keep

pytestmark = pytest.mark.chromium


def test_a_server_without_connections(page: Browser, monitor: Served) -> None:
    """It is calm, and axe has no objection; each word behind a "?" is one sentence."""
    page.open(monitor.admin + "/")
    page.wait_for_text("#sentence", "0 of 5 licenses out, none refused, none held idle for over 5 minutes")
    page.wait_for_text("#empty", "No station is connected.")
    assert page.get("document.getElementById('headline').dataset.state") == "calm"
    assert page.get("document.title") == "0/5 MONITOR"
    page.wait_for_text("#journal", "the server begins: 5 licenses, policy nls")
    assert_accessible(page)
    for word in ("license", "policy", "mark", "watchdog"):
        text = page.text(f"#word-{word}")
        assert text.count(".") == 1
        assert text.endswith(".")
        page.point(f"[popovertarget=word-{word}]")
        page.wait_for(f"document.getElementById('word-{word}').matches(':popover-open')")
    assert page.errors == []


def test_files_requests_and_locks(page: Browser, monitor: Served) -> None:
    """A row unfolds, and tells the files, the times and the license."""
    client = Client(monitor, "tcp")
    client.call(files.OpenFile(0, 6, 0x11, "SYS:PUBLIC/NLIST.EXE"))
    client.call(synchronization.LogLogicalRecord(1, 0, "A"))
    row = monitor.get("/api/connections")["connections"][0]
    page.open(monitor.admin + "/")
    page.wait_for(f"{USERS} === '[\"GUEST\"]'")
    cells = {name: page.text(f"#rows .{name}") for name in ("requests", "files", "locks", "license")}
    assert cells == {"requests": str(row["requests"]), "files": "1", "locks": "1", "license": "held"}
    assert page.get("document.querySelector('#rows .connected').title.startsWith('since 20')")
    assert " UTC, 0:00:0" in page.get("document.querySelector('#rows .idle').title")
    page.click("#rows .fold")
    page.wait_for_text("#rows .detail li", "SYS:PUBLIC/NLIST.EXE")
    assert "Holds the license connection:1." in page.text("#rows .detail")
    assert page.get("document.querySelector('#rows .row').offsetHeight > 60")
    keep(page, "page-unfolded")
    assert_accessible(page)
    page.click("#rows [data-act=message]")
    answer(page, "A message to GUEST (1)", text="Log out, please")
    page.wait_for_text("#notices", "1 message left.")
    page.wait_for("!document.querySelector('#rows .waits').hidden")
    page.click("#rows [data-act=journal]")
    page.wait_for_text("#journal-only", "connection 1")
    page.wait_for_text("#journal", "operator: leaves GUEST (1) a message: Log out, please")
    assert "the server begins" not in page.text("#journal")
    assert page.errors == []
    client.close()


def test_450_connections_of_a_full_server(page: Browser, tmp_path: Path) -> None:
    """The sentence says it; the idle holders are first; the page is one screen high, with few rows as elements."""
    limits = ("--policy", "attach", "--licenses", "450", "--connections", "600", "--watchdog", "off")
    with Served(tmp_path, *limits) as served:
        attach(served, 12)
        served.post("/api/clock/advance", seconds="6m")
        attach(served, 438, port=21_000)
        with pytest.raises(AssertionError):
            attach(served, 1, port=22_000)
        page.open(served.admin + "/")
        page.wait_for_text("#sentence", "450 of 450 licenses out: FULL, 1 refused, 12 held idle for over 5 minutes")
        page.wait_for("document.querySelector('#chart rect.refused') !== null")
        assert page.get(NUMBERS)[:13] == list(range(1, 14))
        assert page.get("document.querySelectorAll('#rows .row').length") < 60
        assert page.get("document.documentElement.scrollHeight") == page.get("innerHeight")
        page.click("[data-filter=idle]")
        page.wait_for(f"{NUMBERS}.length === 12")
        page.click("[data-filter=all]")
        page.click("[data-by=number]")
        page.click("[data-by=number]")
        page.wait_for(f"{NUMBERS}[0] === 450")
        page.get("document.getElementById('field').value = 'address'")
        page.click("#search")
        page.type("127.0.1.77:")
        page.wait_for(f"JSON.stringify({NUMBERS}) === '[289,89]'")
        page.get("document.getElementById('search').select()")
        page.type("nothing")
        page.wait_for_text("#empty", "No connection matches.")
        assert page.errors == []


def test_the_journal_beside_it(page: Browser, monitor: Served) -> None:
    """It follows; paused, it counts what has come; it is filtered by a connection and by text."""
    clients = [Client(monitor, "tcp") for _ in range(2)]
    page.open(monitor.admin + "/")
    page.wait_for_text("#journal", "GUEST (2) took a license")
    page.click("#journal-pause")
    monitor.post("/api/mark", text="while paused")
    page.wait_for_text("#journal-state", "paused, 1 new")
    assert "while paused" not in page.text("#journal")
    page.click("#journal-pause")
    page.wait_for_text("#journal", "while paused")
    page.get("document.querySelector('#rows .row').focus()")
    page.press("j")
    page.wait_for_text("#journal-only", "connection 1")
    assert "(2)" not in page.text("#journal")
    page.click("#journal-only")
    page.wait_for_text("#journal", "(2)")
    page.click("#journal-search")
    page.type("paused")
    page.wait_for("document.querySelectorAll('#journal li').length === 1")
    assert page.errors == []
    for client in clients:
        client.close()


def test_in_the_dark_and_on_a_telephone(page: Browser, monitor: Served) -> None:
    """Nothing is wider than the screen; a card for each connection; a part at a time; axe has no objection."""
    client = Client(monitor, "udp")
    for name, dark, width in (("dark", True, 1280), ("narrow", False, 360), ("narrow-dark", True, 320)):
        page.open(monitor.admin + "/", dark=dark, width=width, height=740)
        page.wait_for(f"{NUMBERS}.length === 1")
        page.wait_for("document.querySelectorAll('#journal li').length >= 4")
        assert page.get("document.documentElement.scrollWidth <= innerWidth"), width
        assert_accessible(page)
        keep(page, f"page-{name}")
    assert page.get("document.querySelector('#rows .row').offsetHeight") > 90
    for pane, part in (("journal", "#journal"), ("chart", "#chart"), ("actions", "#reset"), ("connections", "#rows")):
        page.click(f"#tabs [data-pane={pane}]")
        page.wait_for(f"document.querySelector('{part}').checkVisibility()")
        keep(page, f"page-narrow-{pane}")
        assert page.get("document.documentElement.scrollWidth <= innerWidth"), pane
        assert_accessible(page)
    assert page.errors == []
    client.close()
