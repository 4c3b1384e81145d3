"""An actor as a supervised child: one incarnation's life, hook by hook, from `start` to `stop`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar

import trio
from attrs import field, frozen

from actors.kit.child import NOT_NEGATIVE, POSITIVE, ki_open, ki_safe, split
from actors.kit.errors import ActorCrashed, ActorStopped
from actors.kit.mailbox import Mailbox
from actors.kit.monitors import Down
from actors.kit.policy import Restart
from actors.kit.reports import trace

if TYPE_CHECKING:
    from actors.kit.actor import Actor, Ref
    from actors.kit.child import Child, Spec
    from actors.kit.tree import Node

logger = logging.getLogger("croupier.kit")

M = TypeVar("M")
Hook: TypeAlias = Callable[[], Awaitable[None]]


def actor_child(
    ref: Ref[M],
    make: Callable[[], Actor[M]],
    *,
    child_id: str | None = None,
    restart: Restart = Restart.TRANSIENT,
    significant: bool = False,
    shutdown: float = 5.0,
    start_timeout: float = 5.0,
    stop_timeout: float = 1.0,
    ended: Callable[[BaseException | None], None] | None = None,
    confidential: bool = True,
) -> Spec:
    """An actor as a supervised child: `make` makes an incarnation of the actor behind `ref`. The times are seconds;
    `stop_timeout` is for each of the hooks `crashed` and `stop`.

    At its end for good `ref` is stopped first, then `ended` is called, then every message that still waits is failed
    with ActorStopped, then those who monitor it are told: so whoever learns of it finds `ended` done. Reports are
    confidential unless told otherwise: what an actor raises may quote its messages.
    """
    return ActorSpec(
        ref.name if child_id is None else child_id,
        ref._box,
        make,
        restart,
        significant,
        shutdown,
        start_timeout,
        stop_timeout,
        ended,
        confidential,
    )


@frozen(eq=False)
class ActorSpec:
    """What `actor_child` makes. One object with methods, because there may be a hundred thousand of them: closures
    would be a dozen objects more for each."""

    id: str
    _box: Mailbox
    _make: Callable[[], Any]  # an Actor; its module imports this one
    restart: Restart
    significant: bool
    shutdown: float = field(validator=NOT_NEGATIVE)
    start_timeout: float = field(validator=POSITIVE)
    _stop_timeout: float
    _ended: Callable[[BaseException | None], None] | None
    confidential: bool

    supervisor: ClassVar[bool] = False

    def ask_to_stop(self) -> None:
        """Has it end after the message in hand."""
        self._box.ask_to_stop()

    def ended(self, reason: BaseException | None) -> None:
        """It is gone for good: tells all whom it may concern, in the order that `actor_child` says."""
        left = self._box.close(reason)
        try:
            if self._ended is not None:
                self._ended(reason)
        finally:
            self._box.fail(left)
            self._box.tell_watchers(Down(self._box.name, reason))

    def describe(self) -> Node:
        """The actor in the tree."""
        return self._box.node()

    # ---- one life

    @ki_safe
    async def incarnation(self, child: Child) -> None:
        """Runs it once, from its start to its end. Ctrl-C is raised in its hooks alone."""
        box = self._box
        if not box.begin(reopen=self.restart is Restart.PERMANENT):
            child.started()
            return
        actor: Actor[Any] = self._make()
        actor._kit_mailbox = box
        reason: Exception | None = None
        up = served = False
        try:
            await _noting(actor.start, "start", box)
            up = True
            child.started()
            try:
                if actor.takes_at_once:
                    box.at_once = actor.handle_at_once
                await _serve(actor, box)
                served = True
            except BaseException as exc:
                _fail_in_hand(exc, box)
                with trio.move_on_after(self._stop_timeout, shield=True) as limit:
                    await _tell_of_crash(actor, exc, box, self.confidential)
                _warn_if_cut_off(limit, "crashed", box, self._stop_timeout)
                raise
            finally:
                with trio.move_on_after(self._stop_timeout, shield=True) as limit:
                    if served:
                        await _noting(actor.stop, "stop", box)
                    else:
                        await _logging(actor.stop, "stop", box, self.confidential)
                _warn_if_cut_off(limit, "stop", box, self._stop_timeout)
        except BaseException as exc:
            reason, _ = split(exc)
            raise
        finally:
            actor._kit_mailbox = None  # what callbacks of this incarnation do later must not touch the next one
            box.end_incarnation()
            if up:
                box.tell_watchers(Down(box.name, reason, gone=False))
            reason = None  # its traceback holds this frame, and would be held by it


@ki_open
async def _serve(actor: Actor[Any], box: Mailbox) -> None:
    while (letter := await box.take()) is not None:
        letter.answer(await actor.handle(letter.message))
        box.in_hand = None
        box.handled += 1


def _fail_in_hand(exc: BaseException, box: Mailbox) -> None:
    """Tells the sender of the message that the actor was handling when it failed; nothing happens if it has had its
    answer."""
    failed, box.in_hand = box.in_hand, None
    if failed is None:
        _note(exc, "in a monitor's make_message", box)
    elif _note(exc, f"on {failed.message_type}", box):
        box.crashed_on = failed.message_type
        failed.fail(ActorCrashed(box.name, failed.message_type))
    else:
        failed.fail(ActorStopped(None, name=box.name, begun=True))


async def _tell_of_crash(actor: Actor[Any], exc: BaseException, box: Mailbox, confidential: bool) -> None:
    crash, _ = split(exc)
    if crash is not None:
        await _logging(partial(actor.crashed, crash), "crashed", box, confidential)


def _warn_if_cut_off(limit: trio.CancelScope, hook: str, box: Mailbox, seconds: float) -> None:
    if limit.cancelled_caught:
        logger.error("the %s hook of %s took longer than %g s and was cut off", hook, box.name, seconds)


@ki_open
async def _logging(hook: Hook, which: str, box: Mailbox, confidential: bool) -> None:
    """Runs a hook after a failure, which is the one that counts: another one is only logged."""
    try:
        await hook()
    except Exception as exc:
        logger.error("the %s hook of %s failed\n%s", which, box.name, trace(exc, confidential=confidential))


@ki_open
async def _noting(hook: Hook, which: str, box: Mailbox) -> None:
    try:
        await hook()
    except BaseException as exc:
        _note(exc, f"in {which}", box)
        raise


def _note(exc: BaseException, where: str, box: Mailbox) -> bool:
    """Keeps for the tree what the actor crashed with, if this is a crash; says whether."""
    crash, _ = split(exc)
    if crash is None:
        return False
    box.last_crash = f"{type(crash).__name__} {where}"
    return True
