"""NDS logins: the exchanges of a real libncp client, the codes of refusals, and the license that comes after.

``every_login`` of ``tests.fakenw.login_ways`` has NDS as well: the restrictions of accounts are in ``test_login``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from fakenw.bindery.initial_objects import UserSpec
from fakenw.bindery.nds_keys import NdsKeys
from fakenw.core.peer import Peer
from fakenw.crypto.envelopes import envelope
from fakenw.crypto.keys import PrivateKey, PublicKey
from fakenw.crypto.proofs import identity, prove
from fakenw.crypto.seals import seal
from fakenw.wire import nds_login as wire
from fakenw.wire.nds import NdsCode, Unicode
from fakenw.wire.packet import Code
from tests.fakenw.crypto.vectors import NDS, Dealt, raw
from tests.fakenw.login_ways import JOE, nds
from tests.fakenw.nds_requests import ask, resolve

if TYPE_CHECKING:
    from tests.fakenw.stage import Stage, Station

OpenStage = Callable[..., "Stage"]

USERS = (("ANNA", "SECRET"), ("EMPTY", ""))
EXPIRED = UserSpec("ANNA", "SECRET", password_expires=date(2000, 8, 9), grace_logins=3)
SERVER, EVERYONE, GUEST, ANNA = 0x02000001, 0x02000002, 0x02000003, 0x02000004


class DealtKeys(NdsKeys):
    """The keys of an exchange."""

    def __init__(self, keys: list[dict[str, str]]) -> None:
        super().__init__(0)
        self._keys = {int(key["key"], 16): PrivateKey(int(key["p"], 16), int(key["q"], 16)) for key in keys}

    def of(self, entry: int) -> PrivateKey:
        return self._keys[entry]


@pytest.mark.parametrize("name", NDS["exchanges"])
def test_an_exchange_of_libncp(open_stage: OpenStage, transport: str, name: str) -> None:
    """Every reply is what libncp accepted, byte for byte; of Public Key the key, since ours has the inverse too."""
    exchange = NDS["exchanges"][name]
    users = (EXPIRED, *USERS[1:]) if name == "grace" else USERS
    stage = open_stage(tree="FIDTREE", users=users)
    stage.server.keys = DealtKeys(exchange["keys"])
    stage.server.addresses = tuple(Peer.parse(f"{each}:127.0.0.1:19770") for each in ("tcp", "udp"))
    station = stage.station(f"{transport}:10.0.0.1:1025").attached()
    for message in exchange["messages"]:
        stage.server.random = Dealt(*(each["value"] for each in message["random"]))
        code, told = ask(station, (message["verb"], raw(message["request"])))
        assert code == message["code"]
        if message["verb"] == wire.READ:
            assert public_key(told) == public_key(raw(message["reply"]))
        else:
            assert told.hex() == message["reply"]
    finished = exchange["messages"][-1]["verb"] == wire.FINISH_AUTHENTICATION
    assert stage.state(station.name) == ("authenticated" if finished else "attached")
    assert [line["how"] for line in stage.events("login")] == ["nds"] * finished
    assert stage.held == 0, "an NDS login brings no license"
    assert station.change(1) == (0 if finished else Code.NOT_AUTHENTICATED)
    assert stage.held == finished


def public_key(told: bytes) -> PublicKey:
    read = wire.AttributeValue.decode(told)
    assert (read.iteration, read.info_type, read.count, read.values, read.name) == (0xFFFFFFFF, 1, 1, 1, "Public Key")
    return PublicKey.decode(wire.PublicKeyValue.decode(read.value).key)


# What is asked around a login


def test_the_server_and_its_addresses(open_stage: OpenStage, transport: str) -> None:
    stage = open_stage(tree="ACME")
    stage.server.addresses = (Peer.parse("tcp:192.0.2.7:524"),)
    station = stage.station(f"{transport}:10.0.0.1:1025").attached()
    for flags, name in ((0, "CN=FAKENW.O=ACME"), (1, "FAKENW.ACME")):
        code, told = ask(station, (wire.SERVER_ADDRESS, wire.GetServerAddress(0, flags)))
        read = wire.ServerAddress.decode(told)
        assert (code, read.name, read.addresses) == (0, name, ((9, bytes.fromhex("020cc0000207")),))
    assert ask(station, resolve("CN=FAKENW.O=ACME"))[0] == 0


def test_the_name_of_an_entry(open_stage: OpenStage, transport: str) -> None:
    station = open_stage(tree="ACME", users=USERS).station(f"{transport}:10.0.0.1:1025").attached()
    for flags, name in ((0, "CN=ANNA.O=ACME"), (1, "ANNA.ACME")):
        code, told = ask(station, (wire.READ_INFO, wire.ReadInfo(2, flags, 0x2000, ANNA)))
        assert (code, Unicode().decode(told, 0)) == (0, (name, len(told)))
    assert ask(station, (wire.READ_INFO, wire.ReadInfo(2, 0, 0x2000, 12345)))[0] == NdsCode.NO_SUCH_ENTRY


def read(entry: int, *names: str, everything: int = 0, kind: int = 1) -> tuple[int, wire.Read]:
    return wire.READ, wire.Read(1, 0, wire.NO_MORE, entry, kind, everything, names)


def test_attributes(open_stage: OpenStage, transport: str) -> None:
    """A server and a user have a key of their own; nothing has another attribute."""
    station = open_stage(tree="ACME", users=USERS).station(f"{transport}:10.0.0.1:1025").attached()
    keys = {public_key(ask(station, read(entry, "public key"))[1]) for entry in (SERVER, ANNA, GUEST)}
    assert len(keys) == 3
    assert public_key(ask(station, read(ANNA, everything=1))[1]) in keys
    assert public_key(ask(station, read(ANNA, "Surname", "Public Key"))[1]) in keys
    names = bytes.fromhex("ffffffff0000000001000000") + Unicode().encode("Public Key")
    assert ask(station, read(ANNA, "Public Key", kind=0)) == (0, names)
    for entry, name in ((ANNA, "Surname"), (EVERYONE, "Public Key"), (0x00010001, "Public Key")):
        assert ask(station, read(entry, name)) == (NdsCode.NO_SUCH_ATTRIBUTE, b"")
    assert ask(station, read(12345, "Public Key")) == (NdsCode.NO_SUCH_ENTRY, b"")


# A login step by step


class Steps:
    """The messages of ANNA's login, each of which a test may change."""

    def __init__(self, station: Station, entry: int = ANNA) -> None:
        self.station, self.entry, self.random = station, entry, Random(7)
        stage = station.stage
        self.server_key, self.key = stage.server.keys.of(SERVER).public, stage.server.keys.of(entry)
        found = stage.server.bindery.objects[entry]
        self.hashed = found.password

    def begin(self) -> bytes:
        code, told = ask(self.station, (wire.BEGIN_LOGIN, wire.BeginLogin(0, self.entry)))
        assert (code, wire.LoginBegun.decode(told).pseudo_id) == (0, self.entry)
        return wire.LoginBegun.decode(told).seed

    def finish(self, seed: bytes, *, hashed: bytes | None = None, pad: int = 1024, **more: Any) -> tuple[int, bytes]:
        token = seal(self.hashed if hashed is None else hashed, seed)
        asked = envelope(self.server_key, wire.Password(b"nonc", bytes(pad), token).encode(), self.random)
        fields = {"version": 2, "flags": 0, "entry": self.entry, "envelope": asked, **more}
        return ask(self.station, (wire.FINISH_LOGIN, wire.FinishLogin(**fields)))

    def credential(self) -> bytes:
        code, told = self.finish(self.begin())
        assert code == 0
        return wire.LoginFinished.decode(told).credential

    def authid(self) -> bytes:
        code, told = ask(self.station, (wire.BEGIN_AUTHENTICATION, wire.BeginAuthentication(0, self.entry, b"nonc")))
        assert code == 0
        return wire.AuthenticationBegun.decode(told).authid

    def prove(self, credential: bytes, authid: bytes, *, key: PrivateKey | None = None, root: bytes = b"") -> int:
        who = identity(credential, "CN=ANNA.O=ACME\0".encode("utf-16-le"), self.random)
        proof = prove(key or self.key, authid, who, self.random)
        asked = wire.FinishAuthentication(0, root, who, proof)
        return ask(self.station, (wire.FINISH_AUTHENTICATION, asked))[0]


