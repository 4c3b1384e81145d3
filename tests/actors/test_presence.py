"""Presence as a state machine: what is announced when, and that a view never shows what was not announced."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.presence import COUNT_PAUSE, Crowd, Patience, Presence, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

PATIENCE = Patience(debounce=2.0, grace=60.0)
CONNECTED, RECONNECTING, DISCONNECTED = Status.CONNECTED, Status.RECONNECTING, Status.DISCONNECTED


def empty(seats: int = 2) -> Presence:
    return Presence.of_a_new_game(PATIENCE, seats)


def with_both_here() -> Presence:
    presence = empty()
    presence.came(0)
    presence.came(1)
    presence.due(0.0)
    return presence


# ---- coming and going


def test_in_a_new_game_nobody_is_here_and_that_is_no_news() -> None:
    presence = empty()
    assert [presence.status(seat) for seat in (0, 1)] == [DISCONNECTED, DISCONNECTED]
    assert presence.next_due == math.inf
    assert not presence.waits


def test_who_comes_is_announced_at_once_and_once() -> None:
    presence = empty()
    presence.came(1)
    assert presence.next_due == -math.inf
    assert presence.due(0.0) == [(1, CONNECTED)]
    assert presence.due(0.0) == []
    assert presence.next_due == math.inf


def test_a_drop_that_heals_within_the_debounce_is_seen_by_nobody() -> None:
    presence = with_both_here()
    presence.dropped(0, 10.0)
    assert presence.next_due == 12.0
    assert presence.due(11.9) == []
    assert presence.status(0) is CONNECTED
    presence.came(0)
    assert presence.due(11.9) == []
    assert presence.next_due == math.inf


def test_a_drop_that_lasts_is_reconnecting_and_after_the_grace_disconnected() -> None:
    presence = with_both_here()
    presence.dropped(0, 10.0)
    assert presence.due(12.0) == [(0, RECONNECTING)]
    assert presence.status(0) is RECONNECTING
    assert presence.next_due == 70.0
    assert presence.due(69.9) == []
    assert presence.due(70.0) == [(0, DISCONNECTED)]
    assert presence.next_due == math.inf


def test_who_comes_back_late_is_announced_as_connected() -> None:
    presence = with_both_here()
    presence.dropped(0, 10.0)
    presence.due(12.0)
    presence.came(0)
    assert presence.due(13.0) == [(0, CONNECTED)]


def test_who_leaves_is_disconnected_at_once_without_any_grace() -> None:
    presence = with_both_here()
    presence.left(0)
    assert presence.status(0) is DISCONNECTED
    assert presence.due(10.0) == [(0, DISCONNECTED)]
    assert not presence.waits


def test_who_was_not_looked_at_for_long_goes_straight_to_disconnected() -> None:
    presence = with_both_here()
    presence.dropped(0, 10.0)
    assert presence.due(1000.0) == [(0, DISCONNECTED)]


def test_a_second_drop_of_one_who_has_not_come_back_does_not_prolong_the_grace() -> None:
    presence = with_both_here()
    presence.dropped(0, 10.0)
    presence.due(12.0)
    presence.dropped(0, 50.0)
    assert presence.due(70.0) == [(0, DISCONNECTED)]


def test_a_grace_shorter_than_the_debounce_does_not_announce_what_heals_in_time() -> None:
    presence = Presence.of_a_new_game(Patience(debounce=2.0, grace=0.0), 1)
    presence.came(0)
    presence.due(0.0)
    presence.dropped(0, 10.0)
    assert presence.due(11.9) == []
    assert presence.due(12.0) == [(0, DISCONNECTED)]


def test_it_waits_as_long_as_somebody_may_come_back() -> None:
    presence = with_both_here()
    waited = [presence.waits]
    presence.dropped(1, 0.0)
    waited.append(presence.waits)
    presence.due(60.0)
    assert [*waited, presence.waits] == [False, True, False]


# ---- who was here


def test_who_comes_for_the_first_time_was_not_absent() -> None:
    presence = empty()
    assert not presence.is_absent(0)


@pytest.mark.parametrize("now", [12.0, 100.0])
def test_who_is_known_to_be_gone_is_absent(now: float) -> None:
    presence = with_both_here()
    presence.dropped(0, 10.0)
    assert not presence.is_absent(0)
    presence.due(now)
    assert presence.is_absent(0)
    presence.came(0)
    assert not presence.is_absent(0)


def test_in_a_game_that_has_begun_anybody_may_have_been_here() -> None:
    assert Presence.of_a_new_game(PATIENCE, 2, were_here=True).is_absent(0)


# ---- after a restart


def test_after_a_restart_everybody_is_reconnecting_for_the_grace_period_and_that_is_no_news() -> None:
    presence = Presence.after_a_restart(PATIENCE, 2, since=100.0)
    assert presence.due(130.0) == []
    assert presence.status(0) is RECONNECTING
    assert presence.is_absent(0)
    presence.came(0)
    assert presence.due(131.0) == [(0, CONNECTED)]
    assert presence.next_due == 160.0
    assert presence.due(160.0) == [(1, DISCONNECTED)]


# ---- against a model

SEATS = 2
moments = st.lists(
    st.tuples(
        st.floats(0.0, 40.0).map(lambda wait: round(wait, 1)),
        st.sampled_from(["came", "dropped", "left", "look"]),
        st.integers(0, SEATS - 1),
    ),
    max_size=30,
)


class Model:
    """Each seat's whole story, from which its status at any moment is read; it knows no announcements."""

    def __init__(self, restarted: bool) -> None:
        start = (RECONNECTING, 0.0) if restarted else (DISCONNECTED, 0.0)
        self.stories = {seat: [start] for seat in range(SEATS)}

    def note(self, seat: int, what: str, now: float) -> None:
        if what == "dropped":
            if self.stories[seat][-1][0] is CONNECTED:
                self.stories[seat].append((RECONNECTING, now))
        elif what in ("came", "left"):
            self.stories[seat].append((CONNECTED if what == "came" else DISCONNECTED, now))

    def status(self, seat: int, now: float, *, restarted: bool) -> Status:
        status, since = self.stories[seat][-1]
        if status is not RECONNECTING:
            return status
        if now >= since + PATIENCE.grace:
            return DISCONNECTED
        first = restarted and len(self.stories[seat]) == 1
        return RECONNECTING if first or now >= since + PATIENCE.debounce else CONNECTED


