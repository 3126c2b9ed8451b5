"""Drives, logon sessions, contexts; who counts, who is watched: the redirector as users and services see it."""

from __future__ import annotations

from typing import Any

import pytest

from fakenw.journal.record import SECOND
from harness.client.attachment import Account, Denied
from harness.client.components.service import Service
from harness.client.components.user import User
from harness.client.context import WorkstationContext
from harness.client.machine import Machine
from harness.client.redirector import Redirector, RedirectorSettings

MINUTE = 60 * SECOND
JOE = Account("JOE")


def workstation_of(world: Any, **client: Any) -> WorkstationContext:
    """A workstation."""
    return Machine(world, {"name": "workstation", "user": "JOE", **client}).workstation


def redirector(world: Any, **settings: Any) -> Redirector:
    return Redirector(world, settings=RedirectorSettings.model_validate(settings))


# Drives


def test_the_last_drive_takes_its_connection_along(world: Any, server: Any) -> None:
    """Two drives share one connection; with the second it goes."""
    net = redirector(world)

    async def behaviour() -> None:
        assert await net.map("G:", "FAKENW", JOE) is await net.map("H:", "FAKENW", JOE)
        with pytest.raises(OSError, match="G: is mapped"):
            await net.map("G:", "FAKENW", JOE)
        await net.unmap("G:")
        assert server.log == ["create 1", "login 1 JOE"]
        await net.unmap("H:")
        assert server.log[2:] == ["logout 1", "destroy 1"]
        with pytest.raises(OSError, match="H: is not mapped"):
            await net.unmap("H:")

    world.run(behaviour())


@pytest.mark.parametrize("setting", ["release", "keep"])
def test_a_drive_on_a_connection_that_was_there(world: Any, server: Any, setting: str) -> None:
    """It is not the drive's: it stays in any case (KB Q129234 is about the drive's own)."""
    net = redirector(world, last_drive=setting)

    async def behaviour() -> None:
        await net.connect("FAKENW", *JOE)
        await net.map("G:", "FAKENW", JOE)
        await net.unmap("G:")

    world.run(behaviour())
    assert len(net.connections) == 1


def test_a_drive_stands_in_the_way_of_a_release(world: Any, server: Any) -> None:
    """As an open file does; the journal names it. By force it goes ahead."""
    net = redirector(world)

    async def behaviour() -> None:
        connection = await net.map("G:", "FAKENW", JOE)
        with pytest.raises(Exception, match="G:"):
            await net.release(connection, by="NAL")
        assert world.events("release-refused")[0]["drives"] == ["G:"]
        await net.release(connection, forced=True)

    world.run(behaviour())
    assert net.connections == []


# Contexts and sessions


def test_a_context_sees_its_own_only(world: Any, server: Any) -> None:
    """Where they are separate: another connection, and no drive of anybody else (KB Q146110)."""
    net = redirector(world, contexts="separate")

    async def behaviour() -> None:
        first = await net.map("G:", "FAKENW", JOE, "SYSTEM")
        assert net.mapped("G:", "JOE#1") is None
        assert net.mapped("G:", "SYSTEM") is first
        assert await net.connect("FAKENW", *JOE, context="JOE#1") is not first

    world.run(behaviour())
    assert server.log.count("login 2 JOE") == 1


def test_a_session_is_over_with_its_last_reference(world: Any, server: Any) -> None:
    """A service that impersonates the user keeps it; who logs on again has another one (KB Q179444)."""
    workstation = workstation_of(world, redirector={"contexts": "separate"})
    user, service = workstation.part(User), workstation.part(Service)

    async def behaviour() -> None:
        await user.logon("FAKENW")
        await service.impersonate(10 * MINUTE)
        await user.logoff()
        assert server.log == ["create 1", "login 1 JOE"]
        await user.logon("FAKENW")
        assert server.log[2:] == ["create 2", "login 2 JOE"]

    world.run(behaviour())
    world.pass_time(11 * MINUTE)
    assert server.log[4:] == ["logout 1", "destroy 1"]


