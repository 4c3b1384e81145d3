"""A bounded mailbox that outlives the incarnations of the actor that reads it.

The ref owns it: closing the last receiver of a Trio memory channel throws its buffer away, so a channel that an
incarnation owned would die with it. There is one reader, so it parks and unparks a single task. A letter that asks
settles itself: it wakes the task that sent it, or calls its callback, without a task or a cancel scope in between.
"""

from __future__ import annotations

import enum
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

import trio

from actors.kit.errors import ActorStopped, AskTimeout, MailboxFull
from actors.kit.reports import trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.kit.errors import ActorError

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
        """Whether the sender's deadline has passed, so that handling it would help nobody."""
        return False

    def answer(self, value: object) -> None:
        """Hands the sender its answer. Only the first answer or failure counts."""

    def fail(self, error: ActorError) -> None:
        """Tells the sender that there will be no answer. Only the first answer or failure counts."""


class Posted(Letter):
    """A message whose answer goes to a callback, called in the task of whoever settles it."""

    __slots__ = ("on_answer",)

    def __init__(self, message: object, on_answer: Callable[[Any], None]) -> None:
        self.message = message
        self.on_answer: Callable[[Any], None] | None = on_answer

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


class Asked(Letter):
    """A message whose sender sleeps until it is answered, or until its deadline (in Trio's time)."""

    __slots__ = ("deadline", "error", "mailbox", "result", "task")

    def __init__(self, message: object, mailbox: Mailbox, deadline: float) -> None:
        self.message = message
        self.mailbox = mailbox
        self.deadline = deadline
        # None as soon as nobody waits any more: settled, timed out or cancelled. A late answer then has no effect.
        self.task: trio.lowlevel.Task | None = trio.lowlevel.current_task()
        self.result: object = None
        self.error: ActorError | None = None

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

    @_ki_safe
    def fail(self, error: ActorError) -> None:
        """Wakes the asker with the error; nothing happens if it has gone."""
        if self.task is not None:
            task, self.task = self.task, None
            self.error = error
            trio.lowlevel.reschedule(task)

    def abandon(self, _: object) -> trio.lowlevel.Abort:
        """The asker was cancelled or timed out: takes the message back if it still waits, forgets the answer if not."""
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


class _Door(enum.Enum):
    OPEN = enum.auto()
    FINISHING = enum.auto()  # shut by the actor itself; its incarnation is on the way out
    CLOSED = enum.auto()  # shut from outside: the actor is gone for good


