from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import check_half_closeable_stream, wait_all_tasks_blocked

from net.testing.streams import Link, stream_pair
from tests.samples.receiving import receive_all

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trio.testing import MockClock

    from net.testing.streams import SimStream


async def test_it_is_a_half_closeable_stream_by_trios_own_checks(
    autojump_clock: MockClock,
) -> None:
    async def make() -> tuple[SimStream, SimStream]:
        await trio.lowlevel.checkpoint()
        return stream_pair()

    async def make_clogged() -> tuple[SimStream, SimStream]:
        client, server = await make()
        for end in (client, server):
            assert end.send_nowait([bytes(65536)]) == 65536
        return client, server

    await check_half_closeable_stream(make, make_clogged)


async def test_the_bytes_in_flight_are_bounded() -> None:
    client, server = stream_pair(Link(capacity=10))
    assert client.send_nowait([b"123456", b"789012345"]) == 10
    assert client.send_nowait([b"x"]) == 0
    assert await server.receive_some(4) == b"1234"
    assert client.send_nowait([b"abcdef"]) == 4
    assert await server.receive_some() == b"567890abcd"


async def test_a_sender_waits_until_the_reader_makes_room() -> None:
    client, server = stream_pair(Link(capacity=4))
    with trio.testing.assert_checkpoints():
        await client.wait_writable()
    client.send_nowait([b"full"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.send_all, b"more than fits")
        nursery.start_soon(client.wait_writable)
        await wait_all_tasks_blocked()
        assert nursery.child_tasks
        got = await server.receive_some()
        while len(got) < len(b"fullmore than fits"):
            got += await server.receive_some()
    assert got == b"fullmore than fits"


async def test_a_byte_takes_its_latency_and_keeps_its_place(autojump_clock: MockClock) -> None:
    client, server = stream_pair(Link(latency=0.5))
    client.send_nowait([b"one"])
    await trio.sleep(0.2)
    client.send_nowait([b"two"])
    client.close()
    start = trio.current_time()
    arrivals = []
    while part := await server.receive_some():
        arrivals.append((part, round(trio.current_time() - start, 3)))
    assert arrivals == [(b"one", 0.3), (b"two", 0.5)]


async def test_a_link_can_take_and_give_byte_by_byte() -> None:
    client, server = stream_pair(Link(send_limit=1, receive_limit=1))
    assert client.send_nowait([b"ab", b"cd"]) == 1
    assert await server.receive_some(100) == b"a"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.send_all, b"bcd")
        assert [await server.receive_some() for _ in range(3)] == [b"b", b"c", b"d"]


async def test_closing_gives_the_other_end_what_was_sent_and_then_the_end() -> None:
    client, server = stream_pair()
    server.send_nowait([b"last words"])
    server.close()
    server.close()
    assert await receive_all(client) == b"last words"
    assert await client.receive_some() == b""
    with pytest.raises(trio.BrokenResourceError):
        client.send_nowait([b"?"])
    with pytest.raises(trio.ClosedResourceError):
        server.send_nowait([b"?"])


