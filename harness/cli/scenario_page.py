"""docs/scenario.md, from the JSON Schema of scenario files: ``python -m harness.cli.scenario_page``.

Rules of this file:

* ``page`` is a pure function of the schema; ``make docs`` writes it, and a test compares the two.
* A type that has no words here is an error, so that the page never says something vague.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from fakenw.config.field_types import DURATION
from fakenw.config.yaml_file import Named
from harness.scenario.faults import FAULTS
from harness.scenario.json_schema import Schema, json_schema
from harness.scenario.settings import PARTS
from harness.scenario.steps import CHECKS, STEPS

_HEAD = """\
# Scenario files

Made by `make docs` from the JSON Schema that `harness schema` prints, which an editor can use as well.
[write-a-scenario.md](write-a-scenario.md) shows how a file is written.

- A *duration* is text such as `500ms`, `30s`, `10m`, `4h`, `2d` or `1h30m`, or a number of seconds.
- A step, a check or a fault is its name, or one key with its arguments: `user.logoff`, or
  `user.open: {file: 'SYS:PUBLIC/NLIST.EXE', server: FAKENW}`. Where one argument is needed its value may stand alone:
  `wait: 10m`, `user.logon: FAKENW`.
- What is marked with *needed* has no default. Each step but `wait` and `repeat` may have `may_fail: true`: an error of
  it is no surprise.
- The file, a client and a variant may also have the settings of each part of a client.
"""
_MAPPINGS = {
    "The file": "",
    "A server": "ServerSpec",
    "A client": "ClientSpec",
    "A variant": "Variant",
    "The cause": "Cause",
    "An expectation": "Expect",
}
_REFERENCES = {
    "Cause": "a cause",
    "Change": "settings of parts, `server`, `faults`",
    "ClientSpec": "a client",
    "Expect": "an expectation",
    "ServerHabits": "settings of a server",
    "ServerSpec": "a server",
    "Variant": "a variant",
    **{kind.__name__: "a step" for kind in STEPS},
    **{kind.__name__: "a check" for kind in CHECKS},
    **{kind.__name__: "a fault" for kind in FAULTS},
}


def page(schema: Schema) -> str:
    """The whole page, in Markdown."""
    return "\n".join([_HEAD, *_sections(schema, schema["$defs"])])


def _sections(schema: Schema, kinds: Schema) -> Iterator[str]:
    for title, name in _MAPPINGS.items():
        yield from _mapping(f"## {title}", _longest(kinds[name]) if name else schema)
    yield "## The parts of a client\n"
    for part, part_kind in PARTS.items():
        yield from _mapping(f"### `{part}`", _longest(kinds[part_kind.__name__]))
    groups: Iterable[tuple[str, Sequence[type[Named]]]] = (("Steps", STEPS), ("Checks", CHECKS), ("Faults", FAULTS))
    for title, named in groups:
        yield f"## {title}\n\n| | arguments | |\n|---|---|---|"
        for kind in named:
            long = kinds[kind.__name__]
            arguments = _longest(long["anyOf"][0]["properties"][kind.verb])
            if kind.only:  # its value stands alone
                arguments = {"properties": {kind.only: arguments}, "required": [kind.only]}
            told = [_argument(name, one, name in arguments.get("required", ())) for name, one in _fields(arguments)]
            yield f"| `{kind.verb}` | {'<br>'.join(told)} | {_text(long.get('description'))} |"
        yield ""


def _longest(schema: Schema) -> Schema:
    """The form with all keys, where there are shorter ones."""
    return next((one for one in schema.get("anyOf", ()) if "properties" in one), schema)


def _fields(schema: Schema) -> Iterator[tuple[str, Schema]]:
    for name, one in schema["properties"].items():
        if name not in PARTS and name != "may_fail":  # every call of a component may have it
            yield name, one


def _mapping(title: str, schema: Schema) -> Iterator[str]:
    yield f"{title}\n"
    if "description" in schema:
        yield f"{_text(schema['description'])}\n"
    yield "| key | type | default | |\n|---|---|---|---|"
    needed = schema.get("required", ())
    for name, one in _fields(schema):
        yield f"| `{name}` | {words(one)} | {_default(one, name in needed)} | {_text(_description(one))} |"
    yield ""


def _argument(name: str, schema: Schema, needed: bool) -> str:
    text, default = _text(_description(schema)), _default(schema, needed)
    by_default = f", {default}" if needed else f", by default {default}" if default else ""
    return f"`{name}`: {words(schema)}{by_default}{f'; {text}' if text else ''}"


def _description(schema: Schema) -> str | None:
    """Its own, or that of what it may be, or is a list of."""
    inner = [*schema.get("anyOf", ()), schema.get("items", {})]
    found: list[str] = [one["description"] for one in (schema, *inner) if "description" in one]
    return found[0] if found else None


def _default(schema: Schema, needed: bool) -> str:
    if needed:
        return "*needed*"
    default = schema.get("default")
    if default in (None, [], {}) or isinstance(default, dict):
        return ""
    return f"`{default if isinstance(default, str) else json.dumps(default)}`{' s' * (_is_duration(schema))}"


def words(schema: Schema) -> str:
    """A type in words. Raises ValueError for one that has none."""
    match schema:
        case {"$ref": name}:
            return _REFERENCES[name.rpartition("/")[2]]
        case {"oneOf": [{"$ref": name}, *_]}:
            return _REFERENCES[name.rpartition("/")[2]]
        case {"anyOf": [{"type": "number", "minimum": 0}, {"pattern": _}, *_]}:
            return "duration"
        case {"anyOf": [{"type": "number"}, {"pattern": _}]}:
            return "duration, or one below 0"
        case {"anyOf": several}:
            return " or ".join(words(one) for one in several if one != {"type": "null"})
        case {"type": "array", "items": items}:
            return f"list: {words(items)}"
        case {"type": "object", "additionalProperties": values}:
            return f"mapping: {words(values)}"
        case {"enum": values}:
            return " or ".join(f"`{value}`" for value in values)
        case {"const": value}:
            return f"`{value}`"
        case {"type": "integer" | "number" as kind}:
            bounds = [f"from {schema['minimum']}"] if "minimum" in schema else []
            bounds += [f"to {schema['maximum']}"] if "maximum" in schema else []
            return " ".join(["whole number" if kind == "integer" else "number", *bounds])
        case {"type": "boolean"}:
            return "`true` or `false`"
        case {"type": "string"}:
            return "text"
    raise ValueError(f"{schema} has no words yet: what may a file say there?")


def _is_duration(schema: Schema) -> bool:
    return bool(schema.get("anyOf") == DURATION["anyOf"])


def _text(text: str | None) -> str:
    """A description as one cell of a table: its ``code`` and its *arguments* as code."""
    told = re.sub(r"``(.+?)``", r"`\1`", " ".join((text or "").split()).replace("\\", "\\\\"))
    return re.sub(r"\*(\w+)\*", r"`\1`", told).replace("|", "\\|")


if __name__ == "__main__":
    print(page(json_schema()), end="")
