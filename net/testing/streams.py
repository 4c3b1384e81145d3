"""A simulated duplex byte stream: bounded, with latency, partial delivery, and the ways in which a connection
dies.

One connection is two pipes; each of its ends is a `SimStream`, which is a Trio stream and a `net.wire.Wire`
in one. Nothing here uses a thread, a socket or the real clock, so a test under
`MockClock(autojump_threshold=0)` takes no real time and goes the same way twice.
"""

from __future__ import annotations

import math
import operator
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio
from attrs import define, field, frozen, validators

from net.testing.trace import Kind, Trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_END = b""
"""The chunk that ends a pipe; no other chunk is empty."""

_RECEIVE_SIZE = 65536


@frozen
class Link:
    """What a connection is like, in either direction.

    `capacity` bounds the bytes that were sent and are not received yet. `latency` is in seconds. `send_limit`
    and `receive_limit` are the most bytes that one call takes or gives: with 1, everything is delivered byte
    by byte.
    """

    capacity: int = field(default=65536, validator=validators.ge(1))
    latency: float = field(default=0.0, validator=validators.ge(0.0))
    send_limit: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    receive_limit: int | None = field(default=None, validator=validators.optional(validators.ge(1)))


@define(eq=False)
class _Pipe:
    """One direction of a connection, from `writer` to `reader`: the bytes on their way, each chunk with the time of its
    arrival."""

    link: Link
    writer: str
    reader: str
    trace: Trace
    connection: int
    broken: bool = field(default=False, init=False)
    ended: bool = field(default=False, init=False)
    changed: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)
    _chunks: deque[tuple[float, bytes]] = field(factory=deque, init=False)
    _size: int = field(default=0, init=False)
    _stalled: bool = field(default=False, init=False)

    def room(self) -> int:
        """How many bytes one `write` would take now."""
        free = self.link.capacity - self._size
        return free if self.link.send_limit is None else min(free, self.link.send_limit)

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Takes as many of the bytes as there is room for; returns how many."""
        taken = bytes(data[: self.room()])
        if taken:
            self._tell(Kind.SENT, taken)
            self._put(taken)
            self._size += len(taken)
        return len(taken)

    def arrival(self) -> float:
        """When there will be something to read, on Trio's clock; never (infinity) as long as nothing is
        sent."""
        return self._chunks[0][0] if self._chunks and not self._stalled else math.inf

    def read(self, max_bytes: int) -> bytes:
        """What has arrived, at most `max_bytes`; empty at the end of the stream. Not before `arrival`."""
        most = max_bytes if self.link.receive_limit is None else min(max_bytes, self.link.receive_limit)
        got = bytearray()
        while len(got) < most and self.arrival() <= trio.current_time() and self._chunks[0][1] != _END:
            arrival, chunk = self._chunks.popleft()
            part = chunk[: most - len(got)]
            got += part
            if len(part) < len(chunk):
                self._chunks.appendleft((arrival, chunk[len(part) :]))
        self._size -= len(got)
        self.changed.unpark_all()
        return bytes(got)

    def end(self) -> None:
        """No more will be written: the reader gets what is on its way, and then the end of the stream."""
        if not (self.ended or self.broken):
            self.ended = True
            self._tell(Kind.ENDED)
            self._put(_END)

    def abandon(self) -> None:
        """Nobody reads any more, so that writing fails, unless no word of that gets through."""
        if not self._stalled:
            self.sever()

    def sever(self) -> None:
        """What is on its way is lost; reading and writing fail."""
        if not self.broken:
            self._tell(Kind.BROKE)
        self.broken = True
        self._chunks.clear()
        self._size = 0
        self.changed.unpark_all()

    def stall(self) -> None:
        """From now on nothing arrives; the writer sees a pipe that fills up."""
        if not self._stalled:
            self._tell(Kind.WENT_DEAF)
        self._stalled = True

    def _put(self, chunk: bytes) -> None:
        last = self._chunks[-1][0] if self._chunks else -math.inf
        self._chunks.append((max(last, trio.current_time() + self.link.latency), chunk))
        self.changed.unpark_all()

    def _tell(self, kind: Kind, data: bytes = b"") -> None:
        self.trace.note(kind, self.writer, self.reader, data, self.connection)


@define(eq=False)
class SimStream(trio.abc.HalfCloseableStream):
    """One end of a simulated connection, a Trio stream and a `net.wire.Wire` in one.

    As on Trio's streams, what was closed on this side raises ClosedResourceError, what died otherwise raises
    BrokenResourceError, and a second task that sends or receives at the same time gets BusyResourceError. A
    cancelled `receive_some` has taken nothing; a cancelled `send_all` may have sent a part.
    """

    peer: str
    _outgoing: _Pipe
    _incoming: _Pipe
    _closed: bool = field(default=False, init=False)
    _fenced: bool = field(default=False, init=False)
    _busy: set[str] = field(factory=set, init=False)

    # ---- sending

    @property
    def unsent(self) -> int:
        """None: what is taken is on its way."""
        return 0

    def send_nowait(self, buffers: Iterable[bytes | memoryview]) -> int:
        """Sends what the connection takes at once and returns how many bytes that was; 0: it would block."""
        self._check_sending()
        sent = 0
        for buffer in buffers:
            taken = self._outgoing.write(buffer)
            sent += taken
            # The limit of the link is one for the call, not one for each buffer.
            if taken < len(buffer) or self._outgoing.link.send_limit is not None:
                break
        return sent

    async def wait_writable(self) -> None:
        """Returns when `send_nowait` would take something. Raises as that does."""
        await trio.lowlevel.checkpoint()
        self._check_sending()
        while self._outgoing.room() <= 0:
            await self._outgoing.changed.park()
            self._check_sending()

    async def wait_send_all_might_not_block(self) -> None:
        """See `trio.abc.SendStream`."""
        with self._alone("send"):
            await self.wait_writable()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Returns when the connection has taken every byte. Cancelled, it may have taken a part of them."""
        with self._alone("send"), memoryview(data) as rest:
            await trio.lowlevel.checkpoint()
            self._check_sending()
            sent = 0
            while sent < len(rest):
                await self.wait_writable()
                sent += self._outgoing.write(rest[sent:])

    async def send_eof(self) -> None:
        """The other end receives the end of the stream after what was sent; receiving goes on."""
        with self._alone("send"):
            await trio.lowlevel.checkpoint()
            if not self._outgoing.ended:
                self._check_sending()
                self._outgoing.end()

    # ---- receiving

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """At least one byte and at most `max_bytes`; none at the end of the stream. Cancelled, it took
        nothing."""
        most = _RECEIVE_SIZE if max_bytes is None else operator.index(max_bytes)
        if most < 1:
            raise ValueError("max_bytes must be at least 1")
        with self._alone("receive"):
            await trio.lowlevel.checkpoint()
            self._check_receiving()
            while (arrival := self._arrival()) > trio.current_time():
                with trio.move_on_at(arrival):
                    await self._incoming.changed.park()
                self._check_receiving()
            return self._incoming.read(most)

    # ---- closing, and dying

    @property
    def connection(self) -> int:
        """The number of the connection in its trace."""
        return self._outgoing.connection

    @property
    def closed(self) -> bool:
        """Whether this end was closed."""
        return self._closed

    async def aclose(self) -> None:
        """Closes this end; the other end gets what was sent, and then the end of the stream. Idempotent."""
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """The same as `aclose`, at once. Whoever waits on this end is woken with ClosedResourceError.
        Idempotent."""
        if not self._closed:
            self._closed = True
            if not self._fenced:
                self.hang_up()
            self._wake()

    def fence(self) -> None:
        """From now on nothing that this end does has an effect: sending fails, and nothing is received any more, not
        even an end.

        The other end is not told, and what was sent before is still on its way to it. Idempotent.
        """
        self._fenced = True
        self._outgoing.changed.unpark_all()

    def hang_up(self) -> None:
        """What a kernel does for a process that died: the other end gets what was sent, then the end of the
        stream, and fails to send. Works on a fenced end too. Idempotent."""
        self._outgoing.end()
        self._incoming.abandon()

    def cut(self) -> None:
        """Breaks the connection for both ends at once; what was on its way is lost. Idempotent."""
        self._outgoing.sever()
        self._incoming.sever()

    def half_open(self) -> None:
        """From now on nothing gets through, in either direction, and neither end is told. Idempotent."""
        self._outgoing.stall()
        self._incoming.stall()

    def _check_sending(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this end was closed")
        if self._fenced:
            raise trio.BrokenResourceError("the process at this end is dead")
        if self._outgoing.ended:
            raise trio.ClosedResourceError("this end said that it would send no more")
        if self._outgoing.broken:
            raise trio.BrokenResourceError("the connection is gone")

    def _check_receiving(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this end was closed")
        if self._incoming.broken and not self._fenced:
            raise trio.BrokenResourceError("the connection is gone")

    def _arrival(self) -> float:
        return math.inf if self._fenced else self._incoming.arrival()

    def _wake(self) -> None:
        self._outgoing.changed.unpark_all()
        self._incoming.changed.unpark_all()

    @contextmanager
    def _alone(self, what: str) -> Iterator[None]:
        if what in self._busy:
            raise trio.BusyResourceError(f"another task is using this stream to {what}")
        self._busy.add(what)
        try:
            yield
        finally:
            self._busy.remove(what)


def stream_pair(
    link: Link | None = None, *, names: tuple[str, str] = ("client", "server"), trace: Trace | None = None
) -> tuple[SimStream, SimStream]:
    """Two connected ends; `names` are theirs, each is the other's `peer`. What goes over them is told to `trace`."""
    link = Link() if link is None else link
    trace = Trace() if trace is None else trace
    number = trace.next_connection()
    one, other = names
    there, back = _Pipe(link, one, other, trace, number), _Pipe(link, other, one, trace, number)
    return SimStream(names[1], there, back), SimStream(names[0], back, there)
