"""Which path NAL takes, and with which account: preferred, existing, random; one account after the other."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from fakenw.journal.record import SECOND
from harness.client.attachment import Account, Denied
from harness.client.components.nal import Nal
from harness.client.machine import Machine
from harness.client.nal_path import CLIENT, CONNECTIONS, NalPath
from harness.client.redirector import Redirector
from harness.client.registry import Registry
from harness.client.selection import LISTS, PREFERRED, USE_EXISTING, USE_PREFERRED, USE_RANDOM, NalSettings, Selection
from harness.client.workstation import sleep

MINUTE = 60 * SECOND
LIST = NalPath.parse("ABEXPRT:\\\\CAP List for site GS1")
PATHS = [f'NWBIND:["SMS_SITE=GS1"]\\\\CAP{n}\\SYS\\CAP_GS1\\' for n in range(1, 5)]


def registry_with(paths: list[str], **values: int) -> Registry:
    """A registry that has the list, and switches on or off."""
    registry = Registry()
    for path in paths:
        registry.set(f"{LISTS}\\CAP List for site GS1", path, "")
    for name, value in values.items():
        registry.set(CLIENT, name.replace("_", " "), value)
    return registry


def order(world: Any, registry: Registry, seed: int = 0, **settings: Any) -> list[str]:
    """The servers in the order in which they are tried."""
    chosen = NalSettings.model_validate(settings)
    selection = Selection(registry, Redirector(world), [Account("JOE")], Random(seed), chosen)
    return [path.server for path in selection.candidates(LIST)]


def test_random_unless_it_is_switched_off(world: Any) -> None:
    """Each path is first at some time (KB Q205406); switched off, the list is taken as it stands."""
    firsts = {order(world, registry_with(PATHS), seed)[0] for seed in range(40)}
    assert firsts == {"CAP1", "CAP2", "CAP3", "CAP4"}
    assert order(world, registry_with(PATHS, **{USE_RANDOM.replace(" ", "_"): 0}), 7) == [
        "CAP1",
        "CAP2",
        "CAP3",
        "CAP4",
    ]
    assert order(world, registry_with(PATHS), 7, random=False) == ["CAP1", "CAP2", "CAP3", "CAP4"]


def test_the_same_seed_is_the_same_choice(world: Any) -> None:
    """The random number generator is handed in."""
    assert order(world, registry_with(PATHS), 3) == order(world, registry_with(PATHS), 3)


@pytest.mark.parametrize("preferred", ["NWBIND:\\\\CAP3\\", 'NWBIND:["SMS_SITE=GS1"]\\\\cap3\\SYS\\CAP_GS1\\'])
def test_preferred_servers_are_off_unless_switched_on(world: Any, preferred: str) -> None:
    """A preferred path may be the beginning of one, in any case (KB Q235873)."""
    registry = registry_with(PATHS)
    registry.set(f"{PREFERRED}\\CAP List for site GS1", preferred, "")
    assert {order(world, registry, seed)[0] for seed in range(20)} != {"CAP3"}
    registry.set(CLIENT, USE_PREFERRED, 1)
    assert {order(world, registry, seed)[0] for seed in range(20)} == {"CAP3"}


def test_qualified_as_preferred(world: Any) -> None:
    """MSWNET:["SMS_SITE=zzz", "PREFERRED"] of KB Q235873, here of the bindery."""
    paths = [*PATHS[:3], 'NWBIND:["SMS_SITE=GS1", "PREFERRED"]\\\\CAP4\\SYS\\CAP_GS1\\']
    registry = registry_with(paths, **{USE_PREFERRED.replace(" ", "_"): 1})
    assert {order(world, registry, seed)[0] for seed in range(20)} == {"CAP4"}


def test_what_is_connected_comes_before_the_others(world: Any, server: Any) -> None:
    """But after what is preferred; and not where that is switched off."""
    world.servers["CAP2"] = server
    redirector = Redirector(world)

    async def behaviour() -> None:
        await redirector.connect("CAP2", "JOE", "")

    world.run(behaviour())

    def first(registry: Registry, seed: int) -> str:
        selection = Selection(registry, redirector, [Account("JOE")], Random(seed), NalSettings())
        return selection.candidates(LIST)[0].server

    assert {first(registry_with(PATHS), seed) for seed in range(20)} == {"CAP2"}
    off = registry_with(PATHS, **{USE_EXISTING.replace(" ", "_"): 0})
    assert {first(off, seed) for seed in range(40)} == {"CAP1", "CAP2", "CAP3", "CAP4"}
    both = registry_with(PATHS, **{USE_PREFERRED.replace(" ", "_"): 1})
    both.set(f"{PREFERRED}\\x", "NWBIND:\\\\CAP1\\", "")
    assert {first(both, seed) for seed in range(20)} == {"CAP1"}


def test_providers_have_an_order(world: Any) -> None:
    """NDS before the bindery, unless it is the other way round; what has no provider is left out (KB Q287716)."""
    paths = ["NWBIND:\\\\A\\SYS\\", "NWNDS:\\\\TREE\\.B_SYS.O\\", "MSWNET:\\\\C\\D\\"]
    assert order(world, registry_with(paths), random=False) == ["TREE", "A"]
    assert order(world, registry_with(paths), random=False, providers=["NWBIND", "NWNDS"]) == ["A", "TREE"]
    assert order(world, registry_with(paths), providers=["NWBIND"]) == ["A"]


def test_a_list_without_paths(world: Any) -> None:
    """Says so; as does a path that no provider is for."""
    with pytest.raises(OSError, match="the list CAP List for site GS1 is empty"):
        order(world, Registry())
    selection = Selection(Registry(), Redirector(world), [], Random(0), NalSettings())
    with pytest.raises(OSError, match="no NAL provider for MSWNET"):
        selection.candidates(NalPath.parse("MSWNET:\\\\A\\B"))


def machine(world: Any, **client: Any) -> Nal:
    """The NAL of a machine."""
    return Machine(world, {"name": "workstation", "user": "JOE", **client}).workstation.part(Nal)


def test_one_account_after_the_other(world: Any, server: Any) -> None:
    """The process's own first where that is set, without a password, then the list (KB Q224286)."""
    server.set_password("RIGHT")
    nal = machine(world, accounts=["ANN:WRONG", "JOE:RIGHT"], nal={"process_account": True})

    async def behaviour() -> None:
        await nal.open("NWBIND:\\\\FAKENW\\SYS\\", "SMSCliSvcAcct&")

    world.run(behaviour())
    logins = [line for line in server.log if line.startswith("login")]
    assert logins == ["login 1 SMSCLISVCACCT badly", "login 2 ANN badly", "login 3 JOE"]
    assert [line for line in server.log if line.startswith("destroy")] == ["destroy 1", "destroy 2"]


