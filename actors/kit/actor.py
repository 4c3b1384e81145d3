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
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import trio

from actors.kit.child import ChildSpec, split
from actors.kit.errors import ActorCrashed, ActorError, ActorStopped, AskTimeout, MailboxFull
from actors.kit.mailbox import Letter, Mailbox, Posted
from actors.kit.policy import Restart
from actors.kit.reports import trace
from actors.kit.tree import Node

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Actor", "ActorCrashed", "ActorError", "ActorStopped", "Ask", "AskTimeout", "MailboxFull", "Ref", "actor_child",
]  # fmt: skip

logger = logging.getLogger("croupier.kit")

M_contra = TypeVar("M_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)
M = TypeVar("M")
R = TypeVar("R")


class Ask(Generic[R_co]):
    """A message that has an answer of type R. Base of frozen attrs classes."""

    __slots__ = ()


class Actor(Generic[M_contra]):
    """One incarnation of an actor: made anew at each restart. Subclasses override the three hooks.

    All hooks run in one task, one after the other. An exception out of `start` or `handle` ends the incarnation, and
    the supervisor decides what comes next.
    """

    _kit_mailbox: Mailbox | None = None

    async def start(self) -> None:
        """Makes ready. No message is handled before it returns; if it raises, `stop` does not run."""

    async def handle(self, message: M_contra) -> object:
        """Handles one message. What it returns answers an Ask; for any other message it is ignored.

        A message that it raises on is not delivered again. Cancelled when the actor will not stop in time.
        """
        raise NotImplementedError

    async def stop(self) -> None:
        """Cleans up. Runs at every end of an incarnation that had started: finish, shutdown, crash, cancellation.

        It is shielded from cancellation, and cut off after `stop_timeout` seconds.
        """

    def reply(self, answer: object) -> None:
        """Answers the ask in hand now, before `handle` returns; what it then returns is ignored.

        Only the first answer counts. Raises RuntimeError when no message is in hand.
        """
        mailbox = self._mailbox()
        if mailbox.in_hand is None:
            raise RuntimeError("reply() is for handle(): no message is in hand")
        mailbox.in_hand.answer(answer)

    def finish(self) -> bool:
        """Ends this actor normally after the message in hand, unless other messages wait; says whether it does.

        When it does, senders are refused from this moment on, so no message is lost in between. A permanent child is
        started again, as after any end.
        """
        return self._mailbox().finish()

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
        self._box.put(Posted(message, on_answer))

    def node(self) -> Node:
        """The actor in the tree."""
        box = self._box
        handling = box.in_hand.message_type if box.in_hand is not None else box.crashed_on
        return Node(
            box.name,
            "actor",
            mailbox_depth=box.depth,
            mailbox_peak=box.peak,
            handled=box.handled,
            in_hand=handling,
        )


def actor_child(
    ref: Ref[M],
    make: Callable[[], Actor[M]],
    *,
    child_id: str | None = None,
    restart: Restart = Restart.TRANSIENT,
    shutdown: float = 5.0,
    start_timeout: float = 5.0,
    stop_timeout: float = 1.0,
    ended: Callable[[BaseException | None], None] | None = None,
    confidential: bool = True,
) -> ChildSpec:
    """An actor as a supervised child: `make` makes an incarnation of the actor behind `ref`. The times are seconds.

    At its end for good `ref` is stopped first, then `ended` is called, then every message that still waits is failed
    with ActorStopped: so a sender who learns of it finds `ended` done. Reports are confidential unless told otherwise:
    what an actor raises may quote its messages.
    """
    box = ref._box

    def gone(reason: BaseException | None) -> None:
        left = box.close(reason)
        try:
            if ended is not None:
                ended(reason)
        finally:
            box.fail(left)

    async def run(status: trio.TaskStatus[Any]) -> None:
        if box.begin(reopen=restart is Restart.PERMANENT):
            await _incarnation(make(), box, stop_timeout, confidential, status)
        else:
            status.started()

    return ChildSpec(
        id=ref.name if child_id is None else child_id,
        run=run,
        restart=restart,
        shutdown=shutdown,
        start_timeout=start_timeout,
        ask_to_stop=box.ask_to_stop,
        ended=gone,
        describe=ref.node,
        confidential=confidential,
    )


async def _incarnation(
    actor: Actor[Any], box: Mailbox, stop_timeout: float, confidential: bool, status: trio.TaskStatus[Any]
) -> None:
    actor._kit_mailbox = box
    try:
        await actor.start()
        status.started()
        failed = True
        try:
            await _serve(actor, box)
            failed = False
        finally:
            with trio.move_on_after(stop_timeout, shield=True) as scope:
                await (_stop_after_failure(actor, box, confidential) if failed else actor.stop())
            if scope.cancelled_caught:
                logger.error("the stop hook of %s took longer than %g s and was cut off", box.name, stop_timeout)
    finally:
        box.asked_to_stop = False


async def _stop_after_failure(actor: Actor[Any], box: Mailbox, confidential: bool) -> None:
    try:
        await actor.stop()
    except Exception as exc:  # the first failure is the one that counts
        logger.error("the stop hook of %s failed\n%s", box.name, trace(exc, confidential=confidential))


async def _serve(actor: Actor[Any], box: Mailbox) -> None:
    while (letter := await box.take()) is not None:
        box.in_hand = letter
        try:
            answer = await actor.handle(letter.message)
        except BaseException as exc:
            box.in_hand = None
            _fail(letter, box, exc)
            raise
        letter.answer(answer)
        box.in_hand = None
        box.handled += 1


def _fail(letter: Letter, box: Mailbox, exc: BaseException) -> None:
    crash, _ = split(exc)
    if crash is None:
        letter.fail(ActorStopped(None, name=box.name, begun=True))
    else:
        box.crashed_on = letter.message_type
        letter.fail(ActorCrashed(box.name, letter.message_type))
