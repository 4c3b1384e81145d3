"""How long a posted message has waited in its mailbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from attrs import frozen

from actors.kit.actor import Actor, Ask, Ref, actor_child
from actors.kit.supervisor import Supervisor

if TYPE_CHECKING:
    from trio.testing import MockClock


@frozen
class Work(Ask[float]):
    """Answered with how long it had waited, and handled for a second."""


class Worker(Actor[Work]):
    async def handle(self, message: Work) -> float:
        waited = self.waited
        await trio.sleep(1)
        return waited


async def test_the_actor_is_told_how_long_a_posted_message_has_waited(autojump_clock: MockClock) -> None:
    ref: Ref[Work] = Ref("worker")
    waited: list[object] = []
    async with trio.open_nursery() as nursery:
        await nursery.start(Supervisor("house", [actor_child(ref, Worker)]).run)
        for _ in range(3):
            ref.post(Work(), waited.append)
        assert await ref.ask(Work(), timeout=10) == 0  # of an ask nobody keeps the time
        nursery.cancel_scope.cancel()
    assert waited == [0, 1, 2]
