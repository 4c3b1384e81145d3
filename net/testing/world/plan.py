"""What happens in a world, and when: all of it follows from the seed."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from attrs import frozen

from actors.rules.chance import Chance, key_of
from net.config import Config, Games, Limits, Sessions
from net.crash_points import ARCHIVE_POINTS, COMMIT_POINTS
from net.testing.append_only import Fsync
from net.testing.streams import Link

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject


class Fault(enum.StrEnum):
    """What is done to the server, the store or the network."""

    KILL = "kill"
    KILL_AT_POINT = "kill-at-point"
    KILL_AT_STEP = "kill-at-step"
    KILL_AT_COMMAND = "kill-at-command"
    RESTART = "restart"
    SUSPEND = "suspend"
    TAKE_OVER = "take-over"
    STORE_PAUSE = "store-pause"
    STORE_SLOW = "store-slow"
    STORE_CUT = "store-cut"
    STORE_HALF_OPEN = "store-half-open"
    STORE_REFUSES = "store-refuses"
    STORE_ERRORS = "store-errors"
    STORE_CRASH = "store-crash"
    REPLY_LOST = "reply-lost"
    REPLY_HALVED = "reply-halved"
    CUT = "cut"
    HALF_OPEN = "half-open"
    LINK = "link"


MEANING: Final = {
    Fault.KILL: "kill -9 of the server, at any moment",
    Fault.KILL_AT_POINT: "kill -9 at a crash point of a commit, or of the archive",
    Fault.KILL_AT_STEP: "kill -9 after so many steps of the scheduler: at any await",
    Fault.KILL_AT_COMMAND: "kill -9 when the store executes a command",
    Fault.RESTART: "an orderly end, and a new start",
    Fault.SUSPEND: "everything stands still, as when the machine is suspended",
    Fault.TAKE_OVER: "another server is started on the same store",
    Fault.STORE_PAUSE: "the store executes nothing for a while",
    Fault.STORE_SLOW: "each command of the store takes its time",
    Fault.STORE_CUT: "the store's connections break",
    Fault.STORE_HALF_OPEN: "the store's connections carry nothing any more, and nobody is told",
    Fault.STORE_REFUSES: "the store's connections break, and it takes none for a while",
    Fault.STORE_ERRORS: "the store answers LOADING, OOM, READONLY or MISCONF for a while",
    Fault.STORE_CRASH: "the store's power is cut; what was not on its disk is lost",
    Fault.REPLY_LOST: "a command is executed, and its reply does not come",
    Fault.REPLY_HALVED: "a reply is cut in the middle",
    Fault.CUT: "people's connections break",
    Fault.HALF_OPEN: "people's connections carry nothing any more, and nobody is told",
    Fault.LINK: "new connections are slow, narrow, or deliver byte by byte",
}

_WEIGHTS: Final = {Fault.KILL_AT_POINT: 4, Fault.KILL_AT_STEP: 3, Fault.KILL_AT_COMMAND: 3, Fault.REPLY_LOST: 2}
"""How many of a kind there are to choose from; one of each other."""

ERRORS: Final = (
    "LOADING Valkey is loading the dataset in memory",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "READONLY You can't write against a read only replica.",
    "MISCONF Errors writing to the AOF file: No space left on device",
)

PERSON: Final = "person"
OTHERS: Final = "npc"


@frozen
class Temper:
    """How somebody behaves until all is calm. Numbers from 0 to 1 are how likely a thing is each time that they do
    something; `thinks` is how many seconds they think at most."""

    thinks: float
    dawdles: float
    wanders: float
    rude: float
    repeats: float
    draws: float
    idles: float
    recovers: bool
    socket_io: bool
    resigns_after: int | None


@frozen
class Guest:
    """Somebody who comes to a game: its player, or a spectator."""

    user_id: str
    temper: Temper
    key: int

    @property
    def patches(self) -> bool:
        """Whether it asks for states as patches. Out of the key: one number more drawn for a world would make all
        worlds others."""
        return self.key % 3 == 0


@frozen
class Game:
    """One game, and who comes to it."""

    rules: str
    options: dict[str, Any]
    turn_timeout: float | None
    seed: str
    players: tuple[Guest, ...]
    watchers: tuple[Guest, ...]
    begins_at: float


@frozen
class Strike:
    """A fault, so many seconds after the one before. What its numbers mean is the fault's business."""

    after: float
    fault: Fault
    seconds: float
    count: int
    share: float
    choice: int

    @property
    def point(self) -> str:
        """The crash point."""
        points = 2 * COMMIT_POINTS + ARCHIVE_POINTS
        return points[self.choice % len(points)]

    @property
    def error(self) -> str:
        """The store's answer."""
        return ERRORS[self.choice % len(ERRORS)]


@frozen
class Scale:
    """How large a world is, at most. `horizon` is how many seconds it takes until all is calm."""

    games: int = 2
    players: int = 3
    watchers: int = 1
    strikes: int = 5
    horizon: float = 4.0
    lossy: bool = True
    """Whether there are stores that do not force each write to the disk."""


SMALL: Final = Scale()


@frozen
class Plan:
    """One world."""

    seed: int
    config: Config
    link: Link
    fsync: Fsync
    games: tuple[Game, ...]
    strikes: tuple[Strike, ...]
    horizon: float
    looks_again: bool
    """Whether at the end the server is killed once more, and everybody looks at their game."""
    paired: bool
    """Whether all games are of Veil, and the world is played twice, with other cards: see `net.testing.world.pairs`."""
    shift: int = 0
    """What is hidden in the games of Veil: another number, other cards, and nothing else is another."""


