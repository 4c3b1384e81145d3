"""Crazy Eights as the table knows it: the Rules protocol on top of the moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actors.rules.cards import Suit
from actors.rules.crazy_eights import actions, moves
from actors.rules.crazy_eights.actions import ChooseSuit, Draw, Pass, Play
from actors.rules.crazy_eights.appraisal import appraise
from actors.rules.crazy_eights.imagining import imagine
from actors.rules.crazy_eights.state import (
    MAX_PLAYERS,
    MIN_PLAYERS,
    OPTIONS_SCHEMA,
    Options,
    State,
    fits,
    may_draw,
    may_pass,
)
from actors.rules.crazy_eights.view import first_view, view
from actors.rules.interface import ForcedAction, IllegalAction
from actors.rules.saving import StateCodec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.rules.chance import Chance
    from actors.rules.crazy_eights.actions import Action
    from actors.rules.interface import JsonObject, Outcome, Step

_CHOICES: Final = tuple(ChooseSuit(suit) for suit in Suit)
_CODEC: Final = StateCodec(State)


class FirstCrazyEights:
    """The Rules of Crazy Eights in their first version, which unfinished games may need. It holds nothing, as does the
    next one."""

    name: Final = "crazy_eights"
    version = "1"
    title: Final = "Crazy Eights"
    min_players: Final = MIN_PLAYERS
    max_players: Final = MAX_PLAYERS
    end_in_draw: Final = None

    @property
    def options_schema(self) -> JsonObject:
        """JSON Schema of the options, with a default for each."""
        return OPTIONS_SCHEMA

    def set_up(self, players: int, options: JsonObject, chance: Chance) -> State:
        """The dealt position."""
        return moves.deal(players, Options(**options), chance)

    def parse(self, action: JsonObject) -> Action:
        """The action of this JSON object. Raises MalformedAction."""
        return actions.parse(action)

    def dump(self, action: Action) -> JsonObject:
        """The JSON object of this action."""
        return actions.dump(action)

    def legal(self, state: State, seat: int) -> Sequence[Action]:
        """Every action this seat may take now: the cards that fit, in the order of the hand; draw; pass."""
        if state.outcome is not None or seat != state.turn:
            return ()
        if state.choosing:
            return _CHOICES
        legal: list[Action] = [Play(card) for card in state.hands[seat] if fits(state, card)]
        if may_draw(state):
            legal.append(Draw())
        if may_pass(state):
            legal.append(Pass())
        return legal

    def apply(self, state: State, seat: int, action: Action, chance: Chance) -> Step[State]:
        """Takes an action. Raises IllegalAction."""
        if state.outcome is not None:
            raise IllegalAction("the game is over")
        if seat != state.turn:
            raise IllegalAction("it is not your turn")
        match action:
            case Play(card=card):
                return moves.play(state, card, chance)
            case Draw():
                return moves.draw(state, chance)
            case Pass():
                return moves.pass_(state)
            case ChooseSuit(suit=suit):
                return moves.choose_suit(state, suit)

    def resign(self, state: State, seat: int, chance: Chance) -> Step[State]:
        """That seat gives up, in or out of turn. Raises IllegalAction if it has left or the game is over."""
        return moves.resign(state, seat)

    def view(self, state: State, seat: int | None) -> JsonObject:
        """What that seat, or with None a spectator, may see."""
        return first_view(state, seat)

    def appraise(self, state: State, seat: int) -> float:
        """How well that seat stands: -1 lost, 1 won."""
        return appraise(state, seat)

    def current(self, state: State) -> int | None:
        """Whose turn it is; None once the game is over."""
        return None if state.outcome is not None else state.turn

    def to_act(self, state: State) -> tuple[int, ...]:
        """The seat whose turn it is."""
        return () if state.outcome is not None else (state.turn,)

    def forced(self, state: State) -> tuple[ForcedAction, ...]:
        """The choice of a suit that whoever played an eight owes."""
        if not state.choosing:
            return ()
        suits = {"suits": [suit.value for suit in Suit]}
        return (ForcedAction(state.turn, ChooseSuit.type, "an eight was played", suits),)

    def turn(self, state: State) -> int:
        """Counts turns, and the choices of a suit as turns of their own."""
        return state.turns

    def time_out(self, state: State, seats: tuple[int, ...], chance: Chance) -> Step[State]:
        """The least that the rules let the dawdler do, until their turn is over."""
        return moves.time_out(state, chance)

    def save(self, state: State) -> JsonObject:
        """The position as JSON, every hand and the stock included."""
        return _CODEC.save(state)

    def restore(self, saved: JsonObject) -> State:
        """The position that was saved."""
        return _CODEC.restore(saved)

    def has_resigned(self, state: State, seat: int) -> bool:
        """Whether that seat has resigned."""
        return state.resigned[seat]

    def outcome(self, state: State) -> Outcome | None:
        """How the game ended, or None while it runs."""
        return state.outcome


class CrazyEights(FirstCrazyEights):
    """The Rules of Crazy Eights. Since version 2 a view shows how many have passed in a row, where that matters, and
    the options that are not at their defaults: a player who sees no more than a view can tell from it what may come."""

    version = "2"

    def view(self, state: State, seat: int | None) -> JsonObject:
        """What that seat, or with None a spectator, may see."""
        return view(state, seat)

    def imagine(self, view: JsonObject, seat: int, chance: Chance) -> State:
        """A position at random in which that seat sees this. Raises ValueError when the game is over."""
        return imagine(view, seat, chance)
