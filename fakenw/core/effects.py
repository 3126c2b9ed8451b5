"""The effects of an event of a server."""

from __future__ import annotations

from fakenw.core.peer import Peer
from fakenw.journal.record import Record


class Effects:
    """What an edge carries out, in this order: *records* to write, *sends* of bytes, *closes* of streams."""

    __slots__ = ("closes", "records", "sends")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.sends: list[tuple[Peer, bytes]] = []
        self.closes: list[Peer] = []

    def send(self, peer: Peer, data: bytes) -> None:
        self.sends.append((peer, data))

    def take(self) -> Effects:
        """What has come together here, which begins anew."""
        taken = Effects()
        taken.records, self.records = self.records, taken.records
        taken.sends, self.sends = self.sends, taken.sends
        taken.closes, self.closes = self.closes, taken.closes
        return taken
