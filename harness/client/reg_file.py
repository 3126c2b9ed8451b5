r"""Files for regedit (.reg), read and written as regedit does.

Rules of this file:

* ``REGEDIT4`` (Windows 95 to NT 4.0) is 8-bit ANSI, ``Windows Registry Editor Version 5.00`` (2000 and later) is
  UTF-16LE with a byte order mark, both with CRLF. The reader also accepts UTF-16BE, UTF-8 and LF. Without a mark a
  file of version 5.00 is read as UTF-8, and where that fails as ANSI.
* The first line decides whether the bytes of ``hex(1)``, ``hex(2)`` and ``hex(7)`` are ANSI or UTF-16LE. Text after
  ``REGEDIT4`` in it is ignored, as by the regedit of Windows 95 and NT 4.0.
* Names of keys are not escaped, and the last ``]`` of the line ends them. In quotes a backslash stands before ``\`` and
  ``"``, or writes a line break as ``\r`` and ``\n``, as Wine does; regedit itself writes the break as it is.
* ``[-key]`` deletes a key, ``"name"=-`` a value. A name that is set twice has the last data and the first spelling.
* Data in hex goes on in the next line after a backslash, or, as KB Q186146 prints it, after a comma if hex follows.
  Blanks may stand between any two tokens, and ``;`` begins a comment.
* regedit skips a mistake silently. Here it is an error with its line, and nothing of the file is merged. Characters
  that version 4 cannot hold are refused, not replaced by question marks.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import NoReturn

from fakenw.config.yaml_file import expected_one_of, shown
from harness.client.registry import HEADERS, Data, Registry, decode, from_ansi, from_bytes, to_ansi

ROOTS = (
    "HKEY_LOCAL_MACHINE",
    "HKEY_CURRENT_USER",
    "HKEY_USERS",
    "HKEY_CLASSES_ROOT",
    "HKEY_CURRENT_CONFIG",
    "HKEY_DYN_DATA",
)
MAX_DEPTH = 512  # of nested keys

_END = r"[ \t]*(?:;[^\r\n]*)?(?:\r\n?|\n|\Z)"  # the rest of a line
_QUOTED = r'"([^"\\]*(?:\\.[^"\\]*)*)"'
_BLANK = re.compile(_END)
_HEADER = re.compile(r"([^\r\n]*)(?:\r\n?|\n|\Z)")
_KEY = re.compile(rf"[ \t]*\[(-?)([^\r\n]*)\]{_END}")
_NAME = re.compile(rf"[ \t]*(?:@|{_QUOTED})[ \t]*=[ \t]*", re.DOTALL)
_STRING = re.compile(_QUOTED + _END, re.DOTALL)
_NUMBER = re.compile(rf"dword:[ \t]*([0-9a-f]{{1,8}}){_END}", re.IGNORECASE)
_TYPE = re.compile(r"hex(?:\(([0-9a-f]{1,8})\))?:", re.IGNORECASE)
_BYTES = re.compile(rf"([^;\r\n]*){_END}")
_BYTE = re.compile(r"[ \t]*[0-9a-f]{1,2}[ \t]*", re.IGNORECASE)
_MORE_BYTES = re.compile(r"[ \t]*[0-9a-f]{1,2}[ \t]*[,\\;\r\n]", re.IGNORECASE)
_DELETED = re.compile(rf"-{_END}")

_Edit = Callable[[Registry], None]


class RegError(ValueError):
    """A file cannot be read, or a registry cannot be written: the place, the mistake, and what was expected."""


def parse(data: bytes, name: str, into: Registry | None = None) -> Registry:
    """Read *data*, the content of the file *name*, into a new registry, or merge it *into* one. Raises RegError.

    A file with a mistake changes nothing.
    """
    edits = list(_Reader(_decoded(data, name), name).edits())
    registry = Registry() if into is None else into
    for edit in edits:
        edit(registry)
    return registry


def dump(registry: Registry, version: int = 5) -> bytes:
    """The content of a .reg file of *version* 4 or 5. Raises RegError with the key that cannot be written."""
    if version not in HEADERS:
        raise RegError(f"version {version} of .reg files; expected 4 or 5")
    head = f"{HEADERS[version]}\r\n\r\n"
    parts = [to_ansi(head) if version == 4 else codecs.BOM_UTF16_LE + head.encode("utf-16-le")]
    for key in registry:
        try:
            text = registry.section(key, version)
            parts.append(to_ansi(text) if version == 4 else text.encode("utf-16-le", "surrogatepass"))
        except UnicodeEncodeError as problem:
            character = problem.object[problem.start]
            raise RegError(
                f"[{key}]: {character!r} (U+{ord(character):04X}) is not in code page 1252, the only one of REGEDIT4;"
                " expected version 5"
            ) from None
        except ValueError as problem:
            raise RegError(f"[{key}]: {problem}") from None
    return b"".join(parts)


def encoded(text: str, name: str) -> bytes:
    """*text*, a .reg file of version 4, as bytes; as version 5 where ANSI cannot hold it. Raises RegError."""
    try:
        return to_ansi(text)
    except UnicodeEncodeError:
        return dump(parse(codecs.BOM_UTF16_LE + text.encode("utf-16-le", "surrogatepass"), name), 5)


def _decoded(data: bytes, name: str) -> str:
    if data.lstrip().startswith(b"REGEDIT"):
        return from_ansi(data)
    try:
        return decode(data, "surrogatepass")  # names are any 16-bit units
    except UnicodeDecodeError as problem:
        line, encoding = problem.object[: problem.start].count(b"\n") + 1, problem.encoding.upper()
        raise RegError(f"{name}:{line}: not {encoding}; expected the encoding of its byte order mark") from None


class _Reader:
    """Reads the text of a file once; ``at`` is the next character."""

    def __init__(self, text: str, name: str) -> None:
        self.text, self.name, self.at = text, name, 0

    def edits(self) -> Iterator[_Edit]:
        """The changes that the file makes to a registry, in order."""
        version = self._header()
        key: str | None = None
        while self.at < len(self.text):
            if self._match(_BLANK):
                continue
            if found := self._match(_KEY):
                deleted, key = found[1], self._checked(found[2], found.start())
                yield partial(Registry.delete if deleted else Registry.create, key=key)
                key = None if deleted else key
                continue
            start = self.at
            if not (found := self._match(_NAME)):
                self._fail(start, self._rest(), '[key], "name"=..., @=... or a comment after ;')
            if key is None:
                self._fail(start, "a value that is under no key", "[key] above it")
            value = self._unescaped(found[1] or "", start)
            if self._match(_DELETED):
                yield partial(Registry.delete_value, key=key, name=value)
            else:
                yield partial(Registry.set, key=key, name=value, data=self._data(version))

    def _header(self) -> int:
        found = self._match(_HEADER)
        first = found[1].strip(" \t") if found else ""
        if first.startswith(HEADERS[4]):
            return 4
        if first == HEADERS[5]:
            return 5
        what = "the first line of a file for Windows 3.1" if first.startswith("REGEDIT") else f"the line {shown(first)}"
        self._fail(0, what, f"{HEADERS[4]} or {HEADERS[5]}")

    def _checked(self, key: str, start: int) -> str:
        root, *rest = key.split("\\")
        if root.upper() not in ROOTS:
            wanted = expected_one_of(ROOTS, root.upper()).removeprefix("expected ")
            self._fail(start, f"{shown(root)} is no root of a registry", wanted)
        if len(rest) > MAX_DEPTH:
            self._fail(start, f"a key of {len(rest)} nested keys", f"at most {MAX_DEPTH}: the limit of Windows")
        if not all(rest):
            self._fail(start, f"an empty name in the key {shown(key)}", "single backslashes: keys are not escaped")
        return key

    def _data(self, version: int) -> Data:
        start = self.at
        if found := self._match(_STRING):
            return self._unescaped(found[1], start)
        if found := self._match(_NUMBER):
            return int(found[1], 16)
        if found := self._match(_TYPE):
            return from_bytes(int(found[1] or "3", 16), self._bytes(), ansi=version == 4)
        if self.text.startswith('"', start):
            self._fail(start, f"{self._rest()} has no closing quote", 'text in quotes, with \\\\ and \\" in it')
        self._fail(start, self._rest(), '"text", dword:xxxxxxxx, hex:xx,xx, hex(n):xx,xx or -')

    def _bytes(self) -> bytes:
        raw = bytearray()
        while True:
            start = self.at
            found = self._match(_BYTES)
            line = found[1].strip() if found else ""
            more = line.endswith("\\")
            line = line.removesuffix("\\").rstrip()
            for byte in line.removesuffix(",").split(",") if line else ():
                if not _BYTE.fullmatch(byte):
                    self._fail(start, f"{shown(byte)} among the bytes", "two hex digits each, and commas between them")
                raw.append(int(byte, 16))
            if not more and not (line.endswith(",") and _MORE_BYTES.match(self.text, self.at)):
                return bytes(raw)
            while more and self.at < len(self.text) and self._match(_BLANK):
                pass
            if self.at == len(self.text):
                self._fail(start, "the file ends after a backslash", "more bytes in the next line")

    def _unescaped(self, quoted: str, start: int) -> str:
        def plain(found: re.Match[str]) -> str:
            character = found[1]
            if character not in '\\"rn':
                self._fail(start, f"a backslash before {character!r}", '\\\\ or \\": in quotes a backslash is doubled')
            return {"r": "\r", "n": "\n"}.get(character, character)

        return re.sub(r"\\(.)", plain, quoted, flags=re.DOTALL)

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def _rest(self) -> str:
        """The rest of the line, for a message."""
        found = re.compile(r"[^\r\n]*").match(self.text, self.at)
        return shown(found[0].strip() if found else "")

    def _fail(self, at: int, what: str, expected: str) -> NoReturn:
        line = len(re.findall(r"\r\n?|\n", self.text[:at])) + 1
        raise RegError(f"{self.name}:{line}: {what}; expected {expected}")
