"""Random trees, random crashes, random requests, in virtual time, against a model of OTP's supervisor that shares no
line with ours: it has no tasks and no policy module, it knows what is up, and writes down what a supervisor has to do.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import trio
import trio.testing
from attrs import define, field, frozen
from hypothesis import event, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from actors.kit.supervisor import (
    AutoShutdown,
    ChildError,
    ChildSpec,
    Restart,
    RestartIntensityExceeded,
    Strategy,
    Supervisor,
    SupervisorStopped,
)
from tests.actors.kit.troupe import Mishap, Troupe

if TYPE_CHECKING:
    from collections.abc import Awaitable

settle = trio.testing.wait_all_tasks_blocked

# ---- what is tried


@frozen
class ServicePlan:
    """A service; `fails` says of each of its starts whether it fails."""

    name: str
    restart: Restart
    significant: bool
    fails: tuple[bool, ...]


@frozen
class SupervisorPlan:
    """A supervisor, and what it has below it."""

    name: str
    restart: Restart
    significant: bool
    strategy: Strategy
    most: int
    within: float
    auto: AutoShutdown
    children: tuple[ServicePlan | SupervisorPlan, ...]


@frozen
class Step:
    """Something that happens. What it happens to is the so-and-so-many-th of those that there are."""

    what: str
    pick: int
    service: ServicePlan
    seconds: float


FEW_FAIL = st.lists(st.sampled_from([False, False, False, True]), max_size=4).map(lambda fails: (False, *fails))
# No sum of these is a backoff or a period, so that nothing depends on which of two things at one moment comes first.
SECONDS = st.sampled_from([0.0101, 0.0703, 0.3109, 1.9031, 6.3001])


@st.composite
def service_plans(draw: st.DrawFn, name: str, auto: AutoShutdown) -> ServicePlan:
    restart = draw(st.sampled_from(Restart))
    may = auto is not AutoShutdown.NEVER and restart is not Restart.PERMANENT
    return ServicePlan(name, restart, may and draw(st.booleans()), draw(FEW_FAIL))


@st.composite
def supervisor_plans(
    draw: st.DrawFn, name: str = "r", above: AutoShutdown = AutoShutdown.NEVER, depth: int = 2
) -> SupervisorPlan:
    restart = draw(st.sampled_from(Restart))
    may = above is not AutoShutdown.NEVER and restart is not Restart.PERMANENT
    auto = draw(st.sampled_from(AutoShutdown))
    children: list[ServicePlan | SupervisorPlan] = []
    for number in range(draw(st.integers(1, 4))):
        below = f"{name}{number}"
        nested = depth > 0 and draw(st.integers(0, 3)) == 0
        plan = supervisor_plans(below, auto, depth - 1) if nested else service_plans(below, auto)
        children.append(draw(plan))  # type: ignore[arg-type]
    return SupervisorPlan(
        name=name,
        restart=restart,
        significant=may and draw(st.booleans()),
        strategy=draw(st.sampled_from(Strategy)),
        most=draw(st.integers(0, 4)),
        within=draw(st.sampled_from([0.5, 5.0])),
        auto=auto,
        children=tuple(children),
    )


@st.composite
def steps(draw: st.DrawFn) -> Step:
    what = draw(
        st.sampled_from(
            ["crash", "crash", "crash", "two crash", "leave", "wait", "wait", "terminate", "restart", "delete", "start"]
        )
    )
    name = f"n{draw(st.integers(0, 3))}"
    auto = AutoShutdown.ANY_SIGNIFICANT
    service = draw(service_plans(name, auto)) if what == "start" else ServicePlan(name, Restart.PERMANENT, False, ())
    return Step(what, draw(st.integers(0, 50)), service, draw(SECONDS))


# ---- the model


@define(eq=False)
class ModelChild:
    """A child as the model sees it: `up`, `down`, or `waiting` for the retry of this number."""

    plan: ServicePlan | SupervisorPlan
    fails: deque[bool]
    below: ModelSupervisor | None
    state: str = "down"
    waits_for: int = -1
    alive: bool = True  # its end has not been told


@define(eq=False)
class Model:
    """The whole: what happened so far, and what is still to come."""

    now: float = 0.0
    trace: list[str] = field(factory=list)
    retries: list[tuple[float, int, ModelSupervisor, list[ModelChild]]] = field(factory=list)
    fails: dict[str, deque[bool]] = field(factory=dict)
    failed: bool = False
    numbers: int = 0

    def advance(self, to: float) -> None:
        while self.retries and min(self.retries, key=lambda retry: retry[:2])[0] <= to:
            retry = min(self.retries, key=lambda retry: retry[:2])
            self.retries.remove(retry)
            self.now = retry[0]
            retry[2].retry(retry[1], retry[3])
        self.now = to


@define(eq=False)
class ModelSupervisor:
    """A supervisor as OTP's documentation has it."""

    plan: SupervisorPlan
    model: Model
    above: tuple[ModelSupervisor, ModelChild] | None = None
    up: bool = False
    children: list[ModelChild] = field(factory=list)
    restarts: list[float] = field(factory=list)
    failures: int = 0
    exits: list[tuple[ModelChild, str]] = field(factory=list)  # those it has not looked at yet
    looking: bool = False

    def make(self, plan: ServicePlan | SupervisorPlan, known: list[ModelChild]) -> ModelChild:
        old = next((child for child in known if child.plan is plan), None)
        fails = self.model.fails.setdefault(plan.name, deque(plan.fails if isinstance(plan, ServicePlan) else ()))
        child = ModelChild(plan, fails, None if old is None else old.below)
        if isinstance(plan, SupervisorPlan) and child.below is None:
            child.below = ModelSupervisor(plan, self.model)
        if child.below is not None:
            child.below.above = (self, child)
        return child

    # -- its own life

    def start(self) -> bool:
        self.children = [self.make(plan, self.children) for plan in self.plan.children]
        self.restarts, self.failures, self.up = [], 0, True
        for child in self.children:
            if not self.bring_up(child):
                self.stop()
                return False
        return True

    def stop(self) -> None:
        self.up = False
        for child in reversed(self.children):
            self.take_down(child)
            self.end(child)
        self.model.retries = [retry for retry in self.model.retries if retry[2] is not self]

    def is_over(self, *, crashed: bool) -> None:
        self.stop()
        if self.above is None:
            self.model.failed = crashed
        else:
            supervisor, child = self.above
            child.state = "down"
            supervisor.exited((child, "crashed" if crashed else "normal"))

    # -- one child

    def bring_up(self, child: ModelChild) -> bool:
        child.alive, child.waits_for = True, -1
        if child.below is not None:
            ok = child.below.start()
        else:
            ok = not (child.fails.popleft() if child.fails else False)
            if ok:
                self.model.trace.append(f"+{child.plan.name}")
        child.state = "up" if ok else "down"
        return ok

    def take_down(self, child: ModelChild) -> None:
        if child.state == "up":
            if child.below is not None:
                child.below.stop()
            else:
                self.model.trace.append(f"-{child.plan.name}")
        child.state, child.waits_for = "down", -1
        self.exits = [waiting for waiting in self.exits if waiting[0] is not child]  # OTP: taken for that of the stop

    def end(self, child: ModelChild) -> None:
        if child.alive and child.below is None:
            self.model.trace.append(f"{child.plan.name} ended")
        child.alive = False

    # -- what it makes of an exit

    def exited(self, *exits: tuple[ModelChild, str]) -> None:
        """These come in, one after the other. A restart that fails is one more, behind those."""
        self.exits += exits
        if not self.looking:
            self.looking = True
            while self.exits:
                self.look(*self.exits.pop(0))
            self.looking = False

    def look(self, child: ModelChild, how: str) -> None:
        kind = child.plan.restart
        if kind is Restart.TEMPORARY or (kind is Restart.TRANSIENT and how == "normal"):
            if kind is Restart.TEMPORARY:
                self.children.remove(child)
            self.end(child)
            self.maybe_shut_down(child)
            return
        now = self.model.now
        self.restarts.append(now)
        self.failures = self.failures + 1 if how == "never up" else 0
        if sum(1 for at in self.restarts if now - at <= self.plan.within) > self.plan.most:
            self.is_over(crashed=True)
            return
        group = self.group_of(child)
        for sibling in reversed(group):
            self.take_down(sibling)
        for sibling in [sibling for sibling in group if sibling.plan.restart is Restart.TEMPORARY]:
            group.remove(sibling)
            self.children.remove(sibling)
            self.end(sibling)
        if self.failures == 0:
            self.start_in_order(group)
        else:
            self.wait(group)

    def group_of(self, child: ModelChild) -> list[ModelChild]:
        place = self.children.index(child)
        if self.plan.strategy is Strategy.ONE_FOR_ONE:
            return [child]
        return list(self.children if self.plan.strategy is Strategy.ONE_FOR_ALL else self.children[place:])

    def maybe_shut_down(self, child: ModelChild) -> None:
        if not child.plan.significant:
            return
        not_looked_at = [other for other, _ in self.exits]
        others = any(
            other.plan.significant and (other.state != "down" or other in not_looked_at) for other in self.children
        )
        if self.plan.auto is AutoShutdown.ANY_SIGNIFICANT or not others:
            self.is_over(crashed=False)

    def start_in_order(self, group: list[ModelChild]) -> None:
        for child in group:
            if not self.bring_up(child):
                self.exited((child, "never up"))
                return

    def wait(self, group: list[ModelChild]) -> None:
        delay = min(0.05 * 2 ** (self.failures - 1), self.plan.within / (self.plan.most + 1))
        self.model.numbers += 1
        for child in group:
            child.state, child.waits_for = "waiting", self.model.numbers
        self.model.retries.append((self.model.now + delay, self.model.numbers, self, group))

    def retry(self, number: int, group: list[ModelChild]) -> None:
        self.start_in_order([child for child in group if child.waits_for == number])

    # -- requests

    def named(self, name: str) -> ModelChild | None:
        return next((child for child in self.children if child.plan.name == name), None)

    def asked_to(self, what: str, name: str) -> str:
        child = self.named(name)
        if not self.up:
            return "SupervisorStopped"
        if child is None:
            return "ChildNotFound"
        if what == "terminate":
            self.take_down(child)
            self.end(child)
            if child.plan.restart is Restart.TEMPORARY:
                self.children.remove(child)
            return "ok"
        if child.state != "down":
            return "ChildRunning" if child.state == "up" else "ChildRestarting"
        if what == "delete":
            self.children.remove(child)
            return "ok"
        if self.bring_up(child):
            return "ok"
        self.end(child)
        return "Mishap"

    def asked_to_start(self, plan: ServicePlan) -> str:
        if not self.up:
            return "SupervisorStopped"
        if plan.significant and self.plan.auto is AutoShutdown.NEVER:
            return "ValueError"
        if (old := self.named(plan.name)) is not None:
            return "AlreadyStarted" if old.state == "up" else "AlreadyPresent"
        self.model.fails[plan.name] = deque(plan.fails)
        child = self.make(plan, [])
        if not self.bring_up(child):
            self.end(child)
            return "Mishap"
        self.children.append(child)
        return "ok"

    # -- to look at

    def all_of_them(self) -> list[ModelSupervisor]:
        found = [self]
        for child in self.children:
            if child.below is not None:
                found += child.below.all_of_them()
        return found

    def states(self) -> dict[str, str]:
        names = {"waiting": "restarting"}
        return {child.plan.name: names.get(child.state, child.state) for child in self.children} if self.up else {}


