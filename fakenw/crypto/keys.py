"""The RSA keys of NDS entries, 420 bits each, and their forms on the wire.

The size is libncp's (``lib/ds/setkeys.c``); lengths in its envelopes fit no other. All numbers are little-endian.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import gcd
from random import Random

from fakenw.crypto.hashes import short_hash
from fakenw.crypto.seals import NotOpened

BITS = 420
SIZE = 56  # bytes of a number modulo n
HALF = 28
E = 65537
_VERSION = b"1.7b"
_PUBLIC, _PRIVATE = 3, 4
_MARKS = {_PUBLIC: b"PURSAF", _PRIVATE: b"PRRSAF"}
_ROUNDS = 24  # of Miller and Rabin's test


@dataclass(frozen=True)
class PublicKey:
    """Numbers modulo *n*, of 420 bits, to the power *e*."""

    n: int
    e: int = E

    def power(self, number: int) -> int:
        return pow(number, self.e, self.n)

    def encode(self) -> bytes:
        """The key as the value of the attribute Public Key holds it, behind a head."""
        inverse = ("NI", (2 * (SIZE - 3) * 8, 62))
        quotient = ("NI", ((1 << inverse[1][0]) // self.n).to_bytes(inverse[1][1], "little"))
        return _encode(_PUBLIC, [("NN", _number(self.n)), quotient, ("EN", self.e.to_bytes(5, "little"))])

    @classmethod
    def decode(cls, data: bytes) -> PublicKey:
        chunks = _chunks(data, _PUBLIC)
        return cls(int.from_bytes(chunks["NN"], "little"), int.from_bytes(chunks["EN"], "little"))


@dataclass(frozen=True)
class PrivateKey:
    """The key with the primes *p* > *q* of 210 bits."""

    p: int
    q: int
    e: int = E

    @classmethod
    def generate(cls, random: Random) -> PrivateKey:
        """A key of *random*: about 30 ms."""
        p, q = _prime(random), _prime(random)
        while p == q:
            q = _prime(random)
        return cls(max(p, q), min(p, q))

    @cached_property
    def d(self) -> int:
        return pow(self.e, -1, (self.p - 1) * (self.q - 1))

    @cached_property
    def public(self) -> PublicKey:
        return PublicKey(self.p * self.q, self.e)

    def power(self, number: int) -> int:
        return pow(number, self.d, self.public.n)

    def encode(self) -> bytes:
        halves = {
            "PN": self.p,
            "QN": self.q,
            "DP": self.d % (self.p - 1),
            "DQ": self.d % (self.q - 1),
            "CR": pow(self.q, -1, self.p),
        }
        return _encode(
            _PRIVATE,
            [
                ("NN", _number(self.public.n)),
                ("EN", self.e.to_bytes(5, "little")),
                *((name, value.to_bytes(HALF, "little")) for name, value in halves.items()),
            ],
        )

    @classmethod
    def decode(cls, data: bytes) -> PrivateKey:
        p, q, e = (int.from_bytes(_chunks(data, _PRIVATE)[name], "little") for name in ("PN", "QN", "EN"))
        return cls(p, q, e)


def _number(value: int) -> bytes:
    return value.to_bytes(SIZE, "little")


def _encode(kind: int, numbers: list[tuple[str, bytes]]) -> bytes:
    bits = BITS.to_bytes(2, "little")
    body = b"".join(
        _chunk(*each) for each in [("BV", _VERSION), ("BC", bytes([kind])), ("BA", b"\x30"), ("BL", bits), *numbers]
    )
    body += _chunk("MA", short_hash(8, body))
    body += len(body).to_bytes(2, "little") + _MARKS[kind]
    size = len(body).to_bytes(2, "little")
    if kind == _PUBLIC:  # two words stand before the length, of a private key only one
        return bytes.fromhex("0100000003000100") + size + body
    return bytes.fromhex("010000000200") + size + body


def _chunk(name: str, value: bytes) -> bytes:
    return name.encode() + len(value).to_bytes(2, "little") + value


def _chunks(data: bytes, kind: int) -> dict[str, bytes]:
    """The parts of a key by name, after their hash is checked. Raises NotOpened."""
    head = 10 if kind == _PUBLIC else 8
    body = data[head : head + int.from_bytes(data[head - 2 : head], "little")]
    chunks, rest = {}, body[:-8]
    while len(rest) >= 4:
        size = int.from_bytes(rest[2:4], "little")
        chunks[rest[:2].decode("latin-1")] = rest[4 : 4 + size]
        rest = rest[4 + size :]
    wanted = {"BC", "NN", "EN", "MA"} | ({"PN", "QN"} if kind == _PRIVATE else set())
    if not wanted <= chunks.keys() or chunks["BC"] != bytes([kind]) or chunks["MA"] != short_hash(8, body[:-20]):
        raise NotOpened("not a key")
    return chunks


def _prime(random: Random) -> int:
    """A prime of 210 bits with both top bits set, whose predecessor is no multiple of e."""
    while True:
        number = random.getrandbits(BITS // 2) | 3 << BITS // 2 - 2 | 1
        if gcd(number - 1, E) == 1 and _is_prime(number, random):
            return number


_SMALL = [n for n in range(3, 1000, 2) if all(n % m for m in range(3, int(n**0.5) + 1, 2))]


def _is_prime(number: int, random: Random) -> bool:
    """Miller and Rabin's test of an odd number above 1000."""
    if any(number % small == 0 for small in _SMALL):
        return False
    odd, halvings = number - 1, 0
    while not odd & 1:
        odd, halvings = odd >> 1, halvings + 1
    for _ in range(_ROUNDS):
        power = pow(random.randrange(2, number - 1), odd, number)
        if power in (1, number - 1):
            continue
        for _ in range(halvings - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True