WAITS: dict[str, Callable[[SimStream], Awaitable[object]]] = {
    "receive_some": lambda stream: stream.receive_some(),
    "send_all": lambda stream: stream.send_all(b"y"),
    "wait_writable": lambda stream: stream.wait_writable(),
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
async def test_closing_wakes_whoever_waits_on_that_end(
    wait: Callable[[SimStream], Awaitable[object]],
) -> None:
    _, server = stream_pair(Link(capacity=1))
    server.send_nowait([b"x"])

    async def waiter() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await wait(server)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(waiter)
        await wait_all_tasks_blocked()
        server.close()


async def test_a_cut_breaks_both_ends_at_once_and_loses_what_was_on_its_way() -> None:
    client, server = stream_pair()
    client.send_nowait([b"lost"])

    async def waiter() -> None:
        with pytest.raises(trio.BrokenResourceError):
            await client.receive_some()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(waiter)
        await wait_all_tasks_blocked()
        server.cut()
    with pytest.raises(trio.BrokenResourceError):
        await server.receive_some()
    for end in (client, server):
        with pytest.raises(trio.BrokenResourceError):
            end.send_nowait([b"x"])


async def test_a_half_open_connection_swallows_in_silence_until_it_is_full(
    autojump_clock: MockClock,
) -> None:
    client, server = stream_pair(Link(capacity=8))
    client.send_nowait([b"1234"])
    client.half_open()
    client.send_nowait([b"5678"])
    client.close()
    with trio.move_on_after(3600) as silence:
        await server.receive_some()
    assert silence.cancelled_caught
    assert server.send_nowait([bytes(100)]) == 8
    with trio.move_on_after(3600) as full:
        await server.wait_writable()
    assert full.cancelled_caught


async def test_a_fenced_end_has_no_effect_and_the_other_end_is_not_told(
    autojump_clock: MockClock,
) -> None:
    client, server = stream_pair()
    server.send_nowait([b"before"])
    server.fence()
    with pytest.raises(trio.BrokenResourceError):
        server.send_nowait([b"after"])
    server.close()
    assert await client.receive_some() == b"before"
    with trio.move_on_after(3600) as silence:
        await client.receive_some()
    assert silence.cancelled_caught
    server.hang_up()
    assert await client.receive_some() == b""


async def test_a_fenced_end_receives_nothing_any_more_not_even_the_end(autojump_clock: MockClock) -> None:
    client, server = stream_pair()
    with trio.move_on_after(3600) as silence:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.receive_some)
            await wait_all_tasks_blocked()
            server.fence()
            client.send_nowait([b"hello?"])
            server.hang_up()
    assert silence.cancelled_caught


async def test_fencing_wakes_whoever_waits_to_send() -> None:
    _, server = stream_pair(Link(capacity=1))
    server.send_nowait([b"x"])
    async with trio.open_nursery() as nursery:

        async def waiter() -> None:
            with pytest.raises(trio.BrokenResourceError):
                await server.wait_writable()

        nursery.start_soon(waiter)
        await wait_all_tasks_blocked()
        server.fence()


async def test_a_cancelled_receive_has_taken_nothing() -> None:
    client, server = stream_pair()
    client.send_nowait([b"kept"])
    with trio.CancelScope() as scope:
        scope.cancel()
        await server.receive_some()
    assert await server.receive_some() == b"kept"


async def test_two_receivers_at_once_are_a_bug_and_are_told_so() -> None:
    _, server = stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.receive_some)
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await server.receive_some()
        nursery.cancel_scope.cancel()


def test_ends_know_each_other_by_name() -> None:
    client, server = stream_pair(names=("alice", "croupier"))
    assert (client.peer, server.peer) == ("croupier", "alice")


@given(
    chunks=st.lists(st.binary(min_size=1, max_size=30), max_size=8),
    capacity=st.integers(1, 20),
    limits=st.tuples(*[st.none() | st.integers(1, 5)] * 2),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4),
)
async def test_whatever_the_link_every_byte_arrives_once_and_in_order(
    chunks: list[bytes], capacity: int, limits: tuple[int | None, int | None], sizes: list[int]
) -> None:
    client, server = stream_pair(Link(capacity=capacity, send_limit=limits[0], receive_limit=limits[1]))
    got = bytearray()
    async with trio.open_nursery() as nursery:

        async def send() -> None:
            for chunk in chunks:
                await client.send_all(chunk)
            await client.send_eof()

        nursery.start_soon(send)
        turn = 0
        while part := await server.receive_some(sizes[turn % len(sizes)]):
            assert len(part) <= min(sizes[turn % len(sizes)], capacity, limits[1] or 20)
            got += part
            turn += 1
    assert bytes(got) == b"".join(chunks)
