"""kill -9 in the middle of games: nothing that was acknowledged is lost, nothing is applied twice, the games go on."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
import trio

from tests.drills.player import enter, last_answer, make_game
from tests.drills.server import PATIENCE, RealServer
from tests.drills.tables import busy_tables
from tests.drills.truth import Truth

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 20
LONG_PATIENCE = 110.0
"""Seconds for twenty restarts, on a machine that has much else to do."""

LONGEST_DELAY = 0.004
"""Seconds from an action's sending to the kill, at most: an action takes the server some two milliseconds, so that of
twenty kills some fall before the write, some between the write and the answer, and some after it."""


@pytest.mark.parametrize("victims", ["the server", "the server and its store"])
async def test_twenty_kills_in_the_middle_of_games_lose_nothing_and_double_nothing(
    victims: str, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    with trio.fail_after(LONG_PATIENCE):
        async with RealServer(tmp_path / "data") as server:
            async with busy_tables(server, rng) as tables:
                for _ in range(KILLS):
                    await tables.actions.wait_for(rng.randint(1, 30))
                    await trio.sleep(rng.uniform(0, LONGEST_DELAY))
                    if victims == "the server":
                        await server.kill()
                    else:
                        await server.kill_both(store_first=rng.random() < 0.5)
                    await server.start()
            complaints = server.complaints
    assert any(player.in_doubt for player in tables.players)
    if victims == "the server":  # else, between the end of its store and its own, it may have had the time to complain
        assert complaints == []
        assert tables.refusals == set()
    assert tables.refusals <= {"unavailable"}


async def test_an_action_that_was_written_and_not_answered_when_the_server_died_counts_once(
    tmp_path: Path, seed: int
) -> None:
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data") as server, trio.open_nursery() as nursery:
            game_id, (first, _) = await make_game(server, random.Random(seed))
            client = await enter(nursery, server, first)
            # Before its first append on a connection the server looks at the journal's end, and waits for the reply.
            answer = await client.act(game_id, (await client.join(game_id))["legal_actions"][0], "the first")
            [user_id] = answer["to_act"]
            client = await enter(nursery, server, user_id)
            action = (await client.join(game_id))["legal_actions"][0]
            request = {"game_id": game_id, "action": action, "message_id": "mine"}
            with server.valkey_paused():
                await client.send({"event": "game:action", "data": request, "id": "unanswered"})
                # The reader takes requests in order, and each round trip gives the table and the store's writer
                # their turn: after these the XADD stands in the paused Valkey's socket, where it outlives the server.
                for _ in range(10):
                    await client.heartbeat()
                await server.kill()
            assert not any("unanswered" in str(message) for message in client.received)
            await server.start()
            client = await enter(nursery, server, user_id)
            missed = (await client.join(game_id, last_event_id=2))["missed"]
            assert [seen["event_id"] for seen in missed] == [3]
            answers = []
            for _ in range(2):
                await client.act(game_id, action, "mine")
                answers.append(last_answer(client))
            with server.store() as store:
                truth = Truth.of(store, game_id)
            client.drop()
    assert len(truth.events) == 3
    assert answers == [truth.answers(user_id)["mine"]] * 2
