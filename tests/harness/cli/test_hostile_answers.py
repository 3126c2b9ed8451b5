"""``harness assert`` of something that is no fakenw, or no longer the same: exit code 3 and a sentence."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from fakenw.admin import client
from fakenw.admin.client import AdminClient, AdminRefused, AdminUnreachable
from tests.fakenw.stage import Stage
from tests.harness.judge.lived_journals import operator, station
from tests.programs import invoke

Answer = Callable[[str], bytes]  # to a path, all of the response


def response(body: bytes | str, status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    data = body.encode() if isinstance(body, str) else body
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(data) if length is None else length}", "Connection: close"]
    return "\r\n".join([*head, *headers, "", ""]).encode() + data


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """A server of HTTP that answers so. An empty answer resets the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    request = connection.recv(65536).decode("latin-1")
                    answered = answer(request.split(" ")[1]) if request else b""
                    if not answered:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                        continue
                    with suppress(OSError):
                        connection.sendall(answered)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def good(cut: int = 0, **more: Any) -> dict[str, bytes]:
    """The answers of a server with one client that gave its license back, from journal line *cut* on, by path."""
    stage = Stage("nls", **more)
    at = station(stage, 1, "tcp").licensed()
    at.logout()
    at.destroy()
    administration = operator(stage)
    lines = [record.line() for record in stage.records]
    found = {
        "/api/server": response(json.dumps(administration.about())),
        "/api/licenses": response(json.dumps(administration.licenses())),
        "/api/connections": response(json.dumps(administration.connections())),
        f"/api/journal?from={len(lines)}": response("", "200 OK", f"X-Next: {len(lines)}"),
        f"/api/journal?from={cut}": response("".join(lines[cut:]), "200 OK", f"X-Next: {len(lines)}"),
    }
    if cut:
        found["/api/journal?from=0"] = response(json.dumps({"error": "gone", "oldest": cut}), "410 Gone")
    return found


def always(answered: bytes) -> Answer:
    return lambda path: answered


def instead(path: str, answered: bytes, cut: int = 0) -> Answer:
    """A good server but for one path."""
    rest = {**good(cut), path: answered}
    return lambda asked: rest.get(asked, answered)


@pytest.mark.parametrize("cut", [0, 3])
def test_a_good_server(cut: int) -> None:
    """What is tested below is the difference to it."""
    with answering(good(cut).__getitem__) as url:
        done = invoke("assert", url, "--released", "--within", "0s", "--by", "anybody")
    assert (done.exit_code, done.stdout) == (0, "every license was given back\n")
    assert bool(done.stderr) is bool(cut)  # that lines are forgotten


