"""What is counted on an action's way through the house: plain numbers, incremented in place, read when somebody asks.

`net.metrics` makes the operator's metrics of them. No id of a game or a user is kept here, and nothing of any state.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

SHORT: Final = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Bounds for what should take microseconds or milliseconds, in seconds."""

LATE: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Bounds for how late something may be, in seconds."""

COUNTS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Bounds for how many go together."""


class Histogram:
    """How often a value fell between two bounds, and the sum of all values. `counts` has one more than there are
    bounds: what lay above the last."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float] = SHORT) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Counts the value. A bound belongs to what is below it, as Prometheus has it."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def __len__(self) -> int:
        return sum(self.counts)


class Meter:
    """The counts of one server. Times are in seconds.

    An action's way is `queue` (in its table's mailbox), `rules` (judged, and everybody's view of what follows made),
    `commit` (until it is durable) and `push` (the answer and the views handed to the sessions).
    """

    __slots__ = ("batch", "commit", "drains", "lag", "late", "push", "queue", "results", "rules")

    def __init__(self) -> None:
        self.queue = Histogram()
        self.rules = Histogram()
        self.commit = Histogram()
        self.push = Histogram()
        self.batch = Histogram(COUNTS)
        """Commands to the store that left in one write."""
        self.late = Histogram(LATE)
        """By how much of service time a table was told too late that its clock had run out."""
        self.lag = Histogram(LATE)
        """By how much the event loop was late for a task that only slept."""
        self.drains = 0
        """How often the server was asked to stop in order: once, in a life that ends well."""
        self.results: dict[tuple[str, str], int] = {}
        """How many requests of an event had a result: `success`, or the code of a failure."""

    def answered(self, event: str, result: str) -> None:
        """A request has its answer. Both must come from a small set of names."""
        self.results[event, result] = self.results.get((event, result), 0) + 1
