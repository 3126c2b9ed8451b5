"""Trustees: assigned, listed, taken away; and what follows from them for users of the files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fakenw.wire.requests import bindery, directories, entries, files, namespace, trustees
from tests.fakenw.file_station import ALL, BOX, Client

SEARCH = 0x8006
R, W, C, E, A, F, M, S = 0x01, 0x02, 0x08, 0x10, 0x20, 0x40, 0x80, 0x100
DEFAULT = 0xDF
HERE = (0, 0, 0xFF, ("SYS", "CAP_GS1", "SINV.BOX"))
NOBODY = 0x0BADBEEF


@pytest.fixture(params=["tcp", "udp"])
def op(request: Any, open_stage: Callable[..., Any]) -> Client:
    stage = open_stage("nls", licenses=5)
    return Client(stage.station(f"{request.param}:10.0.0.8:1025").licensed("SUPERVISOR", ""))


@pytest.fixture
def joe(op: Client) -> Client:
    return Client(op.station.stage.station("tcp:10.0.0.1:1025").licensed("JOE", "SECRET"))


def number(client: Client, name: str, kind: int = 1) -> int:
    return int(client.ask(bindery.GetObjectId(kind, name)).object_id)


def held(client: Client, path: str = BOX) -> int:
    return int(client.ask(trustees.GetEntryRights(0, path)).rights)


def assign(client: Client, path: str, name: str, rights: int, kind: int = 1) -> None:
    assert client.code(trustees.AddExtendedTrustee(0, number(client, name, kind), rights, path)) == 0


def listed(client: Client, path: str = BOX) -> dict[int, int]:
    """The trustees that 22/38 tells."""
    found: dict[int, int] = {}
    for sequence in range(256):
        reply = client.station.call(trustees.ScanTrustees(0, sequence, path))
        if reply.completion:
            assert reply.completion == 0x9C
            break
        assert len(reply.data) == 121
        answer = trustees.TrusteesOf.decode(reply.data)
        for at in range(answer.count):
            one = int.from_bytes(answer.ids[4 * at : 4 * at + 4], "big")
            found[one] = int.from_bytes(answer.rights[2 * at : 2 * at + 2], "little")
    return found


def test_effective_rights(op: Client, joe: Client) -> None:
    """SUPERVISOR has all rights, another user all but supervisor and access control; 87/29 and 22/50 say the same."""
    assert (held(op), held(joe)) == (0x1FF, DEFAULT)
    for client, rights in ((op, 0x1FF), (joe, DEFAULT)):
        answer = client.ask(trustees.GetEffectiveRights(0, 0, SEARCH, 0, *HERE))
        assert answer == trustees.EntryRightsAndInfo(rights, b"")
    assert op.ask(trustees.GetObjectRights(number(op, "JOE"), 0, BOX)).rights == DEFAULT
    assert joe.ask(trustees.GetObjectRights(1, 0, BOX)).rights == 0x1FF
    assert joe.code(trustees.GetObjectRights(NOBODY, 0, BOX)) == 0xFC
    info = joe.ask(trustees.GetEffectiveRights(0, 0, SEARCH, 0xFFF, *HERE)).info
    assert namespace.EntryInfo.decode(info).rights == 0x1FF  # the inherited rights mask


def test_rights_are_inherited_until_others_are_assigned(op: Client, joe: Client) -> None:
    assign(op, "SYS:CAP_GS1", "JOE", R | F)
    assert (held(joe, "SYS:"), held(joe, "SYS:CAP_GS1"), held(joe)) == (DEFAULT, R | F, R | F)
    assign(op, BOX, "JOE", R | W | F)
    assert (held(joe, "SYS:CAP_GS1"), held(joe)) == (R | F, R | W | F)
    assign(op, "SYS:CAP_GS1", "JOE", S)
    assign(op, BOX + "..", "JOE", S)
    assert held(joe, "SYS:CAP_GS1/OFFERINF.BOX") == 0x1FF


def test_rights_of_a_group(op: Client, joe: Client) -> None:
    """They are added to the user's own."""
    assign(op, BOX, "EVERYONE", A, kind=2)
    assert held(joe) == DEFAULT | A
    assign(op, BOX, "JOE", R)
    assert held(joe) == R | A


