"""What an operator does on the page, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakenw.wire.requests import files
from fakenw.wire.requests.connection import ChangeConnectionState
from harness.lab.connection_list import connections
from tests.browser import Browser
from tests.fakenw.administered_server import Client, Served
from tests.operators_page import NUMBERS, answer, assert_accessible, keep

pytestmark = pytest.mark.chromium

PARAMETERS = "[...document.querySelectorAll('#question-fields input')].map(input => input.value)"


def test_an_operator_clears_a_connection_by_keyboard(page: Browser, monitor: Served) -> None:
    """Five connections, one of them without a license; one is cleared with four keys, and goes."""
    clients = [Client(monitor, "tcp") for _ in range(5)]
    clients[1].call(ChangeConnectionState(0))
    page.open(monitor.admin + "/")
    page.wait_for(f"JSON.stringify({NUMBERS}) === '[1,3,4,5,2]'")  # what holds a license is first
    assert page.text("#sentence") == "4 of 5 licenses out, none refused, none held idle for over 5 minutes"
    page.wait_for("document.querySelector('#chart .line') !== null")
    page.wait_for_text("#journal", "GUEST (5) took a license at login")
    assert_accessible(page)
    keep(page, "page-light")
    for _ in range(60):  # from wherever the focus is to the table
        page.press("Tab")
        if page.get("document.activeElement.closest('#rows') !== null"):
            break
    page.press("ArrowDown")
    page.press("ArrowDown")
    assert page.get("document.activeElement.querySelector('.number').textContent") == "4"
    page.press("Delete")
    page.wait_for("document.getElementById('question').open")
    assert_accessible(page)
    keep(page, "page-confirm")
    assert page.text("#question-title") == "Clear connection 4?"
    page.press("Enter")
    page.wait_for(f"JSON.stringify({NUMBERS}) === '[1,3,5,2]'")
    page.wait_for_text("#notices", "Connection 4 is cleared.")
    page.wait_for("document.activeElement.querySelector('.number')?.textContent === '5'")  # the focus stays in place
    page.press("Home")
    page.press("ArrowDown", shift=True)
    page.press("ArrowDown", shift=True)
    assert page.text("#selected-count") == "3 selected"
    page.press("Escape")
    assert page.get("document.getElementById('bulk').hidden")
    page.press("/")
    assert page.get("document.activeElement.id") == "search"
    assert page.errors == []
    for client in clients:
        client.close()


def test_several_are_cleared_at_once(page: Browser, monitor: Served) -> None:
    """The question says what will happen. Where one of the chosen has gone meanwhile, its number is another's."""
    clients = [Client(monitor, "tcp") for _ in range(4)]
    clients[2].call(files.OpenFile(0, 6, 0x11, "SYS:PUBLIC/NLIST.EXE"))
    page.open(monitor.admin + "/")
    page.wait_for(f"{NUMBERS}.length === 4")
    page.click("#rows .row:nth-child(1) input")
    page.click("#rows .row:nth-child(3) input", shift=True)
    assert page.text("#selected-count") == "3 selected"
    keep(page, "page-selected")
    page.click("#selected-clear")
    page.wait_for("document.getElementById('question').open")
    clients.pop(0).close()
    page.wait_for(f"{NUMBERS}.length === 3")
    clients.append(Client(monitor, "tcp"))
    assert [row["connection"] for row in monitor.get("/api/connections")["connections"]] == [1, 2, 3, 4]
    said = answer(page, "Clear 3 connections?")
    assert "GUEST (1), GUEST (3)" in said[0] or "GUEST (1), GUEST (2)" in said[0]
    assert "3 licenses will be free again." in said
    page.wait_for_text("#notices", "2 connections are cleared. 1 connection had ended before.")
    page.wait_for(f"{NUMBERS}.length === 2")
    assert 1 in page.get(NUMBERS)  # the new one, which has the number of the one that went
    assert page.errors == []
    for client in clients:
        client.close()


