"""One store, two servers: the newer one goes on, the older one stops and says why. In simulation."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from net.app import App, Outside
from net.client import CroupierClient
from net.clock_store import Replaced
from net.testing.house import SECRETS
from net.testing.ports import SimEntropy

if TYPE_CHECKING:
    from net.testing.house import House

TWO = ("alice", "bob")


def older_server(house: House) -> App:
    """Another server on the store of the house, which listens at `older`."""
    host = house.network.host("older")
    outside = Outside(
        clock=house.clock,
        entropy=SimEntropy(9),
        connect_store=partial(host.connect, house.redis.address),
        acceptor=host.listen("older"),
        archive=house.archive,
    )
    return App(house.config, outside, SECRETS, house.registry)


async def test_a_server_that_is_not_up_yet_is_recovering(house: House) -> None:
    await trio.lowlevel.checkpoint()
    assert "the server is recovering" in older_server(house).not_ready()
    assert house.app.not_ready() == []


async def test_the_older_of_two_servers_stops_and_says_why_and_the_newer_goes_on(house: House) -> None:
    await house.stop()
    older = older_server(house)
    ended: list[Replaced] = []

    async def serve(task_status: trio.TaskStatus[str]) -> None:
        with pytest.raises(Replaced, match="prefix of its own") as replaced:
            await older.run(task_status)
        ended.append(replaced.value)

    async with trio.open_nursery() as nursery:
        await nursery.start(serve)
        client = await CroupierClient.connect_ws(
            nursery, partial(house.network.host("alice").connect, "older"), house.token("alice")
        )
        await trio.sleep(3)
        before = older.service.now()
        await house.start()
        push = await client.next_push("server:draining")
        nursery.cancel_scope.deadline = trio.current_time() + 60
    assert push.data["reconnect_in"] > 0
    assert len(ended) == 1
    # What the older one had and the store had not acknowledged yet is less than half a second.
    assert before - 0.5 <= house.app.service.now()
    game_id = await house.new_game("crazy_eights", TWO)
    views = [await (await house.player(user)).join(game_id) for user in TWO]
    assert [view["event_id"] for view in views] == [1, 1]


async def test_a_server_that_is_restarted_after_a_crash_is_the_owner_at_once(house: House) -> None:
    await trio.sleep(2)
    before = house.app.service.now()
    await house.crash()
    await trio.sleep(1000)
    await house.start()
    await trio.sleep(5)
    assert house.app.not_ready() == []
    assert house.app.service.now() - before == pytest.approx(5.0, abs=0.6)


async def test_the_owner_goes_on_through_an_outage_of_its_store(house: House) -> None:
    await trio.sleep(2)
    house.redis.refuse()
    house.redis.cut()
    await trio.sleep(600)
    stood = house.app.service.now()
    house.redis.admit()
    await trio.sleep(10)
    assert stood < 3.0
    assert house.app.not_ready() == []
    assert house.app.service.now() > stood + 8