def test_the_next_server_where_the_first_is_full(world: Any, server: Any) -> None:
    """A path of a list that leads to no server, or is refused, is passed over."""
    registry = (
        "REGEDIT4\n\n["
        + f"{LISTS}\\L"
        + ']\n"NWBIND:\\\\\\\\NOWHERE\\\\SYS\\\\"=""\n"NWBIND:\\\\\\\\FAKENW\\\\SYS\\\\"=""\n'
    )
    nal = machine(world, registry=registry, nal={"random": False})

    async def behaviour() -> None:
        use = await nal.use("ABEXPRT:\\\\L", "A")
        assert use.connection.server == "FAKENW"

    world.run(behaviour())


def test_an_nds_path_leads_to_the_volumes_server(world: Any, server: Any) -> None:
    """The volume object is called SERVER_VOLUME, unless it was renamed."""
    nal = machine(world)

    async def behaviour() -> None:
        use = await nal.use("NWNDS:\\\\TREE\\.CN=FAKENW_SYS.OU=A.O=B\\CAP_GS1\\", "A")
        assert use.connection.server == "FAKENW"
        with pytest.raises(OSError, match="no NAL provider"):
            await nal.use("NWNDS:\\\\TREE\\.APPS.OU=A.O=B\\CAP_GS1\\", "A")

    world.run(behaviour())


