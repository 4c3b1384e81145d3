"""The JavaScript `socket.io-client`, unmodified. It needs Node: `tests/references/js/setup`, and then pytest with the
name of this folder, which is left out otherwise."""

from __future__ import annotations

import random  # noqa: TID251 - for drills with real processes
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest
import trio

from net.auth import Scope, Tokens
from net.testing.ports import SimClock
from tests.drills.player import DrillPlayer, make_game, person
from tests.drills.server import PATIENCE, RealServer
from tests.drills.truth import Truth
from tests.references.stock import python_player, running

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from actors.rules.interface import JsonObject
    from tests.references.stock import StockClient

HERE = Path(__file__).parent

DEFAULT: JsonObject = {}
POLLING: JsonObject = {"transports": ["polling"]}
WEBSOCKET: JsonObject = {"transports": ["websocket"]}
RETRYING: JsonObject = {"retries": 3, "ackTimeout": 300}

_SENT = re.compile(r'2/game,(\d+)\["game:action",(.*)\]')
_ACKED = re.compile(r"3/game,(\d+)\[(.*)\]")


def node() -> Path:
    """The Node that `setup` found, or made."""
    own, found = HERE.parents[2] / "build" / "nodejs" / "node", shutil.which("node")
    node = Path(found) if found is not None and not own.exists() else own
    assert node.exists(), "there is no Node: run tests/references/js/setup"
    assert (HERE / "node_modules").exists(), "there is no socket.io-client: run tests/references/js/setup"
    return node


def player(
    server: RealServer, user_id: str, game_id: str, options: JsonObject = DEFAULT, *, holds: Sequence[int] = ()
) -> AbstractAsyncContextManager[StockClient]:
    """The player of player.js, for the length of a block. `holds`: before which of its actions it waits for
    `go_on`."""
    task = {
        "url": f"http://{server.address}",
        "token": server.token(user_id),
        "game_id": game_id,
        "seed": game_id,
        "holds": holds,
        "options": options,
    }
    return running(node(), HERE / "player.js", task=task)


async def visit(server: RealServer, **task: object) -> StockClient:
    """Runs visitor.js to its end."""
    given = {"url": f"http://{server.address}", "namespaces": ["/game"], "options": {}}
    async with running(node(), HERE / "visitor.js", task=given | task) as visitor:
        await visitor.ended()
    return visitor


def read_truth(server: RealServer, game_id: str) -> Truth:
    """What the journal has of the game."""
    with server.store() as store:
        return Truth.of(store, game_id)


# ---- whole games


