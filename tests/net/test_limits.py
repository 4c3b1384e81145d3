"""Token buckets against a model that counts tokens, and the registries that forget."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from net.config import Limits
from net.limits import Buckets, Places, Rate, RequestLimits

RATES = st.sampled_from([0.5, 1.0, 2.0, 8.0])
BURSTS = st.integers(1, 8)
PAUSES = st.integers(0, 64).map(lambda ticks: ticks / 16)
"""Times and rates are powers of two, so that the floats of the bucket are exact, and the model's word is the last."""


@define
class Counted:
    """A bucket as one explains it: a number of tokens, poured in as time goes by."""

    rate: Rate
    tokens: Fraction = field(init=False)
    at: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.tokens = Fraction(self.rate.burst)

    def take(self, now: float) -> float | None:
        poured = Fraction(now - self.at) * Fraction(self.rate.per_second)
        self.tokens, self.at = min(Fraction(self.rate.burst), self.tokens + poured), now
        if self.tokens < 1:
            return float((1 - self.tokens) / Fraction(self.rate.per_second))
        self.tokens -= 1
        return None


@given(RATES, BURSTS, st.lists(st.tuples(PAUSES, st.sampled_from("ab")), max_size=80))
def test_a_bucket_grants_and_refuses_as_if_its_tokens_were_counted(
    per_second: float, burst: int, attempts: list[tuple[float, str]]
) -> None:
    rate = Rate(per_second, burst)
    buckets = Buckets(rate, most=1000)
    counted = {key: Counted(rate) for key in "ab"}
    now = 0.0
    for pause, key in attempts:
        now += pause
        assert buckets.take(key, now) == counted[key].take(now)


@given(st.floats(0.01, 1000), st.integers(1, 50), st.lists(st.floats(0, 3), min_size=1, max_size=60), st.floats(0, 1e7))
def test_whoever_waits_as_long_as_they_were_told_is_let_in(
    per_second: float, burst: int, pauses: list[float], start: float
) -> None:
    buckets = Buckets(Rate(per_second, burst))
    now = start
    for pause in pauses:
        now += pause
        while buckets.take("a", now) is None:
            pass
        wait = buckets.take("a", now)
        assert wait is not None
        assert 0 < wait <= 1 / per_second + 1e-6
        now += wait
        assert buckets.take("a", now) is None


@given(st.integers(1, 20), st.integers(1, 20), st.lists(st.floats(0, 1), max_size=200))
def test_no_span_of_time_grants_more_than_the_burst_and_what_was_poured_in(
    per_second: int, burst: int, pauses: list[float]
) -> None:
    buckets = Buckets(Rate(per_second, burst))
    now, granted = 0.0, 0
    for pause in pauses:
        now += pause
        granted += buckets.take("a", now) is None
        assert granted <= burst + per_second * now + 0.001


def test_a_rate_of_none_limits_nothing_and_remembers_nothing() -> None:
    buckets = Buckets(Rate(0, 1))
    assert [buckets.take("a", 0.0) for _ in range(1000)] == [None] * 1000
    assert len(buckets) == 0


def test_a_refusal_takes_no_token() -> None:
    buckets = Buckets(Rate(1, 1))
    assert buckets.take("a", 0.0) is None
    assert [buckets.take("a", 0.5) for _ in range(100)] == [0.5] * 100
    assert buckets.take("a", 1.0) is None


# ---- what is remembered


def test_full_buckets_are_forgotten() -> None:
    buckets = Buckets(Rate(1, 1), most=10_000)
    for number in range(20_000):
        buckets.take(str(number), now=float(number))
        assert len(buckets) <= 1025


def test_a_bucket_that_is_not_full_is_remembered_while_others_are_forgotten() -> None:
    buckets = Buckets(Rate(1, 100_000), most=10_000)
    for _ in range(100_000):
        assert buckets.take("busy", 0.0) is None
    for number in range(5000):
        buckets.take(f"idle {number}", now=1.0 + number / 100)
    assert buckets.take("busy", 0.0) is not None


@pytest.mark.parametrize("most", [1, 7, 100, 3000])
def test_there_are_never_more_buckets_than_the_bound(most: int) -> None:
    buckets = Buckets(Rate(0.001, 1), most=most)
    for number in range(4 * most):
        assert buckets.take(str(number), 0.0) is None
        assert len(buckets) <= most


def test_of_too_many_buckets_the_emptiest_are_remembered() -> None:
    buckets = Buckets(Rate(0.001, 2), most=100)
    buckets.take("flood", 0.0)
    buckets.take("flood", 0.0)
    for number in range(1000):
        buckets.take(str(number), 0.0)
    assert buckets.take("flood", 0.0) is not None


# ---- requests


def test_a_request_takes_of_the_connection_and_of_the_user() -> None:
    limits = RequestLimits(connection=Rate(1, 2), user=Rate(1, 3), refusals=10)
    assert [limits.take("s1", "anna", 0.0) for _ in range(3)] == [None, None, 1.0]
    assert [limits.take("s2", "anna", 0.0) for _ in range(2)] == [None, 1.0]
    assert limits.take("s3", "ben", 0.0) is None


def test_a_request_that_the_user_may_not_make_takes_nothing_of_the_connection() -> None:
    limits = RequestLimits(connection=Rate(1, 2), user=Rate(0.5, 1), refusals=10)
    assert limits.take("s1", "anna", 0.0) is None
    for _ in range(20):
        assert limits.take("s1", "anna", 1.0) == 1.0
    assert limits.take("s1", "ben", 1.0) is None


