"""A supervised child: how it is described, its incarnations, and how it is stopped.

A child's exit is classified *outside* its own cancel scope: inside, a crash during a cancellation is a group that mixes
Cancelled in, and `except Exception` misses it.

Ctrl-C is raised in whatever code happens to run, unless that is marked as protected. What the kit itself does here is,
because a child whose end is half noted would be waited for without end; the child's own code is not.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import trio
from attrs import define, field, frozen, validators

from actors.kit.policy import How, Restart
from actors.kit.reports import place, trace
from actors.kit.tree import Node

logger = logging.getLogger("croupier.kit")

ki_safe = trio.lowlevel.enable_ki_protection
ki_open = trio.lowlevel.disable_ki_protection

NOT_NEGATIVE = validators.ge(0.0)
POSITIVE = validators.gt(0.0)

OVERRUN_AFTER = 2.0
"""Seconds that a cancelled child may take to clean up before it is reported as overrunning."""

KILL: Final = 0.0
"""`ChildSpec(shutdown=KILL)` is OTP's `brutal_kill`: the child is not asked, it is cancelled at once."""


class StartTimeout(Exception):
    """A child was not up within its `start_timeout`, and was cancelled."""


class Spec(Protocol):
    """What a supervisor has to know of a child. Made by `actor_child`, of an actor; by `Supervisor.as_child`; and for
    any other service as a ChildSpec, which says what each of these means."""

    @property
    def id(self) -> str: ...
    @property
    def restart(self) -> Restart: ...
    @property
    def significant(self) -> bool: ...
    @property
    def shutdown(self) -> float: ...
    @property
    def start_timeout(self) -> float: ...
    @property
    def ask_to_stop(self) -> Callable[[], None] | None: ...
    @property
    def ended(self) -> Callable[[BaseException | None], None] | None: ...
    @property
    def describe(self) -> Callable[[], Node] | None: ...
    @property
    def supervisor(self) -> bool: ...
    @property
    def confidential(self) -> bool: ...

    async def incarnation(self, child: Child) -> None:
        """Runs it once, from its start to its end; `child`, its task status, is told when it is up."""


@frozen(kw_only=True, eq=False)
class ChildSpec:
    """A service as a supervised child.

    `run` is an async function in the manner of `nursery.start`: it calls `task_status.started()` when it is up. It runs
    again from the beginning at each restart. `start_timeout` is in seconds.

    To stop it, `ask_to_stop` is called if there is one (it must not block; the child returns from `run` when it has
    finished in order), and after `shutdown` seconds `run` is cancelled; without `ask_to_stop` it is cancelled at once.
    `shutdown` may be `math.inf`, for a child that surely stops by itself, and `KILL`: it is not even asked.

    `ended` is called once, when the child is gone for good or at rest: with the exception that ended it, or None when
    it returned or was stopped. It must not block, and may raise nothing. When a child that rests is started again, and
    when a supervisor that its own supervisor restarts starts its children anew, that is a new life, with an end of its
    own.

    `significant`: its end may be the supervisor's too, see `AutoShutdown`. `supervisor` says that it is one, for
    `count_children`. `describe` tells of the child and what is below it. `confidential`: its exceptions may quote
    hidden things, so reports leave their texts out.
    """

    id: str
    run: Callable[[trio.TaskStatus[Any]], Awaitable[None]]
    restart: Restart = Restart.PERMANENT
    significant: bool = False
    shutdown: float = field(default=5.0, validator=NOT_NEGATIVE)
    start_timeout: float = field(default=5.0, validator=POSITIVE)
    ask_to_stop: Callable[[], None] | None = None
    ended: Callable[[BaseException | None], None] | None = None
    describe: Callable[[], Node] | None = None
    supervisor: bool = False
    confidential: bool = False

    @ki_open
    async def incarnation(self, child: Child) -> None:
        """Runs it once, from its start to its end; `child`, its task status, is told when it is up."""
        await self.run(child)


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
    if isinstance(exc, Exception):
        return False
    if isinstance(exc, BaseExceptionGroup):
        return exc.subgroup((trio.Cancelled, GeneratorExit)) is not None
    return isinstance(exc, (trio.Cancelled, GeneratorExit))


