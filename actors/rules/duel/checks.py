"""What the player whose turn it is may do, and why not. `legal` and `apply` both ask here, so they agree."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from actors.rules.duel.actions import Attach, Bench, EndTurn, Evolve, Play, Retreat, Strike
from actors.rules.duel.cards import CARDS, ActionCard, CreatureCard, is_a, name_of
from actors.rules.duel.effects import Condition, What
from actors.rules.duel.resolving import can_begin
from actors.rules.duel.state import BENCH, attack_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors.rules.duel.actions import Action
    from actors.rules.duel.state import Side, State


def in_turn(state: State) -> list[Action]:
    """Every action that the player whose turn it is may take, when nobody owes a choice. Each different one once."""
    return [action for action in _conceivable(state) if why_not(state, action) is None]


def _conceivable(state: State) -> Iterator[Action]:
    """All that this hand and these creatures could be used for; what rules it out is `why_not`'s to say."""
    side = state.sides[state.turn]
    hand = tuple(dict.fromkeys(side.hand))
    yield from (Bench(card) for card in hand if is_a(card, What.BASIC))
    yield from (Evolve(card, spot) for card in hand if is_a(card, What.EVOLUTION) for spot in side.spots())
    yield from (Attach(card, spot) for card in hand if is_a(card, What.ENERGY) for spot in side.spots())
    yield from (Play(card) for card in hand if is_a(card, What.ACTION))
    yield from (Retreat(spot, pay) for spot in side.spots()[1:] for pay in _payments(side))
    yield from (Strike(attack.name) for attack in side.at(0).card.attacks)
    yield EndTurn()


def _payments(side: Side) -> tuple[tuple[str, ...], ...]:
    """Every different way to pay for the retreat of the active creature."""
    active = side.at(0)
    return tuple(dict.fromkeys(combinations(active.energies, active.card.retreat)))


def why_not(state: State, action: Action) -> str | None:
    """Why the player whose turn it is may not do this; None: they may. It tells them nothing that they cannot know."""
    match action:
        case Bench(card=card):
            return _why_no_bench(state, card)
        case Evolve(card=card, spot=spot):
            return _why_no_evolution(state, card, spot)
        case Attach(card=card, spot=spot):
            return _why_no_energy(state, card, spot)
        case Play(card=card):
            return _why_no_play(state, card)
        case Retreat(spot=spot, pay=pay):
            return _why_no_retreat(state, spot, pay)
        case Strike(attack=attack):
            return _why_no_attack(state, attack)
        case EndTurn():
            return None
        case _:
            return f"there is nothing to {action.type.replace('_', ' ')} now"


def _why_no_bench(state: State, card: str) -> str | None:
    side = state.sides[state.turn]
    if card not in side.hand:
        return f"{name_of(card)} is not in your hand"
    if not is_a(card, What.BASIC):
        return f"{name_of(card)} is no basic creature"
    if len(side.bench) == BENCH:
        return "your bench is full"
    return None


def _why_no_evolution(state: State, card: str, spot: int) -> str | None:
    side = state.sides[state.turn]
    if card not in side.hand:
        return f"{name_of(card)} is not in your hand"
    if spot not in side.spots():
        return "you have no creature on that spot"
    there, upper = side.at(spot), CARDS[card]
    if not isinstance(upper, CreatureCard) or upper.evolves_from != there.stages[-1]:
        return f"{name_of(card)} does not evolve from {there.card.name}"
    if state.number <= 2:
        return "nothing evolves in a player's first turn"
    if there.since == state.number:
        return f"{there.card.name} came into play in this turn"
    return None


def _why_no_energy(state: State, card: str, spot: int) -> str | None:
    side = state.sides[state.turn]
    if card not in side.hand:
        return f"{name_of(card)} is not in your hand"
    if not is_a(card, What.ENERGY):
        return f"{name_of(card)} is no energy"
    if spot not in side.spots():
        return "you have no creature on that spot"
    if state.attached:
        return "you have attached an energy in this turn"
    return None


def _why_no_play(state: State, card: str) -> str | None:
    played = CARDS[card]
    if card not in state.sides[state.turn].hand:
        return f"{name_of(card)} is not in your hand"
    if not isinstance(played, ActionCard):
        return f"{name_of(card)} is no action card"
    if played.kind == "plan" and state.planned:
        return "you have played a plan in this turn"
    if not can_begin(state, state.turn, played.effects[0], card):
        return f"{name_of(card)} could do nothing now"
    return None


def _why_no_retreat(state: State, spot: int, pay: tuple[str, ...]) -> str | None:
    side = state.sides[state.turn]
    active = side.at(0)
    if spot not in side.spots()[1:]:
        return "you have no creature on that spot of your bench"
    if state.retreated:
        return "you have retreated in this turn"
    if Condition.ASLEEP in active.conditions:
        return f"{active.card.name} is asleep"
    if active.held_turn == state.number:
        return f"{active.card.name} is held"
    if len(pay) != active.card.retreat:
        return f"{active.card.name} pays {active.card.retreat} energies for its retreat"
    if any(pay.count(energy) > active.energies.count(energy) for energy in pay):
        return f"{active.card.name} does not have these energies"
    return None


def _why_no_attack(state: State, name: str) -> str | None:
    active = state.sides[state.turn].at(0)
    try:
        attack = attack_of(active.card, name)
    except LookupError:
        return f"{active.card.name} has no such attack"
    if state.number == 1:
        return "nobody attacks in the first turn of the game"
    if Condition.ASLEEP in active.conditions:
        return f"{active.card.name} is asleep"
    if not active.pays(attack.cost):
        return f"{active.card.name} does not have the energies for {attack.name}"
    return None
