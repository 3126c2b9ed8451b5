"""The steps of a script, and the checks.

Rules of this file:

* A step is one key with its arguments (``wait: 10m``), or its bare name. A single required argument may stand
  without its own name (``user.logon: FAKENW``).
* A step is made from the signature and docstring of a component's verb; nothing is declared twice.
* ``model_validate`` reads the output of ``model_dump``.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Union, get_type_hints

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    PlainSerializer,
    StrictBool,
    StrictFloat,
    StrictInt,
    Tag,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    create_model,
)

from fakenw.config.field_types import Count, Duration, SomeTime, some
from fakenw.config.yaml_file import Mistakes, Named, expected_one_of, one_of, shown, verb_of
from fakenw.journal.record import SECOND
from harness.client.context import Component
from harness.client.machine import COMPONENTS
from harness.client.settings import Mention, verbs
from harness.judge.verdict import WITHIN

Whole = Annotated[StrictInt, Field(ge=0)]


class _Step(Named):
    alone: ClassVar[str] = ""  # the argument that may stand without its name

    @classmethod
    def unfold(cls, data: Any) -> Any:
        arguments = super().unfold(data)
        return (
            {cls.alone: arguments} if cls.alone and isinstance(arguments, str) and arguments != cls.verb else arguments
        )

    def order(self) -> dict[str, Any]:
        """The step for a client machine: ``{"verb": ..., "args": {...}}``, durations in microseconds."""
        return {"verb": self.verb, "args": {name: value for name, value in self if name in self.model_fields_set}}

    def __reduce__(self) -> tuple[Any, ...]:
        return _blank, (self.verb,), self.__getstate__()  # its class is made at run time: pickle would not find it


def _blank(verb: str) -> _Step:
    """A step for ``pickle``, which then fills it."""
    kind = OWN.get(verb) or next(step for step in STEPS if step.verb == verb)
    return kind.__new__(kind)


class Wait(_Step):
    """The script waits."""

    verb = "wait"
    only = "duration"
    duration: Duration


class Repeat(_Step):
    """The same steps several times."""

    verb = "repeat"
    times: Count = Field(description="the number of times")
    script: Annotated[Script, AfterValidator(some)] = Field(description="a list of steps")

    def order(self) -> dict[str, Any]:
        return {"verb": self.verb, "args": {"times": self.times, "script": [step.order() for step in self.script]}}


class Call(_Step):
    """A step that calls a verb of a component."""

    mentions: ClassVar[dict[str, Mention]] = {}  # by argument: what it names
    may_fail: StrictBool | None = None  # true: an error of the step is no surprise

    def order(self) -> dict[str, Any]:
        order = super().order()
        return {**order, "may_fail": True} if order["args"].pop("may_fail", None) else order


def _strict(hint: Any) -> Any:
    """Of the plain types those that take no other's values: ``yes`` is no number."""
    return {int: StrictInt, float: StrictFloat, bool: StrictBool}.get(hint, hint) if isinstance(hint, type) else hint


def _step(component: type[Component], name: str, method: Callable[..., Awaitable[None]]) -> type[Call]:
    """The step that calls a verb of a component."""
    hints = get_type_hints(method, include_extras=True)
    parameters = list(inspect.signature(method).parameters.values())[1:]  # without self
    fields: dict[str, Any] = {
        one.name: (_strict(hints[one.name]), ... if one.default is one.empty else one.default) for one in parameters
    }
    title = f"{component.__name__}{name.title().replace('-', '')}"
    doc = inspect.cleandoc(method.__doc__ or "").partition("Raises")[0].strip()
    made: type[Call] = create_model(title, __base__=Call, __module__=component.__module__, __doc__=doc, **fields)
    needed = [one.name for one in parameters if one.default is one.empty] or [one.name for one in parameters]
    made.verb = f"{component.name}.{name}"
    made.alone = needed[0] if len(needed) == 1 else ""
    made.mentions = {name: mention for name, hint in hints.items() if (mention := Mention.within(hint))}
    return made


def steps(components: tuple[type[Component], ...]) -> list[type[Call]]:
    """A step for each verb of *components*."""
    return [_step(component, *one) for component in components for one in verbs(component).items()]


