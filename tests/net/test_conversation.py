"""HTTP/1.1 connections: whole, in pieces, in a row, malformed, too large, too slow, and cut off."""

from __future__ import annotations

from contextlib import suppress

import h11
import orjson
import pytest
import trio
import trio.testing
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from net.conversation import Draining, refuse_connection, serve_connection
from net.http import Handler, HttpLimits, Refused, Request, Response, error_response, json_response
from net.stream import PushStream
from net.testing.streams import Link, SimStream, stream_pair
from tests.samples.receiving import receive_all

LIMITS = HttpLimits(head_bytes=1000, body_bytes=100, timeout=15.0)
GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
UPGRADE = b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n"


async def mirror(request: Request) -> Response:
    """Answers with what was asked."""
    await trio.lowlevel.checkpoint()
    asked = {
        "method": request.method,
        "path": request.path,
        "segments": request.segments,
        "query": request.query,
        "body": request.body.decode(),
        "peer": request.peer,
    }
    return json_response(200, asked)


@define
class Server:
    """One connection to a server whose parts a test may replace, and what became of it."""

    respond: Handler = mirror
    limits: HttpLimits = LIMITS
    link: Link = field(factory=Link)
    draining: Draining = field(factory=Draining)
    accept: bool = False
    reports: list[tuple[str, BaseException]] = field(factory=list)
    result: object = "still serving"
    client: SimStream = field(init=False)

    def report(self, what: str, failure: BaseException) -> str:
        self.reports.append((what, failure))
        return f"E{len(self.reports)}"

    def upgrade(self, request: Request) -> Response | str:
        return f"accepted {request.path}" if self.accept else error_response(404, "not_found", "no")

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        self.client, server = stream_pair(self.link)
        async with trio.open_nursery() as nursery:
            stream = PushStream(server, nursery, max_bytes=2**20)
            task_status.started()
            self.result = await serve_connection(
                stream,
                self.respond,
                upgrade=self.upgrade,
                limits=self.limits,
                report=self.report,
                draining=self.draining,
            )
            if self.result is None:
                await stream.aclose()
            stream.close_now("test")

    async def exchange(self, *pieces: bytes) -> bytes:
        """Everything that the server sends when these are sent, and then the end of the stream."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.serve)
            nursery.start_soon(self._send, pieces)
            received = await receive_all(self.client)
            await self.client.aclose()
        return received

    async def _send(self, pieces: tuple[bytes, ...]) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # the server may end it first
            for piece in pieces:
                await self.client.send_all(piece)
                await trio.testing.wait_all_tasks_blocked()
            await self.client.send_eof()


def responses(received: bytes, *methods: str) -> list[tuple[int, dict[str, str], object]]:
    """Status, headers and JSON of each response, read by h11's client."""
    found = []
    for method in methods:
        client = h11.Connection(h11.CLIENT)
        client.send(h11.Request(method=method, target="/", headers=[("Host", "h")]))
        client.send(h11.EndOfMessage())
        client.receive_data(received)
        head = client.next_event()
        while isinstance(head, h11.InformationalResponse):
            head = client.next_event()
        assert isinstance(head, h11.Response), head
        body = b""
        while isinstance(event := client.next_event(), h11.Data):
            body += event.data
        assert isinstance(event, h11.EndOfMessage), event
        headers = {name.decode(): value.decode() for name, value in head.headers}
        found.append((head.status_code, headers, orjson.loads(body) if body else None))
        received = client.trailing_data[0]
    assert received == b""
    return found


def error(received: bytes) -> tuple[int, str]:
    """Status and code of the one response, which ends the connection."""
    ((status, headers, body),) = responses(received, "GET")
    assert headers["connection"] == "close"
    assert isinstance(body, dict)
    return status, body["error"]["code"]


def asked(response: tuple[int, dict[str, str], object]) -> dict[str, object]:
    status, _, body = response
    assert status == 200
    assert isinstance(body, dict)
    return body


# ---- requests


