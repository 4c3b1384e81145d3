"""A supervisor of ordered children: start, restart by strategy, shutdown in reverse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from actors.kit.actor import ActorStopped, Ref, actor_child
from actors.kit.supervisor import (
    Restart,
    RestartIntensityExceeded,
    StartTimeout,
    Strategy,
    Supervisor,
    SupervisorStopped,
    What,
)
from tests.actors.kit.troupe import Add, Fail, Mishap, Sleep, Sum

if TYPE_CHECKING:
    from tests.actors.kit.troupe import Message, Script, Troupe

settle = trio.testing.wait_all_tasks_blocked


async def crash(troupe: Troupe, name: str) -> None:
    troupe.crash(name)
    await settle()


# ---- start and shutdown


async def test_children_start_in_order_and_stop_in_reverse(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a", start_takes=2), troupe.service("b"), troupe.service("c")])
    await nursery.start(root.run)
    assert troupe.take_trace() == ["+a", "+b", "+c"]
    await root.stop()
    assert troupe.take_trace() == ["-c", "c ended", "-b", "b ended", "-a", "a ended"]
    assert troupe.reasons == {"a": None, "b": None, "c": None}


async def test_children_are_stopped_one_at_a_time_each_with_its_own_limit(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    root = Supervisor(
        "root",
        [
            troupe.service("a", stop_takes=1),
            troupe.service("b", stop_takes=100, shutdown=3),
            troupe.service("c", stop_takes=2),
        ],
    )
    await nursery.start(root.run)
    await root.stop()
    assert trio.current_time() == 2 + 3 + 1
    assert [step for step in troupe.trace if step[0] == "-"] == ["-c", "-b", "-a"]


async def test_a_cancellation_stops_the_children_in_the_same_order(troupe: Troupe) -> None:
    root = Supervisor("root", [troupe.service("a", stop_takes=1), troupe.service("b", stop_takes=1)])
    async with trio.open_nursery() as nursery:
        await nursery.start(root.run)
        nursery.cancel_scope.cancel()
    assert troupe.trace == ["+a", "+b", "-b", "b ended", "-a", "a ended"]
    assert trio.current_time() == 2


async def test_a_supervisor_that_is_cancelled_before_it_began_ends(troupe: Troupe) -> None:
    root = Supervisor("root", [troupe.service("a")])
    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.cancel()
        nursery.start_soon(root.run)
    assert troupe.take_trace() == ["a ended"]


async def test_a_start_that_is_cancelled_stops_what_was_up(troupe: Troupe) -> None:
    root = Supervisor("root", [troupe.service("a"), troupe.service("b", start_takes=3), troupe.service("c")])
    with trio.move_on_after(1):
        await root.run()
    assert troupe.take_trace() == ["+a", "c ended", "b ended", "-a", "a ended"]


async def test_a_start_error_comes_bare_after_those_before_were_stopped_in_reverse(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    error = OSError("port taken")
    root = Supervisor(
        "root",
        [troupe.service("a"), troupe.service("b"), troupe.service("c", start_errors=[error]), troupe.service("d")],
    )
    with pytest.raises(OSError, match="port taken") as caught:
        await nursery.start(root.run)
    assert caught.value is error
    assert troupe.trace == ["+a", "+b", "d ended", "c ended", "-b", "b ended", "-a", "a ended"]
    assert troupe.reasons == {"a": None, "b": None, "c": error, "d": error}
    assert [(report.child, report.what, report.error) for report in root.reports] == [
        ("c", What.FAILED_TO_START, "OSError")
    ]


async def test_a_start_that_takes_too_long_is_a_start_error(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a", start_takes=10, start_timeout=1)])
    with pytest.raises(StartTimeout):
        await nursery.start(root.run)
    assert trio.current_time() == 1


async def test_a_nested_start_error_comes_bare_too(troupe: Troupe, nursery: trio.Nursery) -> None:
    inner = Supervisor("inner", [troupe.service("a", start_errors=[OSError("port taken")])])
    with pytest.raises(OSError, match="port taken"):
        await nursery.start(Supervisor("root", [inner.as_child()]).run)


async def test_a_stop_request_while_children_start_stops_those_that_are_up(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    root = Supervisor("root", [troupe.service("a"), troupe.service("b", start_takes=3), troupe.service("c")])
    nursery.start_soon(root.run)
    await trio.sleep(1)
    await root.stop()
    assert trio.current_time() == 1
    assert troupe.trace == ["+a", "c ended", "b ended", "-a", "a ended"]


async def test_stopping_a_supervisor_that_does_not_run_does_nothing(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a")])
    await root.stop()
    await nursery.start(root.run)
    assert troupe.trace == ["+a"]


async def test_a_supervisor_can_run_again_after_it_was_stopped(script: Script, nursery: trio.Nursery) -> None:
    ref: Ref[Message] = Ref("adder")
    root = Supervisor("root", [actor_child(ref, script.adder)])
    for _ in range(2):
        await nursery.start(root.run)
        assert await ref.ask(Sum(), timeout=1) == 0
        await root.stop()
        assert ref.stopped


async def test_a_supervisor_runs_once_at_a_time(nursery: trio.Nursery) -> None:
    root = Supervisor("root")
    await nursery.start(root.run)
    with pytest.raises(RuntimeError, match="runs already"):
        await root.run()


def test_ids_are_unique(troupe: Troupe) -> None:
    with pytest.raises(ValueError, match="same id"):
        Supervisor("root", [troupe.service("a"), troupe.service("a")])


# ---- restarts


async def test_a_crashed_child_is_restarted_alone(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a"), troupe.service("b")])
    await nursery.start(root.run)
    await crash(troupe, "a")
    assert troupe.trace == ["+a", "+b", "-a", "+a"]
    assert [child.restarts for child in root.node().children] == [1, 0]
    assert root.restarts == 1


async def test_rest_for_one_stops_those_after_it_in_reverse_and_starts_them_in_order(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    root = Supervisor("root", [troupe.service(name) for name in "abcd"], strategy=Strategy.REST_FOR_ONE)
    await nursery.start(root.run)
    troupe.take_trace()
    await crash(troupe, "b")
    assert troupe.take_trace() == ["-b", "-d", "-c", "+b", "+c", "+d"]
    assert root.restarts == 3


async def test_one_for_all_restarts_all(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service(name) for name in "abc"], strategy=Strategy.ONE_FOR_ALL)
    await nursery.start(root.run)
    troupe.take_trace()
    await crash(troupe, "b")
    assert troupe.take_trace() == ["-b", "-c", "-a", "+a", "+b", "+c"]


async def test_a_sibling_that_is_restarted_along_keeps_its_mailbox(
    troupe: Troupe, script: Script, nursery: trio.Nursery
) -> None:
    ref: Ref[Message] = Ref("adder")
    root = Supervisor("root", [troupe.service("a"), actor_child(ref, script.adder)], strategy=Strategy.REST_FOR_ONE)
    await nursery.start(root.run)
    answers: list[object] = []
    ref.post(Sleep(2), answers.append)
    await settle()
    ref.tell(Add(2))
    troupe.crash("a")
    await trio.sleep(1)
    ref.tell(Add(3))
    assert await ref.ask(Sum(), timeout=5) == 5
    assert answers == ["rested"]
    assert script.trace == ["start", "stop", "start", "add 2", "add 3"]


async def test_a_temporary_sibling_that_is_taken_along_is_gone(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor(
        "root",
        [troupe.service("a"), troupe.service("b", restart=Restart.TEMPORARY), troupe.service("c")],
        strategy=Strategy.REST_FOR_ONE,
    )
    await nursery.start(root.run)
    troupe.take_trace()
    await crash(troupe, "a")
    assert troupe.take_trace() == ["-a", "-c", "-b", "b ended", "+a", "+c"]
    assert troupe.reasons == {"b": None}


async def test_a_permanent_child_that_returns_is_restarted(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a")])
    await nursery.start(root.run)
    troupe.leave("a")
    await settle()
    assert troupe.trace == ["+a", "-a", "+a"]
    assert list(root.reports) == []


@pytest.mark.parametrize("restart", [Restart.TRANSIENT, Restart.TEMPORARY])
async def test_a_child_that_need_not_run_on_may_return(restart: Restart, troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a", restart=restart), troupe.service("b")])
    await nursery.start(root.run)
    troupe.leave("a")
    await settle()
    assert troupe.take_trace() == ["+a", "+b", "-a", "a ended"]
    states = {child.id: child.state for child in root.which_children()}
    assert states == ({"a": "down", "b": "up"} if restart is Restart.TRANSIENT else {"b": "up"})


async def test_a_temporary_child_that_crashes_is_reported_and_gone(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a", restart=Restart.TEMPORARY)])
    await nursery.start(root.run)
    await crash(troupe, "a")
    assert troupe.take_trace() == ["+a", "-a", "a ended"]
    assert isinstance(troupe.reasons["a"], Mishap)
    assert len(root.reports) == 1


async def test_too_many_restarts_stop_the_rest_and_fail(troupe: Troupe) -> None:
    root = Supervisor("root", [troupe.service("a"), troupe.service("b"), troupe.service("c")], max_restarts=1)
    with pytest.RaisesGroup(RestartIntensityExceeded):
        async with trio.open_nursery() as nursery:
            await nursery.start(root.run)
            await crash(troupe, "b")
            troupe.take_trace()
            await crash(troupe, "b")
    assert troupe.trace == ["-b", "-c", "c ended", "b ended", "-a", "a ended"]
    assert isinstance(troupe.reasons["b"], Mishap)
    assert troupe.reasons["a"] is troupe.reasons["c"] is None


async def test_giving_up_is_raised_bare_and_tells_no_contents(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a")], max_restarts=0)
    nursery.start_soon(lambda: _crash_soon(troupe, "a"))
    with pytest.raises(RestartIntensityExceeded, match="root gave up: too many restarts, the last one for a") as caught:
        await root.run()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert (caught.value.supervisor, caught.value.child) == ("root", "a")


async def _crash_soon(troupe: Troupe, name: str) -> None:
    await settle()
    troupe.crash(name)


async def test_crashes_far_apart_are_not_too_many(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a")], max_restarts=1, within=5)
    await nursery.start(root.run)
    for _ in range(5):
        await crash(troupe, "a")
        await trio.sleep(6)
    assert troupe.trace.count("+a") == 6


async def test_a_restart_that_fails_is_tried_again_a_little_later(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a", start_errors=[None, Mishap(), Mishap()])])
    await nursery.start(root.run)
    await crash(troupe, "a")
    assert root.node().children[0].state == "restarting"
    await trio.sleep(1)
    assert troupe.trace == ["+a", "-a", "+a"]
    assert len(root.reports) == 3


async def test_failed_restarts_count(troupe: Troupe) -> None:
    root = Supervisor("root", [troupe.service("a", start_errors=[None, *[Mishap() for _ in range(9)]])])
    with pytest.RaisesGroup(RestartIntensityExceeded):
        async with trio.open_nursery() as nursery:
            await nursery.start(root.run)
            await crash(troupe, "a")
    assert [report.what for report in root.reports] == [
        What.CRASHED, *[What.FAILED_TO_START] * 3, What.GIVEN_UP
    ]  # fmt: skip
    assert trio.current_time() < 5


async def test_a_group_restart_that_fails_halfway_goes_on_from_there(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor(
        "root",
        [troupe.service("a"), troupe.service("b", start_errors=[None, Mishap()]), troupe.service("c")],
        strategy=Strategy.REST_FOR_ONE,
    )
    await nursery.start(root.run)
    troupe.take_trace()
    await crash(troupe, "a")
    assert troupe.take_trace() == ["-a", "-c", "-b", "+a"]
    await trio.sleep(1)
    assert troupe.take_trace() == ["+b", "+c"]


async def test_a_retry_that_a_sibling_made_needless_does_nothing(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor(
        "root",
        [troupe.service("a"), troupe.service("b", start_errors=[None, Mishap()])],
        strategy=Strategy.REST_FOR_ONE,
    )
    await nursery.start(root.run)
    await crash(troupe, "b")
    troupe.take_trace()
    await crash(troupe, "a")
    await trio.sleep(1)
    assert troupe.take_trace() == ["-a", "+a", "+b"]


async def test_a_shutdown_comes_between_two_tries(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor(
        "root", [troupe.service("a"), troupe.service("b", start_errors=[None, *[Mishap() for _ in range(9)]])]
    )
    await nursery.start(root.run)
    await crash(troupe, "b")
    troupe.take_trace()
    await root.stop()
    assert trio.current_time() == 0
    assert troupe.take_trace() == ["b ended", "-a", "a ended"]


async def test_two_crashes_in_one_moment_are_both_seen_to(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a"), troupe.service("b")], strategy=Strategy.REST_FOR_ONE)
    await nursery.start(root.run)
    troupe.take_trace()
    troupe.crash("a")
    troupe.crash("b")
    await settle()
    trace = troupe.take_trace()
    assert sorted(trace[:2]) == ["-a", "-b"]
    assert trace[-2:] == ["+a", "+b"]
    assert {child.state for child in root.node().children} == {"up"}


async def test_a_crash_that_a_group_restart_has_seen_to_is_not_seen_to_again(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    children = [
        troupe.service("a"),
        troupe.service("b"),
        troupe.service("c"),
        troupe.service("d", stop_takes=5, shutdown=9),
    ]
    root = Supervisor("root", children, strategy=Strategy.REST_FOR_ONE)
    await nursery.start(root.run)
    troupe.take_trace()
    await crash(troupe, "c")  # it waits for d
    await crash(troupe, "a")
    await crash(troupe, "b")
    await trio.sleep(20)
    assert troupe.take_trace() == ["-c", "-a", "-b", "-d", "+c", "+d", "-d", "-c", "+a", "+b", "+c", "+d"]
    assert len(root.reports) == 3


async def test_a_shutdown_during_a_group_restart_starts_nothing_more(troupe: Troupe, nursery: trio.Nursery) -> None:
    children = [troupe.service("a"), troupe.service("b", stop_takes=2), troupe.service("c", stop_takes=2)]
    root = Supervisor("root", children, strategy=Strategy.REST_FOR_ONE)
    await nursery.start(root.run)
    troupe.take_trace()
    await crash(troupe, "a")
    await root.stop()
    assert trio.current_time() == 4
    assert troupe.take_trace() == ["-a", "-c", "-b", "c ended", "b ended", "a ended"]


async def test_a_crash_during_the_shutdown_is_reported_and_disturbs_nothing(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    root = Supervisor("root", [troupe.service("a"), troupe.service("b", stop_takes=2)])
    await nursery.start(root.run)
    troupe.take_trace()
    nursery.start_soon(root.stop)
    await trio.sleep(1)
    await crash(troupe, "a")
    await trio.sleep(2)
    assert troupe.take_trace() == ["-a", "-b", "b ended", "a ended"]
    assert [report.child for report in root.reports] == ["a"]
    assert root.node().state == "down"


# ---- nesting


async def test_a_nested_supervisor_that_gives_up_is_restarted_with_its_children(
    troupe: Troupe, script: Script, nursery: trio.Nursery
) -> None:
    ref: Ref[Message] = Ref("adder")
    inner = Supervisor("inner", [actor_child(ref, script.adder)], max_restarts=0)
    root = Supervisor("root", [inner.as_child()])
    await nursery.start(root.run)
    ref.post(Fail(), lambda _: None)
    answers: list[object] = []
    ref.post(Sum(), answers.append)
    await settle()
    assert [type(answer) for answer in answers] == [ActorStopped]
    assert [report.error.rpartition(".")[2] for report in root.reports] == ["RestartIntensityExceeded"]
    assert not ref.stopped
    assert await ref.ask(Sum(), timeout=1) == 0


async def test_a_nested_supervisor_is_stopped_in_order(troupe: Troupe, nursery: trio.Nursery) -> None:
    inner = Supervisor("inner", [troupe.service("b", stop_takes=9, shutdown=10), troupe.service("c")])
    root = Supervisor("root", [troupe.service("a"), inner.as_child(), troupe.service("d")])
    await nursery.start(root.run)
    troupe.take_trace()
    await root.stop()
    assert [step for step in troupe.trace if step[0] == "-"] == ["-d", "-c", "-b", "-a"]
    assert trio.current_time() == 9


# ---- children that come and go


async def test_a_child_can_be_added_and_is_stopped_first(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a")])
    await nursery.start(root.run)
    await root.start_child(troupe.service("b"))
    await crash(troupe, "b")
    await root.stop()
    assert troupe.trace == ["+a", "+b", "-b", "+b", "-b", "b ended", "-a", "a ended"]


async def test_an_added_child_that_does_not_start_is_no_child(troupe: Troupe, nursery: trio.Nursery) -> None:
    error = OSError("port taken")
    root = Supervisor("root")
    await nursery.start(root.run)
    with pytest.raises(OSError, match="port taken"):
        await root.start_child(troupe.service("a", start_errors=[error]))
    assert troupe.reasons == {"a": error}
    assert root.node().children == ()


async def test_an_id_that_is_taken_is_refused(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a")])
    await nursery.start(root.run)
    with pytest.raises(ValueError, match="root has a child a already"):
        await root.start_child(troupe.service("a"))


async def test_a_child_can_be_stopped_for_good(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a"), troupe.service("b")])
    await nursery.start(root.run)
    await root.stop_child("a")
    assert troupe.trace == ["+a", "+b", "-a", "a ended"]
    with pytest.raises(KeyError):
        await root.stop_child("a")


async def test_a_child_that_was_stopped_for_good_is_not_restarted_with_its_siblings(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    root = Supervisor("root", [troupe.service(name) for name in "abc"], strategy=Strategy.REST_FOR_ONE)
    await nursery.start(root.run)
    await root.stop_child("b")
    troupe.take_trace()
    await crash(troupe, "a")
    assert troupe.take_trace() == ["-a", "-c", "+a", "+c"]


async def test_a_child_that_crashed_a_moment_ago_can_be_stopped_for_good(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a", start_errors=[None, Mishap()])])
    await nursery.start(root.run)
    await crash(troupe, "a")
    await root.stop_child("a")
    await trio.sleep(1)
    assert troupe.take_trace() == ["+a", "-a", "a ended"]


@pytest.mark.parametrize("running", [False, True])
async def test_no_request_is_taken_by_a_supervisor_that_does_not_run_or_is_stopping(
    running: bool, troupe: Troupe, nursery: trio.Nursery
) -> None:
    root = Supervisor("root", [troupe.service("a")])
    if running:
        await nursery.start(root.run)
        root.request_stop()
    with pytest.raises(SupervisorStopped):
        await root.start_child(troupe.service("b"))
    with pytest.raises(SupervisorStopped):
        await root.stop_child("a")


@pytest.mark.parametrize("how", ["request", "cancel"])
async def test_requests_under_way_when_the_supervisor_stops_are_answered(
    how: str, troupe: Troupe, nursery: trio.Nursery
) -> None:
    root = Supervisor("root", [troupe.service("a")])
    answers: list[str] = []

    async def add(name: str) -> None:
        try:
            await root.start_child(troupe.service(name, start_takes=2))
        except SupervisorStopped:
            answers.append(name)

    async with trio.open_nursery() as inner:
        await inner.start(root.run)
        nursery.start_soon(add, "b")
        await settle()
        nursery.start_soon(add, "c")
        await settle()
        if how == "request":
            await root.stop()
        else:
            inner.cancel_scope.cancel()
    await settle()
    assert sorted(answers) == ["b", "c"]
    assert troupe.reasons["b"] is None
    assert "c" not in troupe.reasons


# ---- reports


async def test_a_crash_is_reported_with_everything_but_contents(
    script: Script, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    ref: Ref[Message] = Ref("adder")
    root = Supervisor("root", [actor_child(ref, script.adder)])
    await nursery.start(root.run)
    for _ in range(2):
        await trio.sleep(1)
        ref.post(Fail(Mishap("queen of spades")), lambda _: None)
    await settle()
    first, second = root.reports
    assert (first.supervisor, first.child, first.message_type) == ("root", "adder", "Fail")
    assert (first.restarts, second.restarts) == (0, 1)
    assert (first.at, second.at) == (1, 2)
    assert first.error == "tests.actors.kit.troupe.Mishap"
    assert "in handle" in first.traceback
    assert "root/adder crashed on a Fail" in caplog.text
    assert "queen of spades" not in caplog.text + first.traceback + repr(first)


async def test_the_last_reports_are_kept(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a")], keep_reports=2, max_restarts=9)
    await nursery.start(root.run)
    for number in range(4):
        troupe.crash("a", Mishap(str(number)))
        await settle()
    assert ["Mishap: 2" in root.reports[0].traceback, "Mishap: 3" in root.reports[1].traceback] == [True, True]
