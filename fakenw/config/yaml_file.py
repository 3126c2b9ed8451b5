"""A YAML file checked against a model, every mistake reported with its line.

Rules of this file:

* A mistake reads ``FILE:LINE: FIELD: what was wrong; expected ...``. All mistakes of a file are
  reported at once, in the order of their lines, without words of pydantic.
* The line is the key's, if the key is wrong or its value is a list or a mapping; else the value's.
  The line of a value behind an alias is that of its anchor.
* Keys are plain text: ``on`` is a key, not a truth value. A key may stand only once.
* A file is untrusted: size, depth and the number of values that aliases expand to are bounded, and
  only plain YAML values are built.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, NoReturn, TypeVar

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from fakenw.config.bounded_yaml import parsed

SIZE_LIMIT = 256 * 1024  # bytes of a file; those of the project have a few thousand
VALUE_LIMIT = 50_000  # values, with those that aliases repeat

Keys = Sequence[int | str]
M = TypeVar("M", bound="Model")


class DocumentError(Exception):
    """A file cannot be used. ``problems`` has one line of text for each mistake, ``str()`` all of them."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class Mistakes(ValueError):
    """Raised by a validator that has found mistakes below its own place: each with the place there, and a text."""

    def __init__(self, found: Iterable[tuple[Keys, str]]) -> None:
        self.found = tuple((place, text, "value_error") for place, text in found)  # and pydantic's type of it
        super().__init__("; ".join(text for _, text, _ in self.found))

    @classmethod
    def below(cls, place: Keys, problem: ValidationError) -> Mistakes:
        """Those of a value at *place* that was validated by itself."""
        made = cls(())
        made.found = tuple(((*place, *loc), text, kind) for loc, text, kind in _mistakes(problem))
        return made


class Model(BaseModel):
    """A mapping of the file: unknown keys are mistakes, and it is immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    what: ClassVar[str] = "a mapping"  # in messages about a whole file: its kind

    @classmethod
    def unfold(cls, data: Any) -> Any:
        """The mapping for a shorthand in the file. Raises ValueError for an invalid shorthand."""
        return data

    @model_validator(mode="before")
    @classmethod
    def _remember(cls, data: Any) -> Any:
        """Attach the model to the mapping, for error messages that list its keys."""
        mapping = cls.unfold(data)
        return _Mapping(cls, mapping) if isinstance(mapping, dict) else mapping


class _Mapping(dict[str, Any]):
    """A mapping with its model: pydantic's errors carry their input, but not the model."""

    def __init__(self, model: type[Model], data: dict[str, Any]) -> None:
        known = _fields(model)
        super().__init__({key: value if key in known else _UnknownKey(known) for key, value in data.items()})
        self.model = model


def _fields(model: type[Model]) -> dict[str, FieldInfo]:
    """The fields of a model by their keys in the file, its own before inherited ones."""
    own = sorted(model.model_fields.items(), key=lambda item: item[0] not in model.__annotations__)
    return {field.alias or name: field for name, field in own}


class Named(Model):
    """A step or a check: written as its verb, or as one key with its arguments, ``{verb: {...}}``."""

    verb: ClassVar[str]
    only: ClassVar[str] = ""  # the argument that is written without its name, as in "wait: 10m"

    @classmethod
    def unfold(cls, data: Any) -> Any:
        if data == cls.verb:
            arguments = None
        elif isinstance(data, dict) and list(data) == [cls.verb]:
            arguments = data[cls.verb]
        else:
            return data
        if cls.only:
            return {cls.only: arguments}
        return {} if arguments is None else arguments

    @model_serializer(mode="wrap")
    def _wrap(self, inner: SerializerFunctionWrapHandler) -> Any:
        written = inner(self)
        if written == self.verb or list(written) == [self.verb]:
            return written  # serialized already: pydantic calls twice where a model contains itself
        arguments = {name: value for name, value in written.items() if value is not None}
        if self.only:
            return {self.verb: arguments[self.only]}
        return {self.verb: arguments} if arguments else self.verb


def verb_of(value: Any) -> Any:
    """The verb of a Named, or of its form in a file; anything else is returned, or None for a longer mapping."""
    if isinstance(value, dict):
        return next(iter(value)) if len(value) == 1 else None
    return value.verb if isinstance(value, Named) else value


def one_of(what: str, *kinds: type[Named], also: Iterable[str] = ()) -> BeforeValidator:
    """Refuse all but *kinds*, in words: pydantic's own would be about tags. *also* are further valid verbs."""

    def check(value: Any) -> Any:
        verb = verb_of(value)
        known = [*(kind.verb for kind in kinds), *also]
        if not isinstance(verb, str):
            raise ValueError(f"{shown(value)} is not a {what}; expected a name or one key: {', '.join(known)}")
        if verb not in known:
            raise ValueError(f"{shown(verb)} is not a {what}; {expected_one_of(known, verb)}")
        return value

    return BeforeValidator(check)


