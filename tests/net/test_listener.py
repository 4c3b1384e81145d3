"""The port: the same code on the simulated network and on real loopback sockets, with good clients and bad ones."""

from __future__ import annotations

import errno
import os
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

import orjson
import pytest
import trio
import trio.testing
from trio_websocket import open_websocket_url
from wsproto.connection import Connection, ConnectionType
from wsproto.events import Pong, TextMessage

from net.frames import close_frame
from net.listener import CannotListen, bind
from net.testing.network import SimNetwork
from net.testing.streams import SimStream
from tests.samples.port import GET, LIMITS, SUBPROTOCOL, UPGRADE, Served, get
from tests.samples.receiving import receive_all

if TYPE_CHECKING:
    from net.listener import Acceptor, ListenerLimits


@pytest.fixture
def network() -> SimNetwork:
    return SimNetwork()


async def simulated(network: SimNetwork, nursery: trio.Nursery, limits: ListenerLimits = LIMITS) -> Served:
    served = Served(network.listen("server:80"), limits)
    await nursery.start(served.listener.run)
    return served


async def real(nursery: trio.Nursery, limits: ListenerLimits = LIMITS) -> Served:
    served = Served(await bind("127.0.0.1", 0), limits)
    await nursery.start(served.listener.run)
    return served


async def connect(served: Served) -> trio.SocketStream:
    host, _, port = served.listener.address.rpartition(":")
    return await trio.open_tcp_stream(host, int(port))


def url(served: Served) -> str:
    return f"ws://{served.listener.address}/ws"


# ---- binding


async def test_a_free_port_is_found_and_told() -> None:
    acceptor = await bind("127.0.0.1", 0)
    host, _, port = acceptor.address.rpartition(":")
    assert host == "127.0.0.1"
    assert int(port) > 0
    acceptor.close()
    acceptor.close()
    with pytest.raises(trio.ClosedResourceError):
        await acceptor.accept()


async def test_a_taken_port_is_one_line_with_advice() -> None:
    acceptor = await bind("127.0.0.1", 0)
    port = int(acceptor.address.rpartition(":")[2])
    with pytest.raises(CannotListen) as caught:
        await bind("127.0.0.1", port)
    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1:{port}: {os.strerror(errno.EADDRINUSE)}; "
        "stop what listens there, or choose another port"
    )
    acceptor.close()


@pytest.mark.parametrize(
    ("host", "why"), [("192.0.2.1", "this machine has no such address"), ("a..b", "not a host name")]
)
async def test_an_address_that_cannot_be_is_one_line(host: str, why: str) -> None:
    with pytest.raises(CannotListen) as caught:
        await bind(host, 0)
    assert str(caught.value).startswith(f"cannot listen on {host}:0: ")
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_closing_an_acceptor_wakes_whoever_accepts() -> None:
    acceptor = await bind("127.0.0.1", 0)
    async with trio.open_nursery() as nursery:

        async def close() -> None:
            await trio.testing.wait_all_tasks_blocked()
            acceptor.close()

        nursery.start_soon(close)
        with pytest.raises(trio.ClosedResourceError):
            await acceptor.accept()


async def test_an_acceptor_that_is_closed_just_as_a_connection_comes_is_closed_and_not_broken() -> None:
    for _ in range(20):  # which of the two tasks that wake is the first to run is drawn by lot
        acceptor = await bind("127.0.0.1", 0)
        host, _, port = acceptor.address.rpartition(":")
        with socket.socket() as client:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(accept_if_open, acceptor)
                await trio.testing.wait_all_tasks_blocked()
                client.connect((host, int(port)))
                await trio.lowlevel.wait_writable(client)
                acceptor.close()


async def accept_if_open(acceptor: Acceptor) -> None:
    with suppress(trio.ClosedResourceError):
        (await acceptor.accept()).close()


# ---- one port for everything, on real sockets


async def test_http_and_websockets_share_the_port(nursery: trio.Nursery) -> None:
    served = await real(nursery)
    async with await connect(served) as stream:
        assert await get(stream) == "hello"
        assert await get(stream) == "hello"
        async with open_websocket_url(url(served), subprotocols=[SUBPROTOCOL]) as client:
            assert client.subprotocol == SUBPROTOCOL
            await client.send_message("Grüße")
            assert await client.get_message() == "Grüße"
            await client.ping()
        assert client.closed is not None
        assert client.closed.code == 1000
    nursery.cancel_scope.cancel()


async def test_a_peer_has_an_address(nursery: trio.Nursery) -> None:
    served = await real(nursery)
    async with open_websocket_url(url(served), subprotocols=[SUBPROTOCOL]) as client:
        await client.send_message("x")
        await client.get_message()
        assert served.websockets[0].peer.startswith("127.0.0.1:")
    nursery.cancel_scope.cancel()


