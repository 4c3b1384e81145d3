"""TLS on simulated wires that fill, crumble and die, with Trio's own TLS for a client."""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from net.certificates import Certificate
from net.outbox import Frame, Kind
from net.stream import PushStream
from net.testing.streams import Link, stream_pair
from net.tls import HandshakeFailed, TlsWire
from tests.samples.receiving import receive_all, receive_exactly

if TYPE_CHECKING:
    from net.testing.streams import SimStream

FILES = Path(__file__).parent / "tls"
SERVER = Certificate(FILES / "localhost.crt", FILES / "localhost.key")
BOUND = 100_000


def client_context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(FILES / "localhost.crt"))


async def secured(
    link: Link | None = None, context: ssl.SSLContext | None = None
) -> tuple[trio.SSLStream[SimStream], TlsWire, SimStream]:
    """A client and a server that have shaken hands, and the server's wire beneath."""
    ours, theirs = stream_pair(link)
    client = trio.SSLStream(ours, context or client_context(), server_hostname="localhost")
    wire = TlsWire(theirs, SERVER.context)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.do_handshake)
        nursery.start_soon(wire.handshake)
    return client, wire, theirs


async def pushing(
    nursery: trio.Nursery, link: Link | None = None
) -> tuple[trio.SSLStream[SimStream], PushStream, SimStream]:
    client, wire, beneath = await secured(link)
    return client, PushStream(wire, nursery, max_bytes=BOUND, close_timeout=5.0), beneath


# ---- the handshake


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_of_this_version_is_spoken_in_both_directions(version: ssl.TLSVersion, nursery: trio.Nursery) -> None:
    context = client_context()
    context.minimum_version = context.maximum_version = version
    client, wire, _ = await secured(context=context)
    stream = PushStream(wire, nursery, max_bytes=BOUND)
    assert client.version() == version.name.replace("_", ".").replace("TLSv1.", "TLSv1.")
    assert client.compression() is None
    await client.send_all(b"ping")
    assert await receive_exactly(stream, 4) == b"ping"
    stream.push(Frame(b"pong"))
    assert await receive_exactly(client, 4) == b"pong"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_an_older_tls_is_refused() -> None:
    context = client_context()
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    ours, theirs = stream_pair()
    client = trio.SSLStream(ours, context, server_hostname="localhost")
    async with trio.open_nursery() as nursery:

        async def refused() -> None:
            with pytest.raises(trio.BrokenResourceError):
                await client.do_handshake()

        nursery.start_soon(refused)
        with pytest.raises(HandshakeFailed, match="UNSUPPORTED_PROTOCOL"):
            await TlsWire(theirs, SERVER.context).handshake()


@pytest.mark.parametrize(
    ("sent", "plain_http"),
    [(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", True), (b"\x00" * 100, False), (b"SSH-2.0-x\r\n" * 5, False), (b"", False)],
)
async def test_a_peer_that_speaks_no_tls_is_told_apart(sent: bytes, plain_http: bool) -> None:
    ours, theirs = stream_pair()
    await ours.send_all(sent)
    await ours.send_eof()
    with pytest.raises(HandshakeFailed) as failed:
        await TlsWire(theirs, SERVER.context).handshake()
    assert failed.value.plain_http is plain_http


async def test_a_peer_that_is_gone_breaks_the_handshake() -> None:
    _, theirs = stream_pair()
    theirs.cut()
    with pytest.raises(trio.BrokenResourceError):
        await TlsWire(theirs, SERVER.context).handshake()


@settings(max_examples=20)
@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 300))
def test_a_handshake_gets_through_any_wire(send_limit: int, receive_limit: int, capacity: int) -> None:
    async def main() -> None:
        client, wire, _ = await secured(
            Link(capacity=capacity, send_limit=send_limit, receive_limit=receive_limit, latency=0.01)
        )
        async with trio.open_nursery() as nursery:
            stream = PushStream(wire, nursery, max_bytes=BOUND)
            nursery.start_soon(client.send_all, b"x" * 500)
            assert await receive_exactly(stream, 500) == b"x" * 500
            stream.push(Frame(b"y" * 500))
            assert await receive_exactly(client, 500) == b"y" * 500

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


# ---- sending


@settings(max_examples=30)
@given(
    st.lists(st.binary(min_size=1, max_size=40_000), min_size=1, max_size=5),
    st.integers(500, 70_000),
    st.one_of(st.none(), st.integers(300, 5000)),
)
def test_what_is_pushed_arrives_whole_and_in_order(frames: list[bytes], capacity: int, send_limit: int | None) -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            client, wire, _ = await secured(Link(capacity=capacity, send_limit=send_limit))
            stream = PushStream(wire, nursery, max_bytes=10**6)
            for frame in frames:
                stream.push(Frame(frame))
            assert await receive_exactly(client, sum(map(len, frames))) == b"".join(frames)
            await trio.testing.wait_all_tasks_blocked()
            assert stream.waiting_bytes == 0
            assert not nursery.child_tasks

    trio.run(main)


async def test_a_push_to_a_free_wire_leaves_at_once_and_needs_no_task(nursery: trio.Nursery) -> None:
    client, stream, _ = await pushing(nursery)
    stream.push(Frame(b"hello"))
    assert not nursery.child_tasks
    assert await receive_exactly(client, 5) == b"hello"


