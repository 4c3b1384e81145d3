"""How long a call into rules may take. Rules run on the event loop: while one of them thinks, all games wait.

While a `TimeLimit` is in force, a timer signal looks four times per limit at what the main thread is doing. The calls
themselves it costs nothing: a call is known by its frame on the stack, that of `actors.game.ask_rules`. One that is
found there at five looks in a row, and so has run for the limit and for a quarter more at most, is interrupted by an
exception, `TimeIsUp`, that is raised wherever it is. A process that was paused meanwhile (SIGSTOP, a laptop asleep) has
missed the looks, and interrupts nothing. On a machine that has other things to do, a call that has had the processor
for less than half the limit is left alone for five times the limit: it may be the machine that is slow.

Rules may catch what they like (`except BaseException: pass`, in a loop): until the call has ended, `TimeIsUp` is raised
again and again, a few microseconds after the last, at intervals that change, so that before long it comes where nothing
catches it.

Only Python can be interrupted so. Native code in a call that does not return holds the loop until it does; the log then
says where (`actors.kit.watchdog`). Rules that are made of native code say so, and run in a process of their own.
"""

from __future__ import annotations

import signal
from itertools import cycle
from time import thread_time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType, TracebackType
    from typing import Any, Self

_LOOKS: Final = 4
"""So many looks fall into the limit."""

_PATIENCE: Final = 5
"""Limits for which a call that has hardly had the processor is left alone."""

_AGAIN: Final = (2e-6, 3e-6, 5e-6, 8e-6, 13e-6, 21e-6, 34e-6, 55e-6, 89e-6, 144e-6, 233e-6, 377e-6)
"""Seconds after which a call that caught the interruption is interrupted again, by turns. The shortest are no longer
than an `except` takes to be left; no two are in step with a loop around it."""


class TimeIsUp(BaseException):
    """The call has run for too long. Not an Exception: the rules have nothing to do with it."""


class TimeLimit:
    """Holds every call of this function (its `__code__`) to `seconds`, on the main thread, for the length of a block.

    There is one at a time in a process, because it has the process's timer signal (SIGALRM); what had it before has it
    again afterwards. Raises ValueError on another thread than the main one.
    """

    def __init__(self, seconds: float, calls: CodeType, *, cpu: Callable[[], float] = thread_time) -> None:
        """`cpu` gives the seconds of processor time that the thread has had."""
        self.seconds = seconds
        self.interrupted = 0  # how many calls
        self._calls = calls
        self._interval = seconds / _LOOKS
        self._pauses: Iterator[float] = cycle(_AGAIN)
        self._seen: FrameType | None = None
        self._looks = 0
        self._struck = False
        self._cpu = cpu
        self._cpu_before = 0.0
        self._former: tuple[Any, tuple[float, float]] | None = None

    def __enter__(self) -> Self:
        self._former = signal.signal(signal.SIGALRM, self._look), signal.getitimer(signal.ITIMER_REAL)
        signal.setitimer(signal.ITIMER_REAL, self._interval, self._interval)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._former is not None
        handler, timer = self._former
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)
        self._seen = None

    def _look(self, _: int, frame: FrameType | None) -> None:
        """Looks at where the main thread is. Raises TimeIsUp into a call that has been there for too long."""
        call = self._call_around(frame)
        if call is None or call is not self._seen:
            if self._struck:  # the one before has been got rid of
                signal.setitimer(signal.ITIMER_REAL, self._interval, self._interval)
            self._seen, self._looks, self._struck = call, 1, False
            self._cpu_before = self._cpu()
            return
        self._looks += 1
        if self._struck or self._is_up():
            self.interrupted += not self._struck
            self._struck = True
            signal.setitimer(signal.ITIMER_REAL, next(self._pauses), self._interval)
            raise TimeIsUp

    def _is_up(self) -> bool:
        if self._looks <= _LOOKS:
            return False
        had = self._cpu() - self._cpu_before
        return had >= self.seconds / 2 or self._looks > _LOOKS * _PATIENCE

    def _call_around(self, frame: FrameType | None) -> FrameType | None:
        """The call that this frame was called from; None when there is none, or when it is back where it was made."""
        at = None if frame is None else frame.f_back if frame.f_code is not self._calls else None
        while at is not None and at.f_code is not self._calls:
            at = at.f_back
        return at
