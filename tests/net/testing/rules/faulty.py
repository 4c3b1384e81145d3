"""High Card, each time with one fault of those that authors make."""

from __future__ import annotations

import random  # noqa: TID251 - that is the fault
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from attrs import evolve

from actors.rules.interface import Change, ForcedAction, Outcome, Step
from actors.rules.validation import BadOptions
from net.new_game.template.high_card.rules import HighCard, Lay

if TYPE_CHECKING:
    from actors.rules.chance import Chance
    from actors.rules.interface import JsonObject
    from net.new_game.template.high_card.rules import State

# ---- faults that check_rules finds


class ChangesOptions(HighCard):
    def set_up(self, players: int, options: JsonObject, chance: Chance) -> State:
        options.setdefault("cards", 5)
        options["dealt"] = True
        return super().set_up(players, options, chance)


class IgnoresDefaults(HighCard):
    def set_up(self, players: int, options: JsonObject, chance: Chance) -> State:
        return super().set_up(players, options or {"cards": 2}, chance)


class AskewOptions(HighCard):
    """With the most cards that the schema allows it cannot deal."""

    def set_up(self, players: int, options: JsonObject, chance: Chance) -> State:
        assert options.get("cards", 5) < 13, "thirteen is unlucky"
        return super().set_up(players, options, chance)


class Picky(HighCard):
    """No fault: rules may say that options do not go together."""

    def set_up(self, players: int, options: JsonObject, chance: Chance) -> State:
        if options.get("cards", 5) == 13:
            raise BadOptions("cards", "not so many today")
        return super().set_up(players, options, chance)


class UsesRandom(HighCard):
    def set_up(self, players: int, options: JsonObject, chance: Chance) -> State:
        state = super().set_up(players, options, chance)
        return evolve(state, turn=random.randrange(players))


class SeedsRandom(HighCard):
    """The same every time, and yet not the game's own chance."""

    def time_out(self, state: State, seats: tuple[int, ...], chance: Chance) -> Step[State]:
        random.Random(4)
        return super().time_out(state, seats, chance)


class ReadsTheClock(HighCard):
    def apply(self, state: State, seat: int, action: Lay, chance: Chance) -> Step[State]:
        return evolve(super().apply(state, seat, action, chance), message=f"{time.time():.0f}"[:2])  # noqa: TID251


class Counts(HighCard):
    """Keeps something between calls."""

    def __init__(self) -> None:
        self.calls = 0

    def apply(self, state: State, seat: int, action: Lay, chance: Chance) -> Step[State]:
        self.calls += 1
        step = super().apply(state, seat, action, chance)
        return evolve(step, message=f"{self.calls}")


class Remembers(HighCard):
    """What was seen in one game shows in the next; a call made twice gives the same."""

    def __init__(self) -> None:
        self.known: dict[bytes, int] = {}

    def set_up(self, players: int, options: JsonObject, chance: Chance) -> State:
        state = super().set_up(players, options, chance)
        number = self.known.setdefault(repr(state.hands).encode(), 0)
        return evolve(state, turn=number % players)

    def outcome(self, state: State) -> Outcome | None:
        if state.outcome is not None:
            self.known = dict.fromkeys(self.known, 1)
        return state.outcome


class GoesByHash(HighCard):
    """The cards lie in another order in another process."""

    def set_up(self, players: int, options: JsonObject, chance: Chance) -> State:
        state = super().set_up(players, options, chance)
        return evolve(state, hands=tuple(tuple(set(hand)) for hand in state.hands))


class Mutates(HighCard):
    def apply(self, state: State, seat: int, action: Lay, chance: Chance) -> Step[State]:
        step = super().apply(state, seat, action, chance)
        object.__setattr__(state, "table", ((seat, action.card),))
        return step


class MutatesInItsView(HighCard):
    def view(self, state: State, seat: int | None) -> JsonObject:
        object.__setattr__(state, "turns", state.turns + 1)
        return super().view(state, seat)


class RaisesInViews(HighCard):
    """A spectator cannot look at a table on which there are two cards."""

    def view(self, state: State, seat: int | None) -> JsonObject:
        if seat is None and len(state.table) == 1:
            raise KeyError("nobody")
        return super().view(state, seat)


class RaisesInTheMiddle(HighCard):
    def apply(self, state: State, seat: int, action: Lay, chance: Chance) -> Step[State]:
        if len(state.open) >= 4:
            raise ZeroDivisionError("four cards")
        return super().apply(state, seat, action, chance)


class RefusesWithKeyError(HighCard):
    def apply(self, state: State, seat: int, action: Lay, chance: Chance) -> Step[State]:
        dict.fromkeys(state.hands[seat], True)[action.card]
        return super().apply(state, seat, action, chance)


class ParsesAnything(HighCard):
    def parse(self, action: JsonObject) -> Lay:
        return Lay(action["card"])


