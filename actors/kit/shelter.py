"""What all supervisors have in common: a children's nursery that no outside cancellation reaches, and the supervisor's
own life from `run` to the last child's end.

Cancelling a nursery ends its children at once, in no promised order. So the children live in a shielded nursery, held
by a task of its own, while the control loop stays outside of it, where it notices a cancellation and then stops the
children in its own way.
"""

from __future__ import annotations

import abc
import logging
import math
from typing import TYPE_CHECKING

import trio

from actors.kit.child import ChildSpec, ki_safe
from actors.kit.policy import Exited, How, Restart
from actors.kit.reports import CrashReport, Reports, What, type_name
from actors.kit.roster import ChildCount, ChildInfo
from actors.kit.tree import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from actors.kit.child import Child, Exit

logger = logging.getLogger("croupier.kit")


def no_jitter() -> float:
    """No chance at all: backoffs have their full length."""
    return 0.0


class RestartIntensityExceeded(Exception):
    """A supervisor had to restart too often within its period, stopped all its children and failed. What they failed
    with stands in its `reports`."""

    def __init__(self, supervisor: str, child: str) -> None:
        super().__init__(f"{supervisor} gave up: too many restarts, the last one for {child}")
        self.supervisor = supervisor
        self.child = child


class SupervisorStopped(Exception):
    """The supervisor does not run, or is stopping: it takes no more children."""


