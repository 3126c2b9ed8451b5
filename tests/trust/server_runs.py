"""Runs of ``tests.trust.probe`` that are days of a server, and scenarios that the catalogue lacks.

Each is a function that returns the judge's words where it is not judged as expected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from fakenw.bindery.login_control import Lockout
from fakenw.journal.record import SECOND, Journal
from fakenw.wire.requests.server import GetServerTime
from harness.judge.audit import books_balance
from harness.judge.history import RunHistory
from harness.judge.verdict import judge
from harness.scenario.plan import Plan
from tests.fakenw.stage import Stage
from tests.harness.judge.lived_journals import DAY, PEER, operator, over
from tests.harness.memory_run import planned
from tests.trust import refused_logins as logins
from tests.trust import server_days as days
from tests.trust import signed_days as signed
from tests.trust import tree_logins as trees
from tests.trust import written_journals
from tests.trust.server_days import Day, Unchecked

USERS = (("JOE", "SECRET"), ("ANN", ""), ("BOB", ""))


def ended(day: Day, stage: Stage) -> Journal:
    """The journal of a day, after a mark and an orderly stop."""
    try:
        day(stage)
        operator(stage).do("mark", {"text": "the day is over"}, PEER)
        stage.wait(1)
    except AssertionError:
        """A client met something else: this is for tests to find, not for the judge."""
    return over(stage)


def audited(day: Day, policy: str, **more: Any) -> str | None:
    """What the audit tells of a day. Of a server that crashes it sees what was written until then."""
    stage = Unchecked(policy, **{"licenses": 9, "users": USERS, **more})
    try:
        journal = ended(day, stage)
    except Exception:
        journal = Journal("server.jsonl", stage.records)
    problems = books_balance(journal)
    return str(problems[0]) if problems else None


def judged(
    day: Day, policy: str, expected: str, within: float | None = None, proven: int = 1, **more: Any
) -> str | None:
    """What the judge tells of a day whose verdict is not *expected*; so many connections must have been licensed."""
    journal = ended(day, Unchecked(policy, **{"licenses": 9, "users": USERS, **more}))
    verdict = judge(RunHistory.of([journal]), within, connections=proven)
    return None if verdict.verdict == expected else f"{verdict.verdict} instead of {expected}: {verdict.reason}"


# Machines that fall silent for a while, and servers with habits


def plans() -> Iterator[tuple[str, Plan]]:
    """Runs in memory."""
    yield from refusals()
    file = {"file": "SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR", "server": "FAKENW"}
    for heal, again, expected in ((1175, 1177, "released"), (1185, 1187, "reclaimed")):
        # The last sign of life is the open at 290 s, and the watchdog's patience ends at 1179.8 s.
        faults = [{"wait": "295s"}, {"cut": "ws"}, {"wait": f"{heal - 295}s"}, {"heal": "ws"}]
        script = [
            {"user.logon": "FAKENW"},
            {"wait": "290s"},
            {"user.open": file},
            "user.close",
            {"wait": f"{again - 290}s"},
            {"user.open": {**file, "may_fail": True}},
            "user.logoff",
            {"wait": "1h"},
        ]
        yield f"silent/{again - 290}s", planned(faults, script=script, expect=expected)
    script = [{"user.logon": "FAKENW"}, {"wait": "10m"}, "user.logoff", {"wait": "1h"}]
    yield "killed", planned([{"wait": "2m"}, {"process-killed": "ws"}], "tcp", script, expect="reclaimed")
    both = [{"name": name, "script": script} for name in ("a", "b")]
    yield "two-clients", planned([], clients=both)
    work: dict[str, Any] = {"times": 60, "script": [{"user.open": file}, {"wait": "1s"}, "user.close"]}
    script = [{"user.logon": "FAKENW"}, {"repeat": work}, "user.logoff", {"wait": "1h"}]
    lost: list[Any] = [{"wait": "7s"}, {"drop": {"client": "ws", "packets": 1, "way": "in"}}]
    yield (
        "signed/bad-network",
        planned(
            [{"duplicate": {"client": "ws", "percent": 10}}, *lost * 5],
            clients=[{"name": "ws", "signatures": 3, "script": script}],
            servers=[{"name": "FAKENW", "signatures": 3}],
        ),
    )
    for idle, expected in ((890, "released"), (910, "reclaimed")):
        servers = [{"name": "FAKENW", "clear_idle": "15m"}]
        script = [{"user.logon": "FAKENW"}, {"wait": f"{idle}s"}, "user.logoff", {"wait": "1h"}]
        for transport in ("udp", "tcp"):
            plan = planned([], transport, script, servers=servers, expect=expected)
            yield f"clear-idle/{idle}s/{transport}", plan


def refusals() -> Iterator[tuple[str, Plan]]:
    """Runs in which JOE works for ten minutes, and another client is refused meanwhile."""
    work = [{"user.logon": "FAKENW"}, {"wait": "10m"}, "user.logoff", {"wait": "1h"}]
    tries = [{"wait": "1m"}, {"user.logon": {"server": "FAKENW", "may_fail": True}}]
    for what, user, settings in (
        ("license", "JOE:SECRET", {"licenses": 1}),
        ("slot", "JOE:SECRET", {"connections": 1}),
        ("account", "JOE:SECRET", {"user_connections": 1}),
        ("login", "JOE:WRONG", {}),
    ):
        clients = [
            {"name": "a", "user": "JOE:SECRET", "script": work},
            {"name": "b", "user": user, "script": tries, "licensed": "never"},
        ]
        servers = [{"name": "FAKENW", "users": ["JOE:SECRET"], **settings}]
        yield f"denied/{what}", planned([], clients=clients, servers=servers)


def runs() -> Iterator[tuple[str, Callable[[], str | None]]]:
    """Every day: its name, and the judge's words where it is not judged as expected."""
    for policy in ("attach", "nls"):
        yield f"strangers/{policy}", partial(judged, days.strangers, policy, "released")
        yield f"repeated-create/{policy}", partial(judged, days.repeated_create, policy, "released")
    yield "forged-answers", partial(judged, days.forged_answers, "nls", "reclaimed", 900)
    yield "silent-over-tcp", partial(audited, days.silent_over_tcp, "nls")
    yield "answers", partial(audited, days.answers, "nls")
    yield "asked/idle", partial(audited, days.asked, "nls")
    yield "asked/busy", partial(audited, days.asked, "nls", idle_after=3600 * SECOND)
    yield "answers-only", partial(judged, days.answers_only, "nls", "leaked", 1800)
    yield "impatient", partial(judged, days.impatient, "nls", "released", 10**6, speed=36_000.0)
    yield "half-idle", partial(audited, days.half_idle, "nls")
    yield "idle", partial(audited, days.idle, "nls")
    yield "clear-idle-unlicensed", partial(audited, days.unlicensed_and_idle, "nls", clear_idle=900 * SECOND)
    yield "numbers", partial(audited, days.numbers, "nls")
    yield "files", partial(judged, days.files, "nls", "released")
    yield "open-files", partial(audited, days.open_files, "nls")
    yield "late", partial(judged, days.late, "nls", "released")
    yield "garbage", partial(audited, days.garbage, "nls")
    yield "down-with-files", partial(audited, days.down_with_files, "nls")
    yield "logout-twice", partial(audited, days.logout_twice, "nls")
    yield "before-the-login", partial(audited, days.before_the_login, "nls")
    yield "attached-anew", partial(judged, days.attached_anew, "nls", "reclaimed")
    yield "reset-with-clients", partial(audited, days.reset, "nls")
    yield "marked", partial(judged, days.marked, "nls", "leaked", idle_after=3600 * SECOND)
    yield "holders", partial(audited, days.holders, "nls")
    yield "login-disabled", partial(audited, days.login_disabled, "nls")
    yield "stalled", partial(judged, days.stalled, "nls", "reclaimed")
    slow = (((GetServerTime.function, None), 600 * SECOND),)
    yield "busy-replies", partial(judged, days.busy_replies, "nls", "reclaimed", slow=slow)
    yield "assignments", partial(audited, days.assignments, "ual", licenses=2)
    yield "full/ual", partial(judged, days.full, "ual", "released", proven=2, licenses=1)
    yield "unlicensed/ual", partial(audited, days.unlicensed, "ual")
    yield "grace/nls", partial(audited, days.three_at_once, "nls", licenses=0)
    yield "grace/service", partial(audited, days.three_at_once, "service", licenses=0)
    yield "kept", partial(audited, days.kept, "nls", keep_cleared=30 * DAY * SECOND)
    yield "down", partial(audited, days.down, "nls")
    yield "without-a-user", partial(audited, days.without_a_user, "nls")
    accounts: dict[str, Any] = {"users": logins.ACCOUNTS, "lockout": Lockout()}
    yield "refused/password", partial(judged, logins.refused("JOE", "WRONG"), "nls", "unknown", **accounts)
    yield "refused/empty", partial(judged, logins.refused("JOE", ""), "nls", "unknown", **accounts)
    yield "refused/lockout", partial(judged, logins.guessed, "nls", "unknown", **accounts)
    yield "refused/disabled", partial(judged, logins.refused("DISABLED", ""), "nls", "unknown", **accounts)
    yield "refused/station", partial(judged, logins.refused("ELSEWHERE", ""), "nls", "unknown", **accounts)
    yield "refused/expired", partial(judged, logins.refused("EXPIRED", ""), "nls", "unknown", **accounts)
    yield "refused/hours", partial(judged, logins.refused("NEVER", ""), "nls", "unknown", **accounts)
    yield "replayed", partial(judged, logins.replayed, "nls", "unknown", **accounts)
    tree: dict[str, Any] = {"users": trees.ACCOUNTS, "tree": "ACME"}
    yield "tree/came", partial(judged, trees.came, "nls", "released", **tree)
    yield "tree/password", partial(judged, trees.refused("ANNA", "WRONG"), "nls", "unknown", **tree)
    yield "tree/disabled", partial(judged, trees.refused("DISABLED", ""), "nls", "unknown", **tree)
    yield "tree/twice", partial(judged, trees.twice, "nls", "unknown", proven=2, **tree)
    yield "tree/forged-proof", partial(judged, trees.forged_proof, "nls", "unknown", **tree)
    yield "tree/no-credential", partial(judged, trees.no_credential, "nls", "unknown", **tree)
    yield "tree/spent-authid", partial(judged, trees.spent_authid, "nls", "unknown", **tree)
    yield "signed/forged-logout", partial(judged, signed.forged_logout, "nls", "leaked", 1800)
    yield "signed/goes-on", partial(judged, signed.goes_on, "nls", "released")
    yield "signed/broken-stream", partial(judged, signed.broken_stream, "nls", "reclaimed")
    yield "signed/never", partial(judged, signed.unsigned, "nls", "unknown", signatures=3)
    yield "closed-bindery", partial(audited, days.closed_bindery, "login")
    yield "full-turns", written_journals.written
    yield "two-servers", written_journals.two_servers