# ---- the real thing


@define(eq=False)
class Real:
    """The tree of the plan, made of real supervisors and services."""

    troupe: Troupe = field(factory=Troupe)
    supervisors: dict[str, Supervisor] = field(factory=dict)

    def service(self, plan: ServicePlan) -> ChildSpec:
        return self.troupe.service(
            plan.name,
            restart=plan.restart,
            significant=plan.significant,
            start_errors=[Mishap() if fails else None for fails in plan.fails],
        )

    def supervisor(self, plan: SupervisorPlan) -> Supervisor:
        made = self.supervisors[plan.name] = Supervisor(
            plan.name,
            [self.child(child) for child in plan.children],
            strategy=plan.strategy,
            max_restarts=plan.most,
            within=plan.within,
            auto_shutdown=plan.auto,
        )
        return made

    def child(self, plan: ServicePlan | SupervisorPlan) -> ChildSpec:
        if isinstance(plan, ServicePlan):
            return self.service(plan)
        return self.supervisor(plan).as_child(restart=plan.restart, significant=plan.significant)


async def outcome(request: Awaitable[Any]) -> str:
    try:
        await request
    except (ChildError, SupervisorStopped, ValueError, Mishap) as refused:
        return type(refused).__name__
    return "ok"


def by_supervisor(trace: list[str], names: list[str]) -> dict[str, list[str]]:
    """What happened below each supervisor: siblings of different ones may be started and stopped in any order."""
    return {name: [step for step in trace if step.strip("+-").split()[0][:-1] == name] for name in names}


