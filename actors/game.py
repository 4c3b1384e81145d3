"""One game as a fold over its events: pure, with no mailbox, no journal and no clock.

The same functions compute an event before it is journalled and again when the journal is replayed; that they agree is
what makes a replay byte for byte what was seen live.
"""

from __future__ import annotations

from math import isfinite
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from attrs import evolve, field, frozen

from actors.apart.questions import Unanswered
from actors.draws import Draws, told_as
from actors.events import Abandoned, Aborted, Acted, Created, DrawMoved, Extended, Resigned, Resumed, TimedOut
from actors.rules.chance import Chance, key_of
from actors.rules.interface import AnyRules, Change, IllegalAction, MalformedAction
from actors.time_limit import TimeIsUp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actors.events import Event
    from actors.rules.interface import ForcedAction, JsonObject, Step
    from actors.table_messages import DrawMove

P = ParamSpec("P")
T = TypeVar("T")

RESIGNATION = "resignation"
TIMEOUT = "timeout"
ABORTED = "aborted"
ABANDONED = "abandoned"
DRAW_AGREED = "draw_agreed"

_CONTEXTS = 32
"""So many errors, each raised while the one before was handled, are looked through for the one that began it."""


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
    """The game after one event: the state, what the event changed, how far the chance stream was read, and when the
    turn clock runs out (service time; None when none runs). `extended` is by how many seconds each seat has had its
    clock put back (empty: nobody has), `draws` what was said of a draw since the last action."""

    event_id: int
    state: Any
    chance_position: int
    changes: tuple[Change, ...] = ()
    message: str = ""
    ended: Ended | None = None
    deadline: float | None = None
    extended: tuple[float, ...] = ()
    draws: Draws = field(factory=Draws)

    def extension_of(self, seat: int) -> float:
        """By how many seconds this seat has had its clock put back so far."""
        return self.extended[seat] if self.extended else 0.0


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
        deadline = self._fresh_clock(self.created.clock) if ask_rules(self.rules.to_act, state) else None
        return Position(self.created.event_id, state, chance.position, deadline=deadline)

    def act(self, before: Position, seat: int, action: Any, *, clock: float = 0.0) -> Position:  # noqa: ANN401 - the rules' own type
        """The position after this seat's action, taken at this service time. Raises IllegalAction, RulesFault."""
        chance = Chance(self.key, before.chance_position)
        step = submit(self.rules.apply, before.state, seat, action, chance)
        return self._after(before, step, chance, clock)

    def resign(self, before: Position, seat: int, *, clock: float = 0.0) -> Position:
        """The position after this seat gave up at this service time. Raises RulesFault."""
        chance = Chance(self.key, before.chance_position)
        step = ask_rules(self.rules.resign, before.state, seat, chance)
        return self._after(before, step, chance, clock, end_reason=RESIGNATION)

    def time_out(self, before: Position, *, clock: float = 0.0) -> Position:
        """The position after the time of all who were to act was up, at this service time: the rules decide what that
        means, and whoever is to act then has their full time. Raises RulesFault."""
        seats = ask_rules(self.rules.to_act, before.state)
        chance = Chance(self.key, before.chance_position)
        step = ask_rules(self.rules.time_out, before.state, seats, chance)
        return self._after(before, step, chance, clock, anew=True)

    def extend(self, before: Position, seat: int, seconds: float) -> Position:
        """The position after the turn clock was put back for this seat. Raises ValueError when none runs."""
        if before.deadline is None:
            raise ValueError("no clock runs")
        extended = list(before.extended or (0.0,) * len(self.created.players))
        extended[seat] += seconds
        return evolve(
            before,
            event_id=before.event_id + 1,
            changes=(),
            message="",
            deadline=before.deadline + seconds,
            extended=tuple(extended),
        )

    def resume(self, before: Position, seconds: float) -> Position:
        """The position after the game, which was suspended, goes on: its turn clock stood still for so long. Raises
        ValueError when none runs."""
        if before.deadline is None:
            raise ValueError("no clock runs")
        deadline = before.deadline + seconds
        return evolve(before, event_id=before.event_id + 1, changes=(), message="", deadline=deadline)

    def move_draw(self, before: Position, seat: int, move: DrawMove, *, clock: float = 0.0) -> Position:
        """The position after this seat's word about a draw, given at this service time. Raises IllegalAction,
        RulesFault."""
        end_in_draw = ask_rules(getattr, self.rules, "end_in_draw")
        if end_in_draw is None:
            raise IllegalAction("the players of this game cannot agree on a draw")
        if ask_rules(self.rules.has_resigned, before.state, seat):
            raise IllegalAction("you have resigned from this game")
        draws = before.draws.after(seat, move, before.event_id + 1)
        told = told_as(move, self.created.players[seat])
        if not draws.is_settled(self._still_playing(before.state)):
            return evolve(before, event_id=before.event_id + 1, changes=(told,), message="", draws=draws)
        chance = Chance(self.key, before.chance_position)
        step = ask_rules(end_in_draw, before.state, chance)
        after = self._after(before, step, chance, clock, end_reason=DRAW_AGREED)
        if after.ended is None or after.ended.winner is not None:
            raise RulesFault("the rules did not end the game in a draw")
        return evolve(after, changes=(told, *after.changes))

    def _still_playing(self, state: Any) -> set[int]:  # noqa: ANN401 - the rules' own type
        return {seat for seat in self.seats.values() if not ask_rules(self.rules.has_resigned, state, seat)}

    def abort(self, before: Position) -> Position:
        """The position after the game was called off: nobody wins."""
        return self._called_off(before, ABORTED)

    def abandon(self, before: Position) -> Position:
        """The position after all players had been away for too long: nobody wins."""
        return self._called_off(before, ABANDONED)

    def _called_off(self, before: Position, reason: str) -> Position:
        ended = Ended(None, (0,) * len(self.created.players), reason)
        return Position(before.event_id + 1, before.state, before.chance_position, ended=ended)

    def replay(self, before: Position, event: Event) -> Position:
        """The position after a journalled event. Raises ReplayDiverged when the rules no longer take it, or draw
        otherwise than they did; RulesFault."""
        match event:
            case Acted():
                try:
                    action = submit(self.rules.parse, event.action)
                    after = self.act(before, self.seats[event.player_id], action, clock=event.clock)
                except (IllegalAction, MalformedAction) as error:
                    raise ReplayDiverged(f"event {event.event_id} is refused by the rules now") from error
                drawn = event.chance_position
            case Resigned():
                after = self.resign(before, self.seats[event.player_id], clock=event.clock)
                drawn = event.chance_position
            case TimedOut():
                if self.waiting_for(before) != event.players:
                    raise ReplayDiverged(f"event {event.event_id} is about others than who is to act now")
                after = self.time_out(before, clock=event.clock)
                drawn = event.chance_position
            case DrawMoved():
                try:
                    after = self.move_draw(before, self.seats[event.player_id], event.move, clock=event.clock)
                except IllegalAction as error:
                    raise ReplayDiverged(f"event {event.event_id} is refused by the rules now") from error
                drawn = event.chance_position
            case Extended():
                if before.deadline is None:
                    raise ReplayDiverged(f"event {event.event_id} puts back a clock that does not run")
                after = self.extend(before, self.seats[event.player_id], event.seconds)
                drawn = after.chance_position
            case Resumed():
                if before.deadline is None:
                    raise ReplayDiverged(f"event {event.event_id} puts back a clock that does not run")
                after = self.resume(before, event.seconds)
                drawn = after.chance_position
            case Aborted():
                after = self.abort(before)
                drawn = after.chance_position
            case Abandoned():
                after = self.abandon(before)
                drawn = after.chance_position
            case Created():
                raise ReplayDiverged(f"event {event.event_id} is a second creation")
        if (after.event_id, after.chance_position) != (event.event_id, drawn):
            raise ReplayDiverged(f"event {event.event_id} drew other chance than it did when it was journalled")
        return after

    def waiting_for(self, at: Position) -> tuple[str, ...]:
        """The users who are to act. Raises RulesFault."""
        return tuple(self.created.players[seat] for seat in ask_rules(self.rules.to_act, at.state))

    def _after(
        self,
        before: Position,
        step: Step[Any],
        chance: Chance,
        clock: float,
        *,
        end_reason: str | None = None,
        anew: bool = False,
    ) -> Position:
        state, changes, message = ask_rules(_taken_apart, step)
        ended = self._outcome(state, end_reason)
        return Position(
            event_id=before.event_id + 1,
            state=state,
            chance_position=chance.position,
            changes=changes,
            message=message,
            ended=ended,
            deadline=None if ended else self._deadline(before, state, clock, anew=anew),
            extended=before.extended,
        )

    def _outcome(self, state: Any, end_reason: str | None) -> Ended | None:  # noqa: ANN401 - the rules' own type
        outcome = ask_rules(self.rules.outcome, state)
        if outcome is None:
            return None
        if len(outcome.scores) != len(self.created.players):
            raise RulesFault(f"{len(outcome.scores)} scores for {len(self.created.players)} players")
        if not ask_rules(_are_numbers, outcome.scores):  # the journal and the archive are JSON
            raise RulesFault("a score is not a finite number that JSON has")
        return Ended(outcome.winner, tuple(outcome.scores), end_reason or outcome.reason)

    def _deadline(self, before: Position, state: Any, clock: float, *, anew: bool) -> float | None:  # noqa: ANN401 - as above
        """When the clock of whoever is to act now runs out. It goes on as it was while the turn is the same, and nobody
        is to act who was not before: of several who act at once, the first must not give the others more time."""
        if self.created.turn_timeout_seconds is None:
            return None
        to_act = ask_rules(self.rules.to_act, state)
        if not to_act:
            return None
        if anew or before.deadline is None or ask_rules(self._turn_changed, before.state, state, to_act):
            return self._fresh_clock(clock)
        return before.deadline

    def _turn_changed(self, before: Any, after: Any, to_act: tuple[int, ...]) -> bool:  # noqa: ANN401 - as above
        return self.rules.turn(before) != self.rules.turn(after) or not set(to_act) <= set(self.rules.to_act(before))

    def _fresh_clock(self, now: float) -> float | None:
        seconds = self.created.turn_timeout_seconds
        return None if seconds is None else now + seconds


