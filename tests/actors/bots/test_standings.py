"""Shares, intervals and ratings: against numbers worked out elsewhere, and what must hold of any."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.bots.standings import Standings, wilson


@pytest.mark.parametrize(
    ("points", "games", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (50, 100, 0.4038, 0.5962)],
)
def test_the_interval_is_wilsons(points: float, games: int, low: float, high: float) -> None:
    found = wilson(points, games)
    assert found.low == pytest.approx(low, abs=1e-3)
    assert found.high == pytest.approx(high, abs=1e-3)


@given(st.integers(1, 500).flatmap(lambda games: st.tuples(st.integers(0, 2 * games), st.just(games))))
def test_the_interval_holds_the_share(case: tuple[int, int]) -> None:
    found = wilson(case[0] / 2, case[1])
    assert 0 <= found.low <= found.share <= found.high <= 1


def played(*games: tuple[str, str, str | None, int]) -> Standings:
    standings = Standings(("a", "b", "c"))
    for one, other, winner, times in games:
        for _ in range(times):
            standings.add(one, other, winner)
    return standings


def test_who_wins_three_of_four_is_191_points_ahead() -> None:
    standings = Standings(("a", "b"))
    for winner in ("a",) * 3000 + ("b",) * 1000:
        standings.add("a", "b", winner)
    elo = standings.elo()
    assert elo["a"] - elo["b"] == pytest.approx(190.8, abs=1)
    assert elo["a"] + elo["b"] == pytest.approx(3000)


def test_who_has_won_everything_is_strong_and_not_infinitely_so() -> None:
    elo = played(("a", "b", "a", 10), ("b", "c", "b", 10)).elo()
    assert 1500 < elo["a"] < 3000
    assert elo["a"] > elo["b"] > elo["c"]


def test_a_draw_is_half_a_win_for_both() -> None:
    standings = played(("a", "b", None, 3), ("a", "b", "a", 1))
    assert standings.between("a", "b").points == 2.5
    assert standings.between("b", "a").points == 1.5
    assert standings.all_of("a").games == 4
    assert standings.all_of("c").games == 0
