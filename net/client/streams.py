"""How a client gets at a server's bytes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

import trio

Connector: TypeAlias = Callable[[], Awaitable[trio.abc.Stream]]
"""Opens a fresh stream to the server. Raises OSError when it cannot."""


def tcp(host: str, port: int) -> Connector:
    """Connects to that port by TCP."""
    return partial(trio.open_tcp_stream, host, port)


class Tap(trio.abc.Stream):
    """A stream that hands everything on, keeps what was received when asked to, and tells when nothing more will be.

    trio-websocket needs the last: waiting for the server's handshake, it does not notice that the stream ends.
    """

    def __init__(self, stream: trio.abc.Stream, *, record: bool) -> None:
        self.received = bytearray()
        self.ended = trio.Event()
        self._stream = stream
        self._record = record

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """See `trio.abc.SendStream`."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """See `trio.abc.SendStream`."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """See `trio.abc.ReceiveStream`."""
        try:
            data = await self._stream.receive_some(max_bytes)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.ended.set()
            raise
        if not data:
            self.ended.set()
        if self._record:
            self.received += data
        return data

    async def aclose(self) -> None:
        """See `trio.abc.AsyncResource`."""
        self.ended.set()
        await self._stream.aclose()
