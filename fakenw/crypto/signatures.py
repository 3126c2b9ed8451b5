"""Packet signatures: eight bytes that a request and its reply carry behind a login, each made from the one before.

A signature is the beginning of ``compress`` of a chain of 16 bytes over the root, a length and the first 52 bytes
behind the header. An accepted request moves the chain; its reply does not. Bytes beyond these 52 are not protected.
Sources: ncpfs 2.2.6 ``lib/ncpsign.c`` and its kernel module, as facts; the tests have libncp's own sequences.
"""

from __future__ import annotations

from typing import NamedTuple

from fakenw.crypto.hashes import INITIAL_CHAIN, compress

SIZE = 8  # of a signature, and of a root
COVERED = 52
_CLIENT = b"Authorized NetWare Client"


def bindery_root(hashed: bytes, login_key: bytes) -> bytes:
    """The root after a login by 23/24, from the user's stored hash and the key of that login."""
    block = (hashed + login_key + _CLIENT).ljust(64, b"\0")
    return compress(INITIAL_CHAIN, block)[:SIZE]


class SignedForm(NamedTuple):
    """What differs between transports: the length of a whole frame before the packet, and where a reply's body begins.

    Over a framed transport the length is that of the frame, big-endian; else that of the packet, little-endian.
    """

    request_frame: int
    reply_frame: int
    reply_body: int

    def length(self, size: int, frame: int) -> bytes:
        return (size + frame).to_bytes(4, "big" if frame else "little")


FRAMED = SignedForm(16 + SIZE, 8 + SIZE, 6)
DATAGRAMS = SignedForm(0, 0, 8)


class Signer:
    """The signing state of a connection, of either side: the root and the chain."""

    __slots__ = ("_chain", "_form", "_root")

    def __init__(self, root: bytes, form: SignedForm) -> None:
        self._root, self._form, self._chain = root, form, INITIAL_CHAIN

    def sign_request(self, packet: bytes) -> bytes:
        """The signature of the next request, which moves the chain."""
        self._chain = self._request(packet)
        return self._chain[:SIZE]

    def accept_request(self, packet: bytes, signature: bytes) -> bool:
        """Whether *signature* is the next request's. Only then the chain moves."""
        chain = self._request(packet)
        if chain[:SIZE] != signature:
            return False
        self._chain = chain
        return True

    def sign_reply(self, packet: bytes) -> bytes:
        """The signature of a reply to the last request."""
        form = self._form
        return self._hash(form.length(len(packet), form.reply_frame), packet[form.reply_body :])[:SIZE]

    def accept_reply(self, packet: bytes, signature: bytes) -> bool:
        return self.sign_reply(packet) == signature

    def _request(self, packet: bytes) -> bytes:
        return self._hash(self._form.length(len(packet), self._form.request_frame), packet[6:])

    def _hash(self, length: bytes, body: bytes) -> bytes:
        return compress(self._chain, self._root + length + body[:COVERED].ljust(COVERED, b"\0"))