async def compare(plan: SupervisorPlan, happening: list[Step]) -> None:
    model, real = Model(), Real()
    root, top = ModelSupervisor(plan, model), real.supervisor(plan)
    failure: list[BaseException] = []

    async def run() -> None:
        try:
            await top.run()
        except (RestartIntensityExceeded, Mishap) as error:
            failure.append(error)

    def check() -> None:
        names = list(real.supervisors)
        assert by_supervisor(real.troupe.trace, names) == by_supervisor(model.trace, names)
        for supervisor in root.all_of_them():
            seen = {child.id: child.state for child in real.supervisors[supervisor.plan.name].which_children()}
            assert seen == supervisor.states(), supervisor.plan.name
        assert (top.node().state == "up") is root.up

    async with trio.open_nursery() as nursery:
        started = root.start()
        nursery.start_soon(run)
        await settle()
        check()
        assert bool(failure) is not started
        for step in happening:
            if not root.up:
                break
            await happen(step, root, real)
            model.advance(trio.current_time())
            check()
        event(f"the root {'ran on' if root.up else 'failed' if model.failed else 'ended'}")
        assert bool(failure) is (model.failed or not started)
        root.stop()
        await top.stop()
        check()


async def happen(step: Step, root: ModelSupervisor, real: Real) -> None:
    everyone = root.all_of_them()
    supervisor = everyone[step.pick % len(everyone)]
    if step.what == "wait":
        await trio.sleep(step.seconds)
    elif step.what in ("crash", "leave"):
        services = [
            (one, child) for one in everyone for child in one.children if child.state == "up" and child.below is None
        ]
        if not services:
            return
        supervisor, child = services[step.pick % len(services)]
        (real.troupe.crash if step.what == "crash" else real.troupe.leave)(child.plan.name)
        root.model.trace.append(f"-{child.plan.name}")
        child.state = "down"
        supervisor.exited((child, "crashed" if step.what == "crash" else "normal"))
    elif step.what == "two crash":
        await two_crash(step, supervisor, real)
    elif step.what == "start":
        below = ServicePlan(
            f"{supervisor.plan.name}{step.service.name[-1]}",
            step.service.restart,
            step.service.significant,
            step.service.fails,
        )
        known = supervisor.named(below.name) is not None or not supervisor.up
        spec = ChildSpec(id=below.name, run=_never) if known and not below.significant else real.service(below)
        expected = supervisor.asked_to_start(below)
        assert await outcome(real.supervisors[supervisor.plan.name].start_child(spec)) == expected
    else:
        name = f"{supervisor.plan.name}{step.service.name[-1]}"
        request = getattr(real.supervisors[supervisor.plan.name], f"{step.what}_child")
        assert await outcome(request(name)) == supervisor.asked_to(step.what, name)
    await settle()


