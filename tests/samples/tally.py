"""A tiny game for tests: each player holds a secret number; players in turn name a number, and whoever first names a
secret of another player wins. Who runs out of time says nothing, or bows if that is due. It can be told to fail, and to
force an action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from actors.rules.interface import (
    Change,
    ForcedAction,
    IllegalAction,
    MalformedAction,
    Outcome,
    Step,
)
from actors.rules.saving import StateCodec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.rules.chance import Chance
    from actors.rules.interface import (
        JsonObject,
    )


@frozen
class Guess:
    """`{"type": "guess", "number": 3}`; also `bow`, which is forced after a guess of 0, and `crash`."""

    type: str
    number: int = 0


@frozen
class TallyState:
    """Whose turn it is, the secrets, and what happened."""

    secrets: tuple[int, ...]
    current: int = 0
    must_bow: int | None = None
    gone: frozenset[int] = frozenset()
    winner: int | None = None
    over: bool = False
    turns: int = 0


_CODEC = StateCodec(TallyState)


class Tally:
    """The rules. `fail_in` names the function that raises; `escape` is what it raises in place of a KeyError, and what
    the action `crash` raises; `shows` is what every view is."""

    name = "tally"
    title = "Tally"
    min_players = 2
    max_players = 4

    def __init__(self, version: str = "1", fail_in: str = "") -> None:
        self.version = version
        self.fail_in = fail_in
        self.escape: BaseException | None = None
        self.shows: dict[Any, Any] | None = None

    @property
    def options_schema(self) -> JsonObject:
        return {
            "type": "object",
            "properties": {"highest": {"type": "integer", "minimum": 2, "maximum": 1000, "default": 9}},
            "additionalProperties": False,
        }

    def _maybe_fail(self, where: str) -> None:
        if self.fail_in == where:
            if self.escape is not None:
                raise self.escape
            raise KeyError("the secret is 4217")

    def set_up(self, players: int, options: JsonObject, chance: Chance) -> TallyState:
        self._maybe_fail("set_up")
        highest = options.get("highest", 9)
        return TallyState(tuple(chance.below(highest) + 1 for _ in range(players)))

    def parse(self, action: JsonObject) -> Guess:
        match action:
            case {"type": "guess", "number": int() as number} if not isinstance(number, bool):
                return Guess("guess", number)
            case {"type": "bow" | "crash" as kind}:
                return Guess(kind)
        raise MalformedAction("an action is guess with a whole number, or bow")

    def dump(self, action: Guess) -> JsonObject:
        return {"type": "guess", "number": action.number} if action.type == "guess" else {"type": action.type}

    def legal(self, state: TallyState, seat: int) -> Sequence[Guess] | None:
        if seat not in self.to_act(state):
            return []
        return [Guess("bow")] if state.must_bow is not None else [Guess("guess", n) for n in range(10)]

    def apply(self, state: TallyState, seat: int, action: Guess, chance: Chance) -> Step[TallyState]:
        self._maybe_fail("apply")
        if action.type == "crash" and self.escape is not None:
            raise self.escape
        if action.type == "crash":
            raise RuntimeError(f"the secret is {state.secrets[0]}")
        following = self._next(state, seat)
        if action.type == "bow":
            if state.must_bow is None:
                raise IllegalAction("nobody has to bow")
            bowed = evolve(state, must_bow=None, current=following, turns=state.turns + 1)
            return Step(bowed, (Change({"type": "bowed", "seat": seat}),))
        if action.number < 0:
            raise IllegalAction("numbers start at 0")
        lucky = chance.below(100)
        change = Change(
            {"type": "guessed", "seat": seat, "number": action.number},
            {seat: {"type": "guessed", "seat": seat, "number": action.number, "lucky": lucky}},
        )
        if action.number == 0:
            return Step(evolve(state, must_bow=seat, turns=state.turns + 1), (change,), "now bow")
        hit = any(action.number == secret for other, secret in enumerate(state.secrets) if other != seat)
        if hit:
            return Step(evolve(state, winner=seat, over=True), (change,), "you have it")
        return Step(evolve(state, current=following, turns=state.turns + 1), (change,), "missed")

    def resign(self, state: TallyState, seat: int, chance: Chance) -> Step[TallyState]:
        gone = state.gone | {seat}
        left = [s for s in range(len(state.secrets)) if s not in gone]
        change = Change({"type": "resigned", "seat": seat})
        if len(left) == 1:
            return Step(evolve(state, gone=gone, winner=left[0], over=True, must_bow=None), (change,))
        after = evolve(state, gone=gone, must_bow=None if state.must_bow == seat else state.must_bow)
        if state.current == seat:
            after = evolve(after, current=self._next(after, seat), turns=state.turns + 1)
        return Step(after, (change,))

    def end_in_draw(self, state: TallyState, chance: Chance) -> Step[TallyState]:
        self._maybe_fail("end_in_draw")
        chance.below(100)  # so that a replay that forgets a draw is noticed
        return Step(evolve(state, over=True, must_bow=None), (Change({"type": "drawn"}),))

    def turn(self, state: TallyState) -> int:
        self._maybe_fail("turn")
        return state.turns

    def time_out(self, state: TallyState, seats: tuple[int, ...], chance: Chance) -> Step[TallyState]:
        self._maybe_fail("time_out")
        (seat,) = seats
        change = Change({"type": "timed_out", "seat": seat, "bowed": state.must_bow is not None})
        chance.below(100)  # so that a replay that forgets a time-out is noticed
        return Step(evolve(state, must_bow=None, current=self._next(state, seat), turns=state.turns + 1), (change,))

    def save(self, state: TallyState) -> JsonObject:
        self._maybe_fail("save")
        return _CODEC.save(state)

    def restore(self, saved: JsonObject) -> TallyState:
        self._maybe_fail("restore")
        return _CODEC.restore(saved)

    def _next(self, state: TallyState, seat: int) -> int:
        players = len(state.secrets)
        return next(s % players for s in range(seat + 1, seat + players + 1) if s % players not in state.gone)

    def view(self, state: TallyState, seat: int | None) -> JsonObject:
        self._maybe_fail("view")
        if self.shows is not None:
            return self.shows
        mine = None if seat is None else state.secrets[seat]
        return {"secret": mine, "all": list(state.secrets) if state.over else None}

    def current(self, state: TallyState) -> int | None:
        return state.current

    def to_act(self, state: TallyState) -> tuple[int, ...]:
        return () if state.over else (state.current if state.must_bow is None else state.must_bow,)

    def forced(self, state: TallyState) -> tuple[ForcedAction, ...]:
        if state.must_bow is None or state.over:
            return ()
        return (ForcedAction(state.must_bow, "bow", "a guess of 0 is rude", {"secret": state.secrets[state.must_bow]}),)

    def has_resigned(self, state: TallyState, seat: int) -> bool:
        return seat in state.gone

    def outcome(self, state: TallyState) -> Outcome | None:
        if not state.over:
            return None
        return Outcome(state.winner, tuple(float(s == state.winner) for s in range(len(state.secrets))), "found")


class Losing(Tally):
    """Who runs out of time has lost; the game then ends for this reason."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self._reason = reason

    def time_out(self, state: TallyState, seats: tuple[int, ...], chance: Chance) -> Step[TallyState]:
        return self.resign(state, seats[0], chance)

    def outcome(self, state: TallyState) -> Outcome | None:
        outcome = super().outcome(state)
        return None if outcome is None else evolve(outcome, reason=self._reason)
