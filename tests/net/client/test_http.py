from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from net.client import Api, ApiFailed, ConnectionLost, http_request
from net.testing.streams import Link, SimStream, stream_pair

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trio.testing import MockClock

Serve = Callable[[bytes], Awaitable[SimStream]]


@pytest.fixture
async def serve(autojump_clock: MockClock) -> AsyncIterator[Serve]:
    """Starts a server that reads a request, answers these bytes, and hangs up; gives the client's end."""
    async with trio.open_nursery() as nursery:

        async def start(answer: bytes, link: Link | None = None) -> SimStream:
            await trio.lowlevel.checkpoint()
            client, server = stream_pair(link)

            async def respond() -> None:
                request = bytearray()
                while b"\r\n\r\n" not in request:
                    request += await server.receive_some()
                requests.append(bytes(request))
                await server.send_all(answer)
                await server.aclose()

            nursery.start_soon(respond)
            return client

        requests.clear()
        yield start
        nursery.cancel_scope.cancel()


requests: list[bytes] = []

OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"a": 1}'


async def test_a_request_is_answered_with_status_headers_and_body(serve: Serve, autojump_clock: MockClock) -> None:
    stream = await serve(OK)
    answer = await http_request(stream, "GET", "/healthz")
    assert (answer.status, answer.headers["content-type"], answer.json) == (200, "application/json", {"a": 1})
    assert requests[0].startswith(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
    assert stream.closed


async def test_token_and_json_go_along(serve: Serve, autojump_clock: MockClock) -> None:
    await http_request(await serve(OK), "POST", "/api/games", token="t0k3n", json={"rules": "x"})
    head = requests[0].lower()
    assert b"authorization: bearer t0k3n" in head
    assert b"content-type: application/json" in head
    assert b"content-length: 13" in head


@pytest.mark.parametrize(
    "answer",
    [
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n4\r\n: 1}\r\n0\r\n\r\n',
        b'HTTP/1.1 200 OK\r\n\r\n{"a": 1}',
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    ],
    ids=["chunked", "until the end", "after a 100"],
)
async def test_every_form_of_body_is_read(answer: bytes, serve: Serve, autojump_clock: MockClock) -> None:
    assert (await http_request(await serve(answer), "GET", "/")).json == {"a": 1}


@pytest.mark.parametrize("answer", [b"", OK[:30], OK[:-1], b"SMTP ready\r\n\r\n"])
async def test_an_answer_that_does_not_come_whole_is_a_lost_connection(
    answer: bytes, serve: Serve, autojump_clock: MockClock
) -> None:
    stream = await serve(answer)
    with pytest.raises(ConnectionLost):
        await http_request(stream, "GET", "/")
    assert stream.closed


async def test_an_answer_that_comes_before_the_request_was_read_still_counts(autojump_clock: MockClock) -> None:
    client, server = stream_pair(Link(capacity=100))

    async def refuse_early() -> None:
        await server.send_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await server.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(refuse_early)
        answer = await http_request(client, "POST", "/", body=bytes(10_000))
    assert answer.status == 413


async def test_a_failure_of_the_api_names_status_code_and_message(serve: Serve, autojump_clock: MockClock) -> None:
    body = b'{"error":{"code":"game_not_found","message":"there is no such game"}}'
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    api = Api(partial(serve, answer))
    with pytest.raises(ApiFailed, match="no such game") as caught:
        await api.game("nosuch")
    assert (caught.value.status, caught.value.code) == (404, "game_not_found")


async def test_a_failure_that_is_not_the_servers_own_keeps_its_text(serve: Serve, autojump_clock: MockClock) -> None:
    api = Api(partial(serve, b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\nproxy"))
    with pytest.raises(ApiFailed, match="proxy") as caught:
        await api.rules()
    assert (caught.value.status, caught.value.code) == (502, "")


async def test_making_a_game_says_what_was_given_and_nothing_else(serve: Serve, autojump_clock: MockClock) -> None:
    made = b'HTTP/1.1 201 Created\r\nContent-Length: 15\r\n\r\n{"game_id":"g"}'
    api = Api(partial(serve, made), "service")
    assert await api.create_game("crazy_eights", ["a", "b"], seed="s") == "g"
    assert requests[0].endswith(b'{"rules":"crazy_eights","players":["a","b"],"seed":"s"}')