async def two_crash(step: Step, supervisor: ModelSupervisor, real: Real) -> None:
    """Two children crash while their supervisor is busy with something else: a child that will not come up."""
    services = [child for child in supervisor.children if child.state == "up" and child.below is None]
    if len(services) < 2:
        return
    two = [services[(step.pick + number) % len(services)] for number in range(2)]
    done = trio.Event()

    async def fail_at_last(_: object) -> None:
        await done.wait()
        raise Mishap

    async with trio.open_nursery() as nursery:
        slow = ChildSpec(id="slow", run=fail_at_last)
        nursery.start_soon(outcome, real.supervisors[supervisor.plan.name].start_child(slow))
        await settle()
        for child in two:
            real.troupe.crash(child.plan.name)
            await settle()
            supervisor.model.trace.append(f"-{child.plan.name}")
            child.state = "down"
        done.set()
    supervisor.exited(*((child, "crashed") for child in two))


async def _never(_: object) -> None:
    await trio.lowlevel.checkpoint()
    raise AssertionError


@settings(max_examples=200, deadline=None)
@given(plan=supervisor_plans(), happening=st.lists(steps(), max_size=25))
def test_supervisors_do_what_the_model_of_otp_does(plan: SupervisorPlan, happening: list[Step]) -> None:
    trio.run(compare, plan, happening, clock=MockClock(autojump_threshold=0))
