"""Texts of clients on the operator's page, in a real browser: none of them is markup, or unseen."""

from __future__ import annotations

import json

import pytest

from fakenw.wire.requests.message import BroadcastToConsole
from tests.browser import Browser
from tests.fakenw.administered_server import Client, Served
from tests.operators_page import NUMBERS, answer

pytestmark = pytest.mark.chromium

HOSTILE = "<img src=x onerror=alert(1)>"
FORGE = """const real = Response.prototype.json;
Response.prototype.json = async function () {
  const data = await real.call(this);
  for (const connection of data.connections ?? []) Object.assign(connection, FORGED);
  return data;
};"""
VISIBLE = "import('/static/text.js').then(text => TEXT)"


def test_hostile_texts_are_texts(page: Browser, monitor: Served) -> None:
    """Markup is shown, not obeyed; what controls a terminal or reorders text is an escape."""
    client = Client(monitor, "tcp")
    client.call(BroadcastToConsole("\x1b[31m\x07red"))
    monitor.post("/api/mark", text=HOSTILE + "\u202egnp.exe\u2066\u200b")
    forged = {"user": HOSTILE + "\u202e\u0000", "station": "udp:\u2067" + HOSTILE, "files": ["SYS:\u200f" + HOSTILE]}
    page.open_with(monitor.admin + "/", FORGE.replace("FORGED", json.dumps(forged)))
    page.wait_for_text("#journal", f"marked: {HOSTILE}\\u202egnp.exe\\u2066\\u200b")
    page.wait_for_text("#journal", "says: \\x1b[31m\\x07red")
    page.wait_for(f"{NUMBERS}.length === 1")
    page.click("#rows .fold")
    page.wait_for_text("#rows .detail li", "SYS:\\u200f" + HOSTILE)
    assert page.text("#rows .user span") == HOSTILE + "\\u202e\\x00"
    assert page.text("#rows .address") == "udp:\\u2067" + HOSTILE
    page.click("#rows [data-act=clear]")
    assert answer(page, "Clear connection 1?")[0].startswith(f"{HOSTILE}\\u202e\\x00 (1) will be cut off")
    page.wait_for_text("#notices", "is cleared")
    assert page.get("document.querySelectorAll('img').length") == 0
    assert page.errors == []
    client.close()


def test_what_cannot_be_seen_is_an_escape(page: Browser, monitor: Served) -> None:
    """All of Unicode's characters that reorder text, or have no width, or control a terminal; no other."""
    page.open(monitor.admin + "/")
    unseen = [*range(0x20), *range(0x7F, 0xA1), 0xAD, 0x61C, 0x115F, 0x180E, *range(0x200B, 0x2010)]
    unseen += [*range(0x2028, 0x2030), *range(0x2060, 0x2070), 0x3000, 0x3164, 0xFE00, 0xFEFF, 0xFFA0, 0xE0001, 0xE0041]
    shown = f"{json.dumps(unseen)}.filter(code => !text.visible(String.fromCodePoint(code)).startsWith('\\\\'))"
    assert page.get(VISIBLE.replace("TEXT", shown)) == []
    for given, expected in (
        ("Grüße, 日本 ♥", "Grüße, 日本 ♥"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\u{e0041}"),
        ("\u05d0", "\u2068\u05d0\u2069"),  # keeps its order to itself
    ):
        assert page.get(VISIBLE.replace("TEXT", f"text.visible({json.dumps(given)})")) == expected