STEPS: list[type[_Step]] = [*steps(COMPONENTS), Wait, Repeat]
OWN: dict[str, type[_Step]] = {}  # the steps of behaviours of the user's own, by verb

_OWN = "a behaviour of your own"
_OTHER = {"not": {"enum": [step.verb for step in STEPS]}}
_OWN_SCHEMA = {
    "anyOf": [
        {"type": "string", **_OTHER},
        {"type": "object", "propertyNames": _OTHER, "minProperties": 1, "maxProperties": 1},
    ]
}


def _tag(value: Any) -> Any:
    verb = verb_of(value)
    return _OWN if isinstance(verb, str) and verb in OWN else verb


def _own(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """Not as one of the union, whose mistakes would be at a place that the file does not have."""
    verb = verb_of(value)
    if not isinstance(verb, str) or verb not in OWN:
        return check(value)
    try:
        return value if isinstance(value, _Step) else OWN[verb].model_validate(value)
    except ValidationError as problem:
        raise Mistakes.below((verb,), problem) from None


if TYPE_CHECKING:
    Step = _Step
else:
    Step = Annotated[
        Union[
            *(Annotated[step, Tag(step.verb)] for step in STEPS),
            Annotated[
                _Step,
                PlainSerializer(lambda step: step.model_dump()),
                WithJsonSchema({"title": "a behaviour of your own", **_OWN_SCHEMA}),
                Tag(_OWN),
            ],
        ],
        Discriminator(_tag),
        one_of("step", *STEPS, also=OWN),
        WrapValidator(_own),
    ]
Script = tuple[Step, ...]
Repeat.model_rebuild()


class NeverOverLimit(Named):
    """No server ever granted more than its licenses."""

    verb = "never_over_limit"


class BooksBalance(Named):
    """Every grant and release of a server match."""

    verb = "books_balance"


class NoWorkInterrupted(Named):
    """No connection was released while work was open on it."""

    verb = "no_work_interrupted"


class Released(Named):
    """Every unit is released within this time of being no longer needed."""

    verb = "released"
    within: SomeTime = WITHIN


class Bounded(Named):
    """No client holds more units than this at the end."""

    verb = "bounded"
    units: Whole = Field(description="a whole number of units")


class OneLicensePerClient(Named):
    """No client ever held two units of one server at once."""

    verb = "one_license_per_client"


class ServersLicensed(Named):
    """Every client that was licensed at all was licensed by this number of servers."""

    verb = "servers_licensed"
    count: Count = Field(description="the number of servers")


class NobodyRefused(Named):
    """No client was refused while a license was held that should have been released by then."""

    verb = "nobody_refused"


class Refusals(Named):
    """The servers refused no more often than this."""

    verb = "refusals"
    most: Whole = Field(description="the greatest number of refusals")


class Attempts(Named):
    """No server was attached to more often than this in any interval of this length."""

    verb = "attempts"
    most: Whole = Field(description="the greatest number of attempts")
    per: SomeTime = 60 * SECOND


class OpensBalance(Named):
    """At the end no connection, licensed or not, and no open file is left that is not needed."""

    verb = "opens_balance"


class OpenFiles(Named):
    """No connection ever had more files open on the server than this."""

    verb = "open_files"
    most: Whole = Field(description="the greatest number of open files")


class RegistryAgrees(Named):
    """At the end a connection that NAL made exists if, and only if, an entry of the registry counts its users."""

    verb = "registry_agrees"


CHECKS = (
    NeverOverLimit,
    BooksBalance,
    NoWorkInterrupted,
    Released,
    Bounded,
    OneLicensePerClient,
    ServersLicensed,
    NobodyRefused,
    Refusals,
    Attempts,
    OpensBalance,
    OpenFiles,
    RegistryAgrees,
)


def _check_name(text: str) -> str:
    known = [check.verb for check in CHECKS]
    if text not in known:
        raise ValueError(f"{shown(text)} is not a check; {expected_one_of(known, text)}")
    return text


CheckName = Annotated[str, AfterValidator(_check_name)]
if TYPE_CHECKING:
    Check = Named
else:
    Check = Annotated[
        Union[*(Annotated[check, Tag(check.verb)] for check in CHECKS)],
        Discriminator(verb_of),
        one_of("check", *CHECKS),
    ]
