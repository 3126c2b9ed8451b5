"""Files for regedit, there and back: what is written is read again, and any bytes are read or refused."""

from __future__ import annotations

import re
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.client.reg_file import ROOTS, RegError, dump, parse
from harness.client.registry import Binary, Data, Expand, Multi, Qword, Registry
from tests.harness.client.reg_files import content

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
