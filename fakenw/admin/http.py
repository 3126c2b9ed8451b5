"""The administration over HTTP: JSON, an event stream, metrics, and the page. See docs/api.md.

Rules of this file:

* A client must have the token, if there is one (compared in constant time). Without a token the administration
  listens on the loopback interface only.
* A page of another site must not use the browser of an operator: an Origin must be the Host's, and every change is a
  POST of JSON, which no form of another site can send. On the loopback interface the Host must be this server's, too;
  elsewhere a server does not know all of its names, and the token protects it.
* A header is read as Latin-1, which cannot fail; a repeated one is read as one value, joined by commas.
* What is answered is declared (``fakenw.admin.routes``): here what needs HTTP, the rest by ``Administration``.
"""

from __future__ import annotations

import hmac
import json
import mimetypes
from collections.abc import Callable, Coroutine
from functools import partial
from http import HTTPStatus
from importlib import resources
from typing import Any

from twisted.internet.defer import CancelledError, ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from fakenw.admin.answers import Health, ServerStatus
from fakenw.admin.bodies import Advance
from fakenw.admin.bounded_http import LARGEST_BODY, TOO_LARGE
from fakenw.admin.journal_reader import JournalReader
from fakenw.admin.metrics import Metrics
from fakenw.admin.openapi import document
from fakenw.admin.operations import Administration, is_loopback
from fakenw.admin.routes import JSON, ApiError, Parameter, RouteTable, get, needs_token, post
from fakenw.journal.record import SECOND

STREAMS = 64
POLICY = b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'"
LONGEST_NUMBER = 15  # digits of the number of a record
NUMBER, NUMBER_OR_NONE = ({"type": "string", "pattern": f"^[0-9]{{{least},{LONGEST_NUMBER}}}$"} for least in (1, 0))
AdvanceClock = Callable[[int], Coroutine[Any, Any, None]]


