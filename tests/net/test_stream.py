"""The push stream on simulated wires that fill, crumble and die. On real sockets: `test_wire.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from net.outbox import Frame, Kind
from net.stream import PushStream
from net.testing.streams import Link, stream_pair
from tests.samples.receiving import receive_all, receive_exactly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from net.testing.streams import SimStream
    from net.wire import Wire

BOUND = 100_000
CLOSE_TIMEOUT = 5.0


def other(text: bytes) -> Frame:
    return Frame(text)


def state(text: bytes, game_id: str = "g") -> Frame:
    return Frame(text, Kind.STATE, game_id)


def connected(nursery: trio.Nursery, link: Link | None = None) -> tuple[SimStream, PushStream]:
    """A client's end, and the server's push stream."""
    client, server = stream_pair(link)
    return client, PushStream(server, nursery, max_bytes=BOUND, close_timeout=CLOSE_TIMEOUT)


class CountingWire:
    """Another wire, and how often it was written to."""

    unsent = 0

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.peer = wire.peer
        self.sends: list[int] = []

    def send_nowait(self, buffers: Sequence[bytes | memoryview]) -> int:
        sent = self.wire.send_nowait(buffers)
        self.sends.append(sent)
        return sent

    async def wait_writable(self) -> None:
        await self.wire.wait_writable()

    async def send_eof(self) -> None:
        await self.wire.send_eof()

    async def receive_some(self, max_bytes: int) -> bytes:
        return await self.wire.receive_some(max_bytes)

    def close(self) -> None:
        self.wire.close()


# ---- pushing


async def test_a_push_to_a_free_wire_leaves_at_once_and_needs_no_task(nursery: trio.Nursery) -> None:
    client, stream = connected(nursery)
    stream.push(other(b"hello"))
    assert not nursery.child_tasks
    assert await client.receive_some() == b"hello"


async def test_what_the_wire_refuses_follows_in_order_and_then_no_task_is_left(nursery: trio.Nursery) -> None:
    client, stream = connected(nursery, Link(capacity=10))
    for number in range(20):
        stream.push(other(b"<%03d>" % number))
    assert len(nursery.child_tasks) == 1
    assert await receive_exactly(client, 100) == b"".join(b"<%03d>" % number for number in range(20))
    await trio.testing.wait_all_tasks_blocked()
    assert not nursery.child_tasks
    assert stream.waiting_bytes == 0


async def test_a_stream_that_was_full_pushes_at_once_again(nursery: trio.Nursery) -> None:
    client, stream = connected(nursery, Link(capacity=4))
    stream.push(other(b"12345678"))
    await receive_exactly(client, 8)
    await trio.testing.wait_all_tasks_blocked()
    stream.push(other(b"abcd"))
    assert await client.receive_some() == b"abcd"


async def test_a_backed_up_client_gets_the_newest_state_and_every_answer(nursery: trio.Nursery) -> None:
    client, stream = connected(nursery, Link(capacity=3))
    stream.push(state(b"<s1>"))
    stream.push(state(b"<s2>"))
    stream.push(other(b"<a3>"))
    stream.push(state(b"<s3>"))
    assert await receive_exactly(client, 12) == b"<s1><a3><s3>"


async def test_states_of_one_send_are_all_sent_when_nothing_was_backed_up(nursery: trio.Nursery) -> None:
    client, stream = connected(nursery, Link(capacity=2))
    with stream.in_one_send():
        stream.push(state(b"<s1>"))
        stream.push(state(b"<s2>"))
        stream.push(state(b"<s3>"))
    assert await receive_exactly(client, 12) == b"<s1><s2><s3>"


async def test_states_of_one_send_give_way_when_the_client_is_behind(nursery: trio.Nursery) -> None:
    client, stream = connected(nursery, Link(capacity=2))
    stream.push(other(b"<a>"))
    with stream.in_one_send():
        stream.push(state(b"<s1>"))
        stream.push(state(b"<s2>"))
    assert await receive_exactly(client, 7) == b"<a><s2>"


async def test_a_state_may_be_skipped_while_no_byte_of_it_has_left_also_when_it_is_held_for_one_send(
    nursery: trio.Nursery,
) -> None:
    client, stream = connected(nursery, Link(capacity=4))
    stream.push(state(b"begun"))
    assert not stream.may_skip("g")
    with stream.in_one_send():
        stream.push(other(b"answer"))
        assert not stream.may_skip("g")
        stream.push(state(b"held"))
        assert stream.may_skip("g")
        assert not stream.may_skip("another game")
    assert stream.may_skip("g")
    assert await receive_exactly(client, len(b"begun" + b"answer" + b"held")) == b"begunanswerheld"
    assert not stream.may_skip("g")


async def test_what_is_pushed_in_one_send_is_one_write(nursery: trio.Nursery) -> None:
    client, server = stream_pair()
    wire = CountingWire(server)
    stream = PushStream(wire, nursery, max_bytes=BOUND)
    with stream.in_one_send():
        stream.push(other(b"answer"))
        with stream.in_one_send():
            stream.push(state(b"state"))
        assert wire.sends == []
    assert wire.sends == [11]
    assert await client.receive_some() == b"answerstate"


async def test_an_exception_inside_one_send_does_not_hold_the_frames_back(nursery: trio.Nursery) -> None:
    client, stream = connected(nursery)

    def answer_and_fail() -> None:
        with stream.in_one_send():
            stream.push(other(b"answer"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        answer_and_fail()
    assert await client.receive_some() == b"answer"


async def test_one_send_does_not_hold_back_without_bound(nursery: trio.Nursery) -> None:
    client, server = stream_pair(Link(capacity=2**20))
    stream = PushStream(server, nursery, max_bytes=BOUND)
    with stream.in_one_send():
        for _ in range(5):
            stream.push(other(b"x" * 100_000))
        assert stream.waiting_bytes < 300_000
    assert len(await receive_exactly(client, 500_000)) == 500_000


async def test_a_client_that_reads_too_slowly_is_dropped(nursery: trio.Nursery) -> None:
    client, stream = connected(nursery, Link(capacity=10))
    stream.push(other(b"x" * BOUND))
    stream.push(other(b"y" * 1000))
    assert stream.lost == "the peer reads too slowly"
    with pytest.raises(trio.ClosedResourceError):
        await stream.receive_some()
    assert await receive_all(client) == b"x" * 10


async def test_a_push_to_a_wire_that_died_raises_nothing(nursery: trio.Nursery) -> None:
    client, stream = connected(nursery)
    client.cut()
    stream.push(other(b"hello"))
    stream.push(other(b"again"))
    assert stream.lost == "the connection broke"
    with pytest.raises(trio.BrokenResourceError):
        await stream.receive_some()


async def test_a_wire_that_dies_while_frames_wait_loses_them_quietly(nursery: trio.Nursery) -> None:
    client, stream = connected(nursery, Link(capacity=4))
    stream.push(other(b"12345678"))
    await trio.testing.wait_all_tasks_blocked()
    client.cut()
    await trio.testing.wait_all_tasks_blocked()
    assert stream.lost == "the connection broke"
    assert not nursery.child_tasks


@settings(deadline=None, max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=15),
    capacity=st.integers(1, 50),
    send_limit=st.none() | st.integers(1, 20),
    corks=st.lists(st.booleans(), min_size=15, max_size=15),
)
def test_frames_never_tear_however_the_wire_takes_them(
    sizes: list[int], capacity: int, send_limit: int | None, corks: list[bool]
) -> None:
    frames = [bytes([65 + index % 26]) * size for index, size in enumerate(sizes)]
    received = b""

    async def main() -> None:
        nonlocal received
        async with trio.open_nursery() as nursery:
            client, stream = connected(nursery, Link(capacity=capacity, send_limit=send_limit))
            for frame, cork in zip(frames, corks, strict=False):
                if cork:
                    with stream.in_one_send():
                        stream.push(other(frame))
                        stream.push(other(b"+"))
                else:
                    nursery.start_soon(stream.send_all, frame + b"-")
                    await trio.testing.wait_all_tasks_blocked()
            received = await receive_exactly(client, sum(map(len, frames)) + len(frames))
            stream.close_now("done")

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    ends = [b"+" if cork else b"-" for cork in corks]
    assert received == b"".join(frame + end for frame, end in zip(frames, ends, strict=False))


# ---- the Trio stream


async def test_send_all_returns_when_the_wire_has_taken_everything(nursery: trio.Nursery) -> None:
    client, stream = connected(nursery, Link(capacity=4))
    sent = trio.Event()

    async def send() -> None:
        await stream.send_all(b"12345678")
        sent.set()

    nursery.start_soon(send)
    await trio.testing.wait_all_tasks_blocked()
    assert not sent.is_set()
    await receive_exactly(client, 8)
    await sent.wait()


async def test_send_all_keeps_its_place_among_pushes(nursery: trio.Nursery) -> None:
    client, stream = connected(nursery, Link(capacity=2))
    stream.push(other(b"<1>"))
    nursery.start_soon(stream.send_all, b"<2>")
    await trio.testing.wait_all_tasks_blocked()
    stream.push(other(b"<3>"))
    assert await receive_exactly(client, 9) == b"<1><2><3>"


async def test_a_cancelled_send_all_leaves_its_frame_whole(nursery: trio.Nursery) -> None:
    client, stream = connected(nursery, Link(capacity=2))
    with trio.move_on_after(0) as scope:
        await stream.send_all(b"never begun, because it was cancelled before")
    assert scope.cancelled_caught
    with trio.CancelScope() as scope:
        nursery.start_soon(_cancel_when_blocked, scope)
        await stream.send_all(b"<control>")
    assert scope.cancelled_caught
    stream.push(other(b"<next>"))
    assert await receive_exactly(client, 15) == b"<control><next>"


async def _cancel_when_blocked(scope: trio.CancelScope) -> None:
    await trio.testing.wait_all_tasks_blocked()
    scope.cancel()


async def test_send_all_lets_go_of_what_is_held_for_one_send(nursery: trio.Nursery) -> None:
    client, stream = connected(nursery)
    with stream.in_one_send():
        stream.push(other(b"<1>"))
        await stream.send_all(b"<2>")
    assert await client.receive_some() == b"<1><2>"


async def test_send_all_may_send_more_than_the_bound_for_pushes(nursery: trio.Nursery) -> None:
    client, stream = connected(nursery, Link(capacity=1000))
    nursery.start_soon(stream.send_all, b"x" * (2 * BOUND))
    assert await receive_exactly(client, 2 * BOUND) == b"x" * (2 * BOUND)
    assert stream.lost is None


async def test_a_close_wakes_whoever_sends(nursery: trio.Nursery) -> None:
    _, stream = connected(nursery, Link(capacity=2))

    async def close() -> None:
        await trio.testing.wait_all_tasks_blocked()
        stream.close_now("enough")

    nursery.start_soon(close)
    with pytest.raises(trio.ClosedResourceError, match="enough"):
        await stream.send_all(b"12345678")
    with pytest.raises(trio.ClosedResourceError):
        await stream.send_all(b"more")


async def test_send_all_to_a_wire_that_dies_raises_broken(nursery: trio.Nursery) -> None:
    client, stream = connected(nursery, Link(capacity=2))

    async def cut() -> None:
        await trio.testing.wait_all_tasks_blocked()
        client.cut()

    nursery.start_soon(cut)
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"12345678")


async def test_waiting_for_room_ends_when_nothing_waits(nursery: trio.Nursery) -> None:
    client, stream = connected(nursery, Link(capacity=2))
    stream.push(other(b"123456"))
    nursery.start_soon(receive_exactly, client, 6)
    await stream.wait_send_all_might_not_block()
    assert stream.waiting_bytes == 0


async def test_last_received_is_the_time_of_the_last_byte(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client, stream = connected(nursery)
    assert stream.last_received == trio.current_time()
    await trio.sleep(7)
    await client.send_all(b"x")
    await stream.receive_some()
    then = trio.current_time()
    await trio.sleep(7)
    await client.send_eof()
    assert await stream.receive_some() == b""
    assert stream.last_received == then


async def test_only_one_task_receives(nursery: trio.Nursery) -> None:
    _, stream = connected(nursery)
    nursery.start_soon(stream.receive_some)
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(trio.BusyResourceError):
        await stream.receive_some()
    nursery.cancel_scope.cancel()


# ---- closing


async def test_a_graceful_close_delivers_what_waits_and_waits_for_the_peer(nursery: trio.Nursery) -> None:
    client, stream = connected(nursery, Link(capacity=4))
    stream.push(other(b"goodbye, then"))
    closed = trio.Event()

    async def close() -> None:
        await stream.aclose()
        closed.set()

    nursery.start_soon(close)
    assert await receive_all(client) == b"goodbye, then"
    await client.send_all(b"bye")
    await trio.testing.wait_all_tasks_blocked()
    assert not closed.is_set()
    await client.aclose()
    await closed.wait()
    assert stream.lost == "closed"


@pytest.mark.parametrize("waits", [b"", b"x" * 100])
async def test_a_close_does_not_wait_longer_than_its_timeout_for_a_mute_peer(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, waits: bytes
) -> None:
    client, stream = connected(nursery, Link(capacity=4))
    stream.push(other(b"?" + waits))
    start = trio.current_time()
    await stream.aclose()
    assert trio.current_time() - start == CLOSE_TIMEOUT
    assert not client.closed
    assert stream.lost == "closed"


async def test_a_cancelled_close_closes_at_once(nursery: trio.Nursery) -> None:
    _, stream = connected(nursery)
    with trio.CancelScope() as scope:
        nursery.start_soon(_cancel_when_blocked, scope)
        await stream.aclose()
    assert scope.cancelled_caught
    assert stream.lost == "closed"


async def test_nothing_leaves_after_a_close(nursery: trio.Nursery) -> None:
    client, stream = connected(nursery)
    nursery.start_soon(stream.aclose)
    await trio.testing.wait_all_tasks_blocked()
    stream.push(other(b"late"))
    with pytest.raises(trio.ClosedResourceError):
        await stream.send_all(b"later")
    assert await receive_all(client) == b""
    await client.aclose()


async def test_closing_twice_is_closing_once(nursery: trio.Nursery) -> None:
    client, stream = connected(nursery)
    await client.aclose()
    await stream.aclose()
    await stream.aclose()
    stream.close_now("again")
    assert stream.lost == "closed"
