r"""Files for regedit. What is expected was written by regedit or stands in a document, never made by our own writer.

KB articles by their number; OKTURING: the source of regedit quoted at okturing.com/src/10583; PHOTOVIEWER: an export of
``HKEY_CLASSES_ROOT\PhotoViewer.FileAssoc.Bitmap`` by regedit, as many tweaks for Windows 10 contain it."""

from __future__ import annotations

import codecs

import pytest

from harness.client.nal_path import NalPath
from harness.client.reg_file import ROOTS, RegError, dump, parse
from harness.client.registry import Binary, Data, Expand, Multi, Qword
from tests.harness.client.reg_files import FIVE, FOUR, KEY, content, of, one, value

NAL = r"HKEY_LOCAL_MACHINE\Software\Microsoft\NAL"


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
