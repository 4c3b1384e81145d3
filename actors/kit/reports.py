"""Crash reports: data first, a log line second. They tell of a message its type, and of an actor's error its type and
where it happened; never a local variable, and where errors may quote hidden things, never the error's own words."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

_FRAMES = 40


@frozen
class CrashReport:
    """One crash. `restarts` is how often the child had been restarted before; `at` is Trio's time."""

    supervisor: str
    child: str
    error: str
    traceback: str = field(repr=False)
    restarts: int
    message_type: str | None
    at: float


def type_name(exc: BaseException) -> str:
    """The qualified name of the exception's type, as tracebacks write it."""
    kind = type(exc)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def trace(exc: BaseException, *, confidential: bool) -> str:
    """The traceback as text, the innermost 40 frames of it. `confidential` leaves the exceptions' texts out: they may
    quote what was being handled, `KeyError: Card(...)`."""
    if confidential:
        return "".join(_anonymous(exc, set()))
    whole = traceback.TracebackException.from_exception(exc, limit=-_FRAMES, capture_locals=False)
    return "".join(whole.format())


def _anonymous(exc: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(exc))
    before = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
    if before is not None and id(before) not in seen:
        yield from _anonymous(before, seen)
        yield "\nwhich led to:\n\n"
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_list(traceback.extract_tb(exc.__traceback__, limit=-_FRAMES))
    yield f"{type_name(exc)}\n"
    if isinstance(exc, BaseExceptionGroup):
        for number, member in enumerate(exc.exceptions, 1):
            yield f"-- {number} of {len(exc.exceptions)} --\n"
            if id(member) not in seen:
                yield from _anonymous(member, seen)
