"""The administration over HTTP: who may, what harm cannot be done, and that nothing of it holds up NCP."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from fakenw.admin.bounded_http import LARGEST_BODY
from fakenw.admin.http import STREAMS
from tests.fakenw.administered_server import DEADLINE, Client, Served, run_command, stream


def test_a_token_is_demanded(serve: Callable[..., Served], tmp_path: Path) -> None:
    """Elsewhere than on the loopback interface; and then it must be the right one."""
    command = [sys.executable, "-m", "fakenw", "serve", "--admin", "0.0.0.0:0", "--listen", "udp:127.0.0.1:0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert (done.returncode, "expected --admin-token as well" in done.stderr) == (2, True)
    served = serve("--admin-token", "SECRET")
    assert served.ask("GET", "/api/server")[0] == 401
    assert served.ask("GET", "/metrics")[0] == 401
    assert served.ask("GET", "/api/server", Authorization="Bearer WRONG")[0] == 401
    assert served.ask("POST", "/api/down", {}, Authorization="Bearer SECRE")[0] == 401
    assert served.ask("GET", "/api/server", Authorization="Bearer SECRET")[0] == 200
    assert served.ask("GET", "/health")[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:80"}, 421),
        ({"Host": "localhost"}, 200),
        ({"Host": "[::1]:99"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_other_sites_have_no_say(served_once: Served, headers: dict[str, str], status: int) -> None:
    """Whatever a browser is talked into."""
    assert served_once.ask("GET", "/api/server", **headers)[0] == status
    assert served_once.ask("POST", "/api/mark", {}, **headers)[0] == status


def test_writing_is_a_post_of_json(served_once: Served) -> None:
    """No form of another site can send that."""
    kind = {"Content_Type": "application/x-www-form-urlencoded"}
    assert served_once.ask("POST", "/api/mark", b"text=x", **kind)[0] == 415
    for method, path, allow in (("GET", "/api/mark", "POST"), ("PUT", "/api/server", "GET, HEAD")):
        status, headers, _ = served_once.ask(method, path, {} if method == "PUT" else None)
        assert (status, headers["allow"]) == (405, allow)
    assert served_once.ask("POST", "/api/mark", b" " * (LARGEST_BODY + 1))[0] == 413
    assert served_once.ask("GET", "/../../etc/passwd")[0] == 404
    assert served_once.ask("GET", "/static/..%2fserver.py")[0] == 404


def test_a_thousand_idle_connections_do_not_hold_up_anybody(serve: Callable[..., Served]) -> None:
    """Streams are bounded, what asks nothing is bounded by time, and NCP keeps answering."""
    served = serve()
    with ExitStack() as stack:
        for _ in range(1000):
            idle = socket.create_connection(served.admin_address, DEADLINE)
            stack.callback(idle.close)
        statuses = Counter[int]()
        for _ in range(STREAMS + 10):
            one = socket.create_connection(served.admin_address, DEADLINE)
            stack.callback(one.close)
            one.sendall(b"GET /api/journal HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
            statuses[int(one.recv(12).split()[1])] += 1
        assert statuses == {200: STREAMS, 503: 10}
        client = Client(served)
        assert served.get("/api/server")["held"] == 1
        served.post("/api/connections/1/clear")
        client.close()


# Names that mean harm


HOSTILE = "<IMG-SRC=X>\x1b[31M=1+1"


def test_hostile_texts_stay_texts(serve: Callable[..., Served]) -> None:
    """In JSON, in the stream, in a terminal."""
    served = serve()
    served.post("/api/mark", text=HOSTILE)
    with stream(served) as events:
        assert [line.get("text") for line in (next(events)[1], next(events)[1])][1] == HOSTILE
    assert b"\x1b" not in served.ask("GET", "/api/journal")[2]
    told = run_command("journal", served).stdout
    assert "marked: <IMG-SRC=X>" in told
    assert "\x1b" not in told


def test_a_client_that_reads_late_gets_everything(serve: Callable[..., Served]) -> None:
    """More than the buffers of the kernel take. Others are served meanwhile; one that never reads is no obstacle."""
    asked = b"GET /static/page.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000
    served = serve()
    with (
        socket.create_connection(served.admin_address, DEADLINE) as late,
        socket.create_connection(served.admin_address, DEADLINE) as never,
    ):
        for client in (late, never):
            client.sendall(asked)
        assert served.ask("GET", "/health")[0] == 200
        body = served.ask("GET", "/static/page.js")[2]
        late.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        received = bytearray()
        while data := late.recv(1 << 20):
            received += data
        assert received.count(body) == 1000
        assert received.endswith(b'{"status": "ok"}\n')
        assert served.stop(DEADLINE) == 0  # never has read nothing
