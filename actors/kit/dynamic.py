"""A supervisor of any number of children that have nothing to do with each other: the tables, the connections.

Each child is one task for all its life, and the restart policy is carried out in it; so the restart intensity counts
per child, and a child that exceeds it is given up alone. They are stopped in parallel, under one deadline.

Starting and stopping many takes time in proportion to their number, and more than half of that of a start belongs to
the garbage collector, which looks at every object that stays some five times while the heap grows. So a child is made
of few objects. The collector is the process's own, and nothing here touches it: see docs/otp.md.
"""

from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING

import trio
from attrs import define, field

from actors.kit.child import OVERRUN_AFTER, Child, ki_safe
from actors.kit.policy import GiveUp, Member, Policy, Start, decide
from actors.kit.roster import AlreadyStarted, ChildNotFound
from actors.kit.shelter import Shelter, SupervisorStopped, no_jitter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from actors.kit.child import Exit, Spec
    from actors.kit.tree import Node

logger = logging.getLogger("croupier.kit")

_LISTED = 1000
_NAMED = 10
_SLICE = 1000
"""So many children are asked to stop without letting other tasks run."""


@define(eq=False)
class _Starting:
    settled: trio.Event = field(factory=trio.Event)
    up: bool = False


class DynamicSupervisor(Shelter):
    """Takes children while it runs. A child that crashes more than `max_restarts` times within `within` seconds is
    given up; when the supervisor stops, its children together have `shutdown` seconds before they are cancelled, which
    may be `math.inf`. `jitter`: see `Shelter`."""

    def __init__(
        self,
        name: str,
        *,
        max_restarts: int = 3,
        within: float = 5.0,
        shutdown: float = 5.0,
        keep_reports: int = 32,
        jitter: Callable[[], float] = no_jitter,
    ) -> None:
        super().__init__(name, keep_reports=keep_reports, jitter=jitter)
        self._policy = Policy(max_restarts=max_restarts, within=within)
        self._shutdown = shutdown
        self._children: dict[str, Child] = {}
        self._policies: dict[str, Policy] = {}  # of those that have crashed
        self._awaited: dict[str, _Starting] = {}  # those whose start somebody waits for

    def __contains__(self, child_id: object) -> bool:
        """Whether there is a child of this id: from `spawn` until just before its `ended` is called."""
        return child_id in self._children

    @property
    def children(self) -> int:
        """How many children there are."""
        return len(self._children)

    def spawn(self, spec: Spec) -> None:
        """Takes a child and returns at once; the child starts in the background.

        If its start fails, it is gone for good with that exception as the reason; it is tried only once. Later crashes
        restart it as `spec.restart` says. Raises AlreadyStarted for an id that is taken, ValueError for a significant
        child (there is no automatic shutdown here), SupervisorStopped; `spec.ended` is then not called.
        """
        self._take(spec)

    async def start_child(self, spec: Spec) -> None:
        """Takes a child and waits until it is up. Others may come and go meanwhile.

        What it fails to start with comes bare, and it is then no child. Raises SupervisorStopped when it is stopped
        before it is up, and what `spawn` raises. Cancelled: the child is started nevertheless.
        """
        child = self._take(spec)
        starting = self._awaited[spec.id] = _Starting()
        await starting.settled.wait()
        if starting.up:
            return
        if isinstance(child.reason, Exception):
            raise child.reason
        raise SupervisorStopped(f"{spec.id} was stopped before it was up")

    @ki_safe
    def _take(self, spec: Spec) -> Child:
        nursery = self._open_nursery()
        self._policy.check(spec.id, spec.restart, spec.significant)
        if spec.id in self._children:
            raise AlreadyStarted(self.name, spec.id)
        child = self._children[spec.id] = Child(spec, self)
        child.schedule(answers=True)
        nursery.start_soon(child.live, name=spec.id)
        return child

    async def terminate_child(self, child_id: str) -> None:
        """Stops a child for good and waits until it is gone. Raises ChildNotFound, which is a KeyError.

        Cancelled: the child has been asked to stop, and may still run; call it again.
        """
        child = self._children.get(child_id)
        if child is None:
            raise ChildNotFound(self.name, child_id)
        await child.stop()

    async def stop_child(self, child_id: str) -> None:
        """The same as `terminate_child`: a child that was stopped here is no child any more."""
        await self.terminate_child(child_id)

    # ---- one child's whole life

    def came_up(self, child: Child) -> None:
        """A child is up."""
        self._settle(child, up=True)

    def after(self, child: Child, exited: Exit) -> float | None:
        """What the policy makes of a child's exit."""
        if not self._note(child, exited) or self._leaving:
            return None
        child_id = child.spec.id
        policy = self._policies.get(child_id) or self._policy.with_member(Member(child_id, child.spec.restart))
        self._policies[child_id], actions = decide(policy, self._exited(child, exited))
        match actions:
            case (Start(_, delay),):
                return delay
            case (GiveUp(),):
                self._report_given_up(child)
        return None

    def left(self, child: Child) -> None:
        """A child is gone for good."""
        del self._children[child.spec.id]
        self._policies.pop(child.spec.id, None)
        self._settle(child, up=False)
        child.end(child.reason)
        if not self._children:
            self._ring()

    def _settle(self, child: Child, *, up: bool) -> None:
        starting = self._awaited.pop(child.spec.id, None)
        if starting is not None:
            starting.up = up
            starting.settled.set()

    # ---- all of them

    async def _supervise(self, up: Callable[[], None]) -> BaseException | None:
        up()
        await self._until(lambda: self._leaving)
        return None

    async def _stop_children(self, failure: BaseException | None) -> None:
        await self._each(Child.ask_to_stop)
        with trio.move_on_after(self._shutdown):  # from when they have all been asked
            await self._until(self._is_empty)
        self._report_overruns(f"it did not stop within {self._shutdown:g} s, and is cancelled")
        await self._each(Child.cancel)
        with trio.move_on_after(OVERRUN_AFTER):
            await self._until(self._is_empty)
        self._report_overruns("it was cancelled, and will not stop")
        await self._until(self._is_empty)

    async def _each(self, do: Callable[[Child], object]) -> None:
        for number, child in enumerate(list(self._children.values()), 1):
            do(child)
            if number % _SLICE == 0:
                await trio.lowlevel.checkpoint()

    def _report_overruns(self, what: str) -> None:
        for child in itertools.islice(self._children.values(), _NAMED):
            child.report_overrun(what)
        if len(self._children) > _NAMED:
            logger.error("%s waits for %d children that do not stop", self.name, len(self._children))

    def _bury(self) -> None:
        """Each child's own task has seen to that."""
        assert not self._children

    def _is_empty(self) -> bool:
        return not self._children

    @property
    def _all(self) -> Collection[Child]:
        return self._children.values()

    def _child_nodes(self) -> tuple[tuple[Node, ...], int]:
        listed = tuple(child.node() for child in itertools.islice(self._children.values(), _LISTED))
        return listed, len(self._children) - len(listed)
