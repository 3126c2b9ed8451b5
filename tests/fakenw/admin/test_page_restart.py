"""The operator's page and servers that go, and come again: in a real browser."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from fakenw.journal.record import read
from tests.browser import Browser
from tests.crowd import attach
from tests.fakenw.administered_server import Served
from tests.operators_page import assert_accessible, keep
from tests.programs import free_port

pytestmark = pytest.mark.chromium

FOLLOWED = "Number(document.getElementById('count-all').textContent.replace(',', ''))"
COLOUR = "getComputedStyle(document.querySelector('#rows .idle')).color"
LINES = "[...document.querySelectorAll('#journal li')]"
BEGINNINGS = f"{LINES}.filter(li => li.textContent.includes('the server begins')).length"


@contextmanager
def load(served: Served) -> Iterator[None]:
    """Stations attach all the time, until the server has gone or the block ends."""
    ended = threading.Event()

    def attach_on() -> None:
        port = 23_000
        with suppress(OSError):
            while not ended.is_set() and port < 23_012:
                attach(served, 20, port, timeout=2)
                port += 1

    stations = threading.Thread(target=attach_on)
    stations.start()
    try:
        yield
    finally:
        ended.set()
        stations.join()


def test_two_restarts_under_load(page: Browser, tmp_path: Path) -> None:
    """The page says that the numbers are old, then begins anew by itself. Each life's lines are in the journal."""
    options = (f"--admin=127.0.0.1:{free_port()}", "--policy", "attach", "--licenses", "300")
    written = []
    for life in range(3):
        with Served(tmp_path, *options) as served:
            if life == 0:
                page.open(served.admin + "/")
            else:
                page.wait_for_text("#notices", "The server has started anew")
                page.wait_for("!document.body.classList.contains('stale')")
                page.get("document.getElementById('notices').replaceChildren()")
            if life == 1:  # the question of the life before is about another connection by now
                page.click("#question-yes")
                page.wait_for_text("#alerts", "The server has started anew meanwhile: nothing was done.")
            with load(served):
                page.wait_for(f"{FOLLOWED} > 20")
                page.wait_for(f"{BEGINNINGS} === 1 || {LINES}.length === 200")
                colour = page.get(COLOUR)
                if life == 0:
                    page.click("#rows input")
                    page.click("#selected-clear")
                    page.wait_for("document.getElementById('question').open")
                if life < 2:
                    written.append(int(served.ask("GET", "/api/journal?from=0")[1]["x-next"]))
                    served.kill()
            if life < 2:
                page.wait_for_text("#banner-lost", "The server has not answered since")
                assert page.get("document.body.classList.contains('stale')")
                assert page.get(COLOUR) != colour
                keep(page, "page-lost")
                assert_accessible(page)
                continue
            attach(served, 1, 24_000)
            number = len(served.get("/api/connections")["connections"])
            page.wait_for(f"{FOLLOWED} === {number}")
            page.wait_for_text("#sentence", f"{number} of 300 licenses out")
            page.wait_for_text("#journal", f"attached as connection {number}")
            assert page.get("document.querySelectorAll('#banners .banner').length") == 0
            assert served.stop() == 0
    assert [error for error in page.errors if "net::ERR_" not in error] == []  # neither 400 nor 409: no server, only
    records = read(served.journal).records
    begins = [number for number, record in enumerate(records) if record.event == "start"]
    assert len(begins) == 3
    lives = [end - begin for begin, end in itertools.pairwise(begins)]
    assert all(kept >= told > 20 for kept, told in zip(lives, written, strict=True))


def test_a_journal_of_which_the_beginning_is_gone(page: Browser, tmp_path: Path) -> None:
    """The page begins with the oldest line that is kept, and still knows how many clients were refused."""
    keeps_30_lines = "import fakenw.admin.journal_buffer as b; b.KEPT = 30; from fakenw.cli.main import main; main()"
    program = (sys.executable, "-c", keeps_30_lines, "serve")
    with Served(tmp_path, "--policy", "attach", "--licenses", "1", program=program) as served:
        attach(served, 1)
        for number in range(40):
            with pytest.raises(AssertionError):
                attach(served, 1, 21_000 + number)
        page.open(served.admin + "/")
        page.wait_for_text("#sentence", "1 of 1 license out: FULL, 40 refused")
        with pytest.raises(AssertionError):
            attach(served, 1, 22_000)
        page.wait_for_text("#sentence", "1 of 1 license out: FULL, 41 refused")
        assert [error for error in page.errors if " 410 " not in error] == []
