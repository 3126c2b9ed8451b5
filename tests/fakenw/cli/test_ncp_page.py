"""The page of the NCPs: it is what is declared, offsets and all."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest

from fakenw.cli.ncp_page import COLUMNS, PACKET_TYPES, fields, page, words
from fakenw.core.services import SERVICES
from fakenw.wire.known_ncps import known
from fakenw.wire.layout import (
    Byte,
    Bytes6,
    Field,
    Items,
    Layout,
    Long,
    LongLE,
    LooseLE,
    PString,
    PStrings,
    Rest,
    Stamp,
    Text48,
    Word,
    WordLE,
)
from fakenw.wire.packet import Code

PAGE = Path(__file__).parents[3] / "docs" / "ncp.md"
REQUESTS = [function.layout for service in SERVICES for function in service.functions.values()]


def rows(text: str) -> dict[str, list[str]]:
    """The cells of each NCP's line, by its number."""
    lines = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:1] == "|"]
    return {line[0].partition(" ")[0]: line for line in lines if len(line) == len(COLUMNS) and line[0][:1].isdigit()}


def test_page_is_what_is_declared() -> None:
    """docs/ncp.md says what the declarations say, to the letter."""
    assert PAGE.read_text(encoding="utf-8") == page(SERVICES), "docs/ncp.md is out of date: run make docs"


def test_every_function_has_its_line() -> None:
    """No NCP is left out, and each line has a name and a source, and says whether that is sure."""
    found = rows(page(SERVICES))
    numbers = {f"{r.function}" if r.subfunction is None else f"{r.function}/{r.subfunction}": r for r in REQUESTS}
    assert found.keys() == numbers.keys()
    for number, request in numbers.items():
        _, name, _, _, _, source, sure = found[number]
        assert name.startswith(f"**{words(request.__name__)}**")
        assert request.source in source
        assert sure == ("sure" if request.sure and request.reply.sure else "inferred")


def test_how_many_there_are() -> None:
    """The numbers at the top are those of the lines below, and what is lacking is what Wireshark knows besides."""
    text = page(SERVICES)
    kinds = [line[-1] for line in rows(text).values()]
    sure, inferred = kinds.count("sure"), kinds.count("inferred")
    assert f"**{sure + inferred} functions**: {sure} sure, {inferred} inferred." in text
    lacking = {f"{f}" if sub is None else f"{f}/{sub}" for f, sub in known()} - rows(text).keys()
    assert f"knows {len(lacking)} more" in text


@pytest.mark.parametrize(
    ("number", "request_has", "reply_has"),
    [
        ("23/29", "@10 1 new_state", "none"),
        ("23/28", "@10 4 LE connection", "@62 7 time login_time"),
        ("23/53", "@12 pstr name", "@14 48 text name"),
        ("72", "@14 4 BE offset", "@8 2 BE size"),
        ("97", "@9 1 security", "@12 1 security"),
    ],
)
def test_offsets_are_those_of_the_documents(number: str, request_has: str, reply_has: str) -> None:
    """Offsets count from the NCP header, as Wireshark's tables do."""
    _, _, request, reply, *_ = rows(page(SERVICES))[number]
    assert request_has in request.split("<br>")
    assert reply_has in reply.split("<br>")


class Everything(Layout, source="none"):
    byte: Byte
    word: Word
    word_le: WordLE
    long: Long
    long_le: LongLE
    raw: Bytes6
    text: Text48
    time: Stamp
    name: PString
    names: PStrings
    many: Annotated[tuple[int, ...], Items(">B", "<I")]
    loose: LooseLE
    rest: Rest


def test_every_kind_of_field_has_words() -> None:
    """Size, byte order and, up to the first field without a fixed size, the offset."""
    assert fields(Everything, 10) == [
        "@10 1 byte",
        "@11 2 BE word",
        "@13 2 LE word_le",
        "@15 4 BE long",
        "@19 4 LE long_le",
        "@23 6 raw",
        "@29 48 text text",
        "@77 7 time time",
        "@84 pstr name",
        "1 count, then pstr each: names",
        "1 count, then 4 LE each: many",
        "4 LE (or its first 1 to 3) loose",
        "the rest: rest",
    ]


class Odd(Field):
    """A kind of field that the page knows nothing of."""


class Strange(Layout, source="none"):
    odd: Annotated[int, Odd()]


def test_a_field_without_words_is_told() -> None:
    """A new kind of field has to be given words; the page never says something vague."""
    with pytest.raises(TypeError, match="Odd has no words yet"):
        fields(Strange, 8)


def test_codes_of_a_function() -> None:
    """The completion codes are those that the function declares; most declare none or a few."""
    found = rows(page(SERVICES))
    assert [found[number][4] for number in ("25", "23/254", "23/29")] == [
        "",
        "0xC6, 0xFD",
        "0x7A, 0x7B, 0x7C, 0xE0, 0xFB",
    ]


def test_constants_are_all_there() -> None:
    """Packet types with their meanings, the status bits, and every completion code."""
    text = page(SERVICES)
    assert all(f"| {words(name)} | " in text for name in PACKET_TYPES)
    assert "| 0x40 | message waiting | " in text
    assert all(f"| 0x{code:02X} | {words(name)} | " in text for name, code in Code.__members__.items())
