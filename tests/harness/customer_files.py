"""What a customer sends: two lists of connections and three dumps of registries; and ``harness diagnose`` of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from harness.cli.main import main

ENTRY = """[HKEY_LOCAL_MACHINE\\Software\\Microsoft\\NAL\\Client\\Connections\\{account}\\Deviceless\\Resource{n}]\r
"NAL Path"="NWBIND:[\\"SMS_SITE=GS1\\"]\\\\\\\\HOP\\\\SYS\\\\CAP_GS1\\\\"\r
"Persistence Count"=dword:{persistence:08x}\r
"Reference Count"=dword:{reference:08x}\r
\r
"""
LIST = """connection,user,address,licensed,since,requests
1,SUPERVISOR,10.1.1.1,yes,2000-08-10 08:00,900
7,SMSCLIENT_GS1,10.1.1.7,yes,09:30,212
8,SMSCLIENT_GS1,10.1.1.8,yes,2000-08-10T09:31:00,187
9,*NOT-LOGGED-IN,10.1.1.9,,,3
"""


def dumped(*counts: tuple[int, int], account: str = "SMSCCMBootAcct") -> bytes:
    """A .reg file with an entry for each (persistence, reference)."""
    entries = [
        ENTRY.format(n=n, account=account, persistence=persistence, reference=reference)
        for n, (persistence, reference) in enumerate(counts, 1)
    ]
    return f"REGEDIT4\r\n\r\n{''.join(entries)}".encode()


def write_files() -> None:
    """Write the lists and dumps into the current directory."""
    Path("list.csv").write_text(LIST)
    Path("later.csv").write_text(LIST.replace(",900", ",955"))
    Path("7.reg").write_bytes(dumped((0, 0)))
    Path("8.reg").write_bytes(dumped((1, 1)))
    Path("9.reg").write_bytes(dumped((0, 0)))


def diagnose(*arguments: object) -> Result:
    """Run ``harness diagnose``. What it does not catch itself is raised here."""
    return CliRunner().invoke(main, ["diagnose", *map(str, arguments)], catch_exceptions=False)


def found(*arguments: object) -> tuple[int, str, dict[str, Any]]:
    """The exit code, the last line, and the JSON."""
    done = diagnose(*arguments, "--json", "found.json")
    return done.exit_code, done.stdout.splitlines()[-1], json.loads(Path("found.json").read_text())


WITH_A_LIST = ("--connections", "list.csv")
TIMES = ("--as-of", "2000-08-10 10:00", "--as-of", "2000-08-10 10:30")
WITH_TWO = (*WITH_A_LIST, "--connections", "later.csv", "--server", "HOP", *TIMES)
