"""The OpenAPI document of the administration, from the declarations of its routes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from fakenw.admin.answers import Refusal
from fakenw.admin.routes import JSON, Empty, Route, Schema, needs_token, routes_of

EVERYWHERE = (403, 405, 421)
WITH_TOKEN = (401,)
OF_CHANGES = (400, 413, 415, 503)
HEADERS = {"X-Instance": {"$ref": "#/components/headers/X-Instance"}}
PARTS: dict[str, Schema] = {  # of paths
    "connection": {"type": "integer", "minimum": 1, "maximum": 65_535},
    "fault": {"type": "integer", "minimum": 1, "maximum": 999_999_999},
    "name": {"type": "string", "pattern": "^[^/]+$"},
}


class _WithoutTitles(GenerateJsonSchema):
    """Pydantic repeats the name of each field as its title."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


@cache
def document(*owners: type) -> dict[str, Any]:
    """The routes that are declared in *owners*."""
    routes = tuple(routes_of(*owners))
    types: list[tuple[str, Any, TypeAdapter[Any]]] = [("Refusal", "serialization", TypeAdapter(Refusal))]
    for route in routes:
        if JSON in route.kinds:
            types.append((_key(route), "serialization", TypeAdapter(route.answer)))
        if route.method == "POST":
            types.append((_key(route), "validation", TypeAdapter(route.body or Empty)))
    found, shared = TypeAdapter.json_schemas(
        types, ref_template="#/components/schemas/{model}", schema_generator=_WithoutTitles
    )
    schemas = {(str(key), str(mode)): schema for (key, mode), schema in found.items()}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The administration of fakenw",
            "version": version("fakenw"),
            "description": "See docs/api.md. Times are seconds of the server's own time since its start.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {
            "schemas": shared.get("$defs", {}),
            "responses": {
                str(status): {
                    "description": HTTPStatus(status).phrase,
                    "headers": HEADERS,
                    "content": {JSON: {"schema": schemas["Refusal", "serialization"]}},
                }
                for status in sorted({*EVERYWHERE, *WITH_TOKEN, *OF_CHANGES, *(s for r in routes for s in r.refuses)})
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "That of --admin-token, if there is one."}
            },
            "headers": {
                "X-Instance": {
                    "description": "The start of the server that answers.",
                    "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
                }
            },
        },
    }


def _key(route: Route) -> str:
    return f"{route.method} {route.path}"


def _operation(route: Route, schemas: dict[tuple[str, str], Schema]) -> Schema:
    name = route.function.__name__.strip("_")
    told: Schema = {"operationId": name, "summary": inspect.getdoc(route.function)}
    if needs_token(route.path):
        told["security"] = [{}, {"token": []}]
    parameters = [{"name": part, "in": "path", "required": True, "schema": PARTS[part]} for part in route.parts] + [
        {"name": one.name, "in": one.place, "description": one.description, "schema": one.schema}
        for one in route.parameters
    ]
    if parameters:
        told["parameters"] = parameters
    if route.method == "POST":
        told["requestBody"] = {"content": {JSON: {"schema": schemas[_key(route), "validation"]}}, "required": True}
    told["responses"] = dict(_responses(route, schemas))
    return told


def _responses(route: Route, schemas: dict[tuple[str, str], Schema]) -> Iterator[tuple[str, Schema]]:
    text: Schema = {"type": "string"}
    content = {
        kind: {"schema": schemas[_key(route), "serialization"] if kind == JSON else text} for kind in route.kinds
    }
    yield "200", {"description": "Done.", "headers": HEADERS, "content": content}
    statuses = {*EVERYWHERE, *route.refuses, *(WITH_TOKEN if needs_token(route.path) else ())}
    if route.method == "POST":
        statuses |= {*OF_CHANGES}
    for status in sorted(statuses):
        yield str(status), {"$ref": f"#/components/responses/{status}"}
