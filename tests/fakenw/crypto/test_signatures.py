"""Signatures are those of libncp, and anything that they cover cannot be changed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakenw.bindery.passwords import hash_password
from fakenw.crypto.hashes import compress
from fakenw.crypto.signatures import COVERED, DATAGRAMS, FRAMED, Signer, bindery_root
from tests.fakenw.crypto.vectors import SIGNATURES, raw

FORMS = {"tcp": FRAMED, "udp": DATAGRAMS}
Vector = dict[str, Any]


@pytest.mark.parametrize("vector", SIGNATURES["compress"])
def test_compress(vector: Vector) -> None:
    assert compress(raw(vector["chain"]), raw(vector["block"])).hex() == vector["out"]


@pytest.mark.parametrize("vector", SIGNATURES["bindery_roots"])
def test_the_root_of_a_bindery_login(vector: Vector) -> None:
    hashed = hash_password(int(vector["object_id"], 16), vector["password"].encode())
    assert hashed.hex() == vector["hash16"]
    assert bindery_root(hashed, raw(vector["login_key"])).hex() == vector["root"]


@pytest.mark.parametrize("sequence", SIGNATURES["sequences"], ids=lambda each: f"{each['name']}-{each['transport']}")
def test_a_sequence_of_both_sides(sequence: Vector) -> None:
    root, form = raw(sequence["root"]), FORMS[sequence["transport"]]
    client, server = Signer(root, form), Signer(root, form)
    for step in sequence["steps"]:
        request, reply = raw(step["request"]), raw(step["reply"])
        signature = client.sign_request(request)
        assert signature.hex() == step["request_signature"]
        assert server.accept_request(request, signature)
        assert server.sign_reply(reply).hex() == step["reply_signature"]
        assert client.accept_reply(reply, raw(step["reply_signature"]))


@given(st.binary(min_size=7, max_size=80), st.data(), st.sampled_from([FRAMED, DATAGRAMS]))
def test_a_single_bit(packet: bytes, draw: st.DataObject, form: Any) -> None:
    """Of the covered bytes: noticed, and the chain stays; of the header or behind the 52 bytes: not covered."""
    client, server = Signer(b"8 bytes!", form), Signer(b"8 bytes!", form)
    signature = client.sign_request(packet)
    changed = bytearray(packet)
    place = draw.draw(st.integers(0, len(packet) - 1))
    changed[place] ^= 1 << draw.draw(st.integers(0, 7))
    covered = 6 <= place < 6 + COVERED
    assert server.accept_request(bytes(changed), signature) is not covered
    if covered:
        assert server.accept_request(packet, signature)
