"""The operator's page, in a real browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakenw.wire.requests.connection import ChangeConnectionState
from tests.browser import Browser, browser
from tests.fakenw.administered_server import Client, Served

pytestmark = pytest.mark.chromium

ROWS = "[...document.querySelectorAll('#rows tr')].map(r => r.children[1].textContent)"
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def page() -> Iterator[Browser]:
    with browser() as one:
        yield one


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path, "--name", "MONITOR") as server:
        yield server


def keep(page: Browser, name: str) -> None:
    """For whoever wants to look: FAKENW_SCREENSHOTS names a directory."""
    if folder := os.environ.get("FAKENW_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(Path(folder) / f"{name}.png")


def test_an_operator_clears_a_connection_by_keyboard(page: Browser, served: Served) -> None:
    """Three connections, one of them without a license; one is cleared with four keys, and goes."""
    clients = [Client(served, "tcp") for _ in range(3)]
    clients[1].call(ChangeConnectionState(0))
    page.open(served.admin + "/")
    page.wait_for(f"JSON.stringify({ROWS}) === JSON.stringify(['GUEST', '*GUEST', 'GUEST'])")
    assert page.wait_for("document.getElementById('held').textContent") == "2"
    page.wait_for("document.getElementById('line').getAttribute('d')")
    page.wait_for("document.getElementById('journal').innerText.includes('took a license')")
    keep(page, "page-light")
    for _ in range(12):  # from wherever the focus is to the table
        page.press("Tab")
        if page.get("document.activeElement.closest('#rows') !== null"):
            break
    page.press("ArrowDown")
    page.press("ArrowDown")
    assert page.get("document.activeElement.children[0].textContent") == "3"
    page.press("Enter")
    assert page.wait_for("document.getElementById('confirm').open")
    assert page.get("document.getElementById('question').textContent") == "Clear connection 3 of GUEST?"
    keep(page, "page-confirm")
    page.press("Enter")
    page.wait_for(f"JSON.stringify({ROWS}) === JSON.stringify(['GUEST', '*GUEST'])")
    assert page.get("document.getElementById('announcement').textContent") == "Connection 3 is cleared."
    assert page.get("document.activeElement.children[0].textContent") == "2"  # the focus stays in the table
    assert page.errors == []
    for client in clients:
        client.close()


def test_in_the_dark_and_on_a_telephone(page: Browser, served: Served) -> None:
    """Nothing is wider than the screen."""
    client = Client(served, "udp")
    for name, dark, width in (("dark", True, 1280), ("narrow", False, 360)):
        page.open(served.admin + "/", dark=dark, width=width)
        page.wait_for(f"{ROWS}.length === 1")
        assert page.get("document.documentElement.scrollWidth <= innerWidth"), width
        keep(page, f"page-{name}")
    dark_ground = page.get("matchMedia('(prefers-color-scheme: dark)').matches")
    assert dark_ground is False
    assert page.errors == []
    client.close()


def test_hostile_texts_are_texts(page: Browser, served: Served) -> None:
    """Markup in what came over the wire is shown, not obeyed."""
    served.post("/api/mark", text=HOSTILE)
    page.open(served.admin + "/")
    page.wait_for(f"document.getElementById('journal').innerText.includes({HOSTILE!r})")
    assert page.get("document.querySelectorAll('img').length") == 0
    assert page.errors == []


def test_a_server_that_goes_away_is_told(page: Browser, served: Served) -> None:
    """The page says so, and goes on trying."""
    page.open(served.admin + "/")
    page.wait_for("document.getElementById('name').textContent === 'MONITOR'")
    served.stop()
    page.wait_for("document.getElementById('link').textContent === 'The server does not answer; trying again.'")


def test_a_token_is_asked_for(page: Browser, tmp_path: Path) -> None:
    """And kept for this window."""
    with Served(tmp_path, "--admin-token", "SECRET") as served:
        page.open(served.admin + "/")
        page.wait_for("document.getElementById('ask').open")
        page.get("document.getElementById('token').value = 'SECRET'")
        page.get("document.querySelector('#ask button').click()")
        page.wait_for("document.getElementById('name').textContent === 'FAKENW'")


def test_a_thousand_connections(page: Browser, tmp_path: Path) -> None:
    """All of them are there, and a look at the table takes less than a second."""
    with Served(tmp_path, "--licenses", "1000", "--connections", "1100") as served:
        clients = [Client(served, "tcp") for _ in range(1000)]
        page.open(served.admin + "/")
        page.wait_for(f"{ROWS}.length === 1000")
        keep(page, "page-thousand")
        assert page.errors == []
        for client in clients:
            client.close()
