"""An actor as a supervised child: one incarnation's life, hook by hook, from `start` to `stop`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from actors.kit.child import ChildSpec, split
from actors.kit.errors import ActorCrashed, ActorStopped
from actors.kit.monitors import Down
from actors.kit.policy import Restart
from actors.kit.reports import trace

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from actors.kit.actor import Actor, Ref
    from actors.kit.mailbox import Mailbox

logger = logging.getLogger("croupier.kit")

M = TypeVar("M")


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
) -> ChildSpec:
    """An actor as a supervised child: `make` makes an incarnation of the actor behind `ref`. The times are seconds;
    `stop_timeout` is for each of the hooks `crashed` and `stop`.

    At its end for good `ref` is stopped first, then `ended` is called, then every message that still waits is failed
    with ActorStopped, then those who monitor it are told: so whoever learns of it finds `ended` done. Reports are
    confidential unless told otherwise: what an actor raises may quote its messages.
    """
    box = ref._box

    def gone(reason: BaseException | None) -> None:
        left = box.close(reason)
        try:
            if ended is not None:
                ended(reason)
        finally:
            box.fail(left)
            box.tell_watchers(Down(box.name, reason))

    async def run(status: trio.TaskStatus[Any]) -> None:
        if box.begin(reopen=restart is Restart.PERMANENT):
            await _incarnation(make(), box, stop_timeout, confidential, status)
        else:
            status.started()

    return ChildSpec(
        id=ref.name if child_id is None else child_id,
        run=run,
        restart=restart,
        significant=significant,
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
    reason: Exception | None = None
    up = served = False
    try:
        await _noting(actor.start(), "start", box)
        up = True
        status.started()
        try:
            await _serve(actor, box)
            served = True
        except BaseException as exc:
            with trio.move_on_after(stop_timeout, shield=True) as limit:
                await _tell_of_crash(actor, exc, box, confidential)
            _warn_if_cut_off(limit, "crashed", box, stop_timeout)
            raise
        finally:
            with trio.move_on_after(stop_timeout, shield=True) as limit:
                hook = actor.stop()
                await (_noting(hook, "stop", box) if served else _logging(hook, "stop", box, confidential))
            _warn_if_cut_off(limit, "stop", box, stop_timeout)
    except BaseException as exc:
        reason, _ = split(exc)
        raise
    finally:
        actor._kit_mailbox = None  # what callbacks of this incarnation do later must not touch the next one
        box.end_incarnation()
        if up:
            box.tell_watchers(Down(box.name, reason, gone=False))
        reason = None  # its traceback holds this frame, and would be held by it


def _warn_if_cut_off(limit: trio.CancelScope, hook: str, box: Mailbox, seconds: float) -> None:
    if limit.cancelled_caught:
        logger.error("the %s hook of %s took longer than %g s and was cut off", hook, box.name, seconds)


async def _tell_of_crash(actor: Actor[Any], exc: BaseException, box: Mailbox, confidential: bool) -> None:
    crash, _ = split(exc)
    if crash is not None:
        await _logging(actor.crashed(crash), "crashed", box, confidential)


async def _logging(hook: Coroutine[Any, Any, None], which: str, box: Mailbox, confidential: bool) -> None:
    """Runs a hook after a failure, which is the one that counts: another one is only logged."""
    try:
        await hook
    except Exception as exc:
        logger.error("the %s hook of %s failed\n%s", which, box.name, trace(exc, confidential=confidential))


async def _noting(hook: Coroutine[Any, Any, None], which: str, box: Mailbox) -> None:
    try:
        await hook
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


async def _serve(actor: Actor[Any], box: Mailbox) -> None:
    clock = trio.lowlevel.current_clock()
    try:
        while (letter := await box.take()) is not None:
            box.in_hand = letter
            box.in_hand_since = clock.current_time()
            letter.answer(await actor.handle(letter.message))
            box.in_hand = None
            box.handled += 1
    except BaseException as exc:
        failed, box.in_hand = box.in_hand, None
        if failed is None:
            _note(exc, "in a monitor's make_message", box)
        elif _note(exc, f"on {failed.message_type}", box):
            box.crashed_on = failed.message_type
            failed.fail(ActorCrashed(box.name, failed.message_type))
        else:
            failed.fail(ActorStopped(None, name=box.name, begun=True))
        raise
