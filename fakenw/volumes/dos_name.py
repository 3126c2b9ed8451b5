"""DOS names: folding, the 8.3 form, wild cards, aliases.

* Names are text. On the wire they are bytes of code page 437, all 256 of which survive the round trip.
* Names are compared without case, and only A to Z have case: a workstation folds by its code page, the server by ASCII.
* For a name that is no DOS name an alias is made, such as LONGNAM0.TXT. ``directory_names`` chooses among the aliases.
"""

from __future__ import annotations

import re
import string

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
    return name.upper() if name.isascii() else name.translate(_FOLD)


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
    return part_matches(stem, own_stem) and part_matches(extension, own_extension)


def part_matches(pattern: str, text: str) -> bool:
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


def alias_parts(name: str) -> tuple[str, str]:
    """The stem and the extension, with its point, of the DOS name that a server makes for a long name.

    Up to eight valid characters before the first point, up to three behind the last; all others are left out (Novell,
    "Long to DOS Conversions" for NetWare 4.x; its algorithm of 5.x and 6.x is "slightly more complex", not published).
    Inferred: points at the ends are left out too, and ``_`` stands for a stem without any valid character.
    """
    stem, _, rest = fold(name).strip(".").partition(".")
    extension = _valid(rest.rpartition(".")[2], 3)
    return _valid(stem, 8) or "_", f".{extension}" if extension else ""


def alias(stem: str, extension: str, place: int) -> str:
    """The DOS name that is tried in *place*: without digits, then with 0 to 9, 00 to 99 and so on in its end.

    The digits replace the last characters of a stem of eight (Novell: THISISTH, THISIST0, THISIS00), and follow a
    shorter one (HP's NetWare 4.1 Concepts: "a numbered suffix").
    """
    digits = ""
    if place:
        number, width = place - 1, 1
        while number >= 10**width:
            number, width = number - 10**width, width + 1
        digits = f"{number:0{width}}"
    return stem[: 8 - len(digits)] + digits + extension


def _valid(text: str, most: int) -> str:
    found = ""
    for character in text:
        if _dos_character(character):
            found += character
            if len(found) == most:
                break
    return found
