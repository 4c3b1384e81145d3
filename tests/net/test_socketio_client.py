"""Socket.IO on the real server, point by point, over both transports: namespaces, events, acks, attachments, errors.

`line` is a client's connection with its Engine.IO packets, whatever carries them.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import orjson
import pytest
import trio

from actors.rules.registry import Registry
from net.auth import Scope
from tests.samples.engineio import (
    TEXT,
    Poller,
    ask,
    connect_packet,
    event_packet,
    handshake_of,
    open_socket,
)
from tests.samples.socketio import Over, answer_to, body_of, enter, next_of_the_game, open_line, push_of
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from net.testing.house import House
    from tests.samples.socketio import Line

MISS = {"type": "guess", "number": 5000}
BYTES = {"_placeholder": True, "num": 0}


@pytest.fixture
def house_rules() -> Registry:
    return Registry([Tally()])


@pytest.fixture(params=["polling", "websocket"])
async def line(request: pytest.FixtureRequest, house: House, nursery: trio.Nursery) -> Line:
    """A connection in no namespace yet."""
    return await open_line(house, nursery, request.param)


@pytest.fixture
async def joined(house: House, line: Line) -> Line:
    """The same, when it is in the game's namespace."""
    await enter(house, line)
    return line


# ---- CONNECT and CONNECT_ERROR


async def test_a_connect_is_answered_with_a_sid_of_its_own(house: House, line: Line) -> None:
    answer = await enter(house, line)
    assert list(answer) == ["sid"]
    assert answer["sid"] not in {client.engine.sid for client in house.app.engine._clients.values()}
    assert len(house.app.connections) == 1


async def test_only_a_client_that_asks_for_recovery_is_given_a_pid(house: House, line: Line) -> None:
    answer = await enter(house, line, recovery=True)
    assert list(answer) == ["sid", "pid"]
    assert len(answer["pid"]) >= 22  # 128 bits in Base64


@pytest.mark.parametrize("name", ["", "/admin", "/game2", "/Game", "/game/x", "/", "/ünïcode"])
async def test_an_unknown_namespace_is_answered_invalid_and_the_connection_stays(
    house: House, line: Line, name: str
) -> None:
    address = "" if name in ("", "/") else f"{name},"
    await line.send(f"40{address}" + '{"token":"whatever"}')
    assert await line.next() == f'44{address}{{"message":"Invalid namespace"}}'
    await enter(house, line)


async def test_namespaces_of_one_connection_are_apart(house: House, joined: Line) -> None:
    await joined.send("40/other,", event_packet("heartbeat", {}, 1), "40")
    assert await joined.next() == '44/other,{"message":"Invalid namespace"}'
    assert "server_time" in body_of(await joined.next(), "43/game,1")[0]
    assert await joined.next() == '44{"message":"Invalid namespace"}'
    assert "server_time" in await answer_to(joined, "heartbeat", {})
    assert len(house.app.connections) == 1


@pytest.mark.parametrize("auth", ["", "{}", '{"token":""}', '{"token":"a.b.c"}', '{"token":7}', '{"token":null}'])
async def test_a_token_that_is_none_is_a_connect_error_with_the_code_unauthorized(line: Line, auth: str) -> None:
    await line.send(f"40/game,{auth}")
    error = body_of(await line.next(), "44/game,")
    assert set(error) == {"message", "data"}
    assert error["data"] == {"code": "unauthorized"}
    assert "a.b.c" not in error["message"]


async def test_a_service_token_is_no_players_token(house: House, line: Line) -> None:
    await line.send("40/game," + orjson.dumps({"token": house.token("a", scope=Scope.SERVICE)}).decode())
    assert body_of(await line.next(), "44/game,")["data"] == {"code": "unauthorized"}


async def test_an_expired_token_is_told_apart_and_a_fresh_one_gets_in_on_the_same_connection(
    house: House, line: Line
) -> None:
    token = house.token("a", ttl=1)
    await trio.sleep(2)
    await line.send("40/game," + orjson.dumps({"token": token}).decode())
    assert body_of(await line.next(), "44/game,")["data"] == {"code": "token_expired"}
    await enter(house, line)


