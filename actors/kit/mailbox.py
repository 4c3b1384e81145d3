"""A bounded mailbox that outlives the incarnations of the actor that reads it.

The ref owns it: closing the last receiver of a Trio memory channel throws its buffer away, so a channel that an
incarnation owned would die with it. There is one reader, so it parks and unparks a single task.

An actor may take a letter at once, while its reader waits (`actors.kit.taken`); until that is handled the reader is not
woken, and all others queue.

What the reader gets next: the letter that was taken at once and handed on; else nothing more, if it is asked to stop;
else the control lane (what monitors tell, and what was told first); else a timer that is due, though never two in a row
while a letter is queued; else the queue.
"""

from __future__ import annotations

import enum
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Any

import trio

from actors.kit.errors import ActorStopped, AskTimeout, MailboxFull
from actors.kit.letters import Asked, Letter, Posted, Sent
from actors.kit.monitors import Down, Notice
from actors.kit.taken import NOT_AT_ONCE, TAKEN
from actors.kit.timers import Timers
from actors.kit.tree import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actors.kit.monitors import Monitor, Watch

__all__ = ["Asked", "Letter", "Mailbox", "Posted", "Sent"]

_ki_safe = trio.lowlevel.enable_ki_protection


class _Door(enum.Enum):
    OPEN = enum.auto()
    FINISHING = enum.auto()  # shut by the actor itself; its incarnation is on the way out
    CLOSED = enum.auto()  # shut from outside: the actor is gone for good


_OPEN = _Door.OPEN


