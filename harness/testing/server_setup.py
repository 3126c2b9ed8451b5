"""The settings of a test's server: those of the marker ``netware``, checked before a server is started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from fakenw.bindery.objects import USER, Bindery
from fakenw.core.settings import RELEASES
from fakenw.journal.policy import POLICIES


@dataclass(frozen=True)
class Setup:
    """The settings of a server; defaults that are not here are those of ``fakenw serve``."""

    licenses: int = 5
    release: str = "5.1"
    policy: str | None = None
    users: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """The setup with these settings. Raises ValueError for a mistake, with what was expected."""
        for name, value in given.items():
            if name not in EXPECTED:
                raise ValueError(f"no setting {name}; expected {', '.join(EXPECTED)}, may_hold")
            if not _FITS[name](value):
                # A password is quoted nowhere.
                shown = type(value).__name__ if name in ("users", "options") else repr(value)
                raise ValueError(f"{name}={shown}; expected {EXPECTED[name]}")
        words = {name: tuple(given[name]) for name in ("users", "options") if name in given}
        for user in words.get("users", ()):
            name, _, password = user.partition(":")
            try:
                Bindery().add(USER, name, password)
            except ValueError as problem:
                raise ValueError(f"users: {problem}") from None
        return cls(**{**given, **words})

    def command(self) -> list[str]:
        """The options of ``fakenw serve``, without the users, whose passwords are no options."""
        command = ["--licenses", str(self.licenses), "--release", self.release]
        command += ["--policy", self.policy] if self.policy else []
        return [*command, *self.options]


def _are_words(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(word, str) for word in value)


EXPECTED = {
    "licenses": "a whole number from 0 to 65534",
    "release": f"one of {', '.join(map(repr, RELEASES))}",
    "policy": f"one of {', '.join(map(repr, POLICIES))}, or None for the release's own",
    "users": "a list such as ['JOE:PASSWORD']",
    "options": "a list of words for fakenw serve, such as ['--speed', '10']",
}
_FITS = {
    "licenses": lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 65_534,
    "release": lambda value: isinstance(value, str) and value in RELEASES,
    "policy": lambda value: value is None or (isinstance(value, str) and value in POLICIES),
    "users": _are_words,
    "options": _are_words,
}
