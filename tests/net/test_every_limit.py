"""Every key of `[limits]`, by its name: what a client is told, or how its connection ends, and that nobody else is
concerned. The whole service, in virtual time; what a limit means to the byte is tested where it is kept."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import attrs
import orjson
import pytest
import trio

from actors.rules.registry import Registry
from net.client import ConnectionLost, ConnectRefused
from net.config import RATES, Config, Limits, Server
from tests.samples.engineio import (
    POLLING,
    UPGRADE,
    WEBSOCKET,
    Http,
    Poller,
    ask,
    close_code,
    connect_packet,
    event_packet,
    next_text,
    open_socket,
)
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from net.client import CroupierClient
    from net.client.http import HttpAnswer
    from net.testing.house import House

MISS = {"type": "guess", "number": 5000}


@pytest.fixture
def house_rules() -> Registry:
    return Registry([Tally()])


def limited(**keys: Any) -> pytest.MarkDecorator:  # noqa: ANN401 - a value of any key
    """The house has these limits, and no others on how often and from where somebody comes."""
    limits = Limits(**(dict.fromkeys(RATES, 0) | keys))
    return pytest.mark.parametrize("house_config", [Config(limits=limits)], ids=[",".join(keys)])


def test_every_limit_has_a_test_of_its_name() -> None:
    tests = [name for name in vars(sys.modules[__name__]) if name.startswith("test_")]
    keys = [key.name for key in attrs.fields(Limits)]
    untested = {key for key in keys if not any(f"{name}_".startswith(f"test_{key}_") for name in tests)}
    # What holds the event loop is no client's doing: tests/net/admin/test_real_server.py.
    assert untested == {"stall_after"}


async def told(client: CroupierClient, event: str = "heartbeat", data: object = None) -> tuple[str, Any]:
    """The code and the details with which a request fails; `ok` when it does not."""
    answer = await client.request(event, {} if data is None else data)
    error = answer.get("error", {"code": "ok"})
    return error["code"], error.get("details")


def problem(answer: HttpAnswer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


async def plain_socket(house: House, name: str = "web") -> HttpAnswer:
    """The answer to a request for a WebSocket to `/ws`, which then goes away again."""
    return await ask(house, "GET", "/ws", headers=(*UPGRADE, ("Sec-WebSocket-Protocol", "croupier.v1.json")), name=name)


# ---- how often


@limited(requests_per_second=2, request_burst=3)
async def test_requests_per_second_of_one_connection(house: House) -> None:
    a, b = await house.player("a"), await house.player("b")
    outcomes = [await told(a) for _ in range(5)]
    assert [code for code, _ in outcomes] == ["ok"] * 3 + ["rate_limited"] * 2
    assert await told(b) == ("ok", None)
    retry_after = outcomes[-1][1]["retry_after"]
    assert 0.4 < retry_after <= 0.5
    await trio.sleep(retry_after)
    assert await told(a) == ("ok", None)
    assert (await told(a))[0] == "rate_limited"


@limited(requests_per_second=1, request_burst=20)
async def test_request_burst_counts_what_was_missed_as_the_work_that_it_is(house: House) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    players = [await house.player("a"), await house.player("b")]
    for turn in range(41):
        await players[turn % 2].act(game_id, MISS)
        await trio.sleep(2)
    view = await players[0].join(game_id, last_event_id=1)
    assert len(view["missed"]) == 41
    codes = [(await told(players[0]))[0] for _ in range(20)]
    assert codes == ["ok"] * 17 + ["rate_limited"] * 3  # the join was one request, and its 41 states two more
    await trio.sleep(60)
    assert (await players[0].join(game_id, last_event_id=99))["resync"] is True
    assert [(await told(players[0]))[0] for _ in range(10)] == ["ok"] * 9 + ["rate_limited"]
    assert await players[1].heartbeat() > 0


@limited(requests_per_second=1, request_burst=5)
async def test_request_burst_counts_whatever_is_asked(house: House) -> None:
    client = await house.player("a")
    for message in ("{", b"\x00", {"event": "game:fly", "data": {}}, {"event": "game:join"}):
        await client.send(message)
        assert (await client.next_push("error")).data["error"]["code"] != "rate_limited"
    assert await told(client) == ("ok", None)
    await client.send("{")
    assert (await client.next_push("error")).data["error"]["code"] == "rate_limited"
    answer = await client.request("game:join", {"game_id": "g", "message_id": "m7"})
    assert answer["request_message_id"] == "m7"
    assert answer["error"]["code"] == "rate_limited"


@limited(requests_per_second=1, request_burst=2)
async def test_request_burst_over_polling(house: House) -> None:
    poller = await Poller.open(house)
    await poller.tell(connect_packet(house, "a"))
    await poller.packets()
    await poller.tell(*(event_packet("heartbeat", {}, ack) for ack in range(4)))
    answers = [packet.partition("[")[2] for packet in await poller.packets()]
    assert ["rate_limited" in answer for answer in answers] == [False, False, True, True]


@limited(user_requests_per_second=1, user_request_burst=4)
async def test_user_requests_per_second_follow_the_user_to_the_next_connection(house: House) -> None:
    for _ in range(2):
        client = await house.player("a")
        assert [await told(client) for _ in range(2)] == [("ok", None)] * 2
        client.drop()
    client = await house.player("a")
    code, details = await told(client)
    assert code == "rate_limited"
    assert await told(await house.player("b")) == ("ok", None)
    await trio.sleep(details["retry_after"])
    assert await told(client) == ("ok", None)


@limited(user_requests_per_second=1, user_request_burst=3)
async def test_user_request_burst(house: House) -> None:
    client = await house.player("a")
    assert [(await told(client))[0] for _ in range(5)] == ["ok"] * 3 + ["rate_limited"] * 2


@limited(requests_per_second=10, request_burst=5, refusals_before_drop=20)
async def test_refusals_before_drop_closes_a_flood_with_1008(house: House) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    a, b = await house.player("a"), await house.player("b")
    await b.join(game_id)
    for _ in range(100):
        await a.send({"event": "heartbeat", "data": {}})
    with pytest.raises(ConnectionLost) as lost:
        await a.next_push("nothing")
    assert lost.value.code == 1008
    refused = [push.data["error"]["code"] for push in a.pushes]
    assert refused == ["rate_limited"] * 20
    assert await told(b) == ("ok", None)
    assert await told(await house.player("a")) == ("ok", None)


@limited(requests_per_second=10, request_burst=5, refusals_before_drop=20)
async def test_refusals_before_drop_spares_who_asks_only_a_little_too_often(house: House) -> None:
    client = await house.player("a")
    codes = []
    for _ in range(200):
        codes.append((await told(client))[0])
        await trio.sleep(0.07)
    assert 0 < codes.count("rate_limited") < 100


@limited(requests_per_second=10, request_burst=5, refusals_before_drop=20)
@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_refusals_before_drop_ends_the_engine_io_session(
    house: House, nursery: trio.Nursery, transport: str
) -> None:
    flood = [event_packet("heartbeat", {}) for _ in range(100)]
    if transport == "polling":
        poller = await Poller.open(house)
        await poller.tell(connect_packet(house, "a"))
        await poller.packets()
        await poller.post(*flood)
        last = await poller.packets()
        assert last[-1] == "6"
        assert len(last) == 21
        assert (await poller.get()).status == 400
    else:
        websocket = await open_socket(house, nursery)
        await next_text(websocket)
        await websocket.send_message(connect_packet(house, "a"))
        await next_text(websocket)
        for packet in flood:
            await websocket.send_message(packet)
        assert await close_code(websocket) == 1008


@limited(connects_per_minute=2)
async def test_connects_per_minute_of_one_user(house: House, nursery: trio.Nursery) -> None:
    for _ in range(2):
        await house.player("a")
    with pytest.raises(ConnectRefused) as refused:
        await house.player("a")
    assert refused.value.code == "rate_limited"
    await house.player("b")
    websocket = await open_socket(house, nursery)
    await next_text(websocket)
    await websocket.send_message(connect_packet(house, "a"))
    refusal = orjson.loads((await next_text(websocket)).removeprefix("44/game,"))
    assert refusal["data"]["code"] == "rate_limited"
    await trio.sleep(refusal["data"]["retry_after"])
    assert await told(await house.player("a")) == ("ok", None)


@limited(connects_per_minute=1)
async def test_connects_per_minute_close_the_plain_socket_with_4429(house: House) -> None:
    await house.player("a")
    headers = (*UPGRADE, ("Sec-WebSocket-Protocol", "croupier.v1.json"))
    http = await Http.open(house)
    await http.send("GET", "/ws", headers=headers)
    assert (await http.stream.receive_some()).startswith(b"HTTP/1.1 101")
    token = house.token("a").encode()
    body = b'{"event":"connect","data":{"token":"%b"},"id":7}' % token
    await http.stream.send_all(b"\x81\xfe" + len(body).to_bytes(2, "big") + b"\0\0\0\0" + body)
    received = b""
    while b"\x88" not in received:
        received += await http.stream.receive_some()
    answer, _, close = received.partition(b"\x88")
    error = orjson.loads(answer[answer.index(b"{") :])["data"]["error"]
    assert (error["code"], error["details"]) == ("rate_limited", {"retry_after": pytest.approx(60, abs=0.1)})
    assert int.from_bytes(close[1:3], "big") == 4429


@limited(address_connects_per_minute=2)
async def test_address_connects_per_minute(house: House) -> None:
    assert (await ask(house, "GET", POLLING)).status == 200
    assert (await plain_socket_opens(house)) is True
    for refused in (
        await plain_socket(house),
        await ask(house, "GET", POLLING),
        await ask(house, "GET", WEBSOCKET, headers=UPGRADE),
    ):
        assert problem(refused) == (429, "rate_limited")
        assert refused.json["error"]["details"]["retry_after"] > 0
        assert int(refused.headers["retry-after"]) >= 1
    assert (await ask(house, "GET", "/healthz")).status == 200
    assert (await ask(house, "GET", POLLING, name="another")).status == 200


@limited(address_requests_per_second=10, address_request_burst=5)
async def test_address_requests_per_second_slow_down_who_asks_more_often(house: House) -> None:
    http, other = await Http.open(house), await Http.open(house, "another")
    began = trio.current_time()
    for _ in range(15):
        assert (await http.ask("GET", "/healthz")).status == 200
    assert trio.current_time() - began == pytest.approx(1, abs=0.1)
    asked = trio.current_time()
    assert (await other.ask("GET", "/healthz")).status == 200
    assert trio.current_time() - asked < 0.01


@limited(address_requests_per_second=0.1, address_request_burst=2)
async def test_address_request_burst_and_the_refusal_of_who_would_wait_too_long(house: House) -> None:
    http = await Http.open(house)
    assert [(await http.ask("GET", "/healthz")).status for _ in range(2)] == [200, 200]
    refused = await http.ask("GET", POLLING)
    assert problem(refused) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) > 0
    assert refused.json["error"]["details"]["retry_after"] > 0


async def plain_socket_opens(house: House, name: str = "web") -> bool:
    http = await Http.open(house, name)
    await http.send("GET", "/ws", headers=(*UPGRADE, ("Sec-WebSocket-Protocol", "croupier.v1.json")))
    return (await http.stream.receive_some()).startswith(b"HTTP/1.1 101")


# ---- how many


@limited(connections_per_address=2)
async def test_connections_per_address(house: House) -> None:
    kept = [await Http.open(house) for _ in range(2)]
    for http in kept:
        assert (await http.ask("GET", "/healthz")).status == 200
    for target in ("/healthz", POLLING):
        assert problem(await ask(house, "GET", target)) == (503, "too_many_connections")
    assert problem(await plain_socket(house)) == (503, "too_many_connections")
    assert (await ask(house, "GET", "/healthz", name="another")).status == 200


@limited(connections_per_address=2)
async def test_connections_per_address_are_engine_io_sessions_too(house: House) -> None:
    first, _ = await Poller.open(house), await Poller.open(house)
    await trio.sleep(0.01)
    for headers, target in (((), POLLING), (UPGRADE, WEBSOCKET)):
        assert problem(await ask(house, "GET", target, headers=headers)) == (503, "too_many_connections")
    await Poller.open(house, "another")
    await first.tell("1")
    await Poller.open(house)


PROXIED = Config(server=Server(trusted_proxies=("10.0.0.0/8",)), limits=Limits(connections_per_address=2))


@pytest.mark.parametrize("house_config", [PROXIED])
async def test_connections_per_address_behind_a_trusted_proxy(house: House) -> None:
    def headers(address: str) -> tuple[tuple[str, str], ...]:
        return (("X-Forwarded-For", address),)

    proxy = "10.0.0.1"
    for _ in range(2):
        assert (await ask(house, "GET", POLLING, headers=headers("203.0.113.7"), name=proxy)).status == 200
    refused = await ask(house, "GET", POLLING, headers=headers("203.0.113.7"), name=proxy)
    assert problem(refused) == (503, "too_many_connections")
    assert (await ask(house, "GET", POLLING, headers=headers("203.0.113.8"), name=proxy)).status == 200
    forged = await ask(house, "GET", POLLING, headers=headers("198.51.100.1, 203.0.113.7"), name=proxy)
    assert problem(forged) == (503, "too_many_connections")


@limited(max_connections=2)
async def test_max_connections(house: House) -> None:
    a, _ = await house.player("a"), await house.player("b")
    assert problem(await ask(house, "GET", "/healthz")) == (503, "too_many_connections")
    assert problem(await plain_socket(house)) == (503, "too_many_connections")
    a.drop()
    await trio.sleep(0.1)
    await house.player("c")


@limited(pending_requests=2)
async def test_pending_requests_of_one_connection(house: House, nursery: trio.Nursery) -> None:
    game_id = await house.new_game("tally", ["a", "b"])
    a, b = await house.player("a"), await house.player("b")
    await a.join(game_id)
    house.redis.pause()
    for _ in range(2):
        nursery.start_soon(told, a, "game:action", {"game_id": game_id, "action": MISS})
    await trio.sleep(0.1)
    assert (await told(a, "game:action", {"game_id": game_id, "action": MISS}))[0] == "overloaded"
    assert await told(b) == ("ok", None)
    house.redis.resume()


@limited(mailbox=1)
async def test_mailbox_of_one_table(house: House, nursery: trio.Nursery) -> None:
    game_id, other = await house.new_game("tally", ["a", "b"]), await house.new_game("tally", ["a", "b"])
    a = await house.player("a")
    await a.join(other)
    await a.join(game_id)
    house.redis.pause()
    for _ in range(2):  # the table works at the first, the second waits
        nursery.start_soon(told, a, "game:action", {"game_id": game_id, "action": MISS})
        await trio.sleep(0.1)
    assert (await told(a, "game:action", {"game_id": game_id, "action": MISS}))[0] == "overloaded"
    assert (await a.join(other))["game_id"] == other
    house.redis.resume()


# ---- how large


@limited(max_message_bytes=2000)
async def test_max_message_bytes(house: House) -> None:
    client = await house.player("a")
    assert (await told(client, "game:join", {"game_id": "x" * 3000}))[0] == "too_large"
    assert await told(client) == ("ok", None)
    with pytest.raises(ConnectionLost) as lost:
        await client.request("game:join", {"game_id": "x" * 9000})
    assert lost.value.code == 1009


@limited(http_body_bytes=2000)
async def test_http_body_bytes(house: House) -> None:
    refused = await house.api.request("POST", "/api/games", body=b"x" * 2001)
    assert problem(refused) == (413, "too_large")
    assert refused.json["error"]["details"] == {"limit": 2000}


@limited(http_head_bytes=2000)
async def test_http_head_bytes(house: House) -> None:
    refused = await ask(house, "GET", "/healthz", headers=(("X-Long", "x" * 2001),))
    assert problem(refused) == (431, "too_large")


@limited(outbox_bytes=20_000)
async def test_outbox_bytes_drop_the_client_that_does_not_read(house: House, nursery: trio.Nursery) -> None:
    # A client that asks and does not read: its answers may not be skipped.
    http = await Http.open(house, "a")
    await http.send("GET", "/ws", headers=(*UPGRADE, ("Sec-WebSocket-Protocol", "croupier.v1.json")))
    assert (await http.stream.receive_some()).startswith(b"HTTP/1.1 101")

    async def say(message: dict[str, Any]) -> None:
        body = orjson.dumps(message)
        await http.stream.send_all(b"\x81\xfe" + len(body).to_bytes(2, "big") + b"\0\0\0\0" + body)

    await say({"event": "connect", "data": {"token": house.token("a")}, "id": 0})
    reader = await house.player("b")

    async def ask_without_end() -> None:
        for number in range(10_000):
            await say({"event": "heartbeat", "data": {}, "id": "x" * 500 + str(number)})

    with pytest.raises(trio.BrokenResourceError):
        await ask_without_end()
    assert await told(reader) == ("ok", None)


# ---- how long


@limited(http_timeout=3)
async def test_http_timeout_of_a_request_and_of_an_idle_connection(house: House) -> None:
    idle, slow = await Http.open(house), await Http.open(house)
    began = trio.current_time()
    await slow.stream.send_all(b"GET /healthz HTTP/1.1\r\n")
    assert (await slow.stream.receive_some()).startswith(b"HTTP/1.1 408 ")
    assert await idle.stream.receive_some() == b""
    assert trio.current_time() - began == pytest.approx(3, abs=0.1)


@limited(handshake_timeout=3)
async def test_handshake_timeout_of_a_goodbye(house: House) -> None:
    # TLS's handshake, under the same limit: tests/net/test_listener_tls.py.
    http = await Http.open(house, "a")
    await http.send("GET", "/ws", headers=(*UPGRADE, ("Sec-WebSocket-Protocol", "croupier.v1.json")))
    assert (await http.stream.receive_some()).startswith(b"HTTP/1.1 101")
    await http.stream.send_all(b"\x81\x82\0\0\0\0{}")  # no connect: the server says goodbye, and is not answered
    began = trio.current_time()
    while await http.stream.receive_some():
        pass
    assert trio.current_time() - began == pytest.approx(3, abs=0.1)


async def test_connect_timeout_of_sessions(house: House) -> None:
    http = await Http.open(house, "a")
    await http.send("GET", "/ws", headers=(*UPGRADE, ("Sec-WebSocket-Protocol", "croupier.v1.json")))
    assert (await http.stream.receive_some()).startswith(b"HTTP/1.1 101")
    began = trio.current_time()
    assert int.from_bytes((await http.stream.receive_some())[2:4], "big") == 4408
    assert trio.current_time() - began == pytest.approx(house.config.sessions.connect_timeout, abs=0.1)


# ---- what is never agreed on


@pytest.mark.parametrize("target", ["/ws", WEBSOCKET])
async def test_compression_is_not_agreed_on(house: House, nursery: trio.Nursery, target: str) -> None:
    offered = (
        *UPGRADE,
        ("Sec-WebSocket-Protocol", "croupier.v1.json"),
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
        ("Accept-Encoding", "gzip, deflate, br"),
    )
    http = await Http.open(house)
    await http.send("GET", target, headers=offered)
    head = (await http.stream.receive_some()).partition(b"\r\n\r\n")[0].lower()
    assert head.startswith(b"http/1.1 101")
    assert b"extensions" not in head


async def test_http_is_not_compressed_either(house: House) -> None:
    answer = await ask(house, "GET", "/api/rules", headers=(("Accept-Encoding", "gzip, deflate, br"),))
    assert "content-encoding" not in answer.headers
    assert answer.json


async def test_a_compressed_frame_is_refused(house: House) -> None:
    http = await Http.open(house, "a")
    await http.send("GET", "/ws", headers=(*UPGRADE, ("Sec-WebSocket-Protocol", "croupier.v1.json")))
    assert (await http.stream.receive_some()).startswith(b"HTTP/1.1 101")
    await http.stream.send_all(b"\xc1\x82\0\0\0\0{}")  # RSV1 means compressed, where that was agreed on
    assert int.from_bytes((await http.stream.receive_some())[2:4], "big") == 1002
