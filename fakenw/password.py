"""NetWare bindery passwords: the hash the server keeps, and the answer to a login key.

Rules of this file (ncpfs ``lib/nwcrypt.c``, mars_nwe ``src/nwcrypt.c``, after Dr. Dobb's Journal 11/93):

* Nothing is upper-cased here. Clients upper-case before they hash, and so must whoever sets a password.
* An object id counts as it stands on the wire: four bytes, the highest first.
* Trailing zero bytes of whatever is hashed count for nothing, in a password and in a hash alike.
* A login key whose halves are equal has eight zero bytes for its answer, whatever the password.
  Such a key lets everybody in, so it must never be issued, and a key serves one login only.
"""

from __future__ import annotations

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


def hash_password(object_id: int, password: bytes) -> bytes:
    """The 16 bytes a server keeps in place of *password*, which is hashed as given."""
    return _shuffle(object_id.to_bytes(4, "big"), password)


def answer(key: bytes, hashed: bytes) -> bytes:
    """The 8 bytes a client sends for the login *key* (8 bytes) if it knows the password *hashed* (16 bytes)."""
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


def _shuffle(salt: bytes, secret: bytes) -> bytes:
    """Mix four bytes and any number of bytes into 16."""
    rest = secret.rstrip(b"\0")
    work = bytearray(_SIZE)
    while len(rest) >= _SIZE:
        work = bytearray(w ^ r for w, r in zip(work, rest, strict=False))
        rest = rest[_SIZE:]
    if rest:
        # The rest goes round and round; where it ends, the key's byte of that position stands in.
        lap = len(rest) + 1
        for s in range(_SIZE):
            work[s] ^= rest[s % lap] if s % lap < len(rest) else _KEYS[s]
    for s in range(_SIZE):
        work[s] ^= salt[s % 4]
    count = 0  # never reduced
    for _ in range(2):
        for s in range(_SIZE):
            new = ((work[s] + count) ^ (work[(s + count) % _SIZE] - _KEYS[s])) & 0xFF
            count += new
            work[s] = new
    return bytes(_NIBBLES[low] | _NIBBLES[high] << 4 for low, high in zip(work[::2], work[1::2], strict=True))
