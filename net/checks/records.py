"""The records that the checkers judge: what a player kept of a game, what stands in its journal, what is wrong."""

from __future__ import annotations

import enum
from typing import TypeAlias

from attrs import field, frozen

from actors.events import Event
from actors.rules.interface import JsonObject
from net.client.player import How


class Promise(enum.StrEnum):
    """What must not happen; the value is how a table of zeros calls it."""

    LOST = "acknowledged and lost"
    TWICE = "applied twice, or unasked"
    HOLE = "holes in the events"
    ORDER = "shown out of order"
    REPLAYED = "live and replayed differ"
    WRITERS = "two writers"
    UNANSWERED = "requests without an answer"
    STUCK = "games that cannot go on"
    CLOCK = "unfair clocks"
    TIMEOUT = "unfair timeouts"
    REBUILT = "rebuilt and served differ"
    STOP = "ends that were not in order"
    LEAKED = "hidden things told"


@frozen
class Violation:
    """A promise that was broken. The text names events and requests, and nothing that the rules hide."""

    promise: Promise
    game_id: str
    text: str
    user_id: str | None = None

    def __str__(self) -> str:
        whose = f", {self.user_id}" if self.user_id else ""
        return f"{self.promise}: game {self.game_id}{whose}: {self.text}"


# ---- what a player kept. `at` is unix seconds; `connection` and `request` count from 1


@frozen
class Connected:
    """The player is connected."""

    at: float
    connection: int


@frozen
class Asked:
    """A request went out. `action` is what a `game:action` asks for, `move` what a `game:draw` does; `since` is a
    join's `last_event_id`."""

    at: float
    connection: int
    request: int
    event: str
    message_id: str | None = None
    action: JsonObject | None = field(default=None, repr=False)
    since: int | None = None
    move: str | None = None


@frozen
class Answered:
    """A request was answered."""

    at: float
    connection: int
    request: int
    answer: JsonObject = field(repr=False)


@frozen
class Shown:
    """A view came."""

    at: float
    connection: int
    how: How
    view: JsonObject = field(repr=False)


@frozen
class Over:
    """The final word came."""

    at: float
    connection: int
    data: JsonObject = field(repr=False)


@frozen
class Dropped:
    """The connection is gone."""

    at: float
    connection: int


Record: TypeAlias = Connected | Asked | Answered | Shown | Over | Dropped


@frozen
class Diary:
    """Everything that one player did and saw of one game, in order; or one who `watches` it, and has no seat."""

    user_id: str
    game_id: str
    records: tuple[Record, ...] = field(repr=False)
    watches: bool = False

    @property
    def eyes(self) -> str | None:
        """Whose view of the game it has: that player's; None is a spectator's."""
        return None if self.watches else self.user_id


# ---- what stands


@frozen
class Written:
    """An entry of a game's journal: its number, the event in it, and the nonce of who wrote it; None where that was
    not kept, as in the archive."""

    event_id: int
    event: Event
    nonce: str | None = None


@frozen
class Standing:
    """How a game was found at the end: its status as the API has it, and whether somebody was offered an action."""

    game_id: str
    status: str
    playable: bool


@frozen
class Served:
    """What a player was answered who joined the game last of all; None is a spectator."""

    user_id: str | None
    view: JsonObject = field(repr=False)
