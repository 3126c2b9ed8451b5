"""The JSON Schema of scenario files, for editors and for docs/scenario.md.

Rules of this file:

* Pydantic makes it from the models. Added is what only our own code knows: the shorter forms that a file may use, and
  defaults as a file writes them.
* A field without a description has the comment behind it.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

from pydantic import BaseModel

from fakenw.config.field_types import DURATION, seconds
from fakenw.config.yaml_file import Named
from harness.client.settings import Credentials
from harness.scenario.faults import FAULTS
from harness.scenario.scenario import Cause, Change, Expect, Scenario, Variant
from harness.scenario.settings import PARTS, ClientSpec, ServerHabits, ServerSpec
from harness.scenario.steps import CHECKS, STEPS

Schema = dict[str, Any]
Kind = type[BaseModel]
MAPPINGS: tuple[Kind, ...] = (Cause, Change, Variant, Expect, ServerHabits, ServerSpec, ClientSpec)
_COMMENT = re.compile(r"^    (\w+): .*?  # (.*)$", re.MULTILINE)


def json_schema() -> Schema:
    """The whole schema."""
    made = Scenario.model_json_schema()
    kinds = made["$defs"]
    _complete(Scenario, made)
    every: list[Kind] = [*MAPPINGS, *PARTS.values(), *STEPS, *CHECKS, *FAULTS]
    for kind in dict.fromkeys(every):
        _complete(kind, kinds[kind.__name__])
        kinds[kind.__name__] = _with_short_forms(kind, kinds[kind.__name__])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def _complete(kind: Kind, schema: Schema) -> None:
    """Add descriptions, and put defaults as a file has them."""
    comments: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        comments |= _comments(base)
    for name, field in kind.model_fields.items():
        one = schema["properties"][field.alias or name]
        if name in comments:
            one.setdefault("description", comments[name])
        if one.get("anyOf") == DURATION["anyOf"] and "default" in one:
            one["default"] = seconds(field.default)
        elif isinstance(field.default, Credentials):
            one["default"] = str(field.default)


def _comments(kind: type) -> dict[str, str]:
    """The comments behind the fields of a class of ours; none of one that is made from a signature."""
    try:
        return {} if not kind.__module__.startswith("harness.") else dict(_COMMENT.findall(inspect.getsource(kind)))
    except (OSError, TypeError):
        return {}


def _with_short_forms(kind: Kind, schema: Schema) -> Schema:
    """The schema of all forms of *kind* that a file may use, of which *schema* is the longest one."""
    if issubclass(kind, Named):
        return _named(kind, schema)
    if kind is Expect:
        return {"anyOf": [schema["properties"]["udp"], schema]}
    switches = [name for name, field in kind.model_fields.items() if field.annotation is bool]
    return {"anyOf": [{"enum": switches}, schema]} if kind in PARTS.values() and switches else schema


def _named(kind: type[Named], schema: Schema) -> Schema:
    """A step, a check or a fault: its name alone, or one key with its arguments."""
    told: Schema = {name: schema[name] for name in ("title", "description") if name in schema}
    needed = schema.get("required", [])
    alone = kind.only or getattr(kind, "alone", "") or getattr(kind, "whose", "")
    arguments = schema["properties"][kind.only] if kind.only else {"anyOf": [schema]}
    if not kind.only and alone and needed in ([], [alone]):
        arguments["anyOf"].append(schema["properties"][alone])
    if not kind.only and not needed:
        arguments["anyOf"].append({"type": "null"})
    long: Schema = {"type": "object", "properties": {kind.verb: arguments}, "required": [kind.verb]}
    long["additionalProperties"] = False
    return told | {"anyOf": [long, *([] if needed else [{"const": kind.verb}])]}
