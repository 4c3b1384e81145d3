"""One game as a fold over its events: pure, with no mailbox, no journal and no clock.

The same functions compute an event before it is journalled and again when the journal is replayed; that they agree is
what makes a replay byte for byte what was seen live.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from attrs import field, frozen

from actors.events import Aborted, Acted, Created, Resigned
from actors.rules.chance import Chance, key_of
from actors.rules.interface import AnyRules, Change, IllegalAction, MalformedAction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actors.events import Event
    from actors.rules.interface import Step

P = ParamSpec("P")
T = TypeVar("T")

RESIGNATION = "resignation"
ABORTED = "aborted"


class RulesFault(Exception):
    """The rules raised what they may not. Its cause is the rules' own exception; it is not for clients' eyes."""


class ReplayDiverged(Exception):
    """The journal replays to something else than what was journalled: the rules changed under one version."""


@frozen
class Ended:
    """How the game ended: the winner's seat (None: a draw), a score for each seat, and the reason."""

    winner: int | None
    scores: tuple[float, ...]
    reason: str


@frozen
class Position:
    """The game after one event: the state, what the event changed, and how far the chance stream was read."""

    event_id: int
    state: Any
    chance_position: int
    changes: tuple[Change, ...] = ()
    message: str = ""
    ended: Ended | None = None


@frozen
class Game:
    """What stays the same from the first event to the last."""

    created: Created
    rules: AnyRules
    seats: dict[str, int]
    key: bytes = field(repr=False)

    @classmethod
    def of(cls, created: Created, rules: AnyRules) -> Game:
        """The game that this event created, played by these rules (of the version that the event names)."""
        seats = {player: seat for seat, player in enumerate(created.players)}
        return cls(created, rules, seats, key_of(created.seed))

    def player(self, seat: int | None) -> str | None:
        """The user in that seat; None for no seat."""
        return None if seat is None else self.created.players[seat]

    def begin(self) -> Position:
        """The position after the creation. Raises RulesFault."""
        chance = Chance(self.key)
        state = ask_rules(self.rules.set_up, len(self.created.players), self.created.options, chance)
        return Position(self.created.event_id, state, chance.position)

    def act(self, before: Position, seat: int, action: Any) -> Position:  # noqa: ANN401 - the rules' own type
        """The position after this seat's action. Raises IllegalAction, RulesFault."""
        chance = Chance(self.key, before.chance_position)
        step = submit(self.rules.apply, before.state, seat, action, chance)
        return self._after(before, step, chance, None)

    def resign(self, before: Position, seat: int) -> Position:
        """The position after this seat gave up. Raises RulesFault."""
        chance = Chance(self.key, before.chance_position)
        step = ask_rules(self.rules.resign, before.state, seat, chance)
        return self._after(before, step, chance, RESIGNATION)

    def abort(self, before: Position) -> Position:
        """The position after the game was called off: nobody wins."""
        ended = Ended(None, (0,) * len(self.created.players), ABORTED)
        return Position(before.event_id + 1, before.state, before.chance_position, ended=ended)

    def replay(self, before: Position, event: Event) -> Position:
        """The position after a journalled event. Raises ReplayDiverged when the rules no longer take it, or draw
        otherwise than they did; RulesFault."""
        match event:
            case Acted():
                try:
                    action = submit(self.rules.parse, event.action)
                    after = self.act(before, self.seats[event.player_id], action)
                except (IllegalAction, MalformedAction) as error:
                    raise ReplayDiverged(f"event {event.event_id} is refused by the rules now") from error
                drawn = event.chance_position
            case Resigned():
                after = self.resign(before, self.seats[event.player_id])
                drawn = event.chance_position
            case Aborted():
                after = self.abort(before)
                drawn = after.chance_position
            case Created():
                raise ReplayDiverged(f"event {event.event_id} is a second creation")
        if (after.event_id, after.chance_position) != (event.event_id, drawn):
            raise ReplayDiverged(f"event {event.event_id} drew other chance than it did when it was journalled")
        return after

    def _after(self, before: Position, step: Step[Any], chance: Chance, end_reason: str | None) -> Position:
        outcome = ask_rules(self.rules.outcome, step.state)
        ended = None
        if outcome is not None:
            if len(outcome.scores) != len(self.created.players):
                raise RulesFault(f"{len(outcome.scores)} scores for {len(self.created.players)} players")
            if not ask_rules(_are_finite, outcome.scores):  # JSON has no infinity, and the journal is JSON
                raise RulesFault("a score is not a finite number")
            ended = Ended(outcome.winner, tuple(outcome.scores), end_reason or outcome.reason)
        return Position(
            event_id=before.event_id + 1,
            state=step.state,
            chance_position=chance.position,
            changes=tuple(step.changes),
            message=step.message,
            ended=ended,
        )


def ask_rules(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls into the rules where they may raise nothing. Raises RulesFault when they do, whatever it is: a SystemExit
    or a panic of native code must not end the server."""
    try:
        return call(*args, **kwargs)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise RulesFault(f"{getattr(call, '__name__', 'a function')} of the rules raised") from error


def submit(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls into the rules where they may refuse (parse, apply). Raises MalformedAction, IllegalAction, RulesFault."""
    try:
        return ask_rules(call, *args, **kwargs)
    except RulesFault as fault:
        if isinstance(fault.__cause__, IllegalAction | MalformedAction):
            raise fault.__cause__ from None
        raise


def _are_finite(scores: Iterable[float]) -> bool:
    return all(map(isfinite, scores))
