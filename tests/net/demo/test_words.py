from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net.demo.words import Glyphs, clipped, in_words, outcome, short

NAMES = ("Anna", "Ben")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": "played", "seat": 0, "card": "10H", "cards_left": 3}, "Anna plays 10♥, 3 cards left"),
        ({"type": "played", "seat": 1, "card": "QS", "cards_left": 1}, "Ben plays Q♠, 1 card left"),
        ({"type": "played", "seat": 1, "card": "8C", "cards_left": 0}, "Ben plays 8♣, no card left"),
        ({"type": "drew", "seat": 0, "card": None, "cards_left": 5}, "Anna draws a card, 5 in hand"),
        ({"type": "passed", "seat": 0}, "Anna passes"),
        ({"type": "suit_chosen", "seat": 1, "suit": "diamonds"}, "Ben wants ♦ diamonds"),
        ({"type": "reshuffled", "stock": 20}, "the pile is shuffled, a new stock of 20"),
        ({"type": "resigned", "seat": 1, "cards": 4}, "Ben resigns"),
        ({"type": "ended", "reason": "went_out", "winner": 1}, "the game is over: Ben wins (no card left)"),
        ({"type": "ended", "reason": "other", "winner": None}, "the game is over: a draw (other)"),
    ],
)
def test_what_happens_in_crazy_eights_is_told_in_words(change: dict[str, object], words: str) -> None:
    assert in_words(change, "crazy_eights", NAMES, Glyphs()) == words


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": "played", "seat": 0, "card": "10H", "cards_left": 3}, "you play 10♥, 3 cards left"),
        ({"type": "drew", "seat": 0, "card": "2C", "cards_left": 5}, "you draw a card, 5 in hand"),
        ({"type": "passed", "seat": 0}, "you pass"),
        ({"type": "suit_chosen", "seat": 0, "suit": "diamonds"}, "you want ♦ diamonds"),
        ({"type": "resigned", "seat": 0, "cards": 4}, "you resign"),
        ({"type": "ended", "reason": "went_out", "winner": 0}, "the game is over: you win (no card left)"),
    ],
)
def test_what_you_do_yourself_is_told_as_one_speaks_to_you(change: dict[str, object], words: str) -> None:
    assert in_words(change, "crazy_eights", ("you", "Ben"), Glyphs()) == words


def test_a_card_that_was_drawn_is_not_named_even_where_the_view_names_it() -> None:
    own = {"type": "drew", "seat": 0, "card": "AS", "cards_left": 5}
    assert in_words(own, "crazy_eights", NAMES, Glyphs()) == "Anna draws a card, 5 in hand"


def test_without_the_suits_symbols_cards_are_letters() -> None:
    played = {"type": "played", "seat": 0, "card": "10H", "cards_left": 3}
    chosen = {"type": "suit_chosen", "seat": 0, "suit": "clubs"}
    words = [in_words(change, "crazy_eights", NAMES, Glyphs(ascii=True)) for change in (played, chosen)]
    assert words == ["Anna plays 10H, 3 cards left", "Anna wants clubs"]
    assert Glyphs(ascii=True).back.isascii()


def test_a_change_of_another_game_is_told_by_its_fields() -> None:
    change = {"type": "piece_moved", "seat": 1, "to": [3, 4], "taken": None, "check": True}
    assert in_words(change, "other", NAMES, Glyphs()) == "Ben: piece moved - to 3 4, taken -, check yes"
    assert in_words({"type": "dawn"}, "other", NAMES, Glyphs()) == "dawn"


@given(st.dictionaries(st.text() | st.sampled_from(["type", "seat"]), JSON))
def test_any_change_of_another_game_is_one_short_line(change: dict[str, object]) -> None:
    words = in_words(change, "other", NAMES, Glyphs())
    assert len(words) <= 60
    assert len(words.splitlines()) <= 1


@given(JSON)
def test_any_value_is_one_line(value: object) -> None:
    assert len(short(value).splitlines()) <= 1


@given(st.text(), st.integers(3, 40))
def test_a_clipped_text_fits(text: str, width: int) -> None:
    assert len(clipped(text, width)) <= width
    assert clipped(text, max(3, len(text))) == text


def test_an_outcome_that_is_not_known_is_told_as_it_is_called() -> None:
    assert outcome("Ben", "check_mate") == "Ben wins (check mate)"
    assert outcome(None, "draw_agreed") == "a draw (draw agreed)"
