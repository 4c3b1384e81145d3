"""Engine.IO on the real server, point by point: over HTTP long-polling and over a WebSocket, byte for byte and to the
millisecond. The upgrade between the two is in test_engineio_server_upgrade.

The server answers `40/name,` for a namespace that there is not with `44/name,…`: that is the echo of these tests.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import orjson
import pytest
import trio

from net.config import Config, Limits, Sessions
from net.engineio_client import frame_of
from net.engineio_packets import EngineConfig, encode_message
from net.engineio_server import EngineServer
from net.http import Request, Response
from net.testing.ports import SimEntropy
from tests.samples.engineio import (
    PATH,
    POLLING,
    SEPARATOR,
    TEXT,
    UPGRADE,
    WEBSOCKET,
    Http,
    Poller,
    ask,
    close_code,
    connect_packet,
    event_packet,
    handshake_of,
    next_text,
    open_socket,
)

if TYPE_CHECKING:
    from net.client.http import HttpAnswer
    from net.engineio_client import Above, EngineClient
    from net.testing.house import House

UNKNOWN_TRANSPORT = b'{"code":0,"message":"Transport unknown"}'
UNKNOWN_SID = b'{"code":1,"message":"Session ID unknown"}'
BAD_METHOD = b'{"code":2,"message":"Bad handshake method"}'
BAD_REQUEST = b'{"code":3,"message":"Bad request"}'
UNSUPPORTED = b'{"code":5,"message":"Unsupported protocol version"}'

FAST = Config(sessions=Sessions(ping_interval=0.3, ping_timeout=0.2))


def seconds(expected: float) -> object:
    """This time to the microsecond: virtual time is exact, floating point is not."""
    return pytest.approx(expected, abs=1e-6)


def refused(answer: HttpAnswer, body: bytes) -> bool:
    return (answer.status, answer.headers["content-type"], answer.body) == (400, "application/json", body)


def echo_of(name: str) -> str:
    return f'44/{name},{{"message":"Invalid namespace"}}'


async def player(house: House, user: str = "a") -> Poller:
    """A session over polling that is in the game's namespace, so that no timeout but the pings' runs."""
    poller = await Poller.open(house)
    await poller.tell(connect_packet(house, user))
    (answer,) = await poller.packets()
    assert answer.startswith('40/game,{"sid":')
    return poller


# ---- the handshake


async def test_the_handshake_over_polling_holds_exactly_five_fields_in_milliseconds_and_bytes(house: House) -> None:
    answer = await ask(house, "GET", POLLING)
    assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
    assert answer.headers["cache-control"] == "no-store"
    opened = orjson.loads(answer.body[1:])
    sid = opened.pop("sid")
    assert len(sid) >= 20
    assert orjson.dumps(opened) == (
        b'{"upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":65536}'
    )


async def test_the_handshake_over_a_websocket_offers_no_upgrade(house: House, nursery: trio.Nursery) -> None:
    opened = await handshake_of(await open_socket(house, nursery))
    sid = opened.pop("sid")
    assert len(sid) >= 20
    assert orjson.dumps(opened) == b'{"upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":65536}'


async def test_every_session_has_a_sid_of_its_own(house: House, nursery: trio.Nursery) -> None:
    over_polling = [(await Poller.open(house)).sid for _ in range(5)]
    over_websocket = [(await handshake_of(await open_socket(house, nursery)))["sid"] for _ in range(5)]
    assert len({*over_polling, *over_websocket}) == 10


@pytest.mark.parametrize("house_config", [FAST])
async def test_sub_second_intervals_survive(house: House, nursery: trio.Nursery) -> None:
    polling = (await Poller.open(house)).handshake
    websocket = await handshake_of(await open_socket(house, nursery))
    for opened in (polling, websocket):
        assert (opened["pingInterval"], opened["pingTimeout"]) == (300, 200)


@pytest.mark.parametrize("house_config", [Config(limits=Limits(max_message_bytes=2000, http_body_bytes=3000))])
async def test_the_payload_limit_is_the_smaller_of_a_messages_and_a_bodys(house: House) -> None:
    assert (await Poller.open(house)).handshake["maxPayload"] == 2000


async def test_the_path_may_lack_its_last_slash(house: House) -> None:
    assert (await ask(house, "GET", "/socket.io?EIO=4&transport=polling")).status == 200


# ---- requests that are for no session


@pytest.mark.parametrize(
    ("method", "query", "body"),
    [
        ("GET", "transport=polling", UNSUPPORTED),
        ("GET", "EIO=&transport=polling", UNSUPPORTED),
        ("GET", "EIO=3&transport=polling", UNSUPPORTED),
        ("GET", "EIO=5&transport=polling", UNSUPPORTED),
        ("GET", "EIO=four&transport=polling", UNSUPPORTED),
        ("GET", "", UNKNOWN_TRANSPORT),
        ("GET", "EIO=4", UNKNOWN_TRANSPORT),
        ("GET", "EIO=4&transport=", UNKNOWN_TRANSPORT),
        ("GET", "EIO=4&transport=smoke", UNKNOWN_TRANSPORT),
        ("POST", "EIO=4&transport=smoke", UNKNOWN_TRANSPORT),
        ("GET", "EIO=4&transport=polling&sid=nobody", UNKNOWN_SID),
        ("POST", "EIO=4&transport=polling&sid=nobody", UNKNOWN_SID),
        ("PUT", "EIO=4&transport=polling&sid=nobody", UNKNOWN_SID),
        ("POST", "EIO=4&transport=polling", BAD_METHOD),
        ("PUT", "EIO=4&transport=polling", BAD_METHOD),
        ("DELETE", "EIO=4&transport=polling", BAD_METHOD),
        ("POST", "EIO=4&transport=polling&sid=", BAD_METHOD),
        ("GET", "EIO=4&transport=websocket", BAD_REQUEST),
    ],
)
async def test_a_request_that_is_for_no_session_gets_400_and_the_references_body(
    house: House, method: str, query: str, body: bytes
) -> None:
    assert refused(await ask(house, method, f"{PATH}?{query}"), body)
    assert len(house.app.engine) == 0


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("transport=websocket", UNSUPPORTED),
        ("EIO=3&transport=websocket", UNSUPPORTED),
        ("EIO=4", UNKNOWN_TRANSPORT),
        ("EIO=4&transport=smoke", UNKNOWN_TRANSPORT),
        ("EIO=4&transport=websocket&sid=nobody", UNKNOWN_SID),
        ("EIO=4&transport=polling", BAD_REQUEST),
    ],
)
async def test_a_websocket_that_is_for_no_session_is_refused(house: House, query: str, body: bytes) -> None:
    assert refused(await ask(house, "GET", f"{PATH}?{query}", headers=UPGRADE), body)
    assert len(house.app.engine) == 0


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD"])
async def test_another_method_with_a_sid_is_a_bad_request_and_harms_nothing(house: House, method: str) -> None:
    poller = await Poller.open(house)
    assert refused(await ask(house, method, poller.target), b"" if method == "HEAD" else BAD_REQUEST)
    await poller.tell("40/x,")
    assert await poller.packets() == [echo_of("x")]


async def test_the_revision_must_stand_in_every_request(house: House) -> None:
    poller = await Poller.open(house)
    assert refused(await ask(house, "GET", f"{PATH}?transport=polling&sid={poller.sid}"), BAD_REQUEST)
    await poller.tell("40/x,")


# ---- packets and payloads


async def test_a_post_is_answered_ok(house: House) -> None:
    answer = await (await Poller.open(house)).post("40/x,")
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "text/html", b"ok")


async def test_the_packets_of_a_payload_are_parted_by_1e_in_both_directions(house: House) -> None:
    poller = await Poller.open(house)
    await poller.tell("40/x,", "40/y,", "3", "40/z,")
    assert (await poller.get()).body == "\x1e".join(map(echo_of, "xyz")).encode()


async def test_binary_is_b_and_base64_over_polling(house: House) -> None:
    poller = await player(house)
    await poller.tell(
        '451-/game,7["heartbeat",{"_placeholder":true,"num":0}]', "b" + base64.b64encode(b"\0\xff").decode()
    )
    (answer,) = await poller.packets()
    assert answer.startswith('43/game,7[{"success":false,')  # it arrived; what became of it is Socket.IO's affair


async def test_binary_is_a_raw_binary_frame_over_a_websocket(house: House, nursery: trio.Nursery) -> None:
    websocket = await open_socket(house, nursery)
    await handshake_of(websocket)
    await websocket.send_message(connect_packet(house, "a"))
    await websocket.get_message()
    await websocket.send_message('451-/game,7["heartbeat",{"_placeholder":true,"num":0}]')
    await websocket.send_message(b"\0\xff")
    assert (await next_text(websocket)).startswith('43/game,7[{"success":false,')


def test_a_packet_that_goes_out_is_a_text_frame_or_a_binary_one() -> None:
    assert frame_of(encode_message("é")).data == b"\x81\x034\xc3\xa9"
    assert frame_of(encode_message(b"\0\xff")).data == b"\x82\x02\0\xff"


async def test_open_upgrade_and_noop_from_a_client_pass_by_on_either_transport(
    house: House, nursery: trio.Nursery
) -> None:
    poller, websocket = await Poller.open(house), await open_socket(house, nursery)
    await handshake_of(websocket)
    await poller.tell("0", "5", "6", "40/x,")
    for packet in ("0", "5", "6", "40/x,"):
        await websocket.send_message(packet)
    assert await poller.packets() == [echo_of("x")]
    assert await websocket.get_message() == echo_of("x")


async def test_a_body_of_exactly_the_limit_is_taken(house: House) -> None:
    poller = await Poller.open(house)
    start, end = '40/game,{"token":"', '"}'
    await poller.tell(start + "t" * (65536 - len(start) - len(end)) + end)
    assert [packet[:8] for packet in await poller.packets()] == ["44/game,"]


@pytest.mark.parametrize("house_config", [Config(), Config(limits=Limits(max_message_bytes=2000))])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_refused_and_the_session_closed(house: House, *, chunked: bool) -> None:
    poller = await Poller.open(house)
    hanging = await poller.hang()
    http = await Http.open(house)
    body = b"4" * (poller.handshake["maxPayload"] + 1)
    await http.send("POST", poller.target, body, (("Content-Type", TEXT),), chunked=chunked)
    answer = await http.answer()
    assert (answer.status, answer.body) == (413, BAD_REQUEST)
    assert (await hanging.answer()).body == b"6"
    assert refused(await poller.get(), UNKNOWN_SID)


async def test_a_body_that_is_announced_as_too_large_is_refused_before_it_comes(house: House) -> None:
    poller = await Poller.open(house)
    http = await Http.open(house)
    head = f"POST {poller.target} HTTP/1.1\r\nHost: croupier\r\nContent-Length: 1000000000\r\n\r\n"
    await http.stream.send_all(head.encode())
    assert (await http.stream.receive_some()).startswith(b"HTTP/1.1 413 ")
    assert refused(await poller.get(), UNKNOWN_SID)


@pytest.mark.parametrize("frame", ["4" + "x" * 65536, "4" + "é" * 40000, b"x" * 65537])
async def test_a_websocket_message_over_the_limit_closes_the_session_with_1009(
    house: House, nursery: trio.Nursery, frame: str | bytes
) -> None:
    websocket = await open_socket(house, nursery)
    await handshake_of(websocket)
    await websocket.send_message(frame)
    assert await close_code(websocket) == 1009
    assert len(house.app.engine) == 0


@pytest.mark.parametrize("body", ["", "7", "x", "bA", "40/x,\x1e", "\x1e40/x,", "2", "ж"])
async def test_a_packet_that_does_not_parse_ends_the_session_and_later_requests_get_400(
    house: House, body: str
) -> None:
    poller = await Poller.open(house)
    hanging = await poller.hang()
    answer = await poller.post(body)
    first = (await hanging.answer()).body.decode().split(SEPARATOR)
    assert first in (["6"], [echo_of("x")])  # what stands before the broken packet counts
    assert answer.status == (200 if body == "2" else 400)  # a ping parses, but servers ping
    assert refused(await poller.get(), UNKNOWN_SID)
    assert refused(await poller.post("40/y,"), UNKNOWN_SID)
    assert refused(await ask(house, "GET", f"{WEBSOCKET}&sid={poller.sid}", headers=UPGRADE), UNKNOWN_SID)


async def test_a_body_that_is_not_utf_8_ends_the_session(house: House) -> None:
    poller = await Poller.open(house)
    assert refused(await ask(house, "POST", poller.target, b"4\xff"), BAD_REQUEST)
    assert refused(await poller.get(), UNKNOWN_SID)


@pytest.mark.parametrize("frame", ["", "7", "x", "bA", "2"])
async def test_a_frame_that_does_not_parse_closes_the_websocket_and_ends_the_session(
    house: House, nursery: trio.Nursery, frame: str
) -> None:
    websocket = await open_socket(house, nursery)
    sid = (await handshake_of(websocket))["sid"]
    await websocket.send_message(frame)
    assert await close_code(websocket) == 1000
    assert refused(await ask(house, "GET", f"{POLLING}&sid={sid}"), UNKNOWN_SID)


# ---- the hanging GET


async def test_a_get_hangs_until_there_is_something_to_answer(house: House) -> None:
    poller = await Poller.open(house)
    hanging = await poller.hang()
    began = trio.current_time()
    await trio.sleep(5)
    await poller.tell("40/x,")
    assert (await hanging.answer()).body.decode() == echo_of("x")
    assert trio.current_time() - began == seconds(5.003)  # connected, sent, answered


async def test_a_second_get_while_one_hangs_answers_the_first_with_1_and_ends_the_session(house: House) -> None:
    poller = await Poller.open(house)
    first = await poller.hang()
    assert refused(await poller.get(), BAD_REQUEST)
    answer = await first.answer()
    assert (answer.status, answer.body) == (200, b"1")
    assert refused(await poller.get(), UNKNOWN_SID)
    assert len(house.app.engine) == 0


async def test_an_aborted_hanging_get_ends_the_session(house: House) -> None:
    poller = await Poller.open(house)
    hanging = await poller.hang()
    hanging.stream.close()
    await trio.sleep(0.01)
    assert refused(await poller.get(), UNKNOWN_SID)
    assert refused(await poller.post("40/x,"), UNKNOWN_SID)


async def test_a_hanging_get_whose_connection_breaks_ends_the_session(house: House) -> None:
    poller = await Poller.open(house)
    await poller.hang()
    house.network.host("web").cut()
    await trio.sleep(0.01)
    assert refused(await poller.get(), UNKNOWN_SID)


async def test_messages_that_were_lost_with_their_answer_end_the_session(house: House) -> None:
    poller = await Poller.open(house, "far")
    hanging = await poller.hang()
    near = await Http.open(house, "near")
    await near.send("POST", poller.target, b"40/x,")
    await trio.sleep(0.0005)
    # The end of this connection reaches the server half a millisecond after the server has written the answer to it.
    hanging.stream.close()
    assert (await near.answer()).body == b"ok"
    assert refused(await poller.get(), UNKNOWN_SID)


async def test_a_client_that_does_not_poll_finds_what_waits_with_its_next_get(house: House) -> None:
    poller = await player(house)
    for name in "xyz":
        await poller.tell(f"40/{name},")
        await trio.sleep(5)
    assert await poller.packets() == [echo_of(name) for name in "xyz"]


# ---- pings


async def test_the_first_ping_over_polling_goes_out_one_interval_after_the_handshake(house: House) -> None:
    poller = await Poller.open(house)
    began = trio.current_time()
    await poller.tell(connect_packet(house, "a"))
    await poller.packets()
    assert await poller.packets() == ["2"]
    assert trio.current_time() - began == seconds(25)


async def test_the_first_ping_over_a_websocket_goes_out_one_interval_after_the_handshake(
    house: House, nursery: trio.Nursery
) -> None:
    websocket = await open_socket(house, nursery)
    await handshake_of(websocket)
    began = trio.current_time()
    await websocket.send_message(connect_packet(house, "a"))
    await websocket.get_message()
    assert await websocket.get_message() == "2"
    assert trio.current_time() - began == seconds(25)


@pytest.mark.parametrize("late", [0.0, 3.0, 19.5])
async def test_the_next_ping_over_polling_goes_out_one_interval_after_the_pong(house: House, late: float) -> None:
    poller = await player(house)
    for _ in range(3):
        assert await poller.packets() == ["2"]
        await trio.sleep(late)
        await poller.tell("3")
        began = trio.current_time()
    assert await poller.packets() == ["2"]
    assert trio.current_time() - began == seconds(25)


@pytest.mark.parametrize("late", [0.0, 3.0, 19.5])
async def test_the_next_ping_over_a_websocket_goes_out_one_interval_after_the_pong(
    house: House, nursery: trio.Nursery, late: float
) -> None:
    websocket = await open_socket(house, nursery)
    await handshake_of(websocket)
    await websocket.send_message(connect_packet(house, "a"))
    await websocket.get_message()
    for _ in range(3):
        assert await websocket.get_message() == "2"
        await trio.sleep(late)
        await websocket.send_message("3")
        began = trio.current_time()
    assert await websocket.get_message() == "2"
    assert trio.current_time() - began == seconds(25.002)  # the pong's way there and the ping's way back


@pytest.mark.parametrize("house_config", [FAST])
async def test_sub_second_pings_are_exact(house: House, nursery: trio.Nursery) -> None:
    websocket = await open_socket(house, nursery)
    await handshake_of(websocket)
    began = trio.current_time()
    for beat in range(1, 11):
        assert await websocket.get_message() == "2"
        assert trio.current_time() - began == seconds(0.3 * beat + 0.002 * (beat - 1))
        await websocket.send_message("3")
    assert await websocket.get_message() == "2"
    silent = trio.current_time()
    assert await close_code(websocket) == 1000
    assert trio.current_time() - silent == seconds(0.2)


async def test_a_polling_client_that_does_not_pong_in_time_is_closed(house: House) -> None:
    poller = await player(house)
    assert await poller.packets() == ["2"]
    pinged = trio.current_time()
    assert await poller.packets() == ["6"]
    assert trio.current_time() - pinged == seconds(20)
    assert refused(await poller.get(), UNKNOWN_SID)
    assert len(house.app.connections) == 0


async def test_a_websocket_client_that_does_not_pong_in_time_is_closed(house: House, nursery: trio.Nursery) -> None:
    websocket = await open_socket(house, nursery)
    await handshake_of(websocket)
    await websocket.send_message(connect_packet(house, "a"))
    await websocket.get_message()
    assert await websocket.get_message() == "2"
    pinged = trio.current_time()
    for beat in range(19):  # only a pong is a pong
        await websocket.send_message(event_packet("heartbeat", {}, beat))
        await websocket.get_message()
        await trio.sleep(1)
    assert await close_code(websocket) == 1000
    assert trio.current_time() - pinged == seconds(20)
    assert len(house.app.connections) == 0


async def test_a_client_whose_cable_is_pulled_is_forgotten_on_either_transport(
    house: House, nursery: trio.Nursery
) -> None:
    polling = await player(house)
    await polling.hang()
    websocket = await open_socket(house, nursery)
    await websocket.send_message(connect_packet(house, "b"))
    await trio.sleep(0.01)
    assert len(house.app.connections) == 2
    house.network.host("web").half_open()
    await trio.sleep(46)
    assert (len(house.app.connections), len(house.app.engine)) == (0, 0)


async def test_a_ping_that_nobody_fetched_waits_for_the_next_get(house: House) -> None:
    poller = await player(house)
    await trio.sleep(30)
    assert await poller.packets() == ["2"]
    await poller.tell("3")
    began = trio.current_time()
    assert await poller.packets() == ["2"]
    assert trio.current_time() - began == seconds(25)


# ---- the end


async def test_a_clients_1_over_polling_ends_the_session_and_the_hanging_get_gets_6(house: House) -> None:
    poller = await player(house)
    hanging = await poller.hang()
    await poller.tell("1")
    answer = await hanging.answer()
    assert (answer.status, answer.body) == (200, b"6")
    assert refused(await poller.get(), UNKNOWN_SID)
    assert len(house.app.connections) == 0


async def test_a_clients_1_over_a_websocket_ends_the_session(house: House, nursery: trio.Nursery) -> None:
    websocket = await open_socket(house, nursery)
    sid = (await handshake_of(websocket))["sid"]
    await websocket.send_message(connect_packet(house, "a"))
    await websocket.get_message()
    await websocket.send_message("1")
    assert await close_code(websocket) == 1000
    assert refused(await ask(house, "GET", f"{POLLING}&sid={sid}"), UNKNOWN_SID)
    assert len(house.app.connections) == 0


async def test_what_came_before_a_1_still_counts_and_what_comes_after_does_not(house: House) -> None:
    game_id = await house.new_game("crazy_eights", ["a", "b"])
    poller = await player(house)
    resign = event_packet("game:resign", {"game_id": game_id})
    await poller.tell("1", resign)
    assert (await house.api.game(game_id))["status"] == "running"
    poller = await player(house)
    await poller.tell(resign, "1")
    await trio.sleep(0.1)
    assert (await house.api.game(game_id))["status"] == "ended"


async def test_a_websocket_that_closes_or_breaks_ends_the_session(house: House, nursery: trio.Nursery) -> None:
    closing = await open_socket(house, nursery)
    await open_socket(house, nursery, name="far")
    assert len(house.app.engine) == 2
    await closing.aclose()
    house.network.host("far").cut()
    await trio.sleep(0.01)
    assert len(house.app.engine) == 0


# ---- what sessions cost


def tasks() -> int:
    return trio.lowlevel.current_statistics().tasks_living


async def test_a_hanging_poll_costs_one_task_and_a_session_between_polls_none(house: House) -> None:
    before = tasks()
    pollers = [await player(house, f"user{number}") for number in range(20)]
    await trio.sleep(0.01)
    assert tasks() == before
    hanging = [await poller.hang() for poller in pollers]
    assert tasks() == before + 20
    for poller in pollers:
        await poller.tell("40/x,")
    for http in hanging:
        assert (await http.answer()).body.decode() == echo_of("x")
        http.stream.close()
    await trio.sleep(0.01)
    assert tasks() == before


async def test_a_flood_of_pongs_leaves_nothing_behind(house: House, nursery: trio.Nursery) -> None:
    websocket = await open_socket(house, nursery)
    await handshake_of(websocket)
    await websocket.send_message(connect_packet(house, "a"))
    for _ in range(500):
        await websocket.send_message("3")
        await trio.sleep(0.001)
    assert len(house.app.engine._alarms) < 5
    began = trio.current_time()
    await websocket.get_message()
    assert await websocket.get_message() == "2"
    assert trio.current_time() - began == seconds(25 + 0.001)


async def test_sessions_that_come_and_go_leave_nothing_behind(house: House) -> None:
    for _ in range(50):
        poller = await player(house)
        await poller.tell("1")
    assert len(house.app.engine) == 0
    assert {alarm.client for alarm in house.app.engine._alarms} == {None}


class Silence:
    """A protocol above Engine.IO that says nothing and wants nothing."""

    def __init__(self, client: EngineClient) -> None:
        self.client = client

    def receive(self, message: str | bytes) -> None:
        """Nothing."""

    def closed(self) -> None:
        """Nothing."""

    def next_deadline(self) -> float:
        return float("inf")

    def on_time(self, now: float) -> None:
        """Nothing."""


def silence(client: EngineClient) -> Above:
    return Silence(client)


async def test_a_full_server_refuses_new_sessions_and_keeps_the_others() -> None:
    server = EngineServer(EngineConfig(max_sessions=2), SimEntropy(0), silence)

    def request(headers: tuple[tuple[str, str], ...] = (), **query: str) -> Request:
        return Request("GET", PATH, ("socket.io", ""), {"EIO": "4", **query}, headers, b"", "peer")

    for _ in range(2):
        opened = await server.respond(request(transport="polling"))
        assert opened.status == 200
    sid = orjson.loads(opened.body[1:])["sid"]
    full = await server.respond(request(transport="polling"))
    assert (full.status, orjson.loads(full.body)["error"]["code"]) == (503, "too_many_connections")
    headers = tuple((name.lower(), value) for name, value in UPGRADE)
    no_upgrade = server.upgrade(request(headers, transport="websocket"))
    assert isinstance(no_upgrade, Response)
    assert no_upgrade.status == 503
    assert not isinstance(server.upgrade(request(headers, transport="websocket", sid=sid)), Response)
    closing = Request("POST", PATH, (), {"EIO": "4", "transport": "polling", "sid": sid}, (), b"1", "peer")
    assert (await server.respond(closing)).body == b"ok"
    assert (await server.respond(request(transport="polling"))).status == 200