@given(moments, st.booleans())
def test_what_is_shown_is_what_the_story_says_and_what_was_announced(
    events: Iterable[tuple[float, str, int]], restarted: bool
) -> None:
    presence = Presence.after_a_restart(PATIENCE, SEATS, 0.0) if restarted else empty(SEATS)
    model, now = Model(restarted), 0.0
    announced = {seat: presence.status(seat) for seat in range(SEATS)}
    for wait, what, seat in events:
        now += wait
        presence_due = presence.due(now)  # nobody looks later than when it is due, as the service does
        for told, status in presence_due:
            assert announced[told] is not status
            announced[told] = status
        match what:
            case "came":
                presence.came(seat)
            case "dropped":
                presence.dropped(seat, now)
            case "left":
                presence.left(seat)
        if what != "look":
            model.note(seat, what, now)
        announced.update(presence.due(now))
        for each in range(SEATS):
            assert presence.status(each) is model.status(each, now, restarted=restarted)
            assert announced[each] is presence.status(each)
        assert presence.next_due > now


@given(moments)
def test_when_it_is_due_there_is_news_and_before_that_there_is_none(events: Iterable[tuple[float, str, int]]) -> None:
    presence, now = empty(SEATS), 0.0
    for wait, what, seat in events:
        now += wait
        match what:
            case "came":
                presence.came(seat)
            case "dropped":
                presence.dropped(seat, now)
            case "left":
                presence.left(seat)
        presence.due(now)
        due = presence.next_due
        if due < math.inf:
            assert presence.due(math.nextafter(due, now)) == []
            assert presence.due(due) != []
            now = due


# ---- the spectators


def test_the_first_spectator_is_announced_at_once_and_the_next_after_the_pause() -> None:
    crowd = Crowd()
    assert crowd.due(1, 10.0)
    assert not crowd.due(2, 10.1)
    assert crowd.next_due(2) == 10.0 + COUNT_PAUSE
    assert crowd.due(3, 10.0 + COUNT_PAUSE)
    assert crowd.next_due(3) == math.inf


def test_a_number_that_is_the_same_again_is_no_news() -> None:
    crowd = Crowd()
    crowd.due(1, 0.0)
    assert not crowd.due(1, 10.0)


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(0, 3)), min_size=1, max_size=40))
def test_the_last_number_is_always_announced_and_none_sooner_than_the_pause_allows(
    steps: list[tuple[float, int]],
) -> None:
    crowd, now, told = Crowd(), 0.0, [(-math.inf, 0)]
    count = 0
    for wait, following in steps:
        while crowd.next_due(count) <= now + wait:
            at = max(now, crowd.next_due(count))
            assert crowd.due(count, at)
            told.append((at, count))
            now, wait = at, max(0.0, now + wait - at)
        now, count = now + wait, following
    if crowd.next_due(count) < math.inf:
        at = max(now, crowd.next_due(count))
        assert crowd.due(count, at)
        told.append((at, count))
    assert told[-1][1] == count
    assert all(later >= sooner + COUNT_PAUSE for (sooner, _), (later, _) in pairwise(told))
