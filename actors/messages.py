"""What tables answer, and what they push; what they are asked is in `actors.table_messages`. Each answer and push body
has the contract's field names (sections 2 and 3); `net.protocol` turns them into JSON, leaving out what is ABSENT."""

from __future__ import annotations

import enum
from typing import ClassVar, Final, Literal, TypeAlias

from attrs import define, field, frozen

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

    @classmethod
    def of(cls, fields: JsonObject) -> View:
        """The view that has these fields as JSON (`actors.views.Scene.fields`)."""
        forced = fields.get("pending_forced_action")
        parts = {
            "players": tuple([PlayerView(**player) for player in fields["players"]]),
            "pending_forced_action": ABSENT if forced is None else ForcedView(**forced),
        }
        return cls(**(fields | parts))


@frozen(eq=False)
class LiveState:
    """A `game:state` as it is sent to everybody who follows the game, after each event: a View's fields as JSON."""

    event: ClassVar[str] = View.event

    game_id: str
    event_id: int
    fields: JsonObject = field(repr=False)

    @property
    def view(self) -> View:
        """The same as an object."""
        return View.of(self.fields)


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
class DrawAnswer:
    """The answer to a draw move; `game_over` is true when with it all have agreed."""

    game_id: str
    event_id: int
    game_over: bool


@frozen
class AbortAnswer:
    """The answer to an abort."""

    game_id: str
    event_id: int
    end_reason: str


@frozen
class ResumeAnswer:
    """The answer to a resumption: the game runs, and `event_id` is its last event. `resumed`: it did not before."""

    game_id: str
    event_id: int
    resumed: bool


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
class GameReconnected(View):
    """`game:reconnected`: the view of a game that a person was put into when they connected afresh."""

    event: ClassVar[str] = "game:reconnected"


@frozen
class OpponentStatus:
    """`game:opponent_status`: the presence of a player, to everybody but themselves."""

    event: ClassVar[str] = "game:opponent_status"

    game_id: str
    opponent_id: str
    status: str


@frozen
class SpectatorCount:
    """`game:spectator_count`."""

    event: ClassVar[str] = "game:spectator_count"

    game_id: str
    spectator_count: int


@frozen
class DrawOffered:
    """`game:draw_offered`: this player offers a draw. To the other players."""

    event: ClassVar[str] = "game:draw_offered"

    game_id: str
    by: str


@frozen
class GameCreated:
    """`game:created`: a game was made for the user who is told. `players` are user ids, by seat."""

    event: ClassVar[str] = "game:created"

    game_id: str
    rules: str
    players: tuple[str, ...]


@frozen
class SessionReplaced:
    """`session:replaced`: the user has connected elsewhere, and this session ends."""

    event: ClassVar[str] = "session:replaced"


PushBody: TypeAlias = (
    View | LiveState | GameOver | OpponentStatus | SpectatorCount | DrawOffered | GameCreated | SessionReplaced
)
"""The data of a push. Each class names its `event`; all but SessionReplaced have a `game_id`."""


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

    body: PushBody
    json: bytes = field(default=b"", repr=False)
    frames: dict[str, bytes] = field(factory=dict, init=False, repr=False)
    patches: dict[int, PatchedPush] | None = field(default=None, init=False, repr=False)
    """The same as a patch (`net.patching`), by the event of the state that it is against: made once, too."""

    @property
    def offset(self) -> str | None:
        """Where a client stands that has got this push and all before it: what `Recover` goes on from, opaque to
        clients. Only `game:state` and `game:game_over` have one."""
        match self.body:
            case GameReconnected():
                return None
            case View(game_id=game_id, event_id=event_id) | LiveState(game_id=game_id, event_id=event_id):
                return f"{game_id}:{event_id}"
            case GameOver(game_id=game_id, event_id=event_id):
                # The last state and this one are about one event: who has got only the state must still be sent this.
                return f"{game_id}:{event_id + 1}"
            case _:
                return None


@frozen(eq=False)
class PatchedPush:
    """A `game:state` that says how its state differs from an earlier one, and that state, whole, as it was read back
    from the JSON."""

    push: Push
    state: JsonObject = field(repr=False)


def parse_offset(offset: str) -> tuple[str, int] | None:
    """The game, and the `after_event_id` of the `Recover` that goes on from there; None for what was never an
    offset."""
    game_id, colon, number = offset.rpartition(":")
    if not (colon and game_id and number.isascii() and number.isdecimal() and len(number) <= _OFFSET_DIGITS):
        return None
    return game_id, int(number)


_OFFSET_DIGITS: Final = 15


@frozen
class Sealed:
    """An answer with its JSON, encoded before what it acknowledges was journalled."""

    body: View | ActionAnswer | ResignAnswer | DrawAnswer
    json: bytes = field(default=b"", repr=False)


@frozen(eq=False)
class Restored:
    """This outlet follows the game from now on. `pushes` are what it is to be sent before all that comes live, in this
    order: whoever asked hands them to their client in the very call that brings this answer (`Ref.post`), for the next
    push may follow at once."""

    pushes: tuple[Push, ...]
