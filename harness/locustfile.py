"""An alias of ``harness.load.locustfile``, for ``locust -f``."""

from harness.load.locustfile import *  # noqa: F403
