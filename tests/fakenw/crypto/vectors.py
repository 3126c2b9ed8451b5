"""What libncp 2.2.6 returns, and exchanges of a real libncp client. The files say how they were made."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from fakenw.crypto.keys import PrivateKey

_HERE = Path(__file__).parent


def vectors(name: str) -> Any:
    return json.loads((_HERE / f"{name}_vectors.json").read_text(encoding="ascii"))


NDS = vectors("nds")
SIGNATURES = vectors("signature")
KEYS = [PrivateKey(int(each["p"], 16), int(each["q"], 16)) for each in NDS["keys"]]


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


class Dealt(Random):
    """A source of randomness with these bytes and no others."""

    def __init__(self, *parts: str | bytes) -> None:
        super().__init__(0)
        self._parts = [part if isinstance(part, bytes) else raw(part) for part in parts]

    def randbytes(self, n: int) -> bytes:
        part = self._parts.pop(0)
        assert len(part) == n
        return part
