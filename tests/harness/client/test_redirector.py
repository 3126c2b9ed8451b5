"""The redirector: whose connection, which files, who may let go."""

from __future__ import annotations

from typing import Any

import pytest

from fakenw.core.peer import TCP
from fakenw.journal.record import SECOND
from harness.client.attachment import Account, Attachment, Denied, InUse
from harness.client.redirector import Redirector, RedirectorSettings
from harness.client.workstation import Gone, Lost, sleep

MINUTE = 60 * SECOND


def test_connect_attaches_negotiates_and_logs_in(world: Any, server: Any) -> None:
    """The upper-cased password opens, and the journal says who has which connection."""
    server.set_password("SECRET")

    async def behaviour() -> None:
        connection = await Redirector(world).connect("fakenw", "joe", "secret")
        assert connection.ready

    world.run(behaviour())
    assert server.log == ["create 1", "login 1 JOE"]
    station = {"server": "FAKENW", "station": "udp:10.0.0.1:1025", "connection": 1}
    assert world.journal == [("attach", station | {"user": "JOE", "private": False})]


def test_existing_connection_serves_everybody_but_private(world: Any, server: Any) -> None:
    """Another user gets the connection there is (KB Q224286); a private one is new and found by nobody."""

    async def behaviour() -> None:
        redirector = Redirector(world, TCP)
        private = await redirector.connect("FAKENW", "JOE", "", private=True)
        first = await redirector.connect("FAKENW", "JOE", "")
        second = await redirector.connect("FAKENW", "ANN", "")
        assert first is second is not private
        assert redirector.existing("fakenw") is first
        assert [c.requester.number for c in redirector.connections] == [1, 2]

    world.run(behaviour())


def test_two_that_connect_at_once_share_one(world: Any, server: Any) -> None:
    """Who comes while a connection is being made waits for it."""
    redirector = Redirector(world)
    made: list[Attachment] = []

    async def behaviour() -> None:
        made.append(await redirector.connect("FAKENW", "JOE", ""))

    world.spawn(behaviour())
    world.run(behaviour())
    world.pass_time(SECOND)
    assert made[0] is made[1]
    assert server.log == ["create 1", "login 1 JOE"]


@pytest.mark.parametrize(
    ("verb", "code", "what", "after"),
    [
        ("create", 0xF9, "slot", []),
        ("login", 0xE0, "license", ["destroy 1"]),
        ("login", 0xD9, "account", ["destroy 1"]),
        ("login", 0xFF, "login", ["destroy 1"]),
    ],
)
def test_denied_leaves_nothing_behind(
    world: Any, server: Any, verb: str, code: int, what: str, after: list[str]
) -> None:
    """A refused login destroys the half-made connection and is written once."""
    server.refuse[verb] = code
    redirector = Redirector(world)

    async def behaviour() -> None:
        with pytest.raises(Denied):
            await redirector.connect("FAKENW", "JOE", "")

    world.run(behaviour())
    assert server.log[-len(after) or len(server.log) :] == after
    denied = [(line["server"], line["code"], line["what"], line["user"]) for line in world.events("denied")]
    assert denied == [("FAKENW", code, what, "JOE")]
    assert redirector.connections == []
    assert not world.made[0].is_open


def test_grace_login_is_a_login(world: Any, server: Any) -> None:
    """0xDF: the password has expired, but the login succeeded."""
    server.refuse["login"] = 0xDF

    async def behaviour() -> None:
        await Redirector(world).connect("FAKENW", "JOE", "")

    world.run(behaviour())
    assert world.told() == ["attach"]


def test_release_is_refused_while_a_file_is_open(world: Any, server: Any) -> None:
    """Unforced: refused and nothing sent; once the file is closed it is logout, destroy, closed link."""

    async def behaviour() -> None:
        redirector = Redirector(world)
        connection = await redirector.connect("FAKENW", "JOE", "")
        file = await redirector.open(connection, "SYS:A")
        with pytest.raises(InUse, match=r"^open: SYS:A$"):
            await redirector.release(connection, by="NAL")
        await redirector.close(file)
        await redirector.release(connection, by="NAL")
        await redirector.release(connection, by="NAL")  # of what is gone: nothing to ask
        with pytest.raises(Gone):
            await redirector.open(connection, "SYS:A")

    world.run(behaviour())
    assert server.log == ["create 1", "login 1 JOE", "open 1 SYS:A", "close 1 SYS:A", "logout 1", "destroy 1"]
    assert world.told() == ["attach", "release-asked", "release-refused", "release-asked", "detach"]
    (refused,) = world.events("release-refused")
    assert (refused["files"], refused["connection"]) == (["SYS:A"], 1)
    (detach,) = world.events("detach")
    assert (detach["by"], detach["forced"], detach["station"]) == ("NAL", False, "udp:10.0.0.1:1025")
    assert not world.made[0].is_open


def test_file_that_is_being_opened_counts_as_open(world: Any, server: Any) -> None:
    """A release that comes between the request and its reply is refused."""

    async def behaviour() -> None:
        redirector = Redirector(world)
        connection = await redirector.connect("FAKENW", "JOE", "")

        async def ask() -> None:
            with pytest.raises(InUse):
                await redirector.release(connection)

        world.spawn(ask())
        await redirector.open(connection, "SYS:A")

    world.run(behaviour())
    assert world.events("release-refused")


def test_refused_open_leaves_no_handle(world: Any, server: Any) -> None:
    """A file that could not be opened holds nothing."""
    server.refuse["open"] = 0xE0

    async def behaviour() -> None:
        redirector = Redirector(world)
        connection = await redirector.connect("FAKENW", "JOE", "")
        with pytest.raises(Exception, match="0xE0"):
            await redirector.open(connection, "SYS:A")
        await redirector.release(connection)

    world.run(behaviour())
    assert server.log[-1] == "destroy 1"