class Mailbox:
    """The queue of one actor, at most `capacity` letters long.

    Letters for which there is no room and whose senders wait stand beside it, in order, and move up by themselves, so a
    sender sleeps once. While any wait, the queue is full, so nobody overtakes them. `asked_to_stop` is no letter and
    never queues. `in_hand` is the letter that is being handled, since `in_hand_since` (Trio's time).
    """

    __slots__ = (
        "_control", "_door", "_fault", "_handed_on", "_queue", "_reader", "_reason", "_taken", "_timers", "_waiting",
        "_watchers", "_watching", "asked_to_stop", "at_once", "capacity", "crashed_on", "handled", "in_hand",
        "in_hand_since", "last_crash", "name", "peak",
    )  # fmt: skip

    def __init__(self, name: str, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"a mailbox holds at least one message, not {capacity}")
        self.name = name
        self.capacity = capacity
        self.peak = 0
        self.handled = 0
        self.in_hand: Letter | None = None
        self.in_hand_since = 0.0
        self.crashed_on: str | None = None
        self.last_crash: str | None = None
        self.asked_to_stop = False
        self._queue: deque[Letter] = deque()
        # Made when first needed: most actors never fill up, set no timer and watch nobody.
        self._waiting: OrderedDict[Letter, None] | None = None  # thousands may give up, from anywhere in it
        self._control: deque[Letter] | None = None
        self._timers: Timers | None = None
        self._watchers: dict[Monitor, None] | None = None  # who is told when this actor ends, in order
        self._watching: dict[Watch, None] | None = None  # what this incarnation is told about others
        self._reader: trio.lowlevel.Task | None = None
        # Of messages that are taken at once (`actors.kit.taken`): whether one is, whether it was handed on to the
        # reader, and what went wrong with it.
        self.at_once: Callable[[Any], object] | None = None
        self._taken = self._handed_on = False
        self._fault: Exception | None = None
        self._door = _Door.OPEN
        self._reason: BaseException | None = None

    @property
    def depth(self) -> int:
        """How many messages wait, those for which there is no room yet included. Control messages are not counted."""
        return len(self._queue) + (len(self._waiting) if self._waiting else 0)

    @property
    def takes_messages(self) -> bool:
        """False from the moment the actor finishes or is gone for good."""
        return self._door is _Door.OPEN

    # ---- the senders' side

    @_ki_safe
    def put(self, letter: Letter) -> None:
        """Queues the letter. Raises MailboxFull, ActorStopped; the letter then was not taken and is not settled."""
        if self._door is not _OPEN:
            raise ActorStopped(self._reason, name=self.name)
        at_once = self.at_once
        if (
            at_once is not None
            and type(letter) is Posted
            and self._reader is not None
            and not (self._taken or self._timers)
        ):
            self._offer(letter, at_once)
            return
        waiting = len(self._queue)
        if waiting >= self.capacity:
            raise MailboxFull(self.name)
        self._queue.append(letter)
        if waiting >= self.peak:
            self.peak = waiting + 1
        self._wake()

    def _offer(self, letter: Posted, at_once: Callable[[Any], object]) -> None:
        """The reader waits, and nothing else does: the actor may take the letter here and now."""
        self._taken = True
        self.in_hand, self.in_hand_since = letter, letter.posted_at
        self.peak = self.peak or 1
        try:
            answer = at_once(letter.message)
        except Exception as error:
            self.crash(error)
            return
        if answer is TAKEN:
            return
        if answer is NOT_AT_ONCE:
            self.hand_on()
        else:
            letter.answer(answer)
            self.release()

    @_ki_safe
    def release(self) -> None:
        """The letter that was taken at once is handled."""
        self.in_hand = None
        self.handled += 1
        self._taken = False
        if self._queue or self._control or self.asked_to_stop or self._door is not _OPEN or self._timers:
            self._wake()

    @_ki_safe
    def hand_on(self) -> None:
        """The letter that was taken at once is the reader's next."""
        self._taken, self._handed_on = False, True
        self._wake()

    @_ki_safe
    def crash(self, error: Exception) -> None:
        """Has `take` raise what went wrong with the letter that was taken at once."""
        self._taken, self._fault = False, error
        self._wake()

    @_ki_safe
    def put_first(self, letter: Letter) -> None:
        """Puts the letter into the control lane, which holds `capacity` of these beside the notices of monitors. Raises
        as `put` does."""
        if self._door is not _OPEN:
            raise ActorStopped(self._reason, name=self.name)
        if sum(not isinstance(other, Notice) for other in self._control or ()) >= self.capacity:
            raise MailboxFull(self.name)
        self.put_notice(letter)

    @_ki_safe
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

    @_ki_safe
    async def send(self, message: object, seconds: float) -> None:
        """Queues the message, waiting at most `seconds` for room.

        Raises MailboxFull, ActorStopped; the message then was not taken. Cancelled: it was not taken either; once it
        is, a cancellation comes too late. Lets other tasks run, each time.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            self.put(Letter(message))
        except MailboxFull:
            letter = Sent(message, self)
        else:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        with trio.CancelScope(deadline=trio.current_time() + seconds):
            self._wait_for_room(letter)
            await trio.lowlevel.wait_task_rescheduled(letter.abandon)
            letter.outcome()
            return
        raise MailboxFull(self.name)

    def _wait_for_room(self, letter: Letter) -> None:
        if self._waiting is None:
            self._waiting = OrderedDict()
        self._waiting[letter] = None

    @_ki_safe
    def withdraw(self, letter: Letter) -> None:
        """Takes back a letter that nobody waits for any more; a letter that is no longer queued is left alone."""
        try:
            self._queue.remove(letter)
        except ValueError:
            if self._waiting is not None:
                self._waiting.pop(letter, None)
        else:
            self._move_up()

    def _move_up(self) -> None:
        if self._waiting:
            letter, _ = self._waiting.popitem(last=False)
            self._queue.append(letter)
            letter.taken_in()

    # ---- the actor's side

    @_ki_safe
    async def take(self) -> Letter | None:
        """The next letter, which then is the one in hand; or None when the actor is to end: it was asked to stop, or
        finishes.

        Lets other tasks run, each time. Cancelled: no letter is lost. Raises what making the message of a monitor does.
        """
        ready = self._queue or self._control or self._timers or self.asked_to_stop or self._door is not _OPEN
        while True:
            if ready:
                await trio.lowlevel.checkpoint()
            elif self._timers:
                await self._park_until(self._timers.next_due())
            else:
                self._reader = trio.lowlevel.current_task()
                await trio.lowlevel.wait_task_rescheduled(self._leave)
            if self._fault is not None:
                fault, self._fault = self._fault, None
                raise fault
            if self._handed_on:
                self._handed_on = False
                return self.in_hand
            if self.asked_to_stop or self._door is not _OPEN:
                return None
            if (self._control or self._timers) and (letter := self._ahead()) is not None:
                return self._hand(letter)
            while self._queue:
                letter = self._queue.popleft()
                if self._waiting:
                    self._move_up()
                if not letter.lapsed():
                    return self._hand(letter)
            ready = False

    def _hand(self, letter: Letter) -> Letter:
        # Not left to the reader: Ctrl-C may strike there, and the letter would be in nobody's hands.
        self.in_hand = letter
        self.in_hand_since = trio.current_time()
        return letter

    @property
    def waited(self) -> float:
        """Seconds that the posted letter in hand has waited for its turn; 0 for a letter of another kind, or none."""
        return self.in_hand_since - self.in_hand.posted_at if isinstance(self.in_hand, Posted) else 0.0

    def _ahead(self) -> Letter | None:
        """What goes before the queue."""
        while self._control:
            letter = self._control.popleft()
            if not letter.lapsed():
                letter.open()
                return letter
        if self._timers is None:
            return None
        return self._timers.take(trio.current_time(), others_wait=bool(self._queue))

    async def _park_until(self, due: float) -> None:
        with trio.CancelScope(deadline=due):
            self._reader = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._leave)

    def _leave(self, _: object) -> trio.lowlevel.Abort:
        self._reader = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _wake(self) -> None:
        if self._reader is not None and not self._taken:
            reader, self._reader = self._reader, None
            trio.lowlevel.reschedule(reader)

    @property
    def timers(self) -> Timers:
        """The timers of this incarnation."""
        if self._timers is None:
            self._timers = Timers(self._wake)
        return self._timers

    # ---- monitors

    def watch(self, monitor: Monitor) -> None:
        """Tells `monitor` when this actor ends; at once if it has ended already."""
        if self._door is _Door.CLOSED:
            monitor.tell(Down(self.name, self._reason, noproc=True))
            return
        if self._watchers is None:
            self._watchers = {}
        self._watchers[monitor] = None

    def unwatch(self, monitor: Monitor) -> None:
        """Tells it no more."""
        if self._watchers is not None:
            self._watchers.pop(monitor, None)

    def start_watching(self, watch: Watch) -> None:
        """This incarnation is told of another's end until it is over, or `stop_watching`."""
        if self._watching is None:
            self._watching = {}
        self._watching[watch] = None

    def stop_watching(self, watch: Watch) -> None:
        """This monitor is of no use to the incarnation any more. Once for each that it started with."""
        assert self._watching is not None
        del self._watching[watch]

    @_ki_safe
    def put_notice(self, letter: Letter) -> None:
        """Puts the letter into the control lane, however full it is: for notices, which are few, as monitors are."""
        if self._control is None:
            self._control = deque()
        self._control.append(letter)
        self._wake()

    def tell_watchers(self, down: Down) -> None:
        """Tells those who monitor this actor, in the order in which they began to."""
        for monitor in tuple(self._watchers or ()):
            if monitor.active and (down.gone or monitor.incarnations):
                monitor.tell(down)

    # ---- in the tree

    def node(self) -> Node:
        """The actor, as it is now."""
        letter = self.in_hand
        return Node(
            self.name,
            "actor",
            mailbox_depth=self.depth,
            mailbox_peak=self.peak,
            handled=self.handled,
            in_hand=self.crashed_on if letter is None else letter.message_type,
            in_hand_for=0.0 if letter is None else trio.current_time() - self.in_hand_since,
            last_crash=self.last_crash,
        )

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

    def end_incarnation(self) -> None:
        """The incarnation is over, and with it its timers, its monitors and what they had still to tell it."""
        self.asked_to_stop = False
        self.at_once = self._fault = None
        self._taken = self._handed_on = False
        if self._timers is not None:
            self._timers.clear()
            self._timers = None
        for watch in tuple(self._watching or ()):
            watch.cancel()
        self._watching = None
        if self._control is not None:
            self._control = deque(letter for letter in self._control if not letter.lapsed()) or None

    @_ki_safe
    def ask_to_stop(self) -> None:
        """Has `take` return None next, whatever is queued."""
        self.asked_to_stop = True
        self._wake()

    @_ki_safe
    def finish(self) -> bool:
        """Takes no more messages, if none waits; says whether. Timers that are pending do not count."""
        if self._door is _Door.OPEN and not self._queue and all(letter.lapsed() for letter in self._control or ()):
            self._door = _Door.FINISHING
            self._wake()
        return self._door is _Door.FINISHING

    @_ki_safe
    def close(self, reason: BaseException | None) -> list[Letter]:
        """Takes no more messages, for good. The letters that waited are the caller's to fail."""
        self._door = _Door.CLOSED
        self._reason = reason
        left = [*(self._control or ()), *self._queue, *(self._waiting or ())]
        self._queue.clear()
        self._control = self._waiting = None
        return left

    def fail(self, letters: Iterable[Letter]) -> None:
        """Tells the senders of these that they were never handled."""
        for letter in letters:
            letter.fail(ActorStopped(self._reason, name=self.name))
