"""Watches the event loop from outside: whoever holds it for too long is reported, with the stack that holds it.

Trio lets one task run until it awaits, so a handler that computes, or waits for a disk, stops everybody. It cannot be
interrupted from here; but whoever reads the log is to know where it was. (`actors.kit.watchdog_stop` is for a shutdown
that hangs.)

Only for the real world: it needs a thread, and a simulation has none.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

import trio
from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType

logger = logging.getLogger("croupier.kit")

_LOOKS: Final = 4
"""So many looks fall into the time after which a stall is reported: one that lasts a quarter longer is surely seen."""

_FRAMES: Final = 40
_KEPT: Final = 64
_GOODBYE: Final = 1.0


@frozen
class Stalled:
    """The loop is being held, for so many seconds so far: now is the moment to look at the stack."""

    seconds: float


@frozen
class Released:
    """The loop turns again after so many seconds. `seen`: it was reported when it was held; else the thread that
    watches was held up as well, by native code that keeps the interpreter's lock."""

    seconds: float
    seen: bool


@frozen
class Absent:
    """For so many seconds the process did not run at all: it was paused, or the machine had other things to do."""

    seconds: float


Finding: TypeAlias = Stalled | Released | Absent


@frozen
class Turn:
    """One turn of the event loop, from one wait for the outside to the next: when it began and, once it has ended,
    when that was."""

    began: float
    ended: float


class Pulse(trio.abc.Instrument):
    """Notes when the loop's turns begin and end. It costs a turn two readings of the clock, and wakes nobody.

    `turn` is when the present turn began, None while the loop waits; `long_turns` are those that took `after` seconds
    or longer. Written by the loop's thread alone.
    """

    def __init__(self, after: float, now: Callable[[], float]) -> None:
        self.turn: float | None = None
        self.long_turns: deque[Turn] = deque(maxlen=_KEPT)
        self._after = after
        self._now = now

    def after_io_wait(self, timeout: float) -> None:
        """See `trio.abc.Instrument`."""
        self.turn = self._now()

    def before_io_wait(self, timeout: float) -> None:
        """See `trio.abc.Instrument`."""
        began, self.turn = self.turn, None
        if began is not None:
            ended = self._now()
            if ended - began >= self._after:
                self.long_turns.append(Turn(began, ended))


@define
class Lookout:
    """What there is to say at each look at the loop. Pure: the times, in seconds, come from outside.

    A look that comes much too late says that this thread did not run either. If the process used no processor meanwhile
    that is nobody's fault in here, and the time does not count.
    """

    after: float
    _looked: float | None = field(default=None, init=False)
    _cpu: float = field(default=0.0, init=False)
    _present_since: float = field(default=float("-inf"), init=False)
    _reported: float | None = field(default=None, init=False)

    @property
    def interval(self) -> float:
        """Seconds between two looks."""
        return self.after / _LOOKS

    def look(self, now: float, cpu: float, turn: float | None, long_turns: Iterable[Turn]) -> Iterator[Finding]:
        """Looks at `now`, when the process has used `cpu` seconds, at the present turn and at those that ended since
        the last look."""
        away = 0.0 if self._looked is None else now - self._looked
        if away > self.interval + self.after and cpu - self._cpu < away / 2:
            self._present_since = now
            yield Absent(away)
        self._looked, self._cpu = now, cpu
        for long in long_turns:
            if long.began == self._reported:
                yield Released(long.ended - long.began, True)
            elif long.ended - max(long.began, self._present_since) >= self.after:
                yield Released(long.ended - long.began, False)
        if turn is not None and turn != self._reported:
            held = now - max(turn, self._present_since)
            if held >= self.after:
                self._reported = turn
                yield Stalled(held)


@frozen
class Stall:
    """A stall as it is reported: what was found, and while it lasts the task that holds the loop, by name, and where
    it is: files, lines and functions, and nothing of what they hold."""

    found: Finding
    task: str | None = None
    stack: str | None = field(default=None, repr=False)


def log_stall(stall: Stall) -> None:
    """Writes it to the log."""
    match stall.found:
        case Stalled(seconds):
            held = "itself" if stall.task is None else f"by {stall.task}"
            logger.warning("the event loop has been held for %.2f s, %s\n%s", seconds, held, stall.stack)
        case Released(seconds, True):
            logger.warning("the event loop turns again, after %.2f s", seconds)
        case Released(seconds):
            logger.warning(
                "the event loop was held for %.2f s by native code that kept the interpreter to itself", seconds
            )
        case _:
            seconds = stall.found.seconds
            logger.info("the process did not run for %.2f s: paused, or the machine was busy", seconds)


