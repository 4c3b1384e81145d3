"""A supervised child: how it is described, one incarnation of it, and how it is stopped.

A child's exit is classified *outside* its own cancel scope: inside, a crash during a cancellation is a group that mixes
Cancelled in, and `except Exception` misses it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from attrs import define, evolve, field, frozen, validators

from actors.kit.policy import How, Restart
from actors.kit.reports import trace
from actors.kit.tree import Node

logger = logging.getLogger("croupier.kit")

OVERRUN_AFTER = 2.0
"""Seconds that a cancelled child may take to clean up before it is reported as overrunning."""


class StartTimeout(Exception):
    """A child was not up within its `start_timeout`, and was cancelled."""


@frozen(kw_only=True, eq=False)
class ChildSpec:
    """What a supervisor has to know of a child: an actor (`actor_child`), a supervisor (`as_child`) or any service.

    `run` is an async function in the manner of `nursery.start`: it calls `task_status.started()` when it is up. It runs
    again from the beginning at each restart. `start_timeout` and `shutdown` are seconds.

    To stop it, `ask_to_stop` is called if there is one (it must not block; the child returns from `run` when it has
    finished in order), and after `shutdown` seconds `run` is cancelled; without `ask_to_stop` it is cancelled at once.

    `ended` is called once, when the child is gone for good: with the exception that ended it, or None when it returned
    or was stopped. It must not block, and may raise nothing. When a supervisor that its own supervisor restarts starts
    its children anew, that is a new life, with an end of its own.

    `describe` tells of the child and what is below it. `confidential`: its exceptions may quote hidden things, so
    reports leave their texts out.
    """

    id: str
    run: Callable[[trio.TaskStatus[Any]], Awaitable[None]]
    restart: Restart = Restart.PERMANENT
    shutdown: float = field(default=5.0, validator=validators.ge(0))
    start_timeout: float = field(default=5.0, validator=validators.gt(0))
    ask_to_stop: Callable[[], None] | None = None
    ended: Callable[[BaseException | None], None] | None = None
    describe: Callable[[], Node] | None = None
    confidential: bool = False


@frozen
class Exit:
    """How an incarnation ended, and whether it had been up. `crash` is what it failed with, if it did; `fatal` is what
    no supervisor may keep to itself (KeyboardInterrupt, SystemExit), to be raised again once everything is stopped."""

    was_up: bool
    crash: Exception | None = None
    fatal: BaseException | None = None

    @property
    def reason(self) -> BaseException | None:
        """What ended it, None when it ended in order."""
        return self.fatal or self.crash

    @property
    def how(self) -> How:
        """What the restart policy has to know of it."""
        if not self.was_up:
            return How.NEVER_UP
        return How.NORMAL if self.crash is None else How.CRASHED


def split(exc: BaseException) -> tuple[Exception | None, BaseException | None]:
    """The part of an exception that is a crash, and the rest: Cancelled, KeyboardInterrupt, SystemExit."""
    if isinstance(exc, Exception):
        return exc, None
    if isinstance(exc, BaseExceptionGroup):
        crash, rest = exc.split(Exception)
        assert crash is None or isinstance(crash, Exception)
        return crash, rest
    return None, exc


def _belongs_to_trio(exc: BaseException) -> bool:
    """Whether this must go on through the frames as it is: a cancellation from above, a coroutine being closed."""
    if isinstance(exc, BaseExceptionGroup):
        return exc.subgroup((trio.Cancelled, GeneratorExit)) is not None
    return isinstance(exc, (trio.Cancelled, GeneratorExit))


@define(eq=False)
class Child:
    """A child and its present incarnation. It is its own task status.

    `changed` is called, synchronously, when it has come up. `incarnation` counts from 1, 0 before the first. `reason`
    is what its latest incarnation ended with.
    """

    spec: ChildSpec
    changed: Callable[[], None]
    incarnation: int = 0
    restarts: int = 0
    running: bool = False
    up: bool = False
    stopping: bool = False
    overrunning: bool = False
    retrying: bool = False
    ended: bool = False
    reason: BaseException | None = None
    exit: Exit | None = None
    _scope: trio.CancelScope | None = None
    _down: trio.Event | None = None

    # ---- one incarnation

    def schedule(self) -> None:
        """Called before the task that will run `live` is made, so that there is no moment at which it seems down."""
        self.running = True
        self.stopping = self.retrying = False
        self.exit = None

    async def live(self) -> Exit:
        """Runs one incarnation to its end; every way to end is a returned Exit, but for a cancellation from above."""
        if self.stopping:
            self._over()
            return Exit(False)
        self.incarnation += 1
        self._scope = trio.CancelScope(deadline=trio.current_time() + self.spec.start_timeout)
        crash: Exception | None = None
        fatal: BaseException | None = None
        try:
            with self._scope:
                await self.spec.run(self)
        except trio.Cancelled:
            raise
        except BaseException as exc:
            crash, fatal = split(exc)
            if fatal is not None and _belongs_to_trio(fatal):
                raise
        finally:
            was_up = self.up
            timed_out = self._scope.cancel_called and not self.stopping
            self._over()
        if timed_out:
            crash = StartTimeout(f"{self.spec.id} was not up within {self.spec.start_timeout:g} s")
        elif crash is None and fatal is None and not was_up and not self.stopping:
            crash = RuntimeError(f"{self.spec.id} ended without calling task_status.started()")
        return Exit(was_up, crash, fatal)

    def started(self, value: object = None) -> None:
        """The child is up (called by it, once). What it passes is not kept: a restart would make it stale."""
        if self.up:
            raise RuntimeError(f"{self.spec.id} called task_status.started() twice")
        assert self._scope is not None
        if not self._scope.cancel_called:
            self._scope.deadline = float("inf")
            self.up = True
            self.changed()

    def _over(self) -> None:
        self.running = self.up = self.overrunning = False
        self._scope = None
        if self._down is not None:
            self._down.set()
            self._down = None

    # ---- its end

    def ask_to_stop(self) -> bool:
        """Asks it to stop, or cancels it if it cannot be asked; says whether it was asked. From now on its exit is no
        cause for a restart."""
        self.stopping = True
        if not self.up or self.spec.ask_to_stop is None or self.spec.shutdown == 0:
            self.cancel()
            return False
        try:
            self.spec.ask_to_stop()
        except Exception as exc:
            logger.error("%s cannot be asked to stop\n%s", self.spec.id, self.trace(exc))
            self.cancel()
            return False
        return True

    def cancel(self) -> None:
        """Cancels its incarnation, or its wait for the next one."""
        self.stopping = True
        if self._scope is not None:
            self._scope.cancel()

    async def stop(self) -> None:
        """Asks it to stop, waits at most `shutdown`, cancels, waits.

        Trio cannot kill: a child that shields itself is reported by name, and waited for. Cancelled: the child has been
        asked, and may still run; call it again.
        """
        if self.ask_to_stop():
            with trio.move_on_after(self.spec.shutdown):
                await self.wait_down()
            self.cancel()
        with trio.move_on_after(OVERRUN_AFTER):
            await self.wait_down()
        if self.running:
            self.report_overrun()
            await self.wait_down()

    async def wait_down(self) -> None:
        """Waits until its present incarnation is over, or its wait for the next one."""
        if self.running:
            if self._down is None:
                self._down = trio.Event()
            await self._down.wait()

    async def pause(self, seconds: float) -> None:
        """Waits before the next try, unless it is stopped meanwhile."""
        self.retrying = True
        with trio.CancelScope() as self._scope:
            await trio.sleep(seconds)
        self._scope = None
        self.retrying = False

    def end(self, reason: BaseException | None) -> None:
        """It is gone for good: tells whom it may concern, once."""
        if self.ended:
            return
        self.ended = True
        if self.spec.ended is None:
            return
        try:
            self.spec.ended(reason)
        except Exception as exc:
            logger.error("what %s does at its end failed\n%s", self.spec.id, self.trace(exc))

    # ---- what is told of it

    def report_overrun(self) -> None:
        """Logs that it should have stopped by now; the tree shows it too."""
        self.overrunning = True
        logger.error("%s overruns: it was cancelled, and will not stop", self.spec.id)

    def trace(self, exc: BaseException) -> str:
        """The traceback as text, as confidential as the child."""
        return trace(exc, confidential=self.spec.confidential)

    def node(self) -> Node:
        """The child now, with what is below it."""
        seen = self.spec.describe() if self.spec.describe is not None else Node(self.spec.id, "service")
        return evolve(seen, name=self.spec.id, state=self._state(), restarts=self.restarts)

    def _state(self) -> str:
        if self.overrunning:
            return "overrunning"
        if self.retrying:
            return "restarting"
        if self.running:
            return "stopping" if self.stopping else "up" if self.up else "starting"
        return "down"
