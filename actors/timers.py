"""The clocks of all running games, in one heap. A game at rest costs an entry here, and nothing else."""

from __future__ import annotations

import heapq
import logging
import math
from typing import TYPE_CHECKING, Final

import trio
from attrs import define

from actors.meter import LATE, Histogram
from actors.ports import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.ports import ClockStore, ServiceClock

log = logging.getLogger("croupier.timers")

FIRST_RETRY: Final = 1.0
LONGEST_RETRY: Final = 30.0
"""Seconds of service after which a table that was told, and has not said what became of its clock, is told again: the
first time, and at most."""

_SHORTEST_SLEEP: Final = 0.05
"""Service time may stand just before a deadline for as long as the store is away: no need to look more often."""

_BREATH: Final = 100
"""Tables that are told before other tasks have their turn."""


@define
class _Clock:
    """A game's clock: when it runs out, when its table is to be told next, how often it was told already, and what is
    remembered of when the game is abandoned. Times are service time."""

    deadline: float
    due: float
    told: int = 0
    abandoned: float | None = None


class Timers:
    """Tells tables that a clock of theirs may have run out, by `wake`; what that means is for the table to decide. A
    table has a turn clock, perhaps, and is told when nobody is left in the game; the earlier of both counts.

    Whoever was told is told again, at growing intervals, until its table sets the clock anew or takes it away: so no
    time-out is lost when a mailbox is full, a table cannot be loaded or the store is away. Telling once too often does
    no harm.
    """

    def __init__(
        self, service: ServiceClock, store: ClockStore, wake: Callable[[str], None], late: Histogram | None = None
    ) -> None:
        """`wake` is given a game's id; it must not block, and raises nothing. `late` counts by how many seconds tables
        were told too late."""
        self._service = service
        self._store = store
        self._wake = wake
        self._late = Histogram(LATE) if late is None else late
        self._clocks: dict[str, _Clock] = {}
        self._heap: list[tuple[float, str]] = []  # may hold entries that no clock goes by any more
        self._sooner = trio.lowlevel.ParkingLot()

    def __len__(self) -> int:
        return len(self._clocks)

    def set(self, game_id: str, deadline: float | None, *, abandoned: float | None = None) -> None:
        """This game's table is to look at its clocks then (service time); None: none runs. When the game is `abandoned`
        is remembered for its next table, which may know only how its turn clock stands."""
        if deadline is None:
            self._clocks.pop(game_id, None)
            return
        known = self._clocks.get(game_id)
        if known is not None and known.deadline == deadline <= known.due:
            known.abandoned = abandoned
            return  # a table that cannot do its work loads again and again: it is not to be told any sooner for that
        self._arm(game_id, _Clock(deadline, deadline, abandoned=abandoned))

    def abandonment(self, game_id: str, turn: float | None) -> float | None:
        """When this game is abandoned, whose turn clock runs out at `turn`, as far as that is known. What was taken
        over from the store is the earlier of the two: what is not the turn clock's is this."""
        clock = self._clocks.get(game_id)
        if clock is None or clock.abandoned is not None:
            return None if clock is None else clock.abandoned
        return None if clock.deadline in (turn, math.inf) else clock.deadline

    def again(self, game_id: str, seconds: float) -> None:
        """Tells the table after so many seconds of service, whether its clock will have run out by then or not."""
        known = self._clocks.get(game_id)
        deadline, abandoned = (math.inf, None) if known is None else (known.deadline, known.abandoned)
        self._arm(game_id, _Clock(deadline, self._service.now() + seconds, abandoned=abandoned))

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """A service: takes over the clocks that stand in the store, and tells those whose time has come, for ever. It
        is up at once, and waits for the store by itself. Cancelled, or run again: no clock is lost."""
        task_status.started()
        await self._take_over()
        while True:
            await self._tell_due()
            await self._sleep()

    # ---- the loop

    async def _take_over(self) -> None:
        while True:
            try:
                standing = await self._store.deadlines()
            except StoreUnavailable:
                await trio.sleep(FIRST_RETRY)
            else:
                break
        for game_id, deadline in standing:
            if game_id not in self._clocks:  # what a table has set meanwhile is newer
                self.set(game_id, deadline)

    async def _tell_due(self) -> None:
        now = self._service.now()
        told = 0
        while (first := self._first()) is not None and first[0] <= now:
            _, game_id = heapq.heappop(self._heap)
            self._tell(game_id, now)
            told += 1
            if told % _BREATH == 0:
                await trio.lowlevel.checkpoint()

    def _tell(self, game_id: str, now: float) -> None:
        clock = self._clocks[game_id]
        if not clock.told:
            self._late.add(now - clock.due)
        clock.due = now + min(FIRST_RETRY * 2**clock.told, LONGEST_RETRY)
        clock.told = min(clock.told + 1, 16)
        heapq.heappush(self._heap, (clock.due, game_id))
        self._wake(game_id)

    async def _sleep(self) -> None:
        first = self._first()
        left = math.inf if first is None else first[0] - self._service.now()
        # Service time runs no faster than ours, so nothing is due before that.
        with trio.move_on_after(max(left, _SHORTEST_SLEEP)):
            await self._sooner.park()

    # ---- the heap

    def _arm(self, game_id: str, clock: _Clock) -> None:
        first = self._first()
        self._clocks[game_id] = clock
        heapq.heappush(self._heap, (clock.due, game_id))
        if len(self._heap) > 2 * len(self._clocks) + _BREATH:
            self._heap = [(clock.due, name) for name, clock in self._clocks.items()]
            heapq.heapify(self._heap)
        if first is None or clock.due < first[0]:
            self._sooner.unpark_all()

    def _first(self) -> tuple[float, str] | None:
        """The next one that is due, with what leads nowhere taken off before it."""
        while self._heap:
            due, game_id = self._heap[0]
            clock = self._clocks.get(game_id)
            if clock is not None and clock.due == due:
                return self._heap[0]
            heapq.heappop(self._heap)
        return None