async def test_a_handler_sees_the_request() -> None:
    head = b"POST /a%2Fb/c%20d?q=1&q=2&e=&%C3%A9=%20 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n"
    (response,) = responses(await Server().exchange(head + b"hi"), "POST")
    assert asked(response) == {
        "method": "POST",
        "path": "/a/b/c d",
        "segments": ["a/b", "c d"],
        "query": {"q": "1", "e": "", "é": " "},
        "body": "hi",
        "peer": "client",
    }


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 60), max_size=8), st.integers(1, 40))
def test_a_request_may_come_in_any_pieces(sizes: list[int], receive_limit: int) -> None:
    request = (
        b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n" + GET
    )
    pieces, start = [], 0
    for size in sizes:
        pieces.append(request[start : start + size])
        start += size
    server = Server(link=Link(receive_limit=receive_limit))

    async def main() -> bytes:
        return await server.exchange(*[*pieces, request[start:]])

    received = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    first, second = responses(received, "POST", "GET")
    assert (asked(first)["body"], asked(second)["path"]) == ("abcdefg", "/x")


async def test_pipelined_requests_are_answered_in_order() -> None:
    received = await Server().exchange(b"".join(GET.replace(b"/x", b"/%d" % number) for number in range(20)))
    assert [asked(r)["path"] for r in responses(received, *["GET"] * 20)] == [f"/{n}" for n in range(20)]


async def test_a_target_may_name_the_server_too() -> None:
    received = await Server().exchange(GET.replace(b"/x", b"http://somewhere:80/x?y=1"))
    (response,) = responses(received, "GET")
    assert (asked(response)["path"], asked(response)["query"]) == ("/x", {"y": "1"})


async def test_head_has_the_headers_of_get_and_no_body() -> None:
    received = await Server().exchange(GET.replace(b"GET", b"HEAD"), GET)
    (status, head, body), (_, get, _) = responses(received, "HEAD", "GET")
    assert (status, body) == (200, None)
    assert int(head["content-length"]) == int(get["content-length"]) + 1  # the method itself is in the body


async def test_rubbish_behind_a_head_request_is_answered_with_a_body(autojump_clock: trio.testing.MockClock) -> None:
    server = Server()
    received = await server.exchange(GET.replace(b"GET", b"HEAD"), b"\0\0\0\r\n\r\n")
    _, (status, _, body) = responses(received, "HEAD", "GET")
    assert (status, body) == (400, {"error": {"code": "bad_request", "message": "this is not an HTTP/1.1 request"}})
    assert server.reports == []


async def test_a_connection_of_http_1_0_ends_after_its_response() -> None:
    received = await Server().exchange(b"GET /x HTTP/1.0\r\n\r\n", GET)
    ((status, headers, _),) = responses(received, "GET")
    assert (status, headers["connection"]) == (200, "close")


async def test_a_client_that_asks_for_it_is_the_last_time_served() -> None:
    received = await Server().exchange(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), GET)
    ((_, headers, _),) = responses(received, "GET")
    assert headers["connection"] == "close"


async def test_a_body_that_waits_to_be_asked_for_is_asked_for() -> None:
    head = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    received = await Server().exchange(head, b"hi")
    assert received.startswith(b"HTTP/1.1 100 ")
    (response,) = responses(received, "POST")
    assert asked(response)["body"] == "hi"


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_without_a_body_has_none(status: int) -> None:
    async def nothing(request: Request) -> Response:
        await trio.lowlevel.checkpoint()
        return Response(status, body=b"none the less")

    received = await Server(respond=nothing).exchange(GET)
    ((got, headers, body),) = responses(received, "GET")
    assert (got, body) == (status, None)
    assert "content-length" not in headers


async def test_a_response_names_no_date() -> None:
    ((_, headers, _),) = responses(await Server().exchange(GET), "GET")
    assert "date" not in headers


# ---- refusals


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"\r\n\r\n",
        b"GET /x HTTP/1.1\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: h\r\nBad Header: x\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: h\r\nContent-Length: " + b"9" * 900 + b"\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nnot a chunk",
        b"GET x HTTP/1.1\r\nHost: h\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
        b"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /%ff HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /x?%ff HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /x?" + b"&" * 101 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: h\r\n",
        b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf",
    ],
)
async def test_what_is_no_request_is_told_so_and_the_connection_ends(request_bytes: bytes) -> None:
    assert error(await Server().exchange(request_bytes)) == (400, "bad_request")


async def test_a_good_request_before_a_bad_one_is_answered() -> None:
    received = await Server().exchange(GET + b"nonsense\r\n\r\n")
    first, second = responses(received, "GET", "GET")
    assert (first[0], second[0]) == (200, 400)


async def test_a_refusal_does_not_repeat_what_was_sent() -> None:
    assert b"secret" not in await Server().exchange(b"secret secret secret\r\n\r\n")


