"""The metrics of a server, for Prometheus.

Rules of this file:

* Grants, releases and denials are counted from the lines of the journal, requests by the dispatch; everything else is
  computed for each scrape. No state is folded from the lines: the server has it.
* A series whose label is known beforehand is there from the start, with 0: the first release is then an increase.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from fakenw.core.server import Server
from fakenw.journal.fold import DENIED, GIVEN_BACK, RECLAIMED
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
        self._grants = 0
        self._releases: Counter[str] = Counter()  # by cause
        self._denials: Counter[str] = Counter()  # by what was exhausted
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def saw(self, record: Record) -> None:
        """The next line of the journal."""
        if record.event == "grant":
            self._grants += 1
        elif record.event == "release":
            self._releases[record["cause"]] += 1
        elif record.event == "deny":
            self._denials[record["what"]] += 1

    def text(self, accept: str) -> tuple[bytes, str]:
        """All metrics and their media type: Prometheus' text, or OpenMetrics where the header *accept* names it."""
        if "application/openmetrics-text" in accept:
            text: bytes = openmetrics.generate_latest(self._registry)  # type: ignore[no-untyped-call]
            return text, openmetrics.CONTENT_TYPE_LATEST
        return generate_latest(self._registry), CONTENT_TYPE

    def collect(self) -> Iterator[Metric]:
        """Called by prometheus_client."""
        server, ledger = self._server, self._server.ledger
        build = {"version": version("fakenw"), "python": platform.python_version()}
        yield InfoMetricFamily("fakenw_build", "The version of the server.", build)
        yield GaugeMetricFamily("fakenw_licenses_held", "Licenses held.", ledger.held)
        yield GaugeMetricFamily("fakenw_licenses_limit", "Licenses of the server.", ledger.limit)
        yield GaugeMetricFamily("fakenw_licenses_peak", "The most licenses held at the same time.", ledger.peak)
        yield CounterMetricFamily("fakenw_grants", "Grants of licenses.", self._grants)
        releases = CounterMetricFamily("fakenw_releases", "Releases of licenses, by cause.", labels=["cause"])
        for cause in dict.fromkeys((*sorted(GIVEN_BACK), *RECLAIMED, *self._releases)):
            releases.add_metric([cause], self._releases[cause])
        yield releases
        denials = CounterMetricFamily("fakenw_denials", "Denials, by what was exhausted.", labels=["what"])
        for what in dict.fromkeys((*DENIED, *self._denials)):
            denials.add_metric([what], self._denials[what])
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
