"""How the programs and the behaviours of the user's own ended, and whether each ended as the scenario says.

Rules of this file:

* An ``exit`` line with a ``cause`` is a fault of the scenario, which is no mistake of the program. A program that was
  still running at the end was ended by the runner.
* A program that ended otherwise than expected proves nothing by what it did before: no verdict is better than
  ``unknown``.
* A behaviour that raised proves nothing either.
* Exit codes are those of a shell: 128 and the number of the signal that ended the program.
"""

from __future__ import annotations

from typing import Any

from fakenw.journal.record import Record
from fakenw.journal.sentences import harmless
from harness.judge.history import RunHistory

ANY = "any"  # the expectation that every exit code meets
IN_FULL = 3
_SIGNALS = {  # Linux's numbers, the same on every processor that Linux containers run on, but for MIPS
    1: "SIGHUP",
    2: "SIGINT",
    3: "SIGQUIT",
    4: "SIGILL",
    5: "SIGTRAP",
    6: "SIGABRT",
    7: "SIGBUS",
    8: "SIGFPE",
    9: "SIGKILL",
    10: "SIGUSR1",
    11: "SIGSEGV",
    12: "SIGUSR2",
    13: "SIGPIPE",
    14: "SIGALRM",
    15: "SIGTERM",
    24: "SIGXCPU",
    25: "SIGXFSZ",
    31: "SIGSYS",
}


def endings(run: RunHistory) -> list[str]:
    """A sentence for each program that ended by itself, then one for each process that was still running."""
    ended = [record for record in run.runner_lines("exit") if record.get("cause") is None]
    return [_exit(run, record) for record in ended] + [
        _still(run, record) for record in run.runner_lines("still-running")
    ]


def raised(run: RunHistory) -> list[str]:
    """A sentence for each behaviour that raised."""
    return [
        f"a behavior of {harmless(client.name)} raised {harmless(record.get('text'))}{place(record)}"
        for client in run.clients
        for record in client.journal.records
        if record.event == "behavior-failed"
    ]


def place(record: Record) -> str:
    """`` (backup.py:12)``: where in a file of the user's own a line's error came up; empty where in none."""
    return f" ({harmless(record['file'])}:{harmless(record.get('line'))})" if record.get("line") else ""


def unexpected(run: RunHistory) -> str | None:
    """The first program that ended with another exit code than expected, in a sentence; None without such."""
    for record in [*run.runner_lines("exit"), *run.runner_lines("still-running")]:
        if record.get("cause") is None and _is_wrong(run, record):
            return _exit(run, record)
    return None


def clauses(run: RunHistory) -> str:
    """The first of ``endings`` as clauses that follow a verdict; empty without such."""
    return "".join(f"; {sentence}" for sentence in endings(run)[:IN_FULL])


def _exit(run: RunHistory, record: Record) -> str:
    code: Any = record.get("code")
    number = code - 128 if isinstance(code, int) else 0
    name = f" ({_SIGNALS[number]})" if number in _SIGNALS else ""
    expected = f", expected {harmless(_expected(run, record))}" if _is_wrong(run, record) else ""
    return f"{harmless(record.get('client'))} ended with exit code {harmless(code)}{name}{expected}{_output(record)}"


def _still(run: RunHistory, record: Record) -> str:
    process = ""
    if record.get("pid") is not None:
        process = f": process {harmless(record.get('pid'))}, {harmless(record.get('program'))}"
    parent = f", after {_exit(run, record).partition(': ')[0]}" if record.get("code") is not None else ""
    return f"{harmless(record.get('client'))} was still running{process}{parent}{_output(record)}"


def _output(record: Record) -> str:
    return f": {harmless(record['output'])}" if record.get("output") else ""


def _is_wrong(run: RunHistory, record: Record) -> bool:
    code, expected = record.get("code"), _expected(run, record)
    return isinstance(code, int) and expected != ANY and code != expected


def _expected(run: RunHistory, record: Record) -> object:
    """The exit code that the plan expects of the client, or ``any``."""
    name = str(record.get("client")).partition("#")[0]  # of several clients of one name
    clients = run.settings.get("clients")
    for client in clients if isinstance(clients, list | tuple) else ():
        if isinstance(client, dict) and client.get("name") == name:
            return client.get("exit", 0)
    return 0
