"""Positions made by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from actors.rules.cards import card_of, suit_of
from actors.rules.crazy_eights import CrazyEights
from actors.rules.crazy_eights.state import Options, State

if TYPE_CHECKING:
    from actors.rules.cards import Card, Suit

Position = Callable[..., State]


def cards(text: str) -> tuple[Card, ...]:
    """The cards of `"QS 10D"`."""
    return tuple(card_of(one) for one in text.split())


@pytest.fixture(scope="session")
def rules() -> CrazyEights:
    """The rules under test; they hold nothing."""
    return CrazyEights()


@pytest.fixture(scope="session")
def position() -> Position:
    """Makes a position: the hands by seat; the stock, the card that is drawn first named first; the pile, its top
    named last; then options. It is seat 0's turn, and the top card's suit is in force, unless said otherwise."""

    def position(
        *hands: str,
        stock: str = "",
        pile: str,
        suit: Suit | None = None,
        choosing: bool = False,
        turn: int = 0,
        draws: int = 0,
        passes: int = 0,
        plays: int = 0,
        direction: int = 1,
        owed: int = 0,
        resigned: tuple[int, ...] = (),
        **options: object,
    ) -> State:
        discards = cards(pile)
        return State(
            options=Options(**options),  # type: ignore[arg-type]
            hands=tuple(cards(hand) for hand in hands),
            stock=cards(stock)[::-1],
            discards=discards,
            suit=None if choosing else suit or suit_of(discards[-1]),
            turn=turn,
            resigned=tuple(seat in resigned for seat in range(len(hands))),
            forfeited=(0,) * len(hands),
            draws=draws,
            passes=passes,
            plays=plays,
            direction=direction,
            owed=owed,
        )

    return position
