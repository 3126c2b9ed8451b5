"""The clock of a server, asked over its administration.

As a program, ``python -m harness.runners.server_clock PORT``, it answers every line of standard input with the server's
time: so the clock of a server in a container is asked from outside, wherever the Docker Engine is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException

WITHIN = 2.0  # seconds of real time for an answer


class ServerClock:
    """Asks the server whose administration is at *port* of this machine's loopback interface."""

    def __init__(self, port: int) -> None:
        self._http = HTTPConnection("127.0.0.1", port, timeout=WITHIN)
        self._http.connect()  # so that no question waits for it

    def read(self) -> float:
        """Seconds, the ``t`` of the server's journal. Raises OSError."""
        try:
            self._http.request("GET", "/api/server")
            return float(json.loads(self._http.getresponse().read())["t"])
        except (HTTPException, ValueError, KeyError, TypeError) as problem:
            raise OSError(f"the administration does not tell the time: {problem}") from None

    def close(self) -> None:
        self._http.close()


@contextmanager
def asking(port: int) -> Iterator[ServerClock]:
    """A ``ServerClock`` that is closed afterwards. Raises OSError."""
    clock = ServerClock(port)
    try:
        yield clock
    finally:
        clock.close()


def main() -> None:
    with asking(int(sys.argv[1])) as clock:
        for _ in sys.stdin:
            print(clock.read(), flush=True)


if __name__ == "__main__":
    main()
