"""RESP on one Trio stream, from its first command to its first fault.

Callers append packed commands to one buffer; one task writes the whole buffer, one task reads and gives
replies out in order. So a hundred callers cost one system call, and a lone one waits for nobody.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import hiredis
import trio

from net.resp import CommandRefused, OutOfStep, pack

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actors.meter import Histogram
    from actors.ports import CrashPoints
    from net.resp import Command, Pipeline, Reply, Slot

READ_SIZE = 64 * 1024


class Connection:
    """A stream with its pipeline, its writer and its reader. It ends at the first fault, and `fail` is
    final."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        pipeline: Pipeline,
        timeout: float,
        on_failure: Callable[[str], None],
        crash_points: CrashPoints,
        batches: Histogram,
    ) -> None:
        self._stream = stream
        self._pipeline = pipeline
        self._timeout = timeout
        self._on_failure = on_failure
        self._crash_points = crash_points
        self._batches = batches
        self._failed = False
        self._writer = trio.lowlevel.ParkingLot()
        # Its deadline is when the next reply is due; there is none while no reply is owed.
        self._patience = trio.CancelScope()

    def add(self, packed: bytes, slot: Slot) -> None:
        self._pipeline.add(packed, slot)
        if self._writer:
            self._writer.unpark_all()

    def fail(self, why: str) -> None:
        if self._failed:
            return
        self._failed = True
        # First nobody finds this connection any more; then those who waited for it hear.
        self._on_failure(why)
        self._pipeline.fail(why)
        self._patience.cancel()

    async def run(self) -> None:
        """Writes and reads until the connection fails."""
        with self._patience:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._until_it_breaks, self._write)
                nursery.start_soon(self._until_it_breaks, self._read)
        if self._patience.cancelled_caught:
            self.fail(f"no reply for {self._timeout:g} s")

    async def _until_it_breaks(self, pump: Callable[[], Awaitable[None]]) -> None:
        try:
            await pump()
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError, OutOfStep) as error:
            self.fail(reason_of(error))

    async def _write(self) -> None:
        while True:
            while not self._pipeline.has_unsent:
                await self._writer.park()
            if not self._pipeline.awaits_replies:
                self._patience.deadline = trio.current_time() + self._timeout
            self._batches.add(self._pipeline.unsent_calls)
            batch = self._pipeline.take()
            self._crash_points.reach("store.writing")
            replies = self._pipeline.replies
            await self._stream.send_all(batch)
            # The reader runs beside us, and may have had a reply before the stream said that all was written.
            if self._pipeline.replies == replies:
                self._crash_points.reach("store.written")

    async def _read(self) -> None:
        while data := await self._stream.receive_some(READ_SIZE):
            if self._pipeline.feed(bytes(data)):
                self._crash_points.reach("store.replied")
                owed = self._pipeline.awaits_replies
                self._patience.deadline = trio.current_time() + self._timeout if owed else inf
        self.fail("the server closed the connection")


async def ask(stream: trio.abc.Stream, *commands: Command) -> list[Reply]:
    """Sends these commands on a stream that nothing else uses, and returns their replies, errors among them.

    Raises trio.BrokenResourceError when the stream breaks, ends, or carries no RESP. Cancelled: the stream is
    out of step, and good for nothing but closing.
    """
    reader = hiredis.Reader(replyError=CommandRefused, notEnoughData=stream)
    await stream.send_all(pack(commands))
    replies: list[Reply] = []
    while len(replies) < len(commands):
        data = await stream.receive_some(READ_SIZE)
        if not data:
            raise trio.BrokenResourceError("the server closed the connection")
        reader.feed(bytes(data))
        try:
            while (reply := reader.gets()) is not stream:
                replies.append(reply)
        except hiredis.ProtocolError as error:
            raise trio.BrokenResourceError(f"this is no Redis: {error}") from None
    return replies


def reason_of(error: Exception) -> str:
    """What ended a connection, for people."""
    return str(error) or (str(error.__cause__) if error.__cause__ else type(error).__name__)
