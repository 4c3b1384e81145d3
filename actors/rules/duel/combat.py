"""An attack: confusion and faltering, then its damage, then its effects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from actors.rules.duel.effects import Bonus, Condition, Falter
from actors.rules.duel.state import CONFUSION, WEAKNESS, Resolving, Stage, attack_of

if TYPE_CHECKING:
    from actors.rules.duel.bout import Bout
    from actors.rules.duel.cards import Attack


def strike(bout: Bout, seat: int, name: str) -> None:
    """The active creature attacks, which it is known to be able to. The turn is over when its effects are done."""
    active = bout.side(seat).at(0)
    attack = attack_of(active.card, name)
    bout.state = evolve(bout.state, stage=Stage.CHECKUP)
    bout.tell("attacked", seat, card=active.card.id, attack=attack.name)
    bout.message = f"{active.card.name} used {attack.name}."
    if Condition.CONFUSED in active.conditions and not bout.flip(seat, "confusion"):
        bout.hurt(seat, 0, CONFUSION)
        return
    if any(isinstance(effect, Falter) for effect in attack.effects) and not bout.flip(seat, attack.name):
        return
    damage = attack.damage + sum(_bonus(bout, seat, attack, effect) for effect in attack.effects)
    if damage:
        _hit(bout, seat, damage)
    bout.state = evolve(bout.state, resolving=Resolving(seat, active.card.id, attack.name))


def _hit(bout: Bout, seat: int, damage: int) -> None:
    attacker, target = bout.side(seat).at(0), bout.side(1 - seat).at(0)
    if target.card.weakness is attacker.card.element:
        damage += WEAKNESS
    if target.guard_turn == bout.state.number:
        damage -= target.guard
    if damage > 0:
        bout.hurt(1 - seat, 0, damage)


def _bonus(bout: Bout, seat: int, attack: Attack, effect: object) -> int:
    if not isinstance(effect, Bonus) or (effect.coin and not bout.flip(seat, attack.name)):
        return 0
    return effect.amount * _times(bout, seat, attack, effect)


def _times(bout: Bout, seat: int, attack: Attack, effect: Bonus) -> int:
    own, target = bout.side(seat), bout.side(1 - seat).at(0)
    match effect.per:
        case "once":
            return 1
        case "heads":
            return sum(bout.flip(seat, attack.name) for _ in range(effect.coins))
        case "own_energy":
            return len(own.at(0).energies)
        case "opponent_energy":
            return len(target.energies)
        case "own_damage":
            return own.at(0).damage // 10
        case "opponent_damage":
            return target.damage // 10
        case "own_bench":
            return len(own.bench)
