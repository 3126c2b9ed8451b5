"""The server for tests: its journal is that of its own start."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakenw.core.settings import ServerSettings
from harness.judge.audit import books_balance
from harness.judge.cut_journal import with_its_limit
from harness.testing.netware import Netware, NetwareError
from harness.testing.server_setup import Setup
from tests.fakenw.stage import Stage
from tests.harness.judge.lived_journals import PEER, operator, over, station


def written(folder: Path, instance: str) -> Netware:
    """A server with that instance, and the journal of a start with another's default."""
    text = "".join(record.line() for record in Stage("nls").records)
    (folder / "server.jsonl").write_text(text)
    return Netware(Setup(), folder, admin="http://127.0.0.1:1", instance=instance)


def test_the_journal_of_another_start_is_refused(tmp_path: Path) -> None:
    """As where another server has written the same file: nothing is asserted from it."""
    assert written(tmp_path, ServerSettings().instance).run().servers[0].name == "FAKENW"
    server = written(tmp_path, "f" * 32)
    with pytest.raises(NetwareError, match=rf"is the journal of the server {'0' * 32}, not of {'f' * 32} at http"):
        server.run()
    with pytest.raises(NetwareError, match="is the journal of the server"):
        server.assert_released(within=0)


def test_a_limit_that_was_set_before_the_test(tmp_path: Path) -> None:
    """What an earlier test has set is no mistake in the books of this one."""
    stage = Stage("nls")
    operator(stage).do("set", {"licenses": 9}, PEER)
    operator(stage).do("reset", {"force": True}, PEER)
    begin = len(stage.records)
    station(stage, 1).licensed()
    journal = over(stage)
    part = type(journal)(journal.name, [journal.records[0], *journal.records[begin:]])
    assert books_balance(part) != []
    assert books_balance(with_its_limit(part)) == []
    assert with_its_limit(journal) is journal


def test_a_workstation_over_ipx_is_refused(tmp_path: Path) -> None:
    """The server of tests has no wire."""
    with pytest.raises(NetwareError, match=r"^the server listens on TCP and UDP, not on ipx; expected tcp or udp$"):
        Netware(Setup(), tmp_path).workstation(transport="ipx")
