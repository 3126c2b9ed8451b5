"""A client of the administration of a running server (docs/api.md).

Rules of this file:

* It raises; it never prints and never exits. Texts of the server are passed on unchanged.
* Proxies of the environment are ignored, and no redirection is followed: the token is for this server.
* Whatever answers in the server's place: the exceptions are the two of this file. A response is bounded in size, and in
  time once it has begun.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import Any
from urllib.parse import quote, urlsplit

from fakenw.journal.record import decode

TIMEOUT = 30.0  # seconds
LARGEST_SKIP = 100_000  # records
LARGEST = 256 * 1024 * 1024  # bytes of a response; 100,000 records take a tenth of it
LONGEST = 300.0  # seconds that a response may take from its header on
LONGEST_NUMBER = 15  # digits of the number of a record
_PART = 1 << 16


class AdminUnreachable(Exception):
    """No server answers at the URL, or it is no fakenw."""


class AdminRefused(Exception):
    """The server refused a request. ``str()`` is its message, ``status`` the status of HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ServerRestarted(AdminRefused):
    """Another start of the server answers than the one that was asked; ``instance`` is the new one."""

    def __init__(self, message: str, instance: str) -> None:
        super().__init__(HTTPStatus.CONFLICT, message)
        self.instance = instance


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """The response itself is the answer."""


class AdminClient:
    """Sends requests to the server at *url*. Raises ValueError for an invalid URL.

    ``get``, ``post`` and ``journal`` raise AdminUnreachable and AdminRefused. ``instance`` is the start of the server
    that answered last; None where it did not say.
    """

    def __init__(self, url: str, token: str | None = None, timeout: float = TIMEOUT) -> None:
        try:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError
        except ValueError:
            raise ValueError(f"{url!r} is not the URL of a server, for instance http://127.0.0.1:8524") from None
        self._url, self._timeout = url.rstrip("/"), timeout
        self.instance: str | None = None
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirection())
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str) -> dict[str, Any]:
        return self._accepted(*self._request(path)[:2])

    def post(self, path: str, body: Mapping[str, Any], within: float | None = None) -> dict[str, Any]:
        """*within* are the seconds that the operation may take, where these are many."""
        return self._accepted(*self._request(path, body, within)[:2])

    def journal(self, number: int = 0, instance: str | None = None) -> tuple[int, list[str], int]:
        """The journal from record *number* on, or from the oldest available; with *instance* of that start only.

        Returns the number of the first line, the lines, and the next number. Raises ServerRestarted.
        """
        of = f"&instance={quote(instance, safe='')}" if instance else ""
        status, body, headers = self._request(f"/api/journal?from={number}{of}")
        skip = 0
        while status == HTTPStatus.GONE and skip < LARGEST_SKIP:
            number = self._oldest(status, body) + skip
            status, body, headers = self._request(f"/api/journal?from={number}{of}")
            skip = 2 * skip + 100  # a busy server has dropped more records before the next request
        if status != HTTPStatus.OK:
            self._accepted(status, body)
        *whole, rest = body.decode("ascii", "replace").split("\n")
        lines = [*(f"{line}\n" for line in whole), *([rest] if rest else [])]
        following = str(headers.get("X-Next", number + len(lines)))
        if not (following.isascii() and following.isdecimal() and len(following) <= LONGEST_NUMBER):
            raise self._no_fakenw(status)
        return number, lines, int(following)

    def _oldest(self, status: int, body: bytes) -> int:
        oldest = self._object(status, body).get("oldest")
        if not isinstance(oldest, int) or not 0 <= oldest < 10**LONGEST_NUMBER:
            raise self._no_fakenw(status)
        return oldest

    def _accepted(self, status: int, body: bytes) -> dict[str, Any]:
        answer = self._object(status, body)
        if status == HTTPStatus.OK:
            return answer
        if not isinstance(answer.get("error"), str):
            raise self._no_fakenw(status)
        if status == HTTPStatus.CONFLICT and isinstance(answer.get("instance"), str):
            raise ServerRestarted(answer["error"], answer["instance"])
        raise AdminRefused(status, answer["error"])

    def _object(self, status: int, body: bytes) -> dict[str, Any]:
        try:
            answer = decode(body.decode("utf-8"))
        except ValueError:
            raise self._no_fakenw(status) from None
        if not isinstance(answer, dict):
            raise self._no_fakenw(status)
        return answer

    def _no_fakenw(self, status: int) -> AdminUnreachable:
        return AdminUnreachable(f"{self._url} does not answer as a fakenw does (status {status})")

    def _request(
        self, path: str, body: Mapping[str, Any] | None = None, within: float | None = None
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Status, body and headers of the response, for every status."""
        data = None if body is None else json.dumps(body).encode()
        try:
            request = urllib.request.Request(self._url + path, data, self._headers)
            try:
                with self._opener.open(request, timeout=within or self._timeout) as reply:
                    self.instance = reply.headers.get("X-Instance")
                    return reply.status, self._body(reply), dict(reply.headers)
            except urllib.error.HTTPError as refusal:
                with refusal:
                    self.instance = refusal.headers.get("X-Instance")
                    return refusal.code, self._body(refusal.fp), dict(refusal.headers)
        except (OSError, ValueError, HTTPException, EOFError) as problem:
            raise AdminUnreachable(f"{self._url} does not answer: {problem}") from None

    def _body(self, reply: HTTPResponse | Any) -> bytes:
        """The whole body. Raises OSError for one that does not end, and IncompleteRead for one that ends early."""
        deadline, parts, size = time.monotonic() + LONGEST, list[bytes](), 0
        while part := reply.read1(_PART):
            parts.append(part)
            size += len(part)
            if size > LARGEST or time.monotonic() > deadline:
                raise OSError(f"the response does not end ({size} bytes)")
        if getattr(reply, "length", None):
            raise IncompleteRead(b"", reply.length)
        return b"".join(parts)
