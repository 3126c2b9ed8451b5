"""A headless browser, spoken to over the Chrome DevTools Protocol."""

from __future__ import annotations

import base64
import itertools
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

DEADLINE = 60.0  # seconds


class Browser:
    """One page of the browser. ``errors`` are what it complained about on its console."""

    def __init__(self, socket: ClientConnection) -> None:
        self.errors: list[str] = []
        self._socket, self._numbers = socket, itertools.count(1)
        target = self._send("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = self._send("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.do(f"{domain}.enable")

    def do(self, method: str, **parameters: Any) -> Any:
        """A command about the page."""
        return self._send(method, parameters, self._session)

    def open(self, url: str, *, dark: bool = False, width: int = 1280, height: int = 1000) -> None:
        """Go to *url*."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.do("Emulation.setEmulatedMedia", features=[scheme])
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.do("Runtime.evaluate", expression="window.before = true")
        self.do("Page.navigate", url=url)
        self.wait_for("!window.before && document.readyState === 'complete'")

    def open_with(self, url: str, script: str) -> None:
        """Go to *url*; the script is executed there before those of the page."""
        added = self.do("Page.addScriptToEvaluateOnNewDocument", source=script)
        self.open(url)
        self.do("Page.removeScriptToEvaluateOnNewDocument", identifier=added["identifier"])

    def get(self, expression: str) -> Any:
        """The value of an expression in the page."""
        found = self._evaluate(expression)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """The value of an expression, as soon as it is true; before the page is there it may even fail."""
        deadline = time.monotonic() + DEADLINE
        while not (value := self._evaluate(expression)["result"].get("value")):
            assert time.monotonic() < deadline, (expression, self.get("document.body.innerText"), self.errors)
            time.sleep(0.05)
        return value

    def _evaluate(self, expression: str) -> Any:
        return self.do("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)

    def press(self, key: str, *, shift: bool = False, control: bool = False) -> None:
        """A key goes down and up."""
        codes = {"Enter": 13, "Tab": 9, "Escape": 27, "ArrowDown": 40, "Delete": 46, "Home": 36, "End": 35}
        code = codes.get(key) or ord(key.upper())
        event = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": 2 * control + 8 * shift}
        text = {"text": "\r"} if key == "Enter" else {"text": key} if len(key) == 1 and not control else {}
        self.do("Input.dispatchKeyEvent", type="keyDown", **event, **text)
        self.do("Input.dispatchKeyEvent", type="keyUp", **event)

    def type(self, text: str) -> None:
        """Text goes into the element that has the focus."""
        self.do("Input.insertText", text=text)

    def click(self, selector: str, *, shift: bool = False) -> None:
        """The pointer goes over an element, which must be in sight, and clicks."""
        x, y = self.point(selector)
        for kind, count in (("mousePressed", 1), ("mouseReleased", 1)):
            modifiers = 8 * shift
            self.do(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=count, modifiers=modifiers
            )

    def point(self, selector: str) -> tuple[float, float]:
        """Move the pointer over an element."""
        rectangle = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        x, y = self.get(f"(r => [r.x + r.width / 2, r.y + r.height / 2])({rectangle})")
        self.do("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        return x, y

    def text(self, selector: str) -> str:
        """The text of an element."""
        return str(self.get(f"document.querySelector({json.dumps(selector)}).textContent"))

    def wait_for_text(self, selector: str, part: str) -> None:
        """Come back when an element is there and has this in its text."""
        self.wait_for(f"!!document.querySelector({json.dumps(selector)})?.textContent.includes({json.dumps(part)})")

    def screenshot(self, path: Path) -> None:
        """Keep a picture of the page."""
        path.write_bytes(base64.b64decode(self.do("Page.captureScreenshot")["data"]))

    def _send(self, method: str, parameters: dict[str, Any], session: str | None = None) -> Any:
        number = next(self._numbers)
        to = {"sessionId": session} if session else {}
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters, **to}))
        while True:
            said = json.loads(self._socket.recv(DEADLINE))
            self._heard(said)
            if said.get("id") == number:
                assert "error" not in said, said
                return said["result"]

    def _heard(self, said: dict[str, Any]) -> None:
        told = said.get("params", {})
        match said.get("method"):
            case "Runtime.exceptionThrown":
                self.errors.append(str(told["exceptionDetails"].get("exception", told["exceptionDetails"])))
            case "Runtime.consoleAPICalled" if told["type"] in ("error", "warning"):
                self.errors.append(str(told["args"]))
            case "Log.entryAdded" if told["entry"]["level"] == "error":
                self.errors.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser that nobody sees, gone afterwards."""
    program = shutil.which("chromium")
    assert program is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        command += ["--remote-debugging-port=0", f"--user-data-dir={folder}", "--no-first-run", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if found := re.search(rb"DevTools listening on (ws://\S+)", line):
                    break
            else:
                raise AssertionError("the browser has ended")
            with connect(found[1].decode(), max_size=None, compression=None) as socket:
                yield Browser(socket)
        finally:
            process.kill()
            process.communicate()