@pytest.mark.parametrize(
    ("options", "begins", "ends"),
    [
        (DEFAULT, "polling", "websocket"),
        (POLLING, "polling", "polling"),
        (WEBSOCKET, "websocket", "websocket"),
        (RETRYING, "polling", "websocket"),
    ],
    ids=["default", "polling", "websocket", "retrying"],
)
async def test_it_plays_a_whole_game_against_a_client_of_the_plain_protocol(
    options: JsonObject, begins: str, ends: str, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data") as server:
            game_id, users = await make_game(server, rng)
            opponent = DrillPlayer(server, users[1], game_id, rng)
            async with player(server, users[0], game_id, options) as client:
                await opponent.play()
                await client.ended()
            truth = read_truth(server, game_id)
            assert server.complaints == []
    client.hold_against(truth, users[0])
    opponent.hold_against(truth)
    assert client.transports("opened") == [begins]
    assert client.transports("over") == [ends]
    assert client.lines("refused") == client.lines("unanswered") == client.events("error") == []


async def test_two_of_them_play_each_other(tmp_path: Path, seed: int) -> None:
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data") as server:
            game_id, users = await make_game(server, random.Random(seed))
            async with (
                player(server, users[0], game_id) as first,
                player(server, users[1], game_id, POLLING) as second,
            ):
                await first.ended()
                await second.ended()
            truth = read_truth(server, game_id)
    first.hold_against(truth, users[0])
    second.hold_against(truth, users[1])


async def test_it_plays_the_client_of_python_socketio(tmp_path: Path, seed: int) -> None:
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data") as server:
            game_id, users = await make_game(server, random.Random(seed))
            async with (
                player(server, users[0], game_id) as first,
                python_player(server, server.token(users[1]), game_id) as second,
            ):
                await first.ended()
                await second.ended()
            truth = read_truth(server, game_id)
    first.hold_against(truth, users[0])
    second.hold_against(truth, users[1])


# ---- retries


async def test_what_it_sends_again_under_new_ack_ids_is_answered_each_time_and_applied_once(
    tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data") as server, trio.open_nursery() as nursery:
            game_id, users = await make_game(server, rng)
            opponent = DrillPlayer(server, users[1], game_id, rng)
            nursery.start_soon(opponent.play)
            async with player(server, users[0], game_id, RETRYING, holds=[5]) as client:
                await client.until("held")
                server.pause()
                await client.go_on()
                while max(tries(client).values()) < 3:
                    await client.until("out", len(client.lines("out")) + 1)
                server.resume()
                await client.ended()
            truth = read_truth(server, game_id)
    client.hold_against(truth, users[0])
    opponent.hold_against(truth)
    answered = Counter(ack for ack, _ in acks(client))
    assert set(answered.values()) == {1}, "an ack id was acknowledged twice"
    [(retried, count)] = tries(client).most_common(1)  # on a slow machine others may be, too
    assert count > 1, "nothing was sent again"
    answers = [body for ack, body in acks(client) if sent(client).get(ack) == retried]
    assert len(answers) == count
    assert set(answers) == {truth.answers(users[0])[retried].decode()}


def sent(client: StockClient) -> dict[str, str]:
    """The message id of each action that was sent, by its ack id."""
    found = [_SENT.fullmatch(line["text"]) for line in client.lines("out")]
    return {match[1]: orjson.loads(match[2])["message_id"] for match in found if match is not None}


def tries(client: StockClient) -> Counter[str]:
    """How often each message id was sent."""
    return Counter(sent(client).values())


def acks(client: StockClient) -> list[tuple[str, str]]:
    """Every ack that came in: its id, and its JSON."""
    found = [_ACKED.fullmatch(line["text"]) for line in client.lines("in")]
    return [(match[1], match[2]) for match in found if match is not None]


# ---- restarts


@pytest.mark.parametrize("end", ["kill -9", "SIGTERM"])
async def test_it_comes_back_by_itself_to_a_server_that_was_restarted_and_plays_on(
    end: str, tmp_path: Path, seed: int
) -> None:
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data") as server:
            game_id, users = await make_game(server, random.Random(seed))
            async with (
                player(server, users[0], game_id, holds=[4]) as first,
                player(server, users[1], game_id, POLLING) as second,
            ):
                await first.until("held")
                await first.until("upgraded")
                if end == "SIGTERM":
                    assert await server.terminate() == 0
                else:
                    await server.kill()
                for client in (first, second):
                    await client.until("disconnected")
                await server.start()
                await first.go_on()
                await first.ended()
                await second.ended()
            truth = read_truth(server, game_id)
            assert server.complaints == []
    for client, user_id in zip([first, second], users, strict=True):
        client.hold_against(truth, user_id)
        assert len(client.lines("connected")) == 2
        assert client.events("server:draining") == ([{"reconnect_in": 1}] if end == "SIGTERM" else [])


@pytest.mark.parametrize("options", [WEBSOCKET, RETRYING], ids=["websocket", "retrying"])
async def test_an_action_that_was_on_its_way_when_the_server_was_killed_is_sent_again_and_counts_once(
    options: JsonObject, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data") as server, trio.open_nursery() as nursery:
            game_id, users = await make_game(server, rng)
            opponent = DrillPlayer(server, users[1], game_id, rng)
            nursery.start_soon(opponent.play)
            async with player(server, users[0], game_id, options, holds=[5]) as client:
                await client.until("held")
                before = len(sent(client))
                server.pause()
                await client.go_on()
                while len(sent(client)) == before:
                    await client.until("out", len(client.lines("out")) + 1)
                await server.kill()
                await client.until("disconnected")
                await server.start()
                await client.ended()
            truth = read_truth(server, game_id)
    client.hold_against(truth, users[0])
    opponent.hold_against(truth)
    assert max(tries(client).values()) > 1


# ---- who is refused, and how it is told


async def test_a_refusal_is_a_connect_error_with_its_code_in_the_data(tmp_path: Path, seed: int) -> None:
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data") as server, trio.open_nursery() as nursery:
            long_ago = Tokens((server.secret,), "croupier", SimClock(epoch=0.0))
            old = long_ago.issue(person(random.Random(seed)), Scope.PLAYER, 3600)

            async def be_refused(options: JsonObject, auth: JsonObject, code: str, message: str) -> None:
                visitor = await visit(server, auth=auth, options=options)
                refused = {"namespace": "/game", "message": message, "data": {"code": code}}
                assert visitor.lines("refused") == [{"kind": "refused", **refused}]

            nursery.start_soon(be_refused, DEFAULT, {"token": "forged"}, "unauthorized", "The token is not valid.")
            nursery.start_soon(be_refused, POLLING, {"token": old}, "token_expired", "The token has expired.")
            nursery.start_soon(be_refused, WEBSOCKET, {}, "unauthorized", "A token is needed.")


async def test_unknown_namespaces_are_refused_beside_the_one_that_there_is(tmp_path: Path, seed: int) -> None:
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data") as server:
            token = server.token(person(random.Random(seed)))
            visitor = await visit(server, auth={"token": token}, namespaces=["/", "/game", "/nowhere"])
    assert [line["namespace"] for line in visitor.lines("joined")] == ["/game"]
    refused = {line["namespace"]: (line["message"], "data" in line) for line in visitor.lines("refused")}
    assert refused == dict.fromkeys(["/", "/nowhere"], ("Invalid namespace", False))


# ---- pings, and its other options


async def test_it_answers_pings_on_every_transport_and_stays(tmp_path: Path, seed: int) -> None:
    pinging = {"CROUPIER_SESSIONS_PING_INTERVAL": "0.3", "CROUPIER_SESSIONS_PING_TIMEOUT": "5"}
    tokens = random.Random(seed)
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data", pinging) as server, trio.open_nursery() as nursery:

            async def stay(options: JsonObject) -> None:
                visitor = await visit(
                    server, auth={"token": server.token(person(tokens))}, options=options, until_pings=4
                )
                said = [line["kind"] for line in visitor.said]
                assert said == ["joined", "left", "disconnected"]  # by itself, at the end

            for options in (DEFAULT, POLLING, WEBSOCKET):
                nursery.start_soon(stay, options)


OTHER_WAYS: list[tuple[JsonObject, str, str]] = [
    ({"transports": ["websocket", "polling"]}, "websocket", "websocket"),
    ({"transports": ["Fetch"]}, "polling", "polling"),
    ({"transports": ["Fetch", "NodeWebSocket"]}, "polling", "websocket"),
    ({"upgrade": False}, "polling", "polling"),
    ({"forceBase64": True}, "polling", "websocket"),
    ({"addTrailingSlash": False}, "polling", "websocket"),
    ({"timestampRequests": True}, "polling", "websocket"),
    ({"query": {"room": "é&sid=1"}, "extraHeaders": {"Authorization": "Bearer of another"}}, "polling", "websocket"),
    ({"transports": ["websocket"], "protocols": ["mqtt", "other"]}, "websocket", "websocket"),
]


async def test_it_connects_in_every_other_way_that_it_has(tmp_path: Path, seed: int) -> None:
    two_at_a_time = trio.CapacityLimiter(2)
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data") as server, trio.open_nursery() as nursery:
            tokens = random.Random(seed)

            async def connect(options: JsonObject, began: str, ended: str) -> None:
                auth = {"token": server.token(person(tokens))}
                async with two_at_a_time:
                    visitor = await visit(server, auth=auth, options=options, until_upgraded=began != ended)
                assert [line["namespace"] for line in visitor.lines("joined")] == ["/game"], options
                assert visitor.lines("left") == [{"kind": "left", "began": began, "ended": ended}], options

            for way in OTHER_WAYS:
                nursery.start_soon(connect, *way)