def test_an_operator_at_the_server(page: Browser, monitor: Served) -> None:
    """Every action has its result on the page: a notice, a banner, a line of the journal."""
    client = Client(monitor, "tcp")
    page.open(monitor.admin + "/")
    page.wait_for(f"{NUMBERS}.length === 1")
    page.click("#mark")
    answer(page, "Mark", text="installed")
    page.wait_for_text("#notices", "Marked: installed.")
    page.wait_for_text("#journal", "marked: installed")
    page.wait_for("document.querySelector('#chart g.mark') !== null")
    page.click("#login")
    assert "New logins will be refused." in answer(page, "Disable login?")
    page.wait_for_text("#banner-login", "Login is disabled")
    page.click("#login")
    page.wait_for("document.getElementById('banner-login') === null")
    page.click("#set")
    assert page.get(PARAMETERS) == ["5", "296.6,59.3,10", "never"]
    answer(page, "SET parameters", licenses="9", clear_idle="5 apples")
    page.wait_for_text("#alerts .toast", "clear_idle: ")
    page.click("#set")
    answer(page, "SET parameters", licenses="1", watchdog="off", clear_idle="2h")
    page.wait_for_text("#notices", "Set licenses = 1, watchdog = off, clear_idle = 2h.")
    page.wait_for_text("#sentence", "1 of 1 license out: FULL, none refused")
    page.click("#set")
    assert page.get(PARAMETERS) == ["1", "off", "2h"]
    page.press("Escape")
    assert page.get("document.getElementById('headline').dataset.state") == "full"
    page.click("#advance")
    answer(page, "Advance the clock", seconds="10m")
    page.wait_for_text("#banner-advanced", "The clock was advanced by 10 min")
    page.wait_for_text("#sentence", "1 held idle for over 5 minutes")
    page.click("#message-all")
    answer(page, "A message to all connections", text="Down at five")
    page.wait_for_text("#notices", "1 message left.")
    page.click("#down")
    assert "1 license will stay held" in answer(page, "Take the server down?")[1]
    page.wait_for_text("#banner-down", "DOWN")
    keep(page, "page-down")
    assert_accessible(page)
    page.click("#reset")
    answer(page, "Reset the server?")
    page.wait_for_text("#sentence", "0 of 1 license out, none refused")
    page.wait_for("document.getElementById('banner-down') === null")
    assert [error for error in page.errors if " 400 " not in error] == []
    client.close()


def test_what_is_saved(page: Browser, monitor: Served, tmp_path: Path) -> None:
    """The list is what harness diagnose reads, the journal what the server has."""
    client = Client(monitor, "tcp")
    page.do("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path / "saved"))
    page.open(monitor.admin + "/")
    page.wait_for(f"{NUMBERS}.length === 1")
    for button, name in (("connections", "MONITOR-connections.csv"), ("journal", "MONITOR-journal.jsonl")):
        page.click(f"#export-{button}")
        page.wait_for_text("#notices", f"{name} is saved.")
    saved = tmp_path / "saved"
    while not {"MONITOR-connections.csv", "MONITOR-journal.jsonl"} <= {path.name for path in saved.glob("*")}:
        page.get("new Promise(resolve => setTimeout(resolve, 20))")
    (listed,) = connections((saved / "MONITOR-connections.csv").read_bytes(), "connections.csv")
    assert (listed.number, listed.user, listed.server) == (1, "GUEST", "MONITOR")
    assert monitor.journal.read_bytes().startswith((saved / "MONITOR-journal.jsonl").read_bytes())
    assert (saved / "MONITOR-journal.jsonl").stat().st_size
    client.close()


def test_a_token_is_asked_for(page: Browser, tmp_path: Path) -> None:
    """And kept for this window."""
    with Served(tmp_path, "--admin-token", "SECRET") as served:
        page.open(served.admin + "/")
        page.wait_for("document.getElementById('ask').open")
        page.get("document.getElementById('token').value = 'SECRET'")
        page.get("document.querySelector('#ask button').click()")
        page.wait_for("document.getElementById('name').textContent === 'FAKENW'")
        page.wait_for_text("#journal", "the server begins")
