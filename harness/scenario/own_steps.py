"""The steps of the user's own components, from files given with ``--behaviors``.

Rules of this file:

* A component of the user's own takes the name of no other: not of a component or a part of a client that is built in,
  and not of another of the user's own.
* A mistake in a class or in the signature of a verb names its file and line.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_type_hints

from pydantic import TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from fakenw.config.yaml_file import shown
from harness.client.behavior_file import BehaviorError
from harness.client.context import Component
from harness.client.machine import COMPONENTS
from harness.client.settings import NAME, verbs
from harness.scenario.settings import Parts
from harness.scenario.steps import OWN, STEPS, Call, steps

_BUILT_IN = {kind.name for kind in COMPONENTS} | set(Parts.model_fields) | {step.verb for step in STEPS}
_TAKEN = {*dir(Call), *Call.model_fields, *Call.__class_vars__}  # by the model of a step
_KINDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def add(components: Iterable[type[Component]]) -> None:
    """Make the verbs of *components* steps. Raises BehaviorError."""
    before = {step.verb.rpartition(".")[0]: step.__module__ for step in OWN.values()}
    taken = dict(before)
    for component in components:
        if before.get(component.name) == component.__module__:
            continue  # with its file
        _check_name(component, taken)
        for verb, method in verbs(component).items():
            if text := _problem(method):
                raise _mistake(method, f"{component.name}.{verb}{text}")
        OWN.update({step.verb: step for step in steps((component,))})
        taken[component.name] = component.__module__


def _check_name(component: type[Component], taken: Mapping[str, str]) -> None:
    name = component.name
    if not isinstance(name, str) or not NAME.fullmatch(name):
        expected = "expected 1 to 47 letters, digits, dots, dashes and underscores"
        raise _mistake(component, f"the name {shown(name)}; {expected}")
    if name in _BUILT_IN or name in taken:
        whose = "the harness" if name in _BUILT_IN else str(sys.modules[taken[name]].__file__)
        another = f"expected another, such as {shown(f'my-{name}')}"
        raise _mistake(component, f"the name {shown(name)} is that of a component of {whose}; {another}")


def _problem(method: Callable[..., object]) -> str | None:
    """Why *method* cannot be a step, to which a file gives each argument by its name."""
    if not inspect.iscoroutinefunction(method):
        return " is no coroutine; expected async def"
    for one in list(inspect.signature(method).parameters.values())[1:]:
        if one.kind not in _KINDS:
            return f": {one} has no name; expected arguments that each have one"
        if one.annotation is one.empty:
            return f": {one.name} has no type; expected one of harness.behavior"
        if one.name in _TAKEN or one.name.startswith("_"):
            return f": {one.name} means something else in every step; expected another name"
    try:
        hints = get_type_hints(method, include_extras=True)
    except NameError as problem:  # in an annotation that is text
        return f": {problem}; expected a type of harness.behavior, imported"
    wrong = [name for name, hint in hints.items() if not _is_readable(hint)]
    return f": {wrong[0]} has a type of which no file has values; expected one of harness.behavior" if wrong else None


def _is_readable(hint: Any) -> bool:
    try:
        TypeAdapter(hint)
    except (PydanticSchemaGenerationError, PydanticUserError):
        return False
    return True


def _mistake(place: object, text: str) -> BehaviorError:
    return BehaviorError(f"{_where(place)}: {text}")


def _where(place: object) -> str:
    assert inspect.isclass(place) or inspect.isroutine(place)
    return f"{inspect.getsourcefile(place)}:{inspect.getsourcelines(place)[1]}"