class _UnknownKey(tuple[str, ...]):
    """The known keys, in place of the value of an unknown one."""


class _Mistake(NamedTuple):
    line: int
    field: str
    text: str


_VOID: Any = object()  # a value that could not be built: its mistake is recorded already


def load(model: type[M], path: Path) -> M:
    """Read the file at *path* as a *model*. Raises DocumentError."""
    try:
        with path.open("rb") as file:
            text = file.read(SIZE_LIMIT + 1)
    except OSError as problem:
        raise DocumentError([f"{path}: cannot be read: {problem.strerror}; expected {model.what} file"]) from None
    return read(model, text, str(path), path.parent)


def read(model: type[M], text: bytes, name: str, folder: Path | None = None) -> M:
    """Read *text*, the content of the file *name*, as a *model*. Raises DocumentError.

    *folder*, to which paths in the file are relative, is the context of the model's validators.
    """
    if len(text) > SIZE_LIMIT:
        raise DocumentError([f"{name}: too big; expected no more than {SIZE_LIMIT // 1024} KiB"])
    document = _Document(name, text, model.what)
    try:
        checked = model.model_validate(document.data, context=folder)
    except ValidationError as problem:
        document.blame(problem)
    if document.mistakes:
        raise DocumentError(f"{name}:{m.line}: {m.field}: {m.text}" for m in sorted(set(document.mistakes)))
    return checked


def check(model: type[M], data: object, name: str) -> M:
    """Read *data*, which does not come from a file, as a *model*; *name* stands in messages. Raises DocumentError."""
    try:
        return model.model_validate(data)
    except ValidationError as problem:
        lines = dict.fromkeys(f"{name}: {_field(loc)}: {text}" for loc, text, _ in _mistakes(problem))
        raise DocumentError(lines) from None


def _mistakes(problem: ValidationError) -> Iterator[tuple[Keys, str, str]]:
    """The place, the text and pydantic's type of each mistake that the document itself has not reported."""
    for error in problem.errors(include_url=False):
        match error.get("ctx"):
            case {"error": Mistakes(found=found)}:
                for below, text, kind in found:
                    yield (*error["loc"], *below), text, kind
            case _ if error["input"] is not _VOID:
                yield error["loc"], _wording(error), error["type"]


def expected_one_of(known: Iterable[str], given: object = None) -> str:
    """The text "expected one of ...", with a suggestion where *given* is similar to one of them."""
    known = list(known)
    if not known:
        return "expected none"
    wanted = f"expected one of {', '.join(known)}" if len(known) > 1 else f"expected {known[0]}"
    near = get_close_matches(given, known, n=1) if isinstance(given, str) else []
    return f"{wanted} (did you mean {near[0]}?)" if near else wanted