async def test_the_last_record_leaves_when_the_kernel_has_room_again(nursery: trio.Nursery) -> None:
    client, stream, _ = await pushing(nursery, Link(capacity=1000))
    stream.push(Frame(b"x" * 3000))
    assert stream.waiting_bytes > 0
    assert await receive_exactly(client, 3000) == b"x" * 3000
    await trio.testing.wait_all_tasks_blocked()
    assert stream.waiting_bytes == 0
    assert not nursery.child_tasks


async def test_a_backed_up_client_gets_the_newest_state_and_every_answer(nursery: trio.Nursery) -> None:
    client, stream, _ = await pushing(nursery, Link(capacity=1000))
    filler = Frame(b"." * 20_000)
    stream.push(filler)
    for number in range(5):
        stream.push(Frame(b"<s%d>" % number, Kind.STATE, "g"))
        stream.push(Frame(b"<a%d>" % number))
    stream.push(Frame(b"<over>", Kind.GAME_OVER, "g"))
    expected = filler.data + b"<a0><a1><a2><a3><s4><a4><over>"
    assert await receive_exactly(client, len(expected)) == expected


async def test_a_client_that_reads_nothing_is_dropped_at_the_bound(nursery: trio.Nursery) -> None:
    _, stream, beneath = await pushing(nursery, Link(capacity=1000))
    for _ in range(2000):
        stream.push(Frame(b"." * 1000))
        if stream.lost:
            break
        assert stream.waiting_bytes <= BOUND + 20_000
    assert stream.lost == "the peer reads too slowly"
    assert beneath.closed


async def test_small_frames_of_one_send_share_a_record(nursery: trio.Nursery) -> None:
    client, wire, beneath = await secured()
    stream = PushStream(wire, nursery, max_bytes=BOUND)
    await client.send_all(b"x")
    await stream.receive_some()
    with stream.in_one_send():
        for _ in range(10):
            stream.push(Frame(b"x" * 100))
    records: list[int] = []
    client_end = client.transport_stream
    while sum(records) < 1000:
        head = await receive_exactly(client_end, 5)
        size = int.from_bytes(head[3:], "big")
        await receive_exactly(client_end, size)
        records.append(size)
    assert max(records) > 1000
    assert beneath.peer == stream.peer


# ---- receiving


async def test_a_cancelled_receive_has_taken_nothing(nursery: trio.Nursery) -> None:
    client, stream, _ = await pushing(nursery, Link(receive_limit=10))
    for _ in range(20):
        with trio.move_on_after(0):
            await stream.receive_some()
    await client.send_all(b"whole")
    await client.send_all(b"some")
    got = b""
    while len(got) < 9:
        with trio.CancelScope() as scope:
            nursery.start_soon(cancel_soon, scope)
            got += await stream.receive_some(3)
    assert got == b"wholesome"


async def cancel_soon(scope: trio.CancelScope) -> None:
    await trio.lowlevel.checkpoint()
    scope.cancel()


async def test_the_end_of_the_stream_with_and_without_a_goodbye(nursery: trio.Nursery) -> None:
    client, stream, _ = await pushing(nursery)
    await client.send_all(b"last")
    nursery.start_soon(client.aclose)
    assert await receive_all(stream) == b"last"
    client, stream, _ = await pushing(nursery)
    await client.transport_stream.send_eof()
    assert await stream.receive_some() == b""


async def test_bytes_that_were_tampered_with_break_the_connection(nursery: trio.Nursery) -> None:
    client, stream, _ = await pushing(nursery)
    await client.transport_stream.send_all(b"\x17\x03\x03\x00\x20" + b"\x00" * 32)
    with pytest.raises(trio.BrokenResourceError):
        await stream.receive_some()
    assert stream.lost == "the connection broke"


# ---- closing


async def test_closing_says_goodbye_after_all_that_was_pushed(nursery: trio.Nursery, autojump_clock: object) -> None:
    client, stream, _ = await pushing(nursery, Link(capacity=500))
    stream.push(Frame(b"x" * 30_000))
    nursery.start_soon(stream.aclose)
    assert await receive_all(client) == b"x" * 30_000  # Trio's TLS raises when there is no goodbye
    await client.aclose()


async def test_closing_waits_for_a_mute_client_no_longer_than_it_may(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    _, stream, beneath = await pushing(nursery, Link(capacity=500))
    stream.push(Frame(b"x" * 30_000))
    began = trio.current_time()
    await stream.aclose()
    assert trio.current_time() - began == pytest.approx(5.0)
    assert beneath.closed


async def test_closing_at_once_says_goodbye_to_a_client_that_is_up_to_date(nursery: trio.Nursery) -> None:
    client, stream, _ = await pushing(nursery)
    stream.push(Frame(b"bye"))
    stream.close_now("closed")
    assert await receive_all(client) == b"bye"


async def test_closing_wakes_whoever_receives(nursery: trio.Nursery) -> None:
    _, stream, _ = await pushing(nursery)

    async def receive() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await stream.receive_some()

    async with trio.open_nursery() as tasks:
        tasks.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        stream.close_now("closed")
    stream.push(Frame(b"nobody hears"))
    with pytest.raises(trio.ClosedResourceError):
        await stream.send_all(b"x")


async def test_nothing_is_left_unsent_on_a_wire_that_is_closed() -> None:
    _, wire, _ = await secured(Link(capacity=100))
    with suppress(trio.BrokenResourceError):
        wire.send_nowait([b"x" * 1000])
    assert wire.unsent > 0
    wire.close()
    assert wire.unsent == 0
    with pytest.raises(trio.ClosedResourceError):
        wire.send_nowait([b"x"])
    with pytest.raises(trio.ClosedResourceError):
        await wire.wait_writable()
    wire.close()
