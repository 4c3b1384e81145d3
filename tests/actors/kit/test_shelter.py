"""What no supervisor may keep to itself: KeyboardInterrupt, SystemExit, a cancellation from above."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from actors.kit.actor import ActorStopped, Ref, actor_child
from actors.kit.supervisor import ChildSpec, DynamicSupervisor, Supervisor
from tests.actors.kit.troupe import Fail, Mishap, Sum

if TYPE_CHECKING:
    from actors.kit.actor import ActorError
    from tests.actors.kit.troupe import Message, Script, Troupe

settle = trio.testing.wait_all_tasks_blocked


async def _crash_soon(troupe: Troupe, name: str, error: BaseException) -> None:
    await settle()
    troupe.crash(name, error)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
async def test_a_childs_interrupt_stops_the_others_in_order_and_comes_bare(
    kind: type[BaseException], troupe: Troupe, nursery: trio.Nursery
) -> None:
    root = Supervisor("root", [troupe.service("a", stop_takes=1), troupe.service("b"), troupe.service("c")])
    nursery.start_soon(_crash_soon, troupe, "b", kind())
    with pytest.raises(kind):
        await root.run()
    assert troupe.trace == ["+a", "+b", "+c", "-b", "-c", "c ended", "b ended", "-a", "a ended"]
    assert isinstance(troupe.reasons["b"], kind)
    assert list(root.reports) == []


async def test_a_dynamic_childs_interrupt_stops_the_others_and_comes_bare(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    tables = DynamicSupervisor("tables")

    async def spawn() -> None:
        await settle()
        tables.spawn(troupe.service("a", stop_takes=1))
        tables.spawn(troupe.service("b"))
        await _crash_soon(troupe, "b", KeyboardInterrupt())

    nursery.start_soon(spawn)
    with pytest.raises(KeyboardInterrupt):
        await tables.run()
    assert sorted(troupe.trace[:2]) == ["+a", "+b"]
    assert troupe.trace[2:] == ["-b", "b ended", "-a", "a ended"]


async def test_an_interrupt_goes_up_through_all_supervisors(troupe: Troupe, nursery: trio.Nursery) -> None:
    inner = Supervisor("inner", [troupe.service("b")])
    root = Supervisor("root", [troupe.service("a"), inner.as_child(), troupe.service("c")])
    nursery.start_soon(_crash_soon, troupe, "b", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        await root.run()
    assert [step for step in troupe.trace if step[0] == "-"] == ["-b", "-c", "-a"]


async def test_an_interrupt_at_the_first_start_comes_bare(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a"), troupe.service("b", start_errors=[KeyboardInterrupt()])])
    with pytest.raises(KeyboardInterrupt):
        await nursery.start(root.run)
    assert troupe.trace == ["+a", "b ended", "-a", "a ended"]


async def test_an_interrupt_while_a_later_sibling_starts_comes_bare(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a"), troupe.service("b", start_takes=3)])
    nursery.start_soon(_crash_soon, troupe, "a", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        await nursery.start(root.run)
    assert trio.current_time() == 0
    assert troupe.trace == ["+a", "-a", "b ended", "a ended"]


async def test_an_interrupt_while_a_child_is_added_fails_the_request(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a")])
    refused: list[Exception] = []

    async def add() -> None:
        await settle()
        try:
            await root.start_child(troupe.service("b", start_errors=[KeyboardInterrupt()]))
        except Exception as error:
            refused.append(error)

    nursery.start_soon(add)
    with pytest.raises(KeyboardInterrupt):
        await root.run()
    await settle()
    assert [type(error).__name__ for error in refused] == ["SupervisorStopped"]


async def test_a_crash_beside_an_interrupt_is_reported(troupe: Troupe, nursery: trio.Nursery) -> None:
    root = Supervisor("root", [troupe.service("a")])
    both = BaseExceptionGroup("both", [Mishap(), KeyboardInterrupt()])
    nursery.start_soon(_crash_soon, troupe, "a", both)
    with pytest.RaisesGroup(KeyboardInterrupt):
        await root.run()
    assert [report.child for report in root.reports] == ["a"]


async def test_an_interrupt_in_a_handler_fails_the_asker_and_comes_bare(script: Script, nursery: trio.Nursery) -> None:
    ref: Ref[Message] = Ref("adder")
    answers: list[int | ActorError] = []
    ref.post(Fail(KeyboardInterrupt()), answers.append)
    ref.post(Sum(), answers.append)
    with pytest.raises(KeyboardInterrupt):
        await Supervisor("root", [actor_child(ref, script.adder)]).run()
    first, second = answers
    assert isinstance(first, ActorStopped)
    assert first.begun
    assert isinstance(second, ActorStopped)
    assert not second.begun
    assert isinstance(second.reason, KeyboardInterrupt)
    assert script.trace == ["start", "stop"]


async def test_a_second_interrupt_during_the_shutdown_waits_for_no_order(
    troupe: Troupe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C during the shutdown is raised in whatever runs: here in the shutdown itself."""
    root = Supervisor("root", [troupe.service("a", stop_takes=50, shutdown=60), troupe.service("b")])

    async def interrupted(failure: BaseException | None) -> None:
        await trio.lowlevel.checkpoint()
        raise KeyboardInterrupt

    monkeypatch.setattr(root, "_stop_children", interrupted)
    with pytest.RaisesGroup(KeyboardInterrupt, flatten_subgroups=True):
        async with trio.open_nursery() as nursery:
            await nursery.start(root.run)
            root.request_stop()
    assert trio.current_time() == 0
    assert sorted(troupe.trace) == ["+a", "+b", "-a", "-b", "a ended", "b ended"]


async def test_a_cancelled_scope_inside_a_child_is_the_childs_own_affair(nursery: trio.Nursery) -> None:
    """Its own cancellations do not end it, and are not mistaken for ours."""
    done = trio.Event()

    async def run(status: trio.TaskStatus[Any]) -> None:
        status.started()
        with trio.move_on_after(1):
            await trio.sleep_forever()
        done.set()
        await trio.sleep_forever()

    root = Supervisor("root", [ChildSpec(id="a", run=run)])
    await nursery.start(root.run)
    await done.wait()
    assert trio.current_time() == 1
    assert root.node().children[0].state == "up"


async def test_a_fault_of_the_supervisor_itself_still_stops_the_children(
    troupe: Troupe, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Supervisor("root", [troupe.service("a")])

    async def broken() -> None:
        await trio.lowlevel.checkpoint()
        raise Mishap("in the control loop")

    monkeypatch.setattr(root, "_next", broken)
    with pytest.raises(Mishap, match="in the control loop"):
        await root.run()
    assert troupe.trace == ["+a", "-a", "a ended"]
