"""The proof of verb 60: a client shows that it knows its user's private key and does not tell it.

It is Guillou and Quisquater's identification in three rounds, whose challenge is a hash: nothing is asked back.
"""

from __future__ import annotations

import struct
from random import Random

from fakenw.crypto.hashes import long_hash
from fakenw.crypto.keys import SIZE, PrivateKey, PublicKey
from fakenw.crypto.seals import NotOpened

_HEAD = struct.Struct("<IHHHH")  # 1, 8, 16, rounds, bytes of the rounds' numbers
_IDENTITY = struct.Struct("<IH8s4sHH")  # 1, 6, credential, random, 0, length of the name
_ROUNDS = 3
_CHALLENGE = 0x3C


def identity(credential: bytes, name: bytes, random: Random) -> bytes:
    """What is proven: *credential* is verb 58's, *name* the user's in UTF-16 with its NUL."""
    return _IDENTITY.pack(1, 6, credential, random.randbytes(4), 0, len(name)) + name


def credential_of(data: bytes) -> bytes:
    """The credential of an identity; raises NotOpened."""
    if len(data) < _IDENTITY.size or data[:6] != b"\1\0\0\0\6\0":
        raise NotOpened("not an identity")
    credential: bytes = _IDENTITY.unpack_from(data)[2]
    return credential


def prove(key: PrivateKey, authid: bytes, what: bytes, random: Random) -> bytes:
    """The proof for the identity *what*."""
    return prove_with(key, authid, what, [random.randrange(2, key.public.n) for _ in range(_ROUNDS)])


def prove_with(key: PrivateKey, authid: bytes, what: bytes, chosen: list[int]) -> bytes:
    """The proof with the random numbers *chosen*."""
    n = key.public.n
    secret = key.power(int.from_bytes(long_hash(what), "little"))
    shown = [key.public.power(number) for number in chosen]
    answers = [
        pow(secret, exponent, n) * number % n
        for exponent, number in zip(_exponents(authid, what, _numbers(shown)), chosen, strict=True)
    ]
    return _HEAD.pack(1, 8, 16, _ROUNDS, _ROUNDS * SIZE) + _numbers(shown) + _numbers(answers)


def check(key: PublicKey, authid: bytes, what: bytes, proof: bytes) -> None:
    """Raises NotOpened where *proof* does not show for *what* that the client knows the private key."""
    size = _ROUNDS * SIZE
    if len(proof) < _HEAD.size + 2 * size or _HEAD.unpack_from(proof) != (1, 8, 16, _ROUNDS, size):
        raise NotOpened("not a proof")
    numbers = proof[_HEAD.size : _HEAD.size + 2 * size]
    values = [int.from_bytes(numbers[at : at + SIZE], "little") for at in range(0, 2 * size, SIZE)]
    hashed = int.from_bytes(long_hash(what), "little")
    for exponent, shown, answer in zip(
        _exponents(authid, what, numbers[:size]), values[:_ROUNDS], values[_ROUNDS:], strict=True
    ):
        if not (0 < shown < key.n and 0 < answer < key.n):
            raise NotOpened("a number beyond the key")
        if key.power(answer) != pow(hashed, exponent, key.n) * shown % key.n:
            raise NotOpened("a wrong proof")


def _exponents(authid: bytes, what: bytes, shown: bytes) -> list[int]:
    head = struct.pack("<II4sI", 0, _CHALLENGE, authid, len(what))
    hashed = long_hash(head + what + shown)
    return [int.from_bytes(hashed[2 * i : 2 * i + 2], "little") for i in range(_ROUNDS)]


def _numbers(values: list[int]) -> bytes:
    return b"".join(value.to_bytes(SIZE, "little") for value in values)
