"""Is somebody there who speaks NCP?"""

from __future__ import annotations

import socket

from fakenw.wire.framing import TNCP, BadFrame, Deframer, frame_request
from fakenw.wire.layout import Malformed
from fakenw.wire.packet import NO_CONNECTION, REPLY, REQUEST, RequestPacket, decode_reply

LOGOUT = 0x19
ANSWER_WITHIN = 1.0  # seconds


def answers(transport: str, address: tuple[str, int]) -> bool:
    """Whether a server answers at *address*.

    It is asked to log out connection 0xFFFF, which every server answers and which leaves no trace: a
    probe that attached would stand in the books.
    """
    packet = RequestPacket(REQUEST, 1, NO_CONNECTION, 0, LOGOUT, b"").encode()
    try:
        if transport == "tcp":
            with socket.create_connection(address, ANSWER_WITHIN) as stream:
                stream.settimeout(ANSWER_WITHIN)
                stream.sendall(frame_request(packet))
                packets = Deframer(TNCP).feed(stream.recv(1024))
        else:
            family = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0][0]
            with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
                datagrams.settimeout(ANSWER_WITHIN)
                datagrams.connect(address)
                datagrams.send(packet)
                packets = [datagrams.recv(1024)]
        return any(decode_reply(data).type == REPLY for data in packets)
    except (OSError, BadFrame, Malformed):
        return False
