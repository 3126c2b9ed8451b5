"""The registry: names without regard to case, typed values, regedit's text."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.registry import (
    Binary,
    Data,
    Expand,
    Multi,
    Qword,
    Registry,
    from_ansi,
    from_bytes,
    to_ansi,
    to_bytes,
)

NAL = r"HKEY_LOCAL_MACHINE\Software\Microsoft\NAL"


def test_case_is_kept_but_does_not_count() -> None:
    """Names keep the case they were made with."""
    registry = Registry()
    registry.set(NAL, "Use It", 1)
    registry.set(NAL.upper(), "use it", 2)
    assert registry.get(NAL.lower(), "USE IT") == 2
    assert registry.values(NAL) == {"Use It": 2}
    assert registry.subkeys(r"HKEY_LOCAL_MACHINE\SOFTWARE\MICROSOFT") == ["NAL"]


def test_delete_takes_everything_below_and_leaves_the_rest() -> None:
    """The key above stays; deleting what is not there does nothing."""
    registry = Registry()
    registry.set(NAL + r"\Client\A", "x", 1)
    registry.set(NAL + r"\Client\B", "x", 1)
    registry.delete(NAL + r"\CLIENT\a")
    registry.delete(NAL + r"\Client\Gone\Deeper")
    assert registry.subkeys(NAL + r"\Client") == ["B"]
    registry.delete("HKEY_LOCAL_MACHINE")
    assert not registry


def test_what_is_missing() -> None:
    """No key, no value: None and empty lists, no error."""
    registry = Registry()
    assert not registry
    assert registry.get(NAL, "x") is None
    assert registry.subkeys(NAL) == []
    assert registry.values(NAL) == {}


def test_export() -> None:
    """REGEDIT4, CRLF, escaped quotes and backslashes in names and data, dwords in hex, empty keys shown."""
    registry = Registry()
    registry.set(NAL, 'a"\\', '["Display=\\\\SRV\\"]LOCAL:\\\\SRV\\')
    registry.set(NAL, "Count", 26)
    registry.set(NAL, "", "default")
    registry.set(NAL + r"\Empty\Inner", "x", 1)
    registry.delete(NAL + r"\Empty\Inner")
    assert registry.export().split("\r\n") == [
        "REGEDIT4",
        "",
        rf"[{NAL}]",
        r'"a\"\\"="[\"Display=\\\\SRV\\\"]LOCAL:\\\\SRV\\"',
        '"Count"=dword:0000001a',
        '@="default"',
        "",
        rf"[{NAL}\Empty]",
        "",
        "",
    ]


@pytest.mark.parametrize("key", ["", r"HKEY_LOCAL_MACHINE\\Software", "HKEY_LOCAL_MACHINE\\"])
def test_bad_key(key: str) -> None:
    """A key with an empty part is a mistake."""
    with pytest.raises(ValueError, match="expected a key"):
        Registry().set(key, "x", 1)


def test_number_that_is_no_dword() -> None:
    """REG_DWORD has 32 bits and no sign."""
    for number in (-1, 1 << 32):
        with pytest.raises(ValueError, match="REG_DWORD"):
            Registry().set(NAL, "x", number)


@given(st.dictionaries(st.text(max_size=9), st.text(max_size=9) | st.integers(0, 0xFFFFFFFF), max_size=9))
def test_values_come_back(values: dict[str, Data]) -> None:
    """What is set is got, the last of names that differ in case only."""
    registry = Registry()
    for name, data in values.items():
        registry.set(NAL, name, data)
    assert {name.lower(): data for name, data in registry.values(NAL).items()} == {
        name.lower(): data for name, data in values.items()
    }


def test_default_value_is_no_name_at() -> None:
    """The value without a name is not the one whose name is @."""
    registry = Registry()
    registry.set(NAL, "", "default")
    registry.set(NAL, "@", "named")
    assert registry.values(NAL) == {"": "default", "@": "named"}
    assert '@="default"\r\n"@"="named"\r\n' in registry.export()


def test_value_is_deleted() -> None:
    """By any spelling; what is not there is not missed."""
    registry = Registry()
    registry.set(NAL, "Keep", 1)
    registry.set(NAL, "Go", 2)
    registry.delete_value(NAL, "GO")
    registry.delete_value(NAL, "gone")
    registry.delete_value(NAL + "\\Gone", "x")
    assert registry.values(NAL) == {"Keep": 1}


def test_keys_in_order() -> None:
    """Each key before those under it, siblings as they were made; an empty key is a key."""
    registry = Registry()
    for key in ("B\\Z", "B\\A", "A", "b\\z\\1"):
        registry.create(key)
    assert list(registry) == ["B", "B\\Z", "B\\Z\\1", "B\\A", "A"]
    assert registry


@pytest.mark.parametrize(
    ("kind", "raw", "data"),
    [
        (0, b"", Binary(b"", 0)),
        (1, b"a\0\0\0", "a"),
        (1, b"a\0", "a"),  # without the NUL
        (1, b"a\0\0", Binary(b"a\0\0", 1)),  # half a character too many
        (1, b"\0\0a\0\0\0", "\0a"),
        (2, b"%\0\0\0", Expand("%")),
        (3, b"\1", Binary(b"\1")),
        (4, b"\1\2\0\0", 0x201),
        (4, b"\1\2", Binary(b"\1\2", 4)),
        (5, b"\0\0\0\1", Binary(b"\0\0\0\1", 5)),  # REG_DWORD_BIG_ENDIAN
        (7, b"a\0\0\0b\0\0\0\0\0", Multi(("a", "b"))),
        (7, b"a\0\0\0\0\0\0\0", Multi(("a", ""))),
        (7, b"a\0\0\0b\0", Multi(("a", "b"))),
        (7, b"\0\0", Multi(())),
        (7, b"", Multi(())),
        (7, b"\0\0\0\0", Multi(("",))),
        (11, bytes(range(8)), Qword(0x0706050403020100)),
        (11, bytes(4), Binary(bytes(4), 11)),
        (0xFFFF0007, b"x", Binary(b"x", 0xFFFF0007)),
    ],
)
def test_types(kind: int, raw: bytes, data: Data) -> None:
    """Each type's bytes and its data; what is malformed stays bytes. A value is kept in the plainest form."""
    assert from_bytes(kind, raw) == data
    assert type(from_bytes(kind, raw)) is type(data)
    assert from_bytes(*to_bytes(data)) == data
    registry = Registry()
    registry.set(NAL, "x", Binary(raw, kind))
    assert registry.get(NAL, "x") == data


def test_ansi_has_every_byte() -> None:
    """Code page 1252 as Windows has it, where no byte is undefined."""
    every = bytes(range(256))
    assert to_ansi(from_ansi(every)) == every
    assert from_ansi(b"\x80\x81\xe4") == "\u20ac\x81\u00e4"
    with pytest.raises(UnicodeEncodeError):
        to_ansi("\u03a9")


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Qword(1 << 64), "REG_QWORD"),
        (lambda: Qword(-1), "REG_QWORD"),
        (lambda: Multi(("a\0b",)), "NUL"),
        (lambda: Binary(b"", -1), "number of a type"),
    ],
)
def test_data_that_its_type_cannot_hold(make: Callable[[], Data], complaint: str) -> None:
    """It is refused where it is made."""
    with pytest.raises(ValueError, match=complaint):
        make()


@pytest.mark.parametrize(("key", "name"), [("HKEY_USERS\\a\nb", "x"), ("HKEY_USERS", "a\0b")])
def test_name_that_no_file_can_hold(key: str, name: str) -> None:
    """The export says which key."""
    registry = Registry()
    registry.set(key, name, 1)
    with pytest.raises(ValueError, match=r"HKEY_USERS.*line break or NUL"):
        registry.export()
