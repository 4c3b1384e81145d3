"""Two players of Duel, for tests: one that picks at random, and one that takes whatever is good at first sight. Both
know no more than what they are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from actors.rules.chance import Chance, key_of
from actors.rules.duel import Duel
from actors.rules.duel.actions import (
    Attach,
    Bench,
    Choose,
    ChooseActive,
    EndTurn,
    Evolve,
    Play,
    Promote,
    Retreat,
    Strike,
)
from actors.rules.duel.cards import creature
from actors.rules.duel.state import WEAKNESS, attack_of

if TYPE_CHECKING:
    from actors.rules.duel.actions import Action
    from actors.rules.duel.state import InPlay, State
    from actors.rules.interface import JsonObject

Player = Callable[["State", int, Sequence["Action"], Chance], "Action"]

RULES = Duel()


def at_random(state: State, seat: int, legal: Sequence[Action], pick: Chance) -> Action:
    """Any of them."""
    return pick.choice(legal)


def greedy(state: State, seat: int, legal: Sequence[Action], pick: Chance) -> Action:
    """The one that looks best by itself; of several that look as good, any."""
    worths = [_worth(state, seat, action) for action in legal]
    best = max(worths)
    return pick.choice([action for action, worth in zip(legal, worths, strict=True) if worth == best])


def play(options: JsonObject, players: tuple[Player, Player], seed: str) -> State:
    """Plays a game to its end, and gives its last position."""
    chance, pick = Chance(key_of(seed)), Chance(key_of(f"the players of {seed}"))
    state = RULES.set_up(2, options, chance)
    while to_act := RULES.to_act(state):
        seat = to_act[0]
        action = players[seat](state, seat, RULES.legal(state, seat), pick)
        state = RULES.apply(state, seat, action, chance).state
    return state


def _worth(state: State, seat: int, action: Action) -> float:
    own = state.sides[seat]
    match action:
        case ChooseActive(card=card):
            return creature(card).hp
        case Promote(spot=spot):
            return _strength(own.at(spot))
        case Choose(spot=spot) if spot is not None:
            side = state.sides[_side_of_choice(state)]
            return -_left(side.at(spot)) if _side_of_choice(state) != seat else _strength(side.at(spot))
        case Choose(card=card):
            return 0 if card is None else 1
        case Evolve():
            return 900
        case Bench():
            return 800
        case Attach(spot=spot):
            return 700 + _need(own.at(spot)) * 10 + (5 if spot == 0 else 0)
        case Play(card=card):
            return 300 if card in ("slow_leak", "lasso", "fresh_start") else 600
        case Retreat(spot=spot):
            return 200 if _damage(state, seat, own.at(0)) == 0 and _damage(state, seat, own.at(spot)) > 0 else -1
        case Strike(attack=attack):
            return 10 + _damage(state, seat, own.at(0), attack)
        case EndTurn():
            return 0


def _side_of_choice(state: State) -> int:
    (due,) = RULES.forced(state)
    side: int = due.params["side"]
    return side


def _left(there: InPlay) -> int:
    return there.card.hp - there.damage


def _strength(there: InPlay) -> float:
    return 40 * len(there.energies) + _left(there)


def _need(there: InPlay) -> int:
    """How many energies its dearest attack still wants."""
    return max(0, max(len(attack.cost) for attack in there.card.attacks) - len(there.energies))


def _damage(state: State, seat: int, there: InPlay, name: str | None = None) -> int:
    """What the attack of this name, or the best that is paid for, would do at least."""
    target = state.sides[1 - seat].active
    attacks = there.card.attacks if name is None else (attack_of(there.card, name),)
    weak = WEAKNESS if target is not None and target.card.weakness is there.card.element else 0
    return max(
        (attack.damage + (weak if attack.damage else 0) for attack in attacks if there.pays(attack.cost)), default=0
    )