def make_plan(seed: int, scale: Scale = SMALL) -> Plan:
    """The world of this seed."""
    chance = Chance(key_of(f"world {seed}"))
    horizon = between(chance, 0.25 * scale.horizon, scale.horizon)
    lossy = scale.lossy and one_in(chance, 6)
    paired = one_in(chance, 5)
    return Plan(
        seed=seed,
        config=_config(chance),
        link=_link(chance),
        fsync=chance.choice((Fsync.EVERYSEC, Fsync.NO)) if lossy else Fsync.ALWAYS,
        games=tuple(_game(chance, scale, number, paired=paired) for number in range(1 + chance.below(scale.games))),
        strikes=tuple(_strike(chance, horizon) for _ in range(1 + chance.below(scale.strikes))),
        horizon=horizon,
        looks_again=one_in(chance, 3),
        paired=paired,
    )


def _config(chance: Chance) -> Config:
    return Config(
        sessions=Sessions(
            status_debounce=chance.choice((0.0, 0.2, 2.0)),
            grace=chance.choice((1.0, 60.0)),
            recovery_window=chance.choice((1.0, 120.0)),
            reconnect_extension=chance.choice((0.0, 0.5, 15.0)),
            ping_interval=chance.choice((1.0, 25.0)),
            ping_timeout=chance.choice((2.0, 20.0)),
        ),
        limits=Limits(
            outbox_bytes=chance.choice((16384, 1 << 20)),
            mailbox=chance.choice((4, 64)),
            pending_requests=chance.choice((2, 32)),
        ).without_rates(),
        games=Games(
            snapshot_every=chance.choice((1, 2, 5, 100)),
            passivate_after=chance.choice((0.3, 600.0)),
            archive_after=chance.choice((0.0, 1.0, 600.0)),
        ),
    )


def _link(chance: Chance) -> Link:
    if chance.below(3):
        return Link(latency=0.001)
    limit = chance.choice((None, 100, 400))
    return Link(
        latency=chance.choice((0.0, 0.001, 0.02, 0.1)),
        capacity=chance.choice((512, 4096, 65536)),
        send_limit=None if chance.flip() else limit,
        receive_limit=limit,
    )


_OPTIONS: Final[dict[str, JsonObject]] = {
    "veil": {},
    "crazy_eights": {"hand_size": 4, "max_plays": 24, "draw_limit": 1},
    "duel": {},
}
_PATIENCE: Final = {"crazy_eights": 10, "duel": 5}
"""Deeds after which a player of a long game begins to think of giving up: there are to be many games, not long ones."""

_RULES: Final = ("veil",) * 5 + ("crazy_eights",) * 3 + ("duel",)


def _game(chance: Chance, scale: Scale, number: int, *, paired: bool) -> Game:
    rules = "veil" if paired else chance.choice(_RULES)
    seats = 2 if rules == "duel" else 2 + chance.below(scale.players - 1)
    patience = _PATIENCE.get(rules)
    people = tuple(_guest(chance, f"{number}{seat}", patience) for seat in range(seats))
    watchers = tuple(_guest(chance, f"{number}9{seat}", None) for seat in range(chance.below(scale.watchers + 1)))
    return Game(
        rules=rules,
        options={"length": 3 + chance.below(10)} if rules == "veil" else _OPTIONS[rules],
        turn_timeout=between(chance, 1.0, 3.0) if chance.flip() else None,
        seed=f"{chance.below(1 << 32):x}",
        players=people,
        watchers=watchers,
        begins_at=between(chance, 0.0, 0.5 * scale.horizon) if number else 0.0,
    )


def _guest(chance: Chance, number: str, patience: int | None) -> Guest:
    # Persons are put into their games when they come back, others are not.
    user_id = str(UUID(int=int(number, 16), version=4)) if chance.below(3) else f"{OTHERS}:{number}"
    return Guest(user_id, _temper(chance, patience), chance.below(1 << 32))


def _temper(chance: Chance, patience: int | None) -> Temper:
    def at_times(one: int, most: float) -> float:
        return between(chance, 0.0, most) if one_in(chance, one) else 0.0

    return Temper(
        thinks=chance.choice((0.0, 0.05, 0.3)),
        dawdles=at_times(3, 0.3),
        wanders=at_times(2, 0.3),
        rude=at_times(3, 0.4),
        repeats=at_times(2, 0.4),
        draws=at_times(3, 0.2),
        idles=at_times(4, 0.2),
        recovers=chance.flip(),
        socket_io=one_in(chance, 3),
        resigns_after=2 + chance.below(10) if one_in(chance, 4) else patience,
    )


def _strike(chance: Chance, horizon: float) -> Strike:
    return Strike(
        after=between(chance, 0.0, 0.5 * horizon),
        fault=chance.choice([fault for fault in Fault for _ in range(_WEIGHTS.get(fault, 1))]),
        seconds=chance.choice((0.0, 0.1, 0.7, 3.0)) * between(chance, 0.5, 1.5),
        count=1 + chance.below(1 << chance.below(8)),
        share=between(chance, 0.1, 1.0),
        choice=chance.below(1 << 16),
    )


def between(chance: Chance, low: float, high: float) -> float:
    """A number between these, each equally likely."""
    return low + (high - low) * chance.below(1 << 16) / (1 << 16)


def one_in(chance: Chance, number: int) -> bool:
    """True once in so many times."""
    return chance.below(number) == 0
