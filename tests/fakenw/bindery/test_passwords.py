"""Bindery passwords against what compiled libncp computed, and the rules that keep a login key safe."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakenw.bindery.passwords import (
    answer,
    decrypt_hash,
    hash_password,
    new_login_key,
    real_length,
)
from tests.fakenw.login_ways import encrypt_hash, length_byte

# Computed by compiled libncp (ncpfs lib/nwcrypt.c); the sixth also by mars_nwe's nwcrypt.c.
VECTORS = [
    (0x00000001, b"", "0123456789abcdef", "4ad22a173e5984b681545a08bee44ce3", "90c3e8f38a528e5f"),
    (0x00000001, b"SECRET", "0123456789abcdef", "431acc6aff11a6d53f71189f6e1ca901", "14e322da1b38ea07"),
    (0x00000001, b"NOVELL", "0000000000000000", "6914a8c8ac0c177f53323801468f3707", "0000000000000000"),
    (0x01000001, b"SUPERVISOR", "1122334455667788", "7ba4801a98bbb740de9460e532746ee6", "50072cad6a887bac"),
    (0xDEADBEEF, b"A", "ffeeddccbbaa9988", "c5a32dc2b73bff32d1d12d37f5914e04", "dc066fec503a3e08"),
    (0x02000017, b"SMSCCMBOOTACCT", "a1b2c3d4e5f60718", "b650fef5b0ed56af94ebb91e82350b7d", "217b64e99d363d71"),
    (
        0x02000017,
        b"PASSWORD1234567890PASSWORD123456",
        "a1b2c3d4e5f60718",
        "3e8b324ec590a74c8a0d3f5ac4e510e5",
        "f27e0fc8f9dcb5e7",
    ),
    (
        0x02000017,
        b"PASSWORD1234567890PASSWORD1234567890ABCDEF",
        "a1b2c3d4e5f60718",
        "69d29550d0ec8af6c9429dcf107b3748",
        "25a4ff310f0d0224",
    ),
    (0x02000017, b"lower Case", "a1b2c3d4e5f60718", "0b00e462ba1067990407e95643548150", "8bef9bae223cd84f"),
]

object_ids = st.integers(0, 0xFFFFFFFF)
passwords = st.binary(max_size=100)


@pytest.mark.parametrize(("object_id", "password", "key", "hashed", "response"), VECTORS)
def test_libncp_vectors(object_id: int, password: bytes, key: str, hashed: str, response: str) -> None:
    """The hash and the answer are libncp's, byte for byte."""
    assert hash_password(object_id, password).hex() == hashed
    assert answer(bytes.fromhex(key), bytes.fromhex(hashed)).hex() == response


def test_a_real_login_of_libncp() -> None:
    """What libncp sent when it logged in as GUEST with the password GUEST is the answer we expect."""
    hashed = hash_password(0x02000017, b"GUEST")
    assert answer(bytes.fromhex("a1b2c3d4e5f60718"), hashed).hex() == "e198dac0aaeb7abc"


@given(object_ids, passwords, st.binary(min_size=8, max_size=8))
def test_sizes(object_id: int, password: bytes, key: bytes) -> None:
    """A hash has 16 bytes and an answer 8, whatever goes in."""
    hashed = hash_password(object_id, password)
    assert len(hashed) == 16
    assert len(answer(key, hashed)) == 8


@given(object_ids, passwords, st.integers(0, 40))
def test_trailing_zero_bytes_count_for_nothing(object_id: int, password: bytes, zeros: int) -> None:
    """A password padded with zero bytes is the same password."""
    assert hash_password(object_id, password + bytes(zeros)) == hash_password(object_id, password)


@given(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16))
def test_equal_halves_admit_everybody(half: bytes, hashed: bytes) -> None:
    """The reason for the rule on keys: equal halves have a zero answer for every password."""
    assert answer(half + half, hashed) == bytes(8)


@given(st.integers())
def test_a_login_key_never_has_equal_halves(seed: int) -> None:
    """Whatever the seed, the halves of a key differ; and a seed always gives the same key."""
    key = new_login_key(Random(seed))
    assert len(key) == 8
    assert key[:4] != key[4:]
    assert key == new_login_key(Random(seed))


@given(st.lists(st.binary(min_size=4, max_size=4), max_size=5))
def test_a_random_source_that_gives_equal_halves_is_asked_again(halves: list[bytes]) -> None:
    """Equal halves are thrown away, however often they come."""

    class Unlucky(Random):
        def randbytes(self, n: int) -> bytes:
            assert n == 8
            half = halves.pop() if halves else None
            return half + half if half is not None else b"good key"

    assert new_login_key(Unlucky(0)) == b"good key"
    assert not halves


def test_case_counts() -> None:
    """Upper-casing is the business of the caller."""
    assert hash_password(1, b"secret") != hash_password(1, b"SECRET")


def test_a_new_password_of_libncp() -> None:
    """OLDPASS to NEWPASS99, as compiled libncp sends it: answer, length byte, encrypted hash; and back again."""
    old, new = hash_password(0x02000017, b"OLDPASS"), hash_password(0x02000017, b"NEWPASS99")
    assert (old.hex(), new.hex()) == ("5213ab912bd248d1becde08ef61cebe8", "6f77b84d7460db936d218581c6eb2386")
    assert answer(bytes.fromhex("a1b2c3d4e5f60718"), old).hex() == "7254a19fc8535551"
    sent = encrypt_hash(old, new)
    assert sent.hex() == "881c8960c8f195cc047cca63b65b3856"
    assert decrypt_hash(old, sent) == new
    assert (length_byte(old, 9), real_length(old, 0x48)) == (0x48, 9)


hashes = st.binary(min_size=16, max_size=16)


@given(hashes, hashes, st.integers(0, 200))
def test_a_new_hash_comes_through(old: bytes, new: bytes, length: int) -> None:
    """Whatever the hashes are, who knows the old one reads the new one, and its length up to 63."""
    assert decrypt_hash(old, encrypt_hash(old, new)) == new
    assert real_length(old, length_byte(old, length)) == min(length, 63)
    assert 0x40 <= length_byte(old, length) <= 0x7F
