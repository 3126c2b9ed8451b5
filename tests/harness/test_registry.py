"""The registry: names without regard to case, typed values, regedit's text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.registry import Data, Registry

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
