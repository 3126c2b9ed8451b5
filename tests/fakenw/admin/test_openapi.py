"""The OpenAPI document: valid, up to date, and what the server does: nothing undeclared is answered."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from fakenw.admin.http import AdminResource
from fakenw.admin.operations import Administration
from fakenw.admin.routes import routes_of
from fakenw.cli.openapi_page import page
from tests.fakenw.administered_server import Client, Served

DOCUMENT = Path(__file__).parents[3] / "docs" / "openapi.json"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
)


def test_the_document_is_up_to_date() -> None:
    """`make docs` writes it."""
    assert DOCUMENT.read_text(encoding="utf-8") == page()


def test_the_document_is_valid() -> None:
    validate(json.loads(page()))


def test_the_server_gives_the_same_document(served_once: Served) -> None:
    assert served_once.get("/openapi.json") == json.loads(page())


def test_each_declaration_is_in_the_document_once() -> None:
    """With its own summary and name."""
    paths: dict[str, Any] = json.loads(page())["paths"]
    told = [(method.upper(), path, one) for path, methods in paths.items() for method, one in methods.items()]
    declared = [(route.method, route.path) for route in routes_of(AdminResource, Administration)]
    assert [(method, path) for method, path, _ in told] == declared
    assert len(declared) == len({*declared})
    assert len({one["operationId"] for *_, one in told}) == len(declared)
    assert all(re.fullmatch(r"[A-Z][^\n]+\.", one["summary"]) for *_, one in told)


def test_what_is_not_declared_is_not_answered(served_once: Served) -> None:
    """Paths beside those that are declared, and other methods of these."""
    document = json.loads(page())
    for path in ("/api", "/api/", "/api/servers", "/api/server/", "/api/connections/1", "/page.js", "/metrics/x"):
        assert served_once.ask("GET", path)[0] == 404, path
    for path, methods in document["paths"].items():
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} - {one.upper() for one in methods}:
            status, headers, _ = served_once.ask(method, path.format(connection=1, fault=1, name="page.js"))
            assert (status, {"get", "post"} & {*headers["allow"].lower().split(", ")}) == (405, {*methods})


@pytest.mark.process
def test_a_running_server_does_what_the_document_says(tmp_path: Path) -> None:
    """Schemathesis asks what the document allows and what it forbids, in the same order in each run."""
    with Served(tmp_path, "--admin-token", "SECRET") as served, ExitStack() as stack:
        for _ in range(2):
            stack.callback(Client(served, "tcp").close)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", f"{served.admin}/openapi.json"),
                *("--header", "Authorization: Bearer SECRET", "--checks", ",".join(CHECKS), "--seed", "1"),
                *("--phases", "examples,coverage,fuzzing", "--max-examples", "5", "--no-color"),
                *("--generation-database", "none", "--request-timeout", "30"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr + served.errors.read_text()
        assert served.ask("GET", "/health")[0] == 200
    assert served.errors.read_text() == ""
