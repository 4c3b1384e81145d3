"""A standard pack of 52 cards.

A card *is* the short text that goes over the wire, rank before suit: `AS` is the ace of spades, `10D` the
ten of diamonds. So hands need no conversion on their way into a view, a state is plain data, and equality
costs what it costs for strings.
"""

from __future__ import annotations

import enum
from typing import Final, NewType

Card = NewType("Card", str)
"""One card of the pack; `card_of` makes one from outside text."""


class Suit(enum.StrEnum):
    """A suit, by the name it has on the wire."""

    CLUBS = "clubs"
    DIAMONDS = "diamonds"
    HEARTS = "hearts"
    SPADES = "spades"


class Rank(enum.StrEnum):
    """A rank, by the letters it has on the wire."""

    ACE = "A"
    TWO = "2"
    THREE = "3"
    FOUR = "4"
    FIVE = "5"
    SIX = "6"
    SEVEN = "7"
    EIGHT = "8"
    NINE = "9"
    TEN = "10"
    JACK = "J"
    QUEEN = "Q"
    KING = "K"


def _card(rank: Rank, suit: Suit) -> Card:
    return Card(f"{rank.value}{suit.value[0].upper()}")


PACK: Final[tuple[Card, ...]] = tuple(_card(rank, suit) for suit in Suit for rank in Rank)
"""The 52 cards, suit by suit, each from ace to king. Every shuffle starts from this order, so every replay
depends on it."""

_RANKS: Final = {_card(rank, suit): rank for suit in Suit for rank in Rank}
_SUITS: Final = {_card(rank, suit): suit for suit in Suit for rank in Rank}


def card_of(text: str) -> Card:
    """The card of this text, `QS` or `10D`. Raises ValueError when there is none."""
    card = Card(text)
    if card not in _RANKS:
        raise ValueError("not a card of the pack")
    return card


def rank_of(card: Card) -> Rank:
    """The card's rank."""
    return _RANKS[card]


def suit_of(card: Card) -> Suit:
    """The card's suit."""
    return _SUITS[card]


def name_of(card: Card) -> str:
    """What people call the card: `the queen of spades`."""
    rank = _RANKS[card]
    called = rank.value if rank.value.isdecimal() else rank.name.lower()
    return f"the {called} of {_SUITS[card].value}"
