"""What an effect that is being done asks of a player.

Whether a choice is asked for, and by whom, depends on what lies open alone: a search that can find nothing is asked
about as any other is, so that nobody learns from the question what is in a deck or a hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from actors.rules.duel.actions import Choose
from actors.rules.duel.cards import energy, is_a
from actors.rules.duel.effects import Charge, Discard, Heal, Hurt, Look, Recover, Search, Strip, Switch, What

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actors.rules.duel.effects import Effect, Element
    from actors.rules.duel.state import Side, State


@frozen
class Choice:
    """What `seat` must choose: one of these cards, or one of these spots of `side`; nothing, too, if it `may_decline`.

    `hidden`: what there is to choose from is for that seat's eyes alone.
    """

    seat: int
    reason: str
    cards: tuple[str, ...] = ()
    spots: tuple[int, ...] = ()
    side: int | None = None
    may_decline: bool = False
    hidden: bool = False

    @property
    def actions(self) -> tuple[Choose, ...]:
        """All that can be chosen."""
        chosen = (*(Choose(card=card) for card in self.cards), *(Choose(spot=spot) for spot in self.spots))
        return (*chosen, Choose()) if self.may_decline else chosen

    @property
    def settled(self) -> bool:
        """Whether there is nothing to ask: nothing to choose from, or one thing, which lies open, and no way out."""
        if self.hidden:
            return False
        if not self.cards and not self.spots:
            return True
        return len(self.actions) == 1


def how_many(effect: Effect) -> int:
    """How many choices the effect asks for; 0: it happens by itself."""
    match effect:
        case Hurt(whom="one_opponent" | "one_bench") | Heal(whom="one_own") | Switch() | Look():
            return 1
        case Strip(count=count) | Charge(count=count, whom="one_own") | Search(count=count) | Recover(count=count):
            return count
        case Discard(count=count, who="self"):
            return count
        case _:
            return 0


def choice_due(state: State) -> Choice | None:
    """What must be chosen before anything else goes on; None: nothing."""
    now = state.resolving
    if now is None or not now.left:
        return None
    seat, foe = now.seat, 1 - now.seat
    own, theirs = state.sides[seat], state.sides[foe]
    match now.effect:
        case Hurt(whom="one_opponent"):
            return Choice(seat, "choose the creature that is damaged", spots=theirs.spots(), side=foe)
        case Hurt():
            return Choice(seat, "choose the creature that is damaged", spots=_bench(theirs), side=foe)
        case Heal():
            wounded = tuple(spot for spot in own.spots() if own.at(spot).damage)
            return Choice(seat, "choose the creature that is healed", spots=wounded, side=seat)
        case Strip(whom=whom):
            side = own if whom == "self" else theirs
            return Choice(seat, "choose an energy to discard", cards=_each(side.at(0).energies))
        case Charge(element=element):
            spots = own.spots() if energies_in(own, element) else ()
            return Choice(seat, "choose the creature that the energy is attached to", spots=spots, side=seat)
        case Switch(whom="self"):
            return Choice(seat, "choose your new active creature", spots=_bench(own), side=seat)
        case Switch(by=by):
            return Choice(
                seat if by == "self" else foe, "choose the new active creature", spots=_bench(theirs), side=foe
            )
        case Search(what=what):
            return _hidden(seat, "choose a card of your deck", own.deck, what)
        case Look(what=what, count=count):
            return _hidden(seat, "choose one of the cards that you look at", own.deck[-count:], what)
        case Recover(what=what):
            found = _each(card for card in own.discard if is_a(card, what))
            return Choice(seat, "choose a card of your discard pile", cards=found, may_decline=True)
        case _:
            return Choice(seat, "choose a card to discard", cards=_each(own.hand), hidden=bool(own.hand))


def energies_in(side: Side, element: Element) -> int:
    """How many energies of this element are in the discard pile."""
    return sum(is_a(card, What.ENERGY) and energy(card).element is element for card in side.discard)


def _hidden(seat: int, reason: str, cards: tuple[str, ...], what: What) -> Choice:
    found = _each(card for card in cards if is_a(card, what))
    return Choice(seat, reason, cards=found, may_decline=True, hidden=bool(cards))


def _bench(side: Side) -> tuple[int, ...]:
    return tuple(range(1, len(side.bench) + 1))


def _each(cards: Iterable[str]) -> tuple[str, ...]:
    """Every different card once, in an order that tells nothing of where they lay."""
    return tuple(sorted(set(cards)))