async def test_a_websocket_client_without_the_subprotocol_is_refused(nursery: trio.Nursery) -> None:
    served = await real(nursery)
    async with await connect(served) as stream:
        await stream.send_all(UPGRADE.replace(b"croupier.v1", b"poker"))
        await stream.send_eof()
        head, _, body = (await receive_all(stream)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ")
        assert orjson.loads(body)["error"]["code"] == "subprotocol_required"
    nursery.cancel_scope.cancel()


async def test_a_kept_connection_may_become_a_websocket(nursery: trio.Nursery) -> None:
    served = await real(nursery)
    async with await connect(served) as stream:
        assert await get(stream) == "hello"
        await stream.send_all(UPGRADE)
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 101 ")
        await stream.send_all(b"\x88\x80mask")
        assert await receive_all(stream) == b"\x88\x00"
    nursery.cancel_scope.cancel()


async def test_a_head_in_pieces_and_pipelined_requests(nursery: trio.Nursery) -> None:
    served = await real(nursery)
    async with await connect(served) as stream:
        for byte in GET:
            await stream.send_all(bytes([byte]))
        await stream.send_all(GET + GET)
        await stream.send_eof()
        assert (await receive_all(stream)).count(b'"hello"') == 3
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), b"400"),
        (b"GET /hello HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 1_000_000, b"431"),
        (b"POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000, b"413"),
        (UPGRADE + b"\x81\x80mask", b"400"),
    ],
)
async def test_a_bad_client_reads_why_and_the_next_is_served(sent: bytes, status: bytes, nursery: trio.Nursery) -> None:
    served = await real(nursery)
    async with await connect(served) as stream, trio.open_nursery() as both:

        async def send() -> None:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await stream.send_all(sent)

        both.start_soon(send)
        received = await receive_all(stream)
        assert received.startswith(b"HTTP/1.1 " + status)
        await stream.aclose()
    async with await connect(served) as stream:
        assert await get(stream) == "hello"
    assert served.reports == []
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("sent", [b"", GET[:10], GET * 50, UPGRADE, UPGRADE[:50]])
async def test_a_client_that_resets_leaves_no_trace(sent: bytes, nursery: trio.Nursery) -> None:
    served = await real(nursery)
    stream = await connect(served)
    await stream.send_all(sent)
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await stream.aclose()
    async with await connect(served) as stream:
        assert await get(stream) == "hello"
        with trio.fail_after(10):  # the reset may still be on its way
            while served.listener.open_connections > 1:  # noqa: ASYNC110 - nothing tells of it
                await trio.sleep(0.001)
    assert served.reports == []
    nursery.cancel_scope.cancel()


async def connect_with_a_small_window(served: Served) -> trio.SocketStream:
    """A WebSocket client whose kernel takes next to nothing for it."""
    host, _, port = served.listener.address.rpartition(":")
    sock = trio.socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await sock.connect((host, int(port)))
    stream = trio.SocketStream(sock)
    await stream.send_all(UPGRADE)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += await stream.receive_some(1)
    assert head.startswith(b"HTTP/1.1 101 ")
    return stream


async def test_a_slow_reader_gets_every_frame_whole_with_pongs_between(nursery: trio.Nursery) -> None:
    served = await real(nursery)
    async with await connect_with_a_small_window(served) as stream:
        await stream.send_all(b"\x81\x85\0\0\0\0flood" + b"\x89\x81\0\0\0\0?" * 20)
        client = Connection(ConnectionType.CLIENT)
        texts, pongs = "", 0
        while len(texts) < 500_000 or pongs < 20:
            client.receive_data(await stream.receive_some())
            for event in client.events():
                match event:
                    case TextMessage():
                        texts += event.data
                    case Pong():
                        pongs += 1
    assert texts == "".join(f"{number:06d}" + "." * 994 for number in range(500))
    nursery.cancel_scope.cancel()


async def test_a_client_that_does_not_read_is_dropped_and_the_next_is_served(nursery: trio.Nursery) -> None:
    served = await real(nursery)
    async with await connect_with_a_small_window(served) as stream:
        await stream.send_all(b"\x81\x85\0\0\0\0flood" * 4)
        with trio.fail_after(10):
            while served.listener.open_connections:  # noqa: ASYNC110 - nothing tells of it
                await trio.sleep(0.001)
        async with await connect(served) as other:
            assert await get(other) == "hello"
    assert served.reports == []
    nursery.cancel_scope.cancel()


# ---- containment


async def test_a_handler_that_raises_ends_its_own_connection_only(nursery: trio.Nursery) -> None:
    served = await real(nursery)
    async with open_websocket_url(url(served), subprotocols=[SUBPROTOCOL]) as other:
        async with await connect(served) as stream:
            await stream.send_all(UPGRADE)
            await stream.receive_some()
            await stream.send_all(b"\x81\x84\0\0\0\0fail")
            assert await stream.receive_some() == close_frame(1011)
        await other.send_message("still here")
        assert await other.get_message() == "still here"
    ((what, failure),) = served.reports
    assert what == "WebSocket /ws"
    assert str(failure) == "the ace of spades"
    nursery.cancel_scope.cancel()


