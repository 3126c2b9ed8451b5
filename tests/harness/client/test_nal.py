"""NAL paths, and the arbiter: who is counted, who is not, and what follows from that."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakenw.journal.record import SECOND
from harness.client.components.nal import Nal
from harness.client.machine import Machine
from harness.client.nal_path import CONNECTIONS, NAL_PATH, PERSISTENCE, REFERENCE, TYPES, NalPath
from harness.client.workstation import sleep

MINUTE = 60 * SECOND
CAP = r'NWBIND:["SMS_SITE=GS1"]\\FAKENW\SYS\CAP_GS1' + "\\"
PACKAGES = r"NWBIND:\\FAKENW\SYS\SMSPKG" + "\\"
OWNER = "SMSCCMBootAcct"
KEY = rf"{CONNECTIONS}\{OWNER}\Deviceless"
RESOURCE = rf"{KEY}\Resource1"


class Desk:
    """A workstation without APM: what holds the file is the test itself."""

    def __init__(self, world: Any, redirector: dict[str, Any] | None = None, **arbiter: Any) -> None:
        client = {"name": "workstation", "user": "JOE", "redirector": redirector or {}, "arbiter": arbiter}
        workstation = Machine(world, client).workstation
        self.registry, self.redirector, self.arbiter = workstation.registry, workstation.redirector, workstation.arbiter
        self.nal = workstation.part(Nal)

    async def cycle(self, world: Any) -> Any:
        """NAL opens, somebody rides and opens a file, NAL closes; the file is still open."""
        await self.nal.open(CAP, OWNER)
        connection = self.redirector.existing("FAKENW")
        assert connection
        file = await self.redirector.open(connection, "SYS:A")
        await self.nal.close()
        return file


# Paths


@pytest.mark.parametrize(
    ("text", "kind", "server", "volume", "directory"),
    [
        (r'["Display=\\SMSSVR\"]MSWNET:["SMS_SITE=XXX"]\\SMSSVR' + "\\", "MSWNET", "SMSSVR", "", ""),
        (r'MSWNET:["SMS_SITE=zzz", "PREFERRED"]\\Server\CAP_zzz', "MSWNET", "Server", "CAP_zzz", ""),
        (r'NWBIND:["SMS_SITE=zzz"]\\Server\Vol\CAP_zzz' + "\\", "NWBIND", "Server", "Vol", "CAP_zzz"),
        (r"MSWNET:\\SRV\SMSPKGx$\A\B" + "\\", "MSWNET", "SRV", "SMSPKGx$", r"A\B"),
        (
            r'["Display=\\TREE\.MYVOLS_VOL1.Q.C"]NWNDS:["SMS_SITE=GS1"]\\TREE\.MYVOLS_VOL1.Q.C\CAP_GS1' + "\\",
            "NWNDS",
            "TREE",
            ".MYVOLS_VOL1.Q.C",
            "CAP_GS1",
        ),
        (r"ABEXPRT:\\CAP List for site ABC", "ABEXPRT", "CAP List for site ABC", "", ""),
        (r"LOCAL:C:\SMS", "LOCAL", "", "", ""),
    ],
)
def test_paths_of_the_sources(text: str, kind: str, server: str, volume: str, directory: str) -> None:
    """The examples of the KB are read, and written as they stood."""
    path = NalPath.parse(text)
    assert (path.type, path.server, path.volume, path.directory) == (kind, server, volume, directory)
    assert str(path) == text


def test_qualifiers_are_taken_apart() -> None:
    """With or without a blank behind the comma; a backslash before the quote escapes nothing."""
    path = NalPath.parse(r'["Display=\\A\"]nwbind:["SMS_SITE=GS1","PREFERRED"]\\A\B')
    assert path.display == ("Display=\\\\A\\",)
    assert path.qualifiers == ("SMS_SITE=GS1", "PREFERRED")
    assert str(path) == r'["Display=\\A\"]NWBIND:["SMS_SITE=GS1", "PREFERRED"]\\A\B'


@pytest.mark.parametrize(
    "text", ["", "NWBIND:", "NWBIND:SYS", r"NETBIOS:\\A\B", r"\\A\B", r"NWBIND:[SMS]\\A", r"NWBIND:\\\A", 'LOCAL:"']
)
def test_what_is_no_path(text: str) -> None:
    """The error says what was expected."""
    with pytest.raises(ValueError, match="expected"):
        NalPath.parse(text)


def test_one_place_in_two_spellings() -> None:
    """Case, the last backslash and qualifiers do not count; type and place do."""
    path = NalPath.parse(CAP)
    assert path.same_place(NalPath.parse(r"nwbind:\\fakenw\sys\cap_gs1"))
    assert not path.same_place(NalPath.parse(PACKAGES))
    assert not path.same_place(NalPath.parse(r"MSWNET:\\FAKENW\SYS\CAP_GS1"))


_part = st.text(st.characters(codec="cp437", exclude_characters='\\"', exclude_categories=["C"]), min_size=1).filter(
    lambda part: part == part.strip()
)
_qualifiers = st.lists(st.text(st.characters(exclude_characters='"'), max_size=9), max_size=3).map(tuple)


_parts = st.lists(_part, min_size=1, max_size=4)


@given(st.sampled_from(TYPES), _parts, st.sampled_from(["", "\\"]), _qualifiers, _qualifiers)
def test_path_round_trip(
    kind: str, parts: list[str], end: str, qualifiers: tuple[str, ...], display: tuple[str, ...]
) -> None:
    """What is written is read back the same."""
    path = NalPath(kind, "\\\\" + "\\".join(parts) + end, qualifiers, display)
    assert NalPath.parse(str(path)) == path
    assert path.server == parts[0]


# The arbiter


def test_counts_live_in_the_registry(world: Any, server: Any) -> None:
    """Open, open, close, close: the counts of Resource1, one connection, let go after the last."""
    workstation = Desk(world)

    async def behaviour() -> None:
        await workstation.nal.open(CAP, OWNER)
        await workstation.nal.open(CAP.lower(), OWNER)
        values = workstation.registry.values(RESOURCE)
        assert (str(values[NAL_PATH]).upper(), values[PERSISTENCE], values[REFERENCE]) == (CAP.upper(), 0, 2)
        await workstation.nal.close()
        assert workstation.registry.get(RESOURCE, REFERENCE) == 1
        await workstation.nal.close()
        await workstation.nal.close()  # nothing is open: nothing happens

    world.run(behaviour())
    assert server.log == ["create 1", "login 1 JOE", "logout 1", "destroy 1"]
    assert workstation.registry.subkeys(KEY) == []
    assert world.told() == [
        *("attach", "arbiter opened", "nal-open", "arbiter counted", "nal-open"),
        *("nal-close", "arbiter dropped", "nal-close", "arbiter dropped", "release-asked", "detach", "arbiter deleted"),
    ]
    opened = world.events("arbiter")[0]
    assert (opened["key"], opened["resource"], opened["path"]) == (KEY, "Resource1", CAP)
    assert (opened["persistence"], opened["reference"], opened["connection"]) == (0, 1, 1)
    assert world.events("nal-open")[0]["owner"] == OWNER


def test_owner_is_not_the_user(world: Any, server: Any) -> None:
    """Two owners have two entries on one connection, which goes with the last of them."""
    workstation = Desk(world)

    async def behaviour() -> None:
        await workstation.nal.open(CAP, OWNER)
        await workstation.nal.open(PACKAGES, OWNER)
        await workstation.nal.open(CAP, "SMSCliToknAcct&")
        assert workstation.registry.subkeys(KEY) == ["Resource1", "Resource2"]
        await workstation.nal.close()
        await workstation.nal.close(CAP)
        assert server.log[-1] == "login 1 JOE"
        await workstation.nal.close()

    world.run(behaviour())
    assert server.log == ["create 1", "login 1 JOE", "logout 1", "destroy 1"]


def test_persistence_keeps_the_connection(world: Any, server: Any) -> None:
    """A release needs both counts at zero."""
    workstation = Desk(world)

    async def behaviour() -> None:
        await workstation.nal.open(CAP, OWNER)
        workstation.registry.set(RESOURCE, PERSISTENCE, 1)
        await workstation.nal.close()

    world.run(behaviour())
    assert world.events("release-asked") == []
    assert workstation.registry.get(RESOURCE, REFERENCE) == 0


@pytest.mark.parametrize(
    ("key", "last", "left"), [("survives", "arbiter kept", ["Resource1"]), ("deleted", "arbiter deleted", [])]
)
def test_refused_release_is_never_asked_again(world: Any, server: Any, key: str, last: str, left: list[str]) -> None:
    """Q257223: the file of somebody who is not counted refuses the release; later nobody asks."""
    workstation = Desk(world, key=key)

    async def behaviour() -> None:
        file = await workstation.cycle(world)
        await sleep(10 * MINUTE)
        await workstation.redirector.close(file)
        await sleep(24 * 60 * MINUTE)

    world.run(behaviour())
    assert world.told()[-5:] == ["nal-close", "arbiter dropped", "release-asked", "release-refused", last]
    assert server.log[-1] == "close 1 SYS:A"
    assert workstation.registry.subkeys(KEY) == left
    assert workstation.redirector.existing("FAKENW")


def test_forced_release_interrupts(world: Any, server: Any) -> None:
    """Forced, the connection goes, and the file with it."""
    workstation = Desk(world, forced=True)

    async def behaviour() -> None:
        file = await workstation.cycle(world)
        assert file.connection.gone

    world.run(behaviour())
    assert server.log[-3:] == ["open 1 SYS:A", "logout 1", "destroy 1"]
    assert workstation.registry.subkeys(KEY) == []


@pytest.mark.parametrize("key", ["survives", "deleted"])
def test_retry_asks_until_it_is_released(world: Any, server: Any, key: str) -> None:
    """Refused again while the file is open, released at the first asking after, and then it stops."""
    workstation = Desk(world, key=key, retry="1m")

    async def behaviour() -> None:
        file = await workstation.cycle(world)
        await sleep(150 * SECOND)
        await workstation.redirector.close(file)
        await sleep(10 * MINUTE)

    world.run(behaviour())
    assert (len(world.events("release-refused")), len(world.events("release-asked"))) == (3, 4)
    assert server.log[-2:] == ["logout 1", "destroy 1"]
    assert workstation.registry.subkeys(KEY) == []


def test_retry_stops_when_the_path_is_opened_again(world: Any, server: Any) -> None:
    """A connection that is counted again is nobody's orphan."""
    workstation = Desk(world, retry="1m")

    async def behaviour() -> None:
        file = await workstation.cycle(world)
        await workstation.nal.open(CAP, OWNER)
        await workstation.redirector.close(file)
        await sleep(10 * MINUTE)
        assert len(world.events("release-asked")) == 1
        await workstation.nal.close()

    world.run(behaviour())
    assert server.log[-1] == "destroy 1"


