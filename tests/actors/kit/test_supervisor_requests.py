"""What a supervisor is asked to do with single children, and what it tells of them: OTP's child functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from actors.kit.actor import ActorStopped, Ref, actor_child
from actors.kit.supervisor import (
    AlreadyPresent,
    AlreadyStarted,
    ChildCount,
    ChildInfo,
    ChildNotFound,
    ChildRestarting,
    ChildRunning,
    Restart,
    RestartIntensityExceeded,
    Strategy,
    Supervisor,
    SupervisorStopped,
)
from tests.actors.kit.troupe import Mishap, Sum

if TYPE_CHECKING:
    from tests.actors.kit.troupe import Message, Script, Troupe

settle = trio.testing.wait_all_tasks_blocked


def states(root: Supervisor) -> dict[str, str]:
    return {child.id: child.state for child in root.which_children()}


async def crash(troupe: Troupe, name: str) -> None:
    troupe.crash(name)
    await settle()


# ---- terminate and restart


async def test_a_terminated_child_rests_and_can_be_restarted_in_its_place(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    root = Supervisor("root", [troupe.service(name) for name in "abc"])
    await nursery.start(root.run)
    await root.terminate_child("b")
    assert troupe.take_trace() == ["+a", "+b", "+c", "-b", "b ended"]
    assert states(root) == {"a": "up", "b": "down", "c": "up"}
    await root.restart_child("b")
    assert states(root) == {"a": "up", "b": "up", "c": "up"}
    await root.stop()
    assert troupe.take_trace() == ["+b", "-c", "c ended", "-b", "b ended", "-a", "a ended"]


async def test_a_terminated_child_is_supervised_again_after_its_restart(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a")])
    await nursery.start(root.run)
    await crash(troupe, "a")
    await root.terminate_child("a")
    await root.restart_child("a")
    assert root.which_children()[0].restarts == 0  # a new life
    await crash(troupe, "a")
    assert troupe.trace.count("+a") == 4
    assert root.which_children()[0].restarts == 1


async def test_a_terminated_actor_fails_its_messages_and_a_restarted_one_takes_some(
    script: Script, nursery: trio.Nursery
) -> None:
    ref: Ref[Message] = Ref("adder")
    root = Supervisor("root", [actor_child(ref, script.adder)])
    await nursery.start(root.run)
    await root.terminate_child("adder")
    with pytest.raises(ActorStopped):
        await ref.ask(Sum(), timeout=1)
    await root.restart_child("adder")
    assert await ref.ask(Sum(), timeout=1) == 0


async def test_a_temporary_child_that_is_terminated_is_no_child_any_more(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a", restart=Restart.TEMPORARY)])
    await nursery.start(root.run)
    await root.terminate_child("a")
    assert states(root) == {}
    for refused in (root.terminate_child, root.restart_child, root.delete_child):
        with pytest.raises(ChildNotFound, match="root has no child a"):
            await refused("a")


async def test_terminating_a_child_that_rests_does_nothing(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a")])
    await nursery.start(root.run)
    await root.terminate_child("a")
    await root.terminate_child("a")
    assert troupe.trace == ["+a", "-a", "a ended"]


async def test_a_terminated_child_comes_back_with_its_group(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service(name) for name in "abc"], strategy=Strategy.REST_FOR_ONE)
    await nursery.start(root.run)
    await root.terminate_child("b")
    troupe.take_trace()
    await crash(troupe, "a")
    assert troupe.take_trace() == ["-a", "-c", "+a", "+b", "+c"]


async def test_a_transient_child_that_ended_in_order_comes_back_with_its_group(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    root = Supervisor(
        "root", [troupe.service("a"), troupe.service("b", restart=Restart.TRANSIENT)], strategy=Strategy.ONE_FOR_ALL
    )
    await nursery.start(root.run)
    troupe.leave("b")
    await settle()
    assert troupe.take_trace() == ["+a", "+b", "-b", "b ended"]
    await crash(troupe, "a")
    assert troupe.take_trace() == ["-a", "+a", "+b"]
    assert states(root) == {"a": "up", "b": "up"}


async def test_a_child_that_comes_back_with_its_group_and_fails_is_tried_again(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    root = Supervisor(
        "root", [troupe.service("a"), troupe.service("b", start_errors=[None, Mishap()])], strategy=Strategy.ONE_FOR_ALL
    )
    await nursery.start(root.run)
    await root.terminate_child("b")
    troupe.take_trace()
    await crash(troupe, "a")
    await trio.sleep(1)
    assert troupe.take_trace() == ["-a", "+a", "-a", "+a", "+b"]


async def test_a_restart_that_fails_is_told_and_the_child_rests_on(troupe: Troupe, nursery: trio.Nursery) -> None:
    error = Mishap("no")
    root = Supervisor("root", [troupe.service("a", start_errors=[None, error])])
    await nursery.start(root.run)
    await root.terminate_child("a")
    with pytest.raises(Mishap) as caught:
        await root.restart_child("a")
    assert caught.value is error
    assert states(root) == {"a": "down"}
    assert troupe.take_trace() == ["+a", "-a", "a ended", "a ended"]
    assert troupe.reasons == {"a": error}
    await trio.sleep(10)
    assert troupe.take_trace() == []
    await root.restart_child("a")
    assert troupe.take_trace() == ["+a"]


async def test_a_child_that_runs_is_neither_restarted_nor_deleted(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a")])
    await nursery.start(root.run)
    for refused in (root.restart_child, root.delete_child):
        with pytest.raises(ChildRunning, match="root runs a"):
            await refused("a")
    assert states(root) == {"a": "up"}


async def test_a_child_that_waits_for_its_next_try_is_neither_restarted_nor_deleted(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    root = Supervisor("root", [troupe.service("a", start_errors=[None, Mishap()])])
    await nursery.start(root.run)
    await crash(troupe, "a")
    for refused in (root.restart_child, root.delete_child):
        with pytest.raises(ChildRestarting, match="root restarts a"):
            await refused("a")
    with pytest.raises(AlreadyPresent):
        await root.start_child(troupe.service("a"))
    assert states(root) == {"a": "restarting"}


async def test_terminating_a_child_that_waits_for_its_next_try_calls_it_off(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    error = Mishap()
    root = Supervisor("root", [troupe.service("a", start_errors=[None, error])])
    await nursery.start(root.run)
    await crash(troupe, "a")
    await root.terminate_child("a")
    await trio.sleep(10)
    assert troupe.take_trace() == ["+a", "-a", "a ended"]
    assert troupe.reasons == {"a": error}
    assert states(root) == {"a": "down"}
    await root.restart_child("a")
    assert troupe.take_trace() == ["+a"]


async def test_when_a_failed_child_is_terminated_those_that_waited_for_it_still_start(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    """In OTP they stay down until somebody restarts them."""
    root = Supervisor(
        "root",
        [troupe.service("a"), troupe.service("b", start_errors=[None, Mishap()]), troupe.service("c")],
        strategy=Strategy.REST_FOR_ONE,
    )
    await nursery.start(root.run)
    await crash(troupe, "a")
    assert states(root) == {"a": "up", "b": "restarting", "c": "restarting"}
    await root.terminate_child("b")
    await trio.sleep(1)
    assert states(root) == {"a": "up", "b": "down", "c": "up"}


@pytest.mark.parametrize("crash_first", [False, True])
async def test_a_child_that_crashes_at_the_moment_of_its_termination_stays_down(
    crash_first: bool, troupe: Troupe, nursery: trio.Nursery
) -> None:
    root = Supervisor("root", [troupe.service("a")])
    await nursery.start(root.run)
    nursery.start_soon(root.start_child, troupe.service("b", start_takes=3))  # what comes now waits for that
    await settle()
    if crash_first:
        await crash(troupe, "a")
    nursery.start_soon(root.terminate_child, "a")
    await settle()
    if not crash_first:
        await crash(troupe, "a")
    await trio.sleep(10)
    assert states(root) == {"a": "down", "b": "up"}
    assert troupe.trace.count("+a") == (2 if crash_first else 1)
    assert isinstance(troupe.reasons["a"], Mishap) is not crash_first


# ---- delete, and start under an id that there is


async def test_a_deleted_child_makes_room_for_another(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a"), troupe.service("b")])
    await nursery.start(root.run)
    await root.terminate_child("a")
    await root.delete_child("a")
    assert states(root) == {"b": "up"}
    await root.start_child(troupe.service("a"))
    assert list(states(root)) == ["b", "a"]


async def test_an_id_that_is_taken_is_refused_in_two_ways(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a")])
    await nursery.start(root.run)
    with pytest.raises(AlreadyStarted, match=r"^root has a child a already$"):
        await root.start_child(troupe.service("a"))
    await root.terminate_child("a")
    with pytest.raises(AlreadyPresent, match=r"^root has a child a already, which does not run$"):
        await root.start_child(troupe.service("a"))


async def test_an_unknown_child_is_refused(nursery: trio.Nursery) -> None:
    root = Supervisor("root")
    await nursery.start(root.run)
    for refused in (root.terminate_child, root.restart_child, root.delete_child, root.stop_child):
        with pytest.raises(ChildNotFound, match=r"^root has no child a$") as caught:
            await refused("a")
        assert (caught.value.supervisor, caught.value.child) == ("root", "a")


async def test_a_temporary_child_can_be_stopped_for_good(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a", restart=Restart.TEMPORARY)])
    await nursery.start(root.run)
    await root.stop_child("a")
    assert states(root) == {}


async def test_children_that_were_added_are_gone_when_the_supervisor_is_restarted(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    inner = Supervisor("inner", [troupe.service("a")], max_restarts=0)
    root = Supervisor("root", [inner.as_child()])
    await nursery.start(root.run)
    await inner.start_child(troupe.service("b"))
    await crash(troupe, "a")
    assert states(inner) == {"a": "up"}


async def test_a_restart_on_request_does_not_count(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a")], max_restarts=0)
    await nursery.start(root.run)
    for _ in range(5):
        await root.terminate_child("a")
        await root.restart_child("a")
    assert states(root) == {"a": "up"}


@pytest.mark.parametrize("start_error", [None, KeyboardInterrupt()], ids=["stop", "interrupt"])
async def test_a_restart_under_way_when_the_supervisor_stops_is_answered(
    start_error: BaseException | None, troupe: Troupe, nursery: trio.Nursery
) -> None:
    root = Supervisor("root", [troupe.service("a", start_takes=2, start_errors=[None, start_error])])
    ends: list[str] = []

    async def run(task_status: trio.TaskStatus[None]) -> None:
        try:
            await root.run(task_status)
        except KeyboardInterrupt:
            ends.append("interrupt")

    async def restart() -> None:
        await root.terminate_child("a")
        try:
            await root.restart_child("a")
        except SupervisorStopped:
            ends.append("refused")

    await nursery.start(run)
    nursery.start_soon(restart)
    await trio.sleep(1)
    if start_error is None:
        root.request_stop()
    await trio.sleep(2)
    assert sorted(ends) == (["refused"] if start_error is None else ["interrupt", "refused"])
    assert root.node().state == "down"


# ---- what it tells


async def test_which_children_tells_of_each_in_order(troupe: Troupe, script: Script, nursery: trio.Nursery) -> None:
    ref: Ref[Message] = Ref("adder")
    inner = Supervisor("inner")
    root = Supervisor(
        "root",
        [
            inner.as_child(),
            actor_child(ref, script.adder),
            troupe.service("c", start_errors=[None, Mishap()]),
            troupe.service("d"),
        ],
    )
    assert root.which_children() == ()
    await nursery.start(root.run)
    await root.terminate_child("d")
    await crash(troupe, "c")
    assert root.which_children() == (
        ChildInfo("inner", "up", True, Restart.PERMANENT, 0),
        ChildInfo("adder", "up", False, Restart.TRANSIENT, 0),
        ChildInfo("c", "restarting", False, Restart.PERMANENT, 1),
        ChildInfo("d", "down", False, Restart.PERMANENT, 0),
    )


async def test_count_children_tells_how_many_there_are_and_run(troupe: Troupe, nursery: trio.Nursery) -> None:
    names = ["a", "b", "c"]
    inner = Supervisor("inner")
    services = [troupe.service(name, start_errors=[None, Mishap()]) for name in names]
    root = Supervisor("root", [inner.as_child(), *services])
    assert root.count_children() == ChildCount(specs=0, active=0, supervisors=0, workers=0)
    await nursery.start(root.run)
    assert root.count_children() == ChildCount(specs=4, active=4, supervisors=1, workers=3)
    await root.terminate_child("a")
    await crash(troupe, "b")
    assert root.count_children() == ChildCount(specs=4, active=2, supervisors=1, workers=3)
    await root.terminate_child("inner")
    assert root.count_children() == ChildCount(specs=4, active=1, supervisors=1, workers=3)


async def test_giving_up_tells_of_the_children_no_more(troupe: Troupe) -> None:
    root = Supervisor("root", [troupe.service("a")], max_restarts=0)
    with pytest.RaisesGroup(RestartIntensityExceeded):
        async with trio.open_nursery() as nursery:
            await nursery.start(root.run)
            await crash(troupe, "a")
    assert root.which_children() == ()
