"""One child: how its exit is classified, how it is stopped, and that its end is told once."""

from __future__ import annotations

import gc
import math
import weakref
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from attrs import define, evolve, field

from actors.kit.child import KILL, Child, ChildSpec, Exit, StartTimeout, split
from actors.kit.policy import How
from actors.kit.tree import Node
from tests.actors.kit.troupe import Mishap

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.actors.kit.troupe import Troupe


@define
class Lodge:
    """A home that restarts nothing, or as often as it is told, and notes what it is told."""

    delays: list[float] = field(factory=list)
    told: list[str] = field(factory=list)
    restarts: int = 0

    def came_up(self, child: Child) -> None:
        self.told.append("up")

    def after(self, child: Child, exited: Exit) -> float | None:
        self.told.append(exited.how.value)
        return self.delays.pop(0) if self.delays else None

    def restarted(self, child: Child) -> None:
        self.restarts += 1

    def left(self, child: Child) -> None:
        self.told.append("left")

    def overran(self, child: Child, where: str) -> None:
        self.told.append(f"overran {where.strip().rpartition(' in ')[2].partition(chr(10))[0]}")


def child_of(spec: ChildSpec, home: Lodge | None = None) -> Child:
    child = Child(spec, Lodge() if home is None else home)
    child.schedule()
    return child


def running(run: Callable[[trio.TaskStatus[Any]], Awaitable[None]], **rest: Any) -> Child:  # noqa: ANN401
    return child_of(ChildSpec(id="child", run=run, **rest))


# ---- splitting


def test_a_plain_exception_is_a_crash() -> None:
    error = Mishap()
    assert split(error) == (error, None)


def test_a_keyboard_interrupt_is_none() -> None:
    stop = KeyboardInterrupt()
    assert split(stop) == (None, stop)


def test_a_group_is_divided_into_what_is_a_crash_and_what_is_not() -> None:
    error, stop = Mishap(), KeyboardInterrupt()
    crash, rest = split(BaseExceptionGroup("both", [error, stop]))
    assert isinstance(crash, ExceptionGroup)
    assert crash.exceptions == (error,)
    assert isinstance(rest, BaseExceptionGroup)
    assert rest.exceptions == (stop,)


def test_a_group_of_crashes_is_a_crash() -> None:
    group = ExceptionGroup("two", [Mishap(), OSError()])
    crash, rest = split(group)
    assert crash is not None
    assert rest is None


# ---- exits


async def test_a_child_that_returns_ended_normally(troupe: Troupe, nursery: trio.Nursery) -> None:
    child = child_of(troupe.service("a"))
    nursery.start_soon(lambda: _leave_soon(troupe, "a"))
    exited = await child.live()
    assert exited == Exit(was_up=True)
    assert exited.how is How.NORMAL
    assert exited.reason is None


async def _leave_soon(troupe: Troupe, name: str) -> None:
    await trio.testing.wait_all_tasks_blocked()
    troupe.leave(name)


async def test_a_child_that_raises_before_it_is_up_never_was_up(troupe: Troupe) -> None:
    error = OSError("port taken")
    exited = await child_of(troupe.service("a", start_errors=[error])).live()
    assert exited.how is How.NEVER_UP
    assert exited.crash is error


async def test_a_child_that_returns_without_having_been_up_is_at_fault() -> None:
    async def run(_: object) -> None:
        await trio.lowlevel.checkpoint()

    exited = await running(run).live()
    assert exited.how is How.NEVER_UP
    assert isinstance(exited.crash, RuntimeError)


async def test_a_child_that_is_not_up_in_time_is_cancelled(troupe: Troupe) -> None:
    exited = await child_of(troupe.service("a", start_takes=10, start_timeout=3)).live()
    assert trio.current_time() == 3
    assert exited.how is How.NEVER_UP
    assert isinstance(exited.crash, StartTimeout)
    assert "a was not up within 3 s" in str(exited.crash)


async def test_a_child_that_comes_up_after_its_time_is_too_late() -> None:
    async def run(status: trio.TaskStatus[Any]) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(10)
        status.started()
        await trio.sleep_forever()

    exited = await running(run, start_timeout=3).live()
    assert exited.how is How.NEVER_UP
    assert isinstance(exited.crash, StartTimeout)