class AdminResource(Resource):
    """The only resource, for all paths. A request is Any: Twisted's web has no types."""

    isLeaf = True
    log = Logger()

    def __init__(
        self, administration: Administration, metrics: Metrics, advance: AdvanceClock, host: str, token: str | None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._administration, self._metrics, self._advance = administration, metrics, advance
        self._host, self._token = host, token
        self._routes = RouteTable(self, administration)
        self._instance = administration.server.settings.instance
        self._streams = 0
        self._advancing = False

    def render(self, request: Any) -> Any:
        request.setHeader(b"Cache-Control", b"no-store")
        request.setHeader(b"Content-Security-Policy", POLICY)
        request.setHeader(b"X-Content-Type-Options", b"nosniff")
        request.setHeader(b"X-Instance", self._instance.encode())
        method, path = (text.decode("ascii", "replace") for text in (request.method, request.path))
        address = request.getClientAddress()
        more = {"request": request, "peer": f"{getattr(address, 'host', '')}:{getattr(address, 'port', '')}"}
        try:
            self._check(request, path)
            route, answer = self._routes.call(method, path, partial(_body, request), more)
        except ApiError as refusal:
            return self._refuse(request, refusal)
        if isinstance(answer, dict):
            return _json(request, answer)
        if isinstance(answer, str):
            request.setHeader(b"Content-Type", f"{route.kinds[0]}; charset=utf-8".encode())
            return answer.encode()
        return answer

    def _check(self, request: Any, path: str) -> None:
        name = _header(request, "host").lower()
        host = name.rpartition(":")[0] if name.rpartition(":")[2].isdecimal() else name
        host = host.strip("[]")
        if is_loopback(self._host) and not is_loopback(host) and host != self._host:
            raise ApiError(421, f"Host {host[:80]!r} is not this server; expected {self._host} or localhost")
        origin = _header(request, "origin").lower()
        if origin and origin.partition("://")[2] != name:
            raise ApiError(403, f"Origin {origin[:80]!r} is another site; expected {name[:80]!r}, or none")
        if not needs_token(path):
            return
        scheme, _, given = _header(request, "authorization").partition(" ")
        given = given.strip() if scheme.lower() == "bearer" else ""
        if self._token is not None and not hmac.compare_digest(given.encode("latin-1"), self._token.encode()):
            raise ApiError(401, "expected the header Authorization: Bearer TOKEN")

    # Reading

    @get("/health")
    def _health(self) -> Health:
        """Whether the server runs; without a token."""
        return {"status": "ok"}

    @get("/openapi.json", answers=dict[str, Any])
    def _openapi(self) -> dict[str, Any]:
        """This description of the administration; without a token."""
        return document(AdminResource, Administration)

    @get("/", kinds=("text/html",))
    def _page(self, request: Any) -> bytes:
        """The operator's page; without a token."""
        return _file(request, "index.html")

    @get("/static/{name}", kinds=("*/*",), refuses=(404,))
    def _static(self, name: str, request: Any) -> bytes:
        """A file of the operator's page; without a token."""
        return _file(request, name)

    @get("/metrics", kinds=("text/plain", "application/openmetrics-text"))
    def _scrape(self, request: Any) -> bytes:
        """The metrics for Prometheus; as OpenMetrics where the header Accept asks for that."""
        text, kind = self._metrics.text(_header(request, "accept"))
        request.setHeader(b"Content-Type", kind.encode())
        return text

    @get("/api/connections.csv", kinds=("text/csv",))
    def _connections_csv(self, request: Any) -> str:
        """The connections as CSV, as `harness diagnose --connections` reads them."""
        request.setHeader(b"Content-Disposition", b'attachment; filename="connections.csv"')
        return self._administration.connections_csv()

    @get(
        "/api/journal",
        kinds=("application/x-ndjson", "text/event-stream"),
        refuses=(400, 409, 410, 503),
        parameters=(
            Parameter("from", "query", "The number of the first line; the journal begins with 0.", NUMBER),
            Parameter("instance", "query", "The start of the server whose journal is wanted.", {"type": "string"}),
            Parameter("Last-Event-ID", "header", "The last line that a stream has had; empty: none.", NUMBER_OR_NONE),
        ),
    )
    def _journal(self, request: Any) -> int:
        """The journal, line by line; with `Accept: text/event-stream` each line when it is written."""
        buffer, streaming = self._administration.journal_buffer, "text/event-stream" in _header(request, "accept")
        wanted = request.args.get(b"instance", [b""])[0].decode("latin-1")
        if wanted not in ("", self._instance):
            text = "the server was started again, or is another one; expected a request from record 0 on"
            raise ApiError(409, text, instance=self._instance)
        number = _number("from", request.args.get(b"from", [b"0"])[0].decode("latin-1"))
        if last := _header(request, "last-event-id"):
            number = _number("Last-Event-ID", last) + 1
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
            kind, reader = b"text/event-stream", JournalReader(request, buffer, number, None, self._instance)
        request.setHeader(b"Content-Type", kind)
        reader.begin()
        return NOT_DONE_YET

    def _stream_ended(self, _: object) -> None:
        self._streams -= 1

    # Changing

    @post("/api/clock/advance", answers=ServerStatus, refuses=(409, 500))
    def _advance_clock(self, given: Advance, peer: str, request: Any) -> int:
        """Advance the server's clock, through each deadline on the way; the answer comes at the end."""
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
                body = {**self._administration.about()}
            request.write(_json(request, body))
            request.finish()

        request.notifyFinish().addErrback(lambda _: running.cancel())  # the client has disconnected
        running.addBoth(done)
        return NOT_DONE_YET

    def _refuse(self, request: Any, refusal: ApiError) -> bytes:
        request.setResponseCode(refusal.status, HTTPStatus(refusal.status).phrase.encode())
        if refusal.status == HTTPStatus.UNAUTHORIZED:
            request.setHeader(b"WWW-Authenticate", b"Bearer")
        if refusal.status == HTTPStatus.METHOD_NOT_ALLOWED:
            request.setHeader(b"Allow", str(refusal.more["allow"]).encode())
        return _json(request, {"error": str(refusal), **refusal.more})


def _body(request: Any) -> dict[str, Any]:
    """The object in the body of a POST. Raises ApiError."""
    kind = _header(request, "content-type").partition(";")[0].strip().lower()
    if kind != JSON:
        raise ApiError(415, f"Content-Type {kind[:80]!r}; expected {JSON}")
    body = request.content.read()
    if len(body) > LARGEST_BODY:
        raise ApiError(413, TOO_LARGE)
    try:
        given = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise ApiError(400, "the body is no JSON; expected an object") from None
    if not isinstance(given, dict):
        raise ApiError(400, "the body is something else; expected a JSON object")
    return given


def _number(name: str, given: str) -> int:
    """The number of a record. Raises ApiError."""
    if not (given.isascii() and given.isdecimal() and len(given) <= LONGEST_NUMBER):
        raise ApiError(400, f"{name}: {given[:40]!r} is no number; expected that of a record")
    return int(given)


def _header(request: Any, name: str) -> str:
    return b", ".join(request.requestHeaders.getRawHeaders(name.encode(), [])).decode("latin-1")


def _json(request: Any, body: dict[str, Any]) -> bytes:
    request.setHeader(b"Content-Type", b"application/json")
    return json.dumps(body).encode("ascii") + b"\n"


def _file(request: Any, name: str) -> bytes:
    """A file of the page. Raises ApiError."""
    files = {file.name: file for file in (resources.files("fakenw.admin") / "page").iterdir() if file.is_file()}
    if (file := files.get(name)) is None:
        raise ApiError(404, f"there is no file {name[:80]}")
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    request.setHeader(b"Content-Type", f"{kind}; charset=utf-8".encode())
    return file.read_bytes()
