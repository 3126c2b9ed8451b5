"""Registries made from the text of a .reg file, and looked at."""

from __future__ import annotations

from harness.client.reg_file import parse
from harness.client.registry import Data, Registry

KEY = "HKEY_CURRENT_USER\\Environment"
FOUR = "REGEDIT4"
FIVE = "Windows Registry Editor Version 5.00"


def of(body: str, header: str = FOUR) -> Registry:
    """The registry that a file with *body* makes."""
    return parse(f"{header}\r\n\r\n{body}".encode("cp1252"), "test.reg")


def value(data: str, header: str = FOUR) -> Data | None:
    """What is read from *data* behind the equals sign, with another value after it that must not be lost."""
    registry = of(f'[{KEY}]\r\n"TEMP"={data}\r\n"next"="value"\r\n', header)
    assert registry.get(KEY, "next") == "value"
    return registry.get(KEY, "TEMP")


def content(registry: Registry) -> list[tuple[str, list[tuple[str, Data]]]]:
    """Everything in *registry*, in order."""
    return [(key, list(registry.values(key).items())) for key in registry]


def one(data: Data, name: str = "TEMP", key: str = KEY) -> Registry:
    """A registry of one value."""
    registry = Registry()
    registry.set(key, name, data)
    return registry