@pytest.fixture
def steps(open_stage: OpenStage, transport: str) -> Steps:
    stage = open_stage(tree="ACME", users=USERS)
    return Steps(stage.station(f"{transport}:10.0.0.1:1025").attached())


def state(steps: Steps) -> tuple[str, list[tuple[Any, Any]]]:
    stage = steps.station.stage
    return stage.state(steps.station.name), [(line["user"], line["code"]) for line in stage.events("login-failed")]


def test_a_whole_login(steps: Steps) -> None:
    credential = steps.credential()
    assert state(steps) == ("attached", []), "the password alone is no login"
    assert steps.prove(credential, steps.authid()) == 0
    assert state(steps) == ("authenticated", [])
    logins = [(line["user"], line["how"], line["connection"]) for line in steps.station.stage.events("login")]
    assert logins == [("ANNA", "nds", steps.station.number)]
    assert ask(steps.station, (wire.LOGOUT, bytes(4))) == (0, b"")
    assert state(steps) == ("attached", [])


FAILED = NdsCode.FAILED_AUTHENTICATION


def test_a_wrong_password(steps: Steps) -> None:
    """-669, and told in the journal as a bindery login is; the connection goes on, and so does a right one."""
    assert steps.finish(steps.begin(), hashed=bytes(16)) == (FAILED, b"")
    assert state(steps) == ("attached", [("ANNA", 0xFF)])
    assert steps.prove(steps.credential(), steps.authid()) == 0


