"""A server for tests, and the pytest plugin."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.testing.netware_server import NetwareServer as NetwareServer


def __getattr__(name: str) -> Any:
    """Import NetwareServer when it is asked for: every run of pytest imports this package, for the plugin."""
    if name != "NetwareServer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from harness.testing.netware_server import NetwareServer

    return NetwareServer
