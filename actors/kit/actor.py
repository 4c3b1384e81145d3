"""Actors: one task that handles one message at a time, and the refs that others hold.

    class Counter(Actor["Add | Get"]):
        async def start(self) -> None:
            self.total = 0

        async def handle(self, message: Add | Get) -> object:
            match message:
                case Add(n):
                    self.total += n
                    return None
                case Get():
                    return self.total

    counter: Ref[Add | Get] = Ref("counter")
    supervisor = Supervisor("root", [actor_child(counter, Counter)])
    ...
    counter.tell(Add(3))
    total = await counter.ask(Get(), timeout=1.0)

The ref outlives the actor's incarnations and owns its mailbox. Whatever crashes, is cancelled or stopped when: every
ask ends, with the answer or one of the errors here.

There are four ways to send. `tell` refuses when the mailbox is full, `send` waits for room, `ask` waits for the answer
too, `post` has it told to a callback. An actor sends to itself with `after` and `every`, and is told of another's end
by `monitor`; these end with its incarnation.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

import trio

from actors.kit.errors import ActorCrashed, ActorError, ActorStopped, AskTimeout, MailboxFull
from actors.kit.incarnation import actor_child
from actors.kit.letters import Letter, Posted
from actors.kit.mailbox import Mailbox
from actors.kit.monitors import Callback, Down, Monitor, Watch
from actors.kit.taken import NOT_AT_ONCE, TAKEN, Taken
from actors.kit.timers import Timer

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.kit.tree import Node

__all__ = [
    "NOT_AT_ONCE", "TAKEN", "Actor", "ActorCrashed", "ActorError", "ActorStopped", "Ask", "AskTimeout", "Down",
    "MailboxFull", "Monitor", "Ref", "Taken", "Timer", "actor_child",
]  # fmt: skip

M_contra = TypeVar("M_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")


class Ask(Generic[R_co]):
    """A message that has an answer of type R. Base of frozen attrs classes."""

    __slots__ = ()


class Actor(Generic[M_contra]):
    """One incarnation of an actor: made anew at each restart. Subclasses override the four hooks.

    They run in one task, one after the other: `start`, `handle` for each message, `crashed` if that raised, `stop`. An
    exception out of `start` or `handle` ends the incarnation, and the supervisor decides what comes next.

    The methods below the hooks are for while it runs: from `start` to the end of `stop`. Before and after that they
    raise RuntimeError.
    """

    takes_at_once: ClassVar[bool] = False
    """Whether there is a `handle_at_once`."""

    _kit_mailbox: Mailbox | None = None

    async def start(self) -> None:
        """Makes ready. No message is handled before it returns; if it raises, no other hook runs."""

    async def handle(self, message: M_contra) -> object:
        """Handles one message. What it returns answers an Ask; for any other message it is ignored.

        A message that it raises on is not delivered again. Cancelled when the actor will not stop in time.
        """
        raise NotImplementedError

    def handle_at_once(self, message: M_contra) -> object:
        """Handles one message that was posted, in the task of whoever posts it, if that needs no waiting and nothing
        else waits: the actor's task sleeps on, which saves much of what a message costs. Asked only where
        `takes_at_once`.

        Returns the answer; or NOT_AT_ONCE, and the message is given to `handle`; or TAKEN, and it stays in hand, and
        all others wait, until its `taken()` is done or handed on. What it raises is a crash. It must not wait, and not
        rely on whose task it runs in.
        """
        return NOT_AT_ONCE

    async def crashed(self, error: Exception) -> None:
        """Is told what `handle` raised, before `stop` runs. Not called for a cancellation, nor for `start` or `stop`.

        By now whoever asked has been told. It is shielded from cancellation and cut off after `stop_timeout` seconds;
        what it raises is logged, and changes nothing.
        """

    async def stop(self) -> None:
        """Cleans up. Runs at every end of an incarnation that had started: finish, shutdown, crash, cancellation.

        It is shielded from cancellation, and cut off after `stop_timeout` seconds. What it raises is a crash; but after
        another failure it is only logged.
        """

    def reply(self, answer: object) -> None:
        """Answers the ask in hand now, before `handle` returns; what it then returns is ignored.

        Only the first answer counts. Raises RuntimeError when no message is in hand.
        """
        mailbox = self._mailbox()
        if mailbox.in_hand is None:
            raise RuntimeError("reply() is for handle(): no message is in hand")
        mailbox.in_hand.answer(answer)

    @property
    def waited(self) -> float:
        """Seconds that the message in hand, if it was posted, has waited in the mailbox."""
        return self._mailbox().waited

    def taken(self) -> Taken:
        """The message that `handle_at_once` has in hand, to be settled later. Raises RuntimeError outside of it."""
        mailbox = self._mailbox()
        if mailbox.in_hand is None:
            raise RuntimeError("taken() is for handle_at_once(): no message is in hand")
        return Taken(mailbox, mailbox.in_hand)

    def finish(self) -> bool:
        """Ends this actor normally after the message in hand, unless other messages wait; says whether it does.

        When it does, senders are refused from this moment on, so no message is lost in between. A permanent child is
        started again, as after any end. Timers do not keep it.
        """
        return self._mailbox().finish()

    def after(self, seconds: float, message: M_contra) -> Timer:
        """Has this message handled in so many seconds, once.

        When it is due it is the next to be handled, before all that waits in the mailbox, however full that is; of
        several, in the order in which they are due. After each, one message that waits has its turn. It is not
        delivered if it is cancelled, even then, nor after this incarnation. Raises ValueError for a negative time.
        """
        if not seconds >= 0:
            raise ValueError(f"a timer cannot be due in {seconds} s")
        return self._mailbox().timers.set(trio.current_time() + seconds, message)

    def every(self, seconds: float, message: M_contra) -> Timer:
        """Has this message handled every so many seconds, for the first time in `seconds`, else as `after` does.

        The ticks do not drift, and do not pile up: those that pass while an earlier one waits or the actor is busy are
        left out, so a slow handler finds at most one due. (Erlang's `timer:send_interval` fills the mailbox then.)
        Raises ValueError when `seconds` is not positive.
        """
        if not seconds > 0:
            raise ValueError(f"a timer cannot be due every {seconds} s")
        return self._mailbox().timers.set(trio.current_time() + seconds, message, seconds)

    def monitor(
        self, ref: Ref[Any], make_message: Callable[[Down], M_contra], *, incarnations: bool = False
    ) -> Monitor:
        """Is told when the actor behind `ref` ends for good: once, by the message that `make_message` makes.

        If it has ended already, that is at once, with `noproc`. With `incarnations`, it is told of the end of each of
        its incarnations that had started, too (`gone` is False; after its stop hook): crashes, restarts for a sibling's
        sake, and the last, before the end for good. One that was never started is waited for.

        The message goes before all that waits in the mailbox, however full that is. `make_message` is called in this
        actor's task, and what it raises is a crash. The monitor ends with this incarnation.
        """
        box = self._mailbox()
        watch = Watch(ref._box, box, make_message, incarnations=incarnations)
        box.start_watching(watch)
        ref._box.watch(watch)
        return watch

    def _mailbox(self) -> Mailbox:
        if self._kit_mailbox is None:
            raise RuntimeError("this actor does not run; its supervisor makes and runs it")
        return self._kit_mailbox


class Ref(Generic[M_contra]):
    """Where to reach an actor, whichever incarnation of it runs. Messages may be sent before it is up: they wait.

    `capacity` is how many messages may wait.
    """

    __slots__ = ("__weakref__", "_box")

    def __init__(self, name: str, *, capacity: int = 64) -> None:
        self._box = Mailbox(name, capacity)

    def __repr__(self) -> str:
        return f"<Ref {self.name}{' (stopped)' if self.stopped else ''}>"

    @property
    def name(self) -> str:
        """The actor's name, as reports and errors have it."""
        return self._box.name

    @property
    def depth(self) -> int:
        """How many messages wait to be handled."""
        return self._box.depth

    @property
    def stopped(self) -> bool:
        """Whether the actor takes no more messages."""
        return not self._box.takes_messages

    def tell(self, message: M_contra) -> None:
        """Sends the message and does not wait. Raises MailboxFull, ActorStopped; the message then was not taken."""
        self._box.put(Letter(message))

    def tell_first(self, message: M_contra) -> None:
        """As `tell`, but the message goes before all that `tell`, `send`, `ask` and `post` have sent.

        For the few that must not queue. They have a lane of their own, with room for `capacity` of them.
        """
        self._box.put_first(Letter(message))

    async def send(self, message: M_contra, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as in ask
        """Sends the message; waits for room in the mailbox, at most `timeout` seconds if given, but not until it is
        handled. Whoever waits for room, here or in `ask`, gets it in order.

        Raises MailboxFull when there is no room in time, ActorStopped. It is taken or it is not: whenever this raises,
        or is cancelled, it was not taken. Between actors, only along a graph without cycles: two that wait for room in
        each other's mailbox wait for ever.
        """
        await self._box.send(message, math.inf if timeout is None else timeout)

    async def ask(self, message: Ask[R], *, timeout: float) -> R:  # noqa: ASYNC109 - one deadline over queue and answer
        """Sends the message, waits for room in the mailbox if need be, and gives the answer, all within `timeout`
        seconds.

        Raises AskTimeout, ActorCrashed, ActorStopped. Cancelled: a message that still waits is withdrawn; one in hand
        goes on being handled, and its answer is dropped.
        """
        return cast("R", await self._box.ask(message, timeout))

    def post(self, message: Ask[R], on_answer: Callable[[R | ActorError], None]) -> None:
        """Sends the message; `on_answer` is called later, exactly once, from the actor's task or its supervisor's.

        It gets the answer, or an ActorCrashed or ActorStopped; it must not block, and what it raises is logged. Raises
        MailboxFull, ActorStopped at once; `on_answer` then is not called.
        """
        self._box.put(Posted(message, on_answer, trio.current_time()))

    def monitor(self, told: Callable[[Down], None], *, incarnations: bool = False) -> Monitor:
        """Calls `told` when the actor ends for good, once; at once if it has ended already.

        For code outside of actors; an actor has a `monitor` of its own, which says what `incarnations` does. `told` is
        called in the task of whoever ends the actor. It must not block, and what it raises is logged.
        """
        monitor = Callback(self._box, told, incarnations=incarnations)
        self._box.watch(monitor)
        return monitor

    def node(self) -> Node:
        """The actor in the tree."""
        return self._box.node()
