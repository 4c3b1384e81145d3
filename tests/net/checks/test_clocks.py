from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from actors.events import Created, TimedOut
from net.checks import Outage, Reading, fair_clocks, fair_timeouts
from net.checks.clocks import LATE
from tests.net.checks.games import START, played, promises, truth

if TYPE_CHECKING:
    from net.checks import Replayed
    from tests.net.checks.games import Played

TIMEOUT = 3.0


def clock(*readings: tuple[float, float], outages: tuple[Outage, ...] = ()) -> list[str]:
    return promises(fair_clocks([Reading(*one) for one in readings], outages))


# ---- service time


@given(
    steps=st.lists(st.floats(0.01, 20), min_size=1, max_size=20),
    breaks=st.lists(st.floats(1.5, 30), max_size=5),
)
def test_a_clock_that_stands_still_in_outages_and_else_runs_is_fair(steps: list[float], breaks: list[float]) -> None:
    at, service = 100.0, 7.0
    readings, outages = [Reading(at, service)], []
    for number, step in enumerate(steps):
        at, service = at + step, service + step
        readings.append(Reading(at, service))
        if number < len(breaks):
            outages.append(Outage(at + 0.001, at + 0.001 + breaks[number]))
            at = outages[-1].end + 0.001
    assert list(fair_clocks(readings, outages)) == []


def test_a_clock_that_is_faster_than_the_wall_is_found() -> None:
    assert clock((0, 0), (10, 11.5)) == ["CLOCK"]
    assert clock(*((at, 1.02 * at) for at in range(100))) == ["CLOCK"]


def test_a_clock_that_stood_for_a_slow_store_may_catch_up() -> None:
    assert clock((0, 0), (1, 0.5), (1.1, 1.1), (2, 2)) == []


def test_a_clock_that_lags_behind_more_than_a_second_is_found() -> None:
    assert clock((0, 0), (10, 9.5)) == []
    assert clock((0, 0), (10, 8.5)) == ["CLOCK"]


def test_a_clock_that_drifts_by_little_steps_is_found() -> None:
    assert clock(*((at, 0.98 * at) for at in range(100))) == ["CLOCK"]


def test_a_clock_that_ran_on_through_an_outage_is_found() -> None:
    outage = Outage(1, 6)
    assert clock((0, 0), (7, 2.4), outages=(outage,)) == []
    assert set(clock((0, 0), (7, 7), outages=(outage,))) == {"CLOCK"}


def test_a_clock_that_was_restarted_from_zero_is_found() -> None:
    assert clock((0, 500), (1, 501), (4, 1), (5, 2), outages=(Outage(1.5, 3.5),)) == ["CLOCK", "CLOCK"]


def test_an_end_of_the_server_takes_back_half_a_second_and_no_more() -> None:
    outages = (Outage(2.0, 2.1), Outage(2.2, 2.3))
    assert clock((0, 0), (1.9, 1.9), (2.4, 1.4), outages=outages) == []
    assert set(clock((0, 0), (1.9, 1.9), (2.4, 1.2), outages=outages)) == {"CLOCK"}


def test_a_pause_of_less_than_a_second_may_count_or_not() -> None:
    outage = Outage(1, 1.8)
    assert clock((0, 0), (3, 3), outages=(outage,)) == []
    assert clock((0, 0), (3, 2.2), outages=(outage,)) == []


def test_of_a_span_in_which_two_servers_ran_nothing_is_known() -> None:
    unsure = Outage(1, 6, certain=False)
    for service in (2.0, 4.0, 7.0):
        assert clock((0, 0), (7, service), outages=(unsure,)) == []
    assert set(clock((0, 0), (7, 9), outages=(unsure,))) == {"CLOCK"}
    assert clock((0, 0), (3, 700), (7, 7), outages=(unsure,)) == []


# ---- timeouts


def at_clock(game: Played, event_id: int, clock: float) -> Replayed:
    """The game, with this event at another service time."""
    entry = game.journal[event_id - 1]
    moved = evolve(entry, event=evolve(entry.event, clock=clock))
    return truth(evolve(game, journal=(*game.journal[: event_id - 1], moved, *game.journal[event_id:])))


DAWDLED = played(timeout=TIMEOUT, dawdle_at=3)
STARTED = DAWDLED.journal[1].event.clock


def test_a_timeout_when_the_time_is_up_is_fair() -> None:
    assert isinstance(DAWDLED.journal[2].event, TimedOut)
    assert promises(fair_timeouts(truth(DAWDLED))) == []
    assert promises(fair_timeouts(truth(played(timeout=TIMEOUT)))) == []
    assert promises(fair_timeouts(truth(played()), until=START + 1e6)) == []


def test_a_timeout_before_its_time_is_found() -> None:
    assert promises(fair_timeouts(at_clock(DAWDLED, 3, STARTED + TIMEOUT - 0.1))) == ["TIMEOUT"]


def test_a_second_timeout_for_one_and_the_same_turn_is_found() -> None:
    game = played(timeout=TIMEOUT, dawdle_at=3)
    again = played(timeout=TIMEOUT, dawdle_at=4)
    both = evolve(game, journal=(*game.journal[:3], again.journal[3]))
    after = game.positions[2]
    [seat] = game.game.rules.to_act(after.state)
    entry = both.journal[3]
    assert isinstance(entry.event, TimedOut)
    user = game.game.created.players[seat]
    twice = evolve(entry, event=evolve(entry.event, players=(user,), clock=STARTED + TIMEOUT))
    found = truth(evolve(game, journal=(*both.journal[:3], twice)))
    assert promises(fair_timeouts(found)) == ["TIMEOUT"]


def test_an_action_long_after_its_time_was_up_is_found() -> None:
    game = played(timeout=TIMEOUT)
    late = game.journal[1].event.clock + TIMEOUT + LATE
    assert promises(fair_timeouts(at_clock(game, 3, late + 0.1)))[:1] == ["TIMEOUT"]
    assert promises(fair_timeouts(at_clock(game, 3, late - 1.0)))[:1] == []


def test_a_timeout_in_a_game_without_a_turn_clock_is_found() -> None:
    created = DAWDLED.journal[0]
    assert isinstance(created.event, Created)
    untimed = evolve(created, event=evolve(created.event, turn_timeout_seconds=None))
    assert promises(fair_timeouts(truth(evolve(DAWDLED, journal=(untimed, *DAWDLED.journal[1:]))))) == ["TIMEOUT"]


@pytest.mark.parametrize(("until", "found"), [(LATE - 0.1, []), (LATE + 0.1, ["TIMEOUT"])])
def test_a_clock_that_has_run_out_and_did_nothing_is_found(until: float, found: list[str]) -> None:
    running = played(timeout=TIMEOUT)
    cut = truth(evolve(running, journal=running.journal[:2]))
    assert promises(fair_timeouts(cut, until=running.journal[1].event.clock + TIMEOUT + until)) == found
