"""A supervisor of any number of children that have nothing to do with each other: the tables, the connections.

Each child is one task, which carries out the restart policy for itself; so the restart intensity counts per child, and
a child that exceeds it is given up alone. They are stopped in parallel, under one deadline.
"""

from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING

import trio

from actors.kit.child import OVERRUN_AFTER, Child
from actors.kit.policy import Exited, GiveUp, Member, Policy, Start, decide
from actors.kit.shelter import Shelter

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.kit.child import ChildSpec, Exit
    from actors.kit.tree import Node

logger = logging.getLogger("croupier.kit")

_LISTED = 1000
_NAMED = 10


class DynamicSupervisor(Shelter):
    """Takes children while it runs. A child that crashes more than `max_restarts` times within `within` seconds is
    given up; when the supervisor stops, its children together have `shutdown` seconds before they are cancelled."""

    def __init__(
        self,
        name: str,
        *,
        max_restarts: int = 3,
        within: float = 5.0,
        shutdown: float = 5.0,
        keep_reports: int = 32,
    ) -> None:
        super().__init__(name, keep_reports=keep_reports)
        self._policy = Policy(max_restarts=max_restarts, within=within)
        self._shutdown = shutdown
        self._children: dict[str, Child] = {}
        self._on_change = self._ring_if_last

    def __contains__(self, child_id: object) -> bool:
        """Whether there is a child of this id: from `spawn` until just before its `ended` is called."""
        return child_id in self._children

    @property
    def children(self) -> int:
        """How many children there are."""
        return len(self._children)

    def spawn(self, spec: ChildSpec) -> None:
        """Takes a child and returns at once; the child starts in the background.

        If its start fails, it is gone for good with that exception as the reason; it is tried only once. Later crashes
        restart it as `spec.restart` says. Raises ValueError for an id that is taken, SupervisorStopped; `spec.ended` is
        then not called.
        """
        nursery = self._open_nursery()
        if spec.id in self._children:
            raise ValueError(f"{self.name} has a child {spec.id} already")
        child = self._children[spec.id] = Child(spec, self._on_change)
        child.schedule()
        nursery.start_soon(self._host, child, name=spec.id)

    async def stop_child(self, child_id: str) -> None:
        """Stops a child for good and waits until it is gone. Raises KeyError when there is none of this id.

        Cancelled: the child has been asked to stop, and may still run; call it again.
        """
        await self._children[child_id].stop()

    # ---- one child's whole life

    async def _host(self, child: Child) -> None:
        policy = self._policy
        try:
            while True:
                exited = await child.live()
                policy, delay = self._after(child, exited, policy)
                if delay is None:
                    return
                child.restarts += 1
                child.schedule()
                if delay > 0:
                    await child.pause(delay)
        finally:
            del self._children[child.spec.id]
            child.end(child.reason)
            self._ring_if_last()

    def _after(self, child: Child, exited: Exit, policy: Policy) -> tuple[Policy, float | None]:
        """The policy from here on, and after how many seconds to go on; None: not at all."""
        if not self._note(child, exited) or self._leaving:
            return policy, None
        if not policy.members:
            policy = policy.with_member(Member(child.spec.id, child.spec.restart))
        policy, actions = decide(policy, Exited(child.spec.id, exited.how, trio.current_time()))
        match actions:
            case (Start(_, delay),):
                return policy, delay
            case (GiveUp(),):
                logger.error("%s gave %s up: too many restarts", self.name, child.spec.id)
        return policy, None

    # ---- all of them

    async def _supervise(self, up: Callable[[], None]) -> BaseException | None:
        up()
        await self._until(lambda: self._leaving)
        return None

    async def _stop_children(self, failure: BaseException | None) -> None:
        for child in list(self._children.values()):
            child.ask_to_stop()
        with trio.move_on_after(self._shutdown):
            await self._until(self._is_empty)
        for child in list(self._children.values()):
            child.cancel()
        with trio.move_on_after(OVERRUN_AFTER):
            await self._until(self._is_empty)
        if self._children:
            for child in itertools.islice(self._children.values(), _NAMED):
                child.report_overrun()
            logger.error("%s waits for %d children that will not stop", self.name, len(self._children))
            await self._until(self._is_empty)

    def _bury(self) -> None:
        """Each child's own task has seen to that."""
        assert not self._children

    def _is_empty(self) -> bool:
        return not self._children

    def _ring_if_last(self) -> None:
        if not self._children:
            self._ring()

    def _child_nodes(self) -> tuple[tuple[Node, ...], int]:
        listed = tuple(child.node() for child in itertools.islice(self._children.values(), _LISTED))
        return listed, len(self._children) - len(listed)
