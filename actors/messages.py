"""What tables are asked, what they answer, and what they push. Each answer and push body has the contract's field
names (sections 2 and 3); `net.protocol` turns them into JSON, leaving out what is ABSENT."""

from __future__ import annotations

import enum
from typing import ClassVar, Literal, TypeAlias

from attrs import define, field, frozen

from actors.failures import Failure
from actors.kit.actor import Ask
from actors.ports import Outlet
from actors.rules.interface import JsonObject


class Absent(enum.Enum):
    """The one value of a field that is not there; None is a value of its own (`winner_id: null` is a draw)."""

    ABSENT = enum.auto()


ABSENT: Literal[Absent.ABSENT] = Absent.ABSENT
Maybe: TypeAlias = Literal[Absent.ABSENT]

# ---- parts of answers


@frozen
class PlayerView:
    """A seated player. `status` is their presence when this was sent."""

    id: str
    seat: int
    status: str


@frozen
class ForcedView:
    """`pending_forced_action`; `params` are empty for everybody but its owner."""

    player_id: str
    action_type: str
    reason: str
    params: JsonObject


@frozen
class View:
    """The game as one viewer may see it: the answer to a join, and with `changes` a `game:state`."""

    event: ClassVar[str] = "game:state"

    game_id: str
    rules: str
    rules_version: str
    players: tuple[PlayerView, ...]
    event_id: int
    state: JsonObject
    is_your_turn: bool
    current_player_id: str | None
    to_act: tuple[str, ...]
    game_over: bool
    spectator_count: int
    server_time: float
    changes: tuple[JsonObject, ...] | Maybe = ABSENT
    legal_actions: tuple[JsonObject, ...] | Maybe = ABSENT
    pending_forced_action: ForcedView | Maybe = ABSENT
    turn_timeout_seconds: float | Maybe = ABSENT
    turn_deadline: float | Maybe = ABSENT
    winner_id: str | Maybe | None = ABSENT
    results: dict[str, float] | Maybe = ABSENT
    end_reason: str | Maybe = ABSENT
    missed: tuple[View, ...] | Maybe = ABSENT
    resync: bool | Maybe = ABSENT


@frozen
class ActionAnswer:
    """The answer to an action that was applied."""

    game_id: str
    event_id: int
    action_type: str
    message: str
    turn_changed: bool
    current_player_id: str | None
    to_act: tuple[str, ...]
    changes: tuple[JsonObject, ...]
    game_over: bool
    server_time: float
    pending_forced_action: ForcedView | Maybe = ABSENT
    turn_timeout_seconds: float | Maybe = ABSENT
    turn_deadline: float | Maybe = ABSENT
    winner_id: str | Maybe | None = ABSENT
    results: dict[str, float] | Maybe = ABSENT
    end_reason: str | Maybe = ABSENT


@frozen
class ResignAnswer:
    """The answer to a resignation; `game_over` is false while others play on."""

    game_id: str
    event_id: int
    game_over: bool
    winner_id: str | Maybe | None = ABSENT
    end_reason: str | Maybe = ABSENT


@frozen
class AbortAnswer:
    """The answer to an abort."""

    game_id: str
    event_id: int
    end_reason: str


@frozen
class GameOver:
    """`game:game_over`, with the final state as this viewer may see it."""

    event: ClassVar[str] = "game:game_over"

    game_id: str
    event_id: int
    winner_id: str | None
    results: dict[str, float]
    end_reason: str
    final_state: JsonObject


@frozen
class Description:
    """What anybody with a token may know of a game: no hidden state."""

    game_id: str
    rules: str
    rules_version: str
    players: tuple[str, ...]
    status: str
    event_count: int
    created_at: float
    winner_id: str | Maybe | None = ABSENT
    results: dict[str, float] | Maybe = ABSENT
    end_reason: str | Maybe = ABSENT
    ended_at: float | Maybe = ABSENT


@define(eq=False)
class Push:
    """One push, to be sent to any number of outlets. `json` is its body, encoded before the event was journalled; and
    `frames` keeps the forms in which protocols carry it, each made once for all the sockets that get the same bytes."""

    body: View | GameOver
    json: bytes = field(default=b"", repr=False)
    frames: dict[str, bytes] = field(factory=dict, init=False, repr=False)


@frozen
class Sealed:
    """An answer with its JSON, encoded before what it acknowledges was journalled."""

    body: View | ActionAnswer | ResignAnswer
    json: bytes = field(default=b"", repr=False)


# ---- what a table is asked


@frozen(eq=False)
class Join(Ask[Sealed | Failure]):
    """A player wants to see, and to be told of what happens, from now on."""

    user_id: str
    outlet: Outlet
    last_event_id: int | None = None


@frozen(eq=False)
class Act(Ask[Sealed | Failure]):
    """A player acts."""

    user_id: str
    outlet: Outlet
    action: JsonObject
    message_id: str | None = None


@frozen(eq=False)
class Resign(Ask[Sealed | Failure]):
    """A player gives up."""

    user_id: str
    outlet: Outlet
    message_id: str | None = None


@frozen(eq=False)
class Describe(Ask[Description]):
    """What is publicly known of the game."""


@frozen(eq=False)
class Abort(Ask[AbortAnswer | Failure]):
    """An operator calls the game off."""

    reason: str


@frozen(eq=False)
class Passivate:
    """Leave memory if nothing is going on; the next message wakes the game again."""


TableMessage: TypeAlias = Join | Act | Resign | Describe | Abort | Passivate
