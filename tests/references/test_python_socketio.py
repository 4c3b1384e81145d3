"""The client of python-socketio, as it is installed: with its default options, and with each transport alone."""

from __future__ import annotations

import random  # noqa: TID251 - for drills with real processes
from typing import TYPE_CHECKING

import pytest
import trio

from tests.drills.player import DrillPlayer, make_game
from tests.drills.server import PATIENCE, RealServer
from tests.drills.truth import Truth
from tests.references.stock import python_player

if TYPE_CHECKING:
    from pathlib import Path

every_transport = pytest.mark.parametrize(
    "transports", [None, ["polling"], ["websocket"]], ids=["default", "polling", "websocket"]
)


@every_transport
async def test_it_plays_a_whole_game(transports: list[str] | None, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data") as server:
            game_id, users = await make_game(server, rng)
            opponent = DrillPlayer(server, users[1], game_id, rng)
            async with python_player(server, server.token(users[0]), game_id, transports=transports) as client:
                await opponent.play()
                await client.ended()
            with server.store() as store:
                truth = Truth.of(store, game_id)
            assert server.complaints == []
    client.hold_against(truth, users[0])
    opponent.hold_against(truth)
    assert client.transports("over") == ["polling" if transports == ["polling"] else "websocket"]
    assert client.lines("unanswered") == client.events("error") == []


@pytest.mark.parametrize("end", ["kill -9", "SIGTERM"])
async def test_it_comes_back_by_itself_to_a_server_that_was_restarted_and_plays_on(
    end: str, tmp_path: Path, seed: int
) -> None:
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data") as server:
            game_id, users = await make_game(server, random.Random(seed))
            tokens = [server.token(user) for user in users]
            async with (
                python_player(server, tokens[0], game_id, holds=[4]) as first,
                python_player(server, tokens[1], game_id, transports=["polling"]) as second,
            ):
                await first.until("held")
                if end == "SIGTERM":
                    assert await server.terminate() == 0
                else:
                    await server.kill()
                await first.until("disconnected")
                await server.start()
                await first.go_on()
                await first.ended()
                await second.ended()
            with server.store() as store:
                truth = Truth.of(store, game_id)
            assert server.complaints == []
    for client, user_id, transport in zip([first, second], users, ["websocket", "polling"], strict=True):
        client.hold_against(truth, user_id)
        assert client.transports("connected") == [transport] * 2
        assert client.events("server:draining") == ([{"reconnect_in": 1}] if end == "SIGTERM" else [])


@every_transport
async def test_a_bad_token_is_a_connection_error_that_says_why(transports: list[str] | None, tmp_path: Path) -> None:
    with trio.fail_after(PATIENCE):
        async with (
            RealServer(tmp_path / "data") as server,
            python_player(server, "forged", "no game", transports=transports) as client,
        ):
            await client.ended()
    message = "One or more namespaces failed to connect: /game"
    data = [{"message": "The token is not valid.", "data": {"code": "unauthorized"}}]
    assert client.said == [{"kind": "refused", "message": message, "data": data}]


async def test_an_unknown_namespace_is_refused_beside_one_that_is_joined(tmp_path: Path, seed: int) -> None:
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data") as server:
            game_id, users = await make_game(server, random.Random(seed))
            token = server.token(users[0])
            async with python_player(server, token, game_id, namespaces=["/nowhere", "/game"]) as client:
                await client.ended()
    message = "One or more namespaces failed to connect: /nowhere"
    assert client.said == [{"kind": "refused", "message": message, "data": [{"message": "Invalid namespace"}]}]
