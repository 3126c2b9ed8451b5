"""Names in the name space LONG, which NetWare 4 calls OS2.

* A plain string is a DOS name wherever a path or a pattern says nothing else; ``LongName`` marks the others.
* Case is kept, and is no difference. On the wire a name is bytes of code page 437, as a DOS name is.
"""

from __future__ import annotations

import re

from fakenw.volumes.dos_name import fold, part_matches
from fakenw.wire.layout import CODE_PAGE

_long_name = re.compile(r"""[^\x00-\x1f"*/:<>?\\|]{1,255}""").fullmatch


class LongName(str):
    """A name or a pattern of the name space LONG."""

    __slots__ = ()


def is_long_name(name: str) -> bool:
    """Whether a client can create *name* in LONG (HPFS's rules: 1 to 255 characters, none of ``"*/:<>?\\|``)."""
    if not _long_name(name) or name in (".", ".."):
        return False
    try:
        name.encode(CODE_PAGE)
    except UnicodeEncodeError:
        return False
    return True


def matches_long(pattern: str, name: str) -> bool:
    """Whether the long name *name* matches *pattern*: ``*`` is any text, points included, and ``*.*`` any name.

    ``?`` is any character, or none at the end of the name (inferred from OS/2).
    """
    return pattern == "*.*" or part_matches(fold(pattern), fold(name))
