"""APM on a whole machine: Q257223 from end to end, and every cure."""

from __future__ import annotations

from typing import Any

import pytest

from fakenw.journal.record import SECOND
from harness.client.machine import Machine

MINUTE = 60 * SECOND
CAP = r'NWBIND:["SMS_SITE=GS1"]\\FAKENW\SYS\CAP_GS1' + "\\"
FILE = "SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR"
Q257223 = [
    {"verb": "nal.open", "args": {"path": CAP, "owner": "SMSCCMBootAcct"}},
    {"verb": "apm.open", "args": {"file": FILE}},
    {"verb": "nal.close"},
    {"verb": "wait", "args": {"duration": 10 * MINUTE}},
    {"verb": "apm.close"},
    {"verb": "wait", "args": {"duration": 240 * MINUTE}},
]


def play(world: Any, script: list[Any] = Q257223, **settings: Any) -> Machine:
    """Run a machine's *script* to its end."""
    machine = Machine(world, {"name": "workstation", "user": "JOE", "transport": "udp", "script": script, **settings})
    world.run(machine.run())
    return machine


def test_q257223(world: Any, server: Any) -> None:
    """The chain of the article, and after it silence: nothing in four hours gives the license back."""
    machine = play(world)
    assert server.log == ["create 1", "login 1 JOE", f"open 1 {FILE}", f"close 1 {FILE}"]
    assert world.told() == [
        *("attach", "arbiter opened", "nal-open", "apm-open"),
        *("nal-close", "arbiter dropped", "release-asked", "release-refused", "arbiter kept"),
        *("apm-close", "registry", "done"),
    ]
    (opened,) = world.events("apm-open")
    assert (opened["mode"], opened["file"], opened["connection"]) == ("rides", FILE, 1)
    assert world.events("release-refused")[0]["files"] == [FILE]
    (registry,) = world.events("registry")
    assert r"\SMSCCMBootAcct\Deviceless\Resource1]" in registry["text"]
    assert '"Reference Count"=dword:00000000' in registry["text"]
    assert [c.handles for c in machine.redirector.connections] == [{}]


@pytest.mark.parametrize(
    "settings",
    [
        {"arbiter": {"counted": True}},
        {"arbiter": {"retry": "1m"}},
        {"apm": {"private": True}},
        {"redirector": {"idle_timeout": "15m"}},
    ],
)
def test_cures(world: Any, server: Any, settings: dict[str, Any]) -> None:
    """Each gives every connection back, without breaking APM's file."""
    machine = play(world, **settings)
    assert machine.redirector.connections == []
    created = [line for line in server.log if line.startswith("create")]
    assert len([line for line in server.log if line.startswith("destroy")]) == len(created)
    assert f"close {len(created)} {FILE}" in server.log
    assert world.events("work-failed") == []


def test_counting_is_no_cure_where_a_close_zeroes(world: Any, server: Any) -> None:
    """NAL's close wipes out APM's count too: the release is asked for while the file is open, and only then."""
    machine = play(world, arbiter={"counted": True, "drop": "zero"})
    assert len(world.events("release-refused")) == 1
    assert [c.handles for c in machine.redirector.connections] == [{}]


def test_counted_shares_the_entry_of_nal(world: Any, server: Any) -> None:
    """APM counts on the entry that stands for the connection it rides on."""
    play(world, arbiter={"counted": True})
    assert [(a["action"], a["resource"], a["reference"]) for a in world.events("arbiter")] == [
        ("opened", "Resource1", 1),
        ("counted", "Resource1", 2),
        ("dropped", "Resource1", 1),
        ("dropped", "Resource1", 0),
        ("deleted", "Resource1", 0),
    ]
    assert world.events("apm-open")[0]["mode"] == "counted"
    assert world.events("release-refused") == []


def test_counted_without_nal_makes_an_entry(world: Any, server: Any) -> None:
    """With no entry to share, APM opens the directory of its file as a NAL path."""
    script = [{"verb": "apm.open", "args": {"file": FILE, "server": "FAKENW"}}, {"verb": "apm.close"}]
    play(world, script, arbiter={"counted": True})
    assert world.events("arbiter")[0]["path"] == r"NWBIND:\\FAKENW\SYS\CAP_GS1\OFFERINF.BOX" + "\\"
    assert server.log[-1] == "destroy 1"


def test_forced_release_fails_the_work_of_apm(world: Any, server: Any) -> None:
    """APM finds its connection gone when it closes, and says so; it is done with it all the same."""
    play(world, arbiter={"forced": True})
    assert world.told()[-4:] == ["work-failed", "apm-close", "registry", "done"]
    (failed,) = world.events("work-failed")
    assert (failed["component"], failed["file"], failed["reason"], failed["code"]) == ("APM", FILE, "gone", None)
    assert failed["connection"] == 1


