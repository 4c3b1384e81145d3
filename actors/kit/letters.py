"""What travels to an actor: a message, and what becomes of whoever sent it.

A letter settles itself: it wakes the task that sent it, or calls its callback, without a task or a cancel scope in
between. It is settled at most once, so a late answer has no effect.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import trio

from actors.kit.reports import trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.kit.errors import ActorError
    from actors.kit.mailbox import Mailbox

logger = logging.getLogger("croupier.kit")

_ki_safe = trio.lowlevel.enable_ki_protection


class Letter:
    """A message on its way to an actor that nobody waits for: its answer or failure goes nowhere."""

    __slots__ = ("message",)

    def __init__(self, message: object) -> None:
        self.message = message

    @property
    def message_type(self) -> str:
        """The name of the message's type: all that reports may tell of it."""
        return type(self.message).__name__

    def lapsed(self) -> bool:
        """Whether handling it would help nobody any more, the sender's deadline having passed."""
        return False

    def taken_in(self) -> None:
        """There was no room for it; now there is, and it stands in the queue."""

    def open(self) -> None:
        """It is taken out of the lane of those that go first."""

    def answer(self, value: object) -> None:
        """Hands the sender its answer. Only the first answer or failure counts."""

    def fail(self, error: ActorError) -> None:
        """Tells the sender that there will be no answer. Only the first answer or failure counts."""


class Posted(Letter):
    """A message whose answer goes to a callback, called in the task of whoever settles it. `posted_at`: in Trio's
    time."""

    __slots__ = ("on_answer", "posted_at")

    def __init__(self, message: object, on_answer: Callable[[Any], None], posted_at: float = 0.0) -> None:
        self.message = message
        self.posted_at = posted_at
        self.on_answer: Callable[[Any], None] | None = on_answer

    @_ki_safe
    def answer(self, value: object) -> None:
        """Calls the callback, once. What it raises is logged, and is not the actor's business."""
        on_answer, self.on_answer = self.on_answer, None
        if on_answer is None:
            return
        try:
            on_answer(value)
        except Exception as exc:
            logger.error("the callback of a %s failed\n%s", self.message_type, trace(exc, confidential=True))

    def fail(self, error: ActorError) -> None:
        """Calls the callback with the error, once."""
        self.answer(error)


class _Awaited(Letter):
    """A message whose sender sleeps until something has become of it. Made in the sender's task."""

    __slots__ = ("error", "mailbox", "result", "task")

    def __init__(self, message: object, mailbox: Mailbox) -> None:
        self.message = message
        self.mailbox = mailbox
        # None as soon as nobody waits any more: settled, timed out or cancelled. A late answer then has no effect.
        self.task: trio.lowlevel.Task | None = trio.lowlevel.current_task()
        self.result: object = None
        self.error: ActorError | None = None

    @_ki_safe
    def fail(self, error: ActorError) -> None:
        """Wakes the sender with the error; nothing happens if it has gone."""
        if self.task is not None:
            task, self.task = self.task, None
            self.error = error
            trio.lowlevel.reschedule(task)

    def abandon(self, _: object) -> trio.lowlevel.Abort:
        """The sender was cancelled or timed out: takes back the message if it still waits, else forgets the answer."""
        self.task = None
        self.mailbox.withdraw(self)
        return trio.lowlevel.Abort.SUCCEEDED

    def outcome(self) -> object:
        """The answer, or raises the failure."""
        if self.error is None:
            return self.result
        error, self.error = self.error, None
        try:
            raise error
        finally:
            del error  # an exception whose traceback holds its own frame waits for the garbage collector


class Asked(_Awaited):
    """A message whose sender sleeps until it is answered, or until its deadline (in Trio's time)."""

    __slots__ = ("deadline",)

    def __init__(self, message: object, mailbox: Mailbox, deadline: float) -> None:
        # Not through super(), which costs: this is the one that is made for every action of every game.
        self.message = message
        self.mailbox = mailbox
        self.deadline = deadline
        self.task = trio.lowlevel.current_task()
        self.result = None
        self.error = None

    def lapsed(self) -> bool:
        """Whether the deadline has passed, even if its timer has not been served yet."""
        return self.deadline <= trio.current_time()

    @_ki_safe
    def answer(self, value: object) -> None:
        """Wakes the asker with the answer; nothing happens if it has gone."""
        if self.task is not None:
            task, self.task = self.task, None
            self.result = value
            trio.lowlevel.reschedule(task)


class Sent(_Awaited):
    """A message whose sender sleeps until there is room for it. From then on it is a letter like any other."""

    __slots__ = ()

    @_ki_safe
    def taken_in(self) -> None:
        """Wakes the sender. A cancellation that comes from now on comes too late to take the message back."""
        task, self.task = self.task, None
        assert task is not None  # a sender that goes takes its letter along
        trio.lowlevel.reschedule(task)
