"""The hashes of NDS logins and the compression function of packet signatures.

Sources: ncpfs 2.2.6 ``lib/ndscrypt.c`` and ``lib/ncpsign.c``, as facts; the tests have what these return.
"""

from __future__ import annotations

import struct

_TABLE = bytes.fromhex(
    "bd56eaf2a2f1ac2ab093d19c1b33fdd03004b6dc7ddf324bf7cb459b31bb215a419fe1d94a4d9edaa0682cc3275f80363eeefb951afecea834a913f0a63fd80c"
    "7824af2352c16717f56690e7e807b86048e61e53f392a4728c08156e860084faf47f8a4219f6dbcd148d5012ba3c064eecb33511a1888e2b9499b77174d3e4bf"
    "3ade960ebc0aed77fc376b03798962c6d7c0d27c6a8b22a35b055d0275d561e3188f5551ad1f0b5e85e5c25763ca3d6cb4c5cc70b291590d4720c84f58e001e2"
    "1638c46f3b0f6546be7e2d7b82f940b51d73f8eb26c787972554b128aa989da5646d7ad4108144ef49d6ae2edd765c2fa71cc909699a83cf2939b9e94cff43ab"
)
INITIAL_CHAIN = bytes.fromhex("0123456789abcdeffedcba9876543210")

# Of a round of MD4 (RFC 1320 3.4): the order of the words, the rotations, and the constant.
_ROUNDS = (
    (tuple(range(16)), (3, 7, 11, 19), 0),
    ((0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), (3, 5, 9, 13), 0x5A827999),
    ((0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15), (3, 9, 11, 15), 0x6ED9EBA1),
)
_STEPS = tuple(
    tuple((order[s], turns[s % 4], 32 - turns[s % 4], constant) for s in range(16))
    for order, turns, constant in _ROUNDS
)
_WORDS = struct.Struct("<4I")
_BLOCK = struct.Struct("<16I")
_MASK = 0xFFFFFFFF


def short_hash(size: int, data: bytes, passes: int = 1) -> bytes:
    """2, 5, 7 or 8 bytes of *data*; NDS derives keys from secrets by ten passes."""
    state = bytearray(size)
    for _ in range(passes):
        place = 0
        for byte in data:
            following = (place + 1) % size
            state[place] = _TABLE[state[following] ^ state[place]] ^ byte
            place = following
        state = state[place:] + state[:place]
    return bytes(state)


def long_hash(data: bytes) -> bytes:
    """16 bytes of *data*: MD2 (RFC 1319) with another table, another filling and another rule for its rounds."""
    state, carry = bytearray(64), 0
    filling = 16 - len(data) % 16

    def feed(part: bytes) -> None:
        nonlocal carry
        for place, byte in enumerate(part):
            state[16 + place] = byte
            state[32 + place] = state[place] ^ byte
            carry = state[48 + place] = state[48 + place] ^ _TABLE[byte ^ carry]
        mixed = 0
        for _ in range(18):
            for place in range(48):
                mixed = state[place] = state[place] ^ _TABLE[(mixed + 48 - place) & 0xFF]

    padded = data + bytes([filling]) * filling
    for at in range(0, len(padded), 16):
        feed(padded[at : at + 16])
    feed(bytes(state[48:]))
    return bytes(state[:16])


def compress(chain: bytes, block: bytes) -> bytes:
    """The transform of MD4 for one *block* of 64 bytes, which begins with the 16 bytes of *chain* and pads nothing."""
    a, b, c, d = start = _WORDS.unpack(chain)
    words = _BLOCK.unpack(block)
    first, second, third = _STEPS
    for word, left, right, _ in first:
        total = a + (d ^ b & (c ^ d)) + words[word] & _MASK
        a, b, c, d = d, (total << left | total >> right) & _MASK, b, c
    for word, left, right, constant in second:
        total = a + (b & c | b & d | c & d) + constant + words[word] & _MASK
        a, b, c, d = d, (total << left | total >> right) & _MASK, b, c
    for word, left, right, constant in third:
        total = a + (b ^ c ^ d) + constant + words[word] & _MASK
        a, b, c, d = d, (total << left | total >> right) & _MASK, b, c
    return _WORDS.pack(*(new + old & _MASK for new, old in zip((a, b, c, d), start, strict=True)))
