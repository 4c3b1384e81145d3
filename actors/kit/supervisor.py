"""A supervisor of a few, ordered children: they are started in order, stopped in reverse, one at a time, and restarted
as its strategy says. (`DynamicSupervisor` is for thousands of children that have nothing to do with each other.)

It is the shell around `actors.kit.policy`. Everything that changes the children happens in one control loop, one event
after the other; a retry is an event to itself, so that a shutdown can come between.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from typing import TYPE_CHECKING, TypeAlias

import trio
from attrs import define, field, frozen

from actors.kit.child import Child, ChildSpec, Exit, StartTimeout
from actors.kit.dynamic import DynamicSupervisor
from actors.kit.policy import Exited, Forget, GiveUp, Member, Policy, Restart, Start, Stop, Strategy, decide
from actors.kit.reports import CrashReport
from actors.kit.shelter import RestartIntensityExceeded, Shelter, SupervisorStopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actors.kit.tree import Node

__all__ = [
    "ChildSpec", "CrashReport", "DynamicSupervisor", "Restart", "RestartIntensityExceeded", "StartTimeout", "Strategy",
    "Supervisor", "SupervisorStopped",
]  # fmt: skip


@frozen(eq=False)
class _Gone:
    child: Child
    incarnation: int
    exit: Exit


@define(eq=False)
class _Add:
    spec: ChildSpec
    done: trio.Event = field(factory=trio.Event)
    error: Exception | None = None


@define(eq=False)
class _Remove:
    child_id: str
    done: trio.Event = field(factory=trio.Event)
    error: Exception | None = None


_Event: TypeAlias = _Gone | _Add | _Remove


class Supervisor(Shelter):
    """Supervises `children`, started in this order. More than `max_restarts` restarts within `within` seconds make it
    give up: it stops them all and fails with RestartIntensityExceeded, which is its own supervisor's matter."""

    def __init__(
        self,
        name: str,
        children: Iterable[ChildSpec] = (),
        *,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        max_restarts: int = 3,
        within: float = 5.0,
        keep_reports: int = 32,
    ) -> None:
        super().__init__(name, keep_reports=keep_reports)
        self._specs = tuple(children)
        if len({spec.id for spec in self._specs}) != len(self._specs):
            raise ValueError(f"two children of {name} have the same id")
        self._initial = Policy(strategy=strategy, max_restarts=max_restarts, within=within)
        self._policy = self._initial
        self._children: dict[str, Child] = {}
        self._events: deque[_Event] = deque()
        self._retries: list[tuple[float, tuple[str, ...]]] = []  # a heap, the next one first

    # ---- asked from outside

    async def start_child(self, spec: ChildSpec) -> None:
        """Adds a child after the others and waits until it is up.

        What it fails to start with comes bare, and it is then no child. Raises ValueError for an id that is taken,
        SupervisorStopped. Cancelled: the child is started nevertheless.
        """
        await self._request(_Add(spec))

    async def stop_child(self, child_id: str) -> None:
        """Stops a child for good and waits until it is gone. Raises KeyError when there is none of this id,
        SupervisorStopped. Cancelled: the child is stopped nevertheless."""
        await self._request(_Remove(child_id))

    async def _request(self, request: _Add | _Remove) -> None:
        self._open_nursery()
        self._events.append(request)
        self._ring()
        await request.done.wait()
        if request.error is not None:
            raise request.error

    # ---- the control loop

    async def _supervise(self, up: Callable[[], None]) -> BaseException | None:
        self._children = {spec.id: Child(spec, self._ring) for spec in self._specs}
        self._policy = self._initial
        for child in list(self._children.values()):
            self._policy = self._policy.with_member(Member(child.spec.id, child.spec.restart))
            error = await self._bring_up(child)
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
                case (_Add() | _Remove()) as request:
                    await self._carry_out(request)
                    return None
        due = self._retries[0][0] if self._retries else math.inf
        if due <= trio.current_time():
            _, ids = heapq.heappop(self._retries)
            await self._restart(ids)
            return None
        with trio.move_on_at(due):
            await self._until(lambda: bool(self._events) or self._leaving)
        return None

    async def _react(self, gone: _Gone) -> BaseException | None:
        child = gone.child
        child_id = child.spec.id
        if self._children.get(child_id) is not child or child.incarnation != gone.incarnation or child.running:
            return None  # meanwhile it was restarted with a sibling, or removed
        self._policy, actions = decide(self._policy, Exited(child_id, gone.exit.how, trio.current_time()))
        for action in actions:
            match action:
                case Stop(ids):
                    for sibling in ids:
                        await self._children[sibling].stop()
                case Forget(leaving):
                    gone_for_good = self._children.pop(leaving)
                    gone_for_good.end(gone_for_good.reason)
                case Start(ids, delay) if delay > 0:
                    child.retrying = True
                    heapq.heappush(self._retries, (trio.current_time() + delay, ids))
                case Start(ids, _):
                    await self._restart(ids)
                case GiveUp():
                    return RestartIntensityExceeded(self.name, child_id)
        return None

    async def _restart(self, ids: tuple[str, ...]) -> None:
        for child_id in ids:
            child = self._children.get(child_id)
            if self._leaving:
                return
            if child is None or child.running:
                continue  # an old retry: what it was to do has been done since
            child.restarts += 1
            if await self._bring_up(child) is not None:
                return  # that is an event of its own, and starts those after it too

    async def _bring_up(self, child: Child) -> BaseException | None:
        """Starts an incarnation and waits until it is up; gives what it failed with before it was."""
        nursery = self._nursery
        assert nursery is not None
        child.schedule()
        nursery.start_soon(self._host, child, name=child.spec.id)
        await self._until(lambda: child.up or not child.running or self._leaving)
        return None if child.exit is None or child.exit.was_up else child.exit.reason

    async def _host(self, child: Child) -> None:
        exited = await child.live()
        if self._note(child, exited):
            self._events.append(_Gone(child, child.incarnation, exited))

    async def _carry_out(self, request: _Add | _Remove) -> None:
        request.error = SupervisorStopped(f"{self.name} has stopped")  # unless it gets to its end
        try:
            match request:
                case _Add(spec):
                    request.error = await self._add(spec)
                case _Remove(child_id):
                    request.error = await self._remove(child_id)
        finally:
            request.done.set()

    async def _add(self, spec: ChildSpec) -> Exception | None:
        if spec.id in self._children:
            return ValueError(f"{self.name} has a child {spec.id} already")
        child = self._children[spec.id] = Child(spec, self._ring)
        error = await self._bring_up(child)
        if error is None and not self._leaving:
            self._policy = self._policy.with_member(Member(spec.id, spec.restart))
            return None
        if error is not None:
            del self._children[spec.id]
            child.end(error)
        return error if isinstance(error, Exception) else SupervisorStopped(f"{self.name} has stopped")

    async def _remove(self, child_id: str) -> Exception | None:
        child = self._children.get(child_id)
        if child is None:
            return KeyError(child_id)
        await child.stop()
        del self._children[child_id]
        self._policy = self._policy.without_member(child_id)
        child.end(child.reason)
        return None

    async def _stop_children(self, failure: BaseException | None) -> None:
        for child in reversed(list(self._children.values())):
            await child.stop()
            child.end(child.reason if child.incarnation else failure)

    def _bury(self) -> None:
        for child in reversed(self._children.values()):
            child.end(child.reason)
        for event in self._events:
            if not isinstance(event, _Gone):
                event.error = SupervisorStopped(f"{self.name} has stopped")
                event.done.set()
        self._children.clear()
        self._events.clear()
        self._retries.clear()

    def _child_nodes(self) -> tuple[tuple[Node, ...], int]:
        return tuple(child.node() for child in self._children.values()), 0
