r"""The arbiter's counters of KB Q257223 in the dump of a real machine's registry.

Rules of this file:

* An entry is any key ``...\NAL\Client\Connections\<account>\...\ResourceN``, under ``Deviceless`` or a key beside it,
  and any other key there with a NAL path.
* The KB gives neither names nor types of the three values, and the names of ``harness.client.nal_path`` are ours. So a
  value is first sought by its name (``ValueNames``); then the path by its form, as data or, as NAL does elsewhere,
  as the name of a value (Q235873); and the counts by "persist" and "ref" in their names, but not by ``PREFERRED``.
* A count is a number, decimal or 0x hex text, or bytes (little endian). A missing count is None, never zero.
* A count whose highest bit is set, such as 0xffffffff, is below zero: a counter that was decremented too often. It
  counts no user.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.client.nal_path import NAL_PATH, PERSISTENCE, REFERENCE, NalPath
from harness.client.registry import Binary, Data, Expand, Qword, Registry

_ENTRY = re.compile(r"(?:.*\\)?NAL\\Client\\Connections\\([^\\]+)\\(?:.*\\)?([^\\]+)", re.IGNORECASE | re.DOTALL)
_RESOURCE = re.compile(r"resource[0-9]+", re.IGNORECASE)
_PERSISTENCE = re.compile("persist", re.IGNORECASE)
_REFERENCE = re.compile("(?<!p)ref", re.IGNORECASE)
_NUMBER = re.compile(r"\s*(?:0x([0-9a-f]{1,16})|(-?[0-9]{1,20}))\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ValueNames:
    """The names of the three values; None is a value that was not found."""

    path: str | None = NAL_PATH
    persistence: str | None = PERSISTENCE
    reference: str | None = REFERENCE


OURS = ValueNames()


@dataclass(frozen=True, slots=True)
class Dumped:
    """An entry of the arbiter: owner, key, path, the two counts (None: not found), and the names of these values.

    A count below zero was decremented too often.
    """

    account: str  # as in Q257223, without the & at the end
    key: str
    path: NalPath | None
    persistence: int | None
    reference: int | None
    names: ValueNames

    @property
    def resource(self) -> str:
        """The last name of the key, such as Resource1."""
        return self.key.rpartition("\\")[2]

    @property
    def zero(self) -> bool | None:
        """Whether it counts no user; None where a count was not found, and the other is no user."""
        counts = (self.persistence, self.reference)
        if any(count is not None and count > 0 for count in counts):
            return False
        return None if None in counts else True


def entries(registry: Registry, names: ValueNames = OURS) -> list[Dumped]:
    """The entries of every account, in the order of *registry*. *names* are tried before other names."""
    found = (_entry(key, registry.values(key), names) for key in registry)
    return [entry for entry in found if entry]


def _entry(key: str, values: dict[str, Data], names: ValueNames) -> Dumped | None:
    match = _ENTRY.fullmatch(key)
    if match is None:
        return None
    path_name, path = next(_paths(values, names.path), (None, None))
    if path is None and not _RESOURCE.fullmatch(match[2]):
        return None
    counts = {name: number for name, data in values.items() if (number := _count(data)) is not None}
    counts.pop(path_name or "", None)
    persistence_name = _sought(counts, names.persistence, _PERSISTENCE)
    reference_name = _sought([name for name in counts if name != persistence_name], names.reference, _REFERENCE)
    return Dumped(
        html.unescape(match[1]).removesuffix("&"),
        key,
        path,
        None if persistence_name is None else counts[persistence_name],
        None if reference_name is None else counts[reference_name],
        ValueNames(path_name, persistence_name, reference_name),
    )


def _paths(values: dict[str, Data], wanted: str | None) -> Iterator[tuple[str, NalPath]]:
    """The names of the values that are NAL paths, with these paths, the likeliest first."""
    texts = {name: data.text if isinstance(data, Expand) else data for name, data in values.items()}
    first = sorted(texts, key=lambda name: not _same(name, wanted))
    for name, text in [*((name, texts[name]) for name in first), *((name, name) for name in texts)]:
        try:
            yield name, NalPath.parse(text if isinstance(text, str) else "")
        except ValueError:
            continue


def _sought(names: Iterable[str], wanted: str | None, pattern: re.Pattern[str]) -> str | None:
    likely = [name for name in names if _same(name, wanted) or pattern.search(name)]
    return min(likely, key=lambda name: not _same(name, wanted), default=None)


def _same(name: str, wanted: str | None) -> bool:
    return wanted is not None and name.lower() == wanted.lower()


def _count(data: Data) -> int | None:
    match data:
        case int() as number:
            return _signed(number, 32)
        case Qword(number):
            return _signed(number, 64)
        case Binary(raw) if 1 <= len(raw) <= 8:
            return _signed(int.from_bytes(raw, "little"), 8 * len(raw))
        case Expand(text):
            return _count(text)
        case str() if match := _NUMBER.fullmatch(data):
            number = int(match[1], 16) if match[1] else int(match[2])
            return _signed(number, 32 if number < 1 << 32 else 64)
    return None


def _signed(number: int, bits: int) -> int:
    return number - (1 << bits) if number >= 1 << bits - 1 else number
