"""Views, field by field. That they never give away a hidden card is shown on random games in test_rules.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from actors.rules.cards import Suit
from actors.rules.crazy_eights import FirstCrazyEights
from actors.rules.crazy_eights.scoring import ended
from actors.rules.crazy_eights.view import view

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.rules.crazy_eights.state import State

    Position = Callable[..., State]


def test_a_player_sees_their_hand_and_the_counts_of_the_others(position: Position) -> None:
    state = position(
        "QS 10D", "2C", "3C 4C 5C", stock="6C 7C", pile="9C 9D", draws=1, draw_limit=3, plays=2, max_plays=10, turn=1
    )
    assert view(state, 0) == {
        "phase": "play",
        "turn": 1,
        "top": "9D",
        "suit": "diamonds",
        "stock": 2,
        "discards": 2,
        "draws_left": 2,
        "plays_left": 8,
        "seats": [
            {"seat": 0, "cards": 2, "resigned": False},
            {"seat": 1, "cards": 1, "resigned": False},
            {"seat": 2, "cards": 3, "resigned": False},
        ],
        "options": {"draw_limit": 3, "max_plays": 10},
        "hand": ["QS", "10D"],
    }


def test_a_spectator_sees_the_same_without_a_hand(position: Position) -> None:
    state = position("QS 10D", "2C", stock="6C 7C", pile="9C 9D")
    seen = view(state, 1)
    assert seen.pop("hand") == ["2C"]
    assert view(state, None) == seen


def test_the_suit_in_force_after_an_eight_is_the_chosen_one(position: Position) -> None:
    state = position("QS", "2C", pile="8H", suit=Suit.CLUBS)
    assert (view(state, 0)["top"], view(state, 0)["suit"]) == ("8H", "clubs")


def test_until_the_suit_is_chosen_none_is_in_force(position: Position) -> None:
    seen = view(position("QS", "2C", pile="8H", choosing=True), 1)
    assert (seen["phase"], seen["suit"], seen["turn"]) == ("choose_suit", None, 0)


def test_without_a_limit_there_is_no_count_of_draws_left(position: Position) -> None:
    assert view(position("QS", "2C", pile="9C"), 0)["draws_left"] is None


def test_a_table_that_plays_by_the_defaults_says_nothing_of_its_options(position: Position) -> None:
    assert "options" not in view(position("QS", "2C", pile="9C"), 0)


def test_the_passes_in_a_row_are_shown_while_the_stock_is_exhausted(position: Position) -> None:
    assert view(position("QS", "2C", pile="9C", passes=1), None)["passes"] == 1
    assert "passes" not in view(position("QS", "2C", stock="3C", pile="9C"), None)


def test_a_game_that_began_with_version_1_is_shown_as_it_was_begun(position: Position) -> None:
    state = position("QS", "2C", pile="9C", passes=1, draw_limit=3)
    shown = view(state, 0)
    assert {"passes", "options"} <= shown.keys()
    assert FirstCrazyEights().view(state, 0) == {k: v for k, v in shown.items() if k not in ("passes", "options")}
    assert not hasattr(FirstCrazyEights(), "imagine")


@pytest.mark.parametrize("viewer", [0, 1, 2, None])
def test_when_the_game_is_over_everybody_sees_every_hand_and_what_it_costs(
    position: Position, viewer: int | None
) -> None:
    state = evolve(position("", "8C 2C", "", stock="6C", pile="9D", resigned=(2,)), forfeited=(0, 0, 7))
    seen = view(ended(state, "went_out", 0), viewer)
    assert (seen["phase"], seen["turn"], seen["stock"]) == ("over", None, 1)
    assert seen["seats"] == [
        {"seat": 0, "cards": 0, "resigned": False, "hand": [], "points": 0},
        {"seat": 1, "cards": 2, "resigned": False, "hand": ["8C", "2C"], "points": 52},
        {"seat": 2, "cards": 0, "resigned": True, "hand": [], "points": 7},
    ]
    assert "6C" not in str(seen)


def test_at_a_table_with_special_cards_everybody_sees_the_direction_and_what_is_owed(position: Position) -> None:
    state = position("QS", "2C", stock="3C 4C", pile="2D 2H", direction=-1, owed=4, special_cards=True)
    assert [(seen["direction"], seen["owed"]) for seen in (view(state, viewer) for viewer in (0, 1, None))] == [
        (-1, 4)
    ] * 3
    assert {"direction", "owed"}.isdisjoint(view(position("QS", "2C", pile="9C"), 0))


def test_once_the_game_is_over_nothing_is_owed(position: Position) -> None:
    state = position("QS", "2C", stock="3C", pile="2D", owed=2, special_cards=True)
    assert view(ended(state, "resignation", 0), 0)["owed"] == 0


def test_changing_a_view_changes_nothing_but_the_view(position: Position) -> None:
    state = position("QS", "2C", pile="9C")
    seen = view(state, 0)
    seen["hand"].clear()
    seen["seats"][1]["cards"] = 0
    assert view(state, 0)["hand"] == ["QS"]
    assert view(state, 0)["seats"][1]["cards"] == 1
