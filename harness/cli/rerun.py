"""The shell command that runs a plan again.

Passwords of users are left out, as in journals.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from fakenw.config.field_types import seconds
from harness.scenario.plan import Plan


def run_again(
    name: str, plan: Plan, on: str, behaviors: Sequence[Path] = (), images: Mapping[str, str] | None = None
) -> str:
    """``harness run`` of one plan of the scenario given as *name*; *images* of other plans are left out."""
    words = ["harness", "run", name, "--variant", plan.variant, "--on", on, "--transport", plan.transport]
    words += ["--seed", str(plan.seed), *([] if on == "memory" else ["--speed", f"{plan.speed:g}"])]
    for file in behaviors:
        words += ["--behaviors", str(file)]
    for client, image in (images or {}).items():
        words += ["--image", f"{client}={image}"] if client in [spec.name for spec in plan.clients] else []
    return shlex.join(words)


def exec_again(plan: Plan, command: Sequence[str]) -> str:
    """``harness exec`` of *command*."""
    (server,) = plan.servers
    words = ["harness", "exec", "--licenses", str(server.licenses), "--release", server.release]
    words += ["--policy", server.policy] if server.policy else []
    for name, password in server.accounts():
        words += ["--user", f"{name}:PASSWORD" if password else name]
    words += ["--within", str(seconds(plan.within))]
    words += [] if plan.idle_after is None else ["--idle-after", str(seconds(plan.idle_after))]
    words += [] if plan.timeout is None else ["--timeout", str(seconds(plan.timeout))]
    words += ["--client-exit", str(plan.clients[0].exit)]
    words += ["--transport", plan.transport, "--seed", str(plan.seed)]
    return shlex.join([*words, "--", *command])
