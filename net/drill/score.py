"""What a drill counts: kills, actions, games, and how long it took to be back."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from net.checks import Outage, Reading, Violation
from net.client import Over
from net.drill.plan import KILLS, Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from net.checks import Promise


@frozen
class Spread:
    """Many durations, in seconds, as a few numbers."""

    count: int
    p50: float
    p99: float
    longest: float

    @classmethod
    def of(cls, durations: Sequence[float]) -> Spread | None:
        """None where there is none. The 99th percentile is the nearest rank's."""
        if not durations:
            return None
        ordered = sorted(durations)
        rank = -(-99 * len(ordered) // 100)
        return cls(len(ordered), median(ordered), ordered[rank - 1], ordered[-1])


@define(eq=False)
class Score:
    """The numbers of one drill, as they stand. Durations are seconds."""

    blows: Counter[Fault] = field(factory=Counter)
    points: Counter[str] = field(factory=Counter)
    """At which crash points the server has ended."""
    actions: int = 0
    """Actions, resignations and draw moves that were acknowledged, each once."""
    resent: int = 0
    """Requests that were sent once more after a reconnect."""
    refused: Counter[str] = field(factory=Counter)
    """Failures that players were answered, by their codes."""
    views: int = 0
    made: int = 0
    ended: int = 0
    """Games."""
    judged: int = 0
    archived: int = 0
    """Games that were found in the archive at the end."""
    timeouts: int = 0
    draw_moves: int = 0
    events: int = 0
    ways: Counter[Over] = field(factory=Counter)
    """Connections that were made, by the way that they took."""
    spectators: int = 0
    ready: list[float] = field(factory=list)
    """From a kill to being ready again."""
    seated: list[float] = field(factory=list)
    """From the loss of a connection to being back in the game, each player, after the server's end."""
    outages: list[Outage] = field(factory=list)
    readings: list[Reading] = field(factory=list)
    violations: list[Violation] = field(factory=list)

    @property
    def kills(self) -> int:
        """How many of the blows were kills."""
        return sum(count for fault, count in self.blows.items() if fault in KILLS)

    def broken(self, promise: Promise) -> int:
        """How often this promise was broken."""
        return sum(one.promise is promise for one in self.violations)
