"""The counters of Q257223 in dumps whose names and types nobody knows."""

from __future__ import annotations

import pytest

from harness.client.nal_path import NAL_PATH, PERSISTENCE, REFERENCE, NalPath
from harness.client.reg_file import parse
from harness.client.registry import Data, Expand, Qword, Registry
from harness.lab.nal_dump import ValueNames, entries

CONNECTIONS = r"HKEY_LOCAL_MACHINE\Software\Microsoft\NAL\Client\COnnections"  # as Q257223 spells it
RESOURCE = rf"{CONNECTIONS}\SMSCCMBootAcct\Deviceless\Resource1"
PATH = r'["Display=\\SRV\"]NWBIND:["SMS_SITE=GS1"]\\SRV\VOL1\CAP_GS1' + "\\"
PREFERRED = r'MSWNET:["SMS_SITE=zzz", "PREFERRED"]\\ServerName\CAP_zzz'  # Q235873


def dump(values: dict[str, Data], key: str = RESOURCE) -> Registry:
    """A registry of one key."""
    registry = Registry()
    for name, data in values.items():
        registry.set(key, name, data)
    registry.create(key)
    return registry


def test_entry_of_ours() -> None:
    """What our own arbiter writes: path and counts, and which value each was read from."""
    (entry,) = entries(dump({NAL_PATH: PATH, PERSISTENCE: 0, REFERENCE: 2}))
    assert (entry.account, entry.key, entry.resource) == ("SMSCCMBootAcct", RESOURCE, "Resource1")
    assert entry.path == NalPath.parse(PATH)
    assert (entry.persistence, entry.reference) == (0, 2)
    assert entry.names == ValueNames(NAL_PATH, PERSISTENCE, REFERENCE)


@pytest.mark.parametrize("account", ["SMSCCMBootAcct", "SMSCCMBootAcct&", "SMSCCMBootAcct&amp;"])
@pytest.mark.parametrize("sibling", ["Deviceless", "Z:", r"Device\Z:"])
@pytest.mark.parametrize("upper", [False, True])
def test_account_and_siblings_of_deviceless(account: str, sibling: str, upper: bool) -> None:
    """With or without the &, escaped by HTML or not; in any spelling; beside Deviceless too."""
    key = rf"{CONNECTIONS}\{account}\{sibling}\Resource12"
    key = key.upper().replace("&AMP;", "&amp;") if upper else key
    (entry,) = entries(dump({"Path": PATH}, key))
    assert entry.account == ("SMSCCMBOOTACCT" if upper else "SMSCCMBootAcct")
    assert entry.key == key


@pytest.mark.parametrize(
    ("values", "path", "counts", "names"),
    [
        ({"P": PATH, "nPersistCount": 1, "dwRefs": 2}, PATH, (1, 2), ValueNames("P", "nPersistCount", "dwRefs")),
        ({"P": Expand(PATH), "REF": Qword(3)}, PATH, (None, 3), ValueNames("P", None, "REF")),
        ({PATH: "", "ref": "0x1F", "PERSISTENCE": " 10 "}, PATH, (10, 31), ValueNames(PATH, "PERSISTENCE", "ref")),
        ({PREFERRED: 0, "Preferred": 7}, PREFERRED, (None, None), ValueNames(PREFERRED, None, None)),
        ({r"NWBIND:\\SRV\REFS": 7}, r"NWBIND:\\SRV\REFS", (None, None), ValueNames(r"NWBIND:\\SRV\REFS", None, None)),
        ({"other": "LOCAL:C:", NAL_PATH.upper(): PATH}, PATH, (None, None), ValueNames(NAL_PATH.upper(), None, None)),
        ({"Persistent refs": 4}, None, (4, None), ValueNames(None, "Persistent refs", None)),
        ({"Old ref": 9, REFERENCE: 0}, None, (None, 0), ValueNames(None, None, REFERENCE)),
        ({"ref": "many", "Refs": 1}, None, (None, 1), ValueNames(None, None, "Refs")),
        ({}, None, (None, None), ValueNames(None, None, None)),
    ],
)
def test_values_are_known_by_their_looks(
    values: dict[str, Data], path: str | None, counts: tuple[int | None, int | None], names: ValueNames
) -> None:
    """Path as data or as name; counts as numbers or text; what is missing is None, and PREFERRED is no reference."""
    (entry,) = entries(dump(values))
    assert entry.path == (NalPath.parse(path) if path else None)
    assert (entry.persistence, entry.reference) == counts
    assert entry.names == names


def test_names_are_configurable() -> None:
    """Names that only the reader knows go before any guess."""
    values: dict[str, Data] = {"a": PREFERRED, "b": PATH, "ref": 1, "x": 2, "persist": 3, "y": 4}
    (entry,) = entries(dump(values), ValueNames("B", "Y", "X"))
    assert entry.path == NalPath.parse(PATH)
    assert (entry.persistence, entry.reference) == (4, 2)
    assert entry.names == ValueNames("b", "y", "x")


@pytest.mark.parametrize(
    "key",
    [
        rf"{CONNECTIONS}\SMSCCMBootAcct\Deviceless",
        CONNECTIONS,
        r"HKEY_LOCAL_MACHINE\Software\Microsoft\NAL\Client\AbExprtDB\CAP List for site zzz\Resource1",
        r"HKEY_LOCAL_MACHINE\Software\NAL\Client\Disconnections\A\B\Resource1",
        r"HKEY_LOCAL_MACHINE\Software\MyNAL\Client\Connections\A\B\Resource1",
    ],
)
def test_other_keys_are_no_entries(key: str) -> None:
    """Nothing on the way to an entry is one, nor is what stands elsewhere."""
    assert entries(dump({REFERENCE: 1}, key)) == []


def test_unusual_name_of_an_entry() -> None:
    """A key that is no ResourceN but has a path is an entry: the KB says only how it "may be" named."""
    (entry,) = entries(dump({PATH: ""}, rf"{CONNECTIONS}\A&\Deviceless\{{1234}}"))
    assert (entry.account, entry.resource) == ("A", "{1234}")


def test_from_a_file_with_a_resource_for_each_account() -> None:
    """Through regedit's file; the entries come in its order."""
    text = rf"""REGEDIT4

[{CONNECTIONS}\SMSCliToknAcct&\Deviceless\Resource1]
"Where"="NWBIND:[\"SMS_SITE=GS1\"]\\\\SRV\\VOL1\\CAP_GS1\\"
"RefCount"= dword:00000000

[{RESOURCE}]
"NWBIND:[\"SMS_SITE=GS1\"]\\\\SRV\\VOL1\\CAP_GS1\\"=""
"PersistCount"="1"
"""
    first, second = entries(parse(text.encode(), "dump.reg"))
    assert (first.account, first.reference, first.persistence) == ("SMSCliToknAcct", 0, None)
    assert (second.account, second.reference, second.persistence) == ("SMSCCMBootAcct", None, 1)
    assert first.path == second.path
    assert first.path is not None
    assert first.path.site == "GS1"
