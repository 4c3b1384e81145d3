"""A step while it is being made: the position so far, and what has happened.

It is the one place where a step is mutable, and it does not outlive it: `apply` makes one, hands it down, and takes
the position and the changes out of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, evolve, field

from actors.rules.chance import Chance
from actors.rules.duel.effects import Condition
from actors.rules.duel.state import State
from actors.rules.interface import Change, Step

if TYPE_CHECKING:
    from actors.rules.duel.state import InPlay, Side
    from actors.rules.interface import JsonObject


@define
class Bout:
    """A step in the making."""

    state: State
    chance: Chance
    changes: list[Change] = field(factory=list)
    message: str = ""

    def step(self) -> Step[State]:
        """What has become of it."""
        return Step(self.state, tuple(self.changes), self.message)

    def tell(self, kind: str, seat: int, **what: object) -> None:
        """Something happened, for all to see."""
        self.changes.append(Change({"type": kind, "seat": seat, **what}))

    def tell_one(self, kind: str, seat: int, hidden: JsonObject, **what: object) -> None:
        """Something happened of which that seat alone sees what is `hidden`; the others see null in its place."""
        public = {"type": kind, "seat": seat, **what}
        self.changes.append(Change(public | dict.fromkeys(hidden), {seat: public | hidden}))

    @property
    def over(self) -> bool:
        """Whether the game has ended."""
        return self.state.outcome is not None

    # ---- the sides

    def side(self, seat: int) -> Side:
        """What that seat has now."""
        return self.state.sides[seat]

    def set_side(self, seat: int, side: Side) -> None:
        """From now on that seat has this."""
        self.state = self.state.with_side(seat, side)

    def set_creature(self, seat: int, spot: int, there: InPlay) -> None:
        """From now on this is the creature on that spot."""
        self.set_side(seat, self.side(seat).put(spot, there))

    # ---- chance

    def flip(self, seat: int, why: str) -> bool:
        """That seat flips a coin; True is heads."""
        heads = self.chance.flip()
        self.tell("coin", seat, heads=heads, why=why)
        return heads

    def shuffle(self, seat: int) -> None:
        """Shuffles that seat's deck."""
        side = self.side(seat)
        self.set_side(seat, evolve(side, deck=self.chance.shuffled(side.deck)))

    # ---- cards

    def draw(self, seat: int, count: int) -> None:
        """That seat draws so many cards, or as many as there are; a change for each."""
        for _ in range(min(count, len(self.side(seat).deck))):
            side = self.side(seat)
            card = side.deck[-1]
            self.set_side(seat, evolve(side, deck=side.deck[:-1], hand=(*side.hand, card)))
            self.tell_one("drew", seat, {"card": card}, hand=len(side.hand) + 1, deck=len(side.deck) - 1)

    def throw_away(self, seat: int, card: str) -> None:
        """That seat discards a card of its hand."""
        side = self.side(seat).without(card)
        self.set_side(seat, evolve(side, discard=(*side.discard, card)))
        self.tell("discarded", seat, card=card)

    # ---- creatures

    def hurt(self, seat: int, spot: int, amount: int) -> None:
        """The creature on that spot takes so much damage. Whether it is knocked out is looked at later."""
        there = self.side(seat).at(spot)
        after = evolve(there, damage=there.damage + amount)
        self.set_creature(seat, spot, after)
        self.tell("damaged", seat, spot=spot, amount=amount, damage=after.damage)

    def heal(self, seat: int, spot: int, amount: int) -> None:
        """Takes so much damage from the creature on that spot, or as much as it has."""
        there = self.side(seat).at(spot)
        healed = min(amount, there.damage)
        if healed:
            self.set_creature(seat, spot, evolve(there, damage=there.damage - healed))
            self.tell("healed", seat, spot=spot, amount=healed, damage=there.damage - healed)

    def inflict(self, seat: int, condition: Condition) -> None:
        """The active creature of that seat is befallen by this. Sleep and confusion drive each other out."""
        there = self.side(seat).at(0)
        driven_out = {Condition.ASLEEP, Condition.CONFUSED} if condition is not Condition.POISONED else set()
        self.set_creature(seat, 0, evolve(there, conditions=(there.conditions - driven_out) | {condition}))
        self.tell("befallen", seat, spot=0, condition=condition.value)

    def lift(self, seat: int, condition: Condition) -> None:
        """The active creature of that seat has this condition no more."""
        there = self.side(seat).at(0)
        self.set_creature(seat, 0, evolve(there, conditions=there.conditions - {condition}))
        self.tell("recovered", seat, spot=0, condition=condition.value)

    def swap(self, seat: int, spot: int) -> None:
        """The active creature of that seat and the one on that spot of the bench change places."""
        self.set_side(seat, self.side(seat).swapped(spot))
        self.tell("switched", seat, spot=spot, card=self.side(seat).at(0).stages[-1])
