"""Another name for ``harness.load.locustfile``: what ``locust -f`` is given."""

from harness.load.locustfile import *  # noqa: F403