@pytest.mark.parametrize("key", ["survives", "deleted"])
@pytest.mark.parametrize(("reopen", "connections"), [("reuse", 1), ("add", 3)])
def test_leak_is_bounded_or_grows(world: Any, server: Any, key: str, reopen: str, connections: int) -> None:
    """Whether three cycles cost one license or three is what the KB leaves open."""
    workstation = Desk(world, key=key, reopen=reopen)

    async def behaviour() -> None:
        for _ in range(3):
            await workstation.redirector.close(await workstation.cycle(world))

    world.run(behaviour())
    assert len(workstation.redirector.connections) == connections
    assert workstation.registry.subkeys(KEY) == (["Resource1"] if key == "survives" else [])


def test_retry_lets_go_of_what_was_set_aside(world: Any, server: Any) -> None:
    """With a connection added, the old one is still asked for, and the new one's entry stays."""
    workstation = Desk(world, reopen="add", retry="1m")

    async def behaviour() -> None:
        file = await workstation.cycle(world)
        await workstation.nal.open(CAP, OWNER)
        await workstation.redirector.close(file)
        await sleep(2 * MINUTE)

    world.run(behaviour())
    assert server.log[-2:] == ["logout 1", "destroy 1"]
    assert [c.requester.number for c in workstation.redirector.connections] == [2]
    assert workstation.registry.get(RESOURCE, REFERENCE) == 1