@pytest.mark.parametrize("version", [b"0.9", b"2.0"])
async def test_another_version_of_http_is_not_spoken(version: bytes) -> None:
    received = await Server().exchange(GET.replace(b"1.1", version))
    assert error(received) == (505, "bad_request")


async def test_an_unknown_transfer_encoding_is_not_implemented() -> None:
    received = await Server().exchange(GET.replace(b"Host: h", b"Host: h\r\nTransfer-Encoding: gzip"))
    assert error(received) == (501, "bad_request")


@pytest.mark.parametrize(
    "head",
    [
        GET.replace(b"Host: h", b"Host: h\r\nX: " + b"x" * 1000),
        GET.replace(b"/x", b"/" + b"x" * 1000),
        b"GET /x HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 5000,
        GET.replace(b"Host: h", b"Host: h\r\n" + b"X: y\r\n" * 200 + b"Z: z"),
    ],
)
async def test_a_head_that_is_too_large_is_refused(head: bytes) -> None:
    assert error(await Server().exchange(head)) == (431, "too_large")


@pytest.mark.parametrize("length", [b"101", b"9" * 20])
async def test_a_body_that_is_announced_as_too_large_is_refused_unread(length: bytes) -> None:
    head = GET.replace(b"Host: h", b"Host: h\r\nExpect: 100-continue\r\nContent-Length: " + length)
    received = await Server().exchange(head)
    assert error(received) == (413, "too_large")
    assert b"100 Continue" not in received


async def test_a_body_that_turns_out_too_large_is_refused_and_the_client_can_read_why() -> None:
    head = GET.replace(b"Host: h", b"Host: h\r\nTransfer-Encoding: chunked")
    server = Server(link=Link(capacity=50))
    assert error(await server.exchange(head, b"ff\r\n" + b"x" * 255 + b"\r\n" * 200)) == (413, "too_large")


async def test_a_body_of_exactly_the_limit_is_taken() -> None:
    received = await Server().exchange(GET.replace(b"Host: h", b"Host: h\r\nContent-Length: 100"), b"x" * 100)
    (response,) = responses(received, "GET")
    assert asked(response)["body"] == "x" * 100


# ---- slowness


