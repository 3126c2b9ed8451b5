"""Files for regedit. What is expected was written by regedit or stands in a document, never made by our own writer.

KB articles by their number; OKTURING: the source of regedit quoted at okturing.com/src/10583; PHOTOVIEWER: an export of
``HKEY_CLASSES_ROOT\\PhotoViewer.FileAssoc.Bitmap`` by regedit, as many tweaks for Windows 10 contain it.
"""

from __future__ import annotations

import codecs
import re
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.nal_path import NalPath
from harness.client.reg_file import ROOTS, RegError, dump, parse
from harness.client.registry import Binary, Data, Expand, Multi, Qword, Registry

NAL = r"HKEY_LOCAL_MACHINE\Software\Microsoft\NAL"
KEY = "HKEY_CURRENT_USER\\Environment"
FOUR = "REGEDIT4"
FIVE = "Windows Registry Editor Version 5.00"


def of(body: str, header: str = FOUR) -> Registry:
    """The registry that a file with *body* makes."""
    return parse(f"{header}\r\n\r\n{body}".encode("cp1252"), "test.reg")


def value(data: str, header: str = FOUR) -> Data | None:
    """What is read from *data* behind the equals sign, with another value after it that must not be lost."""
    registry = of(f'[{KEY}]\r\n"TEMP"={data}\r\n"next"="value"\r\n', header)
    assert registry.get(KEY, "next") == "value"
    return registry.get(KEY, "TEMP")


def content(registry: Registry) -> list[tuple[str, list[tuple[str, Data]]]]:
    """Everything in *registry*, in order."""
    return [(key, list(registry.values(key).items())) for key in registry]


def one(data: Data, name: str = "TEMP", key: str = KEY) -> Registry:
    """A registry of one value."""
    registry = Registry()
    registry.set(key, name, data)
    return registry


# The oddities, one by one


def test_regedit4_is_ansi_with_crlf() -> None:
    """Euro, umlaut and a byte that code page 1252 does not define, there and back."""
    data = b'REGEDIT4\r\n\r\n[HKEY_USERS\\\xc4]\r\n"\x80"="\xfc\x81"\r\n\r\n'
    registry = parse(data, "x.reg")
    assert content(registry)[1:] == [("HKEY_USERS\\Ä", [("€", "ü\x81")])]
    assert dump(registry, 4) == data


def test_version_5_is_utf16le_with_mark() -> None:
    """FF FE, then 16-bit units, the lower byte first."""
    data = b"\xff\xfe" + f'{FIVE}\r\n\r\n[HKEY_USERS\\Ω]\r\n"日"="😀"\r\n\r\n'.encode("utf-16-le")
    registry = parse(data, "x.reg")
    assert content(registry)[1:] == [("HKEY_USERS\\Ω", [("日", "😀")])]
    assert dump(registry, 5) == data


@pytest.mark.parametrize("newline", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF8, "utf-8"),
        (b"", "utf-8"),
    ],
)
def test_encodings_and_newlines(mark: bytes, encoding: str, newline: str) -> None:
    """What editors make of a file of version 5.00; hex(2) is UTF-16LE in all of them."""
    text = newline.join([FIVE, "", "[HKEY_USERS\\Ω]", '"ä"=hex(2):a9,03,\\', "  00,00", '"b"="日"'])
    registry = parse(mark + text.encode(encoding), "x.reg")
    assert registry.values("HKEY_USERS\\Ω") == {"ä": Expand("Ω"), "b": "日"}


def test_version_5_in_ansi() -> None:
    """Without a mark and no UTF-8: ANSI, as regedit takes it."""
    assert parse(f'{FIVE}\n[HKEY_USERS]\n"ä"="ö"'.encode("cp1252"), "x.reg").values("HKEY_USERS") == {"ä": "ö"}


