"""What a viewer may see of a position."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from actors.rules.duel.choices import choice_due
from actors.rules.duel.effects import Look
from actors.rules.duel.state import Stage

if TYPE_CHECKING:
    from actors.rules.duel.state import InPlay, Side, State
    from actors.rules.interface import JsonObject


def view(state: State, seat: int | None) -> JsonObject:
    """The position as that seat may know it; None is a spectator, who has no hand.

    Everything in play and every discard pile lies open. Of hands and decks all see how many cards there are, and each
    player the cards of their own hand; the order of a deck is nobody's to know. It stays so after the end.
    """
    now = state.resolving
    seen: JsonObject = {
        "phase": phase(state),
        "stage": state.stage.value,
        "turn": None if state.stage is Stage.OPENING or state.outcome is not None else state.turn,
        "first": state.turn if state.number % 2 or not state.number else 1 - state.turn,
        "number": state.number,
        "points_to_win": state.points_to_win,
        "attached": state.attached,
        "retreated": state.retreated,
        "planned": state.planned,
        "resolving": None if now is None else now.attack or now.card,
        "effect": None if now is None else now.at,
        "choices_left": None if now is None else now.left,
        "sides": [_side(state, one) for one in (0, 1)],
    }
    if seat is not None:
        seen["hand"] = list(state.sides[seat].hand)
        seen["chosen"] = state.sides[seat].chosen
        seen["looked_at"] = _looked_at(state, seat)
    return seen


def phase(state: State) -> str:
    """What the game waits for."""
    if state.outcome is not None:
        return "over"
    if state.stage is Stage.OPENING:
        return "opening"
    if choice_due(state) is not None:
        return "choice"
    return "promotion" if state.promoting() is not None else "main"


def _looked_at(state: State, seat: int) -> list[str] | None:
    """The cards of its deck that this seat looks at, in an order that tells nothing of theirs."""
    now = state.resolving
    if now is None or now.seat != seat or not now.left or not isinstance(now.effect, Look):
        return None
    return sorted(state.sides[seat].deck[-now.effect.count :])


def _side(state: State, seat: int) -> JsonObject:
    side = state.sides[seat]
    return {
        "seat": seat,
        "points": side.points,
        "hand": len(side.hand),
        "deck": len(side.deck),
        "discard": dict(sorted(Counter(side.discard).items())),
        "ready": side.chosen is not None or side.active is not None or state.stage is not Stage.OPENING,
        "active": None if side.active is None else _creature(state, side.active),
        "bench": [_creature(state, there) for there in side.bench],
        "deck_list": side.deck_list or _list_of(side),
        "hands_shown": [list(hand) for hand in side.hands_shown],
        "resigned": state.resigned == seat,
    }


def _creature(state: State, there: InPlay) -> JsonObject:
    return {
        "card": there.stages[-1],
        "under": list(there.stages[:-1]),
        "hp": there.card.hp,
        "damage": there.damage,
        "energies": list(there.energies),
        "conditions": sorted(condition.value for condition in there.conditions),
        "guard": there.guard,
        "held": there.held_turn >= max(state.number, 1),
        "new": there.since == state.number and state.number > 0,
    }


def _list_of(side: Side) -> JsonObject:
    """All forty cards of the deck, wherever they are; the lists lie open from the beginning."""
    in_play = (card for there in side.in_play for card in there.cards)
    chosen = () if side.chosen is None else (side.chosen,)
    cards = Counter((*side.deck, *side.hand, *side.discard, *chosen, *in_play))
    return dict(sorted(cards.items()))
