"""The opening: shuffled decks, opening hands, and the active creatures that are chosen face down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from actors.rules.duel.cards import is_a, name_of
from actors.rules.duel.effects import What
from actors.rules.duel.state import InPlay, Side, Stage, State
from actors.rules.interface import Change, IllegalAction

if TYPE_CHECKING:
    from actors.rules.chance import Chance
    from actors.rules.duel.bout import Bout
    from actors.rules.duel.decks import Options

HAND: Final = 7
MULLIGANS: Final = 3
"""After so many hands without a basic creature the next one is mended."""


def deal(options: Options, chance: Chance) -> State:
    """The first position: both have an opening hand with a basic creature in it, and none has chosen yet."""
    first = 0 if options.first_player == "seat_0" else chance.below(2)
    dealt = [_opening_hand(Side(options.cards_of(seat), deck_list=options.name_of(seat)), chance) for seat in (0, 1)]
    extra = [len(dealt[1 - seat].hands_shown) for seat in (0, 1)]
    return State(
        sides=(_drawn(dealt[0], extra[0]), _drawn(dealt[1], extra[1])),
        turn=first,
        points_to_win=options.points_to_win,
    )


def _opening_hand(side: Side, chance: Chance) -> Side:
    while True:
        side = _drawn(evolve(side, deck=chance.shuffled((*side.deck, *side.hand)), hand=()), HAND)
        if any(is_a(card, What.BASIC) for card in side.hand):
            return side
        if len(side.hands_shown) == MULLIGANS:
            return _mended(side, chance)
        side = evolve(side, hands_shown=(*side.hands_shown, side.hand))


def _drawn(side: Side, count: int) -> Side:
    at = max(0, len(side.deck) - count)
    return evolve(side, deck=side.deck[:at], hand=(*side.hand, *reversed(side.deck[at:])))


def _mended(side: Side, chance: Chance) -> Side:
    """The first basic creature from the top of the deck in place of the last card drawn; the deck is shuffled again."""
    at = max(at for at, card in enumerate(side.deck) if is_a(card, What.BASIC))
    deck = (*side.deck[:at], *side.deck[at + 1 :], side.hand[-1])
    return evolve(side, deck=chance.shuffled(deck), hand=(*side.hand[:-1], side.deck[at]))


def yet_to_choose(state: State) -> tuple[int, ...]:
    """The seats that have not chosen their first active creature."""
    if state.stage is not Stage.OPENING or state.outcome is not None:
        return ()
    return tuple(seat for seat in (0, 1) if state.sides[seat].chosen is None)


def choose_active(bout: Bout, seat: int, card: str) -> None:
    """Lays a creature face down; when both have, they are turned up and the first turn can begin. Raises
    IllegalAction."""
    if seat not in yet_to_choose(bout.state):
        raise IllegalAction("you have chosen your active creature")
    side = bout.side(seat)
    if card not in side.hand or not is_a(card, What.BASIC):
        raise IllegalAction("choose a basic creature of your hand")
    bout.set_side(seat, evolve(side.without(card), chosen=card))
    bout.tell_one("chose_active", seat, {"card": card})
    bout.message = f"You chose {name_of(card)}."
    if not yet_to_choose(bout.state):
        _turn_up(bout)


def _turn_up(bout: Bout) -> None:
    for seat in (0, 1):
        side = bout.side(seat)
        assert side.chosen is not None
        bout.set_side(seat, evolve(side, chosen=None, active=InPlay((side.chosen,))))
    actives = [bout.side(seat).at(0).stages[-1] for seat in (0, 1)]
    bout.changes.append(Change({"type": "turned_up", "actives": actives}))
    bout.state = evolve(bout.state, stage=Stage.NEXT_TURN)