def test_regedit4_in_unicode() -> None:
    """The first line says what the bytes of hex(2) are, not the file's own encoding."""
    text = f'{FOUR}\n[{KEY}]\n"a"=hex(2):e4,00\n"Ω"=""'
    assert parse(text.encode("utf-16"), "x.reg").values(KEY) == {"a": Expand("ä"), "Ω": ""}


@pytest.mark.parametrize("header", ["REGEDIT4", "REGEDIT4FOO", "REGEDIT4 ; comment", "\t REGEDIT4 "])
def test_old_regedit_looks_only_at_the_character_after_regedit(header: str) -> None:
    """What follows the 4 does not count (OKTURING)."""
    assert of('[HKEY_USERS]\r\n"a"="b"', header).get("HKEY_USERS", "a") == "b"


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ("", "the line ''"),
        ("REGEDIT", "the first line of a file for Windows 3.1"),
        ("REGEDIT5", "the first line of a file for Windows 3.1"),
        ("regedit4", "the line 'regedit4'"),
        ("Windows Registry Editor Version 4.00", "the line 'Windows Registry Editor Version 4.00'"),
        ("[HKEY_USERS]", "the line '[HKEY_USERS]'"),
    ],
)
def test_other_headers_are_refused(header: str, what: str) -> None:
    """A 5 after REGEDIT is Windows 3.1 to the regedit of Windows 95 and NT 4.0 (OKTURING)."""
    with pytest.raises(RegError) as error:
        of("[HKEY_USERS]", header)
    assert str(error.value) == f"test.reg:1: {what}; expected {FOUR} or {FIVE}"


def test_full_root_names_and_no_hklm() -> None:
    """In any case; an abbreviation is a mistake."""
    for root in ROOTS:
        assert list(of(f"[{root.lower()}]")) == [root.lower()]
    with pytest.raises(RegError, match=r"test.reg:3: 'HKLM' is no root of a registry; expected one of HKEY_LOCAL"):
        of("[HKLM\\Software]")
    with pytest.raises(RegError, match=r"did you mean HKEY_LOCAL_MACHINE\?"):
        of("[HKEY_LOCALMACHINE\\Software]")


def test_key_names_are_not_escaped() -> None:
    """A quote stands for itself; a doubled backslash is a mistake."""
    assert list(of(r'[HKEY_USERS\a"b]')) == ["HKEY_USERS", 'HKEY_USERS\\a"b']
    with pytest.raises(RegError, match=r"an empty name in the key .* expected single backslashes"):
        of(r"[HKEY_USERS\\a]")


def test_keys_are_one_in_any_case() -> None:
    """Keys that stand twice merge: the first spelling, the last data."""
    registry = of('[HKEY_USERS\\A]\r\n"X"="1"\r\n"y"="1"\r\n[hkey_users\\a]\r\n"x"="2"\r\n')
    assert content(registry) == [("HKEY_USERS", []), ("HKEY_USERS\\A", [("X", "2"), ("y", "1")])]


def test_bracket_in_the_name_of_a_key() -> None:
    """The last one of the line ends the name."""
    assert list(of("[HKEY_USERS\\a]b[c]]  ; comment"))[-1] == "HKEY_USERS\\a]b[c]"


def test_key_is_deleted_with_all_under_it() -> None:
    """[-key]: in what is merged into, and of what the file itself has made before."""
    registry = of('[HKEY_USERS\\A\\B]\r\n"x"="1"\r\n[HKEY_USERS\\C]')
    assert parse(b"REGEDIT4\n[-HKEY_USERS\\a]\n[-HKEY_USERS\\gone\\x]", "x.reg", registry) is registry
    assert list(registry) == ["HKEY_USERS", "HKEY_USERS\\C"]
    assert list(of("[HKEY_USERS\\A]\r\n[-HKEY_USERS]\r\n")) == []