def test_a_request_that_was_more_work_counts_as_several_and_is_waited_for() -> None:
    limits = RequestLimits(connection=Rate(1, 3), user=Rate(100, 100), refusals=10)
    assert limits.take("s", "anna", 0.0) is None
    limits.charge("s", "anna", 0.0, 5)
    assert limits.take("s", "anna", 0.0) == 4.0
    assert limits.take("s", "anna", 4.0) is None
    without = RequestLimits(connection=Rate(0, 1), user=Rate(0, 1), refusals=10)
    without.charge("s", "anna", 0.0, 1000)
    assert without.take("s", "anna", 0.0) is None


def test_the_longer_of_the_two_waits_is_told() -> None:
    limits = RequestLimits(connection=Rate(1, 1), user=Rate(0.25, 1), refusals=10)
    assert limits.take("s", "u", 0.0) is None
    assert limits.take("s", "u", 0.5) == 3.5


def test_a_connection_floods_when_it_was_refused_too_often() -> None:
    limits = RequestLimits(connection=Rate(20, 40), user=Rate(0, 1), refusals=5)
    assert [limits.floods("s", 0.0) for _ in range(7)] == [False] * 5 + [True] * 2
    assert not limits.floods("t", 0.0)


def test_refusals_are_forgiven_as_fast_as_requests_are_granted() -> None:
    limits = RequestLimits(connection=Rate(20, 40), user=Rate(0, 1), refusals=5)
    assert not any(limits.floods("s", tick / 20) for tick in range(1000))
    assert any(limits.floods("s", 50 + tick / 25) for tick in range(1000))


def test_where_only_users_are_limited_a_flood_is_noticed_too() -> None:
    limits = RequestLimits(connection=Rate(0, 1), user=Rate(1, 1), refusals=2)
    assert [limits.floods("s", 0.0) for _ in range(3)] == [False, False, True]


def test_the_limits_of_requests_are_those_of_the_configuration() -> None:
    keys = Limits(
        requests_per_second=2,
        request_burst=3,
        user_requests_per_second=4,
        user_request_burst=7,
        refusals_before_drop=1,
    )
    limits = RequestLimits.of(keys)
    assert [limits.take("s1", "u", 0.0) for _ in range(4)] == [None, None, None, 0.5]
    assert [limits.take("s2", "u", 0.0) for _ in range(4)] == [None, None, None, 0.5]
    assert [limits.take("s3", "u", 0.0) for _ in range(2)] == [None, 0.25]
    assert [limits.floods("s1", 0.0), limits.floods("s1", 0.0)] == [False, True]


def test_without_rates_nobody_is_refused() -> None:
    keys = Limits().without_rates()
    limits = RequestLimits.of(keys)
    for _ in range(1000):
        assert limits.take("s", "u", 0.0) is None
    assert keys.connections_per_address == keys.connects_per_minute == keys.address_connects_per_minute == 0
    assert keys.mailbox == Limits().mailbox


# ---- by the minute


def test_what_is_counted_by_the_minute_may_come_all_at_once() -> None:
    buckets = Buckets(Rate.per_minute(2))
    assert [buckets.take("u", 0.0) for _ in range(3)] == [None, None, 30.0]
    assert buckets.take("u", 30.0) is None
    assert buckets.take("v", 0.0) is None


def test_less_than_one_a_minute_still_lets_one_in() -> None:
    buckets = Buckets(Rate.per_minute(0.5))
    assert buckets.take("u", 0.0) is None
    assert buckets.take("u", 0.0) == pytest.approx(120.0)


# ---- waiting for one's turn


def test_who_waits_has_the_next_token_and_who_comes_after_the_one_after() -> None:
    buckets = Buckets(Rate(4, 2))
    assert [buckets.reserve("a", 0.0, 1.0) for _ in range(8)] == [0, 0, 0.25, 0.5, 0.75, 1.0, None, None]
    assert buckets.reserve("a", 0.5, 1.0) == 0.75
    assert buckets.reserve("b", 0.0, 1.0) == 0


@given(st.integers(1, 20), st.integers(1, 20), st.lists(st.floats(0, 0.3), max_size=200))
def test_those_who_wait_their_turn_are_no_more_than_the_rate_allows(
    per_second: int, burst: int, pauses: list[float]
) -> None:
    buckets = Buckets(Rate(per_second, burst))
    now, turns = 0.0, []
    for pause in pauses:
        now += pause
        wait = buckets.reserve("a", now, 2.0)
        if wait is not None:
            assert wait <= 2.0
            turns.append(now + wait)
    assert turns == sorted(turns)
    for number, turn in enumerate(turns):
        assert number < burst + per_second * turn + 0.001


# ---- places


@given(st.integers(0, 3), st.lists(st.tuples(st.booleans(), st.sampled_from("ab")), max_size=60))
def test_each_key_has_so_many_places_and_no_more(each: int, moves: list[tuple[bool, str]]) -> None:
    places, taken = Places(each), {"a": 0, "b": 0}
    for entering, key in moves:
        if entering:
            entered = taken[key] < (each or math.inf)
            assert places.enter(key) is entered
            taken[key] += entered
        elif taken[key]:
            places.leave(key)
            taken[key] -= 1
        assert len(places) == sum(map(bool, taken.values()))