def test_the_inherited_rights_mask(op: Client, joe: Client) -> None:
    """22/4 and 87/7 change it, 87/6 tells it; SUPERVISOR passes it."""
    assert op.code(trustees.ModifyMaximumRights(0, 0, 0xFF & ~(R | F), BOX)) == 0
    assert held(joe) == R | F
    layout: Any = entries.ModifyDosInfo
    assert op.code(layout(0, 0, SEARCH, 0x1000, *(0,) * 11, W, F, 0, *HERE)) == 0
    assert held(joe) == R | W
    raw = joe.ask(namespace.GetEntryInfo(0, 0, SEARCH, 0xFFF, *HERE)).info
    assert namespace.EntryInfo.decode(raw).rights == S | R | W
    assert held(op) == 0x1FF
    assign(op, "SYS:", "JOE", S)
    assert held(joe) == 0x1FF


def test_the_mask_of_a_new_directory(op: Client, joe: Client) -> None:
    """22/10 gives it."""
    assert op.code(directories.CreateDirectory(0, R | F, BOX + "SUB")) == 0
    assert op.code(directories.CreateDirectory(0, 0xFF, BOX + "ALL")) == 0
    assert (held(joe, BOX + "SUB"), held(joe, BOX + "ALL"), held(op, BOX + "SUB")) == (R | F, DEFAULT, 0x1FF)


def test_without_rights(op: Client, joe: Client) -> None:
    """What a user may not do is refused: read, write, create, erase, rename, modify."""
    op.make(BOX + "A.TXT", b"text")
    assign(op, BOX, "JOE", F)
    assert joe.opens(BOX + "A.TXT", 1) == 0x93
    assign(op, BOX, "JOE", R | F)
    assert (joe.opens(BOX + "A.TXT", 1), joe.opens(BOX + "A.TXT", 2)) == (0, 0x94)
    assert joe.code(files.CreateNewFile(0, 0, BOX + "B.TXT")) == 0x84
    assert joe.code(directories.CreateDirectory(0, 0xFF, BOX + "SUB")) == 0x84
    assert joe.code(files.SetFileAttributes(2, 0, ALL, BOX + "A.TXT")) == 0x8C
    assert op.code(directories.CreateDirectory(0, 0xFF, BOX + "SUB")) == 0
    for taken, request in (
        (0x8A, files.EraseFile(0, ALL, BOX + "A.TXT")),
        (0x8B, files.RenameFile(0, ALL, BOX + "A.TXT", 0, BOX + "B.TXT")),
        (0x8A, directories.DeleteDirectory(0, 0, BOX + "SUB")),
        (0x8B, directories.RenameDirectory(0, BOX + "SUB", "OTHER")),
    ):
        assert joe.code(request) == taken
    assign(op, BOX, "JOE", R | W | C | E | F | M)
    assert joe.code(files.CreateNewFile(0, 0, BOX + "B.TXT")) == 0
    assert joe.code(directories.RenameDirectory(0, BOX + "SUB", "OTHER")) == 0


