"""For authors of behaviours: everything that a file given with ``--behaviors`` imports (docs/add-a-behavior.md)."""

from fakenw.config.field_types import BinderyName, Count, Duration, SomeTime, Text, WireText
from harness.client.context import Component
from harness.client.settings import Drive, File, Name, ServerFile, ServerName, Settings, UserName, UserText, verb
from harness.client.workstation import sleep

__all__ = [
    "BinderyName",
    "Component",
    "Count",
    "Drive",
    "Duration",
    "File",
    "Name",
    "ServerFile",
    "ServerName",
    "Settings",
    "SomeTime",
    "Text",
    "UserName",
    "UserText",
    "WireText",
    "sleep",
    "verb",
]
