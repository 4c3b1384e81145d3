"""Engine.IO's HTTP as HTTP: connections that are kept, requests behind one another, HEAD, limits, slow senders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
import trio

from net.config import Config, Limits
from tests.samples.engineio import POLLING, TEXT, UPGRADE, WEBSOCKET, Http, Poller, ask, connect_packet

if TYPE_CHECKING:
    from net.testing.house import House

UNKNOWN_SID = b'{"code":1,"message":"Session ID unknown"}'


def echo_of(name: str) -> bytes:
    return f'44/{name},{{"message":"Invalid namespace"}}'.encode()


async def test_a_whole_session_may_use_one_connection(house: House) -> None:
    http = await Http.open(house)
    handshake = await http.ask("GET", POLLING)
    target = Poller(house, orjson.loads(handshake.body[1:])).target
    for name in ("x", "y", "z"):
        assert (await http.ask("POST", target, f"40/{name},".encode())).body == b"ok"
        assert (await http.ask("GET", target)).body == echo_of(name)
    assert (await http.ask("POST", target, b"1")).body == b"ok"
    refused = await http.ask("GET", target)
    assert (refused.status, refused.body) == (400, UNKNOWN_SID)
    assert (await http.ask("GET", POLLING)).status == 200  # a refusal does not end the connection


async def test_what_comes_behind_a_hanging_get_is_answered_after_it_and_in_order(house: House) -> None:
    poller = await Poller.open(house)
    http = await poller.hang()
    await http.send("POST", poller.target, b"40/behind,")
    await http.send("GET", poller.target)
    await http.send("GET", "/healthz")
    await trio.sleep(1)
    await poller.tell("40/before,")
    assert [(await http.answer()).body for _ in range(3)] == [echo_of("before"), b"ok", echo_of("behind")]
    assert (await http.answer()).status == 200


async def test_a_hanging_get_with_another_behind_it_is_aborted_with_its_connection(house: House) -> None:
    poller = await Poller.open(house)
    http = await poller.hang()
    await http.send("GET", "/healthz")
    await trio.sleep(0.1)
    http.stream.close()
    await trio.sleep(0.1)
    refused = await poller.get()
    assert (refused.status, refused.body) == (400, UNKNOWN_SID)


async def test_a_get_may_hang_longer_than_a_request_may_take(house: House) -> None:
    assert house.config.limits.http_timeout < 25
    poller = await Poller.open(house)
    http = await Http.open(house)
    await poller.tell(connect_packet(house, "a"))
    await poller.packets()
    assert (await http.ask("GET", poller.target)).body == b"2"
    assert (await http.ask("POST", poller.target, b"3")).body == b"ok"  # and the connection goes on


@pytest.mark.parametrize("target", [POLLING, WEBSOCKET, "/socket.io/"])
async def test_head_is_answered_without_a_body_and_makes_no_session(house: House, target: str) -> None:
    http = await Http.open(house)
    for _ in range(2):
        answer = await http.ask("HEAD", target)
        assert (answer.status, answer.body) == (400, b"")
        assert int(answer.headers["content-length"]) > 0
    assert len(house.app.engine) == 0


async def test_head_elsewhere_has_the_headers_of_get(house: House) -> None:
    get, head = [await ask(house, method, "/api/rules") for method in ("GET", "HEAD")]
    assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")


async def test_a_session_goes_on_over_connections_of_http_1_0(house: House) -> None:
    poller = await Poller.open(house)
    http = await Http.open(house)
    await poller.tell("40/x,")
    await http.stream.send_all(f"GET {poller.target} HTTP/1.0\r\n\r\n".encode())
    received = b""
    while part := await http.stream.receive_some():
        received += part
    assert received.endswith(b"\r\n\r\n" + echo_of("x"))


async def test_a_body_that_comes_too_slowly_is_answered_408_and_the_session_lives(house: House) -> None:
    poller = await Poller.open(house)
    await poller.tell(connect_packet(house, "a"))
    await poller.packets()
    http = await Http.open(house)
    await http.stream.send_all(f"POST {poller.target} HTTP/1.1\r\nHost: croupier\r\nContent-Length: 6\r\n\r\n".encode())
    for byte in (b"4", b"0", b"/"):
        await http.stream.send_all(byte)
        await trio.sleep(4.9)
    assert (await http.stream.receive_some()).startswith(b"HTTP/1.1 408 ")
    await poller.tell("40/x,")
    assert (await poller.get()).body == echo_of("x")


async def test_a_head_that_is_too_large_is_answered_431_and_the_session_lives(house: House) -> None:
    poller = await Poller.open(house)
    answer = await ask(house, "GET", poller.target + "&t=" + "x" * 20000)
    assert answer.status == 431
    await poller.tell("40/x,")


async def test_a_post_that_breaks_off_delivers_nothing_and_the_session_lives(house: House) -> None:
    poller = await Poller.open(house)
    http = await Http.open(house)
    await http.stream.send_all(
        f"POST {poller.target} HTTP/1.1\r\nHost: croupier\r\nContent-Length: 60\r\n\r\n40/half,".encode()
    )
    await trio.sleep(0.01)
    http.stream.close()
    await poller.tell("40/whole,")
    assert (await poller.get()).body == echo_of("whole")


@pytest.mark.parametrize("house_config", [Config(), Config(limits=Limits(max_message_bytes=2000))])
async def test_a_refused_body_can_be_read_why_and_ends_its_connection_alone(house: House) -> None:
    poller, other = await Poller.open(house), await Poller.open(house)
    http = await Http.open(house)
    answer = await http.ask("POST", poller.target, b"4" * 70000, (("Content-Type", TEXT),))
    assert answer.status == 413
    assert await http.stream.receive_some() == b""
    await other.tell("40/x,")


async def test_a_body_that_is_too_large_is_no_business_of_another_session(house: House) -> None:
    poller = await Poller.open(house)
    for target in (f"{POLLING}&sid=nobody", POLLING):
        assert (await ask(house, "POST", target, b"4" * 70000)).status == 400
    await poller.tell("40/x,")


@pytest.mark.parametrize(
    ("without", "status"),
    [("Sec-WebSocket-Version", 426), ("Sec-WebSocket-Key", 400), ("Connection", 400)],
)
async def test_a_websocket_handshake_that_is_none_is_refused_and_the_session_lives(
    house: House, without: str, status: int
) -> None:
    poller = await Poller.open(house)
    headers = tuple((name, value) for name, value in UPGRADE if name != without)
    answer = await ask(house, "GET", f"{WEBSOCKET}&sid={poller.sid}", headers=headers)
    assert answer.status == status
    await poller.tell("40/x,")


async def test_bytes_before_the_101_are_refused(house: House) -> None:
    http = await Http.open(house)
    head = "".join(f"{name}: {value}\r\n" for name, value in UPGRADE)
    await http.stream.send_all(f"GET {WEBSOCKET} HTTP/1.1\r\nHost: croupier\r\n{head}\r\n\x81\x80".encode("latin-1"))
    assert (await http.stream.receive_some()).startswith(b"HTTP/1.1 400 ")
    assert len(house.app.engine) == 0
