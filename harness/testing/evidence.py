"""What is kept of a failed assertion: the journals that were judged, the capture, and the same judgement in every file.

Rules of this file:

* An assertion is judged once, from the server's journal so far and a runner's journal that says what was asserted.
  These two are what is kept, so that ``harness check`` of them judges the same.
* Lines and packets of earlier tests of the same server are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fakenw.journal.record import Journal, Record
from fakenw.journal.sentences import clock, harmless, sentence
from harness.judge.assertions import AssertionAnswer, released
from harness.judge.history import RunHistory
from harness.judge.selection import LicenseSelection
from harness.report import html
from harness.report.text import Result

PCAP_HEADER = 24  # bytes: draft-ietf-opsawg-pcap, section 4
LONGEST = 120  # characters of the first line of a failure


def judged(
    server: Journal, title: str, wanted: LicenseSelection, connections: int = 1
) -> tuple[RunHistory, AssertionAnswer]:
    """The answer to an assertion, and the history that ``keep`` writes; *title* is its scenario in reports."""
    asserted = {**wanted.as_json(), "clients": connections}
    run = Record(0, "runner", "run", {"scenario": title, "assertion": asserted})
    history = RunHistory.of([server, Journal("runner.jsonl", [run])])
    return history, released(history, wanted, connections)


def first_line(why: Iterable[str]) -> str:
    """The first of these sentences, short enough for a list of failures."""
    text = next(iter(why), "")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def last_seen(run: RunHistory) -> str:
    """The last event of the journal that has a sentence."""
    told = [text for record in run.servers[0].journal.records if (text := sentence(record)) is not None]
    return f"the last event was: {told[-1]}" if told else "nothing has happened"


def refusals_seen(run: RunHistory) -> str:
    """Every refusal of the server, in sentences."""
    told = [sentence(record) for record in run.servers[0].denied]
    return f"the server refused: {'; '.join(map(str, told))}" if told else "the server refused nothing"


def holders_at_peak(run: RunHistory) -> str:
    """The holders of licenses when most were held."""
    server = run.servers[0]
    records = server.journal.records
    at = next((record.t for record in records if record.get("held") == server.peak), 0)
    holders = [
        f"{harmless(history.user or 'nobody')} on connection {history.connection}"
        for history in run.histories
        for holding in history.holdings
        if holding.granted <= at and (holding.released is None or holding.released > at)
    ]
    return f"at {clock(at)}: {', '.join(holders)}"


def keep(folder: Path, run: RunHistory, answer: AssertionAnswer, capture: Path, packets_from: int) -> None:
    """Write journals, capture, report, results and JUnit into *folder*. Raises OSError.

    *packets_from* is the size that the capture had when the test began.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for journal in [run.servers[0].journal, run.runner]:
        if journal is not None:
            (folder / Path(journal.name).name).write_text("".join(one.line() for one in journal.records), "utf-8")
    packets = capture.read_bytes()
    (folder / "capture.pcap").write_bytes(packets[:PCAP_HEADER] + packets[max(packets_from, PCAP_HEADER) :])
    html.write(folder, [Result(run, answer.verdict, str(folder))])
