"""Registries as files, in text and as hives: refused with a sentence that names the file, or read."""

from __future__ import annotations

from harness.client import hive, reg_file
from harness.client.reg_file import RegError
from harness.lab import nal_dump
from tests.trust.fuzz.private_folder import private_folder


def reg_files(data: bytes) -> None:
    """What was read is written, and read again to the same; in ANSI where that can hold it."""
    try:
        registry = reg_file.parse(data, "a.reg")
    except RegError as problem:
        assert str(problem).startswith("a.reg"), problem
        return
    nal_dump.entries(registry)
    for version in (5, 4):
        try:
            written = reg_file.dump(registry, version)
        except RegError as problem:
            assert str(problem), "no reason"
            continue
        assert reg_file.dump(reg_file.parse(written, "b.reg"), version) == written, "another registry"


def hives(data: bytes) -> None:
    path = private_folder() / "input.hive"
    path.write_bytes(data)
    try:
        registry = hive.read(path, r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\NAL\Client")
    except RegError as problem:
        assert str(problem).startswith(str(path)), problem
        return
    nal_dump.entries(registry)