class ShowsASet(HighCard):
    def view(self, state: State, seat: int | None) -> JsonObject:
        return super().view(state, seat) | {"gone": set(state.gone)}


class ShowsNotANumber(HighCard):
    def apply(self, state: State, seat: int, action: Lay, chance: Chance) -> Step[State]:
        step = super().apply(state, seat, action, chance)
        return evolve(step, changes=(*step.changes, Change({"type": "odds", "odds": float("nan")})))


class ShowsNumberedFields(HighCard):
    def view(self, state: State, seat: int | None) -> JsonObject:
        fields: dict[Any, Any] = {0: "first"}
        return super().view(state, seat) | fields


class ListsTooMuch(HighCard):
    """Lists a card that is not in the hand."""

    def legal(self, state: State, seat: int) -> tuple[Lay, ...]:
        legal = super().legal(state, seat)
        return (*legal, Lay(state.table[0][1])) if legal and state.table else legal


class ListsTooLittle(HighCard):
    def legal(self, state: State, seat: int) -> tuple[Lay, ...]:
        legal = super().legal(state, seat)
        return legal[1:] if len(legal) > 3 else legal


class ListsNothing(HighCard):
    def legal(self, state: State, seat: int) -> tuple[Lay, ...]:
        return () if len(state.hands[seat]) == 1 else super().legal(state, seat)


class ListsOutOfTurn(HighCard):
    def legal(self, state: State, seat: int) -> tuple[Lay, ...]:
        return tuple(Lay(card) for card in state.hands[seat])


class ForcesWhatIsNotLegal(HighCard):
    def forced(self, state: State) -> tuple[ForcedAction, ...]:
        return (ForcedAction(state.turn, "bow", "manners"),) if len(state.open) == 4 and not state.outcome else ()


class ForcesAnother(HighCard):
    def forced(self, state: State) -> tuple[ForcedAction, ...]:
        return (ForcedAction((state.turn + 1) % 2, "lay", "now"),) if len(state.open) == 4 and not state.outcome else ()


class WaitsForNobody(HighCard):
    def to_act(self, state: State) -> tuple[int, ...]:
        return () if len(state.open) >= 4 else super().to_act(state)


class WaitsAfterTheEnd(HighCard):
    def to_act(self, state: State) -> tuple[int, ...]:
        return (state.turn,)


class WaitsForWhoIsGone(HighCard):
    def has_resigned(self, state: State, seat: int) -> bool:
        return seat == 1 and len(state.open) > 1


class ForgetsWhoResigned(HighCard):
    def has_resigned(self, state: State, seat: int) -> bool:
        return False


class ResignsForNothing(HighCard):
    """The last one left plays on alone."""

    def resign(self, state: State, seat: int, chance: Chance) -> Step[State]:
        step = super().resign(state, seat, chance)
        return evolve(step, state=evolve(step.state, outcome=None, turn=(seat + 1) % len(state.hands)))


class TurnIsTheSeat(HighCard):
    def turn(self, state: State) -> int:
        return 0


class TimeStandsStill(HighCard):
    def time_out(self, state: State, seats: tuple[int, ...], chance: Chance) -> Step[State]:
        return Step(state, (Change({"type": "timed_out"}),))


class DrawsWithAWinner(HighCard):
    def end_in_draw(self, state: State, chance: Chance) -> Step[State]:  # type: ignore[override]
        return Step(evolve(state, outcome=Outcome(0, (0.0,) * len(state.hands), "drawn")))


class ScoresForTwo(HighCard):
    def outcome(self, state: State) -> Outcome | None:
        return None if state.outcome is None else evolve(state.outcome, scores=(1.0, 0.0, 0.0, 0.0, 0.0))


class NeverEnds(HighCard):
    """The deal is dealt again."""

    def apply(self, state: State, seat: int, action: Lay, chance: Chance) -> Step[State]:
        step = super().apply(state, seat, action, chance)
        return step if step.state.outcome is None else Step(self.set_up(len(state.hands), {}, chance))


class SavesHalf(HighCard):
    def save(self, state: State) -> JsonObject:
        return super().save(evolve(state, table=()))


class SavesATuple(HighCard):
    def save(self, state: State) -> JsonObject:
        return super().save(state) | {"hands": {"of": object()}}


class DumpsHalf(HighCard):
    def dump(self, action: Lay) -> JsonObject:
        return {"type": action.type, "card": "AS"}


class PrivateToNobody(HighCard):
    def apply(self, state: State, seat: int, action: Lay, chance: Chance) -> Step[State]:
        step = super().apply(state, seat, action, chance)
        return evolve(step, changes=(*step.changes, Change({"type": "x"}, {9: {"type": "x"}})))


@cache
def _cached() -> int:
    return 1


class Caches(HighCard):
    """No fault: what is remembered changes nothing."""

    def turn(self, state: State) -> int:
        return state.turns * _cached()
