"""How a supervisor ends by itself, what it waits between two tries, and what it reports of children that will not end
or will not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from actors.kit.reports import What
from actors.kit.supervisor import (
    KILL,
    AutoShutdown,
    DynamicSupervisor,
    Restart,
    Strategy,
    Supervisor,
    SupervisorStopped,
)
from tests.actors.kit.troupe import Mishap

if TYPE_CHECKING:
    from actors.kit.child import ChildSpec
    from tests.actors.kit.troupe import Troupe

settle = trio.testing.wait_all_tasks_blocked
ANY, ALL = AutoShutdown.ANY_SIGNIFICANT, AutoShutdown.ALL_SIGNIFICANT
T, X = Restart.TRANSIENT, Restart.TEMPORARY


async def crash(troupe: Troupe, name: str) -> None:
    troupe.crash(name)
    await settle()


async def leave(troupe: Troupe, name: str) -> None:
    troupe.leave(name)
    await settle()


# ---- automatic shutdown


async def test_the_end_of_any_significant_child_stops_the_others_in_reverse_and_the_supervisor(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    children = [troupe.service("a"), troupe.service("b", restart=T, significant=True), troupe.service("c")]
    root = Supervisor("root", children, auto_shutdown=ANY)
    await nursery.start(root.run)
    troupe.take_trace()
    await leave(troupe, "b")
    assert troupe.take_trace() == ["-b", "b ended", "-c", "c ended", "-a", "a ended"]
    assert root.node().state == "down"


async def test_a_significant_child_that_is_restarted_shuts_nothing_down(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a", restart=T, significant=True)], auto_shutdown=ANY)
    await nursery.start(root.run)
    await crash(troupe, "a")
    assert root.node().children[0].state == "up"


async def test_a_temporary_significant_child_shuts_down_when_it_crashes(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a", restart=X, significant=True)], auto_shutdown=ANY)
    await nursery.start(root.run)
    await crash(troupe, "a")
    assert root.node().state == "down"
    assert isinstance(troupe.reasons["a"], Mishap)


async def test_the_end_of_the_last_significant_child_shuts_down(troupe: Troupe, nursery: trio.Nursery) -> None:
    children = [troupe.service(name, restart=T, significant=name != "c") for name in "abc"]
    root = Supervisor("root", children, auto_shutdown=ALL)
    await nursery.start(root.run)
    await leave(troupe, "b")
    await leave(troupe, "c")
    assert root.node().state == "up"
    await leave(troupe, "a")
    assert root.node().state == "down"


async def test_a_significant_child_that_is_stopped_on_request_shuts_nothing_down(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    root = Supervisor("root", [troupe.service("a", restart=T, significant=True)], auto_shutdown=ANY)
    await nursery.start(root.run)
    await root.terminate_child("a")
    assert root.node().state == "up"
    await root.restart_child("a")
    await leave(troupe, "a")
    assert root.node().state == "down"


async def test_a_significant_child_that_is_stopped_with_its_group_shuts_nothing_down(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    children = [troupe.service("a"), troupe.service("b", restart=X, significant=True)]
    root = Supervisor("root", children, auto_shutdown=ANY, strategy=Strategy.ONE_FOR_ALL)
    await nursery.start(root.run)
    await crash(troupe, "a")
    assert [(child.id, child.state) for child in root.which_children()] == [("a", "up")]


async def test_an_automatic_shutdown_is_an_end_in_order_for_the_supervisor_above(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    inner = Supervisor("inner", [troupe.service("b", restart=T, significant=True)], auto_shutdown=ANY)
    root = Supervisor("root", [troupe.service("a"), inner.as_child(restart=T, significant=True)], auto_shutdown=ALL)
    await nursery.start(root.run)
    await leave(troupe, "b")
    assert (inner.node().state, root.node().state) == ("down", "down")
    assert len(root.reports) == 0


async def test_requests_that_wait_when_it_shuts_down_are_answered(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a", restart=T, significant=True)], auto_shutdown=ANY)
    await nursery.start(root.run)
    nursery.start_soon(root.start_child, troupe.service("b", start_takes=3))
    await settle()
    await leave(troupe, "a")
    with pytest.raises(SupervisorStopped):
        await root.terminate_child("b")
    assert trio.current_time() == 3


def test_a_significant_child_that_nothing_would_follow_from_is_refused(troupe: Troupe) -> None:
    with pytest.raises(ValueError, match="without automatic shutdown"):
        Supervisor("root", [troupe.service("a", restart=T, significant=True)])
    with pytest.raises(ValueError, match="a is permanent"):
        Supervisor("root", [troupe.service("a", significant=True)], auto_shutdown=ANY)


async def test_a_significant_child_cannot_be_added_where_nothing_would_follow(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    root, tables = Supervisor("root"), DynamicSupervisor("tables")
    await nursery.start(root.run)
    await nursery.start(tables.run)
    with pytest.raises(ValueError, match="without automatic shutdown"):
        await root.start_child(troupe.service("a", restart=T, significant=True))
    with pytest.raises(ValueError, match="without automatic shutdown"):
        tables.spawn(troupe.service("a", restart=T, significant=True))
    assert (root.which_children(), tables.which_children()) == ((), ())


# ---- backoff


def failing(troupe: Troupe, times: int) -> ChildSpec:
    return troupe.service("a", start_errors=[None, *[Mishap() for _ in range(times)]])


async def tries_of(supervisor: Supervisor | DynamicSupervisor, troupe: Troupe) -> list[float]:
    """When each restart was tried, the first one at 0."""
    troupe.crash("a")
    await trio.sleep(20)
    return [report.at for report in supervisor.reports if report.what is What.FAILED_TO_START]


async def test_backoffs_have_their_full_length_by_default(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [failing(troupe, 3)], max_restarts=9)
    await nursery.start(root.run)
    assert await tries_of(root, troupe) == pytest.approx([0, 0.05, 0.15])


async def test_chance_shortens_the_backoffs(troupe: Troupe, nursery: trio.Nursery) -> None:
    chances = [0.0, 0.5, 0.9]
    root = Supervisor("root", [failing(troupe, 3)], max_restarts=9, jitter=lambda: chances.pop(0))
    await nursery.start(root.run)
    assert await tries_of(root, troupe) == pytest.approx([0, 0.05, 0.05 + 0.1 * 0.75])
    assert chances == []  # one for each try that failed, none for the crash


async def test_chance_shortens_the_backoffs_of_dynamic_children(troupe: Troupe, nursery: trio.Nursery) -> None:
    tables = DynamicSupervisor("tables", max_restarts=9, jitter=lambda: 0.5)
    await nursery.start(tables.run)
    await tables.start_child(failing(troupe, 3))
    assert await tries_of(tables, troupe) == pytest.approx([0, 0.0375, 0.0375 + 0.075])


# ---- children that will not stop


async def test_a_child_that_does_not_stop_in_time_is_reported_by_name_and_where_it_is(
    troupe: Troupe, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    root = Supervisor("root", [troupe.service("slow", stop_takes=50, shutdown=3)])
    await nursery.start(root.run)
    await root.terminate_child("slow")
    (report,) = root.reports
    assert (report.what, report.supervisor, report.child, report.error) == (What.OVERRAN, "root", "slow", "")
    assert "trio.sleep(stop_takes)" in report.traceback
    assert report.cause == "overran"
    assert "slow overruns: it did not stop within 3 s, and is cancelled" in caplog.text


@pytest.mark.parametrize("dynamic", [False, True])
async def test_a_child_that_shields_itself_is_reported_by_name_while_the_supervisor_stops(
    dynamic: bool, troupe: Troupe, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = DynamicSupervisor("top", shutdown=3) if dynamic else Supervisor("top")
    await nursery.start(supervisor.run)
    await supervisor.start_child(troupe.service("stubborn", shutdown=KILL, shielded=60))
    nursery.start_soon(supervisor.stop)
    await trio.sleep(10)
    assert "stubborn overruns: it was cancelled, and will not stop" in caplog.text
    assert supervisor.node().children[0].state == "overrunning"
    assert supervisor.reports[-1].what is What.OVERRAN
    assert "trio.sleep(shielded)" in supervisor.reports[-1].traceback
    await supervisor.stop()
    assert trio.current_time() == 60


async def test_of_many_that_will_not_stop_some_are_named_and_all_are_counted(
    troupe: Troupe, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    tables = DynamicSupervisor("tables", shutdown=3)
    await nursery.start(tables.run)
    for number in range(12):
        await tables.start_child(troupe.service(f"t{number}", stop_takes=50))
    await tables.stop()
    assert [report.child for report in tables.reports] == [f"t{number}" for number in range(10)]
    assert "tables waits for 12 children that do not stop" in caplog.text
    assert trio.current_time() == 3


# ---- the last crash, in the tree


async def test_the_tree_tells_a_supervisors_last_crash_and_whose_it_was(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a"), troupe.service("b")])
    await nursery.start(root.run)
    assert root.node().last_crash is None
    await crash(troupe, "b")
    assert root.node().last_crash == "b: Mishap"
    assert [child.last_crash for child in root.node().children] == [None, "Mishap"]


async def test_a_first_start_that_fails_is_no_supervisors_last_crash(
    troupe: Troupe, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    root = Supervisor("root")
    await nursery.start(root.run)
    with pytest.raises(Mishap):
        await root.start_child(troupe.service("a", start_errors=[Mishap()]))
    assert [(report.child, report.what) for report in root.reports] == [("a", What.FAILED_TO_START)]
    assert root.node().last_crash is None
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_being_given_up_is_reported_with_the_last_crash(
    troupe: Troupe, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    tables = DynamicSupervisor("tables", max_restarts=0)
    await nursery.start(tables.run)
    await tables.start_child(troupe.service("a"))
    await crash(troupe, "a")
    first, second = tables.reports
    assert (first.what, second.what) == (What.CRASHED, What.GIVEN_UP)
    assert second.error == "tests.actors.kit.troupe.Mishap"
    assert "in run" in second.traceback
    assert "tables gave a up" in caplog.text
    assert tables.node().last_crash == "a: was given up: Mishap"


async def test_a_child_that_only_ever_returns_is_given_up_too(troupe: Troupe, nursery: trio.Nursery) -> None:
    tables = DynamicSupervisor("tables", max_restarts=0)
    await nursery.start(tables.run)
    await tables.start_child(troupe.service("a"))
    await leave(troupe, "a")
    (report,) = tables.reports
    assert (report.what, report.error, report.cause) == (What.GIVEN_UP, "", "was given up")
    assert troupe.reasons == {"a": None}