def test_forced_release_breaks_the_file(world: Any, server: Any) -> None:
    """Forced: nothing is closed first, and the file's owner finds its connection gone."""

    async def behaviour() -> None:
        redirector = Redirector(world)
        connection = await redirector.connect("FAKENW", "JOE", "")
        file = await redirector.open(connection, "SYS:A")
        await redirector.release(connection, forced=True, by="NAL")
        with pytest.raises(Gone):
            await redirector.close(file)

    world.run(behaviour())
    assert server.log[2:] == ["open 1 SYS:A", "logout 1", "destroy 1"]
    assert [line["forced"] for line in world.events("release-asked", "detach")] == [True, True]


def test_cleared_connection_is_forgotten(world: Any, server: Any) -> None:
    """After bad-connection status the handles are void, and the next connect makes a new connection."""

    async def behaviour() -> None:
        redirector = Redirector(world)
        connection = await redirector.connect("FAKENW", "JOE", "")
        file = await redirector.open(connection, "SYS:A")
        server.cleared.add(1)
        with pytest.raises(Gone):
            await redirector.close(file)
        assert (connection.gone, connection.handles, redirector.connections) == (True, {}, [])
        assert await redirector.connect("FAKENW", "JOE", "") is not connection

    world.run(behaviour())


def test_release_without_an_answer_still_lets_go(world: Any, server: Any) -> None:
    """Whether the server heard the goodbye is unknown; the client has forgotten the connection and says so."""

    async def behaviour() -> None:
        redirector = Redirector(world)
        connection = await redirector.connect("FAKENW", "JOE", "")
        server.deaf = True
        await redirector.release(connection)
        assert redirector.connections == []

    world.run(behaviour())
    assert world.events("detach")[0]["reason"] == "lost"


def test_connect_to_a_deaf_server_is_lost(world: Any, server: Any) -> None:
    """No answer to a create: Lost, after a minute, and nothing is kept."""
    server.deaf = True
    redirector = Redirector(world)

    async def behaviour() -> None:
        with pytest.raises(Lost):
            await redirector.connect("FAKENW", "JOE", "")

    world.run(behaviour())
    assert MINUTE <= world.now() < MINUTE + SECOND
    assert redirector.connections == []


def test_scavenger_takes_what_nobody_uses(world: Any, server: Any) -> None:
    """Open files and use keep a connection; idle_timeout after the last use it is let go."""
    redirector = Redirector(world, settings=RedirectorSettings.model_validate({"idle_timeout": "10m"}))
    used: list[int] = []

    async def behaviour() -> None:
        connection = await redirector.connect("FAKENW", "JOE", "")
        file = await redirector.open(connection, "SYS:A")
        await sleep(25 * MINUTE)
        await redirector.close(file)
        used.append(world.now())
        await sleep(9 * MINUTE)
        assert not connection.gone

    world.run(behaviour())
    world.pass_time(used[0] + 10 * MINUTE - world.now() - 1)
    assert len(redirector.connections) == 1
    world.pass_time(SECOND)
    assert redirector.connections == []
    assert world.told() == ["attach", "release-asked", "detach"]
    assert world.events("detach")[0]["by"] == "redirector"


def test_without_idle_timeout_nothing_ends_an_idle_connection(world: Any, server: Any) -> None:
    """As shipped: a day later it is still there."""
    redirector = Redirector(world)

    async def behaviour() -> None:
        await redirector.connect("FAKENW", "JOE", "")

    world.run(behaviour())
    world.pass_time(24 * 60 * MINUTE)
    assert len(redirector.connections) == 1


def test_account_from_text() -> None:
    """NAME, or NAME:PASSWORD with colons in the password."""
    assert Account.parse("JOE") == ("JOE", "")
    assert Account.parse("JOE:a:b") == ("JOE", "a:b")


def test_a_cleared_connection_comes_back_with_its_files(world: Any, server: Any) -> None:
    """With *reconnect* the next request makes it anew: logged in, its files open again, and then carried out."""

    async def behaviour() -> None:
        redirector = Redirector(world, settings=RedirectorSettings(reconnect=True))
        connection = await redirector.connect("FAKENW", "JOE", "")
        first = await redirector.open(connection, "SYS:A")
        second = await redirector.open(connection, "SYS:B")
        before = first.handle
        server.cleared.add(1)
        await redirector.close(second)
        assert (connection.gone, connection.requester.number, redirector.connections) == (False, 2, [connection])
        assert (first.handle != before, list(connection.handles.values())) == (True, [first])

    world.run(behaviour())
    assert server.log[4:] == ["create 2", "login 2 JOE", "open 2 SYS:A", "open 2 SYS:B", "close 2 SYS:B"]
    assert [attach["connection"] for attach in world.events("attach")] == [1, 2]


def test_a_connection_that_cannot_come_back_is_forgotten(world: Any, server: Any) -> None:
    """Refused at login it is gone for good, and what failed is told of the connection that there was."""

    async def behaviour() -> None:
        redirector = Redirector(world, settings=RedirectorSettings(reconnect=True))
        connection = await redirector.connect("FAKENW", "JOE", "")
        server.cleared.add(1)
        server.refuse["login"] = 0xC5
        with pytest.raises(Gone, match="the connection could not be made again"):
            await redirector.open(connection, "SYS:A")
        assert (connection.gone, connection.requester.number, redirector.connections) == (True, 1, [])

    world.run(behaviour())
    assert [denied["code"] for denied in world.events("denied")] == [0xC5]