JOURNAL = "/api/journal?from=0"
STARTED = json.loads(good()[JOURNAL].partition(b"\r\n\r\n")[2].splitlines()[0])
HOSTILE: dict[str, Answer] = {
    "a page": always(response("<html>502 Bad Gateway</html>")),
    "a page at the journal": instead(JOURNAL, response("<html>\n502 Bad Gateway\n</html>\n")),
    "a short body": always(response("{}", length=500)),
    "a short journal": instead(JOURNAL, response('{"t": 0', length=500)),
    "a redirection": always(response("", "302 Found", "Location: http://127.0.0.1:1/api/server")),
    "a redirection of the journal": instead(JOURNAL, response("", "301 Moved", "Location: /api/server")),
    "a list": always(response("[]")),
    "deep JSON": always(response("[" * 100_000)),
    "digits": always(response('{"instance": ' + "9" * 5000 + "}")),
    "no number": always(response('{"instance": NaN}')),
    "no UTF-8": always(response(b'{"instance": "\xff"}')),
    "no instance": always(response('{"name": "FAKENW"}')),
    "an instance that is a number": always(response('{"instance": 7}')),
    "no HTTP": always(b"NetWare\r\n\r\n"),
    "a reset": always(b""),
    "a reset at the journal": instead(JOURNAL, b""),
    "an empty journal": instead(JOURNAL, response("")),
    "a client's journal": instead(JOURNAL, response('{"t": 0, "role": "client", "event": "start"}\n')),
    "an error that is no text": always(response('{"error": []}', "500 Oops")),
    "a refusal": always(response('{"error": "no\\u001b[2J"}', "403 Forbidden")),
    "a number that is none": instead(JOURNAL, response(json.dumps(STARTED) + "\n", "200 OK", "X-Next: soon")),
    "gone without the oldest": instead(JOURNAL, response('{"oldest": Infinity}', "410 Gone")),
    "gone for ever": instead(JOURNAL, response('{"oldest": 0}', "410 Gone")),
    "holders of another shape": instead("/api/licenses", response('{"holders": [{"unit": 7, "since": "x"}]}'), cut=3),
    "holders that are none": instead("/api/licenses", response('{"holders": 7}'), cut=3),
    "connections of another shape": instead("/api/connections", response('{"connections": [[]]}'), cut=3),
    "a user that is a list": instead(
        "/api/connections",
        response('{"connections": [{"serial": 1, "connection": 1, "station": "x", "state": "attached", "user": []}]}'),
        cut=3,
    ),
    "a state that is none": instead(
        "/api/connections",
        response('{"connections": [{"serial": 1, "connection": 1, "station": "x", "state": "x", "user": null}]}'),
        cut=3,
    ),
    "another instance in the journal": instead(JOURNAL, response(json.dumps({**STARTED, "instance": "f" * 32}) + "\n")),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_whatever_answers(kind: str) -> None:
    """Nothing is judged, and nothing is shown that a terminal would execute."""
    with answering(HOSTILE[kind]) as url:
        done = invoke("assert", url, "--released", "--within", "0s")
    assert (done.exit_code, done.stdout) == (3, ""), done.stdout + done.stderr
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("harness: ")
    assert sentence.isprintable()


def test_books_that_do_not_balance() -> None:
    """They are named, and nothing is judged."""
    with answering(instead(JOURNAL, response(json.dumps({**STARTED, "held": 3}) + "\n"))) as url:
        done = invoke("assert", url, "--released", "--within", "0s")
    assert done.exit_code == 3
    assert f"the books do not balance: {url}:1: books_balance: held is 3" in done.stdout


@pytest.mark.parametrize("kind", [kind for kind in HOSTILE if " of " not in kind and "state" not in kind])
def test_the_client_raises_its_own_errors(kind: str) -> None:
    """Also where it only asks: an answer that it returns is an object, or the text of a journal."""
    with answering(HOSTILE[kind]) as url:
        for path in ("/api/server", "/api/licenses"):
            with suppress(AdminUnreachable, AdminRefused):
                assert isinstance(AdminClient(url).get(path), dict)
        with suppress(AdminUnreachable, AdminRefused):
            assert AdminClient(url).journal()


@pytest.mark.parametrize("bound", ["LARGEST", "LONGEST"])
def test_a_body_without_an_end(bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up when it is too large, and when it takes too long."""
    monkeypatch.setattr(client, bound, 0)
    with answering(always(response(b"x" * 100_000, length=10**9))) as url, pytest.raises(AdminUnreachable) as caught:
        AdminClient(url).get("/api/server")
    assert "does not end" in str(caught.value)


def test_the_token_goes_to_no_other_server() -> None:
    """A redirection is not followed."""
    asked: list[str] = []

    def other(path: str) -> bytes:
        asked.append(path)
        return response("{}")

    with answering(other) as target:
        moved = response("", "307 Temporary Redirect", f"Location: {target}/api/server")
        with answering(always(moved)) as url, pytest.raises(AdminUnreachable, match="status 307"):
            AdminClient(url, "SECRET").get("/api/server")
    assert asked == []


# Another server


def restarted(after: int, cut: int = 0) -> Answer:
    """A server that is started again after so many requests."""
    first, second, count = good(cut, instance="a" * 32), good(cut, instance="b" * 32), 0

    def answer(path: str) -> bytes:
        nonlocal count
        count += 1
        return (first if count <= after else second)[path]

    return answer


@pytest.mark.parametrize(("after", "cut"), [(1, 0), (2, 0), (1, 3), (2, 3), (3, 3), (4, 3), (5, 3), (6, 3)])
def test_a_server_that_was_started_again_is_not_judged(after: int, cut: int) -> None:
    """Whenever that was, between two of the requests of one look."""
    with answering(restarted(after, cut)) as url:
        done = invoke("assert", url, "--released", "--within", "0s")
    assert (done.exit_code, done.stdout) == (3, ""), done.stdout + done.stderr
    assert f"is now the server {'b' * 32}, not {'a' * 32}: it was started again, or is another one" in done.stderr


def test_the_instance_that_is_asked_for() -> None:
    """Another one is not judged, this one is."""
    with answering(good(instance="a" * 32).__getitem__) as url:
        other = invoke("assert", url, "--released", "--within", "0s", "--instance", "b" * 32)
        same = invoke("assert", url, "--released", "--within", "0s", "--instance", "a" * 32)
    assert (other.exit_code, other.stdout) == (3, "")
    assert f"is now the server {'a' * 32}, not {'b' * 32}" in other.stderr
    assert (same.exit_code, same.stdout) == (0, "every license was given back\n")


@pytest.mark.parametrize("after", [1, 2])
def test_the_start_that_answers_now_is_judged_where_that_is_wanted(after: int) -> None:
    """With --anew, and a sentence about it; but not together with the one start that --instance names."""
    with answering(restarted(after)) as url:
        done = invoke("assert", url, "--released", "--within", "5s", "--anew")
    assert (done.exit_code, done.stdout) == (0, "every license was given back\n")
    (told,) = done.stderr.splitlines()
    assert told.startswith(f"harness: {url} is now the server {'b' * 32}, not {'a' * 32}: it was started again")
    assert told.endswith("its present start is judged instead")
    assert invoke("assert", url, "--released", "--anew", "--instance", "a" * 32).exit_code == 2
