"""A client of the administration of a running server (docs/api.md).

Rules of this file:

* It raises; it never prints and never exits. Texts of the server are passed on unchanged.
* Proxies of the environment are ignored.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 30.0  # seconds
LARGEST_SKIP = 100_000  # records


class AdminUnreachable(Exception):
    """No server answers at the URL, or it is no fakenw."""


class AdminRefused(Exception):
    """The server refused a request. ``str()`` is its message, ``status`` the status of HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class AdminClient:
    """Sends requests to the server at *url*. Raises ValueError for an invalid URL.

    ``get``, ``post`` and ``journal`` raise AdminUnreachable and AdminRefused.
    """

    def __init__(self, url: str, token: str | None = None, timeout: float = TIMEOUT) -> None:
        try:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError
        except ValueError:
            raise ValueError(f"{url!r} is not the URL of a server, for instance http://127.0.0.1:8524") from None
        self._url, self._timeout = url.rstrip("/"), timeout
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str) -> Any:
        return self._accepted(*self._request(path)[:2])

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._accepted(*self._request(path, body)[:2])

    def journal(self, number: int = 0) -> tuple[int, list[str], int]:
        """The journal from record *number* on, or from the oldest available.

        Returns the number of the first line, the lines, and the next number.
        """
        status, body, headers = self._request(f"/api/journal?from={number}")
        skip = 0
        while status == HTTPStatus.GONE and skip < LARGEST_SKIP:
            number = self._oldest(status, body) + skip
            status, body, headers = self._request(f"/api/journal?from={number}")
            skip = 2 * skip + 100  # a busy server has dropped more records before the next request
        if status != HTTPStatus.OK:
            self._accepted(status, body)
        lines = body.decode("ascii", "replace").splitlines(keepends=True)
        return number, lines, int(headers.get("X-Next", number + len(lines)))

    def _oldest(self, status: int, body: bytes) -> int:
        try:
            return int(json.loads(body)["oldest"])
        except (ValueError, KeyError, TypeError):
            raise self._no_fakenw(status) from None

    def _accepted(self, status: int, body: bytes) -> Any:
        try:
            answer = json.loads(body)
            if status == HTTPStatus.OK:
                return answer
            message = str(answer["error"])
        except (ValueError, KeyError, TypeError):
            raise self._no_fakenw(status) from None
        raise AdminRefused(status, message)

    def _no_fakenw(self, status: int) -> AdminUnreachable:
        return AdminUnreachable(f"{self._url} does not answer as a fakenw does (status {status})")

    def _request(self, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, bytes, Mapping[str, str]]:
        """Status, body and headers of the response, for every status."""
        data = None if body is None else json.dumps(body).encode()
        try:
            request = urllib.request.Request(self._url + path, data, self._headers)
            try:
                with self._opener.open(request, timeout=self._timeout) as reply:
                    return reply.status, reply.read(), dict(reply.headers)
            except urllib.error.HTTPError as refusal:
                with refusal:
                    return refusal.code, refusal.read(), dict(refusal.headers)
        except (OSError, ValueError, HTTPException) as problem:
            raise AdminUnreachable(f"{self._url} does not answer: {problem}") from None
