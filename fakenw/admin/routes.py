"""The routes of the administration: each is declared beside the function that answers it.

Rules of this file:

* A function is reached over HTTP by its declaration only, ``get`` or ``post`` with a path. The rest of the declaration
  is its signature: an argument that stands in the path is a part of it, ``given`` is the body, ``peer`` the client's
  address, and ``request`` that of Twisted, for a function which writes its response itself.
* What the function returns is the answer: a TypedDict is JSON, a text is of the first of its *kinds*.
* ``fakenw.admin.openapi`` describes the same declarations.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeVar, get_type_hints

from fakenw.config.yaml_file import DocumentError, Model, check

JSON = "application/json"
LONGEST_ERROR = 500  # characters

F = TypeVar("F", bound=Callable[..., Any])
Schema = dict[str, Any]


class ApiError(Exception):
    """A request is refused. ``status`` is that of HTTP, ``more`` are further fields for programs."""

    def __init__(self, status: int, text: str, **more: int | str) -> None:
        super().__init__(text)
        self.status, self.more = status, more


class Parameter(NamedTuple):
    """A parameter of a request that is not a part of the path."""

    name: str
    place: Literal["query", "header"]
    description: str
    schema: Schema


@dataclass(frozen=True)
class Route:
    """A declaration: *answers* is the type of the answer, *kinds* are its media types, *refuses* its own statuses."""

    method: str
    path: str
    function: Callable[..., Any]
    answers: Any
    kinds: tuple[str, ...]
    refuses: tuple[int, ...]
    parameters: tuple[Parameter, ...]

    @cached_property
    def arguments(self) -> tuple[str, ...]:
        return tuple(name for name in inspect.signature(self.function).parameters if name != "self")

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The names in the path."""
        return tuple(re.findall(r"{(\w+)}", self.path))

    @cached_property
    def body(self) -> type[Model] | None:
        """The model of the body; None where the function takes none, which is then empty."""
        found: type[Model] | None = get_type_hints(self.function).get("given")
        return found

    @cached_property
    def answer(self) -> Any:
        return self.answers or get_type_hints(self.function)["return"]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]*)", self.path.replace(".", r"\.")))


class Empty(Model):
    """No fields."""


def get(
    path: str,
    *,
    answers: Any = None,
    kinds: tuple[str, ...] = (JSON,),
    refuses: tuple[int, ...] = (),
    parameters: tuple[Parameter, ...] = (),
) -> Callable[[F], F]:
    return _declared("GET", path, answers, kinds, refuses, parameters)


def post(path: str, *, answers: Any = None, refuses: tuple[int, ...] = ()) -> Callable[[F], F]:
    return _declared("POST", path, answers, (JSON,), refuses, ())


def _declared(method: str, path: str, answers: Any, kinds: Any, refuses: Any, parameters: Any) -> Callable[[F], F]:
    def declare(function: F) -> F:
        function.route = Route(method, path, function, answers, kinds, refuses, parameters)  # type: ignore[attr-defined]
        return function

    return declare


def needs_token(path: str) -> bool:
    """Whether a server that has a token demands it for *path*."""
    return path.startswith(("/api/", "/metrics"))


def routes_of(*owners: type) -> Iterator[Route]:
    """The declarations in classes, in their order."""
    for owner in owners:
        yield from (member.route for member in vars(owner).values() if hasattr(member, "route"))


class RouteTable:
    """The routes of *owners*, and the calls of their functions."""

    def __init__(self, *owners: object) -> None:
        self._entries = [(route, owner) for owner in owners for route in routes_of(type(owner))]

    def call(
        self, method: str, path: str, body: Callable[[], Mapping[str, Any]], more: Mapping[str, Any]
    ) -> tuple[Route, Any]:
        """The route, and what its function returns. Raises ApiError."""
        found = [(route, owner, match) for route, owner in self._entries if (match := route.pattern.fullmatch(path))]
        if not found:
            raise ApiError(404, f"there is no {path[:80]}")
        wanted = "GET" if method == "HEAD" else method
        fitting = [one for one in found if one[0].method == wanted]
        if not fitting:
            allow = ", ".join(f"{route.method}, HEAD" if route.method == "GET" else route.method for route, *_ in found)
            raise ApiError(405, f"{method[:40]} {path[:80]}: expected {allow}", allow=allow)
        route, owner, match = fitting[0]
        values = {**more, **match.groupdict()}
        if route.method == "POST":
            values["given"] = read_body(route.body or Empty, body())
        return route, route.function(owner, **{name: values[name] for name in route.arguments})


M = TypeVar("M", bound=Model)


def read_body(model: type[M], given: Mapping[str, Any]) -> M:
    """Raises ApiError, which names each mistake and the expectation."""
    try:
        return check(model, given, "body")
    except DocumentError as mistakes:
        text = "; ".join(problem.removeprefix("body: ") for problem in mistakes.problems)
        raise ApiError(400, text if len(text) <= LONGEST_ERROR else f"{text[:LONGEST_ERROR]}...") from None
