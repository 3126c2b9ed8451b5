"""Ten thousand connections on the operator's page, in a real browser."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser import Browser
from tests.crowd import attach
from tests.fakenw.administered_server import Served
from tests.operators_page import NUMBERS, answer, keep

pytestmark = pytest.mark.chromium


# Behind json() the page fills its table in one go, and a timer of no time comes next.
TIMED = """
window.updates = [];
const json = Response.prototype.json;
Response.prototype.json = async function () {
  const data = await json.call(this);
  if (data.connections) {
    const began = performance.now();
    setTimeout(() => window.updates.push(performance.now() - began));
  }
  return data;
};
new MutationObserver((_, observer) => {
  if (!document.querySelector('#rows .row')) return;
  observer.disconnect();
  requestAnimationFrame(() => { window.rendered = performance.now(); });
}).observe(document, {childList: true, subtree: true});
"""
MEASURE = """(async () => {
  const frame = () => new Promise(resolve => requestAnimationFrame(resolve));
  const entry = performance.getEntriesByType('resource').find(e => e.name.endsWith('/api/connections'));
  const scroller = document.getElementById('scroller');
  const frames = [];
  let most = 0, before = performance.now();
  for (let step = 0; step <= 60; step++) {
    scroller.scrollTop = scroller.scrollHeight * step / 60;
    await frame();
    const now = performance.now();
    frames.push(now - before);
    before = now;
    most = Math.max(most, document.querySelectorAll('#rows .row').length);
    const seen = document.elementFromPoint(300, scroller.getBoundingClientRect().top + 60);
    if (!seen.closest('.row')) throw new Error('blank');
  }
  scroller.scrollTop = 0;
  return {'first render, ms': window.rendered, 'answer, ms': entry.duration, 'answer, bytes': entry.encodedBodySize,
    'updates, ms': window.updates, 'frame of a jump, ms': frames.sort((a, b) => a - b)[30],
    'longest of 60, ms': frames[60], 'most rows': most};
})()"""


def test_10000_connections(page: Browser, tmp_path: Path, record_property: Callable[[str, Any], None]) -> None:
    """All of them can be reached by scrolling, by key and by search. Its figures are in the report of the tests."""
    limits = ("--policy", "attach", "--licenses", "10000", "--connections", "10100")
    with Served(tmp_path, *limits) as served:
        attach(served, 10_000)
        page.open_with(served.admin + "/", TIMED)
        page.wait_for("Number(document.getElementById('grid').getAttribute('aria-rowcount')) === 10001")
        page.wait_for_text("#journal", "(10000)")
        page.wait_for("window.updates.length >= 2")
        figures = page.get(MEASURE)
        for name, value in figures.items():
            record_property(name, value)
        if os.environ.get("FAKENW_SCREENSHOTS"):
            print(json.dumps(figures))
        keep(page, "page-10000")
        assert figures["most rows"] < 100
        page.get("document.querySelector('#rows .row').focus()")
        page.press("End")
        page.wait_for(f"{NUMBERS}.includes(10000)")
        page.press("a", control=True)
        page.wait_for_text("#selected-count", "10,000 selected")
        page.press("Delete")
        said = answer(page, "Clear 10,000 connections?")
        assert "10,000 licenses will be free again." in said
        page.wait_for_text("#notices", "10,000 connections are cleared.")
        page.wait_for_text("#sentence", "0 of 10,000 licenses out")
        assert page.errors == []
