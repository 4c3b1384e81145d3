"""High Card and Crazy Eights, each time with one leak of those that authors make.

Those that are `Blind` cannot imagine: what betrays must be found without any help of the author.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from actors.rules.cards import PACK
from actors.rules.crazy_eights import CrazyEights
from actors.rules.interface import Change, ForcedAction, IllegalAction, Step
from net.new_game.template.high_card.rules import HighCard

if TYPE_CHECKING:
    from actors.rules.chance import Chance
    from actors.rules.interface import JsonObject
    from net.new_game.template.high_card.rules import Lay, State


def aces_of_others(state: State, seat: int | None) -> int:
    return sum(card.startswith("A") for s, hand in enumerate(state.hands) if s != seat for card in hand)


class Blind(HighCard):
    imagine = None  # type: ignore[assignment]


class ShowsHands(Blind):
    def view(self, state: State, seat: int | None) -> JsonObject:
        return super().view(state, seat) | {"hands": [list(hand) for hand in state.hands]}


class ShowsHandsToSeats(Blind):
    def view(self, state: State, seat: int | None) -> JsonObject:
        seen = super().view(state, seat)
        return seen if seat is None else seen | {"hands": [list(hand) for hand in state.hands]}


class ShowsHandsToSpectators(Blind):
    def view(self, state: State, seat: int | None) -> JsonObject:
        seen = super().view(state, seat)
        return seen if seat is not None else seen | {"hands": [list(hand) for hand in state.hands]}


class ExplainsTooMuch(Blind):
    """The words of a refusal say who has the card."""

    def apply(self, state: State, seat: int, action: Lay, chance: Chance) -> Step[State]:
        for other, hand in enumerate(state.hands):
            if other != seat and action.card in hand:
                raise IllegalAction(f"seat {other} has that card")
        return super().apply(state, seat, action, chance)


class TakesWhatNobodyHas(Blind):
    """It depends on what others hold whether an action that is not listed is taken."""

    def apply(self, state: State, seat: int, action: Lay, chance: Chance) -> Step[State]:
        held = {card for hand in state.hands for card in hand} | {*state.open} | {card for _, card in state.table}
        if action.card not in held:
            return Step(state, (), "nobody has that card")
        return super().apply(state, seat, action, chance)


class _Tells(Blind):
    """A change says something of the hands of others."""

    def what(self, aces: int) -> JsonObject:
        raise NotImplementedError

    def apply(self, state: State, seat: int, action: Lay, chance: Chance) -> Step[State]:
        step = super().apply(state, seat, action, chance)
        what = self.what(aces_of_others(step.state, None))
        return evolve(step, changes=(*step.changes, Change({"type": "told", **what})))


class TellsBySize(_Tells):
    def what(self, aces: int) -> JsonObject:
        return {"padding": "x" * aces}


class TellsByLength(_Tells):
    def what(self, aces: int) -> JsonObject:
        return {"seats": [None] * aces}


class TellsByOrder(_Tells):
    def what(self, aces: int) -> JsonObject:
        return {"a": 1, "b": 2} if aces else {"b": 2, "a": 1}


class TellsByMessage(Blind):
    def apply(self, state: State, seat: int, action: Lay, chance: Chance) -> Step[State]:
        step = super().apply(state, seat, action, chance)
        return evolve(step, message=f"{aces_of_others(step.state, seat)} aces are out")


class TellsByPresence(Blind):
    """There is a change, or there is none."""

    def apply(self, state: State, seat: int, action: Lay, chance: Chance) -> Step[State]:
        step = super().apply(state, seat, action, chance)
        more = (Change({"type": "murmur"}),) if aces_of_others(step.state, seat) else ()
        return evolve(step, changes=(*step.changes, *more))


class TellsByTheOrderOfLegal(Blind):
    def legal(self, state: State, seat: int) -> tuple[Lay, ...]:
        legal = super().legal(state, seat)
        return legal[::-1] if aces_of_others(state, seat) else legal


class TellsByTheClock(Blind):
    """The clock starts anew, or goes on, by what is hidden."""

    def turn(self, state: State) -> int:
        return state.turns // (8 if aces_of_others(state, None) else 1)


class TellsByAForcedAction(Blind):
    def forced(self, state: State) -> tuple[ForcedAction, ...]:
        if state.outcome is not None:
            return ()
        return (ForcedAction(state.turn, "lay", f"{aces_of_others(state, state.turn)} aces are out"),)


class CountsInTheView(HighCard):
    """The length of a list in the view follows from the hands of others."""

    def view(self, state: State, seat: int | None) -> JsonObject:
        return super().view(state, seat) | {"backs": ["?"] * aces_of_others(state, seat)}


class DrawsInTheOpen(CrazyEights):
    """What is drawn is told to all."""

    imagine = None  # type: ignore[assignment]

    def apply(self, state: Any, seat: int, action: Any, chance: Chance) -> Step[Any]:  # noqa: ANN401
        step = super().apply(state, seat, action, chance)
        return evolve(step, changes=tuple(Change(dict(change.seen_by(seat))) for change in step.changes))


class ShowsTheStock(CrazyEights):
    """The view shows in which order the stock lies."""

    imagine = None  # type: ignore[assignment]

    def view(self, state: Any, seat: int | None) -> JsonObject:  # noqa: ANN401
        return super().view(state, seat) | {"next": list(state.stock)}


class ShowsTheStockAndImagines(CrazyEights):
    def view(self, state: Any, seat: int | None) -> JsonObject:  # noqa: ANN401
        return super().view(state, seat) | {"next": state.stock[-1] if state.stock else None}


class ShowsEverything(Blind):
    def view(self, state: State, seat: int | None) -> JsonObject:
        return self.save(state) | {"rest": [PACK.index(card) for card in PACK]}


class ImaginesBadly(HighCard):
    def imagine(self, view: JsonObject, seat: int, chance: Chance) -> State:
        return evolve(super().imagine(view, seat, chance), table=())


class CannotImagine(HighCard):
    def imagine(self, view: JsonObject, seat: int, chance: Chance) -> State:
        raise LookupError("no idea")


# ---- no leaks


class Stud(Blind):
    """The first card of every hand lies open: what a player has in hand is shown to all, and is meant to be."""

    def view(self, state: State, seat: int | None) -> JsonObject:
        return super().view(state, seat) | {"up": [hand[0] if hand else None for hand in state.hands]}


class RollsDice(Blind):
    """A die is rolled where everybody can see it, and leaves no trace."""

    def apply(self, state: State, seat: int, action: Lay, chance: Chance) -> Step[State]:
        step = super().apply(state, seat, action, chance)
        return evolve(step, changes=(*step.changes, Change({"type": "rolled", "pips": chance.below(6) + 1})))


class Whispers(Blind):
    """A change tells one seat something of its own that no view has."""

    def apply(self, state: State, seat: int, action: Lay, chance: Chance) -> Step[State]:
        step = super().apply(state, seat, action, chance)
        whisper = Change({"type": "whisper"}, {seat: {"type": "whisper", "omen": chance.below(100)}})
        return evolve(step, changes=(*step.changes, whisper))
