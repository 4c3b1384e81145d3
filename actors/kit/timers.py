"""An actor's timers: a heap of messages to itself, each with the moment at which it is due.

There is no task and no cancel scope per timer. The reader of the mailbox waits until the earliest is due, and takes the
message straight from the heap; so nothing is queued before it is due, cancelling is exact, and when the incarnation is
over, nothing of its timers is left anywhere. Times are Trio's.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING

from actors.kit.letters import Letter

if TYPE_CHECKING:
    from collections.abc import Callable

_PRUNE = 32
"""Up to so many cancelled timers stay in the heap until their time, however few others there are."""


class Timer:
    """A message that an actor gets from itself, once or again and again. Made by `Actor.after` and `Actor.every`."""

    __slots__ = ("_interval", "_message", "_timers")

    def __init__(self, timers: Timers, message: object, interval: float | None) -> None:
        self._timers: Timers | None = timers
        self._message = message
        self._interval = interval

    @property
    def pending(self) -> bool:
        """Whether its message is still to come, or to come again."""
        return self._timers is not None

    def cancel(self) -> bool:
        """From now on its message is not handled any more, even if it was due; says whether it was still to come.

        Idempotent; does nothing once the incarnation that made it is over.
        """
        timers = self._timers
        if timers is None:
            return False
        self._over()
        timers._count_cancelled()
        return True

    def _over(self) -> None:
        self._timers = None
        self._message = None


class Timers:
    """The timers of one incarnation. `wake` is called when the earliest has become an earlier one."""

    __slots__ = ("_cancelled", "_heap", "_number", "_wake", "_yields")

    def __init__(self, wake: Callable[[], None]) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._number = 0  # of two that are due at the same moment, the one that was set first comes first
        self._cancelled = 0
        self._yields = False
        self._wake = wake

    def set(self, due: float, message: object, interval: float | None = None) -> Timer:
        """A timer that is due at `due`, and from then on every `interval` seconds if one is given."""
        timer = Timer(self, message, interval)
        self._push(due, timer)
        if self._heap[0][2] is timer:
            self._wake()
        return timer

    def _push(self, due: float, timer: Timer) -> None:
        self._number += 1
        heapq.heappush(self._heap, (due, self._number, timer))

    def __bool__(self) -> bool:
        """Whether any is pending, or has been (some that were cancelled linger)."""
        return bool(self._heap)

    def next_due(self) -> float:
        """When the earliest is due; infinity when there is none."""
        heap = self._heap
        while heap and not heap[0][2].pending:
            heapq.heappop(heap)
            self._cancelled -= 1
        return heap[0][0] if heap else math.inf

    def take(self, now: float, *, others_wait: bool) -> Letter | None:
        """The message of the timer that has been due longest, if there is one.

        After each, if `others_wait`, there is none once: timers go before what is queued, but never keep it from being
        handled, however short they are.
        """
        if self._yields and others_wait:
            self._yields = False
            return None
        due = self.next_due()
        self._yields = due <= now
        if not self._yields:
            return None
        timer = heapq.heappop(self._heap)[2]
        letter = Letter(timer._message)
        if timer._interval is None:
            timer._over()
        else:
            self._push(_next_tick(due, timer._interval, now), timer)
        return letter

    def clear(self) -> None:
        """Ends them all."""
        for _, _, timer in self._heap:
            timer._over()
        self._heap.clear()

    def _count_cancelled(self) -> None:
        """Keeps those that were cancelled from piling up until their time: a timeout is mostly set to be cancelled."""
        self._cancelled += 1
        if self._cancelled > _PRUNE and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].pending]
            heapq.heapify(self._heap)
            self._cancelled = 0


def _next_tick(due: float, interval: float, now: float) -> float:
    """The first tick after `now` of those that follow `due` at this interval."""
    following = due + interval
    return following if following > now else now + interval - math.fmod(now - due, interval)
