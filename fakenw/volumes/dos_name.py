"""DOS names: folding, the 8.3 form, wild cards.

* Names are text. On the wire they are bytes of code page 437, all 256 of which survive the round trip.
* Names are compared without case, and only A to Z have case: a workstation folds by its code page, the server by ASCII.
* A name that is no DOS name is shown under an alias such as LONGNA~1.TXT.
"""

from __future__ import annotations

import re
import string
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator

from fakenw.wire.layout import CODE_PAGE

# DOS shells set the high bit of wild cards (mars_nwe connect.c accepts both forms).
_HIGH_WILD = b"\xaa\xae\xbf".decode(CODE_PAGE)
_WILD = str.maketrans(_HIGH_WILD, "*.?")
_FOLD = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
_NATIONAL = "".join(c for c in bytes(range(0x80, 0x100)).decode(CODE_PAGE) if c not in _HIGH_WILD)
DOS_CHARACTER = f"[A-Z0-9!#$%&'()@^_`{{}}~{re.escape(_NATIONAL)}-]"
_dos_name = re.compile(rf"{DOS_CHARACTER}{{1,8}}(\.{DOS_CHARACTER}{{1,3}})?").fullmatch
_dos_character = re.compile(DOS_CHARACTER).fullmatch


def fold(name: str) -> str:
    """*name* with a to z as A to Z, otherwise unchanged."""
    return name.translate(_FOLD)


def split_pattern(text: str) -> tuple[str, str]:
    r"""Split ``VOL:DIR\*.OFR``, as NCP 64 has it, into the directory's path and the pattern."""
    cut = 1 + max(text.rfind(separator) for separator in ":/\\")
    return text[:cut], text[cut:]


def matches(pattern: str, name: str) -> bool:
    """Whether the DOS name *name* matches *pattern*, by the rules of DOS.

    Stem and extension are compared separately; ``*`` is any text, ``?`` any character, or none at the end of the
    text. So ``*.*`` and ``????????.???`` match every name. A pattern without a dot matches names without
    extension, unless it ends in ``*``: ``LOG*`` is ``LOG*.*``, as on a server.
    """
    stem, point, extension = fold(pattern.translate(_WILD)).rpartition(".")
    if not point:
        stem, extension = extension, "*" if extension.endswith("*") else ""
    own_stem, _, own_extension = fold(name).partition(".")
    return _part_matches(stem, own_stem) and _part_matches(extension, own_extension)


def _part_matches(pattern: str, text: str) -> bool:
    """Whether all of *text* matches. All positions are tracked at once, so that no client's pattern is slow."""
    end = len(text)
    places = {0}
    for character in pattern:
        if character == "*":
            places = set(range(min(places), end + 1))
        elif character == "?":
            places = {min(place + 1, end) for place in places}
        else:
            places = {place + 1 for place in places if place < end and text[place] == character}
        if not places:
            return False
    return end in places


def dos_names(names: Iterable[str]) -> dict[str, str]:
    """DOS name -> name, in the order of the DOS names, for the names of one directory."""
    shown: dict[str, str] = {}
    others: list[str] = []
    for name in sorted(names):
        folded = fold(name)
        if folded not in shown and _dos_name(folded):
            shown[folded] = name
        else:
            others.append(name)
    numbers: dict[tuple[str, str], int] = {}
    for name in others:
        stem, extension = _alias_parts(name)
        number = numbers.get((stem, extension), 0)
        while True:
            number += 1
            tail = f"~{number}"
            alias = stem[: 8 - len(tail)] + tail + extension
            if alias not in shown:
                break
        numbers[stem, extension] = number
        shown[alias] = name
    return dict(sorted(shown.items()))


class DosNames:
    """The names of one directory, each under its DOS name.

    A DOS name is added or discarded at the same cost however many names there are, unless the aliases of others may
    depend on it: those are the same for the same set of names.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._shown = dos_names(names)
        self._order = list(self._shown)
        self._own = {name: dos for dos, name in self._shown.items()}
        self._aliased: dict[str, str] = {}  # folded own name -> alias, the first where several fold to the same
        for dos, name in self._shown.items():
            if fold(name) != dos:
                self._aliased.setdefault(fold(name), dos)

    def __iter__(self) -> Iterator[str]:
        """The own names, in no order."""
        return iter(self._own)

    def own(self, dos: str) -> str:
        """The own name of a DOS name."""
        return self._shown[dos]

    def after(self, dos: str) -> Iterator[tuple[str, str]]:
        """DOS names and own names, in the order of the DOS names, from the first after *dos*.

        Names that are added or discarded meanwhile may be missed or met.
        """
        while (place := bisect_right(self._order, dos)) < len(self._order):
            dos = self._order[place]
            yield dos, self._shown[dos]

    def add(self, name: str) -> DosNames:
        """The names with *name*, which is a DOS name that ``find`` does not find."""
        dos = fold(name)
        if dos in self._shown or dos in self._aliased or not _dos_name(dos):
            return DosNames((*self._own, name))
        self._shown[dos] = name
        self._own[name] = dos
        insort(self._order, dos)
        return self

    def discard(self, name: str) -> DosNames:
        """The names without the own name *name*."""
        dos = self._own.get(name)
        if dos is None:
            return self
        if self._aliased and (fold(name) != dos or "~" in dos or dos in self._aliased):
            return DosNames(own for own in self._own if own != name)
        del self._own[name], self._shown[dos], self._order[bisect_left(self._order, dos)]
        return self

    def find(self, name: str) -> str | None:
        """The DOS name for *name*, which is an own name or a DOS name, in either case."""
        dos = self._own.get(name)
        if dos is not None:
            return dos
        folded = fold(name)
        if folded in self._shown:
            return folded
        return self._aliased.get(folded)


def is_dos_name(name: str) -> bool:
    """Whether a DOS client can create *name*: 8.3, in either case, without wild cards."""
    return bool(_dos_name(fold(name)))


def is_wild(name: str) -> bool:
    return any(c in "*?" for c in name.translate(_WILD))


def renamed(name: str, template: str) -> str:
    """The DOS name *name* renamed by *template*, by the rules of DOS's REN.

    ``?`` keeps the character at its position, ``*`` the rest; stem and extension are treated separately.
    """
    stem, point, extension = fold(template.translate(_WILD)).rpartition(".")
    if not point:
        stem, extension = extension, ""
    own_stem, _, own_extension = name.partition(".")
    new, rest = _part_renamed(own_stem, stem), _part_renamed(own_extension, extension)
    return f"{new}.{rest}" if rest else new


def _part_renamed(text: str, template: str) -> str:
    new = ""
    for place, character in enumerate(template):
        if character == "*":
            return new + text[place:]
        new += text[place : place + 1] if character == "?" else character
    return new


def _alias_parts(name: str) -> tuple[str, str]:
    """Up to six valid characters and, behind a dot, up to three, as Windows chooses them."""
    stem, point, extension = fold(name).replace(" ", "").lstrip(".").rpartition(".")
    if not point:
        stem, extension = extension, ""

    def plain(text: str, length: int) -> str:
        return "".join(c if _dos_character(c) else "_" for c in text.replace(".", "")[:length])

    extension = plain(extension, 3)
    return plain(stem, 6) or "_", f".{extension}" if extension else ""
