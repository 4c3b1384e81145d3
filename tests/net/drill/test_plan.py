from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net.crash_points import ARCHIVE_POINTS, COMMIT_POINTS
from net.drill import command
from net.drill.plan import KILLS, MEANING, Fault, Plan

if TYPE_CHECKING:
    from net.drill.plan import Blow


def blows(count: int, **plan: object) -> list[Blow]:
    return list(islice(Plan(**{"seed": "s"} | plan).blows(), count))  # type: ignore[arg-type]


def test_the_same_seed_is_the_same_drill_and_another_is_another() -> None:
    assert blows(100) == blows(100)
    assert blows(100) != blows(100, seed="t")


def test_each_fault_comes_once_before_any_comes_again() -> None:
    assert {blow.fault for blow in blows(len(Fault))} == set(Fault)
    chosen = (Fault.PAUSE, Fault.TERM)
    assert {blow.fault for blow in blows(50, faults=chosen)} == set(chosen)


def test_most_blows_are_kills_and_kills_fall_on_every_crash_point_and_on_none() -> None:
    many = blows(2000)
    assert sum(blow.fault in KILLS for blow in many) > len(many) / 2
    points = Counter(blow.point for blow in many if blow.fault in KILLS)
    assert set(points) == {None, *COMMIT_POINTS, *ARCHIVE_POINTS}


@given(seed=st.text(max_size=20))
def test_every_blow_is_within_what_is_said_of_it(seed: str) -> None:
    for number, blow in enumerate(blows(60, seed=seed), 1):
        assert blow.number == number
        assert blow.after >= 1
        assert blow.count >= 1
        match blow.fault:
            case Fault.PAUSE:
                assert 0.5 <= blow.seconds <= 3.0
            case Fault.SLOW_STORE:
                assert 0.2 <= blow.seconds <= 2.0
            case Fault.DROP:
                assert 0.0 < blow.share <= 1.0
            case _:
                assert blow.share == 0.0


@pytest.mark.parametrize(
    ("plan", "kills", "count", "seconds", "over"),
    [
        (Plan("s", kills=3), 3, len(Fault), 0.0, True),
        (Plan("s", kills=3), 3, len(Fault) - 1, 0.0, False),
        (Plan("s", kills=3), 2, 100, 1e9, False),
        (Plan("s", kills=None, seconds=60), 99, 99, 59.0, False),
        (Plan("s", kills=None, seconds=60), 0, 0, 60.0, True),
        (Plan("s", kills=3, seconds=60), 0, 0, 61.0, True),
        (Plan("s", kills=3, faults=(Fault.PAUSE,)), 0, 1, 0.0, True),
    ],
)
def test_a_drill_is_over_after_its_kills_with_each_fault_once_or_after_its_time(
    plan: Plan, kills: int, count: int, seconds: float, over: bool
) -> None:
    assert plan.is_over(kills=kills, blows=count, seconds=seconds) is over


def test_the_command_s_help_names_the_faults_that_there_are() -> None:
    assert tuple(Fault) == command._FAULTS
    assert set(MEANING) == set(Fault)
