"""The JavaScript `socket.io-client`, unmodified, with `recovery: true`: it is cut off, its server is killed and started
again, its user connects elsewhere. `test_javascript_client.py` has what else it does; run as that is."""

from __future__ import annotations

import random  # noqa: TID251 - for drills with real processes
from typing import TYPE_CHECKING

import pytest
import trio

from tests.drills.player import enter, person
from tests.drills.server import PATIENCE, RealServer
from tests.references.js.test_javascript_client import DEFAULT, HERE, POLLING, WEBSOCKET, node
from tests.references.stock import running

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from actors.rules.interface import JsonObject
    from tests.references.stock import StockClient

TRANSPORTS = pytest.mark.parametrize("options", [DEFAULT, POLLING, WEBSOCKET], ids=["default", "polling", "websocket"])
STORED = ("game:state", "game:game_over")


def recoverer(
    server: RealServer, user_id: str, game_id: str, options: JsonObject
) -> AbstractAsyncContextManager[StockClient]:
    """The client of recoverer.js, for the length of a block. When it was cut off, it stays away for a second."""
    patient = {"reconnectionDelay": 1000, "randomizationFactor": 0} | options
    task = {"url": f"http://{server.address}", "token": server.token(user_id), "game_id": game_id, "options": patient}
    return running(node(), HERE / "recoverer.js", task=task)


async def seated(server: RealServer, seed: int) -> tuple[str, list[str]]:
    rng = random.Random(seed)
    users = [person(rng) for _ in range(4)]
    return await server.api.create_game("crazy_eights", users), users


def stored(client: StockClient) -> list[tuple[str, int]]:
    """The states and the game over that it was handed, by their events; each with its offset."""
    lines = [line for line in client.lines("event") if line["event"] in STORED]
    assert all(len(line["args"]) == 2 and isinstance(line["args"][1], str) for line in lines)
    others = [line for line in client.lines("event") if line["event"] not in STORED]
    assert all(len(line["args"]) == 1 for line in others)
    return [(line["event"], line["args"][0]["event_id"]) for line in lines]


async def until_shown(client: StockClient, event_id: int) -> None:
    while ("game:state", event_id) not in stored(client):
        await client._news.park()


@TRANSPORTS
async def test_it_recovers_when_it_is_cut_off_and_when_its_server_is_killed_and_restarted_under_it(
    options: JsonObject, tmp_path: Path, seed: int
) -> None:
    with trio.fail_after(2 * PATIENCE):
        async with RealServer(tmp_path / "data") as server, trio.open_nursery() as nursery:
            game_id, users = await seated(server, seed)
            others = [await enter(nursery, server, user) for user in users[1:]]
            async with recoverer(server, users[0], game_id, options) as client:
                await client.until("joined")
                await until_shown(client, 1)
                await trio.sleep(0.5)
                await client.go_on()  # it loses its transport
                await client.until("disconnected")
                await others[0].resign(game_id)
                await client.until("connected", 2)
                await until_shown(client, 2)
                await server.kill()
                await client.until("disconnected", 2)
                await server.start()
                other = await enter(nursery, server, users[2])
                await client.until("connected", 3)
                await other.resign(game_id)
                await until_shown(client, 3)
                await server.stop()
                await client.until("disconnected", 3)
                await server.start()
                await client.until("connected", 4)
                other = await enter(nursery, server, users[3])
                await other.resign(game_id)
                while ("game:game_over", 4) not in stored(client):
                    await client._news.park()
            nursery.cancel_scope.cancel()
    came = client.lines("connected")
    assert [line["recovered"] for line in came] == [False, True, True, True]
    assert len({line["sid"] for line in came}) == 1
    assert stored(client) == [("game:state", number) for number in (1, 2, 3, 4)] + [("game:game_over", 4)]
    assert len(client.lines("joined")) == 1


@TRANSPORTS
async def test_it_stays_away_when_its_user_has_connected_elsewhere(
    options: JsonObject, tmp_path: Path, seed: int
) -> None:
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data") as server, trio.open_nursery() as nursery:
            game_id, users = await seated(server, seed)
            async with recoverer(server, users[0], game_id, options) as first:
                await first.until("joined")
                async with recoverer(server, users[0], game_id, options) as second:
                    gone = await first.until("disconnected")
                    await second.until("joined")
                    await trio.sleep(4)  # longer than either waits before it comes back
                    assert second.lines("disconnected") == []
                assert len(first.lines("connected")) == 1
            nursery.cancel_scope.cancel()
    assert (gone["reason"], gone["comes_back"]) == ("io server disconnect", False)
    assert first.events("session:replaced") == [{}]