@pytest.mark.parametrize("more", [{"recovery": "yes"}, {"pid": 7}, {"offset": {}}])
async def test_connect_data_of_a_wrong_form_is_a_connect_error(
    house: House, line: Line, more: dict[str, object]
) -> None:
    await line.send(connect_packet(house, "a", **more))
    error = body_of(await line.next(), "44/game,")
    assert error["data"] == {"code": "invalid_message"}
    assert next(iter(more)) in error["message"]
    await enter(house, line)


# ---- the connect timeout


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("meanwhile", [[], ["40/other,"], ['40/game,{"token":"x"}'], ["3", "6"]])
async def test_a_connection_that_opens_no_namespace_in_time_is_closed(
    house: House, nursery: trio.Nursery, transport: str, meanwhile: list[str]
) -> None:
    line = await open_line(house, nursery, transport)
    began = trio.current_time()
    if meanwhile:
        await line.send(*meanwhile)
    with suppress(Over):
        while True:
            await line.next()
    assert trio.current_time() - began == pytest.approx(10, abs=0.01)  # a client that polls has to come again


async def test_of_a_polling_client_that_never_got_in_nothing_is_kept(house: House) -> None:
    poller = await Poller.open(house)
    await trio.sleep(11)
    assert len(house.app.engine) == 0
    assert (await poller.get()).status == 400


async def test_a_client_that_is_refused_again_and_again_is_sent_away(house: House) -> None:
    poller = await Poller.open(house)
    await poller.tell(*['40/game,{"token":"nonsense"}'] * 4)
    assert [packet[:8] for packet in await poller.packets()] == ["44/game,"] * 4
    await poller.tell('40/game,{"token":"nonsense"}')
    assert (await poller.get()).status == 400


async def test_a_namespace_with_too_long_a_name_is_not_echoed(house: House) -> None:
    poller = await Poller.open(house)
    await poller.tell(f"40/{'n' * 200},")
    assert (await poller.get()).status == 400


async def test_what_waits_for_a_client_that_never_got_in_is_little(house: House) -> None:
    poller = await Poller.open(house)
    await poller.tell(*["40"] * 100)
    assert (await poller.get()).status == 400
    assert len(house.app.engine) == 0


async def test_a_client_that_got_in_once_is_not_timed_out_when_it_has_left(house: House, joined: Line) -> None:
    await joined.send("41/game")
    await trio.sleep(15)
    await enter(house, joined)


# ---- packets


@pytest.mark.parametrize(
    "packet",
    [
        "4",
        "47/game,",
        "4x",
        '42/game,["heartbeat"',
        "42/game,{}",
        "42/game,[]",
        "42/game,[{}]",
        '42/game,["disconnect"]',
        "42/game,",
        '45/game,["heartbeat"]',
        '4511-/game,["heartbeat"]',
        '42/game,99999999999999999999["heartbeat"]',
        "40/game,[]",
        '44/game,{"message":"I am the server"}',
        "43/game,[]x",
        "42/game," + "[" * 100 + "]" * 100,
        "40/game,{}",  # a second CONNECT
        b"\0",
    ],
)
async def test_a_packet_that_does_not_parse_or_has_no_place_closes(
    house: House, joined: Line, packet: str | bytes
) -> None:
    await joined.send(packet if isinstance(packet, bytes) or packet[0] == "4" else "4" + packet)
    with pytest.raises(Over):
        await joined.next()
    assert len(house.app.connections) == 0


@pytest.mark.parametrize(
    "packet", ['42["heartbeat",{}]', '42/other,["heartbeat",{}]', "43/other,1[]", "41/other", "41"]
)
async def test_an_event_an_ack_or_a_disconnect_in_a_namespace_never_joined_closes(joined: Line, packet: str) -> None:
    await joined.send(packet)
    with pytest.raises(Over):
        await joined.next()


async def test_an_event_before_the_connect_closes(line: Line) -> None:
    await line.send(event_packet("heartbeat", {}, 1))
    with pytest.raises(Over):
        await line.next()


async def test_the_type_the_namespace_the_ack_id_and_the_json_stand_in_that_order(joined: Line) -> None:
    await joined.send('42/game,12["heartbeat",{}]')
    assert (await joined.next()).startswith('43/game,12[{"server_time":')


# ---- acks


