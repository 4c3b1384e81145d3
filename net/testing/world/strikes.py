"""The faults of a world, carried out on its house."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import trio
from attrs import define, evolve, field

from net.checks import Outage, Promise, Violation
from net.errors import StartError
from net.testing.house import House, HouseError
from net.testing.streams import Link
from net.testing.world.people import Person, Scene
from net.testing.world.plan import Fault, Plan

if TYPE_CHECKING:
    from trio.testing import MockClock

    from net.testing.world.plan import Strike

_RETRY: Final = 0.2
_PASSES: Final = 6
"""How often a crash point is passed before the server is killed there, at most: in a small world it is not passed more
often."""

_AFTERMATH: Final = 7.0
"""Seconds after a fault of the store within which the server has found back to it: a call's patience, and its waits."""

_LINKS: Final = (
    Link(latency=0.1),
    Link(latency=0.001, capacity=512),
    Link(latency=0.001, receive_limit=70),
    Link(latency=0.02, send_limit=120),
)


@define(eq=False)
class Steps(trio.abc.Instrument):
    """Calls `then` after so many steps of the scheduler."""

    left: int
    then: Callable[[], None]

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """See `trio.abc.Instrument`."""
        self.left -= 1
        if self.left == 0:
            self.then()


@define(eq=False)
class Points:
    """Implements `actors.ports.CrashPoints`: at one of them, the server is killed."""

    kill: Callable[[], None]
    point: str = ""
    left: int = 0

    def reach(self, point: str) -> None:
        """See `actors.ports.CrashPoints`."""
        if point == self.point and self.left:
            self.left -= 1
            if not self.left:
                self.kill()


