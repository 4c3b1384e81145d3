"""What every table of this server needs of the house it stands in."""

from __future__ import annotations

from typing import Final

from attrs import field, frozen

from actors.attendance import Attendance
from actors.meter import Meter
from actors.ports import Clock, CrashPoints, Encoder, Entropy, Journal, NoCrashPoints, NoNpcs, Npcs, ServiceClock
from actors.rules.registry import Registry
from actors.timers import Timers

SNAPSHOT_PART: Final = 8
"""A game that has this many times `snapshot_every` events has snapshots more seldom: the next one comes when it has
grown by one part in so many. Each holds every message id that was answered, so that all of a game's snapshots together
would else grow with the square of its length; so they hold, all together, each id some nine times at most."""


@frozen
class House:
    """What every table of this server needs.

    A store that does not say for `settle_within` seconds whether an event stands keeps its asker waiting no longer. A
    snapshot is made every `snapshot_every` events, of a long game more seldom (`snapshot_after`). A player who comes
    back on their turn is given `reconnect_extension` seconds, out of `extension_budget` of theirs in that game. A game
    is abandoned when none of its players was there for `abandon_after` seconds; inf: never. All three are service time.
    """

    journal: Journal
    registry: Registry
    clock: Clock
    entropy: Entropy
    encoder: Encoder
    service: ServiceClock
    timers: Timers
    attendance: Attendance
    max_events: int = 10_000
    settle_within: float = 10.0
    snapshot_every: int = 100
    reconnect_extension: float = 15.0
    extension_budget: float = 60.0
    abandon_after: float = 3600.0
    crash_points: CrashPoints = field(factory=NoCrashPoints)
    meter: Meter = field(factory=Meter)
    npcs: Npcs = field(factory=NoNpcs)
    unsaveable: set[tuple[str, str]] = field(factory=set, init=False, repr=False)
    """The rules, by name and version, whose states could not be saved: each is reported once."""

    def snapshot_after(self, saved: int) -> int:
        """How many events after a snapshot of event `saved` the next one is made: `snapshot_every`, or an eighth of the
        game where that is more. So a game goes on after a replay of no more than the greater of the two."""
        return max(self.snapshot_every, saved // SNAPSHOT_PART)
