"""What is journalled of a game. The events alone rebuild it: the state, the hands, every answer ever given."""

from __future__ import annotations

from typing import ClassVar, TypeAlias

from attrs import field, frozen

from actors.messages import ActionAnswer, ResignAnswer
from actors.rules.interface import JsonObject


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


@frozen
class Aborted:
    """The game was called off: by an operator, or because it reached its limit of events. Nobody wins."""

    kind: ClassVar[str] = "aborted"

    event_id: int
    at: float
    reason: str


Event: TypeAlias = Created | Acted | Resigned | Aborted
