"""The whole service, from the bytes of a client to the journal and back: what the contract promises of this version.
Runs in the house: the real composition root, on simulated streams, in virtual time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import trio

from actors.rules.crazy_eights import CrazyEights
from actors.rules.registry import Registry
from net.app import LAST_POLLS
from net.auth import Scope
from net.bench.carriers import client_frame
from net.client import ConnectionLost, ConnectRefused, RequestFailed, http_request
from net.testing.house import ADDRESS
from net.websocket import WebSocket
from tests.samples.port import UPGRADE
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from net.client import CroupierClient
    from net.testing.house import House

MISS = {"type": "guess", "number": 5000}
RUDE = {"type": "guess", "number": 0}


@pytest.fixture
def house_rules() -> Registry:
    return Registry([CrazyEights(), Tally()])


async def failure(client: CroupierClient, event: str, data: object) -> dict[str, Any]:
    answer = await client.request(event, data)
    assert answer["success"] is False
    return answer


async def code(client: CroupierClient, event: str, data: object) -> str:
    answer = await failure(client, event, data)
    return str(answer["error"]["code"])


async def seated(house: House, *players: str) -> tuple[str, list[CroupierClient]]:
    """A game of tally, and its players, joined."""
    game_id = await house.new_game("tally", players)
    clients = [await house.player(player) for player in players]
    for client in clients:
        await client.join(game_id)
        await client.next_push("game:state")
    return game_id, clients


# ---- connecting


async def test_a_connect_is_answered_with_sid_pid_and_recovered(house: House) -> None:
    one, other = await house.player("a"), await house.player("b")
    assert one.recovered is False
    assert len({one.sid, other.sid, one.pid, other.pid}) == 4
    assert len(one.pid) >= 22  # 128 bits in Base64


@pytest.mark.parametrize("token", ["", "x", "a.b.c", False, 5, {}])
async def test_a_token_that_is_none_is_unauthorized_and_the_socket_closed(house: House, token: object) -> None:
    with pytest.raises(ConnectRefused) as refused:
        await house.player("a", token=token)  # type: ignore[arg-type]
    assert refused.value.code == "unauthorized"


async def test_a_service_token_is_no_players_token(house: House) -> None:
    with pytest.raises(ConnectRefused) as refused:
        await house.player("a", token=house.token("a", scope=Scope.SERVICE))
    assert refused.value.code == "unauthorized"


async def test_an_expired_token_is_told_apart(house: House) -> None:
    token = house.token("a", ttl=5)
    await trio.sleep(6)
    with pytest.raises(ConnectRefused) as refused:
        await house.player("a", token=token)
    assert refused.value.code == "token_expired"


# ---- requests that are none


@pytest.mark.parametrize("message", ["", "{", "[]", "null", "7", '{"event": 7}', '{"data": {}}', b"\x00\x01", b"{}"])
async def test_rubbish_is_answered_with_a_push_error_and_the_session_lives(house: House, message: str | bytes) -> None:
    client = await house.player("a")
    await client.send(message)
    push = await client.next_push("error")
    assert push.data["error"]["code"] == "invalid_message"
    assert push.data["request_message_id"] == ""
    assert await client.heartbeat() > 0


async def test_a_failure_without_an_ack_id_comes_as_a_push_error(house: House) -> None:
    client = await house.player("a")
    await client.send({"event": "game:join", "data": {"game_id": "nothing", "message_id": "m9"}})
    push = await client.next_push("error")
    assert push.data["error"]["code"] == "game_not_found"
    assert push.data["request_message_id"] == "m9"


async def test_a_success_without_an_ack_id_is_not_answered(house: House) -> None:
    client = await house.player("a")
    await client.send({"event": "heartbeat", "data": {}})
    await client.heartbeat()
    assert client.pushes == ()


async def test_an_unknown_event_is_named_as_such(house: House) -> None:
    client = await house.player("a")
    assert await code(client, "game:fly", {}) == "unknown_event"
    assert await code(client, "connect", {"token": "again"}) == "unknown_event"


@pytest.mark.parametrize("event", ["game:join", "game:action", "game:resign"])
@pytest.mark.parametrize("data", [None, [], "x", {}, {"game_id": 5}, {"game_id": "g", "message_id": 5}])
async def test_data_of_a_wrong_form_is_invalid_message(house: House, event: str, data: object) -> None:
    assert await code(await house.player("a"), event, data) == "invalid_message"


async def test_a_message_over_the_limit_is_too_large_and_the_session_lives(house: House) -> None:
    client = await house.player("a")
    size = house.config.limits.max_message_bytes
    assert await code(client, "game:action", {"game_id": "g", "action": {"type": "x" * size}}) == "too_large"
    assert await client.heartbeat() > 0


async def test_a_message_far_over_the_limit_ends_the_connection_with_1009(house: House) -> None:
    client = await house.player("a")
    with pytest.raises(ConnectionLost) as lost:
        await client.request("heartbeat", {"x": "y" * (5 * house.config.limits.max_message_bytes)})
    assert lost.value.code == 1009


async def test_a_heartbeat_is_answered_with_the_servers_time_alone(house: House) -> None:
    client = await house.player("a")
    before = house.clock.now()
    answer = await client.request("heartbeat")
    assert list(answer) == ["server_time"]
    assert before <= answer["server_time"] <= house.clock.now()


# ---- each failure code of the game's requests, in the contract's order


async def test_a_game_that_does_not_exist_is_not_found(house: House) -> None:
    client = await house.player("a")
    for event in ("game:join", "game:resign"):
        assert await code(client, event, {"game_id": "00000000-0000-4000-8000-000000000000"}) == "game_not_found"
        assert await code(client, event, {"game_id": "../../etc/passwd"}) == "game_not_found"


async def test_somebody_elses_game_is_not_in_game(house: House) -> None:
    game_id, _ = await seated(house, "a", "b")
    stranger = await house.player("z")
    for event, more in (("game:join", {}), ("game:resign", {}), ("game:action", {"action": {"type": "fly"}})):
        assert await code(stranger, event, {"game_id": game_id, **more}) == "not_in_game"


async def test_an_ended_game_is_game_ended_before_the_action_is_looked_at(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b")
    await a.resign(game_id)
    assert await code(b, "game:action", {"game_id": game_id, "action": {"type": "fly"}}) == "game_ended"


async def test_a_malformed_action_is_invalid_action_before_the_turn_is_looked_at(house: House) -> None:
    game_id, (_, b) = await seated(house, "a", "b")
    for action in ({}, {"type": "fly"}, {"type": "guess", "number": []}):
        assert await code(b, "game:action", {"game_id": game_id, "action": action}) == "invalid_action"


async def test_a_forced_action_comes_first_and_is_named(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b")
    await a.act(game_id, RUDE)
    for client in (a, b):
        error = (await failure(client, "game:action", {"game_id": game_id, "action": MISS}))["error"]
        assert error["code"] == "action_not_allowed"
        assert error["details"]["pending_forced_action"]["action_type"] == "bow"
    assert (await a.act(game_id, {"type": "bow"}))["turn_changed"] is True


async def test_an_action_out_of_turn_says_whose_turn_it_is(house: House) -> None:
    game_id, (_, b) = await seated(house, "a", "b")
    error = (await failure(b, "game:action", {"game_id": game_id, "action": MISS}))["error"]
    assert (error["code"], error["details"]["current_player_id"]) == ("not_your_turn", "a")


async def test_an_action_against_the_rules_says_which(house: House) -> None:
    game_id, (a, _) = await seated(house, "a", "b")
    error = (await failure(a, "game:action", {"game_id": game_id, "action": {"type": "guess", "number": -1}}))["error"]
    assert (error["code"], error["message"]) == ("invalid_action", "numbers start at 0")


async def test_a_failure_carries_the_message_id_of_its_request(house: House) -> None:
    game_id, (_, b) = await seated(house, "a", "b")
    answer = await failure(b, "game:action", {"game_id": game_id, "action": MISS, "message_id": "m7"})
    assert answer["request_message_id"] == "m7"


async def test_rules_that_crash_give_internal_error_with_an_id_and_nothing_of_the_insides(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b")
    error = (await failure(a, "game:action", {"game_id": game_id, "action": {"type": "crash"}}))["error"]
    assert error["code"] == "internal_error"
    assert set(error["details"]) == {"id"}
    assert "secret" not in orjson.dumps(error).decode()
    assert await code(b, "game:action", {"game_id": game_id, "action": MISS}) == "unavailable"
    assert (await house.api.game(game_id))["status"] == "suspended"


async def test_more_requests_than_may_wait_are_overloaded_and_each_is_answered(house: House) -> None:
    game_id, (a, _) = await seated(house, "a", "b")
    house.redis.pause()
    answers: list[dict[str, Any]] = []

    async def ask(n: int) -> None:
        data = {"game_id": game_id, "action": MISS, "message_id": f"m{n}"}
        answers.append(await a.request("game:action", data))

    async with trio.open_nursery() as nursery:
        for n in range(house.config.limits.pending_requests + 10):
            nursery.start_soon(ask, n)
        await trio.sleep(0.5)
        assert {answer["error"]["code"] for answer in answers} == {"overloaded"}
        house.redis.resume()
    codes = [answer["error"]["code"] for answer in answers if not answer["success"]]
    assert len(answers) == house.config.limits.pending_requests + 10
    assert codes.count("overloaded") == 10


async def test_a_hundred_requests_that_come_in_one_segment_are_all_served(house: House) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    await (await house.player("b")).join(game_id)  # the game is in memory: nothing waits for the store
    stream = await house.network.host("hasty").connect("croupier")
    await stream.send_all(UPGRADE)
    assert b" 101 " in await stream.receive_some(4096)
    hello = {"event": "connect", "data": {"token": house.token("a")}, "id": 0}
    join = {"event": "game:join", "data": {"game_id": game_id}, "id": 1}
    await stream.send_all(client_frame(orjson.dumps(hello)))
    assert b'"sid"' in await stream.receive_some(4096)
    await stream.send_all(client_frame(orjson.dumps(join)) * 100)
    received = b""
    while received.count(b'{"ack":1,') < 100:
        received += await stream.receive_some(65536)
    assert received.count(b'{"ack":1,"data":{"success":true,') == 100


# ---- playing


async def test_a_joiner_is_answered_and_then_sent_the_state(house: House) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    client = await house.player("a")
    view = await client.join(game_id)
    state = (await client.next_push()).data
    assert view.pop("success") is True
    assert state == {**view, "changes": []}


async def test_both_players_are_sent_each_state_and_in_the_end_the_game_over(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b")
    await a.act(game_id, MISS)
    await b.resign(game_id)
    for client in (a, b):
        await trio.sleep(0.1)
        events = [push for push in client.pushes if push.event != "game:opponent_status"]
        assert [push.event for push in events] == ["game:state", "game:state", "game:game_over"]
        assert [push.data["event_id"] for push in events] == [2, 3, 3]
        assert events[2].data["winner_id"] == "a"
        assert events[2].data["end_reason"] == "resignation"


async def test_joining_another_game_ends_the_pushes_of_the_first_and_is_no_resignation(house: House) -> None:
    first, (a, b) = await seated(house, "a", "b")
    second = await house.new_game("tally", ["b", "c"])
    await b.join(second)
    await b.next_push("game:state")
    await a.act(first, MISS)
    await b.heartbeat()
    assert [push for push in b.pushes if push.data["game_id"] == first] == []
    assert (await house.api.game(first))["status"] == "running"


async def test_one_may_act_without_having_joined(house: House) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    client = await house.player("a")
    assert (await client.act(game_id, MISS))["event_id"] == 2
    assert client.pushes == ()


async def test_what_was_missed_is_given_to_a_joiner_as_it_was_live(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b")
    live = []
    for n in range(4):
        await (a, b)[n % 2].act(game_id, MISS)
        live.append((await b.next_push("game:state")).data)
    b.drop()
    back = await house.player("b")
    missed = (await back.join(game_id, last_event_id=2))["missed"]
    assert [_timeless(view) for view in missed] == [_timeless(view) for view in live[1:]]


def _timeless(view: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in view.items() if name not in ("server_time", "spectator_count", "players")}


async def test_a_repeated_message_id_is_answered_the_same_after_a_reconnect_a_crash_and_the_end(house: House) -> None:
    game_id, (a, _) = await seated(house, "a", "b")
    first = await a.act(game_id, MISS, "m1")
    assert await a.act(game_id, MISS, "m1") == first
    a.drop()
    again = await house.player("a")
    assert await again.act(game_id, MISS, "m1") == first
    await house.crash()
    await house.restart()
    after = await house.player("a")
    assert await after.act(game_id, MISS, "m1") == first
    await after.resign(game_id, "m2")
    assert await after.act(game_id, MISS, "m1") == first
    assert (await house.api.game(game_id))["event_count"] == 3
    with pytest.raises(RequestFailed) as other:
        await after.act(game_id, RUDE, "m1")
    assert other.value.code == "invalid_message"


async def test_after_a_crash_the_same_cards_are_in_the_same_hands(house: House) -> None:
    game_id = await house.new_game("crazy_eights", ["a", "b"])
    client = await house.player("a")
    before = await client.join(game_id)
    await house.crash()
    with pytest.raises(ConnectionLost):
        await client.heartbeat()
    await house.restart()
    after = await (await house.player("a")).join(game_id)
    assert after["state"] == before["state"]


async def test_while_the_store_is_away_actions_are_unavailable_and_then_go_on(house: House) -> None:
    game_id, (a, _) = await seated(house, "a", "b")
    house.redis.refuse()
    house.redis.cut()
    await trio.sleep(0.1)
    assert await code(a, "game:action", {"game_id": game_id, "action": MISS, "message_id": "m1"}) == "unavailable"
    assert (await a.join(game_id))["event_id"] == 1
    assert (await house.api.request("GET", "/readyz")).status == 503
    house.redis.admit()
    await trio.sleep(10)
    assert (await a.act(game_id, MISS, "m1"))["event_id"] == 2
    assert (await house.api.request("GET", "/readyz")).status == 200


async def test_an_append_whose_reply_was_lost_counts_once_and_is_answered(house: House) -> None:
    game_id, (a, _) = await seated(house, "a", "b")
    house.redis.drop_next_reply("EVAL", f"croupier:game:{game_id}")
    assert (await a.act(game_id, MISS, "m1"))["event_id"] == 2
    assert (await house.api.game(game_id))["event_count"] == 2


# ---- the connection


async def test_a_client_that_says_nothing_is_closed_in_time(house: House) -> None:
    stream = await house.network.host("mute").connect("croupier")
    with trio.fail_after(120):
        while await stream.receive_some(1024):
            pass


async def test_a_mute_client_is_dropped_and_a_living_one_is_not(house: House) -> None:
    living, mute = await house.player("a"), await house.player("b")
    house.network.host("b").half_open()
    await trio.sleep(200)
    assert len(house.app.connections) == 1
    assert await living.heartbeat() > 0
    assert mute.sid


async def test_a_stop_tells_the_clients_and_closes_them_with_1012(house: House) -> None:
    client = await house.player("a")
    await house.stop()
    assert (await client.next_push("server:draining")).data == {"reconnect_in": 1}
    with pytest.raises(ConnectionLost) as lost:
        await client.heartbeat()
    assert lost.value.code == 1012


async def test_while_the_server_stops_no_time_goes_by_for_the_players(house: House) -> None:
    await trio.sleep(10)
    connect = partial(house.network.host("a").connect, ADDRESS)
    path = "/socket.io/?EIO=4&transport=polling"
    opened = await http_request(await connect(), "GET", path)
    sid = orjson.loads(opened.body[1:])["sid"]
    hello = f'40/game,{{"token":"{house.token("a")}"}}'.encode()
    await http_request(await connect(), "POST", f"{path}&sid={sid}", body=hello)
    # It does not poll again: its last words wait for it.
    before, began = house.app.service.now(), trio.current_time()
    await house.stop()
    assert trio.current_time() - began >= LAST_POLLS
    await house.start()
    assert house.app.service.now() - before < 0.1


async def test_a_fault_while_a_client_is_let_in_leaves_nothing_of_it_behind(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise NameError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr(WebSocket, "push_text", fail)
        with pytest.raises(ConnectionLost):
            await house.player("a")
    assert len(house.app.connections) == 0
    assert await (await house.player("a")).heartbeat() > 0


async def test_a_stop_first_gives_the_answers_that_are_owed(house: House) -> None:
    game_id, (a, _) = await seated(house, "a", "b")
    house.redis.pause()
    answers = []

    async def act() -> None:
        answers.append(await a.act(game_id, MISS, "m1"))

    async def stop() -> None:
        await trio.sleep(0.1)
        async with trio.open_nursery() as stopping:
            stopping.start_soon(house.stop)
            await trio.sleep(1)
            assert await code(a, "game:resign", {"game_id": game_id}) == "draining"
            house.redis.resume()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(act)
        nursery.start_soon(stop)
    assert answers[0]["event_id"] == 2


async def test_a_client_that_has_not_connected_does_not_hold_a_stop_up(house: House) -> None:
    stream = await house.network.host("lurker").connect("croupier")
    handshake = (
        "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    )
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: croupier.v1.json\r\n\r\n"
    await stream.send_all((handshake + key).encode())
    assert b" 101 " in await stream.receive_some(4096)
    await house.stop()
    assert (await stream.receive_some(4096))[2:4] == (1012).to_bytes(2, "big")


async def test_a_crash_of_the_heartbeat_costs_nobody_a_connection(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await house.player("a")
    beats = []

    def beat(now: float) -> None:
        beats.append(now)
        if len(beats) == 1:
            raise KeyError("a fault")

    monkeypatch.setattr(house.app.connections, "beat", beat)
    await trio.sleep(60)
    assert len(beats) > 2
    assert await client.heartbeat() > 0


async def test_deep_json_is_an_invalid_message_and_its_game_goes_on(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b")
    action = '{"type": "guess", "number": 5000, "x": ' + "[" * 300 + "]" * 300 + "}"
    await a.send(f'{{"event": "game:action", "data": {{"game_id": "{game_id}", "action": {action}}}}}')
    assert (await a.next_push("error")).data["error"]["code"] == "invalid_message"
    await a.act(game_id, MISS)
    await b.act(game_id, MISS)


async def test_of_two_joins_at_once_the_one_that_was_asked_last_counts(house: House) -> None:
    first = await house.new_game("tally", ["a", "b"])
    second, (c,) = await house.new_game("tally", ["c", "a"]), [await house.player("c")]
    a = await house.player("a")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(a.join, first)
        await trio.lowlevel.checkpoint()
        nursery.start_soon(a.join, second)
    await c.act(second, MISS)
    await a.heartbeat()
    assert {push.data["game_id"] for push in a.pushes if push.data["event_id"] == 2} == {second}


async def test_strangers_do_not_keep_a_table_busy(house: House) -> None:
    game_id, (a, _) = await seated(house, "a", "b")
    stranger = await house.player("z")
    house.redis.pause()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(a.act, game_id, MISS, "m1")
        await trio.sleep(0.1)
        for _ in range(100):
            assert await code(stranger, "game:join", {"game_id": game_id}) == "not_in_game"
        assert (await house.api.game(game_id))["event_count"] == 1
        house.redis.resume()


async def test_one_slow_client_does_not_keep_the_others_waiting(house: House) -> None:
    game_id, (a, b) = await seated(house, "a", "b")
    house.network.host("b").half_open()
    for _ in range(20):
        assert await code(a, "game:action", {"game_id": game_id, "action": {"type": "fly"}}) == "invalid_action"
    began = trio.current_time()
    await a.act(game_id, MISS)
    assert trio.current_time() - began < 1
    assert b.sid