async def test_a_connection_that_asks_nothing_is_closed_without_a_word(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    slow = Server()
    await nursery.start(slow.serve)
    start = trio.current_time()
    assert await receive_all(slow.client) == b""
    assert trio.current_time() - start == LIMITS.timeout


async def test_a_kept_connection_is_closed_when_it_is_idle_too_long(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    slow = Server()
    await nursery.start(slow.serve)
    await trio.sleep(LIMITS.timeout - 1)
    await slow.client.send_all(GET)
    start = trio.current_time()
    assert len(responses(await receive_all(slow.client), "GET")) == 1
    assert trio.current_time() - start == LIMITS.timeout


async def test_a_head_that_comes_byte_by_byte_must_be_whole_in_time(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    slow = Server()
    await nursery.start(slow.serve)

    async def drip() -> None:
        for byte in GET:
            await slow.client.send_all(bytes([byte]))
            await trio.sleep(1)

    start = trio.current_time()
    nursery.start_soon(drip)
    received = await receive_all(slow.client)
    assert error(received) == (408, "timeout")
    assert trio.current_time() - start == LIMITS.timeout


async def test_a_body_that_does_not_come_is_not_waited_for(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    slow = Server()
    await nursery.start(slow.serve)
    await slow.client.send_all(GET.replace(b"Host: h", b"Host: h\r\nContent-Length: 5") + b"xx")
    assert error(await receive_all(slow.client)) == (408, "timeout")


async def test_a_client_that_does_not_read_its_response_is_dropped(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    server = Server(link=Link(capacity=40))
    await nursery.start(server.serve)
    await server.client.send_all(GET)
    await trio.sleep(LIMITS.timeout + 1)
    assert server.result is None
    assert len(await receive_all(server.client)) == 40


# ---- handlers


async def test_a_handler_that_raises_is_answered_for_and_the_next_request_is_served() -> None:
    async def fail(request: Request) -> Response:
        await trio.lowlevel.checkpoint()
        if request.path == "/x":
            raise RuntimeError("the ace of spades")
        return json_response(200, {})

    server = Server(respond=fail)
    received = await server.exchange(GET, GET.replace(b"/x", b"/y"))
    (status, _, body), (second, _, _) = responses(received, "GET", "GET")
    assert (status, second) == (500, 200)
    assert isinstance(body, dict)
    assert body["error"]["code"] == "internal_error"
    assert body["error"]["details"] == {"id": "E1"}
    assert b"spades" not in received
    ((what, failure),) = server.reports
    assert what == "GET '/x'"
    assert str(failure) == "the ace of spades"


async def test_a_path_does_not_break_the_line_that_reports_on_it() -> None:
    async def fail(request: Request) -> Response:
        await trio.lowlevel.checkpoint()
        raise RuntimeError

    server = Server(respond=fail)
    await server.exchange(GET.replace(b"/x", b"/x%0aforged"))
    assert server.reports[0][0] == "GET '/x\\nforged'"


async def test_a_handler_may_raise_its_refusal() -> None:
    async def refuse(request: Request) -> Response:
        await trio.lowlevel.checkpoint()
        raise Refused(error_response(401, "unauthorized", "who are you?"))

    server = Server(respond=refuse)
    received = await server.exchange(GET, GET)
    assert [status for status, _, _ in responses(received, "GET", "GET")] == [401, 401]
    assert server.reports == []


async def test_a_handler_may_hang_and_others_are_served(nursery: trio.Nursery) -> None:
    answer = trio.Event()

    async def hang(request: Request) -> Response:
        await answer.wait()
        return json_response(200, "at last")

    server = Server(respond=hang)
    await nursery.start(server.serve)
    await server.client.send_all(GET)
    await trio.testing.wait_all_tasks_blocked()
    answer.set()
    await server.client.send_eof()
    ((status, _, body),) = responses(await receive_all(server.client), "GET")
    assert (status, body) == (200, "at last")


async def hang_until_gone(request: Request) -> Response:
    await request.peer_gone()
    return json_response(200, "gone")


async def test_a_hanging_handler_can_tell_that_the_peer_closed(nursery: trio.Nursery) -> None:
    server = Server(respond=hang_until_gone)
    await nursery.start(server.serve)
    await server.client.send_all(GET)
    await trio.testing.wait_all_tasks_blocked()
    assert server.result == "still serving"
    await server.client.send_eof()
    assert responses(await receive_all(server.client), "GET")[0][2] == "gone"


async def test_a_hanging_handler_can_tell_that_the_connection_broke(nursery: trio.Nursery) -> None:
    server = Server(respond=hang_until_gone)
    await nursery.start(server.serve)
    await server.client.send_all(GET)
    await trio.testing.wait_all_tasks_blocked()
    server.client.cut()
    await trio.testing.wait_all_tasks_blocked()
    assert server.result is None


async def test_what_a_hanging_handler_read_ahead_is_the_next_request(nursery: trio.Nursery) -> None:
    answer = trio.Event()

    async def hang_twice(request: Request) -> Response:
        if request.path == "/y":
            return json_response(200, "second")
        async with trio.open_nursery() as hanging:
            hanging.start_soon(request.peer_gone)
            await answer.wait()
            hanging.cancel_scope.cancel()
        return json_response(200, "first")

    server = Server(respond=hang_twice)
    await nursery.start(server.serve)
    await server.client.send_all(GET + GET.replace(b"/x", b"/y"))
    await trio.testing.wait_all_tasks_blocked()
    answer.set()
    await server.client.send_eof()
    received = await receive_all(server.client)
    assert [body for _, _, body in responses(received, "GET", "GET")] == ["first", "second"]


async def test_reading_ahead_is_bounded(autojump_clock: trio.testing.MockClock, nursery: trio.Nursery) -> None:
    server = Server(respond=hang_until_gone, link=Link(capacity=500))
    await nursery.start(server.serve)
    await server.client.send_all(GET)
    sent = 0
    with trio.move_on_after(1), suppress(trio.BrokenResourceError):
        while server.result == "still serving":
            sent += server.client.send_nowait([b"x" * 100])
            await server.client.wait_writable()
    assert sent < LIMITS.head_bytes + 2 * 500
    nursery.cancel_scope.cancel()


async def test_an_abrupt_end_in_the_middle_of_a_request_is_quiet(nursery: trio.Nursery) -> None:
    server = Server()
    await nursery.start(server.serve)
    await server.client.send_all(GET[:10])
    await trio.testing.wait_all_tasks_blocked()
    server.client.cut()
    await trio.testing.wait_all_tasks_blocked()
    assert server.result is None
    assert server.reports == []


# ---- WebSockets, and going away


async def test_an_accepted_upgrade_is_handed_over_with_nothing_answered() -> None:
    server = Server(accept=True)
    received = await server.exchange(GET, UPGRADE)
    assert len(responses(received, "GET")) == 1
    assert isinstance(server.result, tuple)
    request, accepted = server.result
    assert isinstance(request, Request)
    assert (request.path, accepted) == ("/ws", "accepted /ws")


async def test_a_refused_upgrade_keeps_the_connection() -> None:
    received = await Server().exchange(UPGRADE, GET)
    assert [status for status, _, _ in responses(received, "GET", "GET")] == [404, 200]


async def test_bytes_that_come_behind_an_upgrade_are_refused() -> None:
    server = Server(accept=True)
    assert error(await server.exchange(UPGRADE + b"\x81\x80....")) == (400, "bad_request")
    assert server.result is None


async def test_an_upgrade_to_something_else_is_an_ordinary_request() -> None:
    received = await Server(accept=True).exchange(UPGRADE.replace(b"WebSocket", b"h2c"), GET)
    assert [status for status, _, _ in responses(received, "GET", "GET")] == [200, 200]


async def test_an_upgrade_whose_decision_raises_is_answered_for() -> None:
    class Failing(Server):
        def upgrade(self, request: Request) -> Response | str:
            raise RuntimeError

    server = Failing()
    ((status, _, _),) = responses(await server.exchange(UPGRADE), "GET")
    assert status == 500
    assert len(server.reports) == 1


async def test_draining_ends_idle_connections_at_once(nursery: trio.Nursery) -> None:
    server = Server()
    await nursery.start(server.serve)
    await trio.testing.wait_all_tasks_blocked()
    server.draining.begin()
    assert await receive_all(server.client) == b""
    assert server.result is None


async def test_draining_waits_for_no_client_that_keeps_an_idle_connection_open(
    autojump_clock: trio.testing.MockClock,
) -> None:
    server = Server()
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        await trio.testing.wait_all_tasks_blocked()
        server.draining.begin()
    assert trio.current_time() == began


async def test_draining_lets_a_response_go_out_and_says_that_it_is_the_last(nursery: trio.Nursery) -> None:
    answer = trio.Event()

    async def hang(request: Request) -> Response:
        await answer.wait()
        return json_response(200, "at last", headers=(("Connection", "keep-alive"),))

    server = Server(respond=hang)
    await nursery.start(server.serve)
    await server.client.send_all(GET)
    await trio.testing.wait_all_tasks_blocked()
    server.draining.begin()
    answer.set()
    ((status, headers, _),) = responses(await receive_all(server.client), "GET")
    assert (status, headers["connection"]) == (200, "close")


async def test_draining_refuses_upgrades(nursery: trio.Nursery) -> None:
    server = Server(accept=True)
    await nursery.start(server.serve)
    await server.client.send_all(UPGRADE[:20])
    await trio.testing.wait_all_tasks_blocked()
    server.draining.begin()
    await server.client.send_all(UPGRADE[20:])
    assert error(await receive_all(server.client)) == (503, "draining")


async def test_a_connection_is_refused_before_it_asked(nursery: trio.Nursery) -> None:
    client, server = stream_pair()
    stream = PushStream(server, nursery, max_bytes=1000)
    refusal = error_response(503, "too_many_connections", "later")
    async with trio.open_nursery() as both:
        both.start_soon(lambda: refuse_connection(stream, refusal, limits=LIMITS))
        await client.send_all(GET)
        assert error(await receive_all(client)) == (503, "too_many_connections")
        await client.aclose()


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise_or_hang(garbage: bytes) -> None:
    server = Server()

    async def main() -> bytes:
        return await server.exchange(garbage)

    received = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert received == b"" or received.startswith(b"HTTP/1.1 ")
    assert server.reports == []


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.sampled_from(
            [
                b"GET ",
                b"POST ",
                b"/x",
                b" HTTP/1.1",
                b"\r\n",
                b"Host: h",
                b"Content-Length: ",
                b"5",
                b"Transfer-Encoding: chunked",
                b"Upgrade: websocket",
                b"Connection: ",
                b"\xff",
                b":",
                b" ",
                b"9" * 5000,
            ]
        ),
        max_size=14,
    )
)
def test_no_shuffled_request_makes_it_raise_or_hang(parts: list[bytes]) -> None:
    server = Server(accept=True, limits=HttpLimits(head_bytes=20_000, body_bytes=100))

    async def main() -> bytes:
        return await server.exchange(b"".join(parts))

    received = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert received == b"" or received.startswith(b"HTTP/1.1 ")
    assert server.reports == []
