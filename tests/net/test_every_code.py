"""Every failure code of the contract, by its name: how a client brings it about, and what it is then told. And the
order in which a request is looked into. The whole service, in virtual time."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import trio

from actors.failures import Code
from actors.rules.registry import Registry
from net.config import RATES, Config, Limits
from tests.samples.courtly import Courtly
from tests.samples.engineio import Poller, ask, connect_packet, event_packet

if TYPE_CHECKING:
    from net.client import CroupierClient
    from net.testing.house import House

MISS = {"type": "guess", "number": 5000}
RUDE = {"type": "guess", "number": 0}
BOW = {"type": "bow"}


@pytest.fixture
def house_rules() -> Registry:
    return Registry([Courtly()])


def limited(**keys: Any) -> pytest.MarkDecorator:  # noqa: ANN401 - a value of any key
    return pytest.mark.parametrize("house_config", [Config(limits=Limits(**(dict.fromkeys(RATES, 0) | keys)))])


def test_every_code_has_a_test_of_its_name() -> None:
    tests = [name for name in vars(sys.modules[__name__]) if name.startswith("test_")]
    assert [code for code in Code if not any(f"{name}_".startswith(f"test_{code}_") for name in tests)] == []


async def seated(house: House, *players: str) -> tuple[str, list[CroupierClient]]:
    game_id = await house.new_game("courtly", players)
    clients = [await house.player(player) for player in players]
    for client in clients:
        await client.join(game_id)
    return game_id, clients


async def failure(client: CroupierClient, event: str, data: object = None, **fields: object) -> dict[str, Any]:
    """The error of a request that fails, which has the contract's form."""
    answer = await client.request(event, fields if data is None else data)
    assert set(answer) == {"success", "error", "request_message_id"}
    assert answer["success"] is False
    assert set(answer["error"]) - {"details"} == {"code", "message"}
    error: dict[str, Any] = answer["error"]
    return error


async def code(client: CroupierClient, event: str, data: object = None, **fields: object) -> str:
    return str((await failure(client, event, data, **fields))["code"])


# ---- one by one


async def test_invalid_message(house: House) -> None:
    game_id, (a, _) = await seated(house, "a", "b")
    wrong: list[object] = [[], "text", 7, {}, {"game_id": 7}, {"game_id": game_id, "action": []}]
    for data in wrong:
        assert await code(a, "game:action", data) == "invalid_message"
    error = await failure(a, "game:action", game_id=game_id, action=MISS, message_id="m" * 65)
    assert (error["code"], error["details"]) == ("invalid_message", {"field": "message_id"})
    error = await failure(a, "game:join", game_id=game_id, state_encoding="zip")
    assert (error["code"], error["details"]) == ("invalid_message", {"field": "state_encoding"})


async def test_invalid_message_is_a_message_id_that_stands_for_another_request(house: House) -> None:
    game_id, (a, _) = await seated(house, "a", "b")
    await a.act(game_id, MISS, "once")
    assert await code(a, "game:action", game_id=game_id, action=RUDE, message_id="once") == "invalid_message"
    assert await code(a, "game:resign", game_id=game_id, message_id="once") == "invalid_message"
    assert (await a.act(game_id, MISS, "once"))["event_id"] == 2


async def test_unknown_event(house: House) -> None:
    _, (a, _) = await seated(house, "a", "b")
    for event in ("game:cheat", "connect", "disconnect", "", "game:state", "heartbeat "):
        assert await code(a, event, {}) == "unknown_event"


async def test_game_not_found(house: House) -> None:
    a = await house.player("a")
    for event in ("game:join", "game:resign", "game:leave", "game:spectate", "game:leave_spectate"):
        assert await code(a, event, game_id="no such game") == "game_not_found"
    assert await code(a, "game:action", game_id="no such game", action=MISS) == "game_not_found"
    assert await code(a, "game:draw", game_id="no such game", move="offer") == "game_not_found"