def test_alone_apm_makes_a_connection_and_lets_it_go(world: Any, server: Any) -> None:
    """Who made the connection cleans up; the one it found is left to its owner."""
    script = [{"verb": "apm.open", "args": {"file": FILE, "server": "fakenw"}}, {"verb": "apm.close"}]
    play(world, script)
    assert world.events("apm-open")[0]["mode"] == "made"
    assert server.log[-2:] == ["logout 1", "destroy 1"]


def test_private_connection_is_let_go_even_if_the_open_fails(world: Any, server: Any) -> None:
    """A file that cannot be opened leaves nothing behind."""
    server.refuse["open"] = 0xE0
    script = [{"verb": "apm.open", "args": {"file": FILE, "server": "FAKENW"}}, {"verb": "apm.close"}]
    play(world, script, apm={"private": True})
    assert world.told() == ["attach", "work-failed", "release-asked", "detach", "step-failed", "done"]
    assert world.events("work-failed")[0]["code"] == 0xE0


def test_cleared_by_the_operator(world: Any, server: Any) -> None:
    """APM's close fails, and so the connection is forgotten without a goodbye."""
    script = [*Q257223[:2], {"verb": "clear"}, {"verb": "apm.close"}]
    machine = Machine(world, {"script": script})

    async def clear() -> None:
        server.cleared.add(1)

    machine.verbs["clear"] = clear
    world.run(machine.run())
    assert world.told()[-4:] == ["work-failed", "apm-close", "registry", "done"]
    assert machine.redirector.connections == []


def test_script_goes_on_after_failures(world: Any, server: Any) -> None:
    """Denied, unknown server, nothing to close: written or ignored, never the end."""
    server.refuse["login"] = 0xE0
    away = {"path": r"NWBIND:\\AWAY\SYS", "owner": "X"}
    script = [*Q257223, {"verb": "nal.open", "args": away}, {"verb": "apm.open", "args": {"file": FILE}}]
    play(world, [{"verb": "repeat", "args": {"times": 2, "script": script}}], user="JOE:SECRET")
    once = ["denied", "step-failed", "denied", *["work-failed", "step-failed"] * 3]
    assert world.told() == [*once, *once, "done"]
    assert [f["reason"] for f in world.events("work-failed")][:3] == ["refused", "unreachable", "unreachable"]
    assert world.events("work-failed")[1] == {"component": "NAL", "file": None, "code": None, "reason": "unreachable"}


def test_apm_without_any_server(world: Any) -> None:
    """It cannot guess where its file is."""
    play(world, [{"verb": "apm.open", "args": {"file": FILE}}])
    assert world.events("work-failed")[0]["reason"] == "unreachable"


@pytest.mark.parametrize(("reopen", "left"), [("reuse", 1), ("add", 4)])
def test_one_leak_or_one_per_cycle(world: Any, server: Any, reopen: str, left: int) -> None:
    """Four cycles, as the offer data provider makes them."""
    script = [{"verb": "repeat", "args": {"times": 4, "script": Q257223}}]
    assert len(play(world, script, arbiter={"reopen": reopen}).redirector.connections) == left


def test_unknown_verb(world: Any) -> None:
    """A mistake in the script is told, with what there is."""
    with pytest.raises(ValueError, match=r"nal\.shut is no verb; expected nal\.open"):
        play(world, [{"verb": "nal.shut"}])


def test_a_private_connection_is_nobody_elses(world: Any, server: Any) -> None:
    """APM's file is on the second connection, and NAL's release of the first is not refused."""
    play(world, apm={"private": True})
    assert f"open 2 {FILE}" in server.log
    assert server.log.index("destroy 1") < server.log.index(f"close 2 {FILE}")
    assert [attach["private"] for attach in world.events("attach")] == [False, True]


@pytest.mark.parametrize("tries", [1, 3])
def test_a_program_is_tried_so_often(world: Any, server: Any, tries: int) -> None:
    """Every ten minutes, and then the step has failed (KB Q302674)."""
    server.refuse["open"] = 0xE0
    run = {"verb": "apm.run", "args": {"file": FILE, "server": "FAKENW", "tries": tries}}
    play(world, [run])
    assert len(world.events("work-failed")) == tries
    assert len(world.events("step-failed")) == 1
    assert world.now() // MINUTE == 10 * (tries - 1)


def test_a_step_that_may_fail_says_so(world: Any, server: Any) -> None:
    """The scenario declares it; no other step does."""
    away = {"verb": "user.logon", "args": {"server": "AWAY"}}
    play(world, [away, {**away, "may_fail": True}])
    assert ["may_fail" in failed for failed in world.events("step-failed")] == [False, True]
