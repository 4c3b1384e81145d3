"""The two ways in which a server ends, SIGTERM and kill -9, and the start after each."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
import trio

from net.checks import standing
from net.client import ConnectionLost
from tests.drills.player import enter, make_game
from tests.drills.server import PATIENCE, RealServer
from tests.drills.tables import busy_tables

if TYPE_CHECKING:
    from pathlib import Path


async def test_sigterm_says_goodbye_ends_the_store_and_exits_with_0_and_a_restart_finds_the_game(
    tmp_path: Path, seed: int
) -> None:
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data") as server, trio.open_nursery() as nursery:
            game_id, users = await make_game(server, random.Random(seed))
            clients = [await enter(nursery, server, user) for user in users]
            views = [await client.join(game_id) for client in clients]
            await clients[0].act(game_id, views[0]["legal_actions"][0], "mine")
            before = [(await client.next_push("game:state")).data for client in clients for _ in range(2)][1::2]
            assert [view["event_id"] for view in before] == [2, 2]

            assert await server.terminate() == 0
            for client in clients:
                assert (await client.next_push("server:draining")).data == {"reconnect_in": 1}
                with pytest.raises(ConnectionLost) as lost:
                    await client.next_push("server:draining")
                assert lost.value.code == 1012
            assert not server.store_lives()

            await server.start()
            for user, was in zip(users, before, strict=True):
                client = await enter(nursery, server, user)
                assert standing(await client.join(game_id)) == standing(was)
                client.drop()


async def test_kill_9_leaves_the_store_running_and_a_restart_finds_that_same_store_and_can_end_it(
    tmp_path: Path, seed: int
) -> None:
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data") as server, trio.open_nursery() as nursery:
            game_id, (user_id, _) = await make_game(server, random.Random(seed))
            pid = server.store_pid
            client = await enter(nursery, server, user_id)
            view = await client.join(game_id)

            await server.kill()
            assert server.store_lives()
            await server.start()
            assert server.store_pid == pid
            with server.store() as store:
                assert store.info("server")["process_id"] == pid

            client = await enter(nursery, server, user_id)
            assert standing(await client.join(game_id)) == standing(view)
            assert await server.terminate() == 0
            assert not server.store_lives()


async def test_games_that_are_under_way_go_on_across_orderly_restarts(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data") as server:
            async with busy_tables(server, rng, count=2) as tables:
                for _ in range(3):
                    await tables.actions.wait_for(rng.randint(1, 30))
                    assert await server.terminate() == 0
                    await server.start()
            assert server.complaints == []
    assert tables.refusals <= {"unavailable", "draining"}
