"""Where harness begins: see fakenw/cli/start.py."""

from __future__ import annotations

from fakenw.cli.start import leave_at_once, stay

CODES = {"run": 3, "exec": 3, "load": 3, "hold": 1}  # nothing is known of a client, or no license was had


def main() -> None:
    leave_at_once(CODES)
    from harness.cli.main import main as commands

    stay(CODES)
    commands()
