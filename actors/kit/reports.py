"""Crash reports: data first, a log line second. They tell of a message its type, and of an actor's error its type and
where it happened; never a local variable, and where errors may quote hidden things, never the error's own words."""

from __future__ import annotations

import enum
import heapq
import traceback
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_FRAMES = 40
_ERRORS = 32


class What(enum.Enum):
    """What befell a child."""

    CRASHED = "crashed"
    FAILED_TO_START = "failed to start"
    OVERRAN = "overran"  # it did not stop in time and was cancelled, or was cancelled and does not stop
    GIVEN_UP = "was given up"  # after too many restarts


@frozen
class CrashReport:
    """One mishap of a child.

    `error` is the type of what it failed with, empty for a child that overran; `traceback` says where that happened,
    or where the child that does not stop is now. `restarts` is how often it had been restarted before. `message_type`
    is the type of the message that it crashed on, if it was an actor with one in hand. `at` is Trio's time.
    """

    supervisor: str
    child: str
    error: str
    traceback: str = field(repr=False)
    restarts: int
    message_type: str | None
    at: float
    what: What = What.CRASHED

    @property
    def cause(self) -> str:
        """The error and the message, in a few words: `OSError on Deal`."""
        on = "" if self.message_type is None else f" on {self.message_type}"
        return f"{self.error.rpartition('.')[2] or self.what.value}{on}"

    @property
    def mishap(self) -> str:
        """What befell the child, in a few words: `OSError on Deal`, `was given up: OSError on Deal`, `overran`."""
        return self.cause if self.what is What.CRASHED or not self.error else f"{self.what.value}: {self.cause}"


class Reports(Sequence[CrashReport]):
    """A supervisor's last reports, the oldest first.

    It keeps as many of first starts that failed as of all the others: the former are the business of whoever started
    the child, and a client may bring them about as often as it likes, which must not push a crash out.
    """

    __slots__ = ("_others", "_starts", "counts")

    def __init__(self, keep: int) -> None:
        self.counts = dict.fromkeys(What, 0)
        """How many there were of each kind, of those that are not kept any more too."""
        self._starts: deque[CrashReport] = deque(maxlen=keep)
        self._others: deque[CrashReport] = deque(maxlen=keep)

    def add(self, report: CrashReport, *, first_start: bool = False) -> None:
        """Keeps this report; the oldest of its kind may have to go for it."""
        self.counts[report.what] += 1
        (self._starts if first_start else self._others).append(report)

    @property
    def last_crash(self) -> CrashReport | None:
        """The last one that is not of a first start."""
        return self._others[-1] if self._others else None

    def __len__(self) -> int:
        return len(self._starts) + len(self._others)

    def __iter__(self) -> Iterator[CrashReport]:
        return heapq.merge(self._starts, self._others, key=lambda report: report.at)

    @overload
    def __getitem__(self, index: int) -> CrashReport: ...
    @overload
    def __getitem__(self, index: slice) -> list[CrashReport]: ...
    def __getitem__(self, index: int | slice) -> CrashReport | list[CrashReport]:
        return list(self)[index]

    def __repr__(self) -> str:
        return f"<Reports: {len(self)}>"


def type_name(exc: BaseException) -> str:
    """The qualified name of the exception's type, as tracebacks write it."""
    kind = type(exc)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def trace(exc: BaseException, *, confidential: bool) -> str:
    """The traceback as text, the innermost 40 frames of it; of the errors that led to it, and of the members of a
    group, 32 in all. `confidential` leaves the exceptions' texts out: they may quote what was being handled,
    `KeyError: Card(...)`. Raises nothing, whatever the exception is like: it comes from code that has just failed."""
    try:
        return "".join(_told(exc, set(), confidential=confidential))
    except Exception as error:
        return f"{type_name(exc)}, of which there is no traceback: {type_name(error)}\n"


def place(frames: Iterator[tuple[FrameType, int]]) -> str:
    """Where a task is, from `trio.lowlevel.Task.iter_await_frames`, in the manner of a traceback."""
    return "".join(traceback.StackSummary.extract(frames, limit=-_FRAMES, capture_locals=False).format())


def _told(exc: BaseException, seen: set[int], *, confidential: bool) -> Iterator[str]:
    chain = []
    at: BaseException | None = exc
    while at is not None and id(at) not in seen and len(seen) < _ERRORS:
        seen.add(id(at))
        chain.append(at)
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    if at is not None and id(at) not in seen:
        yield "An earlier error, left out here,\nwhich led to:\n\n"
    for number, error in enumerate(reversed(chain)):
        if number:
            yield "\nwhich led to:\n\n"
        yield "Traceback (most recent call last):\n"
        yield from traceback.format_list(traceback.extract_tb(error.__traceback__, limit=-_FRAMES))
        yield f"{type_name(error)}\n" if confidential else "".join(traceback.format_exception_only(error))
        if isinstance(error, BaseExceptionGroup):
            yield from _members(error, seen, confidential=confidential)


def _members(group: BaseExceptionGroup[BaseException], seen: set[int], *, confidential: bool) -> Iterator[str]:
    for number, member in enumerate(group.exceptions, 1):
        if len(seen) >= _ERRORS:
            yield "-- the others are left out --\n"
            return
        yield f"-- {number} of {len(group.exceptions)} --\n"
        if id(member) not in seen:
            yield from _told(member, seen, confidential=confidential)