async def test_not_in_game(house: House) -> None:
    game_id, (a, _) = await seated(house, "a", "b")
    stranger = await house.player("s")
    for event in ("game:join", "game:resign", "game:leave", "game:leave_spectate"):
        assert await code(stranger, event, game_id=game_id) == "not_in_game"
    assert await code(stranger, "game:action", game_id=game_id, action=MISS) == "not_in_game"
    assert await code(stranger, "game:draw", game_id=game_id, move="offer") == "not_in_game"
    assert await code(a, "game:leave_spectate", game_id=game_id) == "not_in_game"


async def test_game_ended(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b")
    await a.resign(game_id)
    error = await failure(b, "game:action", game_id=game_id, action=MISS)
    assert (error["code"], error["details"]) == ("game_ended", {"end_reason": "resignation"})
    assert await code(b, "game:resign", game_id=game_id) == "game_ended"
    assert await code(b, "game:draw", game_id=game_id, move="offer") == "game_ended"


async def test_invalid_action_that_is_malformed_and_that_is_against_the_rules(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b")
    malformed = await failure(b, "game:action", game_id=game_id, action={"type": "fly"})
    assert malformed["code"] == "invalid_action"
    wrong = await failure(a, "game:action", game_id=game_id, action={"type": "guess", "number": -1})
    assert (wrong["code"], wrong["message"]) == ("invalid_action", "numbers start at 0")
    untyped = await failure(a, "game:action", game_id=game_id, action={})
    assert (untyped["code"], untyped["details"]) == ("invalid_action", {"field": "type"})


async def test_action_not_allowed_says_which_is_due(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b")
    await a.act(game_id, RUDE)
    error = await failure(b, "game:action", game_id=game_id, action=MISS)
    due = error["details"]["pending_forced_action"]
    assert (error["code"], due["player_id"], due["action_type"]) == ("action_not_allowed", "b", "bow")
    assert await code(a, "game:spectate", game_id=game_id) == "action_not_allowed"


async def test_not_your_turn_says_whose_it_is(house: House) -> None:
    game_id, (_, b) = await seated(house, "a", "b")
    error = await failure(b, "game:action", game_id=game_id, action=MISS)
    assert (error["code"], error["details"]) == ("not_your_turn", {"current_player_id": "a", "to_act": ["a"]})


async def test_unavailable_while_the_store_is_away_and_nothing_was_applied(house: House) -> None:
    game_id, (a, _) = await seated(house, "a", "b")
    house.redis.refuse()
    house.redis.cut()
    await trio.sleep(0.1)
    assert await code(a, "game:action", game_id=game_id, action=MISS, message_id="m") == "unavailable"
    house.redis.admit()
    await trio.sleep(10)
    assert (await a.act(game_id, MISS, "m"))["event_id"] == 2


async def test_overloaded_when_too_many_of_a_connection_wait(house: House, nursery: trio.Nursery) -> None:
    game_id, (a, _) = await seated(house, "a", "b")
    house.redis.pause()
    request = {"game_id": game_id, "action": MISS}
    for _ in range(house.config.limits.pending_requests):
        nursery.start_soon(a.request, "game:action", request)
    await trio.sleep(0.1)
    assert await code(a, "game:action", request) == "overloaded"
    house.redis.resume()
    await trio.sleep(1)
    assert await code(a, "game:action", request) == "not_your_turn"


@limited(requests_per_second=1, request_burst=2)
async def test_rate_limited_says_when_to_come_back(house: House) -> None:
    a = await house.player("a")
    await a.heartbeat()
    await a.heartbeat()
    error = await failure(a, "heartbeat", {})
    assert error["code"] == "rate_limited"
    await trio.sleep(error["details"]["retry_after"])
    assert await a.heartbeat() > 0


async def test_too_large(house: House) -> None:
    a = await house.player("a")
    assert await code(a, "heartbeat", {"more": "x" * house.config.limits.max_message_bytes}) == "too_large"
    assert await a.heartbeat() > 0


@limited(max_connections=1)
async def test_too_many_connections_over_http(house: House) -> None:
    await house.player("a")
    answer = await ask(house, "GET", "/healthz")
    assert (answer.status, answer.json["error"]["code"]) == (503, "too_many_connections")
    assert int(answer.headers["retry-after"]) > 0


async def test_draining(house: House, nursery: trio.Nursery) -> None:
    game_id, (a, _) = await seated(house, "a", "b")
    house.redis.pause()
    nursery.start_soon(a.request, "game:action", {"game_id": game_id, "action": MISS})
    await trio.sleep(0.1)
    nursery.start_soon(house.stop)
    assert (await a.next_push("server:draining")).data == {"reconnect_in": 1}
    for event in ("game:join", "game:resign", "game:spectate"):
        assert await code(a, event, game_id=game_id) == "draining"
    house.redis.resume()


async def test_rules_version(house: House) -> None:
    game_id, _ = await seated(house, "a", "b")
    await house.stop()
    house.registry = Registry([Courtly("2")])
    await house.start()
    a = await house.player("a")
    assert await code(a, "game:action", game_id=game_id, action=MISS) == "rules_version"
    assert await code(a, "game:join", game_id=game_id) == "rules_version"
    await house.stop()
    house.registry = Registry([Courtly("2"), Courtly("1")])
    await house.start()
    a = await house.player("a")
    assert (await a.join(game_id))["rules_version"] == "1"


async def test_internal_error_has_an_id_that_the_log_has_too_and_nothing_else_of_the_insides(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    game_id, (a, b) = await seated(house, "a", "b")
    error = await failure(a, "game:action", game_id=game_id, action={"type": "crash"})
    assert error["code"] == "internal_error"
    assert set(error["details"]) == {"id"}
    assert error["details"]["id"] in caplog.text
    assert "secret" not in orjson.dumps(error).decode()
    assert await code(b, "game:action", game_id=game_id, action=MISS) == "unavailable"  # it is suspended


# ---- the order in which a request is looked into


async def test_a_request_that_is_wrong_in_every_way_is_told_the_first_of_the_contracts_order(house: House) -> None:
    """What is wrong is mended bit by bit: each time the next reason comes up, to the last and to none."""
    over, _ = await seated(house, "a", "b")
    game_id, (a, b) = await seated(house, "a", "b")
    await b.resign(over)
    stranger = await house.player("s")
    await a.act(game_id, RUDE)
    fly, wrong = {"type": "fly"}, {"type": "guess", "number": -1}
    told = [
        await code(stranger, "game:action", game_id=7, action=fly),
        await code(stranger, "game:action", game_id="no such game", action=fly),
        await code(stranger, "game:action", game_id=over, action=fly),
        await code(a, "game:action", game_id=over, action=fly),
        await code(a, "game:action", game_id=game_id, action=fly),
        await code(a, "game:action", game_id=game_id, action=wrong),
    ]
    await b.act(game_id, BOW)
    told += [
        await code(b, "game:action", game_id=game_id, action=wrong),
        await code(a, "game:action", game_id=game_id, action=wrong),
    ]
    assert told == [
        *("invalid_message", "game_not_found", "not_in_game", "game_ended", "invalid_action"),
        *("action_not_allowed", "not_your_turn", "invalid_action"),
    ]


# ---- over Socket.IO


async def test_over_socket_io_a_failure_is_the_one_argument_of_the_ack(house: House) -> None:
    game_id, _ = await seated(house, "a", "b")
    poller = await Poller.open(house)
    await poller.tell(connect_packet(house, "c"))
    await poller.packets()
    await poller.tell(event_packet("game:action", {"game_id": game_id, "action": MISS, "message_id": "m"}, 5))
    [packet] = await poller.packets()
    [answer] = orjson.loads(packet.removeprefix("43/game,5"))
    assert (answer["error"]["code"], answer["request_message_id"]) == ("not_in_game", "m")