class Mailbox:
    """The queue of one actor, at most `capacity` letters long.

    Asks for which there is no room wait beside it, in order, and move up by themselves, so an asker sleeps once. While
    any wait, the queue is full, so nobody overtakes them. `asked_to_stop` is no letter and never queues.
    """

    __slots__ = (
        "_door", "_queue", "_reader", "_reason", "_waiting", "asked_to_stop", "capacity", "crashed_on", "handled",
        "in_hand", "name", "peak",
    )  # fmt: skip

    def __init__(self, name: str, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"a mailbox holds at least one message, not {capacity}")
        self.name = name
        self.capacity = capacity
        self.peak = 0
        self.handled = 0
        self.in_hand: Letter | None = None
        self.crashed_on: str | None = None
        self.asked_to_stop = False
        self._queue: deque[Letter] = deque()
        self._waiting: deque[Asked] | None = None  # made when first needed: most actors never fill up
        self._reader: trio.lowlevel.Task | None = None
        self._door = _Door.OPEN
        self._reason: BaseException | None = None

    @property
    def depth(self) -> int:
        """How many messages wait, those of asks that wait for room included."""
        return len(self._queue) + (len(self._waiting) if self._waiting else 0)

    @property
    def takes_messages(self) -> bool:
        """False from the moment the actor finishes or is gone for good."""
        return self._door is _Door.OPEN

    # ---- the senders' side

    @_ki_safe
    def put(self, letter: Letter) -> None:
        """Queues the letter. Raises MailboxFull, ActorStopped; the letter then was not taken and is not settled."""
        if self._door is not _Door.OPEN:
            raise ActorStopped(self._reason, name=self.name)
        waiting = len(self._queue)
        if waiting >= self.capacity:
            raise MailboxFull(self.name)
        self._queue.append(letter)
        if waiting >= self.peak:
            self.peak = waiting + 1
        self._wake()

    async def ask(self, message: object, seconds: float) -> object:
        """Queues the message, waiting for room if need be, and waits for the answer.

        Raises AskTimeout when all that took longer than `seconds`, ActorStopped, ActorCrashed. Cancelled: a message
        that still waits is withdrawn; one in hand goes on being handled, and its answer is dropped.
        """
        letter = Asked(message, self, trio.current_time() + seconds)
        with trio.CancelScope(deadline=letter.deadline):
            try:
                self.put(letter)
            except MailboxFull:
                self._wait_for_room(letter)
            await trio.lowlevel.wait_task_rescheduled(letter.abandon)
            return letter.outcome()
        raise AskTimeout(self.name, seconds)

    def _wait_for_room(self, letter: Asked) -> None:
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(letter)

    @_ki_safe
    def withdraw(self, letter: Asked) -> None:
        """Takes back a letter that nobody waits for any more; a letter that is no longer queued is left alone."""
        try:
            self._queue.remove(letter)
        except ValueError:
            if self._waiting and letter in self._waiting:
                self._waiting.remove(letter)
        else:
            self._move_up()

    def _move_up(self) -> None:
        if self._waiting:
            self._queue.append(self._waiting.popleft())

    # ---- the actor's side

    @_ki_safe
    async def take(self) -> Letter | None:
        """The next letter, or None when the actor is to end: it was asked to stop, or finishes.

        Lets other tasks run, each time. Cancelled: no letter is lost.
        """
        if self._queue or self.asked_to_stop or self._door is not _Door.OPEN:
            await trio.lowlevel.checkpoint()
        while not self.asked_to_stop and self._door is _Door.OPEN:
            while self._queue:
                letter = self._queue.popleft()
                self._move_up()
                if not letter.lapsed():
                    return letter
            self._reader = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._leave)
        return None

    def _leave(self, _: object) -> trio.lowlevel.Abort:
        self._reader = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _wake(self) -> None:
        if self._reader is not None:
            reader, self._reader = self._reader, None
            trio.lowlevel.reschedule(reader)

    # ---- the life of the actor

    def begin(self, *, reopen: bool) -> bool:
        """A new incarnation begins to read; False when there is nothing for it to do.

        That is so when the actor had decided to finish and crashed on its way out: senders were told that it stopped.
        `reopen` says to go on even then.
        """
        if self._door is _Door.FINISHING and not reopen:
            return False
        self._door = _Door.OPEN
        self._reason = None
        self.crashed_on = None
        return True

    @_ki_safe
    def ask_to_stop(self) -> None:
        """Has `take` return None next, whatever is queued."""
        self.asked_to_stop = True
        self._wake()

    @_ki_safe
    def finish(self) -> bool:
        """Takes no more messages, if none waits; says whether."""
        if self._door is _Door.OPEN and not self._queue:
            self._door = _Door.FINISHING
            self._wake()
        return self._door is _Door.FINISHING

    @_ki_safe
    def close(self, reason: BaseException | None) -> list[Letter]:
        """Takes no more messages, for good. The letters that waited are the caller's to fail."""
        self._door = _Door.CLOSED
        self._reason = reason
        left = [*self._queue, *(self._waiting or ())]
        self._queue.clear()
        self._waiting = None
        return left

    def fail(self, letters: list[Letter]) -> None:
        """Tells the senders of these that they were never handled."""
        for letter in letters:
            letter.fail(ActorStopped(self._reason, name=self.name))
