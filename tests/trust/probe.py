"""Runs in memory whose outcome the judge must find: the catalogue, and days of a server under every policy.

``python -m tests.trust.probe RUN…`` prints ``told RUN: …`` for each run that is judged otherwise than expected. Names:
``Q257223/as-shipped`` (a run of the catalogue; with ``/tcp`` over TCP), ``day/nls`` (a journal of
tests/harness/judge/lived_journals.py), ``client/tries`` (a client at work, below), ``Q257223`` and ``day`` for all of
these, none for all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from fakenw.journal.record import SECOND, Journal
from harness.judge.audit import books_balance
from harness.judge.history import RunHistory
from harness.judge.verdict import judge
from harness.runners import memory
from harness.scenario.catalogue import catalogue
from harness.scenario.plan import Plan
from tests.fakenw.stage import POLICIES, Stage
from tests.harness.judge.lived_journals import DAY, busy_day, held_at_the_end, over, reset_and_expired
from tests.harness.memory_run import WORK, planned

FAKENW, OTHER = "NWBIND:\\\\FAKENW\\SYS\\", "NWBIND:\\\\OTHER\\SYS\\"
OFFER = {"file": "SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR", "server": "FAKENW"}
TWO_SERVERS: dict[str, Any] = {
    "servers": [{"name": "FAKENW", "users": ["JOE"]}, {"name": "OTHER", "users": ["JOE"]}],
    "nal": {"random": False, "lists": {"L": [FAKENW, OTHER]}},
}


def opens(path: str = FAKENW, **more: Any) -> dict[str, Any]:
    """A step in which NAL opens a path, for JOE."""
    return {"nal.open": {"path": path, "owner": "JOE&", **more}}


PACKAGES = f"{FAKENW}SMSPKG\\"
READ = [{"apm.open": OFFER}, {"wait": "1m"}, "apm.close"]
METER = {"service.meter": {"servers": ["FAKENW"], "file": OFFER["file"]}}
ONE_CONNECTION = {"checks": ["registry_agrees", {"attempts": {"most": 1, "per": 7200}}]}
CLIENTS: dict[str, tuple[list[Any], dict[str, Any]]] = {  # scripts of the client ws; each waits for an hour at its end
    "twice": ([opens(), opens(), "nal.close", *READ, "nal.close"], ONE_CONNECTION),
    "paths": ([opens(), opens(PACKAGES), "nal.close", *READ, "nal.close"], ONE_CONNECTION),
    "persistent": ([opens(persistent=True), opens(), "nal.close", *READ, "nal.close"], ONE_CONNECTION),
    "retry": (
        [opens(), READ[0], "nal.close", opens(), "apm.close", {"wait": "10m"}, *READ, "nal.close"],
        {**ONE_CONNECTION, "arbiter": {"retry": "1m"}},
    ),
    "orphan": (
        [opens(), READ[0], "nal.close", {"wait": "10m"}, "apm.close"],
        {"checks": ["registry_agrees"], "fails": ["registry_agrees", "opens_balance"]},
    ),
    "idle": ([opens(), {"wait": "2h"}, "nal.close"], {}),
    "sessions": (
        [METER, {"user.logon": "FAKENW"}, "user.logoff", {"wait": "10m"}, "user.shut-down"],
        {"redirector": {"contexts": "separate"}, "fails": ["one_license_per_client"]},
    ),
    "netware-3": ([opens(), "nal.close"], {"servers": [{"name": "FAKENW", "release": "3.12", "users": ["JOE"]}]}),
    "libraries": ([opens(), "nal.close"], {"nal": {"search_path": ["FAKENW"]}}),
    "accounts": ([opens(), "nal.close"], {"user": "ANN:WRONG", "accounts": ["ANN:WRONG", "JOE"]}),
    "existing": (
        [{"user.logon": "OTHER"}, opens("ABEXPRT:\\\\L"), "nal.close", "user.logoff"],
        {**TWO_SERVERS, "checks": [{"servers_licensed": {"count": 1}}]},
    ),
    "private": (WORK, {"apm": {"private": True}, "fails": ["one_license_per_client"]}),
    "no-file": ([{"apm.open": {**OFFER, "file": "SYS:NONE.TXT", "may_fail": True}}], {}),
    "tries": ([{"apm.run": {**OFFER, "tries": 3}}], {"servers": [{"name": "FAKENW", "licenses": 1, "users": ["JOE"]}]}),
    "killed": (WORK, {"faults": [{"wait": "2m"}, {"process-killed": "ws"}], "transport": "tcp"}),
    "powered-off": (
        WORK,
        {"faults": [{"wait": "2m"}, {"power-off": "ws"}], "transport": "tcp", "fails": ["opens_balance"]},
    ),
    "frozen": (
        WORK,
        {"faults": [{"wait": "2m"}, {"freeze": "ws"}, {"wait": "2h"}, {"thaw": "ws"}], "transport": "tcp"},
    ),
    "restarted": (
        WORK,
        {
            "faults": [{"wait": "2m"}, {"restart": {"client": "ws", "address": "new"}}],
            "checks": [{"released": {"within": "20m"}}],
            "fails": ["one_license_per_client"],
        },
    ),
    "failed-step": ([{"user.logon": "FAKENW"}, {"user.open": {**OFFER, "file": "SYS:X"}}, "user.logoff"], {}),
}
EXPECTED = {"failed-step": "unknown", "orphan": "leaked", "powered-off": "leaked"}
EXPECTED |= {"killed": "reclaimed", "restarted": "reclaimed"}  # the others release their licenses


class Unchecked(Stage):
    """A stage that does not audit for itself."""

    def audit(self, record: object) -> None:
        """Whatever the server writes is written."""


def of_run(plan: Plan) -> str | None:
    """What the judge tells of a run that should not be so."""
    verdict = judge(RunHistory.of(memory.run(plan)))
    if verdict.ok and verdict.expected == plan.expect:
        return None
    evidence = str(verdict.problems[0]) if verdict.problems else verdict.reason
    return "; ".join([f"{verdict.verdict} instead of {plan.expect}: {evidence}", *verdict.failed])


def of_client(name: str) -> str | None:
    """What the judge tells of a client at work."""
    return of_run(at_work(name))


def of_day(day: Callable[[Stage], Journal], policy: str) -> str | None:
    """What the audit tells of the journal of a day."""
    keep = 30 * DAY * SECOND if day is reset_and_expired else 0
    users = (("JOE", "SECRET"), ("ANN", ""), ("BOB", ""))
    stage = Unchecked(policy, licenses=4 if policy == "ual" else 3, keep_cleared=keep, users=users)
    try:
        journal = day(stage)
    except AssertionError:  # a client of the day met something else: this is for tests to find, not for the judge
        journal = over(stage)
    problems = books_balance(journal)
    return str(problems[0]) if problems else None


def busy(stage: Stage) -> Journal:
    busy_day(stage)
    return over(stage)


def at_work(name: str) -> Plan:
    """The plan of a client at work. Where it has to try again, another client has the only license for a while."""
    script, more = CLIENTS[name]
    more = dict(more)
    user, accounts = more.pop("user", "JOE"), more.pop("accounts", ["JOE"])
    ws = {"name": "ws", "user": user, "accounts": accounts, "script": [*script, {"wait": "1h"}]}
    first = {"name": "first", "user": "JOE", "script": [{"user.logon": "FAKENW"}, {"wait": "15m"}, "user.logoff"]}
    more.setdefault("servers", [{"name": "FAKENW", "users": ["JOE", "ANN:RIGHT"]}])
    more["checks"] = [*more.get("checks", []), "one_license_per_client", "opens_balance"]
    clients = [first, ws] if name == "tries" else [ws]
    faults, transport = more.pop("faults", []), more.pop("transport", "udp")
    return planned(faults, transport, clients=clients, expect=EXPECTED.get(name, "released"), **more)


def runs() -> Iterator[tuple[str, Callable[[], str | None]]]:
    """Every run: its name, and the judge's words where it is not judged as expected."""
    for policy in POLICIES:
        yield f"day/{policy}", partial(of_day, busy, policy)
        yield f"held/{policy}", partial(of_day, held_at_the_end, policy)
        yield f"reset/{policy}", partial(of_day, reset_and_expired, policy)
    for name in CLIENTS:
        yield f"client/{name}", partial(of_client, name)
    for scenario in catalogue():
        for plan in scenario.plans(seed=1):
            yield f"{plan.scenario}/{plan.variant}", partial(of_run, plan)
        for plan in scenario.plans("tcp", seed=1):
            yield f"{plan.scenario}/{plan.variant}/tcp", partial(of_run, plan)


def main(wanted: list[str]) -> None:
    unknown = set(wanted)
    for name, told in runs():
        chosen = {w for w in wanted if w == name or name.startswith(f"{w}/")}
        unknown -= chosen
        if chosen or not wanted:
            text = told()
            if text:
                print(f"told {name}: {' '.join(text.split())}", flush=True)
    if unknown:
        sys.exit(f"there is no run {', '.join(sorted(unknown))}")


if __name__ == "__main__":
    main(sys.argv[1:])
