"""Service time: the clock of all deadlines (contract, section 4).

It runs as the real one does while the server lives and the store acknowledges, and stands still else. So a deadline in
it survives a crash, a pause and an outage of the store without being rewritten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from actors.ports import StoreUnavailable

if TYPE_CHECKING:
    from actors.ports import ClockStore

AHEAD: Final = 0.5
"""Seconds by which service time may be ahead of the last tick that the store acknowledged. A crash takes it back by no
more than that."""


class ServiceClock:
    """Implements `actors.ports.ServiceClock`. It never goes back, and never runs faster than the real clock.

    Every `every` seconds the time is written to the store. Until the store has acknowledged that, the clock runs on for
    `AHEAD` seconds at most, and then stands. When the store answers again after no more than `longest` seconds, the
    clock has caught up; after longer than that it goes on from where it stood: that was downtime. It makes no
    difference whether the store was away, the process was stopped, or the event loop was held up.
    """

    def __init__(self, store: ClockStore, *, every: float = 0.25, longest: float = 1.0) -> None:
        self._store = store
        self._every = every
        self._longest = longest
        # Service time is `_base` at `_base_at` (in Trio's time), but never more than AHEAD after `_acked`.
        self._base = 0.0
        self._base_at = 0.0
        self._acked = 0.0
        self._acked_at: float | None = None  # None: nothing was read yet, and the clock stands
        self._stands_at: float | None = None

    def now(self) -> float:
        """Seconds of service; 0 until `run` is up for the first time."""
        if self._acked_at is None:
            return self._base
        return min(self._lived(), self._acked + AHEAD)

    def stand_still(self) -> None:
        """From now on it stands, whatever is acknowledged: the server stops, and nobody can play. Idempotent."""
        if self._stands_at is None:
            self._stands_at = self.now()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """A service: reads what stands, however long the store is away, is up then, and ticks. Raises what the store
        raises but StoreUnavailable. Cancelled, or run again: the clock goes on where it stood, as after an outage."""
        self._acknowledged(await self._read())
        task_status.started()
        while True:
            await trio.sleep(self._every)
            # Until it is downtime, the time for which the store made us wait counts, though the clock stands.
            seconds = self.now() if self._is_down() else self._lived()
            try:
                await self._store.write(seconds)
            except StoreUnavailable:
                continue
            self._acknowledged(seconds)

    async def _read(self) -> float:
        while True:
            try:
                return await self._store.read()
            except StoreUnavailable:
                await trio.sleep(self._every)

    def _acknowledged(self, seconds: float) -> None:
        """The store has this time. What was acknowledged before counts too, even if the store has lost it."""
        now = trio.current_time()
        if self._is_down():
            self._base, self._base_at = max(self.now(), seconds), now
        self._acked, self._acked_at = max(self._acked, seconds), now

    def _lived(self) -> float:
        """Service time, were the store to acknowledge it at once."""
        if self._stands_at is not None:
            return self._stands_at
        return self._base + (trio.current_time() - self._base_at)

    def _is_down(self) -> bool:
        return self._acked_at is None or trio.current_time() - self._acked_at > self._longest