def test_value_is_deleted() -> None:
    """ "name"=- and @=-, also with blanks and a comment."""
    registry = of(f'[{KEY}]\r\n@="0"\r\n"a"="1"\r\n"b"="2"\r\n"c"="-"\r\n')
    parse(f'REGEDIT4\n[{KEY}]\n@=-\n"A" = - ; gone\n"missing"=-'.encode(), "x.reg", registry)
    assert registry.values(KEY) == {"b": "2", "c": "-"}


def test_default_value() -> None:
    """@ is the value without a name, "@" is one with."""
    assert of(f'[{KEY}]\r\n@="a"\r\n"@"="b"\r\n').values(KEY) == {"": "a", "@": "b"}


def test_escapes_in_name_and_data() -> None:
    r"""``\\`` and ``\"`` in both."""
    assert of(f"[{KEY}]\n" + r'"a\"\\"="\\\"b\\"').values(KEY) == {'a"\\': '\\"b\\'}


def test_escaped_nal_path() -> None:
    """The example of a NAL path, quotes, brackets, double backslashes and one at the end, there and back."""
    line = r'"NAL Path"="[\"Display=\\\\SRV\\\"]NWBIND:[\"SMS_SITE=GS1\"]\\\\SRV\\VOL1\\CAP_GS1\\"'
    for version, header in (4, FOUR), (5, FIVE):
        registry = of(f"[{NAL}]\r\n{line}\r\n", header)
        path = registry.get(NAL, "NAL Path")
        assert path == r'["Display=\\SRV\"]NWBIND:["SMS_SITE=GS1"]\\SRV\VOL1\CAP_GS1' + "\\"
        assert str(NalPath.parse(path)) == path
        assert f"\r\n{line}\r\n" in registry.export(version)


def test_nal_path_as_the_name_of_a_value() -> None:
    """So Q235873 keeps preferred servers: a name, and no data."""
    line = r'"MSWNET:[\"SMS_SITE=zzz\", \"PREFERRED\"]\\\\ServerName\\CAP_zzz"=""'
    registry = of(f"[{NAL}]\r\n{line}\r\n")
    assert registry.values(NAL) == {r'MSWNET:["SMS_SITE=zzz", "PREFERRED"]\\ServerName\CAP_zzz': ""}
    assert f"\r\n{line}\r\n" in registry.export()


def test_blank_after_the_equals_sign() -> None:
    """As Q235873 prints it."""
    registry = of(f'[{NAL}\\Client]\r\n"Use Existing Connections"= dword:00000000\r\n')
    assert registry.get(f"{NAL}\\Client", "Use Existing Connections") == 0


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("dword:0000001a", 26),
        ("dword:FFFFFFFF", 0xFFFFFFFF),
        ("DWORD: 1a\t; comment", 26),
        ("hex:", Binary(b"")),
        ("hex:0a,0B,c", Binary(b"\x0a\x0b\x0c")),
        ("HEX: 0A , ff, ; comment", Binary(b"\x0a\xff")),
        ("hex:\\\r\n  01,\\  \r\n\t 02 ,\\ ; comment\r\n\r\n ; comment\r\n03", Binary(b"\1\2\3")),
        ("hex(0):", Binary(b"", 0)),
        ("hex(1):61,00", "a"),
        ("hex(3):61", Binary(b"a")),
        ("hex(4):01,00,00,00", 1),
        ("hex(4):01", Binary(b"\1", 4)),
        ("hex(5):00,00,00,01", Binary(b"\0\0\0\1", 5)),
        ("hex(7):4c,69,6e,65,20,\\\r\n  63,6f,6e,00,00", Multi(("Line con",))),
        ("hex(7):00", Multi(())),
        ("hex(b):ef,cd,ab,89,67,45,23,01", Qword(0x0123456789ABCDEF)),
        ("hex(B):01", Binary(b"\1", 11)),
        ("hex(ffff0007):01", Binary(b"\1", 0xFFFF0007)),
        ('"a" ; comment', "a"),
        ('"a ; b"', "a ; b"),
        ('""', ""),
    ],
)
def test_types_and_odd_spacing(data: str, expected: Data) -> None:
    """Every form of data, in upper and lower case, with blanks, comments and continuation lines."""
    assert value(data) == expected


