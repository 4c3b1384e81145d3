"""The dynamic supervisor: one child's crash touches no other child."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from actors.kit.actor import Ref, actor_child
from actors.kit.supervisor import (
    ChildCount,
    ChildInfo,
    ChildNotFound,
    ChildSpec,
    DynamicSupervisor,
    Restart,
    Supervisor,
    SupervisorStopped,
    What,
)
from tests.actors.kit.troupe import Add, Fail, Mishap, Sum, Troupe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.actors.kit.troupe import Message, Script

settle = trio.testing.wait_all_tasks_blocked
T = Restart.TRANSIENT


@pytest.fixture
async def tables() -> AsyncIterator[DynamicSupervisor]:
    supervisor = DynamicSupervisor("tables")
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        yield supervisor
        await supervisor.stop()


async def test_spawning_returns_at_once_and_the_child_starts_in_the_background(
    tables: DynamicSupervisor, troupe: Troupe
) -> None:
    tables.spawn(troupe.service("a", start_takes=2))
    tables.spawn(troupe.service("b", start_takes=1))
    assert (tables.children, "a" in tables, "z" in tables) == (2, True, False)
    assert troupe.trace == []
    await trio.sleep(3)
    assert troupe.trace == ["+b", "+a"]


def long_chain() -> Exception:
    error = Mishap()
    for _ in range(5000):
        after = Mishap()
        after.__context__, error = error, after
    return error


def deep_group() -> Exception:
    error: Exception = Mishap()
    for _ in range(5000):
        error = ExceptionGroup("g", [error])
    return error


@pytest.mark.parametrize("make", [long_chain, deep_group])
async def test_whatever_a_child_raises_it_touches_no_other(
    tables: DynamicSupervisor, troupe: Troupe, make: Callable[[], Exception]
) -> None:
    tables.spawn(troupe.service("a"))
    tables.spawn(troupe.service("b"))
    await settle()
    troupe.crash("a", make())
    await settle()
    assert troupe.take_trace()[2:] == ["-a", "+a"]
    assert [report.child for report in tables.reports] == ["a"]


async def test_a_child_that_fails_to_start_is_tried_once(tables: DynamicSupervisor, troupe: Troupe) -> None:
    error = OSError("no such game")
    tables.spawn(troupe.service("a", start_errors=[error]))
    await trio.sleep(10)
    assert troupe.trace == ["a ended"]
    assert troupe.reasons == {"a": error}
    assert tables.children == 0
    assert [(report.what, report.error) for report in tables.reports] == [(What.FAILED_TO_START, "OSError")]


async def test_a_child_that_crashes_is_restarted(tables: DynamicSupervisor, troupe: Troupe) -> None:
    tables.spawn(troupe.service("a", restart=T))
    await settle()
    troupe.crash("a")
    await settle()
    assert troupe.trace == ["+a", "-a", "+a"]
    assert tables.restarts == 1


async def test_a_transient_child_that_returns_is_gone(tables: DynamicSupervisor, troupe: Troupe) -> None:
    tables.spawn(troupe.service("a", restart=T))
    await settle()
    troupe.leave("a")
    await settle()
    assert troupe.reasons == {"a": None}
    assert "a" not in tables


async def test_a_temporary_child_that_crashes_is_gone(tables: DynamicSupervisor, troupe: Troupe) -> None:
    tables.spawn(troupe.service("a", restart=Restart.TEMPORARY))
    await settle()
    troupe.crash("a")
    await settle()
    assert isinstance(troupe.reasons["a"], Mishap)
    assert len(tables.reports) == 1


async def test_a_child_that_is_given_up_leaves_the_others_alone(
    tables: DynamicSupervisor, troupe: Troupe, script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    refs: list[Ref[Message]] = [Ref(name) for name in "abc"]
    ends: dict[str, BaseException | None] = {}

    def noting(name: str) -> Callable[[BaseException | None], None]:
        return lambda reason: ends.update({name: reason})

    for ref in refs:
        tables.spawn(actor_child(ref, script.adder, ended=noting(ref.name)))
        ref.tell(Add(1))
    for _ in range(4):
        refs[1].tell(Fail())
    await settle()
    assert [ref.stopped for ref in refs] == [False, True, False]
    assert list(ends) == ["b"]
    assert isinstance(ends["b"], Mishap)
    assert [await ref.ask(Sum(), timeout=1) for ref in (refs[0], refs[2])] == [1, 1]
    assert "tables gave b up" in caplog.text
    assert script.trace.count("stop") == 4


async def test_the_intensity_counts_per_child(tables: DynamicSupervisor, script: Script) -> None:
    refs: list[Ref[Message]] = [Ref(name) for name in "abcd"]
    for ref in refs:
        tables.spawn(actor_child(ref, script.adder))
        for _ in range(3):
            ref.tell(Fail())
    await settle()
    assert len(tables.reports) == 12
    assert not any(ref.stopped for ref in refs)


async def test_a_restart_that_fails_is_tried_again_later_until_it_is_given_up(
    tables: DynamicSupervisor, troupe: Troupe
) -> None:
    error = OSError("store away")
    tables.spawn(troupe.service("a", start_errors=[None, Mishap(), Mishap(), error]))
    await settle()
    troupe.crash("a")
    await settle()
    assert tables.node().children[0].state == "restarting"
    await trio.sleep(5)
    assert troupe.reasons == {"a": error}
    assert [report.what for report in tables.reports] == [
        What.CRASHED, *[What.FAILED_TO_START] * 3, What.GIVEN_UP
    ]  # fmt: skip


async def test_a_child_that_waits_for_its_next_try_can_be_stopped(tables: DynamicSupervisor, troupe: Troupe) -> None:
    tables.spawn(troupe.service("a", start_errors=[None, Mishap()]))
    await settle()
    troupe.crash("a")
    await settle()
    await tables.stop_child("a")
    assert trio.current_time() == 0
    assert "a" not in tables
    assert "a" in troupe.reasons


async def test_an_id_that_is_taken_is_refused_until_its_child_has_ended(
    tables: DynamicSupervisor, troupe: Troupe
) -> None:
    tables.spawn(troupe.service("a"))
    with pytest.raises(ValueError, match="tables has a child a already"):
        tables.spawn(troupe.service("a"))
    await settle()
    await tables.stop_child("a")
    tables.spawn(Troupe().service("a"))


async def test_the_successor_can_be_spawned_from_the_end_itself(tables: DynamicSupervisor, script: Script) -> None:
    first: Ref[Message] = Ref("a")
    second: Ref[Message] = Ref("a")

    def ended(_: BaseException | None) -> None:
        tables.spawn(actor_child(second, script.adder))

    tables.spawn(actor_child(first, script.adder, ended=ended))
    await settle()
    await tables.stop_child("a")
    assert await second.ask(Sum(), timeout=1) == 0


async def test_a_child_can_be_stopped_before_it_began(tables: DynamicSupervisor, troupe: Troupe) -> None:
    tables.spawn(troupe.service("a"))
    await tables.stop_child("a")
    assert troupe.trace == ["a ended"]
    assert tables.children == 0
    with pytest.raises(KeyError):
        await tables.stop_child("a")


async def test_children_are_stopped_in_parallel_under_one_deadline(troupe: Troupe, nursery: trio.Nursery) -> None:
    tables = DynamicSupervisor("tables", shutdown=3)
    await nursery.start(tables.run)
    for name, takes in {"a": 1.0, "b": 2.0, "c": 100.0, "d": 100.0}.items():
        tables.spawn(troupe.service(name, stop_takes=takes, shutdown=50))
    await settle()
    await tables.stop()
    assert trio.current_time() == 3
    assert [step for step in troupe.trace if step.endswith("ended")][:2] == ["a ended", "b ended"]
    assert troupe.reasons == dict.fromkeys("abcd")


async def test_children_that_shield_themselves_are_reported_by_name(
    troupe: Troupe, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    tables = DynamicSupervisor("tables", shutdown=3)
    await nursery.start(tables.run)
    tables.spawn(troupe.service("stubborn", can_be_asked=False, shielded=60))
    tables.spawn(troupe.service("meek"))
    await settle()
    nursery.start_soon(tables.stop)
    await trio.sleep(10)
    assert "stubborn overruns" in caplog.text
    assert "meek" not in caplog.text
    assert tables.node().children[0].state == "overrunning"
    await tables.stop()
    assert trio.current_time() == 60


async def test_nothing_is_spawned_while_it_stops_or_does_not_run(troupe: Troupe, nursery: trio.Nursery) -> None:
    tables = DynamicSupervisor("tables")
    with pytest.raises(SupervisorStopped):
        tables.spawn(troupe.service("a"))
    await nursery.start(tables.run)
    tables.request_stop()
    with pytest.raises(SupervisorStopped):
        tables.spawn(troupe.service("a"))
    assert troupe.reasons == {}


async def test_a_cancellation_stops_the_children_in_order_too(troupe: Troupe) -> None:
    tables = DynamicSupervisor("tables")
    async with trio.open_nursery() as nursery:
        await nursery.start(tables.run)
        tables.spawn(troupe.service("a", stop_takes=2))
        await settle()
        nursery.cancel_scope.cancel()
    assert trio.current_time() == 2
    assert troupe.reasons == {"a": None}


async def test_a_crash_while_it_stops_is_no_cause_for_a_restart(troupe: Troupe, nursery: trio.Nursery) -> None:
    tables = DynamicSupervisor("tables")
    await nursery.start(tables.run)
    tables.spawn(troupe.service("a", stop_takes=2))
    tables.spawn(troupe.service("b", restart=T))
    await settle()
    tables.request_stop()
    troupe.crash("b")
    await tables.stop()
    assert troupe.trace.count("+b") == 1


async def test_a_child_that_crashes_just_when_the_stop_is_requested_is_not_restarted(nursery: trio.Nursery) -> None:
    tables = DynamicSupervisor("tables")
    starts = 0

    async def run(status: trio.TaskStatus[Any]) -> None:
        nonlocal starts
        starts += 1
        status.started()
        await trio.sleep(1)
        tables.request_stop()
        raise Mishap

    await nursery.start(tables.run)
    tables.spawn(ChildSpec(id="a", run=run))
    await trio.sleep(5)
    assert starts == 1
    assert tables.node().state == "down"


async def test_under_a_supervisor_it_is_stopped_before_what_it_was_started_after(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    tables = DynamicSupervisor("tables")
    root = Supervisor("root", [troupe.service("store"), tables.as_child(), troupe.service("listener")])
    await nursery.start(root.run)
    tables.spawn(troupe.service("t1"))
    await settle()
    await root.stop()
    assert [step for step in troupe.trace if step[0] == "-"] == ["-listener", "-t1", "-store"]


# ---- OTP's child functions


async def test_starting_a_child_waits_until_it_is_up_while_others_come_and_go(
    tables: DynamicSupervisor, troupe: Troupe, nursery: trio.Nursery
) -> None:
    nursery.start_soon(tables.start_child, troupe.service("slow", start_takes=3))
    await settle()
    await tables.start_child(troupe.service("quick"))
    assert trio.current_time() == 0
    await trio.sleep(4)
    assert troupe.trace == ["+quick", "+slow"]


async def test_a_child_that_is_started_and_fails_tells_why_and_is_no_child(
    tables: DynamicSupervisor, troupe: Troupe
) -> None:
    error = OSError("no such game")
    with pytest.raises(OSError, match="no such game") as caught:
        await tables.start_child(troupe.service("a", start_errors=[error]))
    assert caught.value is error
    assert "a" not in tables


async def test_a_child_that_crashes_as_soon_as_it_is_up_was_started(tables: DynamicSupervisor) -> None:
    starts = 0

    async def run(status: trio.TaskStatus[Any]) -> None:
        nonlocal starts
        starts += 1
        status.started()
        raise Mishap

    await tables.start_child(ChildSpec(id="a", run=run))
    await settle()
    assert starts == 4
    assert "a" not in tables


@pytest.mark.parametrize("all_of_them", [False, True])
async def test_a_child_that_is_stopped_before_it_is_up_was_not_started(
    all_of_them: bool, troupe: Troupe, nursery: trio.Nursery
) -> None:
    tables = DynamicSupervisor("tables")
    await nursery.start(tables.run)

    async def stop() -> None:
        await settle()
        await (tables.stop() if all_of_them else tables.terminate_child("a"))

    nursery.start_soon(stop)
    with pytest.raises(SupervisorStopped, match="a was stopped before it was up"):
        await tables.start_child(troupe.service("a", start_takes=3))
    assert troupe.reasons == {"a": None}


async def test_a_cancelled_start_leaves_the_child_to_start(tables: DynamicSupervisor, troupe: Troupe) -> None:
    with trio.move_on_after(1):
        await tables.start_child(troupe.service("a", start_takes=3))
    await trio.sleep(5)
    assert troupe.trace == ["+a"]


async def test_a_terminated_child_is_no_child_any_more(tables: DynamicSupervisor, troupe: Troupe) -> None:
    await tables.start_child(troupe.service("a"))
    await tables.terminate_child("a")
    assert troupe.trace == ["+a", "-a", "a ended"]
    for refused in (tables.terminate_child, tables.stop_child):
        with pytest.raises(ChildNotFound, match="tables has no child a"):
            await refused("a")


async def test_children_are_listed_and_counted(tables: DynamicSupervisor, troupe: Troupe, script: Script) -> None:
    inner = Supervisor("inner")
    await tables.start_child(inner.as_child())
    await tables.start_child(troupe.service("a", start_errors=[None, Mishap()]))
    await tables.start_child(troupe.service("b", restart=T))
    troupe.crash("a")
    await settle()
    assert tables.which_children() == (
        ChildInfo("inner", "up", True, Restart.PERMANENT, 0),
        ChildInfo("a", "restarting", False, Restart.PERMANENT, 1),
        ChildInfo("b", "up", False, T, 0),
    )
    assert tables.count_children() == ChildCount(specs=3, active=2, supervisors=1, workers=2)


async def test_thousands_are_stopped_at_once(nursery: trio.Nursery) -> None:
    tables = DynamicSupervisor("tables")
    await nursery.start(tables.run)
    left: list[BaseException | None] = []

    async def run(status: trio.TaskStatus[Any]) -> None:
        status.started()
        await trio.sleep_forever()

    for number in range(2500):
        tables.spawn(ChildSpec(id=str(number), run=run, ended=left.append))
    await settle()
    await tables.stop()
    assert left == [None] * 2500
    assert trio.current_time() == 0