class Home(Protocol):
    """Where a child lives: what its supervisor is told of it. All of it is called synchronously, from its task or from
    whoever stops it."""

    def came_up(self, child: Child) -> None:
        """It is up."""

    def after(self, child: Child, exited: Exit) -> float | None:
        """An incarnation is over: in how many seconds the same task is to run the next one, or None for never."""

    def restarted(self, child: Child) -> None:
        """Its next incarnation begins, after one that is over."""

    def left(self, child: Child) -> None:
        """Its task ends."""

    def overran(self, child: Child, where: str) -> None:
        """It did not stop in time; `where` tells where its task is."""


@define(eq=False)
class Child:
    """A child, its present incarnation and those before. It is its own task status.

    `incarnation` counts from 1, 0 before the first. `reason` is what its latest incarnation ended with. `answers`: it
    was started by somebody who is told what it fails to start with, so that its failure is no matter for the policy.
    `ended`: it is at rest, or gone for good, and whom it may concern has been told.
    """

    spec: Spec
    home: Home
    incarnation: int = 0
    restarts: int = 0
    answers: bool = False
    running: bool = False
    up: bool = False
    stopping: bool = False
    overrunning: bool = False
    retrying: bool = False
    ended: bool = False
    reason: BaseException | None = None
    exit: Exit | None = None
    last_crash: str | None = None
    _task: trio.lowlevel.Task | None = None
    _scope: trio.CancelScope | None = None
    _down: trio.Event | None = None

    # ---- its task

    def schedule(self, *, answers: bool = False) -> None:
        """Called before the task that will run `live` is made, so that there is no moment at which it seems down."""
        if self.ended:
            self.ended = False
            self.restarts = 0
        self.answers = answers
        self.running = True
        self.stopping = self.retrying = False
        self.exit = self.reason = None

    @ki_safe
    async def live(self) -> Exit:
        """Runs an incarnation to its end, and then the next one if its home says so; gives how the last one ended.
        Every way to end is an Exit, but for a cancellation from above."""
        # One coroutine for all of a child's life: there may be a hundred thousand of them.
        failure: BaseException | None
        try:
            while True:
                failure = None
                try:
                    if not self.stopping:
                        with self._begin():
                            await self.spec.incarnation(self)
                except trio.Cancelled:
                    raise
                except BaseException as exc:
                    if _belongs_to_trio(exc):
                        raise
                    failure = exc
                finally:
                    was_up, too_late = self._over()
                exited = self._classify(failure, was_up, too_late)
                delay = self.home.after(self, exited)
                if delay is None:
                    return exited
                # What it crashed with would otherwise hang on, with all that its frames hold, as long as it runs.
                del exited, failure
                self.schedule()
                if delay > 0:
                    await self.pause(delay)
                self.restarts += 1
                self.home.restarted(self)
        finally:
            self.home.left(self)

    def _begin(self) -> trio.CancelScope:
        self.incarnation += 1
        self._task = trio.lowlevel.current_task()
        self._scope = trio.CancelScope(deadline=trio.current_time() + self.spec.start_timeout)
        return self._scope

    def started(self, value: object = None) -> None:
        """The child is up (called by it, once). What it passes is not kept: a restart would make it stale."""
        if self.up:
            raise RuntimeError(f"{self.spec.id} called task_status.started() twice")
        assert self._scope is not None
        if not self._scope.cancel_called:
            self._scope.deadline = math.inf
            self.up = True
            self.home.came_up(self)

    def _over(self) -> tuple[bool, bool]:
        """Its incarnation is over; says whether it had been up, and whether it was cancelled for not being so."""
        was_up = self.up
        too_late = self._scope is not None and self._scope.cancel_called and not self.stopping
        self.running = self.up = self.overrunning = False
        self._scope = self._task = None
        if self._down is not None:
            self._down.set()
            self._down = None
        return was_up, too_late

    def _classify(self, failure: BaseException | None, was_up: bool, too_late: bool) -> Exit:
        crash, fatal = split(failure) if failure is not None else (None, None)
        if too_late:
            crash = StartTimeout(f"{self.spec.id} was not up within {self.spec.start_timeout:g} s")
        elif failure is None and not was_up and not self.stopping:
            crash = RuntimeError(f"{self.spec.id} ended without calling task_status.started()")
        return Exit(was_up, crash, fatal)

    async def pause(self, seconds: float) -> None:
        """Waits before the next try, unless it is stopped meanwhile."""
        self.retrying = True
        with trio.CancelScope() as self._scope:
            await trio.sleep(seconds)
        self._scope = None
        self.retrying = False

    # ---- its end

    def ask_to_stop(self) -> bool:
        """Asks it to stop, or cancels it if it cannot be asked; says whether it was asked. From now on its exit is no
        cause for a restart."""
        self.stopping = True
        if not self.up or self.spec.ask_to_stop is None or self.spec.shutdown == KILL:
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

    @ki_safe
    async def stop(self) -> None:
        """Asks it to stop, waits at most `shutdown`, cancels, waits.

        Trio cannot kill: a child that shields itself is reported by name, and waited for. Cancelled: the child has been
        asked, and may still run; call it again.
        """
        if self.ask_to_stop():
            with trio.move_on_after(self.spec.shutdown):
                await self.wait_down()
            if self.running:
                self.report_overrun(f"it did not stop within {self.spec.shutdown:g} s, and is cancelled")
            self.cancel()
        with trio.move_on_after(OVERRUN_AFTER):
            await self.wait_down()
        if self.running:
            self.report_overrun("it was cancelled, and will not stop")
            await self.wait_down()

    async def wait_down(self) -> None:
        """Waits until its present incarnation is over, or its wait for the next one."""
        if self.running:
            if self._down is None:
                self._down = trio.Event()
            await self._down.wait()

    def end(self, reason: BaseException | None) -> None:
        """It is at rest or gone for good: tells whom it may concern, once."""
        if self.ended:
            return
        self.ended = True
        self.retrying = False
        if self.spec.ended is None:
            return
        try:
            self.spec.ended(reason)
        except Exception as exc:
            logger.error("what %s does at its end failed\n%s", self.spec.id, self.trace(exc))

    # ---- what is told of it

    def report_overrun(self, what: str) -> None:
        """Logs that it should have stopped by now, and where it is; the tree and its supervisor's reports tell it too.
        `what` it does, in a few words."""
        self.overrunning = True
        where = "" if self._task is None else place(self._task.iter_await_frames())
        logger.error("%s overruns: %s\n%s", self.spec.id, what, where)
        self.home.overran(self, where)

    def trace(self, exc: BaseException) -> str:
        """The traceback as text, as confidential as the child."""
        return trace(exc, confidential=self.spec.confidential)

    def node(self) -> Node:
        """The child now, with what is below it."""
        return self._described().supervised(self.spec.id, self.state, self.restarts, self.last_crash)

    def _described(self) -> Node:
        if self.spec.describe is not None:
            try:
                return self.spec.describe()
            except Exception as exc:
                logger.error("%s cannot be described\n%s", self.spec.id, self.trace(exc))
        return Node(self.spec.id, "service")

    @property
    def state(self) -> str:
        """As in `Node.state`."""
        if self.overrunning:
            return "overrunning"
        if self.retrying:
            return "restarting"
        if self.running:
            return "stopping" if self.stopping else "up" if self.up else "starting"
        return "down"
