"""What the verbs of `actors.rules.duel.effects` do, and how the effects of a card are done, one after the other.

An effect that asks for choices waits for them: `resolving` of the state says where it stands. What is knocked out is
looked at only when all effects are done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from actors.rules.duel.cards import energy_of, is_a, name_of
from actors.rules.duel.choices import choice_due, energies_in, how_many
from actors.rules.duel.effects import (
    Bonus,
    Charge,
    Cure,
    Discard,
    Draw,
    Falter,
    FreshHand,
    Guard,
    Heal,
    Hold,
    Hurt,
    Inflict,
    Look,
    Peek,
    Recover,
    Search,
    Strip,
    Switch,
)

if TYPE_CHECKING:
    from actors.rules.duel.actions import Choose
    from actors.rules.duel.bout import Bout
    from actors.rules.duel.effects import Effect
    from actors.rules.duel.state import Resolving, State


def can_begin(state: State, seat: int, effect: Effect, card: str) -> bool:
    """Whether the effect could do something now, as far as this seat can know; `card` is the one it stands on, which
    is still in the hand."""
    own, theirs = state.sides[seat], state.sides[1 - seat]
    match effect:
        case Heal(whom="self"):
            return own.at(0).damage > 0
        case Heal():
            return any(own.at(spot).damage for spot in own.spots())
        case Cure():
            return bool(own.at(0).conditions)
        case Strip(whom="self", count=count):
            return len(own.at(0).energies) >= count
        case Strip():
            return bool(theirs.at(0).energies)
        case Charge(element=element):
            return energies_in(own, element) > 0
        case Switch(whom=whom):
            return bool(own.bench if whom == "self" else theirs.bench)
        case Hurt(whom="one_bench" | "each_bench"):
            return bool(theirs.bench)
        case Draw(who="opponent"):
            return bool(theirs.deck)
        case Draw() | Search() | Look():
            return bool(own.deck)
        case Recover(what=what):
            return any(is_a(one, what) for one in own.discard)
        case Discard(who="self", count=count):
            return len(own.without(card).hand) >= count
        case Discard() | Peek():
            return bool(theirs.hand)
        case _:
            return True


def resolve(bout: Bout) -> None:
    """Does what is being done, until all of it is, or a choice must be made."""
    while (now := bout.state.resolving) is not None:
        if now.at == len(now.effects):
            bout.state = evolve(bout.state, resolving=None)
        elif now.left is None:
            _begin(bout, now)
        elif (choice := choice_due(bout.state)) is None:
            _finish(bout, now)
        elif not choice.settled:
            return
        elif choice.actions and not choice.may_decline:
            take(bout, choice.actions[0])
        else:
            _next(bout, now)


def take(bout: Bout, chosen: Choose) -> None:
    """Does what was chosen; it is known to be one of the choices. `resolve` goes on from there."""
    now = bout.state.resolving
    assert now is not None
    assert now.left
    if chosen.card is None and chosen.spot is None:
        bout.state = evolve(bout.state, resolving=evolve(now, left=0))
        return
    bout.state = evolve(bout.state, resolving=evolve(now, left=now.left - 1))
    if chosen.card is not None:
        _take_card(bout, now.seat, now.effect, chosen.card)
    else:
        assert chosen.spot is not None
        _take_spot(bout, now.seat, now.effect, chosen.spot)


def _begin(bout: Bout, now: Resolving) -> None:
    counted = isinstance(now.effect, Bonus | Falter)  # when the attack struck
    if counted or (now.effect.coin and not bout.flip(now.seat, now.attack or name_of(now.card))):
        _next(bout, now)
    elif how_many(now.effect):
        bout.state = evolve(bout.state, resolving=evolve(now, left=how_many(now.effect)))
    else:
        perform(bout, now.seat, now.effect)
        _next(bout, now)


def _finish(bout: Bout, now: Resolving) -> None:
    if isinstance(now.effect, Search | Look) and bout.side(now.seat).deck:
        bout.shuffle(now.seat)
        bout.tell("shuffled", now.seat, deck=len(bout.side(now.seat).deck))
    _next(bout, now)


def _next(bout: Bout, now: Resolving) -> None:
    bout.state = evolve(bout.state, resolving=evolve(now, at=now.at + 1, left=None))


# ---- effects that happen by themselves


def perform(bout: Bout, seat: int, effect: Effect) -> None:
    """Does an effect that asks nobody."""
    foe = 1 - seat
    match effect:
        case Inflict(condition=condition, whom=whom):
            bout.inflict(seat if whom == "self" else foe, condition)
        case Hurt(amount=amount, whom=whom):
            _hurt(bout, seat, whom, amount)
        case Heal(amount=amount, whom=whom):
            for spot in (0,) if whom == "self" else bout.side(seat).spots():
                bout.heal(seat, spot, amount)
        case Cure():
            for condition in sorted(bout.side(seat).at(0).conditions):
                bout.lift(seat, condition)
        case Charge(element=element, count=count):
            for _ in range(min(count, energies_in(bout.side(seat), element))):
                _charge(bout, seat, energy_of(element), 0)
        case Guard(amount=amount):
            there = bout.side(seat).at(0)
            bout.set_creature(seat, 0, evolve(there, guard=amount, guard_turn=bout.state.number + 1))
            bout.tell("guarded", seat, spot=0, amount=amount)
        case Hold():
            bout.set_creature(foe, 0, evolve(bout.side(foe).at(0), held_turn=bout.state.number + 1))
            bout.tell("held", foe, spot=0)
        case Draw(count=count, who=who):
            for drawer in {"self": (seat,), "opponent": (foe,), "each": (seat, foe)}[who]:
                bout.draw(drawer, count)
        case Discard(count=count):
            for _ in range(min(count, len(bout.side(foe).hand))):
                bout.throw_away(foe, bout.chance.choice(bout.side(foe).hand))
        case FreshHand(count=count):
            side = bout.side(seat)
            bout.set_side(seat, evolve(side, hand=(), deck=(*side.deck, *side.hand)))
            bout.shuffle(seat)
            bout.tell("hand_shuffled", seat, cards=len(side.hand), deck=len(side.deck) + len(side.hand))
            bout.draw(seat, count)
        case Peek():
            bout.tell_one("peeked", seat, {"cards": sorted(bout.side(foe).hand)}, of=foe)
        case _:
            pass


def _hurt(bout: Bout, seat: int, whom: str, amount: int) -> None:
    side = seat if whom in ("self", "own_bench") else 1 - seat
    spots = (0,) if whom in ("self", "opponent") else bout.side(side).spots()[1:]
    for spot in spots:
        bout.hurt(side, spot, amount)


def _charge(bout: Bout, seat: int, card: str, spot: int) -> None:
    side = bout.side(seat)
    at = side.discard.index(card)
    there = side.at(spot)
    after = evolve(side, discard=(*side.discard[:at], *side.discard[at + 1 :]))
    bout.set_side(seat, after.put(spot, there.with_energies((*there.energies, card))))
    bout.tell("charged", seat, spot=spot, card=card)


def discard_energy(bout: Bout, seat: int, card: str) -> None:
    """Discards an energy of that seat's active creature."""
    side = bout.side(seat)
    there = side.at(0)
    rest = list(there.energies)
    rest.remove(card)
    bout.set_side(seat, evolve(side.put(0, there.with_energies(tuple(rest))), discard=(*side.discard, card)))
    bout.tell("stripped", seat, spot=0, card=card)


