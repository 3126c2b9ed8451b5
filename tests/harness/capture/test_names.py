"""Paths of files by the handles and numbers that replies gave out; the release, and servers with several addresses."""

from __future__ import annotations

import pytest

from fakenw.core.peer import IPX, TCP, UDP, Transport
from fakenw.wire.requests.connection import ChangeConnectionState
from fakenw.wire.requests.directories import DirectoryPath, GetDirectoryPath, SetDirectoryHandle
from fakenw.wire.requests.files import (
    AllocatePermanentHandle,
    DirectoryHandle,
    FreeDirectoryHandle,
    OpenedFile,
    OpenFile,
)
from fakenw.wire.requests.namespace import (
    AllocateShortHandle,
    DirectoryBase,
    GetDirectoryBase,
    OpenedEntry,
    OpenOrCreate,
    ShortHandle,
)
from harness.capture.nds_messages import leaf
from tests.harness.capture.packet_script import JOE, OPENED, PacketScript

ENTRY = OpenedEntry(b"\1\2\3\4", 1, 0, b"").encode()
BY_HANDLE, BY_NUMBER, BY_NAME = 0, 1, 0xFF


def paths(wire: PacketScript) -> list[str]:
    return [record["path"] for record in wire.journal().records if record.event == "open"]


def logged_in() -> PacketScript:
    wire = PacketScript()
    wire.attach()
    wire.call(JOE)
    return wire


def opened(wire: PacketScript, base: int, flag: int, *names: str) -> None:
    wire.call(OpenOrCreate(0, 1, 0, 0, 0, 1, 0, base, flag, names), data=ENTRY)


def test_by_a_directory_handle() -> None:
    wire = logged_in()
    wire.call(AllocatePermanentHandle(0, 0, "SYS:A\\B"), data=DirectoryHandle(3, 0xFF).encode())
    wire.call(OpenFile(3, 0, 1, "C.TXT"), data=OPENED)
    wire.call(SetDirectoryHandle(3, 3, ".."))
    wire.call(OpenFile(3, 0, 1, "D.TXT"), data=OPENED)
    wire.call(FreeDirectoryHandle(3))
    wire.call(OpenFile(3, 0, 1, "E.TXT"), data=OPENED)
    assert paths(wire) == ["SYS:A/B/C.TXT", "SYS:A/D.TXT", "?:E.TXT"]


def test_by_a_handle_whose_path_is_told() -> None:
    wire = logged_in()
    wire.call(GetDirectoryPath(9), data=DirectoryPath("VOL1:X").encode())
    wire.call(OpenFile(9, 0, 1, "F"), data=OPENED)
    assert paths(wire) == ["VOL1:X/F"]


def test_by_names_handles_and_numbers_of_87() -> None:
    wire = logged_in()
    opened(wire, 0, BY_NAME, "SYS", "A", "F")
    wire.call(AllocateShortHandle(0, 0, 0, 0, 0, BY_NAME, ("SYS", "A")), data=ShortHandle(5, 0, bytes(4)).encode())
    opened(wire, 5, BY_HANDLE, "G")
    wire.call(GetDirectoryBase(0, 0, 0, 0, 5, BY_HANDLE, ("B",)), data=DirectoryBase(77, 77, 0).encode())
    opened(wire, 77, BY_NUMBER, "H")
    opened(wire, 78, BY_NUMBER, "I")
    assert paths(wire) == ["SYS:A/F", "SYS:A/G", "SYS:A/B/H", "?:I"]


def test_a_handle_that_is_given_out_again_was_closed_unseen() -> None:
    wire = logged_in()
    opened(wire, 0, BY_NAME, "SYS", "F")
    opened(wire, 0, BY_NAME, "SYS", "G")
    shut = [(record["path"], record["sure"]) for record in wire.journal().records if record.event == "shut"]
    assert shut == [("SYS:F", "unknown")]


def test_the_handle_of_76_and_that_of_87_are_of_one_form() -> None:
    wire = logged_in()
    wire.call(OpenFile(0, 0, 1, "SYS:F"), data=OpenedFile(b"\2\1\1\2\3\4", bytes(2), "F", *(0,) * 7).encode())
    handles = [record["handle"] for record in wire.journal().records if record.event == "open"]
    assert handles == ["000001020304"]


@pytest.mark.parametrize(("name", "user"), [("CN=Joe.O=X", "JOE"), ("joe.x", "JOE"), (".CN=joe.OU=a.O=b", "JOE")])
def test_the_user_of_an_nds_name(name: str, user: str) -> None:
    assert leaf(name) == user


@pytest.mark.parametrize(
    ("transport", "states", "release", "policy"),
    [
        (TCP, False, "5.1", "nls"),
        (UDP, False, "5.1", "nls"),
        (IPX, True, "4.11", "service"),
        (IPX, False, "3.12", "attach"),
    ],
)
def test_the_release_by_behavior(transport: Transport, states: bool, release: str, policy: str) -> None:
    wire = PacketScript(transport)
    wire.attach()
    if states:
        wire.call(ChangeConnectionState(1), 0x7C)
    start = wire.journal().records[0]
    assert (start["release"], start["policy"], start["found"]) == (release, policy, "behaviour")


def test_a_server_with_two_addresses_has_one_journal() -> None:
    wire = PacketScript(IPX)
    wire.attach()
    other = PacketScript(TCP, 8, wire.observer, wire.now, wire.frame)
    other.address = "10.0.0.8:524"
    other.attach()
    names = dict.fromkeys(["10.0.0.8:524", "10.0.0.9:524"], "FS1")
    (journal,) = wire.observer.journals(names=names)
    assert journal.name == "server-FS1.jsonl"
    assert [record["connection"] for record in journal.records if record.event == "create"] == [7, 8]
