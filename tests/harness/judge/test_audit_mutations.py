"""The audit sees every line: of real journals each line and each field is removed or bent in turn.

Rules of this file:

* A mutation is found (a problem of the audit, or a JournalError), or has its reason in ``harmless``: what the journal
  then says can be true, too.
* ``python -m tests.harness.judge.test_audit_mutations`` prints how many are found, and how many harmless by reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from fakenw.journal.record import SECOND, Journal, JournalError, Record
from harness.judge.audit import books_balance
from harness.judge.history import RunHistory
from tests.harness.judge.lived_journals import journals

JOURNALS = dict(journals())
FAST = ("nls, reset_and_expired", "ual, reset_and_expired", "memory, udp")
ALL = [pytest.param(name, marks=[] if name in FAST else pytest.mark.slow) for name in JOURNALS]


class Mutation(NamedTuple):
    """One change of a journal: what was done to the record *at*, to which *field*, and the records then."""

    at: int
    what: str  # removed, doubled, swapped, moved, renamed, taken (a field), bent (a field)
    field: str
    records: list[Record]

    def __str__(self) -> str:
        return f"line {self.at + 1}: {self.what} {self.field}"


def bent(value: object) -> list[Any]:
    """Other values: of the same type, and of another."""
    match value:
        case bool():
            return [not value, None]
        case int():
            return [value + 1, "x"]
        case float():
            return [value + 1, value - 1e-6, "x"]
        case str():
            return [f"{value}x", None]
        case list():
            return ["x", [*value, {"serial": 77}], value[1:] if value else [{"serial": 1}]]
    return ["x"]


def mutations(journal: Journal) -> Iterator[Mutation]:
    records = journal.records
    for n, record in enumerate(records):
        before, after = records[:n], records[n + 1 :]
        yield Mutation(n, "removed", "", before + after)
        yield Mutation(n, "doubled", "", [*before, record, *records[n:]])
        if after:
            yield Mutation(n, "swapped", "", [*before, after[0], record, *after[1:]])

        def put(what: str, field: str, *other: Record) -> Mutation:
            return Mutation(n, what, field, [*before, *other, *after])  # noqa: B023 (used at once)

        for t in {record.t + 1, abs(record.t - 1), record.t + SECOND} - {record.t}:
            yield put("moved", "t", Record(t, record.role, record.event, record.fields))
        yield put("renamed", "role", Record(record.t, "client", record.event, record.fields))
        yield put("renamed", "event", Record(record.t, record.role, "later", record.fields))
        for name, fields in changed(record.fields):
            what = "bent" if name.split(".")[0] in fields else "taken"
            yield put(what, name, Record(record.t, record.role, record.event, fields))


def changed(fields: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The fields with one of them taken away, or bent; each with its name. Of holders those of each entry."""
    for name, value in fields.items():
        yield name, {other: fields[other] for other in fields if other != name}
        for wrong in bent(value):
            yield name, {**fields, name: wrong}
        if isinstance(value, list):
            for n, entry in enumerate(value):
                for inner, other in changed(entry):
                    yield f"{name}.{inner}", {**fields, name: [*value[:n], other, *value[n + 1 :]]}


def found(mutation: Mutation) -> bool:
    journal = Journal("server.jsonl", mutation.records)
    try:
        if books_balance(journal):
            return True
        RunHistory.of([journal])
    except JournalError:
        return True
    return False


def harmless(journal: Journal, mutation: Mutation) -> str | None:
    """Why the journal could be true with this change; None if it could not."""
    records, n, what, field = journal.records, mutation.at, mutation.what, mutation.field
    record, event, get = records[n], records[n].event, records[n].get
    gone = what == "removed" or field == "event"
    action = str(get("action"))
    match event:
        case _ if what == "moved":
            return "a moment between those of its neighbours" if stands_alone(records, n) else None
        case _ if what == "swapped":
            pair = [record, records[n + 1]]
            apart = len({one.get("serial") for one in pair}) > 1 or {one.event for one in pair} == {"shut"}
            apart = apart or any(one.event in ("deny", "login-failed") for one in pair)
            same = len({one.t for one in pair}) == 1
            return "two lines of one moment, neither of which needs the other" if apart and same else None
        case "start" if what == "doubled":
            return "a server that was started twice, and did nothing the first time"
        case "start" if field in ("seed", "speed", "instance") or (field, what) == ("idle_after", "bent"):
            return "a setting with which all else could have happened as well"
        case "start" if field == "keep_cleared":
            return "a unit may be released a second late"
        case "deny" | "login-failed" if gone or what == "doubled" or field in ("code", "user", "station"):
            return "a refusal changes nothing"
        case "login" if gone or (field == "how" and "nds" not in (get("how"), mutation.records[n].get("how"))):
            return "a login is told by its state, and keyed or plain is no difference to the books"
        case "mark" if gone or what == "doubled" or field in ("text", "from"):
            return "a mark changes nothing"
        case "operator" if field == "from" or (action == "message" and field == "text") or field == "forced":
            return "the words of an operator change nothing"
        case "operator" if what == "doubled" and action != "clear":
            return "an operator may do the same again"
        case "operator" if gone and action in ("message", "enable-login", "disable-login", "down"):
            return "an act of an operator of which nothing came"
        case "open" if field in ("path", "handle") and not any(
            r.get("handle") == get("handle") for r in later(journal, n)
        ):
            return "a file of which nothing later tells"
        case "idle" if gone and journal.records[-1].t - record.t < 10 * SECOND:
            return "an idle connection may be told late"
        case "state" if what == "doubled" and get("cause") == "login":
            return "a user may log in again"
        case "stop" if gone:
            return "the end of a journal may be missing"
        case "close" | "release" if field == "last_request":
            return "the last request is known within bounds only"
        case "stop" if field == "holders.last_request":
            return "the last request is known within bounds only"
    return None


def later(journal: Journal, n: int) -> list[Record]:
    """The lines about the same connection after that at *n*."""
    serial = journal.records[n].get("serial")
    return [record for record in journal.records[n + 1 :] if record.get("serial") == serial]


def stands_alone(records: list[Record], n: int) -> bool:
    """Whether a line is no part of a transition of several lines, or follows an act of the administration."""
    record, serial = records[n], records[n].get("serial")
    if record.event == "release":
        return serial is None
    if record.event in ("create", "grant", "close", "start") or record.get("what") == "gave-up":
        return False
    around = [r for r in records[max(n - 1, 0) : n + 2] if r is not record and r.get("serial") == serial is not None]
    parts = ("create", "grant", "state", "shut", "release", "close")
    return record.event not in ("state", "shut") or not any(
        other.event in parts and other.t == record.t and other.get("cause", "create") == record.get("cause")
        for other in around
    )


@pytest.mark.parametrize("name", JOURNALS)
def test_the_journal_itself_is_in_order(name: str) -> None:
    assert books_balance(JOURNALS[name]) == []


@pytest.mark.parametrize("name", ALL)
def test_every_line_is_seen(name: str) -> None:
    """Whatever is removed, repeated, exchanged, renamed or bent is found, unless it could be so."""
    journal = JOURNALS[name]
    missed = [str(one) for one in mutations(journal) if not found(one) and not harmless(journal, one)]
    assert missed == []


if __name__ == "__main__":
    counts: Counter[str] = Counter()
    for every in JOURNALS.values():
        counts.update("found" if found(one) else str(harmless(every, one)) for one in mutations(every))
    print(f"{counts.total()} mutations of {len(JOURNALS)} journals")
    for reason, count in counts.most_common():
        print(f"{count:7}  {reason}")