class Failing:
    """An acceptor whose next calls fail so, and then go well."""

    address = "server:80"

    def __init__(self, acceptor: Acceptor, *numbers: int) -> None:
        self.acceptor = acceptor
        self.errors = [OSError(number, os.strerror(number)) for number in numbers]

    async def accept(self) -> SimStream:
        if self.errors:
            raise self.errors.pop(0)
        wire = await self.acceptor.accept()
        assert isinstance(wire, SimStream)
        return wire

    def close(self) -> None:
        self.acceptor.close()


async def test_a_connection_that_died_in_the_queue_does_not_hold_up_the_next(
    network: SimNetwork, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    served = Served(Failing(network.listen("server:80"), *[errno.ECONNABORTED] * 5))
    await nursery.start(served.listener.run)
    start = trio.current_time()
    assert await get(await network.connect("server:80")) == "hello"
    assert trio.current_time() == start
    nursery.cancel_scope.cancel()


async def test_a_lack_of_file_descriptors_is_waited_out(
    network: SimNetwork,
    nursery: trio.Nursery,
    autojump_clock: trio.testing.MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    served = Served(Failing(network.listen("server:80"), *[errno.EMFILE] * 20, errno.EINVAL))
    await nursery.start(served.listener.run)
    start = trio.current_time()
    assert await get(await network.connect("server:80")) == "hello"
    assert 15 < trio.current_time() - start < 25
    assert [record.getMessage() for record in caplog.records] == [
        f"cannot accept connections for now: {os.strerror(errno.EMFILE)}"
    ]
    nursery.cancel_scope.cancel()


# ---- too many


async def test_past_the_limit_a_connection_is_told_so_and_a_freed_place_is_taken(
    network: SimNetwork, nursery: trio.Nursery
) -> None:
    served = await simulated(network, nursery)
    streams = [await network.connect("server:80") for _ in range(3)]
    for stream in streams:
        assert await get(stream) == "hello"
    refused = await network.connect("server:80")
    await refused.send_all(UPGRADE)
    head, _, body = (await receive_all(refused)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 5" in head.lower()
    assert orjson.loads(body)["error"]["code"] == "too_many_connections"
    await refused.aclose()
    await streams[0].aclose()
    await trio.testing.wait_all_tasks_blocked()
    assert served.listener.open_connections == 2
    assert await get(await network.connect("server:80")) == "hello"
    nursery.cancel_scope.cancel()


async def test_a_crowd_past_the_limit_takes_up_a_bounded_number_of_tasks(
    network: SimNetwork, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    served = await simulated(network, nursery)
    streams = [await network.connect("server:80") for _ in range(200)]
    await trio.testing.wait_all_tasks_blocked()
    answers = [await stream.receive_some() for stream in streams[3:]]
    assert len([answer for answer in answers if answer]) == 64
    assert served.listener.open_connections == 3
    nursery.cancel_scope.cancel()


# ---- stopping


async def test_an_orderly_stop_refuses_the_new_and_lets_websockets_end(
    network: SimNetwork, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    start = trio.current_time()
    served = Served(network.listen("server:80"))
    stopped = trio.Event()

    async def run() -> None:
        await served.listener.run()
        stopped.set()

    nursery.start_soon(run)
    idle = await network.connect("server:80")
    assert await get(idle) == "hello"
    websocket = await network.connect("server:80")
    await websocket.send_all(UPGRADE)
    assert (await websocket.receive_some()).startswith(b"HTTP/1.1 101 ")
    served.listener.stop_accepting()
    served.listener.stop_accepting()
    assert await receive_all(idle) == b""
    await idle.aclose()
    with pytest.raises(ConnectionRefusedError):
        await network.connect("server:80")
    await websocket.send_all(b"\x81\x82\0\0\0\0hi")
    assert await websocket.receive_some() == b"\x81\x02hi"
    assert not stopped.is_set()
    nursery.start_soon(served.websockets[0].close, 1012, "restart")
    assert await websocket.receive_some() == close_frame(1012, "restart")
    await websocket.send_all(b"\x88\x80mask")
    assert await receive_all(websocket) == b""
    await websocket.aclose()
    await stopped.wait()
    assert served.listener.open_connections == 0
    assert trio.current_time() == start


async def test_a_cancelled_listener_closes_everything(network: SimNetwork, nursery: trio.Nursery) -> None:
    async with trio.open_nursery() as serving:
        await simulated(network, serving)
        websocket = await network.connect("server:80")
        await websocket.send_all(UPGRADE)
        assert (await websocket.receive_some()).startswith(b"HTTP/1.1 101 ")
        idle = await network.connect("server:80")
        await trio.testing.wait_all_tasks_blocked()
        serving.cancel_scope.cancel()
    assert await receive_all(websocket) == close_frame(1001, "the server stops")
    assert await receive_all(idle) == b""
    with pytest.raises(ConnectionRefusedError):
        await network.connect("server:80")