def test_a_set_of_trustees(op: Client, joe: Client) -> None:
    """87/10 assigns, 87/5 lists, 87/11 takes away."""
    one, two = number(op, "JOE"), number(op, "ANN")
    rights = trustees.pack([(one, R), (two, W)])
    assert op.code(trustees.AddTrusteeSet(0, 0, SEARCH, 0xFFFF, 2, *HERE, rights)) == 0
    scan = trustees.ScanTrusteeSet(0, 0, SEARCH, 0, *HERE)
    assert joe.ask(scan) == trustees.TrusteeSet(2, 2, rights)
    assert joe.code(trustees.ScanTrusteeSet(0, 0, SEARCH, 2, *HERE)) == 0x9C
    assert op.code(trustees.AddTrusteeSet(0, 0, SEARCH, A, 1, *HERE, rights)) == 0
    assert listed(joe) == {one: A, two: W}
    assert op.code(trustees.DeleteTrusteeSet(0, 0, 2, *HERE, rights)) == 0
    assert joe.code(scan) == 0x9C
    assert op.code(trustees.DeleteTrusteeSet(0, 0, 2, *HERE, rights)) == 0xFE
    assert op.code(trustees.AddTrusteeSet(0, 0, SEARCH, A, 3, *HERE, rights)) == 0x7E


def test_many_trustees(op: Client) -> None:
    """Twenty in a reply."""
    ids = []
    for at in range(41):
        assert op.code(bindery.CreateObject(1, 0x31, 1, f"USER{at}")) == 0
        assign(op, BOX, f"USER{at}", R)
        ids.append(number(op, f"USER{at}"))
    assert listed(op) == dict.fromkeys(ids, R)


def test_rights_stay_with_the_directory(op: Client, joe: Client) -> None:
    """They follow it to another name, and end with it."""
    make = directories.CreateDirectory(0, 0xFF, BOX + "SUB")
    assert op.code(make) == 0
    assert op.code(trustees.AddTrustee(0, number(op, "JOE"), R, BOX + "SUB")) == 0
    assert op.code(directories.RenameDirectory(0, BOX + "SUB", "OTHER")) == 0
    assert held(joe, BOX + "OTHER") == R
    assert op.code(make) == 0
    assert held(joe, BOX + "SUB") == DEFAULT
    assert op.code(directories.RenameDirectory(0, BOX + "SUB", "THIRD")) == 0
    assert op.code(directories.DeleteDirectory(0, 0, BOX + "OTHER")) == 0
    assert op.code(directories.CreateDirectory(0, 0xFF, BOX + "OTHER")) == 0
    assert held(joe, BOX + "OTHER") == DEFAULT


def test_refusals(op: Client, joe: Client) -> None:
    """No right of access control, no such object, no such trustee, a file where a directory must be."""
    one, file = number(op, "JOE"), "SYS:LOGIN/LOGIN.EXE"
    assert joe.code(trustees.AddTrustee(0, one, 0xFF, BOX)) == 0x8C
    assert joe.code(trustees.DeleteTrustee(0, one, 0, BOX)) == 0x8C
    assert joe.code(trustees.DeleteExtendedTrustee(0, one, 0, BOX)) == 0xFF
    assert joe.code(trustees.ModifyMaximumRights(0, 0xFF, 0, BOX)) == 0x8C
    assign(op, BOX, "JOE", A)
    assert joe.code(trustees.AddTrustee(0, one, 0xFF, BOX)) == 0
    for wrong in (trustees.AddTrustee, trustees.AddExtendedTrustee):
        assert op.code(wrong(0, NOBODY, R, BOX)) == 0xFC
    assert op.code(trustees.AddTrustee(0, one, R, file)) == 0x9C
    assert op.code(trustees.AddExtendedTrustee(0, one, R, file)) == 0
    assert op.code(trustees.DeleteTrustee(0, one, 0, BOX)) == 0
    assert op.code(trustees.DeleteTrustee(0, one, 0, BOX)) == 0xFE
    assert op.code(trustees.DeleteExtendedTrustee(0, one, 0, BOX)) == 0xFE
    assert op.code(trustees.DeleteExtendedTrustee(0, one, 0, file)) == 0
    assert op.code(trustees.GetEffectiveRights(0, 1, SEARCH, 0, *HERE)) == 0xBF
    assert op.code(trustees.ScanTrusteeSet(1, 0, SEARCH, 0, *HERE)) == 0xBF
    assert op.code(trustees.ScanTrusteeSet(0, 0, 0, 0, *HERE)) == 0xFF
