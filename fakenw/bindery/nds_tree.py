"""The tree of ``--tree``: [Root], one organization with the tree's name, and in it the bindery's objects.

Rules of this file:

* The tree has no state: every result comes from the current bindery. A bindery object's id is its entry id.
* Names are compared without case. ``CN=JOE.O=TREE``, ``JOE.TREE`` and ``.JOE.TREE.[Root]`` are one name; a dot, an
  equals sign, a plus sign or a backslash inside a name is escaped by a backslash.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fakenw.bindery.objects import FILE_SERVER, USER, Bindery, BinderyObject, matches
from fakenw.volumes.dos_name import fold
from fakenw.wire.nds import RDN, TYPELESS, Filter, Filtering, NdsCode, NdsEntry, NdsRefused

ROOT, ORGANIZATION = 0x00010000, 0x00010001
CLASSES = {USER: "User", 0x0002: "Group", 0x0003: "Queue", FILE_SERVER: "NCP Server", 0x0007: "Print Server"}
_PARTITION_ROOT, _CONTAINER = 0x0002, 0x0004
THIS, BELOW, SUBTREE = 0, 1, 2  # scopes of a search


class NdsTree:
    """The tree *name* over a bindery. *made* is the creation time of all entries, in seconds since 1970."""

    def __init__(self, name: str, bindery: Bindery, made: int = 0) -> None:
        name = fold(name)
        if not re.fullmatch(r"[A-Z0-9](?:[A-Z0-9_-]{0,30}[A-Z0-9-])?", name):
            raise ValueError(f"{name!r} cannot be a tree: 1 to 32 letters, digits, - and _, neither _ at the ends")
        self.name, self.made = name, made
        self._bindery = bindery

    @property
    def context(self) -> str:
        """The container of the bindery's objects."""
        return f"O={self.name}"

    def resolve(self, name: str) -> int:
        """The id of the entry called *name*. Raises NdsRefused."""
        parts = [_split(part) for part in re.findall(r"(?:\\.|[^.\\])+", name.rstrip("\0"))]  # nmap pads with NULs
        if parts and parts[-1] in (("", "[ROOT]"), ("T", self.name)):
            parts.pop()
        if not parts:
            return ROOT
        kind, top = parts.pop()
        if kind in ("", "O") and top == self.name:
            if not parts:
                return ORGANIZATION
            kind, leaf = parts.pop()
            for item in self._objects() if kind in ("", "CN") and not parts else ():
                if item.name == leaf:
                    return item.id
        raise NdsRefused(NdsCode.NO_SUCH_ENTRY)

    def below(self, entry: int) -> list[int]:
        """The ids of the entries directly below an entry. Raises NdsRefused."""
        if entry == ROOT:
            return [ORGANIZATION]
        if entry == ORGANIZATION:
            return [item.id for item in self._objects()]
        self._find(entry)
        return []

    def within(self, base: int, scope: int) -> list[int]:
        """The ids in the *scope* of a search. Raises NdsRefused."""
        below = self.below(base)
        if scope == BELOW:
            return below
        if scope == THIS:
            return [base]
        return [base, *(found for child in below for found in self.within(child, SUBTREE))]

    def matches(self, entry: int, wanted: Filter) -> bool:
        """Whether an entry passes a search filter."""
        match wanted.kind:
            case Filtering.ITEM:
                kind, name = self._kind(entry)
                text = _split(wanted.text)[1] if wanted.test == RDN else fold(wanted.text)
                return matches(text, name if wanted.test == RDN else fold(kind))
            case Filtering.NOT:
                return not self.matches(entry, wanted.parts[0])
            case Filtering.OR:
                return any(self.matches(entry, part) for part in wanted.parts)
            case _:
                return all(self.matches(entry, part) for part in wanted.parts)

    def container(self, entry: int) -> bool:
        return entry in (ROOT, ORGANIZATION)

    def entry(self, entry: int, flags: int = 0) -> NdsEntry:
        """The information about an entry, its names as the request's *flags* select. Raises NdsRefused."""
        kind, name = self._kind(entry)
        typed = not flags & TYPELESS
        organization = self.context if typed else self.name
        marks, parent, rdn = {
            ROOT: (_PARTITION_ROOT | _CONTAINER, ROOT, "[Root]"),
            ORGANIZATION: (_CONTAINER, ROOT, organization),
        }.get(entry, (0, ORGANIZATION, f"{'CN=' * typed}{_escape(name)}"))
        return NdsEntry(
            id=entry,
            flags=marks,
            subordinates=len(self.below(entry)),
            modified=self.made,
            root=ROOT,
            parent=parent,
            base_class=kind,
            rdn=rdn,
            dn=rdn if self.container(entry) else f"{rdn}.{organization}",
            parent_dn="[Root]" if self.container(entry) else organization,
        )

    def _kind(self, entry: int) -> tuple[str, str]:
        """Class and name."""
        if entry == ROOT:
            return "Top", "[ROOT]"
        if entry == ORGANIZATION:
            return "Organization", self.name
        item = self._find(entry)
        return CLASSES[item.type], item.name

    def _objects(self) -> Iterator[BinderyObject]:
        return (item for item in self._bindery.objects.values() if item.type in CLASSES)

    def _find(self, entry: int) -> BinderyObject:
        item = self._bindery.objects.get(entry)
        if item is None or item.type not in CLASSES:
            raise NdsRefused(NdsCode.NO_SUCH_ENTRY)
        return item


def _split(part: str) -> tuple[str, str]:
    """A name's type, or an empty text, and the name itself without escapes; both in upper case."""
    kind, equals, name = part.strip().partition("=")
    if not equals or kind.endswith("\\"):
        kind, name = "", part.strip()
    return fold(kind).strip(), fold(re.sub(r"\\(.)", r"\1", name)).strip()


def _escape(name: str) -> str:
    return re.sub(r"[.=+\\]", r"\\\g<0>", name)
