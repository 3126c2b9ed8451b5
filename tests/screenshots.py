"""The pictures of the operator's page in docs/: ``make screenshots``.

A server on a Monday morning: 450 licenses, all of them out, clients refused, and licenses that nothing uses any more.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from fakenw.wire.requests import files, synchronization
from tests.browser import browser
from tests.crowd import Crowd
from tests.fakenw.administered_server import Served

ACCOUNT = "NWREADER"  # a client connection account of SMS, whose licenses leak
PEOPLE = ["ANNA", "BERND", "CARLA", "DAVID", "ELENA", "FRANK", "GRETA", "HUGO", "IRENE"]
PEOPLE += ["JONAS", "KATRIN", "LARS", "MONA", "NILS", "OLGA", "PAUL", "ROSA", "STEFAN"]
FILES = ("SYS:PUBLIC/NLIST.EXE", "SYS:LOGIN/LOGIN.EXE", "SYS:PUBLIC/MAP.EXE")
DESKTOP, PHONE = (1280, 860), (390, 844)
WHOLE = "document.getElementById('sentence').textContent.includes('50 refused')"


def monday(served: Served, crowd: Crowd) -> None:
    """The server's clock is advanced, so that the morning takes seconds."""
    leaked = []
    for hour, (arrive, leaks) in enumerate([(40, 2), (90, 3), (160, 4), (90, 0), (77, 3)]):
        for part in range(4):
            people = [PEOPLE[number % len(PEOPLE)] for number in range(part, arrive, 4)]
            crowd.join(people)
            served.post("/api/clock/advance", seconds=f"{3 + 2 * part}m")
        leaked += crowd.join([ACCOUNT] * leaks)
        if hour == 3:
            crowd.leave([client for client in crowd.clients if client not in leaked][:19])
            served.post("/api/mark", text="packages of the morning are installed")
    used = [client for client in crowd.clients if client not in leaked]
    served.post("/api/clock/advance", seconds="2m")
    crowd.refused(31, "GUEST")
    served.post("/api/clock/advance", seconds="11m")
    crowd.refused(16, "GUEST")
    leaked[0].call(files.OpenFile(0, 6, 0x11, FILES[0]))
    served.post("/api/clock/advance", seconds="14m")
    for start in range(0, len(used), 60):
        crowd.work(used[start : start + 60])
        served.post("/api/clock/advance", seconds="19s")
    for number, client in enumerate(used):
        if number % 9 == 4:
            client.call(files.OpenFile(0, 6, 0x11, FILES[number % 3]))
        if number % 31 == 4:
            client.call(synchronization.LogLogicalRecord(1, 0, f"REC{number}"))
    crowd.leave(used[-1:])
    crowd.join(["ANNA"])
    crowd.refused(3, "GUEST")
    served.post("/api/connections/9/message", text="Please log out: the server goes down at five")


def main(folder: Path) -> None:
    users = [word for name in (*PEOPLE, ACCOUNT) for word in ("--user", name)]
    with tempfile.TemporaryDirectory() as place, browser() as page:
        limits = ("--licenses", "450", "--connections", "600")
        with Served(Path(place), "--name", "FS1", *limits, *users) as served:
            crowd = Crowd(served)
            try:
                monday(served, crowd)
                page.open(served.admin + "/", width=DESKTOP[0], height=DESKTOP[1])
                page.wait_for(WHOLE)
                page.wait_for("document.querySelector('#chart .line') !== null")
                page.screenshot(folder / "page.png")
                page.open(served.admin + "/", dark=True, width=PHONE[0], height=PHONE[1])
                page.wait_for(WHOLE)
                page.screenshot(folder / "page-phone.png")
            finally:
                crowd.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
