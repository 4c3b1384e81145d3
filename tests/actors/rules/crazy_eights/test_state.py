"""The options, and what may be done in a position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from attrs import asdict

from actors.rules.cards import PACK, Rank, Suit, card_of, rank_of, suit_of
from actors.rules.crazy_eights.state import OPTIONS_SCHEMA, Options, can_play, draws_left, fits, may_draw, may_pass
from actors.rules.validation import BadOptions, checked_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.rules.crazy_eights import CrazyEights
    from actors.rules.crazy_eights.state import State

    Position = Callable[..., State]


# ---- options


def test_the_schemas_defaults_are_the_options_defaults(rules: CrazyEights) -> None:
    assert checked_options(rules, {}) == asdict(Options())
    assert all("description" in property_ for property_ in OPTIONS_SCHEMA["properties"].values())


@pytest.mark.parametrize(("players", "cards"), [(2, 7), (3, 5), (4, 5), (5, 5)])
def test_two_players_get_seven_cards_and_more_get_five(players: int, cards: int) -> None:
    assert Options().cards_each(players) == cards
    assert Options(hand_size=3).cards_each(players) == 3


def test_options_that_are_whole_but_written_with_a_point_are_taken() -> None:
    assert Options(hand_size=6.0, draw_limit=1.0, max_plays=9.0) == Options(6, 1, max_plays=9)
    assert type(Options(hand_size=6.0).hand_size) is int


@pytest.mark.parametrize(
    "wrong",
    [
        {"hand_size": 0},
        {"hand_size": 10},
        {"draw_limit": 0},
        {"draw_when_playable": 1},
        {"reshuffle": None},
        {"extra_passes": 2},
        {"max_plays": None},
        {"max_plays": 901},
        {"scoring": "points"},
        {"first_player": 0},
        {"special_cards": "yes"},
        {"hand-size": 5},
    ],
)
def test_options_that_make_no_game_are_refused(rules: CrazyEights, wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(BadOptions) as caught:
        checked_options(rules, wrong)
    assert caught.value.field == name


# ---- what fits


@pytest.mark.parametrize("top", ["5D", "KS", "10H"])
def test_on_an_ordinary_card_its_suit_its_rank_and_eights_fit(position: Position, top: str) -> None:
    state = position("2C", "2D", pile=top)
    wanted = {
        card
        for card in PACK
        if suit_of(card) == suit_of(card_of(top))
        or rank_of(card) == rank_of(card_of(top))
        or rank_of(card) is Rank.EIGHT
    }
    assert {card for card in PACK if fits(state, card)} == wanted


def test_on_an_eight_the_chosen_suit_and_eights_fit(position: Position) -> None:
    state = position("2C", "2D", pile="8H", suit=Suit.CLUBS)
    assert {card for card in PACK if fits(state, card)} == {
        card for card in PACK if suit_of(card) is Suit.CLUBS or rank_of(card) is Rank.EIGHT
    }


def test_on_a_debt_only_twos_fit(position: Position) -> None:
    state = position("2C", "2D", stock="6C", pile="2H", owed=2, special_cards=True)
    assert {card for card in PACK if fits(state, card)} == {"2C", "2D", "2H", "2S"}


# ---- when one may draw, and pass: by Bicycle's rules unless the options say otherwise


def test_one_may_draw_with_or_without_a_card_to_play(position: Position) -> None:
    assert may_draw(position("2C", "3C", stock="4C", pile="KC"))
    assert may_draw(position("2D", "3C", stock="4C", pile="KC"))


def test_a_table_may_allow_to_draw_only_when_one_cannot_play(position: Position) -> None:
    assert not may_draw(position("2C", "3C", stock="4C", pile="KC", draw_when_playable=False))
    assert may_draw(position("2D", "3C", stock="4C", pile="KC", draw_when_playable=False))


def test_an_exhausted_stock_gives_nothing(position: Position) -> None:
    assert not may_draw(position("2D", "3C", pile="KC"))


@pytest.mark.parametrize(("drawn", "allowed"), [(0, True), (1, True), (2, False)])
def test_a_limit_ends_the_drawing_of_one_turn(position: Position, drawn: int, allowed: bool) -> None:
    state = position("2D", "3C", stock="4C 5C", pile="KC", draw_limit=2, draws=drawn)
    assert may_draw(state) is allowed
    assert draws_left(state) == 2 - drawn


def test_without_a_limit_one_may_draw_on(position: Position) -> None:
    state = position("2D", "3C", stock="4C", pile="KC", draws=30)
    assert may_draw(state)
    assert draws_left(state) is None


def test_one_may_pass_only_when_one_can_neither_play_nor_draw(position: Position) -> None:
    assert not may_pass(position("2D", "3C", stock="4C", pile="KC"))
    assert not may_pass(position("2C", "3C", pile="KC"))
    assert may_pass(position("2D", "3C", pile="KC"))


def test_one_may_pass_at_the_limit_of_draws(position: Position) -> None:
    assert may_pass(position("2D", "3C", stock="4C", pile="KC", draw_limit=1, draws=1))
    assert not may_pass(position("2C", "3C", stock="4C", pile="KC", draw_limit=1, draws=1))


def test_a_table_may_allow_to_pass_with_a_card_to_play(position: Position) -> None:
    assert may_pass(position("2C", "3C", pile="KC", pass_when_playable=True))
    assert may_pass(position("2C", "3C", stock="4C", pile="KC", pass_when_playable=True, draw_limit=1, draws=1))
    assert not may_pass(position("2C", "3C", stock="4C", pile="KC", pass_when_playable=True))


@pytest.mark.parametrize("hand", ["2C", "3C"])
@pytest.mark.parametrize("draw_when_playable", [False, True])
def test_who_owes_cards_may_always_draw_and_never_pass(position: Position, hand: str, draw_when_playable: bool) -> None:
    state = position(
        hand, "3D", stock="4C", pile="2H", owed=2, draw_when_playable=draw_when_playable, pass_when_playable=True
    )
    assert may_draw(state)
    assert not may_pass(state)


def test_only_the_hand_of_the_player_to_move_counts(position: Position) -> None:
    assert not can_play(position("2D", "3C", pile="KC"))
    assert can_play(position("2D", "3C", pile="KC", turn=1))


# ---- the order of play


def test_the_turn_goes_to_the_next_seat_that_has_not_resigned(position: Position) -> None:
    state = position("2C", "3C", "4C", "5C", "6C", pile="KC", resigned=(1, 4))
    assert [state.after(seat) for seat in range(5)] == [2, 2, 3, 0, 0]
    assert state.playing() == (0, 2, 3)


def test_turned_round_it_goes_to_the_seat_before(position: Position) -> None:
    state = position("2C", "3C", "4C", "5C", "6C", pile="KC", resigned=(1, 4), direction=-1)
    assert [state.after(seat) for seat in range(5)] == [3, 0, 0, 2, 3]