async def test_the_start_timeout_is_over_once_the_child_is_up(troupe: Troupe, nursery: trio.Nursery) -> None:
    child = child_of(troupe.service("a", start_timeout=3))
    nursery.start_soon(child.live)
    await trio.sleep(100)
    assert child.up
    nursery.cancel_scope.cancel()


async def test_saying_twice_that_it_is_up_is_a_crash() -> None:
    async def run(status: trio.TaskStatus[Any]) -> None:
        status.started()
        await trio.lowlevel.checkpoint()
        status.started()

    exited = await running(run).live()
    assert exited.how is How.CRASHED
    assert isinstance(exited.crash, RuntimeError)


async def test_a_crash_while_it_is_cancelled_is_seen_as_a_crash(nursery: trio.Nursery) -> None:
    """Inside its scope it would be a group that mixes Cancelled in."""

    async def fail_when_cancelled() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise Mishap

    async def run(status: trio.TaskStatus[Any]) -> None:
        async with trio.open_nursery() as inner:
            inner.start_soon(fail_when_cancelled)
            inner.start_soon(trio.sleep_forever)
            status.started()

    child = running(run)
    exits: list[Exit] = []

    async def live() -> None:
        exits.append(await child.live())

    nursery.start_soon(live)
    await trio.testing.wait_all_tasks_blocked()
    await child.stop()
    await trio.testing.wait_all_tasks_blocked()
    (exited,) = exits
    assert isinstance(exited.crash, ExceptionGroup)
    assert [type(error) for error in exited.crash.exceptions] == [Mishap]
    assert exited.fatal is None


async def test_a_keyboard_interrupt_beside_a_crash_is_kept_apart() -> None:
    async def run(status: trio.TaskStatus[Any]) -> None:
        status.started()
        await trio.lowlevel.checkpoint()
        raise BaseExceptionGroup("both", [Mishap(), KeyboardInterrupt()])

    exited = await running(run).live()
    assert isinstance(exited.crash, ExceptionGroup)
    assert isinstance(exited.fatal, BaseExceptionGroup)
    assert exited.reason is exited.fatal


@pytest.mark.parametrize("wrapped", [False, True])
async def test_a_cancellation_from_above_goes_through(wrapped: bool) -> None:
    async def run(status: trio.TaskStatus[Any]) -> None:
        status.started()
        if wrapped:
            async with trio.open_nursery() as inner:
                inner.start_soon(trio.sleep_forever)
                inner.start_soon(trio.sleep_forever)
        else:
            await trio.sleep_forever()

    child = running(run)
    with trio.move_on_after(1) as scope:
        await child.live()
    assert scope.cancelled_caught
    assert not child.running


async def test_a_child_that_was_stopped_before_its_task_began_does_not_begin(troupe: Troupe) -> None:
    child = child_of(troupe.service("a"))
    child.ask_to_stop()
    assert await child.live() == Exit(was_up=False)
    assert troupe.trace == []
    assert child.incarnation == 0


# ---- stopping


async def test_stopping_asks_first_and_lets_the_child_finish_in_order(troupe: Troupe, nursery: trio.Nursery) -> None:
    child = child_of(troupe.service("a", stop_takes=4))
    nursery.start_soon(child.live)
    await trio.testing.wait_all_tasks_blocked()
    await child.stop()
    assert trio.current_time() == 4
    assert not child.running


async def test_a_child_that_does_not_stop_in_time_is_cancelled(troupe: Troupe, nursery: trio.Nursery) -> None:
    child = child_of(troupe.service("a", stop_takes=100, shutdown=3))
    nursery.start_soon(child.live)
    await trio.testing.wait_all_tasks_blocked()
    await child.stop()
    assert trio.current_time() == 3


@pytest.mark.parametrize("rest", [{"can_be_asked": False}, {"shutdown": KILL}], ids=["cannot be asked", "killed"])
async def test_a_child_is_cancelled_at_once(rest: dict[str, Any], troupe: Troupe, nursery: trio.Nursery) -> None:
    child = child_of(troupe.service("a", stop_takes=100, **rest))
    nursery.start_soon(child.live)
    await trio.testing.wait_all_tasks_blocked()
    await child.stop()
    assert trio.current_time() == 0


