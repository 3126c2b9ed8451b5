r"""NAL paths, and the registry keys of the Network Abstraction Layer (NAL) of the SMS 2.0 client.

Rules of this file:

* KB Q257223 gives the key ``HKLM\Software\Microsoft\NAL\Client\Connections\<account>\Deviceless\ResourceN``
  with three values: NAL path, persistence count, reference count. It gives neither their names nor
  their types: those here are ours. The other keys and values are those of KB Q235873 and Q287716.
* A path is printed as it was read. Its display part is for consoles: it may be missing, or differ (Q267558).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CLIENT = r"HKEY_LOCAL_MACHINE\Software\Microsoft\NAL\Client"
CONNECTIONS = rf"{CLIENT}\Connections"
NAL_PATH = "NAL Path"
PERSISTENCE = "Persistence Count"
REFERENCE = "Reference Count"

TYPES = ("MSWNET", "NWBIND", "NWNDS", "LOCAL", "GENERIC", "ABEXPRT")

_QUALIFIERS = r'\[\s*"[^"]*"(?:\s*,\s*"[^"]*")*\s*\]'
_PATH = re.compile(rf'({_QUALIFIERS})?([A-Za-z]+):({_QUALIFIERS})?([^"\[\x00-\x1f][^"\x00-\x1f]*)')
_UNC = re.compile(r"\\\\[^\\]+(\\[^\\]+)*\\?")


@dataclass(frozen=True, slots=True)
class NalPath:
    r"""A NAL path: ``["Display=\\SRV\"]NWBIND:["SMS_SITE=GS1"]\\SRV\VOL1\CAP_GS1\`` (KB Q239828, Q235873, Q267558).

    ``display`` and ``qualifiers`` are the quoted texts of the two lists. ``path`` is the network's own
    path, as it was written. A backslash is not an escape.
    """

    type: str
    path: str
    qualifiers: tuple[str, ...] = ()
    display: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> NalPath:
        """Read a NAL path. Raises ValueError with the expected form."""
        match = _PATH.fullmatch(text.strip())
        if match is None:
            raise ValueError(rf'expected a NAL path such as NWBIND:["SMS_SITE=GS1"]\\SERVER\VOLUME\DIR\, got {text!r}')
        display, kind, qualifiers, path = match.groups()
        if kind.upper() not in TYPES:
            raise ValueError(f"{kind} is no type of a NAL path; expected {', '.join(TYPES)}")
        if kind.upper() != "LOCAL" and not _UNC.fullmatch(path):
            raise ValueError(rf"expected \\SERVER\... after {kind}:, got {path!r}")
        return cls(kind.upper(), path, _texts(qualifiers), _texts(display))

    def __str__(self) -> str:
        return f"{_listed(self.display)}{self.type}:{_listed(self.qualifiers)}{self.path}"

    @property
    def site(self) -> str | None:
        """The three characters of the qualifier SMS_SITE, or None."""
        return next((text.partition("=")[2] for text in self.qualifiers if text.upper().startswith("SMS_SITE=")), None)

    @property
    def preferred(self) -> bool:
        """Whether the qualifier PREFERRED is there (KB Q235873)."""
        return any(text.upper() == "PREFERRED" for text in self.qualifiers)

    @property
    def server(self) -> str:
        """The server; of NWNDS the tree; empty in a LOCAL path without one."""
        return self._part(0)

    @property
    def volume(self) -> str:
        """The volume, the share, or the NDS volume object; empty where the path ends before."""
        return self._part(1)

    @property
    def directory(self) -> str:
        """The part after the volume, without the backslashes around it."""
        return self._part(2)

    def same_place(self, other: NalPath) -> bool:
        """Whether both lead to the same place. Case and qualifiers do not count."""
        mine, theirs = (path.path.rstrip("\\").lower() for path in (self, other))
        return self.type == other.type and mine == theirs

    def begins(self, other: NalPath) -> bool:
        """Whether *other* is this path, or below it: a preferred path may be a prefix (KB Q235873, SP1)."""
        mine, theirs = (path.path.rstrip("\\").lower() + "\\" for path in (self, other))
        return self.type == other.type and theirs.startswith(mine)

    def _part(self, n: int) -> str:
        if not self.path.startswith("\\\\"):
            return ""
        parts = self.path[2:].rstrip("\\").split("\\", 2)
        return parts[n] if n < len(parts) else ""


def _texts(listed: str | None) -> tuple[str, ...]:
    return tuple(re.findall(r'"([^"]*)"', listed or ""))


def _listed(texts: tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]" if texts else ""