class StallWatch:
    """Reports each stall of the event loop that takes `after` seconds or longer, once when it is found, and once more
    when it is over. `report` is called in the thread that watches, and must not block for long."""

    def __init__(self, after: float, *, report: Callable[[Stall], None] = log_stall) -> None:
        if not after > 0:
            raise ValueError(f"a stall takes a positive number of seconds, not {after:g}")
        self._after = after
        self._report = report

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watches the loop that it is called in, until it is cancelled."""
        now = trio.lowlevel.current_clock().current_time
        pulse = Pulse(self._after, now)
        over = threading.Event()
        root = trio.lowlevel.current_root_task()
        assert root is not None, "a running loop has a root"
        watcher = _Watcher(pulse, now, self._report, Lookout(self._after), threading.get_ident(), root)
        thread = threading.Thread(target=watcher.watch, args=(over,), name="stall watch", daemon=True)
        thread.start()
        trio.lowlevel.add_instrument(pulse)
        try:
            task_status.started()
            await trio.sleep_forever()
        finally:
            trio.lowlevel.remove_instrument(pulse)
            over.set()
            thread.join(_GOODBYE)  # it is awake by now; a report that is being written ends within the second


@frozen(eq=False)
class _Watcher:
    """The thread's part."""

    _pulse: Pulse
    _now: Callable[[], float]
    _report: Callable[[Stall], None]
    _lookout: Lookout
    _loop_thread: int
    _root: trio.lowlevel.Task

    def watch(self, over: threading.Event) -> None:
        while not over.wait(self._lookout.interval):
            try:
                self._look()
            except Exception as error:  # one report that fails is not the last
                logger.error("a stall was not reported: %s", type(error).__name__)

    def _look(self) -> None:
        pulse = self._pulse
        turn = pulse.turn  # before the others: what ends meanwhile has begun earlier, and is found at the next look
        ended = [pulse.long_turns.popleft() for _ in range(len(pulse.long_turns))]
        for found in self._lookout.look(self._now(), time.process_time(), turn, ended):
            if isinstance(found, Stalled):
                task, stack = self._who_holds_it()
                if pulse.turn != turn:  # it is over already, and this is another turn's stack
                    task, stack = "a task that has just let go", ""
                self._report(Stall(found, task, stack))
            else:
                self._report(Stall(found))

    def _who_holds_it(self) -> tuple[str | None, str]:
        frames = list(outwards(sys._current_frames().get(self._loop_thread)))
        task = _task_of(frames, self._root)
        if task is not None:  # what is outside of it is Trio's
            outermost = _frame_of(task)
            frames = frames[: 1 + next(at for at, frame in enumerate(frames) if frame is outermost)]
        return None if task is None else task.name, "\n".join(describe(frames[:_FRAMES]))


def describe(frames: Iterable[FrameType]) -> list[str]:
    """Where these frames (the innermost first) are, the innermost last: no source, no variables."""
    lines = [
        f'  File "{frame.f_code.co_filename}", line {frame.f_lineno}, in {frame.f_code.co_qualname}' for frame in frames
    ]
    return lines[::-1]


def outwards(frame: FrameType | None) -> Iterator[FrameType]:
    """This frame, its caller, and so on."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def _frame_of(task: trio.lowlevel.Task) -> FrameType | None:
    frame: FrameType | None = getattr(task.coro, "cr_frame", None)
    return frame


def _task_of(frames: list[FrameType], root: trio.lowlevel.Task) -> trio.lowlevel.Task | None:
    """The task whose coroutine is in this stack."""
    running = set(map(id, frames))
    try:
        return next((task for task in tasks_below(root) if id(_frame_of(task)) in running), None)
    except RuntimeError:  # a set of tasks has changed under our eyes: the loop turns again
        return None


def tasks_below(root: trio.lowlevel.Task) -> Iterator[trio.lowlevel.Task]:
    """This task and all tasks in nurseries below it. From another thread than the loop's it may raise RuntimeError."""
    waiting = [root]
    while waiting:
        task = waiting.pop()
        yield task
        for nursery in task.child_nurseries:
            waiting.extend(nursery.child_tasks)
