"""The administration over HTTP: JSON, an event stream, metrics, and the page. See docs/api.md.

Rules of this file:

* A client must have the token, if there is one (compared in constant time). Without a token the administration
  listens on the loopback interface only.
* A page of another site must not use the browser of an operator: an Origin must be the Host's, and every change is a
  POST of JSON, which no form of another site can send. On the loopback interface the Host must be this server's, too;
  elsewhere a server does not know all of its names, and the token protects it.
* A header is read as Latin-1, which cannot fail; a repeated one is read as one value, joined by commas.
"""

from __future__ import annotations

import hmac
import json
import mimetypes
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from importlib import resources
from typing import Any

from twisted.internet.defer import CancelledError, ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from fakenw.admin.bounded_http import LARGEST_BODY, TOO_LARGE
from fakenw.admin.journal_reader import JournalReader
from fakenw.admin.metrics import CONTENT_TYPE, Metrics
from fakenw.admin.operations import Administration, ApiError, is_loopback
from fakenw.journal.record import SECOND

STREAMS = 64
POLICY = b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'"
Advance = Callable[[int], Coroutine[Any, Any, None]]


class AdminResource(Resource):
    """The only resource, for all paths. A request is Any: Twisted's web has no types."""

    isLeaf = True
    log = Logger()

    def __init__(
        self, administration: Administration, metrics: Metrics, advance: Advance, host: str, token: str | None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._administration, self._metrics, self._advance = administration, metrics, advance
        self._host, self._token = host, token
        self._streams = 0
        self._advancing = False

    def render(self, request: Any) -> Any:
        request.setHeader(b"Cache-Control", b"no-store")
        request.setHeader(b"Content-Security-Policy", POLICY)
        request.setHeader(b"X-Content-Type-Options", b"nosniff")
        request.setHeader(b"X-Instance", self._administration.server.settings.instance.encode())
        path = request.path.decode("ascii", "replace")
        try:
            self._check(request, path)
            if request.method in (b"GET", b"HEAD"):
                return self._get(request, path)
            if request.method == b"POST":
                return self._post(request, path)
            raise ApiError(405, f"{request.method.decode('ascii', 'replace')}: expected GET or POST")
        except ApiError as refusal:
            return self._refuse(request, refusal)

    def _check(self, request: Any, path: str) -> None:
        name = _header(request, "host").lower()
        host = name.rpartition(":")[0] if name.rpartition(":")[2].isdecimal() else name
        host = host.strip("[]")
        if is_loopback(self._host) and not is_loopback(host) and host != self._host:
            raise ApiError(421, f"Host {host[:80]!r} is not this server; expected {self._host} or localhost")
        origin = _header(request, "origin").lower()
        if origin and origin.partition("://")[2] != name:
            raise ApiError(403, f"Origin {origin[:80]!r} is another site; expected {name[:80]!r}, or none")
        if path == "/health" or (not path.startswith(("/api/", "/metrics"))):
            return
        scheme, _, given = _header(request, "authorization").partition(" ")
        given = given.strip() if scheme.lower() == "bearer" else ""
        if self._token is not None and not hmac.compare_digest(given.encode("latin-1"), self._token.encode()):
            raise ApiError(401, "expected the header Authorization: Bearer TOKEN")

    # Reading

    def _get(self, request: Any, path: str) -> Any:
        administration = self._administration
        match path:
            case "/health":
                return _json(request, {"status": "ok"})
            case "/metrics":
                request.setHeader(b"Content-Type", CONTENT_TYPE.encode())
                return self._metrics.text()
            case "/api/server":
                return _json(request, administration.about())
            case "/api/connections":
                return _json(request, administration.connections())
            case "/api/connections.csv":
                request.setHeader(b"Content-Type", b"text/csv; charset=utf-8")
                request.setHeader(b"Content-Disposition", b'attachment; filename="connections.csv"')
                return administration.connections_csv().encode()
            case "/api/licenses":
                return _json(request, administration.licenses())
            case "/api/journal":
                return self._journal(request)
        if path.startswith("/api/"):
            raise ApiError(404, f"there is no {path[:80]}")
        return _page(request, path)

    def _journal(self, request: Any) -> Any:
        buffer, streaming = self._administration.journal_buffer, "text/event-stream" in _header(request, "accept")
        instance, wanted = self._administration.server.settings.instance, request.args.get(b"instance", [b""])[0]
        if wanted and wanted.decode("latin-1") != instance:
            text = "the server was started again, or is another one; expected a request from record 0 on"
            raise ApiError(409, text, instance=instance)
        last = _header(request, "last-event-id")
        given = last or request.args.get(b"from", [b"0"])[0].decode("latin-1")
        if not (given.isascii() and given.isdecimal() and len(given) <= 15):
            name = "Last-Event-ID" if last else "from"
            raise ApiError(400, f"{name}: {given[:40]!r} is no number; expected that of a record")
        number = int(given) + (1 if last else 0)
        buffer.check(number)
        if not streaming or request.method == b"HEAD":
            kind, until = b"application/x-ndjson", buffer.next
            request.setHeader(b"X-Next", b"%d" % until)
            reader = JournalReader(request, buffer, number, until)
        else:
            if self._streams >= STREAMS:
                raise ApiError(503, f"{STREAMS} streams are open; expected fewer")
            self._streams += 1
            request.notifyFinish().addBoth(self._stream_ended)
            kind, reader = b"text/event-stream", JournalReader(request, buffer, number, None, instance)
        request.setHeader(b"Content-Type", kind)
        reader.begin()
        return NOT_DONE_YET

    def _stream_ended(self, _: object) -> None:
        self._streams -= 1

    # Changing

    def _post(self, request: Any, path: str) -> Any:
        if not path.startswith("/api/"):
            raise ApiError(404, f"there is no {path[:80]}")
        kind = _header(request, "content-type").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise ApiError(415, f"Content-Type {kind[:80]!r}; expected application/json")
        body = request.content.read()
        if len(body) > LARGEST_BODY:
            raise ApiError(413, TOO_LARGE)
        try:
            given = json.loads(body or b"{}")
        except (ValueError, RecursionError):
            raise ApiError(400, "the body is no JSON; expected an object") from None
        if not isinstance(given, dict):
            raise ApiError(400, "the body is something else; expected a JSON object")
        address = request.getClientAddress()
        peer = f"{getattr(address, 'host', '')}:{getattr(address, 'port', '')}"
        if path == "/api/clock/advance":
            return self._advance_clock(request, given, peer)
        return _json(request, self._administration.do(path.removeprefix("/api/"), given, peer))

    def _advance_clock(self, request: Any, given: dict[str, Any], peer: str) -> Any:
        by = self._administration.advance_by(given)
        if self._advancing:
            raise ApiError(409, "the clock is being advanced already; expected a request afterwards")
        self._advancing = True
        self._administration.emit("clock-advance", peer, text=f"{by / SECOND:g} s", seconds=by / SECOND)
        running = ensureDeferred(self._advance(by))

        def done(result: object) -> None:
            self._advancing = False
            if isinstance(result, Failure) and isinstance(result.value, CancelledError):
                return
            if isinstance(result, Failure):
                self.log.failure("the clock cannot be advanced", result)
                request.setResponseCode(500)
                body: dict[str, Any] = {"error": "the clock was not advanced, because of a defect of the server"}
            else:
                body = self._administration.about()
            request.write(_json(request, body))
            request.finish()

        request.notifyFinish().addErrback(lambda _: running.cancel())  # the client has disconnected
        running.addBoth(done)
        return NOT_DONE_YET

    def _refuse(self, request: Any, refusal: ApiError) -> bytes:
        request.setResponseCode(refusal.status, HTTPStatus(refusal.status).phrase.encode())
        if refusal.status == 401:
            request.setHeader(b"WWW-Authenticate", b"Bearer")
        return _json(request, {"error": str(refusal), **refusal.more})


def _header(request: Any, name: str) -> str:
    return b", ".join(request.requestHeaders.getRawHeaders(name.encode(), [])).decode("latin-1")


def _json(request: Any, body: dict[str, Any]) -> bytes:
    request.setHeader(b"Content-Type", b"application/json")
    return json.dumps(body).encode("ascii") + b"\n"


def _page(request: Any, path: str) -> bytes:
    """A file of the page."""
    name = "index.html" if path == "/" else path.removeprefix("/static/").removeprefix("/")
    files = {file.name: file for file in (resources.files("fakenw.admin") / "page").iterdir() if file.is_file()}
    if (file := files.get(name)) is None:
        raise ApiError(404, f"there is no {path[:80]}")
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    request.setHeader(b"Content-Type", f"{kind}; charset=utf-8".encode())
    return file.read_bytes()
