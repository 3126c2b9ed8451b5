"""What a tree knows of its entries for a login: RSA keys, and the credentials that logins were given.

The keys come from the server's seed, so that runs stay the same, and each is made at its first use.
"""

from __future__ import annotations

from functools import cache
from random import Random

from fakenw.crypto.keys import PrivateKey

CREDENTIAL = 8
_KEPT = 1000  # credentials; no source says how long one lives


@cache  # a key takes 30 ms, and servers of one seed have the same
def _key(seed: int, entry: int) -> PrivateKey:
    return PrivateKey.generate(Random(f"{seed} {entry}"))


class NdsKeys:
    """The keys of a server with this seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._credentials: dict[tuple[int, bytes], None] = {}

    def of(self, entry: int) -> PrivateKey:
        return _key(self._seed, entry)

    def issue(self, entry: int, random: Random) -> bytes:
        """A credential: the password of the entry was right. The latest thousand count."""
        credential = random.randbytes(CREDENTIAL)
        self._credentials[entry, credential] = None
        if len(self._credentials) > _KEPT:
            del self._credentials[next(iter(self._credentials))]
        return credential

    def issued(self, entry: int, credential: bytes) -> bool:
        return (entry, credential) in self._credentials
