"""Veil: a small fast game for the simulation, with all that a game can have: hidden cards, forced actions out of turn,
draws by agreement, chance. What is hidden has no influence on what is public, not even at the end; so two games that
differ only in a player's cards must look the same to everybody else, byte for byte, whatever happens to the server.

Players in turn bid 1 to 3, and are dealt a card face down, or pass. After a bid of 3 the next player has to nod. Who
bid most when the turns are over has won.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from actors.rules.interface import Change, ForcedAction, IllegalAction, MalformedAction, Outcome, Step
from actors.rules.saving import StateCodec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.rules.chance import Chance
    from actors.rules.interface import JsonObject

_LEAST: Final = 10
_CARDS: Final = 90
"""Cards are numbers of two digits: a hand is as long whatever is in it."""

_NOD_AFTER: Final = 3


@frozen
class Move:
    """`{"type": "pass"}`, `{"type": "bid", "amount": 2}`, `{"type": "nod"}`."""

    type: str
    amount: int = 0


@frozen
class VeilState:
    """The hands, the bids so far, and whose turn it is."""

    hands: tuple[tuple[int, ...], ...]
    points: tuple[int, ...]
    left: int
    current: int = 0
    turns: int = 0
    must_nod: int | None = None
    gone: frozenset[int] = frozenset()
    drawn: bool = False


_CODEC: Final = StateCodec(VeilState)


@frozen
class Veil:
    """The rules. Every card of the player in seat 0 is another one for another `shift`; all else is the same."""

    shift: int = 0
    name = "veil"
    version = "1"
    title = "Veil"
    min_players = 2
    max_players = 4

    @property
    def options_schema(self) -> JsonObject:
        """How many turns there are."""
        return {
            "type": "object",
            "properties": {"length": {"type": "integer", "minimum": 2, "maximum": 1000, "default": 12}},
            "additionalProperties": False,
        }

    def set_up(self, players: int, options: JsonObject, chance: Chance) -> VeilState:
        """Two cards each."""
        hands = tuple(tuple(self._deal(seat, chance) for _ in range(2)) for seat in range(players))
        return VeilState(hands, (0,) * players, options.get("length", 12))

    def _deal(self, seat: int, chance: Chance) -> int:
        card = chance.below(_CARDS)
        return _LEAST + ((card + self.shift) % _CARDS if seat == 0 else card)

    def parse(self, action: JsonObject) -> Move:
        """Raises MalformedAction."""
        match action:
            case {"type": "bid", "amount": int() as amount}:
                return Move("bid", amount)
            case {"type": "pass" | "nod" as kind}:
                return Move(kind)
        raise MalformedAction("an action is a pass, a nod, or a bid with an amount")

    def dump(self, action: Move) -> JsonObject:
        """The JSON of an action."""
        return {"type": "bid", "amount": action.amount} if action.type == "bid" else {"type": action.type}

    def legal(self, state: VeilState, seat: int) -> Sequence[Move]:
        """What this seat may do."""
        if seat not in self.to_act(state):
            return ()
        if state.must_nod is not None:
            return (Move("nod"),)
        return (Move("pass"), *(Move("bid", amount) for amount in (1, 2, 3)))

    def apply(self, state: VeilState, seat: int, action: Move, chance: Chance) -> Step[VeilState]:
        """Takes an action. Raises IllegalAction."""
        if (action.type == "nod") != (state.must_nod is not None):
            raise IllegalAction("a nod is for who has to, and then there is nothing else")
        if action.type != "bid":
            return self._go_on(state, seat, action.type)
        if not 1 <= action.amount <= _NOD_AFTER:
            raise IllegalAction("bids are 1 to 3")
        card = self._deal(seat, chance)
        hands = tuple((*hand, card) if other == seat else hand for other, hand in enumerate(state.hands))
        points = tuple(n + action.amount if other == seat else n for other, n in enumerate(state.points))
        after = evolve(state, hands=hands, points=points)
        public = {"type": "bid", "seat": seat, "amount": action.amount}
        change = Change(public, {seat: {**public, "card": card}})
        if action.amount == _NOD_AFTER and (nods := self._after(state, seat)) != seat:
            return Step(evolve(after, must_nod=nods, turns=state.turns + 1), (change,), "wait for the nod")
        return Step(self._next(after), (change,), "done")

    def _go_on(self, state: VeilState, seat: int, what: str) -> Step[VeilState]:
        return Step(self._next(evolve(state, must_nod=None)), (Change({"type": what, "seat": seat}),), "done")

    def resign(self, state: VeilState, seat: int, chance: Chance) -> Step[VeilState]:
        """The others play on, if there are two."""
        after = evolve(state, gone=state.gone | {seat})
        if state.must_nod == seat:
            after = evolve(after, must_nod=None)
        if state.current == seat or state.must_nod == seat:
            after = self._next(after)
        return Step(after, (Change({"type": "resigned", "seat": seat}),))

    def end_in_draw(self, state: VeilState, chance: Chance) -> Step[VeilState]:
        """All agree on it."""
        return Step(evolve(state, drawn=True, must_nod=None), (Change({"type": "drawn"}),))

    def time_out(self, state: VeilState, seats: tuple[int, ...], chance: Chance) -> Step[VeilState]:
        """Who dawdles passes, or nods."""
        return self._go_on(state, seats[0], "pass" if state.must_nod is None else "nod")

    def _after(self, state: VeilState, seat: int) -> int:
        """The next who is still there; this seat itself when nobody else is."""
        players = len(state.hands)
        following = ((seat + step) % players for step in range(1, players))
        return next((other for other in following if other not in state.gone), seat)

    def _next(self, state: VeilState) -> VeilState:
        current = self._after(state, state.current)
        return evolve(state, current=current, left=state.left - 1, turns=state.turns + 1)

    def view(self, state: VeilState, seat: int | None) -> JsonObject:
        """One's own cards; of the others' the number."""
        return {
            "mine": None if seat is None else list(state.hands[seat]),
            "cards": [len(hand) for hand in state.hands],
            "points": list(state.points),
            "left": state.left,
        }

    def current(self, state: VeilState) -> int | None:
        """Whose turn it is."""
        return None if self._is_over(state) else state.current

    def to_act(self, state: VeilState) -> tuple[int, ...]:
        """Who has to nod, or whose turn it is."""
        if self._is_over(state):
            return ()
        return (state.current if state.must_nod is None else state.must_nod,)

    def forced(self, state: VeilState) -> tuple[ForcedAction, ...]:
        """The nod, with something hidden in it."""
        if state.must_nod is None or self._is_over(state):
            return ()
        return (ForcedAction(state.must_nod, "nod", "a high bid", {"card": state.hands[state.must_nod][0]}),)

    def turn(self, state: VeilState) -> int:
        """Turns, and nods."""
        return state.turns

    def save(self, state: VeilState) -> JsonObject:
        """The whole state."""
        return _CODEC.save(state)

    def restore(self, saved: JsonObject) -> VeilState:
        """What was saved."""
        return _CODEC.restore(saved)

    def has_resigned(self, state: VeilState, seat: int) -> bool:
        """Whether it has left."""
        return seat in state.gone

    def outcome(self, state: VeilState) -> Outcome | None:
        """By points, or who is left."""
        if not self._is_over(state):
            return None
        scores = tuple(float(n) for n in state.points)
        here = [seat for seat in range(len(scores)) if seat not in state.gone]
        if state.drawn:
            return Outcome(None, scores, "draw_agreed")
        if len(here) == 1:
            return Outcome(here[0], scores, "resignation")
        most = max(scores[seat] for seat in here)
        best = [seat for seat in here if scores[seat] == most]
        return Outcome(best[0] if len(best) == 1 else None, scores, "points")

    def _is_over(self, state: VeilState) -> bool:
        return state.drawn or state.left <= 0 or len(state.hands) - len(state.gone) <= 1