def test_a_seed_serves_once(steps: Steps) -> None:
    seed = steps.begin()
    assert steps.finish(seed)[0] == 0
    assert steps.finish(seed) == (FAILED, b"")
    assert steps.finish(b"none") == (FAILED, b"")
    steps.begin()
    assert steps.finish(seed) == (FAILED, b""), "of an earlier one"


def test_another_entry_than_the_seed_is_for(steps: Steps) -> None:
    seed = steps.begin()
    assert steps.finish(seed, entry=GUEST) == (FAILED, b"")
    assert state(steps)[1] == [("GUEST", 0xFF)]


def test_an_envelope_that_does_not_open(steps: Steps) -> None:
    for wrong in (b"", bytes(200), envelope(steps.key.public, bytes(60), steps.random)):
        steps.begin()
        assert steps.finish(b"", envelope=wrong) == (FAILED, b"")
    steps.begin()
    short = envelope(steps.server_key, b"1234", steps.random)
    assert steps.finish(b"", envelope=short) == (NdsCode.INVALID_REQUEST, b"")
    assert steps.finish(steps.begin(), pad=100) == (NdsCode.INVALID_REQUEST, b"")


@pytest.mark.parametrize("entry", [EVERYONE, SERVER])
def test_an_entry_that_cannot_log_in(open_stage: OpenStage, entry: int) -> None:
    """A group and the server have no password: as a wrong one."""
    steps = Steps(open_stage(tree="ACME", users=USERS).station("tcp:10.0.0.1:1025").attached(), entry)
    for hashed in (b"", bytes(16)):
        assert steps.finish(steps.begin(), hashed=hashed) == (FAILED, b"")


@pytest.mark.parametrize(("verb", "message"), [
    (wire.BEGIN_LOGIN, wire.BeginLogin(0, 77)),
    (wire.FINISH_LOGIN, wire.FinishLogin(2, 0, 77, b"")),
    (wire.BEGIN_AUTHENTICATION, wire.BeginAuthentication(0, 77, b"nonc")),
])  # fmt: skip
def test_an_entry_that_is_not_there(steps: Steps, verb: int, message: Any) -> None:
    assert ask(steps.station, (verb, message)) == (NdsCode.NO_SUCH_ENTRY, b"")


@pytest.mark.parametrize("verb", [2, 3, 53, 57, 58, 59, 60, 61])
def test_versions(steps: Steps, verb: int) -> None:
    assert ask(steps.station, (verb, b"\x09\0\0\0" + bytes(60)))[0] == NdsCode.INVALID_API_VERSION
    if verb not in (53, 61):
        version = 2 if verb in (2, 58) else 0
        assert ask(steps.station, (verb, bytes([version, 0, 0])))[0] == NdsCode.INVALID_REQUEST


def test_a_proof_with_another_key(steps: Steps) -> None:
    """-669; and told."""
    other = PrivateKey.generate(Random(1))
    assert steps.prove(steps.credential(), steps.authid(), key=other) == FAILED
    assert state(steps) == ("attached", [("ANNA", 0xFF)])


def test_an_authid_serves_once(steps: Steps) -> None:
    credential, authid = steps.credential(), steps.authid()
    assert steps.prove(credential, b"none") == FAILED
    assert steps.prove(credential, authid) == FAILED, "the wrong proof has used it up"
    first = steps.authid()
    steps.authid()
    assert steps.prove(credential, first) == FAILED, "of an earlier 59"


def test_a_credential_of_nobody(steps: Steps) -> None:
    """Verb 59 without verb 58 proves no password."""
    assert steps.prove(bytes(8), steps.authid()) == FAILED


def test_a_credential_of_another_user(steps: Steps) -> None:
    guest = Steps(steps.station.stage.station("tcp:10.0.0.9:1025").attached(), GUEST)
    assert steps.prove(guest.credential(), steps.authid()) == FAILED


