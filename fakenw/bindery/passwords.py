"""NetWare bindery passwords: the stored hash, the answer to a login key, and the transfer of a new hash.

Rules of this file (ncpfs ``lib/nwcrypt.c``, mars_nwe ``src/nwcrypt.c``, after Dr. Dobb's Journal 11/93):

* Nothing is upper-cased here. Clients upper-case before they hash, and so must code that sets a password.
* An object id is hashed as on the wire: four bytes, the highest first.
* Trailing zero bytes are ignored, in a password and in a hash alike.
* A login key with equal halves has eight zero bytes for its answer, whatever the password. Such a key
  would accept every password, so it must never be issued, and a key serves one login only.
* A new hash is sent encrypted with the old one (23/75): each half of eight bytes passes 16 rounds of exclusive or,
  substitution of nibbles and permutation, while the old half rotates by one nibble a round.
"""

from __future__ import annotations

from functools import lru_cache
from random import Random

# The arrays ``encrypttable`` (four bits each, index 0 first) and ``encryptkeys`` of ncpfs.
_NIBBLES = bytes(
    int(digit, 16)
    for digit in (
        "780864e45c17bfa8f8cc941e46240ab92fb1d2195e7002660738293f7fcf64a0"
        "23abd83a17cf189d9194e4c55c8b239e7769efc8d1a6ed077a01f54b7bec95d1"
        "bd135de630bbf3649da3149483be5052cbd5d5d2d9aca0b3536951ee0e82d220"
        "4f859686babf0728c73a1425f7ace593e712e1f4a6c6f430c036f87b2dc6aa8d"
    )
)
_KEYS = bytes.fromhex("48934667983de68db7107a265ab9b1356b0fd570aefbad11f447dca7eccf50c0")
_SIZE = len(_KEYS)
_ROUNDS = tuple(enumerate(_KEYS)) * 2

# The array ``newshuffle`` of ncpfs, which is ``passkeys`` in FreeBSD's libncp (ncpl_bind.c), one hex digit each. A row
# substitutes one nibble: the low one of byte 0, its high one, the low one of byte 1 ... The last row is the permutation
# that ends a round.
_SUBSTITUTES = tuple(
    bytes(int(digit, 16) for digit in row)
    for row in (
        *("f857c2e9016d34ba", "2ce6f018d3a49b57", "529fc4d0ea68b137", "fd26785904c31abe"),
        *("5e2bda708641fc39", "82fa596c0b1d734e", "e8094b27c3a5d16f", "148adb7e5f39026c"),
        *("53c8b2ea41d067f9", "60bed4cf728a1539", "b5aef1c064293d78", "72a0e8f4cb915d36"),
        *("74f951cb038e2a6d", "9480a31c5f72be6d", "9547e831dbc20f6a", "9abd53f01c8764e2"),
    )
)
_PLACES = bytes(int(digit, 16) for digit in "3ef2dc459601b7a8")
_BACK = tuple(bytes(map(row.index, range(16))) for row in _SUBSTITUTES)


@lru_cache(maxsize=1024)
def hash_password(object_id: int, password: bytes) -> bytes:
    """The 16 bytes that a server stores for *password*, which is hashed as given."""
    return _shuffle(object_id.to_bytes(4, "big"), password)


@lru_cache(maxsize=64)  # where client and server are one process, both ask
def answer(key: bytes, hashed: bytes) -> bytes:
    """The 8 bytes that prove the password *hashed* (16 bytes) for the login *key* (8 bytes)."""
    k = bytearray(_shuffle(key[:4], hashed) + _shuffle(key[4:], hashed))
    for s in range(16):
        k[s] ^= k[31 - s]
    return bytes(k[s] ^ k[15 - s] for s in range(8))


def new_login_key(random: Random) -> bytes:
    """A login key: 8 random bytes whose halves are never equal."""
    while True:
        key = random.randbytes(8)
        if key[:4] != key[4:]:
            return key


def decrypt_hash(old: bytes, sent: bytes) -> bytes:
    """The new hash that a client *sent*, encrypted with the hash *old* (16 bytes each)."""
    return _decrypt_half(old[:8], sent[:8]) + _decrypt_half(old[8:], sent[8:])


def real_length(old: bytes, code: int) -> int:
    """The length of a new password from its length byte (mars_nwe: the lowest six bits count)."""
    return (code ^ old[0] ^ old[1]) & 0x3F


def _decrypt_half(old: bytes, sent: bytes) -> bytes:
    key, half = _nibbles(old), _nibbles(sent)
    for turn in reversed(range(16)):
        half = [half[_PLACES.index(s)] for s in range(16)]
        half = [_BACK[s][half[s]] ^ key[s - turn] for s in range(16)]
    return _join(half)


def _nibbles(data: bytes) -> list[int]:
    """The halves of every byte, the low one first."""
    return [nibble for byte in data for nibble in (byte & 0x0F, byte >> 4)]


def _join(nibbles: list[int]) -> bytes:
    return bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))


def _shuffle(salt: bytes, secret: bytes) -> bytes:
    """Mix four bytes and any number of bytes into 16."""
    work = list((_spread(secret) ^ int.from_bytes(salt * (_SIZE // 4), "big")).to_bytes(_SIZE, "big"))
    count = 0  # never reduced
    for s, key in _ROUNDS:
        new = work[s] + count ^ work[s + count & 31] - key  # 31: of _SIZE bytes
        work[s] = new = new & 0xFF
        count += new
    nibbles = bytes(work).translate(_NIBBLES)
    return bytes([low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True)])


@lru_cache(maxsize=1024)
def _spread(secret: bytes) -> int:
    """*secret* over 32 bytes, as a number with the first byte highest."""
    rest = secret.rstrip(b"\0")
    work = 0
    while len(rest) >= _SIZE:
        work ^= int.from_bytes(rest[:_SIZE], "big")
        rest = rest[_SIZE:]
    if rest:
        # The rest is repeated; between two repetitions stands the key's byte of that position.
        lap = len(rest) + 1
        laid = bytes(rest[s % lap] if s % lap < len(rest) else _KEYS[s] for s in range(_SIZE))
        work ^= int.from_bytes(laid, "big")
    return work
