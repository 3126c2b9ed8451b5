"""RC2 (RFC 2268) as NDS uses it: a key of 8 bytes with 64 effective bits, and chained blocks (CBC) from zeros."""

from __future__ import annotations

import struct

_TABLE = bytes.fromhex(
    "d978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82"
    "54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb6266fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7"
    "08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ecc2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731"
    "2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a90d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad"
)
_TURNS = (1, 2, 3, 5)
_WORDS = struct.Struct("<4H")
_KEY = struct.Struct("<64H")
BLOCK = 8


def encrypt(key: bytes, plain: bytes) -> bytes:
    """*plain* in whole blocks."""
    words, before, out = expand(key), bytes(BLOCK), []
    for at in range(0, len(plain), BLOCK):
        before = _encrypt_block(words, _mixed(plain[at : at + BLOCK], before))
        out.append(before)
    return b"".join(out)


def decrypt(key: bytes, cipher: bytes) -> bytes:
    """*cipher* in whole blocks."""
    words, before, out = expand(key), bytes(BLOCK), []
    for at in range(0, len(cipher), BLOCK):
        block = cipher[at : at + BLOCK]
        out.append(_mixed(_decrypt_block(words, block), before))
        before = block
    return b"".join(out)


def expand(key: bytes) -> tuple[int, ...]:
    """The 64 words of a key (RFC 2268, 2)."""
    bytes_ = bytearray(128)
    bytes_[:8] = key
    for i in range(8, 128):
        bytes_[i] = _TABLE[(bytes_[i - 1] + bytes_[i - 8]) & 0xFF]
    bytes_[120] = _TABLE[bytes_[120]]
    for i in range(119, -1, -1):
        bytes_[i] = _TABLE[bytes_[i + 1] ^ bytes_[i + 8]]
    return _KEY.unpack(bytes_)


def _encrypt_block(words: tuple[int, ...], block: bytes) -> bytes:
    r = list(_WORDS.unpack(block))
    for turn in range(16):
        for i, turns in enumerate(_TURNS):
            total = r[i] + words[4 * turn + i] + (r[i - 1] & r[i - 2]) + (~r[i - 1] & r[i - 3]) & 0xFFFF
            r[i] = (total << turns | total >> 16 - turns) & 0xFFFF
        if turn in (4, 10):
            for i in range(4):
                r[i] = r[i] + words[r[i - 1] & 63] & 0xFFFF
    return _WORDS.pack(*r)


def _decrypt_block(words: tuple[int, ...], block: bytes) -> bytes:
    r = list(_WORDS.unpack(block))
    for turn in reversed(range(16)):
        if turn in (4, 10):
            for i in reversed(range(4)):
                r[i] = r[i] - words[r[i - 1] & 63] & 0xFFFF
        for i, turns in reversed([*enumerate(_TURNS)]):
            total = r[i] >> turns | r[i] << 16 - turns
            r[i] = total - words[4 * turn + i] - (r[i - 1] & r[i - 2]) - (~r[i - 1] & r[i - 3]) & 0xFFFF
    return _WORDS.pack(*r)


def _mixed(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
