"""The client of the administration: what it raises, and that it goes on where a journal is forgotten."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from fakenw.admin.client import AdminClient, AdminRefused, AdminUnreachable
from tests.fakenw.administered_server import Served

Answer = tuple[int, str]


@pytest.fixture
def stranger() -> Iterator[Callable[..., AdminClient]]:
    """A server of another kind that gives these answers, one after the other; a client of it."""
    answers: list[Answer] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.pop(0)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.replace("PATH", self.path).encode())

        def log_message(self, *_: object) -> None:
            pass

    def start(*some: Answer) -> AdminClient:
        answers.extend(some)
        return AdminClient("http://{}:{}/".format(*server.server_address))

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield start
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("url", ["", "127.0.0.1:80", "ftp://host", "http://", "http://[::1"])
def test_what_is_no_url(url: str) -> None:
    """Said before anything is asked."""
    with pytest.raises(ValueError, match=r"is not the URL of a server, for instance http://127\.0\.0\.1:8524"):
        AdminClient(url)


def test_nothing_answers() -> None:
    """The URL, and the reason of the operating system."""
    with pytest.raises(AdminUnreachable, match=r"http://127\.0\.0\.1:1 does not answer: .*refused"):
        AdminClient("http://127.0.0.1:1/").get("/api/server")


@pytest.mark.parametrize("answer", [(200, "<html>"), (404, "<html>"), (404, "[1]"), (500, "{}"), (410, "gone")])
def test_another_server_answers(stranger: Callable[..., AdminClient], answer: Answer) -> None:
    """Another server's answers are no refusals."""
    with pytest.raises(AdminUnreachable, match=rf"does not answer as a fakenw does \(status {answer[0]}\)"):
        stranger(answer).get("/api/server")


def test_a_refusal(served_once: Served) -> None:
    """The server's sentence, and the status."""
    with pytest.raises(AdminRefused, match=r"^there is no connection 7$") as refused:
        AdminClient(served_once.admin).post("/api/connections/7/clear", {})
    assert refused.value.status == 404


def test_the_environment_has_a_proxy(served_once: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is not asked."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert AdminClient(served_once.admin).get("/health") == {"status": "ok"}


def test_the_journal(served_once: Served) -> None:
    """From a number on, with the number to go on with."""
    client = AdminClient(served_once.admin)
    first, lines, after = client.journal()
    assert (first, json.loads(lines[0])["event"], after) == (0, "start", len(lines))
    client.post("/api/mark", {"text": "here"})
    first, (line,), last = client.journal(after)
    assert (first, json.loads(line)["text"], last) == (after, "here", after + 1)
    with pytest.raises(AdminRefused, match="not there yet"):
        client.journal(after + 100)


def test_a_journal_that_is_forgotten_faster_than_it_is_asked_for(stranger: Callable[..., AdminClient]) -> None:
    """It goes on at the oldest line; if that is forgotten meanwhile, at a later one."""
    gone = [(410, json.dumps({"error": "forgotten", "oldest": oldest})) for oldest in (10, 20)]
    assert stranger(*gone, (200, "PATH\n")).journal() == (120, ["/api/journal?from=120\n"], 121)