def shown(value: object) -> str:
    """A value of the file as a message quotes it."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case str() | bytes():
            text = repr(value)
        case _:
            text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


class _Document:
    """A file's values as plain Python (``data``), their YAML nodes (``root``), and the mistakes so far."""

    def __init__(self, name: str, text: bytes, what: str) -> None:
        self.name, self.what = name, what
        self.mistakes: list[_Mistake] = []
        self.values = 0
        try:
            self.loader, root = parsed(text.decode("utf-8-sig"))
        except UnicodeDecodeError as problem:
            self._refuse(text[: problem.start].count(b"\n") + 1, "not UTF-8")
        except yaml.reader.ReaderError as problem:
            line = text.decode("utf-8-sig")[: problem.position].count("\n") + 1
            self._refuse(line, f"the character U+{problem.character:04X} may not stand in YAML")
        except yaml.MarkedYAMLError as problem:
            mark = problem.problem_mark or problem.context_mark
            self._refuse(mark.line + 1 if mark else 1, ", ".join(filter(None, (problem.context, problem.problem))))
        if root is None:
            self._refuse(1, "the file is empty")
        self.root = root
        self.data = self._build(root, (), frozenset())

    def _refuse(self, line: int, problem: str) -> NoReturn:
        raise DocumentError([f"{self.name}:{line}: (file): {problem}; expected {self.what} in YAML"]) from None

    def _build(self, node: yaml.Node, path: tuple[int | str, ...], around: frozenset[int]) -> Any:
        """The value of *node*. *around* are the nodes that contain it, because an alias can make a cycle."""
        self.values += 1
        if self.values > VALUE_LIMIT:
            self._refuse(_line(node), f"aliases expand to more than {VALUE_LIMIT} values")
        if id(node) in around:
            return self._void(node, path, "an alias inside the value that it repeats; expected a value of its own")
        around |= {id(node)}
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if node.tag not in ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            return self._void(node, path, f"the tag {node.tag}; expected a plain YAML value")
        if isinstance(node, yaml.SequenceNode):
            return [self._build(item, (*path, index), around) for index, item in enumerate(node.value)]
        mapping: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._void(key, path, "a key that is a list or a mapping; expected text")
            elif key.value in mapping:
                first = lines[key.value]
                self._void(key, (*path, key.value), f"the key stands again, first on line {first}; expected it once")
            else:
                lines[key.value] = _line(key)
                mapping[key.value] = self._build(value, (*path, key.value), around)
        return mapping

    def _scalar(self, node: yaml.ScalarNode, path: Keys) -> Any:
        try:
            return self.loader.construct_object(node)
        except (yaml.YAMLError, ValueError):  # ValueError: 2000-02-31, or a number of five thousand digits
            kind = node.tag.removeprefix("tag:yaml.org,2002:")
            return self._void(node, path, f"not readable as {kind}; expected a plain YAML value")

    def _void(self, node: yaml.Node, path: Keys, text: str) -> Any:
        self.mistakes.append(_Mistake(_line(node), _field(path), text))
        return _VOID

    def blame(self, problem: ValidationError) -> None:
        """Add the mistakes that pydantic has found."""
        for loc, text, kind in _mistakes(problem):
            line, path = self._where(loc, kind)
            self.mistakes.append(_Mistake(line, _field(path), text))

    def _where(self, loc: Keys, kind: str) -> tuple[int, Keys]:
        """The line and the path of a mistake, as far as the file has it: a shorthand lacks levels of its model."""
        node, line, path = self.root, _line(self.root), list[int | str]()
        for part in loc:
            key, value = _child(node, part)
            if value is not None:
                by_value = key is None or (kind != "extra_forbidden" and isinstance(value, yaml.ScalarNode))
                node, line = value, _line(value if key is None or by_value else key)
            elif kind != "missing" and not (isinstance(node, yaml.ScalarNode) and node.value == part):
                break  # (a scalar that is its own part is a name without arguments, such as nal.close)
            path.append(part)
        return line, path


def _child(node: yaml.Node, part: int | str) -> tuple[yaml.Node | None, yaml.Node | None]:
    """The key (of a mapping) and the value of *node* at *part*; both None if there is no such part."""
    if isinstance(node, yaml.MappingNode):
        keys = {key.value: (key, value) for key, value in reversed(node.value)}
        folded = {str(name).lower(): pair for name, pair in keys.items()}  # SET parameters are known in any case
        return keys.get(part) or folded.get(str(part).lower(), (None, None))
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return None, node.value[part]
    return None, None


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _field(path: Keys) -> str:
    """A path in the notation ``clients[0].script[1].apm.open.file``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "(file)"


_EXPECTED = {
    "string_type": "expected text (in quotes)",
    "string_too_short": "expected text that is not empty",
    "string_too_long": "expected {max_length} characters or fewer",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "expected a whole number"),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), "expected a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "expected true or false"),
    "tuple_type": "expected a list",
    "list_type": "expected a list",
    "dict_type": "expected a mapping",
    "model_type": "expected a mapping",
    "greater_than": "expected more than {gt:g}",
    "greater_than_equal": "expected {ge} or more",
    "less_than_equal": "expected {le} or less",
    "too_short": "expected {min_length} items or more",
    "too_long": "expected {max_length} items or fewer",
}


def _wording(error: ErrorDetails) -> str:
    """The mistake and the expectation. The project's own validators put both into a ValueError."""
    given, context = error["input"], error.get("ctx", {})
    match error["type"]:
        case "value_error":
            return str(context["error"])
        case "missing" if isinstance(given, _Mapping):
            return f"missing; expected {_fields(given.model)[str(error['loc'][-1])].description or 'a value'}"
        case "extra_forbidden" if isinstance(given, _UnknownKey):
            return f"unknown key; {expected_one_of(given, error['loc'][-1])}"
        case "literal_error":
            quoted = re.findall(r"'([^']*)'", context["expected"]) or [context["expected"]]
            quotes = "" if isinstance(given, str) or len(quoted) == 1 else " (in quotes)"
            return f"{shown(given)} is unknown; {expected_one_of(quoted, given)}{quotes}"
        case kind if kind in _EXPECTED:
            return f"{shown(given)}; {_EXPECTED[kind].format_map(context)}"
    return f"{shown(given)}; {error['msg'].replace('Input should be', 'expected')}"
