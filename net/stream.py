"""The stream that writes frames to a connection (`net.wire.Wire`) without waiting: `PushStream`.

The measurement behind it (shared/bench/limit_direct.py): a frame that is sent from the task that made it
costs less than half of what a task of its own, a lock and a copy cost. So `push` offers the bytes to the
kernel at once, and only what the kernel refuses is queued, for a task that lives as long as something waits.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING

import trio

from net.outbox import Frame, Kind, Outbox, Overflow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from net.outbox import Drops
    from net.wire import Wire

RECEIVE_BYTES = 65536
"""How much is read at once."""

_HELD_BYTES = 256 * 1024
"""What one send holds back at most before it begins to leave."""


class PushStream(trio.abc.Stream):
    """A Trio stream over a wire, to which frames can be pushed without waiting.

    Everything that is written goes through one outbox, so that frames never interleave and never tear: what
    `push` was given, and what `send_all` was given. The peer that reads so slowly that more than `max_bytes`
    of pushed frames would wait is dropped; `drops` counts that.

    The task that writes what the kernel refused runs in `nursery`, which must outlive the stream. As long as
    nothing waits there is no such task.
    """

    def __init__(
        self,
        wire: Wire,
        nursery: trio.Nursery,
        *,
        max_bytes: int,
        close_timeout: float = 5.0,
        drops: Drops | None = None,
    ) -> None:
        self.last_received = trio.current_time()
        self.lost: str | None = None
        self._wire = wire
        self._nursery = nursery
        self._close_timeout = close_timeout
        self._outbox = Outbox(max_bytes, drops)
        self._progress = trio.lowlevel.ParkingLot()
        self._open = True
        self._broken = False
        self._flushing = False
        self._receiving = False
        self._cork = _Cork(self)
        self._corks = 0
        self._held: list[Frame] = []
        self._held_bytes = 0
        if wire.unsent:
            self._flush_soon()

    @property
    def peer(self) -> str:
        """Who is at the other end, for people: `HOST:PORT`."""
        return self._wire.peer

    @property
    def waiting_bytes(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return self._outbox.size + self._held_bytes + self._wire.unsent

    # ---- sending without waiting

    def push(self, frame: Frame) -> None:
        """Sends the frame now, or after what waits already. Never blocks and never raises: on a stream that
        is closed, or lost, nothing happens."""
        if not self._open:
            return
        if self._corks:
            self._held.append(frame)
            self._held_bytes += len(frame.data)
            if self._held_bytes > _HELD_BYTES:
                self._release()
        elif self._outbox.size:
            self._queue(frame)
        else:
            sent = self._offer((frame.data,))
            if sent < len(frame.data):
                self._queue(frame, begun=sent)

    def may_skip(self, game_id: str) -> bool:
        """Whether a state of this game waits of which no byte has left, so that it may give way to a newer one; one
        that is held back for one send counts as well."""
        return self._outbox.may_skip(game_id) or any(
            frame.kind is Kind.STATE and frame.game_id == game_id for frame in self._held
        )

    def in_one_send(self) -> AbstractContextManager[None]:
        """What is pushed inside leaves when the context ends, in one write if the kernel takes it. Contexts
        nest; the outermost counts. Do not wait for anything inside: other tasks' frames are held back too."""
        return self._cork

    def _release(self) -> None:
        held, self._held, self._held_bytes = self._held, [], 0
        if not (held and self._open):
            return
        sent = 0 if self._outbox.size else self._offer([frame.data for frame in held])
        # Frames of one send that the kernel took no part of yet do not give way to each other: the socket was
        # not backed up when they were pushed.
        backed_up = bool(self._outbox)
        for frame in held:
            if sent >= len(frame.data):
                sent -= len(frame.data)
            else:
                self._queue(frame, begun=sent, coalesce=backed_up)
                sent = 0

    def _offer(self, buffers: Sequence[bytes | memoryview]) -> int:
        """What the wire takes at once, in bytes; a wire that is dead loses everything, as a cut cable
        does."""
        try:
            sent = self._wire.send_nowait(buffers)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._break()
            return 0
        if self._wire.unsent:
            self._flush_soon()
        return sent

    def _queue(self, frame: Frame, *, begun: int = 0, coalesce: bool = True, bounded: bool = True) -> int | None:
        """The frame's ticket; None when it was not queued because the stream is lost, or by that is."""
        if self.lost is not None:
            return None
        try:
            ticket = self._outbox.add(frame, coalesce=coalesce, begun=begun, bounded=bounded)
        except Overflow:
            self.close_now("the peer reads too slowly")
            return None
        self._flush_soon()
        return ticket

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._nursery.start_soon(self._flush, name=f"flush {self.peer}")

    def _is_waiting(self) -> bool:
        return bool(self._outbox or self._wire.unsent)

    async def _flush(self) -> None:
        """Writes what waits, as the kernel takes it, and ends."""
        try:
            while self._is_waiting():
                await self._wire.wait_writable()
                # A close while this task waited has emptied the outbox, and then there is nothing to take.
                if self._outbox and (sent := self._offer(self._outbox.take())):
                    self._outbox.wrote(sent)
                self._progress.unpark_all()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._break()
        finally:
            self._flushing = False

    # ---- a Trio stream

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Sends the bytes as one frame that nothing comes between, and returns when the kernel has taken
        them.

        Raises ClosedResourceError, BrokenResourceError. Cancelled while it waits: the bytes stay queued,
        whole. They do not count towards the bound, because the sender waits.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if not self._open:
            raise self._failure()
        self._release()
        frame = Frame(bytes(data))
        sent = 0 if self._outbox or not frame.data else self._offer((frame.data,))
        ticket = self._queue(frame, begun=sent, bounded=False) if sent < len(frame.data) else None
        self._check()
        await trio.lowlevel.cancel_shielded_checkpoint()
        while ticket is not None and not self._outbox.is_written(ticket):
            self._check()
            await self._progress.park()

    async def wait_send_all_might_not_block(self) -> None:
        """Returns when nothing waits. Raises ClosedResourceError, BrokenResourceError."""
        await trio.lowlevel.checkpoint()
        self._check()
        while self._is_waiting():
            await self._progress.park()
            self._check()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """At least one byte and at most `max_bytes`; none at the end of the stream. Records `last_received`.

        Raises ClosedResourceError, BrokenResourceError, and BusyResourceError when another task is receiving.
        Cancelled, it took nothing.
        """
        if self._receiving:
            raise trio.BusyResourceError("another task is receiving from this stream")
        limit = RECEIVE_BYTES if max_bytes is None else max_bytes
        if self.lost is not None:
            raise self._failure()
        self._receiving = True
        try:
            data = await self._wire.receive_some(limit)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._break()
            raise self._failure() from None
        finally:
            self._receiving = False
        if data:
            self.last_received = trio.current_time()
        return data

    # ---- closing

    def close_now(self, reason: str) -> None:
        """Closes forcefully; what waits is lost, whoever waits is woken. `lost` keeps the first reason.
        Idempotent."""
        if self.lost is None:
            self.lost = reason
            self._open = False
            self._held.clear()
            self._held_bytes = 0
            self._outbox.clear()
            self._wire.close()
            self._progress.unpark_all()

    async def aclose(self) -> None:
        """Closes gracefully within `close_timeout` seconds, and else, or cancelled, forcefully.

        What waits is written, then the end of the stream; then what the peer still sends is read and thrown
        away until it has closed too. Without that, closing with bytes unread resets the connection, and the
        peer may never see the last thing that it was told (RFC 9112, section 9.6). What is pushed from now on
        is lost. Idempotent.
        """
        try:
            if self.lost is None:
                self._release()
                self._open = False
                with trio.move_on_after(self._close_timeout):
                    await self._finish()
        finally:
            self.close_now("closed")
        await trio.lowlevel.checkpoint()

    async def _finish(self) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while self._is_waiting():
                await self._progress.park()
                self._check()
            await self._wire.send_eof()
            # A task that is receiving at this moment would be robbed; it will see the wire closed instead.
            while not self._receiving and await self._wire.receive_some(RECEIVE_BYTES):
                pass

    def _break(self) -> None:
        if self.lost is None:
            self._broken = True
            self.close_now("the connection broke")

    def _check(self) -> None:
        if self.lost is not None:
            raise self._failure()

    def _failure(self) -> trio.ClosedResourceError | trio.BrokenResourceError:
        return (trio.BrokenResourceError if self._broken else trio.ClosedResourceError)(self.lost or "closing")


class _Cork(AbstractContextManager[None]):
    """Counts how many `in_one_send` contexts of a stream are open; one object serves them all."""

    __slots__ = ("_stream",)

    def __init__(self, stream: PushStream) -> None:
        self._stream = stream

    def __enter__(self) -> None:
        self._stream._corks += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stream._corks -= 1
        if not self._stream._corks:
            self._stream._release()
