"""The NDS messages of a login: names and keys of entries, then two steps for the password and two for the proof.

An entry's key, an envelope and a proof are bytes here; ``fakenw.crypto`` knows what is in them.
"""

from __future__ import annotations

import struct
from typing import Annotated

from fakenw.wire.layout import Bytes8, Field, Layout, LongLE, Malformed, Number, Raw, Rest
from fakenw.wire.nds import Address, EntryId, Repeated, Text, Texts, Unicode

READ_INFO, READ, SERVER_ADDRESS = 2, 3, 53
BEGIN_LOGIN, FINISH_LOGIN, BEGIN_AUTHENTICATION, FINISH_AUTHENTICATION, LOGOUT = 57, 58, 59, 60, 61
PUBLIC_KEY = "Public Key"
OCTET_STRING = 9  # a syntax
NAMES_AND_VALUES = 1
NO_MORE = 0xFFFFFFFF
KEY_HEAD = bytes(26)  # before the key in the attribute; clients read the word at 10: bytes between head and key

_long = Number("<I")
Bytes4 = Annotated[bytes, Raw(4)]


class Bytes(Field):
    """Bytes behind their length, padded to four. The padding may be missing at the end of a message."""

    def decode(self, data: bytes, at: int) -> tuple[bytes, int]:
        size, at = _long.decode(data, at)
        end = at + size
        if end > len(data):
            raise Malformed(f"expected {size} bytes at {at}")
        return bytes(data[at:end]), min(end + -size % 4, len(data))

    def encode(self, value: bytes) -> bytes:
        return struct.pack("<I", len(value)) + value + bytes(-len(value) % 4)


_text, _octets = Unicode(), Bytes()
Octets = Annotated[bytes, _octets]


class ReadInfo(Layout, source="libncp ds/getinfo.c, nwnet.c; nds-login vectors"):
    """Verb 2, version 2. The reply has the fields that the flags request, as in verbs 5 and 6."""

    version: LongLE
    flags: LongLE
    info_flags: LongLE
    entry: EntryId


class Read(Layout, source="libncp ds/read.c; nds-login vectors"):
    """Verb 3."""

    version: LongLE
    flags: LongLE
    iteration: LongLE
    entry: EntryId
    info_type: LongLE
    all_attributes: LongLE
    attributes: Texts


class GetServerAddress(Layout, source="libncp nwnet.c; nds-login vectors"):
    """Verb 53."""

    version: LongLE
    flags: LongLE


class ServerAddress(Layout, source="libncp nwnet.c; nds-login vectors"):
    name: Text
    addresses: Annotated[tuple[tuple[int, bytes], ...], Repeated(Address())]


class BeginLogin(Layout, source="libncp ndslib.c; nds-login vectors"):
    """Verb 57."""

    version: LongLE
    entry: EntryId


class LoginBegun(Layout, source="libncp ndslib.c; nds-login vectors"):
    """The password is hashed with the pseudo id."""

    pseudo_id: EntryId
    seed: Bytes4


class FinishLogin(Layout, source="libncp ndslib.c; nds-login vectors"):
    """Verb 58, version 2."""

    version: LongLE
    flags: LongLE
    entry: EntryId
    envelope: Octets


class Password(Layout, source="libncp ndslib.c; nds-login vectors"):
    """In the envelope of verb 58: *token* is the seed of verb 57, sealed with the password's hash."""

    nonce: Bytes4
    pad: Octets
    token: Octets


class LoginFinished(Layout, source="libncp ndslib.c; nds-login vectors"):
    credential: Bytes8
    sealed: Octets


class BeginAuthentication(Layout, source="libncp ndslib.c; nds-login vectors"):
    """Verb 59."""

    version: LongLE
    entry: EntryId
    nonce: Bytes4


class AuthenticationBegun(Layout, source="libncp ndslib.c; nds-login vectors"):
    authid: Bytes4
    nonce: Octets


class FinishAuthentication(Layout, source="libncp ndslib.c; nds-login vectors"):
    """Verb 60. *sign_key*: empty, or an envelope with the root of the signatures."""

    version: LongLE
    sign_key: Octets
    identity: Octets
    proof: Octets


class PublicKeyValue(Layout, source="libncp ndslib.c; nds-login vectors"):
    """The value of the attribute Public Key."""

    head: Annotated[bytes, Raw(26)]
    rest: Rest

    @property
    def key(self) -> bytes:
        return self.rest[int.from_bytes(self.head[10:12], "little") :]


class AttributeValue(Layout, source="libncp ds/read.c; nds-login vectors"):
    """The reply to verb 3 for one attribute with one value."""

    iteration: LongLE
    info_type: LongLE
    count: LongLE
    syntax: LongLE
    name: Text
    values: LongLE
    value: Octets


def attribute_values(info_type: int, values: dict[str, bytes]) -> bytes:
    """The reply to verb 3: octet strings by the names of their attributes."""
    parts = [struct.pack("<III", NO_MORE, info_type, len(values))]
    for name, value in values.items():
        if info_type == NAMES_AND_VALUES:
            parts += [_long.encode(OCTET_STRING), _text.encode(name), _long.encode(1), _octets.encode(value)]
        else:
            parts.append(_text.encode(name))
    return b"".join(parts)