def test_expand_sz_is_ansi_in_regedit4_and_utf16_in_5() -> None:
    """The variable TEMP, as NT 4.0 and Windows 2000 export it (OKTURING). The second breaks at its column."""
    ansi = "hex(2):25,53,59,53,54,45,4d,44,52,49,56,45,25,5c,53,48,54,65,6d,70,00"
    wide = (
        "hex(2):25,00,53,00,59,00,53,00,54,00,45,00,4d,00,44,00,52,00,49,00,56,\\\r\n"
        "  00,45,00,25,00,5c,00,53,00,48,00,54,00,65,00,6d,00,70,00,00,00"
    )
    data = Expand(r"%SYSTEMDRIVE%\SHTemp")
    assert value(ansi) == value(wide, FIVE) == data
    assert dump(one(data), 4) == f'{FOUR}\r\n\r\n[{KEY}]\r\n"TEMP"={ansi}\r\n\r\n'.encode("ascii")
    assert dump(one(data), 5) == f'\ufeff{FIVE}\r\n\r\n[{KEY}]\r\n"TEMP"={wide}\r\n\r\n'.encode("utf-16-le")


def test_lines_of_hex_end_where_regedit_ends_them() -> None:
    """A name of another length, lines that are full, and a last byte alone on its line (PHOTOVIEWER)."""
    text = (
        '"FriendlyTypeName"=hex(2):40,00,25,00,50,00,72,00,6f,00,67,00,72,00,61,00,6d,\\\r\n'
        "  00,46,00,69,00,6c,00,65,00,73,00,25,00,5c,00,57,00,69,00,6e,00,64,00,6f,00,\\\r\n"
        "  77,00,73,00,20,00,50,00,68,00,6f,00,74,00,6f,00,20,00,56,00,69,00,65,00,77,\\\r\n"
        "  00,65,00,72,00,5c,00,50,00,68,00,6f,00,74,00,6f,00,56,00,69,00,65,00,77,00,\\\r\n"
        "  65,00,72,00,2e,00,64,00,6c,00,6c,00,2c,00,2d,00,33,00,30,00,35,00,36,00,00,\\\r\n"
        "  00\r\n"
    )
    data = Expand(r"@%ProgramFiles%\Windows Photo Viewer\PhotoViewer.dll,-3056")
    key = r"HKEY_CLASSES_ROOT\PhotoViewer.FileAssoc.Bitmap"
    assert of(f"[{key}]\r\n{text}", FIVE).get(key, "FriendlyTypeName") == data
    assert f"\r\n{text}\r\n" in one(data, "FriendlyTypeName", key).export(5)


def test_line_of_eighty_columns() -> None:
    """The widest there is (the value Favorites of Windows' task bar): 80 with the backslash."""
    text = (
        '"Favorites"=hex:00,aa,01,00,00,3a,00,1f,80,c8,27,34,1f,10,5c,10,42,aa,03,2e,e4,\\\r\n'
        "  52,87,d6,68,26,00,01,00,26,00,ef,be,10,00,00,00,f4,7e,76,fa,de,9d,da,01,40\r\n"
    )
    data = of(f"[{KEY}]\r\n{text}", FIVE).get(KEY, "Favorites")
    first = "00aa0100003a001f80c827341f105c1042aa032ee4"
    rest = "5287d668260001002600efbe10000000f47e76fade9dda0140"
    assert data == Binary(bytes.fromhex(first + rest))
    assert f"\r\n{text}\r\n" in one(data, "Favorites").export(5)


def test_long_name_leaves_room_for_one_byte() -> None:
    """However long the name, each line has a byte."""
    lines = one(Binary(b"\1\2"), "n" * 100).export().split("\r\n")
    assert lines[3:5] == [f'"{"n" * 100}"=hex:01,\\', "  02"]