@pytest.mark.parametrize(("drop", "left"), [("decrement", 1), ("zero", 0)])
def test_drop(world: Any, server: Any, drop: str, left: int) -> None:
    """ "Drops the counters": by one, or all."""
    workstation = Desk(world, drop=drop)

    async def behaviour() -> None:
        await workstation.nal.open(CAP, OWNER)
        await workstation.nal.open(CAP, OWNER)
        await workstation.nal.close()

    world.run(behaviour())
    assert world.events("arbiter")[2]["reference"] == left
    assert len(workstation.redirector.connections) == left
    assert workstation.registry.get(RESOURCE, REFERENCE) == (left or None)


def test_scavenged_connection_is_made_anew(world: Any, server: Any) -> None:
    """The entry that stayed behind leads to no connection any more: the next open connects."""
    workstation = Desk(world, redirector={"idle_timeout": "15m"})

    async def behaviour() -> None:
        await workstation.redirector.close(await workstation.cycle(world))
        await sleep(20 * MINUTE)
        assert workstation.redirector.connections == []
        await workstation.nal.open(CAP, OWNER)
        await workstation.nal.close()

    world.run(behaviour())
    assert server.log[-4:] == ["create 2", "login 2 JOE", "logout 2", "destroy 2"]
    assert workstation.registry.subkeys(KEY) == []


def test_only_bindery_servers_can_be_opened(world: Any) -> None:
    """The other providers are not here."""

    async def behaviour() -> None:
        with pytest.raises(OSError, match="MSWNET"):
            await Desk(world).nal.open(r"MSWNET:\\FAKENW\SYS", OWNER)

    world.run(behaviour())