@pytest.mark.parametrize("ack", [0, 7, 2**31, 2**53 - 1])
async def test_an_event_with_an_ack_id_is_acknowledged_under_it(joined: Line, ack: int) -> None:
    assert list(await answer_to(joined, "heartbeat", {}, ack)) == ["server_time"]


@pytest.mark.parametrize("event", ["game:fly", "connecting", "", "heartbeat ", "ключ"])
async def test_an_unknown_event_with_an_ack_id_is_acknowledged_too(joined: Line, event: str) -> None:
    assert (await answer_to(joined, event, {}))["error"]["code"] == "unknown_event"


@pytest.mark.parametrize("args", ["", ",null", ",7", ',"x"', ",[]", ",{}", ",{},{}"])
@pytest.mark.parametrize("event", ["game:join", "game:action", "game:resign"])
async def test_a_request_of_a_wrong_form_with_an_ack_id_is_acknowledged_too(
    joined: Line, event: str, args: str
) -> None:
    await joined.send(f'42/game,3["{event}"{args}]')
    (answer,) = body_of(await joined.next(), "43/game,3")
    assert answer["error"]["code"] == "invalid_message"


async def test_an_event_without_an_ack_id_is_not_answered_when_it_succeeds(joined: Line) -> None:
    await joined.send(event_packet("heartbeat", {}), '42/game,["heartbeat"]')
    assert "server_time" in await answer_to(joined, "heartbeat", {}, 9)


async def test_an_event_without_an_ack_id_that_fails_is_answered_with_a_push_error(joined: Line) -> None:
    await joined.send(event_packet("game:join", {"game_id": "nowhere", "message_id": "m7"}))
    failure = await push_of(joined, "error")
    assert failure["error"]["code"] == "game_not_found"
    assert failure["request_message_id"] == "m7"


async def test_an_event_sent_again_under_a_new_ack_id_is_acknowledged_the_same_and_counts_once(
    house: House, joined: Line
) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    request = {"game_id": game_id, "action": MISS, "message_id": "m1"}
    first = await answer_to(joined, "game:action", request, 1)
    assert first["success"] is True
    assert await answer_to(joined, "game:action", request, 2) == first
    assert await answer_to(joined, "game:action", request, 2) == first  # and the same ack id is no hindrance
    assert (await house.api.game(game_id))["event_count"] == 2


@pytest.mark.parametrize(
    "packet", ["43/game,1[]", '43/game,99["x"]', "43/game,[]", '461-/game,1[{"_placeholder":true,"num":0}]']
)
async def test_an_ack_that_nobody_asked_for_is_dropped(joined: Line, packet: str) -> None:
    await joined.send(packet, *([b"x"] if packet.startswith("46") else []))
    assert "server_time" in await answer_to(joined, "heartbeat", {})


# ---- binary attachments


async def test_attachments_follow_their_packet_and_a_request_with_some_is_answered(joined: Line) -> None:
    await joined.send('452-/game,4["heartbeat",{"a":{"_placeholder":true,"num":1},"b":{"_placeholder":true,"num":0}}]')
    await joined.send(b"\0\x1e\xff", b"")
    (answer,) = body_of(await joined.next(), "43/game,4")
    assert answer["error"]["code"] == "invalid_message"
    assert "binary" in answer["error"]["message"]
    assert "server_time" in await answer_to(joined, "heartbeat", {})


@pytest.mark.parametrize("action", [{**MISS, "more": BYTES}, {"type": BYTES}, BYTES])
async def test_bytes_in_an_action_are_refused_before_they_come_near_the_game(
    house: House, joined: Line, action: object
) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    await joined.send("451-" + event_packet("game:action", {"game_id": game_id, "action": action}, 4)[2:], b"\0")
    (answer,) = body_of(await next_of_the_game(joined), "43/game,4")
    assert answer["error"]["code"] == "invalid_message"
    assert (await answer_to(joined, "game:action", {"game_id": game_id, "action": MISS}))["event_id"] == 2


async def test_text_where_an_attachment_is_due_closes(joined: Line) -> None:
    await joined.send('451-/game,4["heartbeat",{"_placeholder":true,"num":0}]', event_packet("heartbeat", {}, 1))
    with pytest.raises(Over):
        await joined.next()