def test_expand_sz_default_loses_nothing_after_it() -> None:
    """Q186146: the regedit of NT 4.0 drops what follows. Here it is read, also without backslash as it is printed."""
    body = (
        "[HKEY_CLASSES_ROOT\\aifffile\\DefaultIcon]\r\n"
        "@=hex(2):44,3a,5c,57,49,4e,4e,54,34,30,5c,53,79,73,74,65,6d,33,32,5c,{}\r\n"
        "71,75,61,72,74,7a,2e,64,6c,6c,2c,2d,32,30,32,00\r\n"
        '"AMovie.bak"="MPlayer.exe,2"\r\n'
    )
    expected = {"": Expand(r"D:\WINNT40\System32\quartz.dll,-202"), "AMovie.bak": "MPlayer.exe,2"}
    for backslash in ("\\", ""):
        assert of(body.format(backslash)).values("HKEY_CLASSES_ROOT\\aifffile\\DefaultIcon") == expected


def test_comments_and_blanks() -> None:
    """Lines of their own, and after anything."""
    body = f'; one\r\n  ;two\r\n \t\r\n  [{KEY}] ; [three]x\r\n\t"a"\t=\t"b"\t;four\r\n;"c"="d"\r\n'
    assert of(body).values(KEY) == {"a": "b"}


@pytest.mark.parametrize("end", ["", "\n", "\r\n\r\n\r\n", "  ", " ; comment"])
@pytest.mark.parametrize("data", ['"x"', "dword:1", "hex:01", "-"])
def test_missing_final_newline(data: str, end: str) -> None:
    """The last line counts, however it ends."""
    registry = of(f'[{KEY}]\n"last"="before"\n"last"={data}{end}')
    assert registry.get(KEY, "last") == {'"x"': "x", "dword:1": 1, "hex:01": Binary(b"\1"), "-": None}[data]


def test_line_break_in_text() -> None:
    """regedit writes it as it is, and reads on to the quote; Wine escapes it."""
    body = f'[{KEY}]\r\n"a"="one\r\n[two]\r\n\\"three"\r\n"b"="four\\r\\nfive"\r\n'
    registry = of(body)
    assert registry.values(KEY) == {"a": 'one\r\n[two]\r\n"three', "b": "four\r\nfive"}
    assert '"a"="one\r\n[two]\r\n\\"three"\r\n"b"="four\r\nfive"\r\n' in registry.export()


def test_text_with_nul() -> None:
    """What quotes cannot hold is written as hex(1)."""
    assert '"TEMP"=hex(1):61,00,62,00\r\n' in one("a\0b").export()
    assert value("hex(1):61,00,62,00") == "a\0b"


# What cannot be


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


# There and back

WEIRD = '\\"][;=@-#,: \t\r\n\0%&0aAz\x81\x9däÄß€'  # all ANSI
WIDE = WEIRD + "Ωω日\u0130\ufeff\ufffe\ud800😀"


def text(random: Random, alphabet: str, most: int, without: str = "") -> str:
    """A few characters, most of them odd."""
    characters = "".join(random.choice(alphabet) for _ in range(random.randrange(most + 1)))
    return characters.translate(dict.fromkeys(map(ord, without)))


def some_data(random: Random, alphabet: str) -> Data:
    """Data of any type."""
    raw = random.randbytes(random.choice((0, 1, 3, 8, 20, 60)))
    kinds: list[Any] = [
        lambda: text(random, alphabet, 9),
        lambda: random.getrandbits(32),
        lambda: Expand(text(random, alphabet, 30)),
        lambda: Multi(tuple(text(random, alphabet, 5, "\0") for _ in range(random.randrange(4)))),
        lambda: Qword(random.getrandbits(64)),
        lambda: Binary(raw),
        lambda: Binary(raw, random.choice((0, 4, 5, 6, 8, 9, 10, 11, 12, 0x1234, 0xFFFFFFFF))),
    ]
    data: Data = random.choice(kinds)()
    return data


