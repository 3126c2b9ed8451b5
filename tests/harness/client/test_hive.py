"""Hives: one that another program made (data/README.md), and what is in no hive of that program, from bytes."""

from __future__ import annotations

import gzip
import struct
import sys
from pathlib import Path
from random import Random

import pytest

from harness.client.hive import read
from harness.client.reg_file import RegError
from harness.client.registry import Binary, Expand, Multi, Qword
from harness.lab.nal_dump import entries

NAL = r"HKEY_LOCAL_MACHINE\Software\Microsoft\NAL"
MADE = gzip.decompress((Path(__file__).parents[1] / "data" / "nal.hive.gz").read_bytes())
NOWHERE = 0xFFFFFFFF


@pytest.fixture
def nal(tmp_path: Path) -> Path:
    """The hive that hivexsh made."""
    path = tmp_path / "SMSbkSiteRegNAL.dat"
    path.write_bytes(MADE)
    return path


def test_keys_of_a_genuine_hive(nal: Path) -> None:
    """All of them, under the root that the reader names."""
    client = rf"{NAL}\Client"
    deviceless = rf"{client}\Connections\SMSCCMBootAcct&\Deviceless"
    assert list(read(nal, NAL))[3:] == [
        NAL,
        client,
        rf"{client}\AbExprtDB",
        rf"{client}\Connections",
        rf"{client}\Connections\SMSCCMBootAcct&",
        deviceless,
        rf"{deviceless}\Resource1",
        rf"{deviceless}\Resource2",
    ]


def test_values_of_a_genuine_hive(nal: Path) -> None:
    """Every type, data in the place of its place, and data of the wrong size."""
    registry = read(nal, NAL)
    assert registry.values(rf"{NAL}\Client") == {"Use Existing Connections": 1, "Use Preferred Servers": 0}
    assert registry.values(rf"{NAL}\Client\AbExprtDB") == {
        "": "default",
        "Expand": Expand(r"%SystemRoot%\system32"),
        "Multi": Multi(("NWBIND", "NWNDS")),
        "Qword": Qword(0x0123456789ABCDEF),
        "None": Binary(b"", 0),
        "Binary": Binary(b"\x00\x01\xfe\xff\x05"),
        "Short": Binary(b"\x01\x02\x03", 4),
        "Other": Binary(b"\xc4\xe4", 0x1234),
    }


def test_counters_of_a_genuine_hive(nal: Path) -> None:
    """A path with quotes, and one that is the name of its value; a count as text."""
    first, second = entries(read(nal, NAL))
    assert str(first.path) == r'["Display=\\SRV\"]NWBIND:["SMS_SITE=GS1"]\\SRV\VOL1\CAP_GS1' + "\\"
    assert (first.persistence, first.reference) == (0, 1)
    assert str(second.path) == r'NWBIND:["SMS_SITE=GS1", "PREFERRED"]\\SRV\SYS\CAP_GS1' + "\\"
    assert (second.persistence, second.reference) == (None, 2)


