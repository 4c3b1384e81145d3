"""When a game is abandoned: never too early, whatever was lost, and not put off for ever."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from actors.abandonment import Abandonment, earlier, reckon

AFTER = 3600.0


def test_a_game_that_nobody_has_joined_is_abandoned_so_long_after_it_was_first_heard_of() -> None:
    assert reckon(None, 100.0, present=False, empty_since=None, after=AFTER) == Abandonment(3700.0, 3700.0)


def test_what_is_known_of_a_game_at_rest_stands() -> None:
    assert reckon(500.0, 100.0, present=False, empty_since=None, after=AFTER) == Abandonment(500.0, 500.0)


def test_when_the_last_player_goes_it_is_exactly_so_long_from_then() -> None:
    assert reckon(9000.0, 2000.0, present=False, empty_since=1990.0, after=AFTER) == Abandonment(5590.0, 5590.0)


def test_while_players_are_there_it_is_put_off_but_seldom() -> None:
    first = reckon(None, 0.0, present=True, empty_since=None, after=AFTER)
    assert first == Abandonment(7200.0, 3600.0)
    assert reckon(first.at, 3599.9, present=True, empty_since=None, after=AFTER) == first
    assert reckon(first.at, 3600.0, present=True, empty_since=None, after=AFTER) == Abandonment(10800.0, 7200.0)


def test_a_game_may_never_be_abandoned() -> None:
    for present in (True, False):
        assert reckon(5.0, 10.0, present=present, empty_since=1.0, after=math.inf) == Abandonment()
    assert not Abandonment().is_due(1e300)


@given(st.none() | st.floats(0, 1e6), st.floats(0, 1e6), st.booleans(), st.floats(1, 1e5))
def test_while_players_are_there_a_crash_now_leaves_them_the_full_time(
    known: float | None, now: float, present: bool, after: float
) -> None:
    reckoned = reckon(known, now, present=True, empty_since=None, after=after)
    assert now < reckoned.look_at
    assert reckoned.at <= now + 2 * after
    # After the crash nobody knows more than what stands.
    assert reckon(reckoned.at, now, present=False, empty_since=None, after=after).at >= now + after


@given(st.lists(st.tuples(st.floats(0.1, 100.0), st.sampled_from(["comes", "goes", "looks", "crashes"])), max_size=40))
def test_it_is_abandoned_only_when_nobody_was_there_for_so_long_and_then_soon(
    steps: list[tuple[float, str]],
) -> None:
    after, now, looks = 60.0, 0.0, 0
    present, empty_since, seen_at = False, None, 0.0  # the last moment at which somebody was there
    reckoned = reckon(None, now, present=False, empty_since=None, after=after)
    for wait, what in steps:
        end = now + wait
        while reckoned.look_at <= end:
            assert looks < 1000
            looks += 1
            now = max(now, reckoned.look_at)
            seen_at = now if present else seen_at
            reckoned = reckon(reckoned.at, now, present=present, empty_since=empty_since, after=after)
            if not present and reckoned.is_due(now):
                assert now >= seen_at + after
                assert now <= seen_at + 2 * after
                return
        now = end
        match what:
            case "comes":
                present, empty_since = True, None
            case "goes" if present:
                present, empty_since = False, now
                seen_at = now
            case "crashes":
                seen_at = now if present else seen_at
                present, empty_since = False, None
        seen_at = now if present else seen_at
        reckoned = reckon(reckoned.at, now, present=present, empty_since=empty_since, after=after)


def test_the_earlier_of_two_times_and_of_none() -> None:
    assert earlier(3.0, 2.0) == 2.0
    assert earlier(None, 2.0) == 2.0
    assert earlier(None, math.inf) is None