@define(eq=False)
class Striker:
    """Does to one house what the plan says, starts its server again when it is down, and keeps count."""

    house: House
    plan: Plan
    scene: Scene
    people: Sequence[Person]
    done: Counter[str] = field(factory=Counter, init=False)
    """The faults that came to something, by kind."""
    outages: list[Outage] = field(factory=list, init=False)
    lost: bool = field(default=False, init=False)
    """Whether the store has lost what it acknowledged."""
    excused: set[str] = field(factory=set, init=False)
    """The games of which it has."""
    games: list[str] = field(factory=list, init=False)
    _downtime: float = field(default=0.0, init=False)
    _points: Points = field(init=False)
    _steps: Steps | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._points = Points(partial(self._kill, Fault.KILL_AT_POINT))
        self.house.crash_points = self._points

    # ---- the server's lives

    async def keep_up(self) -> None:
        """Starts the server again whenever it is down; a service."""
        while True:
            await self.house.until_down()
            began = self.house.clock.now()
            await trio.sleep(self._downtime)
            while True:
                try:
                    await self.house.start()
                    break
                except (StartError, HouseError):
                    await trio.sleep(_RETRY)
            self.outages.append(Outage(began, self.house.clock.now()))

    async def run(self) -> None:
        """Strike after strike, until all is calm, at the plan's horizon: then nothing is left of any fault."""
        async with trio.open_nursery() as nursery:
            with trio.move_on_after(self.plan.horizon):
                for strike in self.plan.strikes:
                    await trio.sleep(strike.after)
                    self.house.trace.did("world", f"{strike.fault} ({strike.seconds:.2f} s, {strike.count})")
                    nursery.start_soon(self._strike, strike)
                await trio.sleep_forever()
            nursery.cancel_scope.cancel()
        self.calm_down()

    def calm_down(self) -> None:
        """Ends every fault that lasts, and disarms every one to come."""
        self._points.left = 0
        self._disarm()
        self.house.redis.heal()
        self.house.network.link = Link(latency=0.001)
        self._downtime = 0.0
        self.scene.calm = True
        self.house.trace.did("world", "is calm")

    def _disarm(self) -> None:
        self.house.redis.executing = None
        if self._steps is not None:
            trio.lowlevel.remove_instrument(self._steps)
            self._steps = None

    def _kill(self, fault: Fault) -> None:
        self.done[fault] += 1
        self.house.kill()

    # ---- the strikes

    async def _strike(self, strike: Strike) -> None:
        house, fault, clock = self.house, strike.fault, self.house.clock
        began = clock.now()
        match fault:
            case Fault.KILL:
                self._downtime = strike.seconds
                self._kill(fault)
            case Fault.KILL_AT_POINT:
                self._downtime = strike.seconds
                self._points.point, self._points.left = strike.point, 1 + strike.count % _PASSES
            case Fault.KILL_AT_STEP:
                self._downtime = strike.seconds
                self._kill_after_steps(strike.count * 3)
            case Fault.KILL_AT_COMMAND:
                self._downtime = strike.seconds
                self._kill_at_command(strike.count)
            case Fault.RESTART:
                await self._restart()
            case Fault.SUSPEND:
                clock_of_trio: MockClock = trio.lowlevel.current_clock()  # type: ignore[assignment]
                clock_of_trio.jump(strike.seconds)
                self._happened(fault, Outage(began, began + strike.seconds))
            case Fault.TAKE_OVER:
                await self._take_over(began)
            case Fault.CUT | Fault.HALF_OPEN:
                self._cut_off(strike)
            case Fault.LINK:
                self.done[fault] += 1
                house.network.link = _LINKS[strike.choice % len(_LINKS)]
            case _:
                await self._strike_store(strike)

    async def _strike_store(self, strike: Strike) -> None:
        redis, fault = self.house.redis, strike.fault
        began = self.house.clock.now()
        self.done[fault] += 1
        match fault:
            case Fault.STORE_PAUSE:
                redis.pause()
            case Fault.STORE_SLOW:
                redis.slow_down(strike.seconds / 10)
            case Fault.STORE_CUT:
                redis.cut()
            case Fault.STORE_HALF_OPEN:
                redis.half_open()
            case Fault.STORE_REFUSES:
                redis.refuse()
                redis.cut()
            case Fault.STORE_ERRORS:
                redis.answer_with(strike.error, writes_only=not strike.error.startswith("LOADING"))
            case Fault.STORE_CRASH:
                self._crash_store()
            case Fault.REPLY_LOST:
                redis.drop_next_reply()
            case Fault.REPLY_HALVED:
                redis.cut_next_reply()
        # Until it is known to be over, and the server is back, nobody can say whether the clock goes.
        self.outages.append(Outage(began, began + strike.seconds + _AFTERMATH, certain=False))
        await trio.sleep(strike.seconds)
        match fault:
            case Fault.STORE_PAUSE:
                redis.resume()
            case Fault.STORE_SLOW:
                redis.slow_down(0.0)
            case Fault.STORE_REFUSES | Fault.STORE_CRASH:
                redis.admit()
            case Fault.STORE_ERRORS:
                redis.obey()

    def _crash_store(self) -> None:
        before = {game_id: self._length(game_id) for game_id in self.games}
        if self.house.redis.crash():
            self.lost = True
            self.excused |= {game_id for game_id, length in before.items() if self._length(game_id) < length}

    def _length(self, game_id: str) -> int:
        found = self.house.redis.execute("XLEN", f"{self.plan.config.store.prefix}game:{game_id}")
        assert isinstance(found, int)
        return found

    def _kill_after_steps(self, count: int) -> None:
        def kill() -> None:
            self._steps = None
            trio.lowlevel.remove_instrument(steps)
            self._kill(Fault.KILL_AT_STEP)

        self._disarm()
        steps = self._steps = Steps(count, kill)
        trio.lowlevel.add_instrument(steps)

    def _kill_at_command(self, count: int) -> None:
        left = count

        def executing(command: Sequence[bytes]) -> None:
            nonlocal left
            left -= 1
            if not left:
                self.house.redis.executing = None
                self._kill(Fault.KILL_AT_COMMAND)

        self.house.redis.executing = executing

    async def _restart(self) -> None:
        try:
            await self.house.stop()
        except HouseError as error:
            if "down already" not in str(error):
                self.scene.violations.append(Violation(Promise.STOP, "-", str(error)))
        else:
            self.done[Fault.RESTART] += 1

    async def _take_over(self, began: float) -> None:
        try:
            await self.house.take_over()
        except (StartError, HouseError):
            return
        # Who was with the former one goes on with it, until it notices.
        self._happened(Fault.TAKE_OVER, Outage(began, self.house.clock.now() + _AFTERMATH, certain=False))

    def _cut_off(self, strike: Strike) -> None:
        here = [person for person in self.people if person.line is not None]
        for person in here[: max(1, round(strike.share * len(here)))]:
            person.cut_off(told=strike.fault is Fault.CUT)
            self.done[strike.fault] += 1

    def _happened(self, fault: Fault, outage: Outage) -> None:
        self.done[fault] += 1
        self.outages.append(outage)


def merged(outages: Sequence[Outage]) -> list[Outage]:
    """The same without any that overlap: of those that do, nobody can say how much the clock went."""
    found: list[Outage] = []
    for outage in sorted(outages, key=lambda one: (one.begin, one.end)):
        if found and outage.begin <= found[-1].end:
            found[-1] = evolve(found[-1], end=max(found[-1].end, outage.end), certain=False)
        else:
            found.append(outage)
    return found