@pytest.mark.parametrize("number", ["-1", "1", '"0"', "null"])
async def test_a_placeholder_for_no_attachment_closes(joined: Line, number: str) -> None:
    await joined.send(f'451-/game,4["heartbeat",{{"_placeholder":true,"num":{number}}}]', b"\0")
    with pytest.raises(Over):
        await joined.next()


# ---- DISCONNECT


async def test_41_leaves_the_namespace_and_keeps_the_connection_and_its_pings(
    house: House, nursery: trio.Nursery
) -> None:
    websocket = await open_socket(house, nursery)
    await handshake_of(websocket)
    began = trio.current_time()
    await websocket.send_message(connect_packet(house, "a"))
    await websocket.get_message()
    await websocket.send_message("41/game")
    for beat in range(1, 4):
        assert await websocket.get_message() == "2"
        assert trio.current_time() - began == pytest.approx(25 * beat + 0.002 * (beat - 1), abs=1e-6)
        assert len(house.app.connections) == 0
        await websocket.send_message("3")


async def test_41_over_polling_keeps_the_connection_and_its_pings(house: House) -> None:
    poller = await Poller.open(house)
    began = trio.current_time()
    await poller.tell(connect_packet(house, "a"))
    await poller.packets()
    await poller.tell("41/game")
    assert len(house.app.connections) == 0
    assert await poller.packets() == ["2"]
    assert trio.current_time() - began == pytest.approx(25, abs=1e-6)


async def test_a_client_that_left_may_come_back_as_another_session(house: House, line: Line) -> None:
    first = await enter(house, line)
    await line.send("41/game")
    second = await enter(house, line, "b")
    assert first["sid"] != second["sid"]
    assert [connection.user_id for connection in house.app.connections] == ["b"]
    assert "server_time" in await answer_to(line, "heartbeat", {})


async def test_an_event_in_a_namespace_that_was_left_closes(joined: Line) -> None:
    await joined.send("41/game", event_packet("heartbeat", {}, 1))
    with pytest.raises(Over):
        await joined.next()


async def test_whoever_left_is_told_nothing_more_of_what_was_asked_before(house: House, joined: Line) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    # The join is on its way to the table when its client leaves, and comes back as another session.
    await joined.send(event_packet("game:join", {"game_id": game_id}, 1), "41/game", connect_packet(house, "a"))
    assert (await next_of_the_game(joined)).startswith('40/game,{"sid":')
    assert (await answer_to(joined, "game:action", {"game_id": game_id, "action": MISS}, 2))["event_id"] == 2
    assert "server_time" in await answer_to(joined, "heartbeat", {}, 3)  # and no game:state came between


async def test_leaving_the_namespace_ends_the_pushes_of_its_game(house: House, joined: Line) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    await answer_to(joined, "game:join", {"game_id": game_id})
    await push_of(joined, "game:state")
    await joined.send("41/game", connect_packet(house, "a"))
    assert (await joined.next()).startswith('40/game,{"sid":')
    await answer_to(joined, "game:action", {"game_id": game_id, "action": MISS}, 2)
    assert "server_time" in await answer_to(joined, "heartbeat", {}, 3)


# ---- playing


async def test_the_answer_comes_before_the_pushes_and_the_last_state_before_the_game_over(
    house: House, joined: Line
) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    assert (await answer_to(joined, "game:join", {"game_id": game_id}))["event_id"] == 1
    assert (await push_of(joined, "game:state"))["changes"] == []
    assert (await answer_to(joined, "game:resign", {"game_id": game_id}))["game_over"] is True
    assert (await push_of(joined, "game:state"))["game_over"] is True
    assert (await push_of(joined, "game:game_over"))["winner_id"] == "b"


async def test_an_answer_and_its_pushes_leave_in_one_answer_to_a_get(house: House) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    poller = await Poller.open(house)
    await poller.tell(connect_packet(house, "a"))
    await poller.packets()
    await poller.tell(event_packet("game:join", {"game_id": game_id}, 1))
    await poller.packets()
    await trio.sleep(0.1)
    await poller.tell(event_packet("game:resign", {"game_id": game_id}, 2))
    heads = [packet[: packet.index("{")] for packet in await poller.packets()]
    assert heads == ["43/game,2[", '42/game,["game:state",', '42/game,["game:game_over",']