@pytest.mark.parametrize("root", [b"x", envelope(PrivateKey.generate(Random(1)).public, bytes(8), Random(2))])
def test_a_sign_key_that_does_not_open(steps: Steps, root: bytes) -> None:
    assert steps.prove(steps.credential(), steps.authid(), root=root) == FAILED


def test_a_sign_key_of_another_size(steps: Steps) -> None:
    root = envelope(steps.server_key, bytes(7), steps.random)
    assert steps.prove(steps.credential(), steps.authid(), root=root) == FAILED


# The account, and the license

RESTRICTED = {
    -220: replace(JOE, disabled=True),
    -219: replace(JOE, stations=("10.0.0.2",)),
    -218: replace(JOE, hours=("mon-wed",)),
    -222: replace(JOE, password_expires=date(2000, 8, 9)),
}


@pytest.mark.parametrize("code", RESTRICTED)
def test_codes_of_the_account(open_stage: OpenStage, code: int) -> None:
    """Minus the bindery's completion code, in verb 58 after the password."""
    steps = Steps(open_stage(tree="ACME", users=(RESTRICTED[code],)).station("udp:10.0.0.1:1025").attached())
    assert steps.finish(steps.begin()) == (code, b"")
    assert state(steps) == ("attached", [("JOE", -code)])
    assert steps.finish(steps.begin(), hashed=bytes(16)) == (FAILED, b"")


def test_the_number_of_connections_counts_in_the_proof(open_stage: OpenStage) -> None:
    """-217 in verb 60, where the connection becomes the user's."""
    stage = open_stage(tree="ACME", users=(replace(JOE, max_connections=1),))
    first, second = (Steps(stage.station(f"udp:10.0.0.{host}:1025").attached()) for host in (1, 2))
    credentials = first.credential(), second.credential()
    assert first.prove(credentials[0], first.authid()) == 0
    assert second.prove(credentials[1], second.authid()) == -217
    (deny,) = stage.events("deny")
    assert (deny["what"], deny["code"], deny["user"]) == ("account", 0xD9, "JOE")


def test_a_grace_login_is_used_up_by_the_proof(open_stage: OpenStage) -> None:
    stage = open_stage(tree="ACME", users=(EXPIRED,))
    steps = Steps(stage.station("tcp:10.0.0.1:1025").attached())
    left = stage.server.bindery.objects[ANNA]
    for remaining in (3, 2):
        code, told = steps.finish(steps.begin())
        assert (code, left.control.grace_logins) == (NdsCode.GRACE_LOGIN, remaining)
        assert steps.prove(wire.LoginFinished.decode(told).credential, steps.authid()) == 0
    assert left.control.grace_logins == 1


def test_no_license_is_left(open_stage: OpenStage, transport: str) -> None:
    """KB Q186804: an NDS login succeeds, and the license request behind it is refused with 0xE0."""
    stage = open_stage("nls", licenses=1)
    stage.station(f"{transport}:10.0.0.1:1025").licensed("ANN")
    station = stage.station(f"{transport}:10.0.0.2:1025").attached()
    assert nds(station) == 0xE0
    assert (stage.state(station.name), stage.held) == ("authenticated", 1)
    (deny,) = stage.events("deny")
    assert (deny["user"], deny["what"], deny["code"]) == ("JOE", "license", 0xE0)


def test_a_login_on_a_licensed_connection(open_stage: OpenStage, transport: str) -> None:
    """The license goes back, and the files are shut; the new user asks for a license of its own."""
    stage = open_stage("nls")
    station = stage.station(f"{transport}:10.0.0.1:1025").licensed("ANN")
    assert station.open() == 0
    assert nds(station) == 0
    assert [(line["from"], line["to"], line["user"]) for line in stage.events("state")][-2:] == [
        ("licensed", "authenticated", "JOE"),
        ("authenticated", "licensed", "JOE"),
    ]
    assert (stage.held, len(stage.events("shut"))) == (1, 1)


def test_the_clients_of_a_seed_have_the_same_keys() -> None:
    """The keys come from the seed, and no two entries share one."""
    first, again, other = NdsKeys(1), NdsKeys(1), NdsKeys(2)
    assert first.of(ANNA) == again.of(ANNA)
    assert len({first.of(ANNA), first.of(GUEST), other.of(ANNA)}) == 3


def test_a_thousand_credentials() -> None:
    """Old ones are forgotten: clients that ask and do not log in take no memory."""
    keys, random = NdsKeys(1), Random(1)
    issued = [keys.issue(ANNA, random) for _ in range(1001)]
    assert [keys.issued(ANNA, credential) for credential in issued[:2]] == [False, True]
    assert not keys.issued(GUEST, issued[-1])
