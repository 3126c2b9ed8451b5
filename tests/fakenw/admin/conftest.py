"""A browser, and a server, for the tests of the operator's page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import Browser, browser
from tests.fakenw.administered_server import Served


@pytest.fixture(scope="module")
def one_browser() -> Iterator[Browser]:
    with browser() as one:
        yield one


@pytest.fixture
def page(one_browser: Browser) -> Iterator[Browser]:
    one_browser.errors.clear()
    yield one_browser
    one_browser.do("Page.navigate", url="about:blank")


@pytest.fixture
def monitor(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path, "--name", "MONITOR") as server:
        yield server