# ---- what was chosen


def _take_spot(bout: Bout, seat: int, effect: Effect, spot: int) -> None:
    foe = 1 - seat
    match effect:
        case Hurt(amount=amount):
            bout.hurt(foe, spot, amount)
        case Heal(amount=amount):
            bout.heal(seat, spot, amount)
        case Charge(element=element):
            _charge(bout, seat, energy_of(element), spot)
        case Switch(whom=whom):
            bout.swap(seat if whom == "self" else foe, spot)
        case _:
            raise AssertionError(f"{effect.do} has no spots to choose from")


def _take_card(bout: Bout, seat: int, effect: Effect, card: str) -> None:
    side = bout.side(seat)
    match effect:
        case Strip(whom=whom):
            discard_energy(bout, seat if whom == "self" else 1 - seat, card)
        case Search(show=show) | Look(show=show):
            at = side.deck.index(card)
            deck = (*side.deck[:at], *side.deck[at + 1 :])
            bout.set_side(seat, evolve(side, deck=deck, hand=(*side.hand, card)))
            if show:
                bout.tell("found", seat, card=card)
            else:
                bout.tell_one("found", seat, {"card": card})
        case Recover():
            at = side.discard.index(card)
            discard = (*side.discard[:at], *side.discard[at + 1 :])
            bout.set_side(seat, evolve(side, discard=discard, hand=(*side.hand, card)))
            bout.tell("taken_back", seat, card=card)
        case Discard():
            bout.throw_away(seat, card)
        case _:
            raise AssertionError(f"{effect.do} has no cards to choose from")
