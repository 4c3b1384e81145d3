"""A position as one player could believe it to be: what they see, and the rest dealt by chance.

Both lists of cards lie open, so what a player does not see is which of the known cards is where: in the opponent's hand
or deck, and in what order. What they once saw and does not lie open any more (a hand that was shown, a card that was
searched for) is not in a view, and is not remembered here.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from attrs import evolve

from actors.rules.duel.cards import CARDS, is_a
from actors.rules.duel.decks import READY
from actors.rules.duel.effects import Condition, What
from actors.rules.duel.state import InPlay, Resolving, Side, Stage, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actors.rules.chance import Chance
    from actors.rules.interface import JsonObject

_DEALS: Final = 30
"""How often an opening hand is dealt anew for want of a basic creature, before one is put into it."""


def imagine(view: JsonObject, seat: int, chance: Chance) -> State:
    """A position at random in which that seat sees this. Raises ValueError for a game that is over."""
    if view["phase"] == "over":
        raise ValueError("the game is over: there is nothing to imagine")
    number, first = view["number"], view["first"]
    turn = first if number % 2 or not number else 1 - first
    sides = [_side(view, one, turn) for one in view["sides"]]
    sides[seat] = _own(view, sides[seat], chance)
    sides[1 - seat] = _theirs(view, sides[1 - seat], view["sides"][1 - seat], chance)
    return State(
        sides=(sides[0], sides[1]),
        turn=turn,
        points_to_win=view["points_to_win"],
        stage=Stage(view["stage"]),
        number=number,
        attached=view["attached"],
        retreated=view["retreated"],
        planned=view["planned"],
        resolving=_resolving(view, turn, sides[turn]),
    )


def _side(view: JsonObject, shown: JsonObject, turn: int) -> Side:
    """What lies open of a side. Its deck is all the rest of its cards, sorted."""
    own_turn = shown["seat"] == turn
    listed = shown["deck_list"]
    in_play = [_creature(view["number"], one, own_turn=own_turn) for one in (shown["active"], *shown["bench"]) if one]
    active = in_play[0] if shown["active"] else None
    counts: Counter[str] = Counter(shown["discard"])
    discard = tuple(counts.elements())
    open_cards = Counter((*discard, *(card for one in in_play for card in one.cards)))
    cards = Counter(READY[listed].cards if isinstance(listed, str) else listed)
    return Side(
        deck=tuple(sorted((cards - open_cards).elements())),
        discard=discard,
        active=active,
        bench=tuple(in_play if active is None else in_play[1:]),
        points=shown["points"],
        hands_shown=tuple(map(tuple, shown["hands_shown"])),
        deck_list=listed if isinstance(listed, str) else None,
    )


def _creature(number: int, shown: JsonObject, *, own_turn: bool) -> InPlay:
    """What protects or holds a creature was said in a turn of one player, and is so in the other's after it."""
    lapses = number + 1 if own_turn else number
    holds = number if own_turn else number + 1
    return InPlay(
        stages=(*shown["under"], shown["card"]),
        since=number if shown["new"] else 0,
        energies=tuple(shown["energies"]),
        damage=shown["damage"],
        conditions=frozenset(map(Condition, shown["conditions"])),
        guard=shown["guard"],
        guard_turn=lapses if shown["guard"] else 0,
        held_turn=holds if shown["held"] else 0,
    )


def _resolving(view: JsonObject, turn: int, side: Side) -> Resolving | None:
    """What is being done; only the player whose turn it is does anything. An attack is its creature's to the end."""
    doing = view["resolving"]
    if doing is None:
        return None
    if doing in CARDS:
        return Resolving(turn, doing, None, view["effect"], view["choices_left"])
    return Resolving(turn, side.at(0).card.id, doing, view["effect"], view["choices_left"])


def _own(view: JsonObject, side: Side, chance: Chance) -> Side:
    hand, chosen, looked_at = view["hand"], view["chosen"], view["looked_at"] or ()
    deck = _without(side.deck, (*hand, *looked_at, *(() if chosen is None else (chosen,))))
    return evolve(
        side, hand=tuple(hand), chosen=chosen, deck=(*chance.shuffled(deck), *chance.shuffled(sorted(looked_at)))
    )


def _theirs(view: JsonObject, side: Side, shown: JsonObject, chance: Chance) -> Side:
    hand, opening = shown["hand"], view["stage"] == Stage.OPENING
    if not opening:
        return _dealt(side, chance.shuffled(side.deck), hand)
    if not shown["ready"]:
        return _dealt(side, _with_a_basic(side.deck, hand, chance), hand)
    # What they laid down was one of the basic creatures of a hand that had one more card.
    cards = _with_a_basic(side.deck, hand + 1, chance)
    chosen = chance.choice([card for card in cards[: hand + 1] if is_a(card, What.BASIC)])
    at = cards.index(chosen)
    return evolve(_dealt(side, (*cards[:at], *cards[at + 1 :]), hand), chosen=chosen)


def _dealt(side: Side, cards: tuple[str, ...], hand: int) -> Side:
    return evolve(side, hand=cards[:hand], deck=cards[hand:])


def _with_a_basic(cards: tuple[str, ...], hand: int, chance: Chance) -> tuple[str, ...]:
    """These cards shuffled, with a basic creature among the first so many; a deck has one at least."""
    for _ in range(_DEALS):
        cards = chance.shuffled(cards)
        if any(is_a(card, What.BASIC) for card in cards[:hand]):
            return cards
    at = next(at for at, card in enumerate(cards) if is_a(card, What.BASIC))
    return (cards[at], *cards[:at], *cards[at + 1 :])


def _without(cards: Iterable[str], taken: Iterable[str]) -> list[str]:
    return sorted((Counter(cards) - Counter(taken)).elements())
