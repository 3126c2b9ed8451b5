"""A test marked with the name of a tool is skipped where that tool is missing.

It fails instead where the environment says FAKENW_REQUIRE=tshark,nmap,docker (or some of them), as continuous
integration does, so that nothing is ever skipped there unseen.
"""

from __future__ import annotations

import functools
import gc
import os
import shutil
import warnings

import hypothesis
import pytest

# How long an example takes says something about the machine only. Continuous integration tries the same examples every
# time, so that it fails for the change it tests; everywhere else new ones are looked for.
hypothesis.settings.register_profile("fakenw", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("fakenw")

TOOLS = ("docker", "nmap", "tshark")


@functools.cache
def lacking(tool: str) -> str | None:
    """Why *tool* cannot be used here; None where it can."""
    if tool != "docker":
        return None if shutil.which(tool) else f"there is no program {tool}"
    try:
        import docker
    except ImportError:
        return "the Docker SDK is not installed: fakenw[containers]"
    reason = None
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        try:
            docker.from_env(timeout=10).close()
        except docker.errors.DockerException as problem:
            reason = f"no Docker Engine answers: {problem}"
        gc.collect()  # where the SDK cannot connect it leaves its socket to the collector, which warns
    return reason


def pytest_runtest_setup(item: pytest.Item) -> None:
    for tool in TOOLS:
        reason = lacking(tool) if item.get_closest_marker(tool) else None
        if reason and tool in os.environ.get("FAKENW_REQUIRE", "").split(","):
            pytest.fail(f"FAKENW_REQUIRE names {tool}, but {reason}", pytrace=False)
        if reason:
            pytest.skip(reason)
