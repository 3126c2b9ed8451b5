"""Days of logins in a tree. All but one are days on which nobody should be let in."""

from __future__ import annotations

from random import Random

from fakenw.bindery.initial_objects import UserSpec
from fakenw.crypto.keys import PrivateKey
from fakenw.crypto.seals import NotOpened
from fakenw.wire.packet import Refused
from harness.client.nds_login import log_in_to_tree
from tests.fakenw.core.test_nds_login import USERS, Steps
from tests.fakenw.login_ways import SynchronousCaller
from tests.fakenw.stage import Stage, Station
from tests.harness.judge.lived_journals import station
from tests.trust.server_days import Day

ACCOUNTS = (*USERS, UserSpec("DISABLED", "", disabled=True), UserSpec("ONCE", "", max_connections=1))


def tried(here: Station, name: str, password: str) -> None:
    """A login and, where it succeeds, a license."""
    try:
        log_in_to_tree(SynchronousCaller(here), name, password).send(None)
    except StopIteration:
        here.change(1)
    except (Refused, NotOpened):
        """The client gives up."""


def came(stage: Stage) -> None:
    """ANNA comes, is licensed, and gives all back."""
    here = station(stage, 1).attached()
    tried(here, "ANNA", "SECRET")
    stage.wait(1)
    here.logout()
    here.destroy()


def refused(name: str, password: str) -> Day:
    """The server refuses the login."""

    def day(stage: Stage) -> None:
        here = station(stage, 1).attached()
        tried(here, name, password)
        here.destroy()

    return day


def twice(stage: Stage) -> None:
    """ONCE may have one connection; its second station is refused, and the first gives all back."""
    first, second = station(stage, 1).attached(), station(stage, 2).attached()
    for here in (first, second):
        tried(here, "ONCE", "")
    for here in (first, second):
        here.destroy()


def proven(steps: Steps, credential: bytes, authid: bytes, key: PrivateKey | None = None) -> None:
    """A proof and, where it is believed, a license."""
    if steps.prove(credential, authid, key=key) == 0:
        steps.station.change(1)


def forged_proof(stage: Stage) -> None:
    """The station has heard ANNA's credential, and proves with a key of its own."""
    steps = Steps(station(stage, 1).attached())
    proven(steps, steps.credential(), steps.authid(), PrivateKey.generate(Random(1)))
    steps.station.destroy()


def no_credential(stage: Stage) -> None:
    """The station has ANNA's key from before she changed her password, and does not prove that it knows the new one."""
    steps = Steps(station(stage, 1).attached())
    proven(steps, bytes(8), steps.authid())
    steps.station.destroy()


def spent_authid(stage: Stage) -> None:
    """The station answers the same question a second time."""
    steps = Steps(station(stage, 1).attached())
    credential, authid = steps.credential(), steps.authid()
    steps.prove(credential, b"none")
    proven(steps, credential, authid)
    steps.station.destroy()
