"""Envelopes: a random secret under RSA, and data sealed with that secret."""

from __future__ import annotations

import struct
from random import Random

from fakenw.crypto.hashes import short_hash
from fakenw.crypto.keys import HALF, SIZE, PrivateKey, PublicKey
from fakenw.crypto.seals import NotOpened, seal, unseal

_TO_SERVER = struct.Struct("<IHHIIIHHHH")  # 1, 9, 2, length, 65, 1, 1, 9, 53, 28
_FROM_SERVER = struct.Struct("<IHHIIIHHHH")  # 1, 9, 2, length, 68, 1, 1, 10, 56, 52
_FILL = b"\x0b"
_ANSWER = struct.Struct("<I")


def block(secret: bytes, random: Random) -> int:
    """The number under RSA: 28 bytes of *secret*, filling, two hashes and five random bytes, below 2 ** 416."""
    head = _FILL + secret + _FILL * 11
    head += short_hash(5, head[1:40])
    head += short_hash(2, head)
    return int.from_bytes(head + random.randbytes(5), "little")


def secret_of(number: int) -> bytes:
    """The secret in a block; raises NotOpened."""
    data = number.to_bytes(SIZE, "little")
    if short_hash(5, data[1:40]) != data[40:45] or short_hash(2, data[:45]) != data[45:47]:
        raise NotOpened("not a block of this key")
    return data[1 : 1 + HALF]


def envelope(key: PublicKey, data: bytes, random: Random) -> bytes:
    """*data* for the owner of *key*."""
    secret = random.randbytes(HALF)
    cipher = key.power(block(secret, random)).to_bytes(SIZE, "little")
    sealed = seal(secret, data)
    head = _TO_SERVER.pack(1, 9, 2, 76 + len(sealed), 65, 1, 1, 9, 53, 28)
    return head + cipher + len(sealed).to_bytes(4, "little") + sealed


def open_envelope(key: PrivateKey, data: bytes) -> bytes:
    """What is in an envelope for this key; raises NotOpened."""
    if len(data) < 88:
        raise NotOpened(f"an envelope of {len(data)} bytes")
    one, nine, two, _, _, *kind, number_size, secret_size = _TO_SERVER.unpack_from(data)
    number = int.from_bytes(data[28:84], "little")
    if [one, nine, two, *kind, number_size, secret_size] != [1, 9, 2, 1, 1, 9, 53, 28] or number >= key.public.n:
        raise NotOpened("not an envelope for this key")
    return unseal(secret_of(key.power(number)), data[88 : 88 + int.from_bytes(data[84:88], "little")])


def signed_nonce(key: PrivateKey, nonce: bytes, random: Random) -> bytes:
    """*nonce* (4 bytes) so that only the owner of *key* can have written it: the reply to verb 59 behind its authid."""
    secret = random.randbytes(HALF)
    cipher = key.power(block(secret, random)).to_bytes(SIZE, "little")
    head = _FROM_SERVER.pack(1, 9, 2, 104, 68, 1, 1, 10, 56, 52)
    sealed = seal(secret, nonce)
    return head + cipher + len(sealed).to_bytes(4, "little") + sealed


def nonce_of(key: PublicKey, data: bytes) -> bytes:
    """The nonce of ``signed_nonce``; raises NotOpened."""
    if len(data) < 88 or _FROM_SERVER.unpack_from(data)[:3] != (1, 9, 2):
        raise NotOpened("not a signed nonce")
    secret = secret_of(key.power(int.from_bytes(data[28:84], "little")))
    return unseal(secret, data[88 : 88 + int.from_bytes(data[84:88], "little")])
