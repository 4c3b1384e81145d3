"""What a drill does, and when: all of it follows from the seed. The choices are the same again for the same seed; the
timing of real processes is not."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from attrs import frozen

from actors.rules.chance import Chance, key_of
from net.crash_points import ARCHIVE_POINTS, COMMIT_POINTS

if TYPE_CHECKING:
    from collections.abc import Iterator


class Fault(enum.StrEnum):
    """What is done to a server."""

    KILL = "kill"
    KILL_STORE = "kill-store"
    KILL_BOTH = "kill-both"
    PAUSE = "pause"
    DROP = "drop-connections"
    SLOW_STORE = "slow-store"
    RESTART = "restart"
    TERM = "term"
    TWO_SERVERS = "two-servers"


MEANING: Final = {
    Fault.KILL: "kill -9 of the server, at a random moment or at a crash point",
    Fault.KILL_STORE: "kill -9 of the store",
    Fault.KILL_BOTH: "kill -9 of the server and the store",
    Fault.PAUSE: "SIGSTOP of the server, SIGCONT after 0.5 to 3 s",
    Fault.DROP: "some players' connections cut",
    Fault.SLOW_STORE: "SIGSTOP of the store, SIGCONT after 0.2 to 2 s",
    Fault.RESTART: "SIGTERM, an orderly end, a new start",
    Fault.TERM: "SIGTERM, and once more before it is done",
    Fault.TWO_SERVERS: "the server sleeps, another takes over its store, the first wakes up",
}

KILLS: Final = frozenset({Fault.KILL, Fault.KILL_STORE, Fault.KILL_BOTH})
"""Those that count as kills."""

NEEDS_OWN_STORE: Final = frozenset({Fault.KILL_STORE, Fault.KILL_BOTH, Fault.SLOW_STORE})
"""Those that send signals to the embedded store's process."""

_WEIGHTS: Final = {Fault.KILL: 6, Fault.KILL_BOTH: 3, Fault.KILL_STORE: 2}
"""How many of a kind there are in a round; one of each other."""

MOST_ACTIONS: Final = 30
"""Actions that are acknowledged between two blows, at most."""

_RARELY: Final = 4


@frozen
class Blow:
    """One thing that is done to the server, `after` so many more acknowledged actions.

    `point` is a crash point, reached for the `count`th time; None: at any moment. `seconds` are how long it lasts, when
    the second half of it comes, or how long the server stays down. `share` is the share of players whose connections
    are cut. With `at_once` the next blow does not wait until the players are back.
    """

    number: int
    fault: Fault
    after: int
    point: str | None = None
    count: int = 1
    seconds: float = 0.0
    share: float = 0.0
    store_first: bool = False
    at_once: bool = False

    @property
    def name(self) -> str:
        """What it is called in a line."""
        return f"{self.fault} at {self.point}" if self.point else str(self.fault)


@frozen
class Plan:
    """A drill: `games` are always under way, until `kills` have been made, or for `seconds`, or both.

    `think` is how many seconds a player thinks, on average; `timeout` the turn clock of the games that have one;
    `closing` how many seconds the games under way at the end have to come to theirs: those that have not must be
    playable.
    """

    seed: str
    games: int = 10
    kills: int | None = 20
    seconds: float | None = None
    faults: tuple[Fault, ...] = tuple(Fault)
    think: float = 0.05
    timeout: float = 1.5
    closing: float = 30.0

    def chance(self, of: str) -> Chance:
        """A stream of choices of its own, for this part of the drill."""
        return Chance(key_of(f"drill {self.seed}: {of}"))

    def blows(self) -> Iterator[Blow]:
        """Everything that is done, in order, without end: rounds in which each kind comes, the first of them with one
        of each."""
        chance = self.chance("blows")
        for number, fault in enumerate(self._faults(chance), 1):
            yield _blow(number, fault, chance)

    def _faults(self, chance: Chance) -> Iterator[Fault]:
        first = tuple(self.faults)
        rest = [fault for fault in self.faults for _ in range(_WEIGHTS.get(fault, 1))]
        yield from chance.shuffled(first)
        while True:
            yield from chance.shuffled(rest)

    def is_over(self, *, kills: int, blows: int, seconds: float) -> bool:
        """Whether enough was done: each kind once, the kills, the time."""
        if self.seconds is not None and seconds >= self.seconds:
            return True
        if self.kills is None:
            return False
        return blows >= len(self.faults) and (kills >= self.kills or not KILLS & set(self.faults))


def _blow(number: int, fault: Fault, chance: Chance) -> Blow:
    after = 1 + chance.below(MOST_ACTIONS)
    at_once = chance.below(_RARELY) == 0
    match fault:
        case Fault.KILL | Fault.KILL_BOTH:
            point = chance.choice(2 * COMMIT_POINTS + ARCHIVE_POINTS) if chance.below(3) else None
            count = 1 + chance.below(20 if point in COMMIT_POINTS else 1)
            return Blow(number, fault, after, point, count, store_first=chance.flip(), at_once=at_once)
        case Fault.PAUSE:
            return Blow(number, fault, after, seconds=between(chance, 0.5, 3.0))
        case Fault.SLOW_STORE:
            return Blow(number, fault, after, seconds=between(chance, 0.2, 2.0))
        case Fault.TERM:
            return Blow(number, fault, after, seconds=between(chance, 0.0, 0.3), at_once=at_once)
        case Fault.TWO_SERVERS:
            return Blow(number, fault, after, seconds=between(chance, 0.1, 0.6))
        case Fault.DROP:
            return Blow(number, fault, after, share=between(chance, 0.1, 1.0), at_once=at_once)
        case Fault.RESTART:
            return Blow(number, fault, after, seconds=between(chance, 0.0, 3.0), at_once=at_once)
        case Fault.KILL_STORE:
            return Blow(number, fault, after, at_once=at_once)


def between(chance: Chance, low: float, high: float) -> float:
    """A number between these, each equally likely."""
    return low + (high - low) * chance.below(1 << 16) / (1 << 16)
