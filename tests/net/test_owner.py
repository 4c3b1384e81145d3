"""One store, two servers: the newer one goes on, the older one stops and says why. In simulation."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from net.app import App
from net.client import CroupierClient, RequestFailed
from net.ownership import Replaced
from net.ports import Outside
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


async def test_a_request_that_the_older_server_reads_after_it_was_replaced_is_not_applied(house: House) -> None:
    """It has gone on to serve, for it was not told yet: what it would append is refused by the store, whatever it makes
    of what stands there by then."""
    game_id = await house.new_game("crazy_eights", TWO)
    await house.stop()
    older = older_server(house)

    async def serve(task_status: trio.TaskStatus[str]) -> None:
        with pytest.raises(Replaced):
            await older.run(task_status)

    async with trio.open_nursery() as nursery:
        await nursery.start(serve)
        there = {}
        for user in TWO:
            connect = partial(house.network.host(user).connect, "older")
            there[user] = await CroupierClient.connect_ws(nursery, connect, house.token(user))
        before = {user: await client.join(game_id) for user, client in there.items()}
        await trio.sleep(3)
        await house.start()
        here = {user: await house.player(user) for user in TWO}
        views = {user: await client.join(game_id) for user, client in here.items()}
        for _ in TWO:  # so that both servers ask the same player for an action
            [user] = views[TWO[0]]["to_act"]
            await here[user].act(game_id, views[user]["legal_actions"][-1])
            views = {user: await client.join(game_id) for user, client in here.items()}
        [user] = before[TWO[0]]["to_act"]
        assert older.not_ready() == []
        with pytest.raises(RequestFailed) as refused:
            await there[user].act(game_id, before[user]["legal_actions"][-1])
        assert "the server is draining" in older.not_ready()
        stood = await house.app.history.history(game_id)
        nursery.cancel_scope.deadline = trio.current_time() + 60
    assert refused.value.code == "unavailable"
    assert len(stood) == 3
