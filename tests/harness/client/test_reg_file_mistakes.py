"""What no file for regedit may hold is refused, with its line."""

from __future__ import annotations

import codecs

import pytest

from harness.client.reg_file import RegError, dump, parse
from harness.client.registry import Binary, Expand, Multi, Registry
from tests.harness.client.reg_files import KEY, content, of, one


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ('"a"="b"', "3: a value that is under no key; expected [key] above it"),
        ('[-HKEY_USERS\\a]\r\n"a"="b"', "4: a value that is under no key; expected [key] above it"),
        ("[HKEY_USERS", "3: '[HKEY_USERS'; expected [key], \"name\"=..., @=... or a comment after ;"),
        ("[HKEY_USERS] x", "3: '[HKEY_USERS] x'; expected [key], \"name\"=..., @=... or a comment after ;"),
        ("[HKEY_USERS]\r\na=1", "4: 'a=1'; expected [key], \"name\"=..., @=... or a comment after ;"),
        ('[HKEY_USERS]\r\n"a"', '4: \'"a"\'; expected [key], "name"=..., @=... or a comment after ;'),
        (
            '[HKEY_USERS]\r\n"a"="x\r\ny"z\r\n',
            "4: '\"x' has no closing quote; expected text in quotes, with \\\\ and \\\" in it",
        ),
        (
            '[HKEY_USERS]\r\n"a"="C:\\Temp"',
            "4: a backslash before 'T'; expected \\\\ or \\\": in quotes a backslash is doubled",
        ),
        (
            '[HKEY_USERS]\r\n"a"=1',
            "4: '1'; expected \"text\", dword:xxxxxxxx, hex:xx,xx, hex(n):xx,xx or -",
        ),
        ('[HKEY_USERS]\r\n"a"=dword:123456789', "4: 'dword:123456789'; expected \"text\", dword:xxxxxxxx"),
        ('[HKEY_USERS]\r\n"a"=dword:-1', "4: 'dword:-1'; expected \"text\", dword:xxxxxxxx"),
        ('[HKEY_USERS]\r\n"a"=hex(x):01', "4: 'hex(x):01'; expected \"text\", dword:xxxxxxxx"),
        ('[HKEY_USERS]\r\n"a"=hex:01,\\\r\n  0x', "5: '0x' among the bytes; expected two hex digits each"),
        ('[HKEY_USERS]\r\n"a"=hex:01,,02', "4: '' among the bytes; expected two hex digits each"),
        ('[HKEY_USERS]\r\n"a"=hex:01,\\\r\n"b"=""', '5: \'"b"=""\' among the bytes; expected two hex digits each'),
        ('[HKEY_USERS]\r\n"a"=hex:01,\\\r\n', "4: the file ends after a backslash; expected more bytes"),
    ],
)
def test_mistakes_are_told_with_their_line(body: str, complaint: str) -> None:
    """FILE:LINE: what was wrong; expected what."""
    with pytest.raises(RegError) as error:
        of(body)
    assert str(error.value).startswith(f"test.reg:{complaint}")


@pytest.mark.parametrize(
    ("data", "line", "encoding"),
    [
        (codecs.BOM_UTF8 + b"REGEDIT4\n\n\xff", 3, "UTF-8"),
        (codecs.BOM_UTF16_LE + "REGEDIT4\n".encode("utf-16-le") + b"x", 2, "UTF-16-LE"),
        (codecs.BOM_UTF16_BE + b"\0", 1, "UTF-16-BE"),
    ],
)
def test_bytes_that_are_no_text(data: bytes, line: int, encoding: str) -> None:
    """The mark at the beginning promises more than the file holds."""
    with pytest.raises(RegError, match=rf"^x\.reg:{line}: not {encoding}; expected the encoding"):
        parse(data, "x.reg")


def test_nothing_is_merged_from_a_file_with_a_mistake() -> None:
    """The lines before it do not count."""
    registry = one("old")
    with pytest.raises(RegError, match=r"x\.reg:4:"):
        parse(f'REGEDIT4\n[{KEY}]\n"TEMP"="new"\nmistake'.encode(), "x.reg", registry)
    assert registry.get(KEY, "TEMP") == "old"


@pytest.mark.parametrize(
    ("registry", "character"),
    [
        (one("日"), "U+65E5"),
        (one("", "日"), "U+65E5"),
        (one("", "", "HKEY_CURRENT_USER\\Ω"), "U+03A9"),
        (one(Expand("😀")), "U+1F600"),
        (one(Multi(("a", "Ω"))), "U+03A9"),
        (one("a\0Ω"), "U+03A9"),
    ],
)
def test_regedit4_refuses_what_is_not_ansi(registry: Registry, character: str) -> None:
    """The error names the key and the character; version 5 holds it."""
    *_, key = registry
    with pytest.raises(RegError) as error:
        dump(registry, 4)
    assert str(error.value).startswith(f"[{key}]: ")
    assert f"({character}) is not in code page 1252" in str(error.value)
    assert content(parse(dump(registry, 5), "x.reg")) == content(registry)


def test_regedit4_refuses_half_a_character() -> None:
    """Bytes of a REG_SZ that are no text are UTF-16, and in REGEDIT4 would be read as ANSI."""
    registry = one(Binary(b"a\0b", 1))
    with pytest.raises(RegError, match=r"\[HKEY_CURRENT_USER.Environment\]: 'TEMP' .* expected version 5"):
        dump(registry, 4)
    assert content(parse(dump(registry, 5), "x.reg")) == content(registry)


def test_dump_refuses_what_no_file_can_hold() -> None:
    """A name over two lines, and a version that does not exist."""
    with pytest.raises(RegError, match="a line break or NUL"):
        dump(one("", "", "HKEY_USERS\\a\nb"), 5)
    with pytest.raises(RegError, match=r"version 3 of \.reg files; expected 4 or 5"):
        dump(Registry(), 3)
