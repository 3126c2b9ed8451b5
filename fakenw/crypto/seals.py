"""Sealed messages: data encrypted with a shared secret, behind a head that says what they are."""

from __future__ import annotations

import struct

from fakenw.crypto import rc2
from fakenw.crypto.hashes import short_hash

_HEAD = struct.Struct("<IHHHH")  # 1, 1, kind, length of the cipher, length of the data
_SEALED = 6
_CHECK = 5


class NotOpened(Exception):
    """A seal, an envelope or a proof that the secret or key at hand does not open, or that is malformed."""


def seal(secret: bytes, data: bytes) -> bytes:
    """*data*, padded and with its hash, encrypted with a key derived from *secret*."""
    filling = rc2.BLOCK - (len(data) + _CHECK) % rc2.BLOCK
    padded = data + bytes([filling]) * filling
    cipher = rc2.encrypt(_key(secret), padded + short_hash(_CHECK, padded))
    return _HEAD.pack(1, 1, _SEALED, len(cipher), len(data)) + cipher


def unseal(secret: bytes, sealed: bytes) -> bytes:
    """The data of a seal; raises NotOpened. A wrong secret shows as a wrong hash."""
    if len(sealed) < _HEAD.size:
        raise NotOpened(f"a seal of {len(sealed)} bytes")
    *kind, size, length = _HEAD.unpack_from(sealed)
    cipher = sealed[_HEAD.size : _HEAD.size + size]
    if kind != [1, 1, _SEALED] or not size or size % rc2.BLOCK or len(cipher) < size or length > size - _CHECK - 1:
        raise NotOpened("not a seal")
    plain = rc2.decrypt(_key(secret), cipher)
    if short_hash(_CHECK, plain[:-_CHECK]) != plain[-_CHECK:]:
        raise NotOpened("a wrong secret")
    return plain[:length]


def _key(secret: bytes) -> bytes:
    return short_hash(rc2.BLOCK, secret, passes=10)