async def test_no_event_ends_in_a_string_which_a_client_would_take_for_an_offset(house: House, line: Line) -> None:
    await enter(house, line)
    events = await _everything_that_is_pushed(house, line)
    assert [event[0] for event in events] == ["game:created", "error", "game:state", "game:state", "game:game_over"]
    for event in events:
        assert [type(part) for part in event] == [str, dict]


async def test_only_stored_events_carry_an_offset_and_only_to_a_client_that_asks_for_recovery(
    house: House, line: Line
) -> None:
    await enter(house, line, recovery=True)
    for event in await _everything_that_is_pushed(house, line):
        stored = event[0] in ("game:state", "game:game_over")
        assert [type(part) for part in event] == ([str, dict, str] if stored else [str, dict])


async def _everything_that_is_pushed(house: House, line: Line) -> list[list[object]]:
    game_id = await house.new_game("tally", ["a", "b"])
    await line.send(event_packet("game:nothing", {}), event_packet("game:join", {"game_id": game_id}))
    await line.send(event_packet("game:resign", {"game_id": game_id}))
    return [body_of(await line.next(), "42/game,") for _ in range(5)]


async def test_a_socket_io_client_and_one_on_ws_play_together(house: House, joined: Line) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    other = await house.player("b")
    await other.join(game_id)
    await answer_to(joined, "game:join", {"game_id": game_id})
    states = [await push_of(joined, "game:state")]
    theirs = [(await other.next_push("game:state")).data]
    for number in range(4):
        request = {"game_id": game_id, "action": MISS}
        if number % 2 == 0:
            assert (await answer_to(joined, "game:action", request))["success"] is True
        else:
            await other.act(game_id, MISS)
        states.append(await push_of(joined, "game:state"))
        theirs.append((await other.next_push("game:state")).data)
    assert [state["event_id"] for state in states] == [state["event_id"] for state in theirs] == [1, 2, 3, 4, 5]
    assert [set(state) ^ set(seen) for state, seen in zip(states, theirs, strict=True)] == [{"legal_actions"}] * 5


# ---- nothing that a peer sends ends anything but its own session

NASTY = [
    b"",
    b"\x1e" * 2000,
    b"4" * 65536,
    b"\xff" * 100,
    b"40/game,{}\x1e" * 900 + b"1",
    b"\x1e".join([b'42/game,1["heartbeat",{}]'] * 1000),
    b'40/game,{"token":' + b"[" * 20000,
    b'40/game,{"token":"' + b"\\ud800" * 5000 + b'"}',
    b"42/game," + b"9" * 60000 + b'["x"]',
    b"459999999999-/game,[]",
    b"4510-/game,[" + b'{"_placeholder":true,"num":0},' * 1000 + b"0]",
    b"40/" + b"n" * 60000 + b",",
    b"5\x1e1\x1e5",
]


@pytest.mark.parametrize("nasty", NASTY, ids=range(len(NASTY)))
async def test_nothing_that_a_peer_sends_ends_anothers_session(
    house: House, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture, nasty: bytes
) -> None:
    polling, websocket = [await open_line(house, nursery, transport) for transport in ("polling", "websocket")]
    game_id = await house.new_game("tally", ["a", "b"])
    for user, neighbour in (("a", polling), ("b", websocket)):
        await enter(house, neighbour, user)
        await answer_to(neighbour, "game:join", {"game_id": game_id})
        await push_of(neighbour, "game:state")
    for joined in (False, True):
        poller = await Poller.open(house, "nasty")
        socket = await open_socket(house, nursery, name="nasty")
        await handshake_of(socket)
        if joined:
            await poller.tell(connect_packet(house, "z"))
            await socket.send_message(connect_packet(house, "z"))
        await ask(house, "POST", poller.target, nasty, (("Content-Type", TEXT),), name="nasty")
        await socket.send_message(nasty)
        await socket.send_message(nasty.decode(errors="replace"))
    await trio.sleep(0.5)
    assert (await answer_to(polling, "game:action", {"game_id": game_id, "action": MISS}))["event_id"] == 2
    for neighbour in (polling, websocket):
        assert (await push_of(neighbour, "game:state"))["event_id"] == 2
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
