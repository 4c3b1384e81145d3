"""A standard pack."""

from __future__ import annotations

import pytest

from actors.rules.cards import PACK, Rank, Suit, card_of, name_of, rank_of, suit_of


def test_the_pack_has_each_of_the_52_cards_once() -> None:
    assert len(PACK) == 52
    assert {(rank_of(card), suit_of(card)) for card in PACK} == {(rank, suit) for rank in Rank for suit in Suit}


def test_the_order_of_the_pack_is_the_one_that_saved_games_were_dealt_from() -> None:
    ranks = ["A", "2", "3", "4", "5", "6", "7", "8", "9", "10", "J", "Q", "K"]
    assert list(PACK) == [f"{rank}{suit}" for suit in "CDHS" for rank in ranks]


@pytest.mark.parametrize(
    ("text", "rank", "suit", "name"),
    [
        ("QS", Rank.QUEEN, Suit.SPADES, "the queen of spades"),
        ("10D", Rank.TEN, Suit.DIAMONDS, "the 10 of diamonds"),
        ("8H", Rank.EIGHT, Suit.HEARTS, "the 8 of hearts"),
        ("AC", Rank.ACE, Suit.CLUBS, "the ace of clubs"),
    ],
)
def test_a_card_is_its_rank_and_its_suit(text: str, rank: Rank, suit: Suit, name: str) -> None:
    card = card_of(text)
    assert (card, rank_of(card), suit_of(card), name_of(card)) == (text, rank, suit, name)


@pytest.mark.parametrize("text", ["", "Q", "S", "SQ", "qs", "TD", "1D", "11D", "QS ", "QSS", "JOKER"])
def test_other_text_is_no_card(text: str) -> None:
    with pytest.raises(ValueError, match="not a card"):
        card_of(text)
