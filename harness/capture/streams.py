"""The TCP connections of a capture that carry NCP.

Rules of this file:

* A connection is one of NCP by its server's port, 524 or one on which NCP was seen; or by the magic at the beginning of
  a segment, which tells client from server as well.
* The number of connections is bounded, and so is what of them waits for what is still missing.
"""

from __future__ import annotations

import struct

from fakenw.core.peer import TCP, Peer
from fakenw.wire.framing import DMDT, TNCP
from harness.capture.addresses import Recent, ServerPorts, ends, opposite, target_end
from harness.capture.flow import ACK, RST, SYN, Flow
from harness.capture.half import LONG_AGO, after
from harness.capture.message import Conversation, Life, Lifeline, Message
from harness.capture.packets import IpPacket, Skipped

MOST_FLOWS = 16_384
MOST_KEPT = 64 * 1024 * 1024  # bytes that wait for others, of all connections

_tcp = struct.Struct(">4xIIBB")


class Streams:
    def __init__(self) -> None:
        self._flows: dict[bytes, tuple[Flow, bool]] = {}  # by source, target and ports; True: they are the client's
        self._ended: Recent[bytes, int] = Recent(8192)  # by the same: the sequence number behind the last byte
        self._syns: Recent[bytes, int] = Recent(8192)  # of connections that may be NCP: their numbers
        self._servers = ServerPorts()
        self._kept = 0
        self.forgotten = 0  # connections, because there were too many

    def take(self, number: int, time: int, packet: IpPacket) -> list[Message | Life]:
        """What the packet completes. Raises Skipped, struct.error."""
        data = packet.data
        sequence, acknowledged, offset, flags = _tcp.unpack_from(data)
        header = (offset >> 4) * 4
        if not 20 <= header <= len(data):
            raise Skipped("TCP, cut within a header or malformed")
        key = packet.source + packet.target + data[:4]
        found = self._flows.get(key)
        if found is not None and _is_another(found, sequence, flags):
            self._drop(key)
            found = None
        payload = data[header:]
        if found is None:
            found = self._begun(key, packet, sequence, acknowledged, flags, payload)
            if found is None:
                return []
        flow, from_client = found
        sure = flow.sure
        out = flow.take(number, time, from_client, (sequence, acknowledged), flags, payload, packet.cut)
        if flow.sure is not sure:
            self._servers.add(target_end(key if from_client else opposite(key)))
        if flow.over:
            self._end(key)
        elif flow.refuted:
            self._drop(key)
        elif (kept := flow.kept) != flow.counted:
            self._kept += kept - flow.counted
            flow.counted = kept
            if self._kept > MOST_KEPT:
                out += flow.finish(number, time)
                self._drop(key)
                self.forgotten += 1
        return out

    def finish(self, number: int, time: int) -> list[Message | Life]:
        """The capture ends here: what waits behind holes."""
        flows = [flow for flow, from_client in self._flows.values() if from_client]
        return [event for flow in flows for event in flow.finish(number, time)]

    def _begun(
        self, key: bytes, packet: IpPacket, sequence: int, acknowledged: int, flags: int, payload: bytes
    ) -> tuple[Flow, bool] | None:
        """The connection whose first packet this is; None: it belongs to none that can be followed. Raises Skipped."""
        syn, from_client = bool(flags & SYN), self._from_client(key, packet, sequence, flags, payload)
        ended = self._ended.get(key)
        if from_client is None or flags & RST or (not syn and ended is not None and _is_late(sequence, ended)):
            return None
        client, server = ends(key) if from_client else ends(key)[::-1]
        keys = (key, opposite(key)) if from_client else (opposite(key), key)
        start = sequence if syn and from_client else self._syns.pop(keys[0], None)
        own, other = (sequence + syn) & 0xFFFFFFFF, acknowledged if flags & ACK else None
        expected_client, expected_server = (own, other) if from_client else (other, own)
        if start is not None:
            expected_client = (start + 1) & 0xFFFFFFFF
        flow = Flow(
            Conversation(Peer(TCP, client), f"{server[0]}:{server[1]}"),
            Lifeline.OPENED if syn or start is not None else Lifeline.JOINED,
            start,
            expected_client,
            expected_server,
            sure=target_end(keys[0]) in self._servers,
        )
        if len(self._flows) >= 2 * MOST_FLOWS:
            self._drop(next(iter(self._flows)))
            self.forgotten += 1
        self._flows[keys[0]], self._flows[keys[1]] = (flow, True), (flow, False)
        return self._flows[key]

    def _from_client(self, key: bytes, packet: IpPacket, sequence: int, flags: int, payload: bytes) -> bool | None:
        """None: nothing is known yet. Raises Skipped where it is no NCP."""
        magic = payload[:4]
        if magic == DMDT:
            return True
        if magic == TNCP:
            return False
        if target_end(key) in self._servers:
            return flags & (SYN | ACK) != SYN | ACK or target_end(opposite(key)) not in self._servers
        if target_end(opposite(key)) in self._servers:
            return False
        if flags & (SYN | ACK) == SYN:
            self._syns[key] = sequence
            return None
        if payload and DMDT.startswith(magic) and self._syns.get(key) == (sequence - 1) & 0xFFFFFFFF:
            return True
        raise Skipped("TCP, not NCP")

    def _drop(self, key: bytes) -> None:
        flow, _ = self._flows.pop(key)
        del self._flows[opposite(key)]
        self._kept -= flow.counted

    def _end(self, key: bytes) -> None:
        for one in (key, opposite(key)):
            flow, from_client = self._flows.pop(one)
            half = flow.client if from_client else flow.server
            if half.begun:
                self._ended[one] = half.expected
        self._kept -= flow.counted


def _is_another(found: tuple[Flow, bool], sequence: int, flags: int) -> bool:
    """Whether a packet is of a later connection with the same addresses and ports."""
    flow, from_client = found
    half = flow.client if from_client else flow.server
    if flags & (SYN | ACK) == SYN:
        return sequence != flow.start and (sequence + 1) & 0xFFFFFFFF != half.expected
    return half.begun and after(sequence, half.expected) < -LONG_AGO


def _is_late(sequence: int, ended: int) -> bool:
    """Whether a packet is of the connection that has *ended*; the last one acknowledges FIN, which counts as one."""
    return -LONG_AGO < after(sequence, ended) <= 1
