"""What is journalled of a game. The events alone rebuild it: the state, the hands, every answer ever given.

`at` is wall time (unix seconds), for people; `clock` is service time (contract, section 4), for deadlines."""

from __future__ import annotations

from typing import ClassVar, TypeAlias

from attrs import field, frozen

from actors.messages import ActionAnswer, DrawAnswer, ResignAnswer
from actors.rules.interface import JsonObject
from actors.table_messages import DrawMove


@frozen
class Created:
    """Event 1: everything that the first state follows from. `seed` is secret until the game is over."""

    kind: ClassVar[str] = "created"

    event_id: int
    at: float
    game_id: str
    rules: str
    rules_version: str
    players: tuple[str, ...]
    seed: str = field(repr=False)
    options: JsonObject = field(factory=dict)
    spectators: str = "public"
    turn_timeout_seconds: float | None = None
    clock: float = 0.0


@frozen
class Acted:
    """A player's action, the chance it used up (position after it), and the answer it was given."""

    kind: ClassVar[str] = "acted"

    event_id: int
    at: float
    player_id: str
    action: JsonObject
    chance_position: int
    message_id: str | None = None
    answer: ActionAnswer | None = None
    clock: float = 0.0


@frozen
class Resigned:
    """A player gave up."""

    kind: ClassVar[str] = "resigned"

    event_id: int
    at: float
    player_id: str
    chance_position: int
    message_id: str | None = None
    answer: ResignAnswer | None = None
    clock: float = 0.0


@frozen
class TimedOut:
    """The time of these players, who were to act, was up: the rules decided what that means."""

    kind: ClassVar[str] = "timed_out"

    event_id: int
    at: float
    players: tuple[str, ...]
    chance_position: int
    clock: float = 0.0


@frozen
class Extended:
    """A player whose turn it was came back, and the turn clock was put back by so many seconds of service."""

    kind: ClassVar[str] = "extended"

    event_id: int
    at: float
    player_id: str
    seconds: float
    clock: float = 0.0


@frozen
class Resumed:
    """A game that was suspended goes on, and its turn clock stood still for so many seconds of service until then."""

    kind: ClassVar[str] = "resumed"

    event_id: int
    at: float
    seconds: float
    clock: float = 0.0


@frozen
class DrawMoved:
    """A player offered a draw, or answered to an offer. When all agree, the game is over with it."""

    kind: ClassVar[str] = "draw_moved"

    event_id: int
    at: float
    player_id: str
    move: DrawMove
    chance_position: int
    message_id: str | None = None
    answer: DrawAnswer | None = None
    clock: float = 0.0


@frozen
class Aborted:
    """The game was called off: by an operator, or because it reached its limit of events. Nobody wins."""

    kind: ClassVar[str] = "aborted"

    event_id: int
    at: float
    reason: str
    clock: float = 0.0


@frozen
class Abandoned:
    """None of the players was connected for so long that the game is over. Nobody wins."""

    kind: ClassVar[str] = "abandoned"

    event_id: int
    at: float
    clock: float = 0.0


Event: TypeAlias = Created | Acted | Resigned | TimedOut | Extended | Resumed | DrawMoved | Aborted | Abandoned
