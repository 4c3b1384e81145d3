"""A position of Duel, and the questions one can ask of it.

Piles are tuples whose last card is the top. A *spot* is a place in play on one side: 0 is the active one, 1 to 5 the
bench, which closes up when a creature leaves it.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from actors.rules.duel.cards import CARDS, ActionCard, creature, energy
from actors.rules.duel.effects import Condition
from actors.rules.interface import Outcome

if TYPE_CHECKING:
    from actors.rules.duel.cards import Attack, Cost, CreatureCard
    from actors.rules.duel.effects import Effect

BENCH: Final = 5
"""The most creatures on a bench."""
WEAKNESS: Final = 20
"""How much more damage an attack does to a creature that is weak to the attacker's element."""
POISON: Final = 10
CONFUSION: Final = 30
"""What a confused creature does to itself when its coin shows tails."""


class Stage(enum.StrEnum):
    """What comes next when nobody owes a choice."""

    OPENING = "opening"
    MAIN = "main"
    CHECKUP = "checkup"
    NEXT_TURN = "next_turn"


@frozen
class InPlay:
    """A creature in play: the cards of it, the last of which is on top; its energies, sorted; what has befallen it.

    `since` is the turn in which it came into play or last evolved, 0 before the first. `guard` holds in the turn
    `guard_turn`, and in the turn `held_turn` it cannot retreat.
    """

    stages: tuple[str, ...]
    since: int = 0
    energies: tuple[str, ...] = ()
    damage: int = 0
    conditions: frozenset[Condition] = frozenset()
    guard: int = 0
    guard_turn: int = 0
    held_turn: int = 0

    @property
    def card(self) -> CreatureCard:
        """The top card."""
        return creature(self.stages[-1])

    @property
    def knocked_out(self) -> bool:
        """Whether it has as much damage as it has hit points."""
        return self.damage >= self.card.hp

    @property
    def cards(self) -> tuple[str, ...]:
        """All that goes to the discard pile with it."""
        return (*self.stages, *self.energies)

    def rested(self) -> InPlay:
        """The same without what leaving the active spot, or evolving, takes from it."""
        return evolve(self, conditions=frozenset(), guard=0, guard_turn=0, held_turn=0)

    def with_energies(self, energies: tuple[str, ...]) -> InPlay:
        """The same with these energies."""
        return evolve(self, energies=tuple(sorted(energies)))

    def pays(self, cost: tuple[Cost, ...]) -> bool:
        """Whether its energies are enough for this cost: each named one, and as many as there are in all."""
        held = [energy(one).element.value for one in self.energies]
        named = {one for one in cost if one != "any"}
        return len(held) >= len(cost) and all(held.count(one) >= cost.count(one) for one in named)


@frozen
class Side:
    """What one player has. `chosen` is the active creature that still lies face down; `hands_shown` are the hands
    without a basic creature that were shown and shuffled back; `deck_list` is the deck's name, if it is a ready one."""

    deck: tuple[str, ...]
    hand: tuple[str, ...] = ()
    discard: tuple[str, ...] = ()
    active: InPlay | None = None
    bench: tuple[InPlay, ...] = ()
    points: int = 0
    chosen: str | None = None
    hands_shown: tuple[tuple[str, ...], ...] = ()
    deck_list: str | None = None

    @property
    def in_play(self) -> tuple[InPlay, ...]:
        """The creatures, the active one first, if there is one."""
        return self.bench if self.active is None else (self.active, *self.bench)

    def spots(self) -> tuple[int, ...]:
        """The spots on which there is a creature."""
        return tuple(range(0 if self.active is not None else 1, len(self.bench) + 1))

    def at(self, spot: int) -> InPlay:
        """The creature on that spot. Raises LookupError when there is none."""
        if spot == 0 and self.active is not None:
            return self.active
        if not 1 <= spot <= len(self.bench):
            raise LookupError(spot)
        return self.bench[spot - 1]

    def put(self, spot: int, there: InPlay) -> Side:
        """The same with this creature on that spot, in place of the one there."""
        if spot == 0:
            return evolve(self, active=there)
        return evolve(self, bench=(*self.bench[: spot - 1], there, *self.bench[spot:]))

    def vacated(self, spot: int) -> Side:
        """The same with nothing on that spot; a bench closes up."""
        if spot == 0:
            return evolve(self, active=None)
        return evolve(self, bench=(*self.bench[: spot - 1], *self.bench[spot:]))

    def without(self, card: str) -> Side:
        """The same without one such card in the hand. Raises ValueError when there is none."""
        at = self.hand.index(card)
        return evolve(self, hand=(*self.hand[:at], *self.hand[at + 1 :]))

    def swapped(self, spot: int) -> Side:
        """The same with the active creature and the one on that spot of the bench in each other's place."""
        assert self.active is not None
        leaving, coming = self.active.rested(), self.at(spot)
        return evolve(self.put(spot, leaving), active=coming)


@frozen
class Resolving:
    """A card or an attack that is being done: whose, which of its effects, and how many choices that still has.

    `left` is None before the effect has begun.
    """

    seat: int
    card: str
    attack: str | None = None
    at: int = 0
    left: int | None = None

    @property
    def effects(self) -> tuple[Effect, ...]:
        """All that is to be done, in order."""
        if self.attack is not None:
            return attack_of(creature(self.card), self.attack).effects
        played = CARDS[self.card]
        assert isinstance(played, ActionCard)
        return played.effects

    @property
    def effect(self) -> Effect:
        """The one that is being done."""
        return self.effects[self.at]


@frozen
class State:
    """A position. `turn` is the seat whose turn it is; `number` counts turns from 1, and is 0 in the opening.

    `attached`, `retreated` and `planned` say what was done of that which may be done once a turn. `clock` counts how
    often the turn clock has started.
    """

    sides: tuple[Side, Side]
    turn: int
    points_to_win: int
    stage: Stage = Stage.OPENING
    number: int = 0
    attached: bool = False
    retreated: bool = False
    planned: bool = False
    resolving: Resolving | None = None
    clock: int = 0
    resigned: int | None = None
    outcome: Outcome | None = None

    def with_side(self, seat: int, side: Side) -> State:
        """The same with this side."""
        return evolve(self, sides=(side, self.sides[1]) if seat == 0 else (self.sides[0], side))

    def promoting(self) -> int | None:
        """The seat that must promote a creature; of two, the one whose turn it is."""
        if self.outcome is not None or self.stage is Stage.OPENING or self.resolving is not None:
            return None
        empty = [seat for seat in (self.turn, 1 - self.turn) if self.sides[seat].active is None]
        return empty[0] if empty else None


def attack_of(card: CreatureCard, name: str) -> Attack:
    """The creature's attack of this name. Raises LookupError when it has none."""
    for attack in card.attacks:
        if attack.name == name:
            return attack
    raise LookupError(name)
