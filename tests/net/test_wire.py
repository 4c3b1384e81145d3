"""The socket wire, by itself and under a push stream, on real loopback sockets."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress

import pytest
import trio
import trio.testing

from net.outbox import Frame, Kind
from net.stream import PushStream
from net.wire import SocketWire
from tests.samples.receiving import receive_all

BOUND = 100_000


def socket_pair(receive_buffer: int | None = None) -> tuple[socket.socket, socket.socket]:
    """A client's and a server's connected TCP socket on the loopback."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        client = socket.socket()
        if receive_buffer is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.connect(listening.getsockname())
        server, _ = listening.accept()
    return client, server


async def test_a_full_kernel_takes_the_rest_when_the_client_reads(nursery: trio.Nursery) -> None:
    client, server = socket_pair(receive_buffer=4096)
    with client:
        stream = PushStream(SocketWire(server, "c"), nursery, max_bytes=2**24)
        frames = [b"%06d" % number + b"." * 994 for number in range(2000)]
        for frame in frames:
            stream.push(Frame(frame))
        assert stream.waiting_bytes > 0
        received = await trio.to_thread.run_sync(_read_exactly, client, 2_000_000)
        assert received == b"".join(frames)
        stream.close_now("done")


def _read_exactly(sock: socket.socket, count: int) -> bytes:
    sock.settimeout(30)
    with sock.makefile("rb") as file:
        return file.read(count)


async def test_a_full_kernel_holds_little_so_that_states_do_not_grow_old_in_it(nursery: trio.Nursery) -> None:
    client, server = socket_pair(receive_buffer=4096)
    with client:
        stream = PushStream(SocketWire(server, "c"), nursery, max_bytes=2**24)
        for number in range(4000):
            stream.push(Frame(b"%06d" % number + b"." * 994, Kind.STATE, "g"))
        assert 0 < stream.waiting_bytes <= 2000
        stream.close_now("done")
        received = await trio.to_thread.run_sync(_read_exactly, client, 4_000_000)
        assert len(received) < 2_000_000


async def test_thousands_of_frames_leave_in_one_send(nursery: trio.Nursery) -> None:
    client, server = socket_pair()
    with client:
        stream = PushStream(SocketWire(server, "c"), nursery, max_bytes=2**20)
        with stream.in_one_send():
            for _ in range(3000):
                stream.push(Frame(b"123456"))
        assert await trio.to_thread.run_sync(_read_exactly, client, 18_000) == b"123456" * 3000
        stream.close_now("done")


async def test_a_reset_socket_is_broken(nursery: trio.Nursery) -> None:
    client, server = socket_pair()
    stream = PushStream(SocketWire(server, "c"), nursery, max_bytes=BOUND)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    with pytest.raises(trio.BrokenResourceError):
        await stream.receive_some()
    stream.push(Frame(b"nobody"))
    assert stream.lost == "the connection broke"


async def test_closing_a_socket_wakes_whoever_receives(nursery: trio.Nursery) -> None:
    client, server = socket_pair()
    with client:
        stream = PushStream(SocketWire(server, "c"), nursery, max_bytes=BOUND)

        async def close() -> None:
            await trio.testing.wait_all_tasks_blocked()
            stream.close_now("enough")

        nursery.start_soon(close)
        with pytest.raises(trio.ClosedResourceError):
            await stream.receive_some()


async def test_a_closed_socket_wire_says_so_to_every_operation() -> None:
    client, server = socket_pair()
    with client:
        wire = SocketWire(server, "c")
        wire.close()
        wire.close()
        with pytest.raises(trio.ClosedResourceError):
            wire.send_nowait([b"x"])
        with pytest.raises(trio.ClosedResourceError):
            await wire.wait_writable()
        with pytest.raises(trio.ClosedResourceError):
            await wire.receive_some(1)
        with pytest.raises(trio.ClosedResourceError):
            await wire.send_eof()


async def test_the_last_words_arrive_though_the_peer_sent_what_nobody_read(nursery: trio.Nursery) -> None:
    client, server = socket_pair()
    stream = PushStream(SocketWire(server, "c"), nursery, max_bytes=BOUND)
    ours = trio.SocketStream(trio.socket.from_stdlib_socket(client))

    async def chatter() -> None:
        with suppress(trio.ClosedResourceError):
            await ours.send_all(b"x" * 300_000)

    nursery.start_soon(chatter)
    await trio.testing.wait_all_tasks_blocked()
    stream.push(Frame(b"too much"))
    async with trio.open_nursery() as both:
        both.start_soon(stream.aclose)
        assert await receive_all(ours) == b"too much"
        await ours.aclose()
