"""Six failures of an existing port of OTP to Trio. Here each is impossible."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from actors.kit.actor import ActorCrashed, ActorStopped, AskTimeout, Ref, actor_child
from actors.kit.supervisor import Supervisor
from tests.actors.kit.puppet import Do, Puppet, Strings, fail, rest
from tests.actors.kit.troupe import Mishap

if TYPE_CHECKING:
    from actors.kit.supervisor import DynamicSupervisor


async def test_a_late_reply_does_not_kill_the_server(stage: DynamicSupervisor) -> None:
    server = Strings()
    stage.spawn(server.child())

    async def answer_late(me: Puppet) -> str:
        await trio.sleep(5)
        me.reply("late")
        return "later still"

    with pytest.raises(AskTimeout):
        await server.ref.ask(Do(answer_late), timeout=1)
    await trio.sleep_until(5)
    with trio.move_on_after(1):
        await server.ref.ask(Do(answer_late), timeout=100)
    assert await server.do(lambda _: "alive") == "alive"
    assert trio.current_time() == 10
    assert server.hooks == ["start"]


async def test_a_call_to_a_server_that_crashed_or_crashes_does_not_hang(
    stage: DynamicSupervisor, nursery: trio.Nursery
) -> None:
    """Each ends without the help of its timeout, of a million seconds."""
    server = Strings()
    stage.spawn(server.child(shutdown=1))
    outcomes: list[object] = []

    async def call(action: Do) -> None:
        try:
            outcomes.append(await server.ref.ask(action, timeout=1e6))
        except (ActorCrashed, ActorStopped) as error:
            outcomes.append(type(error))

    for _ in range(4):  # the last one is one too many
        nursery.start_soon(call, Do(lambda _: fail(Mishap())))
        await trio.testing.wait_all_tasks_blocked()
    nursery.start_soon(call, Do(lambda _: "to one that is gone"))
    await trio.testing.wait_all_tasks_blocked()
    assert outcomes == [ActorCrashed] * 4 + [ActorStopped]

    again = Strings(ref=server.ref)
    stage.spawn(again.child(shutdown=1))
    await trio.testing.wait_all_tasks_blocked()
    for action in (Do(lambda _: rest(math.inf)), Do(lambda _: "queued behind it")):
        nursery.start_soon(call, action)
        await trio.testing.wait_all_tasks_blocked()
    await stage.stop_child("puppet")
    await trio.testing.wait_all_tasks_blocked()
    assert outcomes[5:] == [ActorStopped] * 2
    assert trio.current_time() < 10


async def test_the_timeout_of_a_call_covers_the_wait_for_room_in_the_mailbox(stage: DynamicSupervisor) -> None:
    server = Strings(ref=Ref("server", capacity=1))
    stage.spawn(server.child())
    server.ref.tell(Do(lambda _: rest(2)))
    await trio.testing.wait_all_tasks_blocked()
    server.ref.tell(Do(lambda _: rest(2)))
    with pytest.raises(AskTimeout):  # room after 2 s, its turn after 4
        await server.ref.ask(Do(lambda me: me.strings.noted.append("handled")), timeout=3)
    assert trio.current_time() == 3
    await trio.sleep(10)
    assert server.noted == []


async def test_a_server_that_cannot_start_fails_with_its_own_error(stage: DynamicSupervisor) -> None:
    error = OSError("port taken")
    server = Strings(on_start=lambda _: fail(error))
    stage.spawn(server.child())
    with pytest.raises(ActorStopped) as stopped:
        await server.do(lambda _: None)
    assert stopped.value.reason is error

    supervisor = Supervisor("root", [Strings(on_start=lambda _: fail(error)).child()])
    async with trio.open_nursery() as nursery:
        with pytest.raises(OSError, match="port taken") as failed:  # bare: no group around it, no other error instead
            await nursery.start(supervisor.run)
    assert failed.value is error


async def test_the_stop_hook_runs_to_its_end_when_the_server_is_cancelled() -> None:
    async def clean_up(me: Puppet) -> None:
        await trio.sleep(0.5)
        me.strings.noted.append("cleaned up")

    server = Strings(on_stop=clean_up)
    supervisor = Supervisor("root", [server.child(shutdown=0)])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        server.ref.tell(Do(lambda _: rest(math.inf)))
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert server.hooks == ["start", "stop"]
    assert server.noted == ["cleaned up"]


async def test_a_mailbox_does_not_die_with_the_incarnation_that_read_it(
    stage: DynamicSupervisor, nursery: trio.Nursery
) -> None:
    server = Strings(ref=Ref("server", capacity=2))
    answers: list[object] = []

    async def ask(n: int) -> None:
        answers.append(await server.ref.ask(Do(lambda _: n), timeout=100))

    stage.spawn(actor_child(server.ref, lambda: Puppet(server)))
    server.ref.tell(Do(lambda _: fail(Mishap())))
    server.ref.tell("queued")
    nursery.start_soon(ask, 1)
    nursery.start_soon(server.ref.send, "waited for room")
    await trio.testing.wait_all_tasks_blocked()
    assert server.hooks == ["start", "crashed Mishap", "stop", "start"]
    assert sorted(map(str, server.noted)) == ["queued", "waited for room"]
    assert answers == [1]