def ask_rules(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls into the rules where they may raise nothing. Raises RulesFault when they do, whatever it is: a SystemExit
    or a panic of native code must not end the server. So it does when they are interrupted because they run past their
    time limit (`actors.time_limit`, which knows this function's frames). Raises Unanswered for rules that run apart
    (`actors.apart`)."""
    try:
        return call(*args, **kwargs)
    except (KeyboardInterrupt, Unanswered):
        raise
    except BaseException as error:
        # No function of ours, and no code of theirs, may be called here: the next interruption would come out of it.
        name = call.__name__ if isinstance(call, FunctionType | MethodType) else "a function"
        at: BaseException | None = error
        for _ in range(_CONTEXTS):  # what they were doing when they were interrupted may have failed in its turn
            if at is None or isinstance(at, TimeIsUp):
                break
            at = at.__context__
        did = "ran past its time limit" if isinstance(at, TimeIsUp) else "raised"
        raise RulesFault(f"{name} of the rules {did}") from error


def submit(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls into the rules where they may refuse (parse, apply). Raises MalformedAction, IllegalAction, RulesFault."""
    try:
        return ask_rules(call, *args, **kwargs)
    except RulesFault as fault:
        if isinstance(fault.__cause__, IllegalAction | MalformedAction):
            raise fault.__cause__ from None
        raise


def forced(rules: AnyRules, state: Any) -> tuple[ForcedAction, ...]:  # noqa: ANN401 - the rules' own type
    """`Rules.forced`, taken whole while the rules are asked."""
    return tuple(rules.forced(state))


def legal(rules: AnyRules, state: Any, seat: int) -> tuple[JsonObject, ...] | None:  # noqa: ANN401 - as above
    """`Rules.legal`, as JSON, taken whole while the rules are asked: the time limit is for all of it."""
    actions = rules.legal(state, seat)
    return None if actions is None else tuple(map(rules.dump, actions))


def _taken_apart(step: Step[Any]) -> tuple[Any, tuple[Change, ...], str]:
    return step.state, tuple(step.changes), step.message


def _are_numbers(scores: Iterable[object]) -> bool:
    return all(
        (isinstance(score, float) and isfinite(score)) or (type(score) is int and abs(score) < 2**63)
        for score in scores
    )