def test_a_session_that_ends_leaves_the_others(world: Any, server: Any) -> None:
    """A service's connection is in no session of the user's (KB Q130668)."""
    workstation = workstation_of(world, redirector={"contexts": "separate"})

    async def behaviour() -> None:
        await workstation.part(Service).start("FAKENW")
        await workstation.part(User).logon("FAKENW")
        await workstation.part(User).logoff()

    world.run(behaviour())
    assert server.log[4:] == ["logout 2", "destroy 2"]
    assert [one.context for one in workstation.redirector.connections] == ["SYSTEM"]


def test_nobody_to_impersonate(world: Any) -> None:
    """A service can only copy a token that there is."""

    async def behaviour() -> None:
        with pytest.raises(OSError, match="no user is logged on"):
            await workstation_of(world).part(Service).impersonate()

    world.run(behaviour())


def test_shutting_down_lets_go_of_everything(world: Any, server: Any) -> None:
    """What goes on by itself ends, and every connection is released."""
    workstation = workstation_of(world)
    user = workstation.part(User)
    beats: list[int] = []

    async def beat() -> None:
        beats.append(world.now())

    async def behaviour() -> None:
        await user.logon("FAKENW")
        world.spawn(workstation.loop(beat, MINUTE))
        await workstation.redirector.connect("FAKENW", *JOE, private=True)

    world.run(behaviour())
    world.pass_time(3 * MINUTE)
    before = len(beats)

    world.run(user.shut_down())
    world.pass_time(10 * MINUTE)
    assert (len(beats), workstation.redirector.connections) == (before, [])
    assert sorted(line for line in server.log if line.startswith("destroy")) == ["destroy 1", "destroy 2"]


# Who counts


def test_a_redirector_that_counts_its_openers(world: Any, server: Any) -> None:
    """The connection goes after the last who was led to it has given it up."""
    net = redirector(world, count_opens=True)

    async def behaviour() -> None:
        connection = await net.connect("FAKENW", *JOE)
        assert await net.connect("FAKENW", *JOE) is connection
        await net.release(connection, by="NAL")
        assert not connection.gone
        await net.release(connection, by="APM")
        assert connection.gone

    world.run(behaviour())
    assert server.log == ["create 1", "login 1 JOE", "logout 1", "destroy 1"]
    assert [event["by"] for event in world.events("release-asked")] == ["APM"]


def test_two_paths_on_one_connection_are_counted_apart(world: Any, server: Any) -> None:
    """Each entry of the arbiter is one who was led to it."""
    from harness.client.components.nal import Nal

    nal = workstation_of(world, redirector={"count_opens": True}).part(Nal)

    async def behaviour() -> None:
        for path in ("A", "B", "A"):
            await nal.open(f"NWBIND:\\\\FAKENW\\SYS\\{path}\\", "X")
        for _ in range(2):
            await nal.close()
        assert server.log == ["create 1", "login 1 JOE"]
        await nal.close()

    world.run(behaviour())
    assert server.log[2:] == ["logout 1", "destroy 1"]


# A second connection, no room, a login that failed


def test_monitored(world: Any, server: Any) -> None:
    """Two connections come and go together; where the second is refused the first goes as well."""
    net = redirector(world, monitored=True)

    async def behaviour() -> None:
        await net.release(await net.connect("FAKENW", *JOE))
        assert server.log[-2:] == ["logout 2", "destroy 2"]
        logins: list[str] = []

        class OnceOnly(dict[str, int]):
            def get(self, verb: str, default: int = 0) -> int:  # type: ignore[override]
                logins.extend([verb] if verb == "login" else [])
                return 0xD9 if verb == "login" and len(logins) > 1 else 0

        server.refuse = OnceOnly()
        with pytest.raises(Denied):
            await net.connect("FAKENW", *JOE)

    world.run(behaviour())
    assert net.connections == []
    assert server.log[-2:] == ["logout 3", "destroy 3"]