class Bin:
    """The cells of a hive, one after another; the first is free. (The layout: regipy.structs.)"""

    def __init__(self) -> None:
        self.cells = bytearray(struct.pack("<i4x", 8))

    def add(self, data: bytes) -> int:
        """A cell with *data*; where it stands."""
        place = 32 + len(self.cells)
        size = -(-(len(data) + 4) // 8) * 8
        self.cells += struct.pack("<i", -size) + data.ljust(size - 4, b"\0")
        return place

    def value(self, name: bytes, kind: int, data: bytes, compressed: bool) -> int:
        """A list with one value in it."""
        head = struct.pack("<2sHIIIHH", b"vk", len(name), len(data), self.add(data), kind, compressed, 0)
        return self.add(struct.pack("<I", self.add(head + name)))

    def key(self, name: bytes, compressed: bool, subkeys: int = NOWHERE, values: int = NOWHERE) -> int:
        """A key, with one subkey or none, one value or none."""
        counts = (int(subkeys != NOWHERE), 0, subkeys, NOWHERE, int(values != NOWHERE), values, NOWHERE, NOWHERE)
        flags = 0x20 if compressed else 0
        return self.add(struct.pack("<2sHQII8I20xHH", b"nk", flags, 0, 0, 0, *counts, len(name), 0) + name)

    def leaf(self, *keys: int) -> int:
        """A list of subkeys."""
        return self.add(struct.pack("<2sH", b"lf", len(keys)) + b"".join(struct.pack("<I4x", key) for key in keys))

    def hive(self, root: int) -> bytes:
        """The whole file."""
        size = -(-(32 + len(self.cells)) // 4096) * 4096
        head = struct.pack("<4s32xII", b"regf", root, size).ljust(4096, b"\0")
        return head + (struct.pack("<4sII20x", b"hbin", 0, size) + self.cells).ljust(size, b"\0")


def test_names_in_utf16_and_latin1(tmp_path: Path) -> None:
    """Neither is ASCII, and the root is not the first cell."""
    cells = Bin()
    values = cells.value("Zähler".encode("latin-1"), 1, "Größe Ω\0".encode("utf-16-le"), compressed=True)
    under = cells.leaf(cells.key("Ω".encode("utf-16-le"), compressed=False, values=values))
    (tmp_path / "hive").write_bytes(cells.hive(cells.key(b"root", compressed=True, subkeys=under)))
    registry = read(tmp_path / "hive", "HKEY_USERS")
    assert list(registry) == ["HKEY_USERS", "HKEY_USERS\\Ω"]
    assert registry.values("HKEY_USERS\\Ω") == {"Zähler": "Größe Ω"}


def test_long_data_is_in_segments(tmp_path: Path) -> None:
    """More than 16,344 bytes stand in several cells."""
    cells, data = Bin(), bytes(range(256)) * 100
    places = cells.add(struct.pack("<2I", cells.add(data[:16344]), cells.add(data[16344:])))
    record = cells.add(struct.pack("<2sHI", b"db", 2, places))
    value = cells.add(struct.pack("<2sHIIIHH", b"vk", 1, len(data), record, 3, 1, 0) + b"x")
    root = cells.key(b"root", compressed=True, values=cells.add(struct.pack("<I", value)))
    (tmp_path / "hive").write_bytes(cells.hive(root))
    assert read(tmp_path / "hive", "HKEY_USERS").get("HKEY_USERS", "x") == Binary(data)


def test_data_that_ends_too_early(tmp_path: Path) -> None:
    """A value that says to be longer than the file."""
    cells = Bin()
    value = cells.add(struct.pack("<2sHIIIHH", b"vk", 1, 9999, cells.add(b"data"), 3, 1, 0) + b"x")
    root = cells.key(b"root", compressed=True, values=cells.add(struct.pack("<I", value)))
    (tmp_path / "hive").write_bytes(cells.hive(root))
    with pytest.raises(RegError, match="data of 9999 bytes ends after"):
        read(tmp_path / "hive", "HKEY_USERS")


def test_key_inside_itself(tmp_path: Path) -> None:
    """The subkeys of the root are the root, and the root."""
    cells = Bin()
    root = cells.key(b"root", compressed=True, subkeys=32 + len(cells.cells) + 88)
    assert cells.leaf(root, root) == root + 88
    (tmp_path / "hive").write_bytes(cells.hive(root))
    with pytest.raises(RegError, match="inside"):
        read(tmp_path / "hive", "HKEY_USERS")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not a hive; expected a file that begins with regf"),
        (b"REGEDIT4\r\n", "not a hive; expected a file that begins with regf"),
        (b"CREG\0\0\1\0", "a registry of Windows 95 or 98; expected a hive of Windows NT"),
        (b"regf", "damaged .*; expected a complete hive"),
        (MADE[:5000], "damaged .*; expected a complete hive"),
    ],
)
def test_no_hive(tmp_path: Path, content: bytes, complaint: str) -> None:
    """The error names the file, and what it is instead."""
    path = tmp_path / "NTUSER.DAT"
    path.write_bytes(content)
    with pytest.raises(RegError, match=rf"NTUSER\.DAT: {complaint}"):
        read(path, "HKEY_CURRENT_USER")


def test_damaged_hives_raise_nothing_else(tmp_path: Path) -> None:
    """A hive with a few wrong bytes is read, or refused with a RegError."""
    random, path, refused = Random(0), tmp_path / "hive", 0
    for _ in range(300):
        wrong = bytearray(MADE)
        for _ in range(8):
            wrong[random.randrange(4096, len(wrong))] = random.randrange(256)
        path.write_bytes(wrong)
        try:
            read(path, NAL)
        except RegError:
            refused += 1
    assert 0 < refused < 300


def test_missing_file(tmp_path: Path) -> None:
    """So is a file that is not there."""
    with pytest.raises(RegError, match=r"nothing: cannot be read: No such file"):
        read(tmp_path / "nothing", "HKEY_USERS")


def test_missing_extra(nal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without regipy the error says how to install it."""
    monkeypatch.setitem(sys.modules, "regipy.registry", None)
    with pytest.raises(RegError, match=r"pip install 'fakenw\[hives\]'"):
        read(nal, NAL)


def test_root_that_is_no_key(nal: Path) -> None:
    """The caller's mistake, not the file's."""
    with pytest.raises(ValueError, match="expected a key"):
        read(nal, "")
