"""Runs of ``tests.trust.probe`` that are a client at work: what the catalogue's scenarios do not have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.scenario.plan import Plan
from tests.harness.memory_run import WORK, planned

FAKENW, OTHER = "NWBIND:\\\\FAKENW\\SYS\\", "NWBIND:\\\\OTHER\\SYS\\"
OFFER = {"file": "SYS:CAP_GS1/OFFERINF.BOX/GS100001.OFR", "server": "FAKENW"}
TWO_SERVERS: dict[str, Any] = {
    "servers": [{"name": "FAKENW", "users": ["JOE"]}, {"name": "OTHER", "users": ["JOE"]}],
    "nal": {"random": False, "lists": {"L": [FAKENW, OTHER]}},
}


def opens(path: str = FAKENW, **more: Any) -> dict[str, Any]:
    """A step in which NAL opens a path, for JOE."""
    return {"nal.open": {"path": path, "owner": "JOE&", **more}}


PACKAGES = f"{FAKENW}SMSPKG\\"
READ = [{"apm.open": OFFER}, {"wait": "1m"}, "apm.close"]
METER = {"service.meter": {"servers": ["FAKENW"], "file": OFFER["file"]}}
ONE_CONNECTION = {"checks": ["registry_agrees", {"attempts": {"most": 1, "per": 7200}}]}
CLIENTS: dict[str, tuple[list[Any], dict[str, Any]]] = {  # scripts of the client ws; each waits for an hour at its end
    "twice": ([opens(), opens(), "nal.close", *READ, "nal.close"], ONE_CONNECTION),
    "paths": ([opens(), opens(PACKAGES), "nal.close", *READ, "nal.close"], ONE_CONNECTION),
    "persistent": ([opens(persistent=True), opens(), "nal.close", *READ, "nal.close"], ONE_CONNECTION),
    "retry": (
        [opens(), READ[0], "nal.close", opens(), "apm.close", {"wait": "10m"}, *READ, "nal.close"],
        {**ONE_CONNECTION, "arbiter": {"retry": "1m"}},
    ),
    "orphan": (
        [opens(), READ[0], "nal.close", {"wait": "10m"}, "apm.close"],
        {"checks": ["registry_agrees"], "fails": ["registry_agrees", "opens_balance"]},
    ),
    "idle": ([opens(), {"wait": "2h"}, "nal.close"], {}),
    "sessions": (
        [METER, {"user.logon": "FAKENW"}, "user.logoff", {"wait": "10m"}, "user.shut-down"],
        {"redirector": {"contexts": "separate"}, "fails": ["one_license_per_client"]},
    ),
    "netware-3": ([opens(), "nal.close"], {"servers": [{"name": "FAKENW", "release": "3.12", "users": ["JOE"]}]}),
    "libraries": ([opens(), "nal.close"], {"nal": {"search_path": ["FAKENW"]}}),
    "accounts": ([opens(), "nal.close"], {"user": "ANN:WRONG", "accounts": ["ANN:WRONG", "JOE"]}),
    "existing": (
        [{"user.logon": "OTHER"}, opens("ABEXPRT:\\\\L"), "nal.close", "user.logoff"],
        {**TWO_SERVERS, "checks": [{"servers_licensed": {"count": 1}}]},
    ),
    "private": (WORK, {"apm": {"private": True}, "fails": ["one_license_per_client"]}),
    "no-file": ([{"apm.open": {**OFFER, "file": "SYS:NONE.TXT", "may_fail": True}}], {}),
    "tries": ([{"apm.run": {**OFFER, "tries": 3}}], {"servers": [{"name": "FAKENW", "licenses": 1, "users": ["JOE"]}]}),
    "killed": (WORK, {"faults": [{"wait": "2m"}, {"process-killed": "ws"}], "transport": "tcp"}),
    "powered-off": (
        WORK,
        {"faults": [{"wait": "2m"}, {"power-off": "ws"}], "transport": "tcp", "fails": ["opens_balance"]},
    ),
    "frozen": (
        WORK,
        {"faults": [{"wait": "2m"}, {"freeze": "ws"}, {"wait": "2h"}, {"thaw": "ws"}], "transport": "tcp"},
    ),
    "restarted": (
        WORK,
        {
            "faults": [{"wait": "2m"}, {"restart": {"client": "ws", "address": "new"}}],
            "checks": [{"released": {"within": "20m"}}],
            "fails": ["one_license_per_client"],
        },
    ),
    "failed-step": (
        [{"user.logon": "FAKENW"}, {"user.open": {**OFFER, "file": "SYS:X"}}, "user.logoff"],
        {"strangers": ["SYS:X"]},
    ),
}
EXPECTED = {"failed-step": "unknown", "orphan": "leaked", "powered-off": "leaked"}
EXPECTED |= {"killed": "reclaimed", "restarted": "reclaimed"}  # the others release their licenses


def at_work(name: str) -> Plan:
    """The plan of a client at work. Where it has to try again, another client has the only license for a while."""
    script, more = CLIENTS[name]
    more = dict(more)
    user, accounts = more.pop("user", "JOE"), more.pop("accounts", ["JOE"])
    ws = {"name": "ws", "user": user, "accounts": accounts, "script": [*script, {"wait": "1h"}]}
    first = {"name": "first", "user": "JOE", "script": [{"user.logon": "FAKENW"}, {"wait": "15m"}, "user.logoff"]}
    more.setdefault("servers", [{"name": "FAKENW", "users": ["JOE", "ANN:RIGHT"]}])
    more["checks"] = [*more.get("checks", []), "one_license_per_client", "opens_balance"]
    clients = [first, ws] if name == "tries" else [ws]
    faults, transport = more.pop("faults", []), more.pop("transport", "udp")
    return planned(faults, transport, clients=clients, expect=EXPECTED.get(name, "released"), **more)


def plans() -> Iterator[tuple[str, Plan]]:
    """Each run, with its name."""
    for name in CLIENTS:
        yield f"client/{name}", at_work(name)