def test_persistence_keeps_a_connection_between_uses(world: Any, server: Any) -> None:
    """A release needs both counts to be zero."""
    nal = machine(world)
    path = "NWBIND:\\\\FAKENW\\SYS\\"

    async def behaviour() -> None:
        await nal.open(path, "A", persistent=True)
        await nal.open(path, "A")
        await nal.close()
        assert server.log == ["create 1", "login 1 JOE"]
        await nal.close()
        assert server.log[2:] == ["logout 1", "destroy 1"]

    world.run(behaviour())
    counts = [(entry["persistence"], entry["reference"]) for entry in world.events("arbiter")]
    assert counts == [(1, 0), (1, 1), (1, 0), (0, 0), (0, 0)]


def two_servers(world: Any, server: Any, **nal: Any) -> Nal:
    """The NAL of a machine with a list of the servers FAKENW and OTHER, in this order."""
    world.servers["OTHER"] = type(server)()
    paths = ("NWBIND:\\\\FAKENW\\SYS\\", "NWBIND:\\\\OTHER\\SYS\\")
    return machine(world, nal={"random": False, "lists": {"L": paths}, **nal})


def released(number: int) -> list[str]:
    """What a server carries out for a connection that is made and released."""
    return [f"create {number}", f"login {number} JOE", f"logout {number}", f"destroy {number}"]


def test_one_path_of_a_list_is_opened(world: Any, server: Any) -> None:
    """The others are not even asked."""
    nal = two_servers(world, server)
    world.run(nal.open("ABEXPRT:\\\\L", "A"))
    assert (server.log, world.servers["OTHER"].log) == (["create 1", "login 1 JOE"], [])


def test_every_path_of_a_list_is_opened_and_closed(world: Any, server: Any) -> None:
    """The close of the chosen path is that of all that were opened with it."""
    nal = two_servers(world, server, opens="all")

    async def behaviour() -> None:
        await nal.open("ABEXPRT:\\\\L", "A")
        assert world.servers["OTHER"].log == ["create 1", "login 1 JOE"]
        await nal.close()

    world.run(behaviour())
    assert (server.log, world.servers["OTHER"].log) == (released(1), released(1))
    assert nal.workstation.registry.subkeys(f"{CONNECTIONS}\\A\\Deviceless") == []


@pytest.mark.parametrize("survey", ["one-by-one", "at-once"])
def test_a_survey_logs_out_of_every_server(world: Any, server: Any, survey: str) -> None:
    """One after the other, or all at the same time (KB Q235770)."""
    nal = two_servers(world, server, survey=survey)
    world.run(nal.survey("ABEXPRT:\\\\L", "A"))
    world.pass_time(SECOND)
    assert (server.log, world.servers["OTHER"].log) == (released(1), released(1))


def test_libraries_are_searched_for_over_connections_of_their_own(world: Any, server: Any) -> None:
    """One for each library, which is released before the path is opened (KB Q226368)."""
    nal = machine(world, nal={"search_path": ["FAKENW"]})
    world.run(nal.open("NWBIND:\\\\FAKENW\\SYS\\", "JOE&"))
    assert server.log == [*released(1), *released(2), *released(3), "create 4", "login 4 JOE"]


@pytest.mark.parametrize("retry", [None, MINUTE])
def test_who_was_refused_tries_again_if_told_to(world: Any, server: Any, retry: int | None) -> None:
    """Each time after the time that was set, until there is a license."""
    nal = machine(world)
    server.refuse["login"] = 0xE0

    async def behaviour() -> None:
        await sleep(5 * MINUTE // 2)
        server.refuse.clear()

    world.spawn(behaviour())
    if retry is None:
        with pytest.raises(Denied):
            world.run(nal.open("NWBIND:\\\\FAKENW\\SYS\\", "A"))
    else:
        world.run(nal.open("NWBIND:\\\\FAKENW\\SYS\\", "A", retry))
    assert len(world.events("denied")) == (1 if retry is None else 3)