@pytest.mark.parametrize(("when_full", "idle", "room"), [("refuse", 60, False), ("drop", 9, False), ("drop", 10, True)])
def test_as_many_servers_as_there_is_room_for(world: Any, server: Any, when_full: str, idle: int, room: bool) -> None:
    """One more is refused, or takes the place of what was idle for ten minutes (KB Q160824)."""
    world.servers["SECOND"] = server
    net = redirector(world, most_servers=1, when_full=when_full)

    async def behaviour() -> None:
        await net.connect("FAKENW", *JOE)

    world.run(behaviour())
    world.pass_time(idle * MINUTE)
    world.clock.time = max(world.clock.time, idle * MINUTE)

    async def one_more() -> None:
        if room:
            await net.connect("SECOND", *JOE)
        else:
            with pytest.raises(OSError, match="no more than 1 servers"):
                await net.connect("SECOND", *JOE)

    world.run(one_more())
    assert [connection.server for connection in net.connections] == (["SECOND"] if room else ["FAKENW"])


@pytest.mark.parametrize(("setting", "left"), [("destroy", []), ("keep", ["FAKENW"])])
def test_a_login_that_failed(world: Any, server: Any, setting: str, left: list[str]) -> None:
    """The attachment is destroyed, or kept, and then nobody is led to it."""
    server.set_password("RIGHT")
    net = redirector(world, failed_login=setting)

    async def behaviour() -> None:
        with pytest.raises(Denied):
            await net.connect("FAKENW", *JOE)

    world.run(behaviour())
    assert [connection.server for connection in net.connections] == left
    assert net.existing("FAKENW") is None
    assert ("destroy 1" in server.log) == (not left)


def test_a_deferred_close(world: Any, server: Any) -> None:
    """The handle stays open on the server, is taken again by the next open of that file, and is closed at the end."""
    net = redirector(world, defer_close=True)

    async def behaviour() -> None:
        connection = await net.connect("FAKENW", *JOE)
        first = await net.open(connection, "SYS:A")
        await net.close(first)
        again = await net.open(connection, "SYS:A")
        assert again.handle == first.handle
        await net.close(again)
        assert server.log[2:] == ["open 1 SYS:A"]
        await net.release(connection)

    world.run(behaviour())
    assert server.log[3:] == ["close 1 SYS:A", "logout 1", "destroy 1"]


# What is said of a need


def test_who_logs_off_needs_no_connection(world: Any, server: Any) -> None:
    """It is said before the connections are released, also where they are not."""
    user = workstation_of(world, redirector={"logoff": "keep"}).part(User)

    async def behaviour() -> None:
        await user.logon("FAKENW")
        await user.logoff()

    world.run(behaviour())
    assert world.told() == ["attach", "user-open", "user-close"]
    assert server.log == ["create 1", "login 1 JOE"]


@pytest.mark.parametrize("logs_out", [True, False])
def test_a_dos_program_ends(world: Any, server: Any, logs_out: bool) -> None:
    """It needs its connection no longer; whether it logs out is its own affair (KB Q175877)."""
    user = workstation_of(world, logon={"dos_logs_out": logs_out}).part(User)
    world.run(user.dos("FAKENW", MINUTE))
    assert world.told()[:3] == ["attach", "user-open", "user-close"]
    assert server.log[-2:] == (["logout 1", "destroy 1"] if logs_out else ["login 1 JOE", "state 1 0"])


def test_a_service_that_ends_releases_its_connection(world: Any, server: Any) -> None:
    service = workstation_of(world).part(Service)

    async def behaviour() -> None:
        await service.start("FAKENW")
        await service.stop()

    world.run(behaviour())
    assert world.told() == ["attach", "service-open", "service-close", "release-asked", "detach"]
    assert server.log == ["create 1", "login 1 JOE", "logout 1", "destroy 1"]
