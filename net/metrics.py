"""`GET /metrics` on the admin listener: what `actors.meter` counts, and what the house is like now, for Prometheus.

Nothing here is known of a player or a game but how many there are: labels are names of events, of failures and of
supervisors, all from small sets that are fixed. `docs/deploy/` has a dashboard and alert rules that fit these names.
"""

from __future__ import annotations

import platform
from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING, Final

import trio
from attrs import frozen

from actors.standing import Status
from net import __version__
from net.admin.inside import Inside
from net.http import Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

    from actors.meter import Histogram, Meter
    from net.http import Request, Routes

LAG_EVERY: Final = 0.25
"""Seconds that the task sleeps which measures the event loop's lag."""

HISTOGRAMS: Final = {
    "queue": ("croupier_action_queue_seconds", "Time that an action waited in its table's mailbox."),
    "rules": ("croupier_action_rules_seconds", "Time to judge an action and make everybody's view of what follows."),
    "commit": ("croupier_action_commit_seconds", "Time until the event of an action was durable in the store."),
    "push": ("croupier_action_push_seconds", "Time to hand the answer and the views to the sessions."),
    "batch": ("croupier_store_batch_commands", "Calls to the store that left in one write."),
    "late": ("croupier_timer_late_seconds", "By how much a table was told too late that a clock had run out."),
    "lag": ("croupier_event_loop_lag_seconds", "By how much the event loop was late for a task that only slept."),
}
"""The histograms of `actors.meter.Meter`, by attribute: name and help."""


@frozen(eq=False)
class Metrics:
    """The handler."""

    inside: Inside

    def routes(self, routes: Routes) -> None:
        """Adds the path."""
        routes.add("GET", "/metrics", self.show)

    async def show(self, _: Request) -> Response:
        """All metrics, in Prometheus' text format. Without those that only the store knows, while that is away."""
        # Only here: a server is to be back soon, and nobody scrapes it before.
        from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
        from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

        running = await self.inside.games_running()
        registry = CollectorRegistry()
        registry.register(_Collected(self.inside, running))
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        headers = (("Content-Type", CONTENT_TYPE_LATEST), ("Cache-Control", "no-store"))
        return Response(200, headers, generate_latest(registry))


@frozen(eq=False)
class _Collected:
    """Gives prometheus_client its metrics, all of one moment."""

    inside: Inside
    running: int | None

    def collect(self) -> Iterator[Metric]:
        """See `prometheus_client.registry.Collector`."""
        yield from _of_the_meter(self.inside.meter)
        yield from self._of_the_house()
        yield from self._of_the_supervisors()

    def describe(self) -> list[Metric]:
        """See `prometheus_client.registry.Collector`."""
        return []

    def _of_the_house(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

        inside, reasons = self.inside, self.inside.not_ready()
        info = InfoMetricFamily("croupier_build", "What runs.")
        info.add_metric([], {"version": __version__, "python": platform.python_version()})
        yield info
        tables = inside.tables()
        status = Counter(standing.description.status for _, standing, _ in tables if standing.description is not None)
        in_memory = status[Status.RUNNING] + status[Status.SUSPENDED]
        depths = [depth for _, _, depth in tables]
        gauges = {
            "croupier_ready": ("1 when games can be served.", float(not reasons)),
            "croupier_draining": ("1 from the moment at which the server was asked to stop.", float(inside.draining())),
            "croupier_store_up": ("1 when there is a connection to the store.", float(inside.store.available)),
            "croupier_uptime_seconds": ("Since the server was built.", trio.current_time() - inside.began),
            "croupier_connections": (
                "Connections that are open on the players' port.",
                inside.listener.open_connections,
            ),
            "croupier_sessions": ("Sessions of connected users.", len(inside.connections)),
            "croupier_tables": ("Tables in memory, of games that are over too.", len(tables)),
            "croupier_games_suspended": ("Games in memory that are suspended after a fault.", status[Status.SUSPENDED]),
            "croupier_mailbox_messages": ("Messages that wait in all tables' mailboxes.", sum(depths)),
            "croupier_mailbox_messages_max": ("Messages that wait in the fullest of them.", max(depths, default=0)),
        }
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(name, text, value)
        if self.running is not None:
            yield GaugeMetricFamily("croupier_games_running", "Games that are not over.", self.running)
            yield GaugeMetricFamily(
                "croupier_games_at_rest",
                "Games that are not over and take no memory: nobody follows them now.",
                max(self.running - in_memory, 0),
            )
        drops = inside.listener.drops
        yield CounterMetricFamily("croupier_outbox_skipped_states", "States skipped for newer ones.", drops.states)
        yield CounterMetricFamily("croupier_outbox_dropped_clients", "Clients dropped as too slow.", drops.clients)

    def _of_the_supervisors(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily

        mishaps = CounterMetricFamily(
            "croupier_mishaps",
            "What befell the children of a supervisor.",
            labels=["supervisor", "what"],
        )
        for supervisor in self.inside.supervisors:
            for what, count in supervisor.reports.counts.items():
                mishaps.add_metric([supervisor.name, what.value.replace(" ", "_")], count)
        yield mishaps
        restarts = CounterMetricFamily(
            "croupier_restarts",
            "Children of a supervisor that were started again, after a crash of theirs or for a sibling's sake.",
            labels=["supervisor"],
        )
        for supervisor in self.inside.supervisors:
            restarts.add_metric([supervisor.name], supervisor.restarts)
        yield restarts


def _of_the_meter(meter: Meter) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

    results = CounterMetricFamily("croupier_requests", "Requests that were answered.", labels=["event", "result"])
    for (event, result), count in sorted(meter.results.items()):
        results.add_metric([event, result], count)
    yield results
    yield CounterMetricFamily("croupier_drains", "Orderly ends that were begun: at most one in a life.", meter.drains)
    for attribute, (name, text) in HISTOGRAMS.items():
        histogram: Histogram = getattr(meter, attribute)
        family = HistogramMetricFamily(name, text)
        family.add_metric([], _buckets(histogram), histogram.total)
        yield family


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """As Prometheus counts them: each with all below it."""
    bounds = [f"{bound:g}" for bound in histogram.bounds]
    return list(zip([*bounds, "+Inf"], map(float, accumulate(histogram.counts)), strict=True))


async def measure_lag(lag: Histogram, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Counts how late the event loop is, for ever. For the real world: in virtual time nothing is late."""
    task_status.started()
    while True:
        due = trio.current_time() + LAG_EVERY
        await trio.sleep_until(due)
        lag.add(trio.current_time() - due)
