"""The arithmetic of NDS logins returns what libncp returns."""

from __future__ import annotations

import struct
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakenw.bindery.passwords import hash_password
from fakenw.crypto import rc2
from fakenw.crypto.envelopes import block, envelope, nonce_of, open_envelope, secret_of, signed_nonce
from fakenw.crypto.hashes import long_hash, short_hash
from fakenw.crypto.keys import PrivateKey, PublicKey
from fakenw.crypto.proofs import check, identity, prove, prove_with
from fakenw.crypto.seals import NotOpened, seal, unseal
from tests.fakenw.crypto.vectors import KEYS, NDS, Dealt, raw

Vector = dict[str, Any]


@pytest.mark.parametrize("vector", NDS["hash1"])
def test_short_hash(vector: Vector) -> None:
    assert short_hash(vector["size"], raw(vector["data"])).hex() == vector["out"]


@pytest.mark.parametrize("vector", NDS["seal_key"])
def test_key_of_a_secret(vector: Vector) -> None:
    assert short_hash(8, raw(vector["secret"]), passes=10).hex() == vector["key"]


@pytest.mark.parametrize("vector", NDS["hash2"])
def test_long_hash(vector: Vector) -> None:
    assert long_hash(raw(vector["data"])).hex() == vector["out"]


@pytest.mark.parametrize("vector", NDS["cipher_block"])
def test_one_block(vector: Vector) -> None:
    key, plain, cipher = (raw(vector[name]) for name in ("key", "plain", "cipher"))
    assert struct.pack("<64H", *rc2.expand(key)).hex() == vector["schedule_words_le"]
    assert (rc2.encrypt(key, plain), rc2.decrypt(key, cipher)) == (cipher, plain)


@pytest.mark.parametrize("vector", NDS["cipher_chain"])
def test_chained_blocks(vector: Vector) -> None:
    key, plain, cipher = (raw(vector[name]) for name in ("key", "plain", "cipher"))
    assert (rc2.encrypt(key, plain), rc2.decrypt(key, cipher)) == (cipher, plain)


@pytest.mark.parametrize("vector", NDS["seal"])
def test_seal(vector: Vector) -> None:
    secret, data, blob = (raw(vector[name]) for name in ("secret", "data", "blob"))
    assert (seal(secret, data), unseal(secret, blob)) == (blob, data)


@pytest.mark.parametrize("vector", NDS["password"])
def test_password(vector: Vector) -> None:
    password = vector["password"].upper().encode()  # as clients do
    assert hash_password(int(vector["object_id"], 16), password).hex() == vector["hash16"]


@pytest.mark.parametrize(("key", "vector"), [*zip(KEYS, NDS["keys"], strict=True)])
def test_keys(key: PrivateKey, vector: Vector) -> None:
    assert (f"{key.public.n:x}", f"{key.d:x}") == (vector["n"], vector["d"])
    assert key.public.encode().hex() == vector["libncp_public"]
    assert key.encode().hex() == vector["libncp_private"]
    for text in (vector["libncp_public"], vector["our_public_without_NI_accepted_by_checkkey"]):
        assert PublicKey.decode(raw(text)) == key.public
    assert PrivateKey.decode(raw(vector["libncp_private"])) == key


@pytest.mark.parametrize("vector", NDS["rsa"])
def test_power(vector: Vector) -> None:
    key, number, power = (
        KEYS[vector["key"]],
        *(int.from_bytes(raw(vector[n]), "little") for n in ("in", "power_e")),
    )
    assert (key.public.power(number), key.power(power)) == (power, number)


@pytest.mark.parametrize("vector", NDS["envelope"])
def test_envelope(vector: Vector) -> None:
    key, secret = KEYS[vector["key"]], raw(vector["seed28"])
    number = block(secret, Dealt(vector["random5"]))
    assert number.to_bytes(56, "little").hex() == vector["block56"]
    assert secret_of(number) == secret
    dealt = Dealt(vector["seed28"], vector["random5"])
    assert envelope(key.public, raw(vector["data"]), dealt).hex() == vector["envelope"]
    assert open_envelope(key, raw(vector["envelope"])).hex() == vector["data"]


@pytest.mark.parametrize("vector", NDS["proof"])
def test_proof(vector: Vector) -> None:
    key, authid, what, proof = (
        KEYS[vector["key"]],
        *(raw(vector[name]) for name in ("authid", "identity", "proof")),
    )
    assert long_hash(what).hex() == vector["identity_hash"]
    chosen = raw(vector["client_random_53x3"])
    numbers = [int.from_bytes(chosen[at : at + 53], "little") % 2**418 for at in (0, 53, 106)]  # below n, as libncp
    assert prove_with(key, authid, what, numbers) == proof
    check(key.public, authid, what, proof)


SMALL_KEY = PrivateKey.generate(Random(1))


def test_a_key_of_a_seed() -> None:
    assert SMALL_KEY == PrivateKey.generate(Random(1)) != PrivateKey.generate(Random(2))
    assert (SMALL_KEY.p.bit_length(), SMALL_KEY.q.bit_length(), SMALL_KEY.public.n.bit_length()) == (210, 210, 420)
    assert SMALL_KEY.power(SMALL_KEY.public.power(12345)) == 12345


def test_who_has_another_key_opens_nothing() -> None:
    random = Random(3)
    closed = envelope(SMALL_KEY.public, b"root 123", random)
    nonce = signed_nonce(SMALL_KEY, b"1234", random)
    assert (open_envelope(SMALL_KEY, closed), nonce_of(SMALL_KEY.public, nonce)) == (b"root 123", b"1234")
    with pytest.raises(NotOpened):
        open_envelope(KEYS[0], closed)
    with pytest.raises(NotOpened):
        nonce_of(KEYS[0].public, nonce)
    what = identity(bytes(8), b"J\0\0\0", random)
    for key, authid, shown in ((KEYS[0], b"aaaa", what), (SMALL_KEY, b"bbbb", what), (SMALL_KEY, b"aaaa", what + b"!")):
        with pytest.raises(NotOpened):
            check(SMALL_KEY.public, b"aaaa", what, prove(key, authid, shown, random))
    check(SMALL_KEY.public, b"aaaa", what, prove(SMALL_KEY, b"aaaa", what, random))


@given(st.binary(max_size=300), st.binary(max_size=60), st.data())
def test_a_changed_seal_is_not_opened(data: bytes, secret: bytes, draw: st.DataObject) -> None:
    """A changed seal never yields other data: its own or none."""
    sealed = bytearray(seal(secret, data))
    place = draw.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= draw.draw(st.integers(1, 255))
    with suppress(NotOpened):
        found = unseal(secret, bytes(sealed))
        assert found.startswith(data) or data.startswith(found)  # the length is not protected


@given(st.binary(max_size=600))
def test_any_bytes_are_refused_as_one(data: bytes) -> None:
    for opened in (
        lambda: unseal(b"secret", data),
        lambda: open_envelope(SMALL_KEY, data),
        lambda: nonce_of(SMALL_KEY.public, data),
        lambda: PublicKey.decode(data),
        lambda: check(SMALL_KEY.public, b"aaaa", b"", data),
    ):
        with pytest.raises(NotOpened):
            opened()