class Shelter(abc.ABC):
    """A supervisor without its policy; a `Home` for its children. `reports` are its last crash reports, the newest
    last, `restarts` is how often it has started a child again. `jitter` gives a fresh number from 0 to below 1 for each
    backoff that is to be shortened."""

    def __init__(self, name: str, *, keep_reports: int, jitter: Callable[[], float]) -> None:
        self.name = name
        self.reports = Reports(keep_reports)
        self.restarts = 0
        self._jitter = jitter
        self._nursery: trio.Nursery | None = None  # not None while it takes children
        self._over: trio.Event | None = None  # not None while it runs
        self._stop_requested = False
        self._fatal: BaseException | None = None
        self._bell = trio.lowlevel.ParkingLot()  # rung whenever something changed; the control loop waits for it

    # ---- what a kind of supervisor has to say

    @abc.abstractmethod
    async def _supervise(self, up: Callable[[], None]) -> BaseException | None:
        """Starts the children, calls `up`, and looks after them until it is time to leave. Gives or raises what `run`
        is to fail with."""

    @abc.abstractmethod
    async def _stop_children(self, failure: BaseException | None) -> None:
        """Stops all children; runs shielded. After it none is left."""

    @abc.abstractmethod
    def _bury(self) -> None:
        """No child runs any more: sees to it that nobody waits for one, however it came to this."""

    @property
    @abc.abstractmethod
    def _all(self) -> Collection[Child]:
        """The children, at rest or not."""

    @abc.abstractmethod
    def _child_nodes(self) -> tuple[tuple[Node, ...], int]:
        """The children now, and how many there are beyond those."""

    # ---- its life

    @ki_safe
    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Runs the supervisor, with `nursery.start` or as another supervisor's child.

        It is up when its first children are. An exception before that comes bare, after those children that were up
        have been stopped. Returns after a requested stop. Raises RestartIntensityExceeded, or what no supervisor may
        keep to itself (a child's KeyboardInterrupt, SystemExit), with every child stopped. Cancelled: all children are
        stopped in order first, as `stop` does.
        """

        def up() -> None:
            task_status.started()

        if self._over is not None:
            raise RuntimeError(f"{self.name} runs already")
        self._over = trio.Event()
        self._stop_requested = False
        self._fatal = None
        try:
            failure = await self._run(up)
        finally:
            self._bury()
            self._over.set()
            self._over = None
        if failure is not None:
            raise failure

    async def _run(self, up: Callable[[], None]) -> BaseException | None:
        failure: BaseException | None = None
        ready, empty = trio.Event(), trio.Event()
        async with trio.open_nursery() as house:
            house.start_soon(self._hold, ready, empty, name=f"{self.name} (children)")
            try:
                with trio.CancelScope(shield=True):
                    await ready.wait()
                failure = await self._supervise(up)
            except Exception as exc:
                failure = exc
            finally:
                try:
                    with trio.CancelScope(shield=True):
                        self._stop_requested = True  # nothing is taken or restarted from here on
                        await self._stop_children(failure)
                finally:
                    self._let_go(empty)
        return self._fatal or failure

    @ki_safe
    async def _hold(self, ready: trio.Event, empty: trio.Event) -> None:
        # nursery.start() would wait for ever for this task if the supervisor were cancelled before it began.
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as self._nursery:
                ready.set()
                await empty.wait()

    def _let_go(self, empty: trio.Event) -> None:
        nursery, self._nursery = self._nursery, None
        if nursery is not None and nursery.child_tasks:
            # Only an impatient Ctrl-C gets here with children left: now there is no order to keep any more.
            nursery.cancel_scope.cancel()
        empty.set()

    def request_stop(self) -> None:
        """Asks it to stop its children in order and end. Does not wait; does nothing when it does not run."""
        if self._over is not None:
            self._stop_requested = True
            self._ring()

    async def stop(self) -> None:
        """Has it stop its children in order, and waits until it has ended. Cancelled: it goes on stopping."""
        self.request_stop()
        if self._over is not None:
            await self._over.wait()

    @property
    def _leaving(self) -> bool:
        return self._stop_requested or self._fatal is not None

    def _open_nursery(self) -> trio.Nursery:
        if self._nursery is None or self._leaving:
            raise SupervisorStopped(f"{self.name} takes no children now")
        return self._nursery

    def _ring(self) -> None:
        self._bell.unpark_all()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._bell.park()

    # ---- what it makes of its children's exits

    def _note(self, child: Child, exited: Exit) -> bool:
        """Keeps and reports how an incarnation ended; says whether that is a matter for the restart policy.

        It is not if the child was stopped, or never came up for somebody who is told of it.
        """
        child.exit = exited
        child.reason = exited.reason
        told = child.answers and not exited.was_up
        if exited.crash is not None:
            self._report_crash(child, exited, told=told)
        if exited.fatal is not None:
            self._fatal = exited.fatal
        self._ring()
        return not (told or child.stopping or exited.fatal is not None)

    def _exited(self, child: Child, exited: Exit) -> Exited:
        """What the policy has to know of it. Chance is asked for only where there may be a backoff."""
        chance = self._jitter() if exited.how is How.NEVER_UP else 0.0
        return Exited(child.spec.id, exited.how, trio.current_time(), chance)

    def _report_crash(self, child: Child, exited: Exit, *, told: bool) -> None:
        assert exited.crash is not None
        report = self._report(child, What.CRASHED if exited.was_up else What.FAILED_TO_START, exited.crash)
        self.reports.add(report, first_start=told)
        child.last_crash = report.mishap
        on = "" if report.message_type is None else f" on a {report.message_type}"
        # Whoever started it is told; in the log it is noise, and a client may bring it about as often as it likes.
        level = logging.DEBUG if told else logging.ERROR
        logger.log(level, "%s/%s %s%s\n%s", self.name, report.child, report.what.value, on, report.traceback)

    def _report_given_up(self, child: Child) -> None:
        crash = None if child.exit is None else child.exit.crash
        self.reports.add(self._report(child, What.GIVEN_UP, crash))
        logger.error("%s gave %s up: too many restarts", self.name, child.spec.id)

    def restarted(self, child: Child) -> None:
        """A child is started again."""
        self.restarts += 1

    def overran(self, child: Child, where: str) -> None:
        """A child did not stop in time."""
        self.reports.add(self._report(child, What.OVERRAN, None, where))

    def _report(self, child: Child, what: What, error: Exception | None, where: str = "") -> CrashReport:
        return CrashReport(
            supervisor=self.name,
            child=child.spec.id,
            error="" if error is None else type_name(error),
            traceback=where if error is None else child.trace(error),
            restarts=child.restarts,
            message_type=child.node().in_hand,
            at=trio.current_time(),
            what=what,
        )

    # ---- what others see of it

    def node(self) -> Node:
        """The tree below it, as it is now."""
        children, more = self._child_nodes()
        state = "down" if self._over is None else "stopping" if self._leaving else "up"
        crash = self.reports.last_crash
        last_crash = None if crash is None else f"{crash.child}: {crash.mishap}"
        return Node(self.name, "supervisor", state, children=children, more=more, last_crash=last_crash)

    def which_children(self) -> tuple[ChildInfo, ...]:
        """The children as they are now, in the order of their start; none when it does not run."""
        return tuple(ChildInfo.of(child) for child in self._all)

    def count_children(self) -> ChildCount:
        """How many children there are now."""
        return ChildCount.of(self._all)

    def as_child(self, *, restart: Restart = Restart.PERMANENT, significant: bool = False) -> ChildSpec:
        """This supervisor as another one's child: its start and its shutdown take as long as those of its children."""
        return ChildSpec(
            id=self.name,
            run=self.run,
            restart=restart,
            significant=significant,
            shutdown=math.inf,
            start_timeout=math.inf,
            ask_to_stop=self.request_stop,
            describe=self.node,
            supervisor=True,
        )
