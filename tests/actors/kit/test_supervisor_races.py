"""Children that end in one moment, before their supervisor has looked at the first of them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from actors.kit.policy import AutoShutdown, Restart, Strategy
from actors.kit.supervisor import Supervisor
from tests.actors.kit.troupe import Mishap

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.actors.kit.troupe import Troupe

settle = trio.testing.wait_all_tasks_blocked


@asynccontextmanager
async def busy(root: Supervisor, troupe: Troupe) -> AsyncIterator[None]:
    """While the supervisor waits for a child to come up, it looks at nothing else: exits queue, in order."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(root.start_child, troupe.service("slow", start_takes=1, restart=Restart.TEMPORARY))
        await settle()
        yield


@pytest.mark.parametrize("strategy", [Strategy.REST_FOR_ONE, Strategy.ONE_FOR_ALL])
async def test_a_crash_of_a_sibling_that_is_down_with_its_group_already_is_no_crash_of_its_own(
    troupe: Troupe, nursery: trio.Nursery, strategy: Strategy
) -> None:
    """Else the sibling would be started before the one that it depends on, and the backoff of that one be cut short."""
    root = Supervisor(
        "root",
        [troupe.service("a", start_errors=[None, Mishap()]), troupe.service("b")],
        strategy=strategy,
        max_restarts=2,  # a's, and the second try
    )
    await nursery.start(root.run)
    async with busy(root, troupe):
        for name in "ab":
            troupe.crash(name)
            await settle()
        troupe.take_trace()
    await settle()
    assert troupe.take_trace() == ["+slow", "-slow", "slow ended"]
    await trio.sleep(1)
    assert troupe.take_trace() == ["+a", "+b"]
    assert root.node().state == "up"
    await root.stop()


async def test_a_sibling_that_crashed_first_is_restarted_on_its_own_account_too(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    root = Supervisor("root", [troupe.service("a"), troupe.service("b")], strategy=Strategy.REST_FOR_ONE)
    await nursery.start(root.run)
    async with busy(root, troupe):
        for name in "ba":
            troupe.crash(name)
            await settle()
        troupe.take_trace()
    await settle()
    assert troupe.take_trace() == ["+slow", "-slow", "slow ended", "+b", "-b", "+a", "+b"]
    await root.stop()


async def test_a_significant_child_that_ended_before_it_was_stopped_for_a_sibling_shuts_nothing_down(
    troupe: Troupe, nursery: trio.Nursery
) -> None:
    root = Supervisor(
        "root",
        [
            troupe.service("a", start_errors=[None, Mishap()]),
            troupe.service("b", restart=Restart.TRANSIENT, significant=True),
        ],
        strategy=Strategy.ONE_FOR_ALL,
        auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
    )
    await nursery.start(root.run)
    async with busy(root, troupe):
        troupe.crash("a")
        await settle()
        troupe.leave("b")
        await settle()
        troupe.take_trace()
    await trio.sleep(1)
    assert troupe.take_trace()[-2:] == ["+a", "+b"]
    await root.stop()
