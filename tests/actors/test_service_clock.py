"""Service time: no faster than the real clock, fair to within a second for each interruption, and never back."""

from __future__ import annotations

from typing import TypeAlias

import pytest
import trio
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from actors.service_clock import AHEAD, ServiceClock
from tests.samples.memory import MemoryClockStore

EVERY = 0.25
SLACK = 1e-6


@pytest.fixture
def store() -> MemoryClockStore:
    return MemoryClockStore(seconds=100.0)


async def running(store: MemoryClockStore, nursery: trio.Nursery, seconds: float) -> ServiceClock:
    """A service clock that has run for so long."""
    service = ServiceClock(store)
    await nursery.start(service.run)
    await trio.sleep(seconds)
    return service


async def test_it_goes_on_from_what_stands_and_runs_as_the_real_clock_does(
    store: MemoryClockStore, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    service = ServiceClock(store)
    assert service.now() == 0.0
    await nursery.start(service.run)
    assert service.now() == 100.0
    await trio.sleep(10.1)
    assert service.now() == pytest.approx(110.1)
    assert store.seconds == pytest.approx(110.0)


async def test_it_is_written_twice_a_second_or_oftener(
    store: MemoryClockStore, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    store.latency = 0.2
    await nursery.start(ServiceClock(store).run)
    await trio.sleep(20)
    steps = [after - before for before, after in zip(store.written, store.written[1:], strict=False)]
    assert max(steps) <= 0.5 + SLACK


async def test_it_is_up_only_once_the_store_has_said_what_stands(
    store: MemoryClockStore, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    store.away = True
    service = ServiceClock(store)
    up = trio.Event()

    async def start() -> None:
        await nursery.start(service.run)
        up.set()

    nursery.start_soon(start)
    await trio.sleep(60)
    assert not up.is_set()
    assert service.now() == 0.0
    store.away = False
    await trio.sleep(1)
    assert up.is_set()
    assert 100.0 <= service.now() <= 101.0


async def test_it_stands_still_while_the_store_is_away_and_goes_on_by_itself(
    store: MemoryClockStore, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    service = await running(store, nursery, 1.0)
    store.away = True
    await trio.sleep(0.6)
    stood = service.now()
    await trio.sleep(3600)
    assert service.now() == stood <= store.seconds + AHEAD
    store.away = False
    await trio.sleep(EVERY)
    resumed = service.now()
    await trio.sleep(10)
    assert service.now() == pytest.approx(resumed + 10)
    assert resumed <= stood + EVERY


async def test_a_store_that_answers_within_a_second_costs_nobody_time(
    store: MemoryClockStore, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    store.latency = 0.7
    service = ServiceClock(store)
    await nursery.start(service.run)
    began = trio.current_time()
    await trio.sleep(60)
    assert service.now() - 100.0 == pytest.approx(trio.current_time() - began, abs=0.5)


async def test_the_time_for_which_the_process_was_stopped_does_not_count(
    store: MemoryClockStore, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    service = await running(store, nursery, 5.1)
    before = service.now()
    autojump_clock.jump(3600)
    assert before <= service.now() <= before + AHEAD
    await trio.sleep(10)
    assert service.now() == pytest.approx(before + 10, abs=1.0)


async def test_when_the_server_stops_it_stands_still_though_the_store_acknowledges(
    store: MemoryClockStore, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    service = await running(store, nursery, 10.1)
    for _ in range(2):
        service.stand_still()
        await trio.sleep(20)
    assert service.now() == pytest.approx(110.1)
    assert store.seconds == pytest.approx(110.1)


async def test_it_does_not_run_ahead_to_stand_still(
    store: MemoryClockStore, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    service = await running(store, nursery, 10.1)
    store.away = True
    await trio.sleep(60)
    stood = service.now()
    service.stand_still()
    assert service.now() == stood
    store.away = False
    await trio.sleep(60)
    assert service.now() == stood


@frozen
class Run:
    """The service runs undisturbed."""

    seconds: float


@frozen
class Pause:
    """The event loop, or the whole process, stands still."""

    seconds: float


@frozen
class Outage:
    """The store is away."""

    seconds: float


@frozen
class Slow:
    """The store takes so long for each write, for some time."""

    latency: float
    seconds: float


@frozen
class Crash:
    """The process is killed, and another one is up after so long; the store may have lost the last ticks."""

    seconds: float
    lost: float


@frozen
class Restart:
    """The service crashes, and its supervisor starts it again; the store may have lost the last ticks."""

    lost: float


Step: TypeAlias = Run | Pause | Outage | Slow | Crash | Restart

spans = st.floats(0.01, 6.0)
losses = st.floats(0.0, 0.3)
steps = st.one_of(
    st.builds(Run, spans),
    st.builds(Pause, spans),
    st.builds(Outage, spans),
    st.builds(Slow, st.floats(0.0, 0.7), spans),
    st.builds(Crash, spans, losses),
    st.builds(Restart, losses),
)


class Model:
    """A service under a virtual clock, and what is fair: real time, less the time that it was interrupted for."""

    def __init__(self, nursery: trio.Nursery, clock: MockClock) -> None:
        self.nursery = nursery
        self.clock = clock
        self.store = MemoryClockStore()
        self.began = trio.current_time()
        self.down = 0.0
        self.interruptions = 0
        self.scope = trio.CancelScope()
        self.new_process()

    def new_process(self) -> None:
        self.service = ServiceClock(self.store, every=EVERY)
        self.seen = 0.0
        self.stood = self.store.seconds
        self.written = len(self.store.written)

    async def start(self) -> None:
        self.scope = trio.CancelScope()

        async def live(*, task_status: trio.TaskStatus[None]) -> None:
            with self.scope:
                async with trio.open_nursery() as life:
                    await life.start(self.service.run)
                    task_status.started()

        await self.nursery.start(live)

    async def take(self, step: Step) -> None:
        match step:
            case Run(seconds):
                await self.watch(seconds)
            case Pause(seconds):
                self.clock.jump(seconds)
                self.look()
                self.interrupted(seconds)
            case Outage(seconds):
                self.store.away = True
                await self.watch(seconds)
                self.store.away = False
                self.interrupted(seconds)
            case Slow(latency, seconds):
                self.store.latency = latency
                await self.watch(seconds)
                self.store.latency = 0.0
                self.interrupted(0.0)
            case Crash(seconds, lost):
                self.scope.cancel()
                await trio.sleep(seconds)
                self.store.seconds = max(0.0, self.store.seconds - lost)
                self.new_process()
                await self.start()
                self.interrupted(seconds)
            case Restart(lost):
                self.scope.cancel()
                self.store.seconds = max(0.0, self.store.seconds - lost)
                await self.start()
                self.interrupted(0.0)

    def interrupted(self, seconds: float) -> None:
        self.down += seconds
        self.interruptions += 1

    async def watch(self, seconds: float) -> None:
        until = trio.current_time() + seconds
        while trio.current_time() < until:
            await trio.sleep(min(0.2, until - trio.current_time()))
            self.look()

    def look(self) -> None:
        now, real = self.service.now(), trio.current_time() - self.began
        assert now >= self.seen, "it went back"
        assert now <= real + SLACK, "it ran faster than the real clock"
        acknowledged = max([self.stood, *self.store.written[self.written :]])
        assert now <= acknowledged + AHEAD + SLACK, "it ran on without the store"
        self.seen = now

    def check(self) -> None:
        self.look()
        fair = trio.current_time() - self.began - self.down
        assert abs(self.seen - fair) <= self.interruptions * 1.0 + SLACK


@given(st.lists(steps, max_size=8))
def test_over_any_pauses_outages_and_crashes_it_is_fair_to_within_a_second_each(story: list[Step]) -> None:
    async def main() -> None:
        clock = trio.lowlevel.current_clock()
        assert isinstance(clock, MockClock)
        async with trio.open_nursery() as nursery:
            model = Model(nursery, clock)
            await model.start()
            for step in story:
                await model.take(step)
                await model.watch(1.0)
                model.check()
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))
