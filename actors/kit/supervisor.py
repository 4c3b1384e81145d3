"""A supervisor of a few, ordered children: they are started in order, stopped in reverse, one at a time, and restarted
as its strategy says. (`DynamicSupervisor` is for thousands of children that have nothing to do with each other.)

It is the shell around `actors.kit.policy`. Everything that changes the children happens in one control loop, one event
after the other; a retry is an event to itself, so that a shutdown can come between.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import trio
from attrs import define, field, frozen

from actors.kit.child import KILL, Child, ChildSpec, Exit, Spec, StartTimeout, ki_safe
from actors.kit.dynamic import DynamicSupervisor
from actors.kit.policy import (
    AutoShutdown,
    Forget,
    GiveUp,
    Member,
    Policy,
    Rest,
    Restart,
    ShutDown,
    Start,
    Stop,
    Strategy,
    decide,
)
from actors.kit.reports import CrashReport, What
from actors.kit.roster import (
    AlreadyPresent,
    AlreadyStarted,
    ChildCount,
    ChildError,
    ChildInfo,
    ChildNotFound,
    ChildRestarting,
    ChildRunning,
)
from actors.kit.shelter import RestartIntensityExceeded, Shelter, SupervisorStopped, no_jitter

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from actors.kit.tree import Node

__all__ = [
    "KILL", "AlreadyPresent", "AlreadyStarted", "AutoShutdown", "ChildCount", "ChildError", "ChildInfo",
    "ChildNotFound", "ChildRestarting", "ChildRunning", "ChildSpec", "CrashReport", "DynamicSupervisor", "Restart",
    "RestartIntensityExceeded", "Spec", "StartTimeout", "Strategy", "Supervisor", "SupervisorStopped", "What",
]  # fmt: skip


@frozen(eq=False)
class _Gone:
    child: Child
    incarnation: int
    exit: Exit


@define(eq=False)
class _Request:
    carry_out: Callable[[], Awaitable[None]]
    done: trio.Event = field(factory=trio.Event)
    error: Exception | None = None


_Event: TypeAlias = _Gone | _Request


class Supervisor(Shelter):
    """Supervises `children`, started in this order. More than `max_restarts` restarts within `within` seconds make it
    give up: it stops them all and fails with RestartIntensityExceeded, which is its own supervisor's matter. It ends in
    order by itself when its significant children have, as `auto_shutdown` says; then it had better not be a permanent
    child. `jitter`: see `Shelter`. Raises ValueError for children that cannot be: two of one id, a significant one
    that is permanent or that nothing would follow from.
    """

    def __init__(
        self,
        name: str,
        children: Iterable[Spec] = (),
        *,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        max_restarts: int = 3,
        within: float = 5.0,
        auto_shutdown: AutoShutdown = AutoShutdown.NEVER,
        keep_reports: int = 32,
        jitter: Callable[[], float] = no_jitter,
    ) -> None:
        super().__init__(name, keep_reports=keep_reports, jitter=jitter)
        self._specs = tuple(children)
        if len({spec.id for spec in self._specs}) != len(self._specs):
            raise ValueError(f"two children of {name} have the same id")
        self._initial = Policy(strategy=strategy, max_restarts=max_restarts, within=within, auto_shutdown=auto_shutdown)
        for spec in self._specs:
            self._initial.check(spec.id, spec.restart, spec.significant)
        self._policy = self._initial
        self._children: dict[str, Child] = {}
        self._events: deque[_Event] = deque()
        self._retries: list[tuple[float, int, tuple[str, ...]]] = []  # a heap, the next one first
        self._turns: dict[str, int] = {}  # which retry each child waits for: an older one is no longer its own
        self._numbers = itertools.count()

    # ---- asked from outside

    async def start_child(self, spec: Spec) -> None:
        """Adds a child after the others and waits until it is up.

        What it fails to start with comes bare, and it is then no child. Raises AlreadyStarted, AlreadyPresent,
        ValueError for one that cannot be significant, SupervisorStopped. Cancelled: the child is started nevertheless.
        """
        await self._request(partial(self._add, spec))

    async def terminate_child(self, child_id: str) -> None:
        """Stops a child and waits until it is down. Its specification is kept: `restart_child` brings it back, and so
        does a restart of its group; but a temporary one is then no child any more.

        One that is down already stays so; one that waits for its next try is not tried again. Raises ChildNotFound,
        SupervisorStopped. Cancelled: the child is stopped nevertheless.
        """
        await self._request(partial(self._terminate, child_id))

    async def restart_child(self, child_id: str) -> None:
        """Starts a child that is at rest, in its old place, and waits until it is up.

        What it fails to start with comes bare, and it rests on. Raises ChildNotFound, ChildRunning, ChildRestarting,
        SupervisorStopped. Cancelled: the child is started nevertheless.
        """
        await self._request(partial(self._wake, child_id))

    async def delete_child(self, child_id: str) -> None:
        """Forgets the specification of a child that is at rest. Raises ChildNotFound, ChildRunning, ChildRestarting,
        SupervisorStopped. Cancelled: it is forgotten nevertheless."""
        await self._request(partial(self._delete, child_id))

    async def stop_child(self, child_id: str) -> None:
        """Stops a child for good and waits until it is gone: `terminate_child` and `delete_child` in one. Raises
        ChildNotFound, which is a KeyError, and SupervisorStopped. Cancelled: the child is stopped nevertheless."""
        await self._request(partial(self._remove, child_id))

    @ki_safe
    async def _request(self, carry_out: Callable[[], Awaitable[None]]) -> None:
        self._open_nursery()
        request = _Request(carry_out)
        self._events.append(request)
        self._ring()
        await request.done.wait()
        if request.error is not None:
            raise request.error

    # ---- the control loop

    async def _supervise(self, up: Callable[[], None]) -> BaseException | None:
        self._children = {spec.id: Child(spec, self) for spec in self._specs}
        self._policy = self._initial
        for child in list(self._children.values()):
            self._policy = self._policy.with_member(_member(child.spec))
            error = await self._bring_up(child, answers=True)
            if error is not None:
                return error
            if self._leaving:
                break
        if self._fatal is None:
            up()
        while not self._leaving:
            failure = await self._next()
            if failure is not None:
                return failure
        return None

    async def _next(self) -> BaseException | None:
        if self._events:
            match self._events.popleft():
                case _Gone() as gone:
                    return await self._react(gone)
                case _Request() as request:  # pragma: no branch - there is no third
                    await self._carry_out(request)
                    return None
        due = self._retries[0][0] if self._retries else math.inf
        if due <= trio.current_time():
            _, turn, ids = heapq.heappop(self._retries)
            await self._restart(tuple(child_id for child_id in ids if self._turns.get(child_id) == turn))
            return None
        with trio.move_on_at(due):
            await self._until(lambda: bool(self._events) or self._leaving)
        return None

    async def _react(self, gone: _Gone) -> BaseException | None:
        child = gone.child
        child_id = child.spec.id
        if self._children.get(child_id) is not child or child.incarnation != gone.incarnation:
            return None  # meanwhile it was restarted with a sibling, or removed
        if child.running or child.stopping or child.ended:
            # The same, a moment earlier: it is on its way up, was found down when it was to be stopped for a sibling's
            # sake (OTP then takes its exit for that of the stop), or was stopped on request.
            return None
        self._policy, actions = decide(self._policy, self._exited(child, gone.exit))
        for action in actions:
            match action:
                case Stop(ids):
                    for sibling in ids:
                        await self._stop(self._children[sibling])
                case Forget(leaving):
                    gone_for_good = self._children.pop(leaving)
                    gone_for_good.end(gone_for_good.reason)
                case Rest():
                    child.end(child.reason)
                case Start(ids, delay) if delay > 0:
                    self._restart_after(delay, ids)
                case Start(ids, _):
                    await self._restart(ids)
                case ShutDown():
                    self._stop_requested = True
                case GiveUp():  # pragma: no branch - there are no other actions
                    self._report_given_up(child)
                    return RestartIntensityExceeded(self.name, child_id)
        return None

    def _restart_after(self, delay: float, ids: tuple[str, ...]) -> None:
        turn = next(self._numbers)
        heapq.heappush(self._retries, (trio.current_time() + delay, turn, ids))
        for child_id in ids:
            self._turns[child_id] = turn
            self._children[child_id].retrying = True

    async def _restart(self, ids: tuple[str, ...]) -> None:
        for child_id in ids:
            if self._leaving:
                return
            child = self._children[child_id]
            child.restarts += 1
            self.restarted(child)
            if await self._bring_up(child, answers=False) is not None:
                return  # that is an event of its own, and starts those after it too

    async def _bring_up(self, child: Child, *, answers: bool) -> BaseException | None:
        """Starts an incarnation and waits until it is up; gives what it failed with before it was."""
        nursery = self._nursery
        assert nursery is not None
        self._turns.pop(child.spec.id, None)
        child.schedule(answers=answers)
        nursery.start_soon(child.live, name=child.spec.id)
        await self._until(lambda: child.up or not child.running or self._leaving)
        return None if child.exit is None or child.exit.was_up else child.exit.reason

    async def _stop(self, child: Child) -> None:
        self._turns.pop(child.spec.id, None)
        child.retrying = False
        await child.stop()

    def came_up(self, child: Child) -> None:
        """A child is up: the control loop waits for that."""
        self._ring()

    def after(self, child: Child, exited: Exit) -> float | None:
        """A child's incarnation is over: that is an event. The next one will have a task of its own."""
        if self._note(child, exited):
            self._events.append(_Gone(child, child.incarnation, exited))
        return None

    def left(self, child: Child) -> None:
        """A child's task ends; its exit has been noted."""

    # ---- requests

    async def _carry_out(self, request: _Request) -> None:
        request.error = SupervisorStopped(f"{self.name} has stopped")  # unless it gets to its end
        try:
            await request.carry_out()
            request.error = None
        except Exception as error:
            request.error = error
        finally:
            request.done.set()

    async def _add(self, spec: Spec) -> None:
        self._policy.check(spec.id, spec.restart, spec.significant)
        if spec.id in self._children:
            running = self._children[spec.id].running
            raise (AlreadyStarted if running else AlreadyPresent)(self.name, spec.id)
        child = self._children[spec.id] = Child(spec, self)
        error = await self._bring_up(child, answers=True)
        if error is not None:
            del self._children[spec.id]
            child.end(error)
        self._check_up(error)
        self._policy = self._policy.with_member(_member(spec))

    async def _wake(self, child_id: str) -> None:
        child = self._at_rest(child_id)
        error = await self._bring_up(child, answers=True)
        if error is not None:
            child.end(error)
        self._check_up(error)
        self._policy = self._policy.started(child_id)

    async def _terminate(self, child_id: str) -> None:
        child = self._known(child_id)
        await self._stop(child)
        self._policy = self._policy.stopped(child_id)
        if child.spec.restart is Restart.TEMPORARY:
            del self._children[child_id]
        child.end(child.reason)

    async def _delete(self, child_id: str) -> None:
        self._at_rest(child_id)
        del self._children[child_id]
        self._policy = self._policy.without_member(child_id)

    async def _remove(self, child_id: str) -> None:
        await self._terminate(child_id)
        if child_id in self._children:
            await self._delete(child_id)

    def _check_up(self, error: BaseException | None) -> None:
        if isinstance(error, Exception):
            raise error
        if error is not None or self._leaving:
            raise SupervisorStopped(f"{self.name} has stopped")

    def _known(self, child_id: str) -> Child:
        child = self._children.get(child_id)
        if child is None:
            raise ChildNotFound(self.name, child_id)
        return child

    def _at_rest(self, child_id: str) -> Child:
        child = self._known(child_id)
        if self._policy.member(child_id).active:
            raise (ChildRunning if child.running else ChildRestarting)(self.name, child_id)
        return child

    # ---- the end of all of them

    async def _stop_children(self, failure: BaseException | None) -> None:
        for child in reversed(list(self._children.values())):
            await child.stop()
            child.end(child.reason if child.incarnation else failure)

    def _bury(self) -> None:
        for child in reversed(self._children.values()):
            child.end(child.reason)
        for event in self._events:
            if isinstance(event, _Request):
                event.error = SupervisorStopped(f"{self.name} has stopped")
                event.done.set()
        self._children.clear()
        self._events.clear()
        self._retries.clear()
        self._turns.clear()

    @property
    def _all(self) -> Collection[Child]:
        return self._children.values()

    def _child_nodes(self) -> tuple[tuple[Node, ...], int]:
        return tuple(child.node() for child in self._children.values()), 0


def _member(spec: Spec) -> Member:
    return Member(spec.id, spec.restart, spec.significant)
