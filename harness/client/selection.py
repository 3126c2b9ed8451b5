r"""NAL's choice of a path and of an account.

Rules of this file:

* The registry holds the paths to choose from: the list of an ABEXPRT path, the preferred paths, and which
  rules are on (KB Q235873). A path of a list is the *name* of a value without data (KB Q195944).
* The order is preferred, existing, random (KB Q205406); preferred is off by default.
* A preferred path may be a prefix of a path, or qualified as PREFERRED (KB Q235873, Q226115).
* The accounts are tried in order: that of the process where the setting says so, then each client connection account
  (KB Q224286). An existing connection needs none: the redirector shares it.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictBool

from fakenw.config.field_types import SomeTime, Text, on_the_wire
from harness.client.arbiter import server_of
from harness.client.attachment import Account
from harness.client.nal_path import CLIENT, NalPath
from harness.client.redirector import Redirector
from harness.client.registry import Registry
from harness.client.settings import Mention, ServerName, Settings

LISTS = rf"{CLIENT}\AbExprtDB"
PREFERRED = rf"{CLIENT}\Preferred AbExprtDB"
USE_PREFERRED = "Use Preferred Servers"
USE_EXISTING = "Use Existing Connections"
USE_RANDOM = "Use Random Path Selection"


def _nal_path(text: str) -> str:
    NalPath.parse(text)
    return on_the_wire(text)


PathText = Annotated[str, AfterValidator(_nal_path), Mention.PATH, Field(description=r"a NAL path: TYPE:\\SERVER\...")]


class NalSettings(Settings):
    """NAL. Settings about the choice of a path are written to the registry when the machine starts."""

    lists: dict[Text, tuple[PathText, ...]] = Field(default_factory=dict)  # by name: "CAP List for site GS1"
    preferred: tuple[PathText, ...] = ()  # the paths that are preferred
    use_preferred: StrictBool = False  # they come first of all
    existing: StrictBool = True  # a path to a connected server comes first
    random: StrictBool = True  # the others in random order; else in that of the list
    providers: tuple[Literal["NWBIND", "NWNDS"], ...] = ("NWNDS", "NWBIND")  # in their active order
    opens: Literal["chosen", "all"] = "chosen"  # which paths of a list
    survey: Literal["one-by-one", "at-once"] = "one-by-one"  # how the volumes of a list are visited
    process_account: StrictBool = False  # the account of the process is tried first, without a password
    search_path: tuple[ServerName, ...] = ()  # servers in the PATH: each DLL is searched for there
    retry: SomeTime | None = None  # how long until the next try when no server has a license


class Selection:
    """Orders paths and accounts. *accounts* are the client connection accounts."""

    def __init__(
        self,
        registry: Registry,
        redirector: Redirector,
        accounts: Sequence[Account],
        random: Random,
        settings: NalSettings,
    ) -> None:
        self._registry, self._redirector, self._random = registry, redirector, random
        self._accounts, self._settings = accounts, settings
        for name, paths in settings.lists.items():
            for path in paths:
                registry.set(rf"{LISTS}\{name}", path, "")
        for path in settings.preferred:
            registry.set(rf"{PREFERRED}\CAP List", path, "")
        if settings.use_preferred:
            registry.set(CLIENT, USE_PREFERRED, 1)
        for value, on in ((USE_EXISTING, settings.existing), (USE_RANDOM, settings.random)):
            if not on:
                registry.set(CLIENT, value, 0)

    def candidates(self, path: NalPath) -> list[NalPath]:
        """*path*, or the paths of its list, best first. Raises OSError where there is none."""
        paths = [path] if path.type != "ABEXPRT" else self._list(path.server)
        paths = [one for one in paths if one.type in self._settings.providers]
        if not paths:
            listed = path.type == "ABEXPRT"
            raise OSError(
                f"the list {path.server} is empty" if listed else f"there is no NAL provider for {path.type} here"
            )
        if self._is_on(USE_RANDOM, default=True):
            self._random.shuffle(paths)
        order = self._settings.providers.index
        return sorted(
            paths, key=lambda one: (not self._is_preferred(one), not self._is_connected(one), order(one.type))
        )

    def accounts(self, owner: str) -> list[Account]:
        """The accounts for a login of the process of the local account *owner*, in the order of the tries."""
        process = [Account(owner.removesuffix("&").upper())] if self._settings.process_account else []
        return [*process, *self._accounts]

    def _list(self, name: str) -> list[NalPath]:
        return [NalPath.parse(text) for text in self._registry.values(rf"{LISTS}\{name}")]

    def _is_preferred(self, path: NalPath) -> bool:
        if not self._is_on(USE_PREFERRED, default=False):
            return False
        lists = self._registry.subkeys(PREFERRED)
        names = [text for one in lists for text in self._registry.values(rf"{PREFERRED}\{one}")]
        return path.preferred or any(NalPath.parse(text).begins(path) for text in names)

    def _is_connected(self, path: NalPath) -> bool:
        return self._is_on(USE_EXISTING, default=True) and self._redirector.existing(server_of(path)) is not None

    def _is_on(self, name: str, *, default: bool) -> bool:
        value = self._registry.get(CLIENT, name)
        return default if value is None else value == 1
