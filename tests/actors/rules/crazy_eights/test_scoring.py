"""What cards cost, who wins and what they score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from actors.rules.cards import PACK, card_of
from actors.rules.crazy_eights.scoring import ended, ended_on_points, points_held, points_of
from actors.rules.interface import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.rules.crazy_eights.state import State

    Position = Callable[..., State]


@pytest.mark.parametrize(
    ("rank", "points"),
    [("A", 1), ("2", 2), ("7", 7), ("8", 50), ("9", 9), ("10", 10), ("J", 10), ("Q", 10), ("K", 10)],
)
def test_a_card_costs_the_same_in_every_suit(rank: str, points: int) -> None:
    assert [points_of([card_of(f"{rank}{suit}")]) for suit in "CDHS"] == [points] * 4


def test_the_whole_pack_costs_508() -> None:
    assert points_of(PACK) == 4 * 77 + 4 * 50 == 508


def test_who_goes_out_scores_what_the_others_hold(position: Position) -> None:
    state = position("", "8C 2D", "KH", pile="KC")
    assert ended(state, "went_out", 0).outcome == Outcome(0, (62, 0, 0), "went_out")


def test_in_a_blocked_game_the_fewest_points_win_the_difference_to_each_other_hand(position: Position) -> None:
    state = position("KD", "3D 2D", "9D", pile="KC")
    assert ended_on_points(state, "blocked").outcome == Outcome(1, (0, 9, 0), "blocked")


def test_a_tie_for_the_fewest_points_is_a_draw(position: Position) -> None:
    state = position("3D 2D", "KD", "5H", pile="KC")
    assert ended_on_points(state, "blocked").outcome == Outcome(None, (0, 0, 0), "blocked")


def test_with_penalties_everybody_loses_what_they_hold(position: Position) -> None:
    state = position("", "8C 2D", "KH", pile="KC", scoring="penalty")
    assert ended(state, "went_out", 0).outcome == Outcome(0, (0, -52, -10), "went_out")
    tied = position("5C", "5D", "KH", pile="KC", scoring="penalty")
    assert ended_on_points(tied, "blocked").outcome == Outcome(None, (-5, -5, -10), "blocked")


def test_who_resigned_still_owes_what_they_held(position: Position) -> None:
    state = evolve(position("", "", "3D", pile="KC", resigned=(1,)), forfeited=(0, 50, 0))
    assert points_held(state) == (0, 50, 3)
    assert ended(state, "went_out", 0).outcome == Outcome(0, (53, 0, 0), "went_out")


def test_who_resigned_cannot_win_and_costs_the_winner_nothing(position: Position) -> None:
    state = evolve(position("KD", "", "QD 2D", pile="KC", resigned=(1,)), forfeited=(0, 1, 0))
    assert ended_on_points(state, "blocked").outcome == Outcome(0, (2, 0, 0), "blocked")


def test_the_last_one_left_scores_as_if_they_had_gone_out(position: Position) -> None:
    state = evolve(position("8C", "", "3D", pile="KC", resigned=(1, 2)), forfeited=(0, 20, 0))
    assert ended(state, "resignation", 0).outcome == Outcome(0, (23, 0, 0), "resignation")
    owing = evolve(state, options=evolve(state.options, scoring="penalty"))
    assert ended(owing, "resignation", 0).outcome == Outcome(0, (0, -20, -3), "resignation")
