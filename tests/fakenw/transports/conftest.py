"""Fixtures for tests of the edges."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest

from tests.fakenw.transports.scene import Scene


@pytest.fixture(params=["asyncio", "twisted"])
def open_scene(request: pytest.FixtureRequest) -> Callable[..., Scene]:
    """Makes a scene with a server's configuration, at either edge."""
    return functools.partial(Scene, edge=request.param)
