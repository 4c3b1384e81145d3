"""How well a player stands, for players who search. It is rough: what a strong player looks at first.

Everything is reckoned in damage: a point is worth as much as bringing down an ordinary creature takes.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Final

from actors.rules.duel.cards import creature
from actors.rules.duel.effects import Bonus, Condition, Falter, Hurt
from actors.rules.duel.state import WEAKNESS

if TYPE_CHECKING:
    from actors.rules.duel.cards import Attack
    from actors.rules.duel.state import InPlay, Side, State

_POINT: Final = 110.0
_ENERGY: Final = 16.0
_PRESENCE: Final = 14.0
_ALONE: Final = 45.0
_CARD: Final = 5.0
_MOST_CARDS: Final = 8
_NEAR: Final = 45.0
_SCALE: Final = 190.0
_BURDENS: Final = {Condition.ASLEEP: 22.0, Condition.CONFUSED: 18.0, Condition.POISONED: 14.0}
_LAST_CARDS: Final = 5


def appraise(state: State, seat: int) -> float:
    """From -1, lost, to 1, won."""
    if state.outcome is not None:
        return {seat: 1.0, None: 0.0}.get(state.outcome.winner, -1.0)
    own, theirs = state.sides[seat], state.sides[1 - seat]
    ahead = _standing(own, theirs, state.points_to_win) - _standing(theirs, own, state.points_to_win)
    return math.tanh(ahead / _SCALE)


def _standing(side: Side, foe: Side, points_to_win: int) -> float:
    in_play = side.in_play
    worth = _POINT * side.points * 4 / points_to_win
    worth += _CARD * min(len(side.hand), _MOST_CARDS)
    worth += sum(_creature(there) for there in in_play)
    if len(in_play) == 1:
        worth -= _ALONE
    if len(side.deck) < _LAST_CARDS:
        worth -= 12.0 * (_LAST_CARDS - len(side.deck))
    if side.active is not None:
        worth += _threat(side.active, foe) - sum(_BURDENS[one] for one in side.active.conditions)
        worth += 0.3 * side.active.guard
    return worth


def _creature(there: InPlay) -> float:
    """What it is worth to have it: that it is there, what it can still take, and what it can do, now or soon."""
    card = there.card
    wanted = max(len(attack.cost) for attack in card.attacks)
    useful = min(len(there.energies), wanted)
    spare = len(there.energies) - useful
    able = max((_damage(card.id, at) for at, one in enumerate(card.attacks) if there.pays(one.cost)), default=0.0)
    left = max(0, card.hp - there.damage)
    return _PRESENCE + 0.3 * left + _ENERGY * useful + 0.15 * _ENERGY * spare + 0.35 * able


def _threat(active: InPlay, foe: Side) -> float:
    """That it can strike now, and bring down what stands before it."""
    damage = max(
        (_damage(active.card.id, at) for at, one in enumerate(active.card.attacks) if active.pays(one.cost)),
        default=0.0,
    )
    target = foe.active
    if target is None or not damage:
        return 0.3 * damage
    if target.card.weakness is active.card.element:
        damage += WEAKNESS
    left = max(1, target.card.hp - target.damage)
    return 0.3 * damage + _NEAR * min(1.0, damage / left) * target.card.points


@cache
def _damage(card: str, at: int) -> float:
    """What this attack of the creature does on the average, about."""
    attack = creature(card).attacks[at]
    worth = attack.damage + sum(_adds(attack, number) for number in range(len(attack.effects)))
    return worth / 2 if any(isinstance(effect, Falter) for effect in attack.effects) else worth


def _adds(attack: Attack, number: int) -> float:
    effect = attack.effects[number]
    odds = 0.5 if effect.coin else 1.0
    match effect:
        case Bonus(amount=amount, per="heads", coins=coins):
            return amount * coins / 2
        case Bonus(amount=amount, per="once"):
            return amount * odds
        case Bonus(amount=amount):
            return amount * odds * 2
        case Hurt(amount=amount, whom="opponent" | "one_opponent" | "one_bench"):
            return amount * odds
        case Hurt(amount=amount, whom="each_bench"):
            return amount * odds * 2
        case Hurt(amount=amount, whom="self"):
            return -amount * odds / 2
        case _:
            return 5.0 * odds
