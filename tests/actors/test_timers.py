"""All the turn clocks of a process in one heap: none is lost, none is told in a loop."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import trio
from attrs import define, field

from actors.service_clock import ServiceClock
from actors.timers import FIRST_RETRY, LONGEST_RETRY, Timers
from tests.samples.memory import FixedClock, MemoryClockStore

if TYPE_CHECKING:
    from trio.testing import MockClock


class Running:
    """Service time that runs as Trio's does, until it is stopped."""

    def __init__(self) -> None:
        self.stopped_at: float | None = None
        self.began = trio.current_time()

    def now(self) -> float:
        return (trio.current_time() if self.stopped_at is None else self.stopped_at) - self.began


@define
class Bench:
    """Timers, and what they told: when, in service time, and whom."""

    service: Running
    store: MemoryClockStore
    told: list[tuple[float, str]] = field(factory=list)
    timers: Timers = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.timers = Timers(self.service, self.store, self.tell)

    def tell(self, game_id: str) -> None:
        self.told.append((round(self.service.now(), 1), game_id))


@pytest.fixture
async def bench(autojump_clock: MockClock, nursery: trio.Nursery) -> Bench:
    bench = Bench(Running(), MemoryClockStore())
    await nursery.start(bench.timers.run)
    await trio.lowlevel.checkpoint()
    return bench


async def test_each_table_is_told_when_its_clock_runs_out(bench: Bench, autojump_clock: MockClock) -> None:
    bench.timers.set("late", 20.0)
    bench.timers.set("early", 10.0)
    await trio.sleep(9.9)
    assert bench.told == []
    await trio.sleep(0.2)
    assert bench.told == [(10.0, "early")]
    bench.timers.set("early", None)
    await trio.sleep(10)
    assert bench.told == [(10.0, "early"), (20.0, "late")]


async def test_a_clock_that_is_set_anew_or_taken_away_is_not_told_of_at_its_old_time(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.timers.set("moved", 10.0)
    bench.timers.set("gone", 10.0)
    await trio.sleep(5)
    bench.timers.set("moved", 30.0)
    bench.timers.set("gone", None)
    await trio.sleep(24)
    assert bench.told == []
    await trio.sleep(1.1)
    assert bench.told == [(30.0, "moved")]


async def test_a_clock_that_is_set_to_an_earlier_time_is_told_of_then(bench: Bench, autojump_clock: MockClock) -> None:
    bench.timers.set("g", 100.0)
    await trio.sleep(1)
    bench.timers.set("g", 5.0)
    await trio.sleep(4.1)
    assert bench.told == [(5.0, "g")]


async def test_a_table_that_does_not_say_what_became_of_its_clock_is_told_again_at_growing_intervals(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.timers.set("g", 10.0)
    await trio.sleep(600)
    times = [at for at, _ in bench.told]
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses[:5] == pytest.approx([FIRST_RETRY * 2**n for n in range(5)], abs=0.2)
    assert max(pauses) == pytest.approx(LONGEST_RETRY, abs=0.2)
    told = len(bench.told)
    bench.timers.set("g", None)
    await trio.sleep(600)
    assert len(bench.told) == told


async def test_a_table_that_comes_back_again_and_again_with_the_same_clock_is_not_told_any_sooner(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.timers.set("g", 10.0)
    for _ in range(100):
        await trio.sleep(0.5)
        bench.timers.set("g", 10.0)
    assert len(bench.told) <= 7


async def test_a_table_that_asks_to_be_told_again_is(bench: Bench, autojump_clock: MockClock) -> None:
    bench.timers.set("has a clock", 50.0)
    bench.timers.again("has a clock", 2.0)
    bench.timers.again("has none", 3.0)
    await trio.sleep(2.5)
    bench.timers.set("has a clock", 50.0)
    await trio.sleep(1.0)
    assert bench.told == [(2.0, "has a clock"), (3.0, "has none")]
    bench.timers.set("has none", None)
    await trio.sleep(47)
    assert bench.told[2:] == [(50.0, "has a clock")]


async def test_while_service_time_stands_still_nobody_is_told_and_the_loop_rests(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.timers.set("g", 10.0)
    await trio.sleep(9.99)
    bench.service.stopped_at = trio.current_time()
    looked = 0

    def look() -> float:
        nonlocal looked
        looked += 1
        return now()

    now = bench.service.now
    bench.service.now = look  # type: ignore[method-assign]
    await trio.sleep(100)
    assert bench.told == []
    assert looked < 100 / 0.05 * 3


# ---- what stands in the store


async def test_at_the_start_the_clocks_that_stand_in_the_store_are_taken_over_and_wake_only_who_is_due(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(Running(), MemoryClockStore(standing={"soon": 5.0, "much later": 5000.0}))
    await nursery.start(bench.timers.run)
    await trio.sleep(6)
    assert {game_id for _, game_id in bench.told} == {"soon"}
    assert len(bench.timers) == 2


async def test_what_a_table_sets_before_the_store_answers_counts_more_than_what_stands(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(Running(), MemoryClockStore(standing={"g": 50.0, "other": 60.0}, away=True))
    await nursery.start(bench.timers.run)
    await trio.sleep(10)
    bench.timers.set("g", 70.0)
    bench.store.away = False
    await trio.sleep(49)
    assert bench.told == []
    await trio.sleep(5)
    assert bench.told[0] == (60.0, "other")
    bench.timers.set("other", None)
    await trio.sleep(10)
    assert bench.told[-1][1] == "g"


async def test_no_clock_is_lost_when_the_service_is_started_again(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    bench = Bench(Running(), MemoryClockStore())
    async with trio.open_nursery() as first:
        await first.start(bench.timers.run)
        bench.timers.set("g", 10.0)
        await trio.sleep(1)
        first.cancel_scope.cancel()
    bench.timers.set("h", 11.0)
    await nursery.start(bench.timers.run)
    await trio.sleep(10.5)
    assert {game_id for _, game_id in bench.told} == {"g", "h"}


# ---- ten thousand


def test_ten_thousand_clocks_that_are_set_anew_all_the_time_take_no_more_than_their_entries() -> None:
    timers = Timers(FixedClock(0.0), MemoryClockStore(), lambda _: None)
    names = [f"game-{n}" for n in range(10_000)]
    tracemalloc.start()
    try:
        for round_ in range(5):
            for n, name in enumerate(names):
                timers.set(name, 30.0 * (round_ + 1) + n)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used / len(names) < 600
    for name in names:
        timers.set(name, None)
    assert len(timers) == 0


async def test_the_service_clock_and_the_timers_together_fire_late_by_the_outage_and_no_more(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    store = MemoryClockStore(seconds=500.0, standing={"g": 530.0})
    service = ServiceClock(store)
    fired: list[float] = []
    timers = Timers(service, store, lambda _: fired.append(trio.current_time()))
    began = trio.current_time()
    await nursery.start(service.run)
    await nursery.start(timers.run)
    await trio.sleep(10)
    store.away = True
    await trio.sleep(100)
    store.away = False
    await trio.sleep(25)
    assert fired
    assert fired[0] - began == pytest.approx(130.0, abs=1.0)
