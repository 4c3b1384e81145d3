"""What an end is worth: who came before whom, and where all are level, by how much."""

from __future__ import annotations

import pytest

from actors.bots.worth import Worth
from actors.rules.crazy_eights import CrazyEights
from actors.rules.interface import Outcome


def worth(*outcomes: Outcome) -> tuple[float, ...]:
    """Of the last of these ends, the others having been met before."""
    seen = Worth(CrazyEights(), len(outcomes[0].scores))
    return [seen.of_end(outcome) for outcome in outcomes][-1]


def test_to_win_is_worth_more_than_not_to_however_little_it_scores() -> None:
    high, low = Outcome(0, (100.0, 0.0), "won"), Outcome(0, (1.0, 0.0), "won")
    assert worth(high, low)[0] > 0.95
    assert worth(high, low)[1] < 0.05
    assert worth(low, high)[0] > worth(high, low)[0]


def test_of_several_each_is_placed_by_how_many_came_behind() -> None:
    first, second, third = worth(Outcome(0, (9.0, 5.0, 1.0), "won"))
    assert first > second > third
    assert second == pytest.approx(0.5, abs=0.02)


def test_who_win_or_lose_together_are_told_apart_by_their_score() -> None:
    little, much = Outcome(None, (3.0, 3.0), "over"), Outcome(None, (20.0, 20.0), "over")
    assert worth(little, much) == (1.0, 1.0)
    assert worth(much, little)[0] < 0.2