async def test_a_child_that_is_starting_is_cancelled_at_once(troupe: Troupe, nursery: trio.Nursery) -> None:
    child = child_of(troupe.service("a", start_takes=2))
    nursery.start_soon(child.live)
    await trio.testing.wait_all_tasks_blocked()
    await child.stop()
    assert trio.current_time() == 0
    assert troupe.trace == []


async def test_a_child_that_raises_when_it_is_asked_is_cancelled(
    nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    async def run(status: trio.TaskStatus[Any]) -> None:
        status.started()
        await trio.sleep_forever()

    def refuse() -> None:
        raise Mishap

    child = running(run, ask_to_stop=refuse)
    nursery.start_soon(child.live)
    await trio.testing.wait_all_tasks_blocked()
    await child.stop()
    assert trio.current_time() == 0
    assert "child cannot be asked to stop" in caplog.text


async def test_a_child_that_shields_itself_is_reported_by_name(
    troupe: Troupe, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    child = child_of(troupe.service("stubborn", can_be_asked=False, shielded=60))
    nursery.start_soon(child.live)
    await trio.testing.wait_all_tasks_blocked()
    nursery.start_soon(child.stop)
    await trio.sleep(1.9)
    assert caplog.text == ""
    await trio.sleep(0.2)
    assert "stubborn overruns" in caplog.text
    assert child.node().state == "overrunning"
    await child.wait_down()
    assert trio.current_time() == 60
    assert child.node().state == "down"


async def test_a_stop_that_is_cancelled_can_be_taken_up_again(troupe: Troupe, nursery: trio.Nursery) -> None:
    child = child_of(troupe.service("a", stop_takes=4))
    nursery.start_soon(child.live)
    await trio.testing.wait_all_tasks_blocked()
    with trio.move_on_after(1):
        await child.stop()
    assert child.running
    assert child.node().state == "stopping"
    await child.stop()
    assert trio.current_time() == 4


async def test_a_pause_before_the_next_try_ends_at_once_when_the_child_is_stopped(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    child = child_of(troupe.service("a"))

    async def pause_and_live() -> None:
        await child.pause(100)
        await child.live()

    nursery.start_soon(pause_and_live)
    await trio.testing.wait_all_tasks_blocked()
    assert child.node().state == "restarting"
    await child.stop()
    assert trio.current_time() == 0
    assert troupe.trace == []


async def test_a_child_that_is_killed_is_not_asked(nursery: trio.Nursery) -> None:
    asked: list[str] = []

    async def run(status: trio.TaskStatus[Any]) -> None:
        status.started()
        await trio.sleep_forever()

    child = running(run, ask_to_stop=lambda: asked.append("please"), shutdown=KILL)
    nursery.start_soon(child.live)
    await trio.testing.wait_all_tasks_blocked()
    await child.stop()
    assert asked == []
    assert not child.running


async def test_a_child_may_have_all_the_time_it_wants(troupe: Troupe, nursery: trio.Nursery) -> None:
    child = child_of(troupe.service("a", stop_takes=1e6, shutdown=math.inf))
    nursery.start_soon(child.live)
    await trio.testing.wait_all_tasks_blocked()
    await child.stop()
    assert trio.current_time() == 1e6
    assert child.exit is None  # nobody cancelled it, and nobody here noted its exit


async def test_a_child_that_had_to_be_cancelled_is_reported_with_where_it_was(
    troupe: Troupe, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    lodge = Lodge()
    child = child_of(troupe.service("late", stop_takes=100, shutdown=3), lodge)
    nursery.start_soon(child.live)
    await trio.testing.wait_all_tasks_blocked()
    await child.stop()
    assert "late overruns: it did not stop within 3 s, and is cancelled" in caplog.text
    assert "trio.sleep(stop_takes)" in caplog.text
    assert lodge.told == ["up", "overran _real_async_yield", "normal", "left"]


# ---- one incarnation after the other


async def test_its_home_decides_how_soon_a_child_runs_again(troupe: Troupe, nursery: trio.Nursery) -> None:
    lodge = Lodge([0.0, 5.0])
    child = child_of(troupe.service("a", start_errors=[None, Mishap()]), lodge)
    exits: list[Exit] = []

    async def live() -> None:
        exits.append(await child.live())

    nursery.start_soon(live)
    await trio.testing.wait_all_tasks_blocked()
    troupe.crash("a")
    await trio.testing.wait_all_tasks_blocked()
    assert (child.incarnation, child.restarts, child.state) == (2, 1, "restarting")
    await trio.sleep(6)
    assert (child.incarnation, child.restarts, child.state) == (3, 2, "up")
    troupe.leave("a")
    await trio.testing.wait_all_tasks_blocked()
    assert lodge.told == ["up", "crashed", "never up", "up", "normal", "left"]
    assert exits == [Exit(was_up=True)]


async def test_what_an_earlier_incarnation_crashed_with_is_let_go(nursery: trio.Nursery) -> None:
    class Heavy(Exception):
        pass

    crashed: list[weakref.ref[Heavy]] = []

    async def run(status: trio.TaskStatus[Any]) -> None:
        status.started()
        if not crashed:
            error = Heavy()
            crashed.append(weakref.ref(error))
            raise error
        await trio.sleep_forever()

    child = child_of(ChildSpec(id="a", run=run), Lodge([0.0]))
    nursery.start_soon(child.live)
    await trio.testing.wait_all_tasks_blocked()
    assert child.up
    gc.collect()
    assert crashed[0]() is None
    nursery.cancel_scope.cancel()


# ---- its end


def test_the_end_is_told_once() -> None:
    ends: list[BaseException | None] = []
    child = Child(ChildSpec(id="a", run=_never, ended=ends.append), Lodge())
    error = Mishap()
    child.end(error)
    child.end(None)
    assert ends == [error]


def test_a_child_may_have_nobody_to_tell() -> None:
    child = Child(ChildSpec(id="a", run=_never), Lodge())
    child.end(None)
    assert child.ended


def test_what_fails_at_the_end_is_logged_and_keeps_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def ended(_: BaseException | None) -> None:
        raise Mishap

    child = Child(ChildSpec(id="a", run=_never, ended=ended), Lodge())
    child.end(None)
    assert child.ended
    assert "what a does at its end failed" in caplog.text


async def _never(_: object) -> None:
    await trio.lowlevel.checkpoint()
    raise AssertionError


def test_times_that_make_no_sense_are_refused() -> None:
    for wrong in (-1, math.nan):
        with pytest.raises(ValueError, match="shutdown"):
            ChildSpec(id="a", run=_never, shutdown=wrong)
    with pytest.raises(ValueError, match="start_timeout"):
        ChildSpec(id="a", run=_never, start_timeout=0)


async def test_a_child_that_is_scheduled_again_has_a_new_life(troupe: Troupe) -> None:
    child = child_of(troupe.service("a", start_errors=[Mishap(), Mishap()]))
    await child.live()
    child.restarts = 7
    child.end(Mishap())
    assert (child.ended, child.state) == (True, "down")
    child.schedule()
    assert (child.ended, child.restarts, child.reason) == (False, 0, None)
    await child.live()
    child.end(None)
    assert troupe.trace == ["a ended", "a ended"]


# ---- its node


def test_a_child_that_cannot_be_described_is_still_a_node(caplog: pytest.LogCaptureFixture) -> None:
    def describe() -> Node:
        raise Mishap

    child = Child(ChildSpec(id="a", run=_never, describe=describe), Lodge())
    child.last_crash = "OSError"
    assert child.node() == Node("a", "service", "down", last_crash="OSError")
    assert "a cannot be described" in caplog.text


def test_what_a_child_tells_of_its_last_crash_counts_most() -> None:
    seen = Node("x", "actor", mailbox_depth=1, mailbox_peak=2, handled=3, in_hand="Act", last_crash="KeyError on Act")
    child = Child(ChildSpec(id="a", run=_never, describe=lambda: seen), Lodge())
    child.last_crash = "OSError"
    assert child.node() == evolve(seen, name="a", state="down")


async def test_the_node_shows_the_state_of_the_child(troupe: Troupe, nursery: trio.Nursery) -> None:
    child = child_of(troupe.service("a", start_takes=1, stop_takes=1))
    nursery.start_soon(child.live)
    await trio.sleep(0.5)
    assert child.node() == Node("a", "service", "starting")
    await trio.sleep(1)
    assert child.node() == Node("a", "service", "up")
    child.ask_to_stop()
    assert child.node() == Node("a", "service", "stopping")
    await trio.sleep(2)
    assert child.node() == Node("a", "service", "down")
