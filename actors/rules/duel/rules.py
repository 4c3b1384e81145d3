"""Duel as the table knows it: the Rules protocol on top of the moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from actors.rules.duel import actions, moves
from actors.rules.duel.actions import Choose, ChooseActive, Promote
from actors.rules.duel.appraisal import appraise
from actors.rules.duel.bout import Bout
from actors.rules.duel.cards import is_a
from actors.rules.duel.checks import in_turn
from actors.rules.duel.choices import choice_due
from actors.rules.duel.decks import OPTIONS_SCHEMA, Options
from actors.rules.duel.effects import What
from actors.rules.duel.imagining import imagine
from actors.rules.duel.opening import choose_active, deal, yet_to_choose
from actors.rules.duel.state import Stage, State
from actors.rules.duel.turns import settle
from actors.rules.duel.view import view
from actors.rules.interface import ForcedAction, IllegalAction
from actors.rules.saving import StateCodec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.rules.chance import Chance
    from actors.rules.duel.actions import Action
    from actors.rules.interface import JsonObject, Outcome, Step

_CODEC: Final = StateCodec(State)
_PLAYERS: Final = 2


class Duel:
    """The Rules of Duel; it holds nothing."""

    name: Final = "duel"
    version: Final = "1"
    title: Final = "Duel"
    min_players: Final = _PLAYERS
    max_players: Final = _PLAYERS
    end_in_draw: Final = None
    reveals: Final = ("$.changes[found].card",)

    @property
    def options_schema(self) -> JsonObject:
        """JSON Schema of the options, with a default for each."""
        return OPTIONS_SCHEMA

    def set_up(self, players: int, options: JsonObject, chance: Chance) -> State:
        """The dealt position. Raises ValueError for a number of players that the game does not have."""
        if players != _PLAYERS:
            raise ValueError(f"Duel has {_PLAYERS} players, not {players}")
        return deal(Options(**options), chance)

    def parse(self, action: JsonObject) -> Action:
        """The action of this JSON object. Raises MalformedAction."""
        return actions.parse(action)

    def dump(self, action: Action) -> JsonObject:
        """The JSON object of this action."""
        return actions.dump(action)

    def legal(self, state: State, seat: int) -> Sequence[Action]:
        """Every action this seat may take now, each different one once."""
        if seat not in self.to_act(state):
            return ()
        side = state.sides[seat]
        if state.stage is Stage.OPENING:
            return tuple(ChooseActive(card) for card in dict.fromkeys(side.hand) if is_a(card, What.BASIC))
        if (due := choice_due(state)) is not None:
            return due.actions
        if state.promoting() is not None:
            return tuple(Promote(spot) for spot in side.spots())
        return in_turn(state)

    def apply(self, state: State, seat: int, action: Action, chance: Chance) -> Step[State]:
        """Takes an action. Raises IllegalAction."""
        if state.outcome is not None:
            raise IllegalAction("the game is over")
        if seat not in self.to_act(state):
            raise IllegalAction("it is not for you to act now")
        bout = Bout(state, chance)
        match action:
            case ChooseActive(card=card) if state.stage is Stage.OPENING:
                choose_active(bout, seat, card)
            case Promote(spot=spot) if state.promoting() is not None:
                moves.promote(bout, seat, spot)
            case Choose() if choice_due(state) is not None:
                moves.choose(bout, seat, action)
            case _ if self.forced(state):
                raise IllegalAction("something else is due first")
            case _:
                moves.move(bout, action)
        return self._settled(bout, state)

    def resign(self, state: State, seat: int, chance: Chance) -> Step[State]:
        """That seat gives up, in or out of turn. Raises IllegalAction when the game is over."""
        bout = Bout(state, chance)
        moves.resign(bout, seat)
        return bout.step()

    def view(self, state: State, seat: int | None) -> JsonObject:
        """What that seat, or with None a spectator, may see."""
        return view(state, seat)

    def appraise(self, state: State, seat: int) -> float:
        """How well that seat stands: -1 lost, 1 won."""
        return appraise(state, seat)

    def imagine(self, view: JsonObject, seat: int, chance: Chance) -> State:
        """A position at random in which that seat sees this. Raises ValueError when the game is over."""
        return imagine(view, seat, chance)

    def current(self, state: State) -> int | None:
        """Whose turn it is, also while the other one owes something; None in the opening, and once the game is over."""
        return None if state.stage is Stage.OPENING or state.outcome is not None else state.turn

    def to_act(self, state: State) -> tuple[int, ...]:
        """Both, in the opening, until they have chosen; then whoever owes something, else the one whose turn it is."""
        if state.outcome is not None:
            return ()
        if state.stage is Stage.OPENING:
            return yet_to_choose(state)
        if (due := choice_due(state)) is not None:
            return (due.seat,)
        promoting = state.promoting()
        return (state.turn,) if promoting is None else (promoting,)

    def forced(self, state: State) -> tuple[ForcedAction, ...]:
        """The first active creatures, what an effect asks for, the promotion after a knock-out."""
        if state.outcome is not None:
            return ()
        if state.stage is Stage.OPENING:
            return tuple(self._due(state, seat, "choose your first active creature") for seat in yet_to_choose(state))
        if (due := choice_due(state)) is not None:
            side = {} if due.side is None else {"side": due.side}
            return (self._due(state, due.seat, due.reason, **side),)
        if (seat := state.promoting()) is not None:
            return (self._due(state, seat, "your active creature was knocked out"),)
        return ()

    def _due(self, state: State, seat: int, reason: str, **params: int) -> ForcedAction:
        choices = self.legal(state, seat)
        return ForcedAction(seat, choices[0].type, reason, {**params, "choices": [self.dump(one) for one in choices]})

    def turn(self, state: State) -> int:
        """Counts turns, and what is owed within them; the opening is one for both."""
        return state.clock

    def time_out(self, state: State, seats: tuple[int, ...], chance: Chance) -> Step[State]:
        """What is owed is chosen for the dawdler; where nothing is, their turn ends."""
        bout = Bout(state, chance)
        moves.time_out(bout, seats)
        return self._settled(bout, state)

    def _settled(self, bout: Bout, before: State) -> Step[State]:
        settle(bout)
        state = bout.state
        anew = state.number != before.number or bool(self.forced(state) or self.forced(before))
        if anew and state.stage is not Stage.OPENING:
            bout.state = evolve(state, clock=before.clock + 1)
        return bout.step()

    def save(self, state: State) -> JsonObject:
        """The position as JSON, hands and decks included."""
        return _CODEC.save(state)

    def restore(self, saved: JsonObject) -> State:
        """The position that was saved."""
        return _CODEC.restore(saved)

    def has_resigned(self, state: State, seat: int) -> bool:
        """Whether that seat has resigned."""
        return state.resigned == seat

    def outcome(self, state: State) -> Outcome | None:
        """How the game ended, or None while it runs."""
        return state.outcome
