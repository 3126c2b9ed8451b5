"""The metrics of a server, for Prometheus.

Rules of this file:

* Nothing is counted twice: grants, releases and denials are in the fold of the journal, requests are counted by the
  dispatch, everything else is computed for each scrape.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fakenw.core.server import Server
from fakenw.journal.fold import Fold
from fakenw.journal.policy import State
from fakenw.journal.record import SECOND, Record

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics(Collector):
    """The metrics of *server*; *now* is its time, *routes* the number of stations to which its edge has a route,
    *dropped* the IPX frames that it had no use for, by reason.
    """

    def __init__(
        self,
        server: Server,
        now: Callable[[], int],
        routes: Callable[[], int],
        dropped: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._dropped = dropped
        self._server, self._now, self._routes = server, now, routes
        self._fold = Fold()
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def saw(self, record: Record) -> None:
        """The next line of the journal."""
        self._fold.saw(record)

    def text(self) -> bytes:
        """All metrics, in Prometheus' format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Called by prometheus_client."""
        server, ledger, fold = self._server, self._server.ledger, self._fold
        yield GaugeMetricFamily("fakenw_licenses_held", "Licenses held.", ledger.held)
        yield GaugeMetricFamily("fakenw_licenses_limit", "Licenses of the server.", ledger.limit)
        yield GaugeMetricFamily("fakenw_licenses_peak", "The most licenses held at the same time.", ledger.peak)
        yield CounterMetricFamily("fakenw_grants", "Grants of licenses.", fold.grants)
        releases = CounterMetricFamily("fakenw_releases", "Releases of licenses, by cause.", labels=["cause"])
        for cause, count in fold.releases.items():
            releases.add_metric([cause], count)
        yield releases
        denials = CounterMetricFamily("fakenw_denials", "Denials, by what was exhausted.", labels=["what"])
        for what, count in fold.denials.items():
            denials.add_metric([what], count)
        yield denials
        states = Counter(connection.state for connection in server.table.by_number.values())
        connections = GaugeMetricFamily("fakenw_connections", "Connections, by state.", labels=["state"])
        for state in (State.ATTACHED, State.AUTHENTICATED, State.LICENSED):
            connections.add_metric([str(state)], states[state])
        yield connections
        yield GaugeMetricFamily("fakenw_routes", "Stations to which the server keeps a route.", self._routes())
        yield GaugeMetricFamily("fakenw_deadlines", "Deadlines that are pending.", server.pending())
        requests = CounterMetricFamily("fakenw_requests", "Requests, by function.", labels=["function"])
        for (function, subfunction), count in server.counts.by_function.items():
            requests.add_metric([str(function) if subfunction is None else f"{function}/{subfunction}"], count)
        yield requests
        dropped = CounterMetricFamily("fakenw_ipx_dropped", "IPX frames without a use, by reason.", labels=["reason"])
        for reason, count in self._dropped().items():
            dropped.add_metric([reason], count)
        yield dropped
        bad = server.counts.bad_signatures
        yield CounterMetricFamily("fakenw_bad_signatures", "Packets that were not executed for it.", bad)
        last = [connection.last_request for connection in server.table.by_number.values() if connection.unit]
        idle = (self._now() - min(last)) / SECOND if last else 0.0
        yield GaugeMetricFamily(
            "fakenw_oldest_idle_license_seconds", "The time since the last use of the license idle for longest.", idle
        )