def some_registry(random: Random, alphabet: str) -> Registry:
    """A small registry; a part of the keys is nested or empty."""
    registry, keys = Registry(), list(ROOTS)
    for _ in range(random.randrange(1, 5)):
        key = random.choice(keys)
        if name := text(random, alphabet, 4, "\\\0\r\n"):
            key = f"{key}\\{name}"
            keys.append(key)
        registry.create(key)
        for _ in range(random.randrange(3)):
            registry.set(key, text(random, alphabet, 6, "\0"), some_data(random, alphabet))
    return registry


def test_two_thousand_registries_there_and_back() -> None:
    """Each is what it was: keys, names, spelling, order, data and types; and read again into itself it stays so."""
    random = Random(257223)
    for version, alphabet in [(4, WEIRD), (5, WIDE)] * 1000:
        registry = some_registry(random, alphabet)
        data = dump(registry, version)
        assert content(parse(data, "x.reg")) == content(registry)
        again = parse(data, "x.reg", parse(data, "x.reg"))
        assert content(again) == content(registry)


_names = st.text(st.characters(codec="cp1252", exclude_characters="\\\0\r\n"), max_size=5)
_ansi = st.text(st.characters(codec="cp1252"), max_size=30)
_data = st.one_of(
    _ansi,
    st.integers(0, 0xFFFFFFFF),
    _ansi.map(Expand),
    st.lists(st.text(st.characters(codec="cp1252", exclude_characters="\0"), max_size=4), max_size=3).map(
        lambda texts: Multi(tuple(texts))
    ),
    st.integers(0, (1 << 64) - 1).map(Qword),
    st.builds(Binary, st.binary(max_size=40), st.sampled_from([0, 3, 4, 5, 11, 0x10])),
)
_registries = st.lists(st.tuples(st.sampled_from(ROOTS), st.lists(_names.filter(bool), max_size=3), _names, _data))


@given(_registries, st.sampled_from([4, 5]))
def test_any_registry_there_and_back(values: list[tuple[str, list[str], str, Data]], version: int) -> None:
    """The same with examples that Hypothesis makes small where one fails; and both versions say the same."""
    registry = Registry()
    for root, names, name, data in values:
        registry.set("\\".join([root, *names]), name, data)
    assert content(parse(dump(registry, version), "x.reg")) == content(registry)
    assert content(parse(dump(registry, 9 - version), "x.reg")) == content(registry)


def readable(data: bytes) -> bool:
    """Whether *data* is read. Anything raised but RegError fails the test."""
    complaint = ""
    try:
        parse(data, "fuzz.reg")
    except RegError as problem:
        complaint = str(problem)
    assert not complaint or re.match(r"fuzz\.reg:\d+: .*; expected (?!expected)", complaint)
    return not complaint


@given(st.sampled_from([b"", b"REGEDIT4\n", b"REGEDIT4\n[HKEY_USERS]\n", b"\xff\xfe", b"\xef\xbb\xbf"]), st.binary())
def test_any_bytes_are_read_or_refused(head: bytes, rest: bytes) -> None:
    """Nothing but RegError is ever raised."""
    readable(head + rest)


def test_damaged_files_are_read_or_refused() -> None:
    """Files of ours with pieces lost, doubled and changed: some are still files, the others are refused in words."""
    random, read = Random(0), 0
    for _ in range(1_000):
        data = bytearray(dump(some_registry(random, WEIRD), random.choice((4, 5))))
        for _ in range(random.randrange(1, 4)):
            start = random.randrange(len(data))
            piece = data[start : start + random.randrange(1, 9)]
            data[start : start + random.randrange(9)] = random.choice(
                (b"", piece * 2, random.randbytes(2), b'"', b"\\")
            )
        read += readable(bytes(data))
    assert 0 < read < 1_000
