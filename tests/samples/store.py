"""A line to a store that can be tampered with, and a store that says what the test wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
import trio.testing

from net.resp import pack

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Line(trio.abc.Stream):
    """A stream to the store through a `Proxy`."""

    def __init__(self, proxy: Proxy, inner: trio.abc.Stream) -> None:
        self._proxy = proxy
        self._inner = inner
        self._cut = trio.Event()
        self._held = b""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Sends, or swallows what is to arrive late."""
        if self._cut.is_set():
            raise trio.BrokenResourceError("cut")
        if self._proxy.hold_writes:
            self._held += bytes(data)
            self._proxy.held.set()
            return
        await self._proxy.before_sending(bytes(data))
        await self._inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """It never blocks for long."""
        await self._inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receives, unless the reply is to be lost, and the line with it."""
        data: list[bytes | bytearray] = []
        async with trio.open_nursery() as nursery:

            async def receive() -> None:
                data.append(await self._inner.receive_some(max_bytes))
                nursery.cancel_scope.cancel()

            async def cut() -> None:
                await self._cut.wait()
                nursery.cancel_scope.cancel()

            nursery.start_soon(receive)
            nursery.start_soon(cut)
        if not data or self._cut.is_set():
            raise trio.BrokenResourceError("cut")
        if self._proxy.lose_replies:
            self._proxy.lost.set()
            self.cut()
            raise trio.BrokenResourceError("the reply was lost")
        return bytes(data[0])

    async def aclose(self) -> None:
        """Our side is gone; what is held of it may still arrive."""
        self.cut()
        if not self._held:
            await self._inner.aclose()

    def cut(self) -> None:
        """The client sees a broken line from now on."""
        self._cut.set()

    async def deliver(self) -> None:
        """What was held arrives at the store after all; returns when the store has answered."""
        held, self._held = self._held, b""
        await self._inner.send_all(held)
        await self._inner.receive_some()
        await self._inner.aclose()

    async def close(self) -> None:
        """What is held never arrives."""
        await self._inner.aclose()


class Proxy:
    """Gives out lines to a store.

    `hold_writes`: what is sent is accepted, and arrives when `Line.deliver` is called. `lose_replies`: the
    next reply is lost, and the line with it; then `lost` is set. `before_sending` is awaited with all that goes out."""

    def __init__(self, connect: Callable[[], Awaitable[trio.abc.Stream]]) -> None:
        self._connect = connect
        self.lines: list[Line] = []
        self._more = trio.Event()
        self.hold_writes = False
        self.held = trio.Event()
        self.lose_replies = False
        self.lost = trio.Event()
        self.refuse = False
        self.before_sending: Callable[[bytes], Awaitable[None]] = _nothing

    async def connect(self) -> trio.abc.Stream:
        """A fresh line."""
        if self.refuse:
            raise OSError("the store is away")
        line = Line(self, await self._connect())
        self.lines.append(line)
        self._more.set()
        self._more = trio.Event()
        return line

    async def given_out(self, count: int) -> None:
        """Waits until that many lines have been given out."""
        while len(self.lines) < count:
            await self._more.wait()

    async def close(self) -> None:
        """Closes all lines, for good."""
        for line in self.lines:
            await line.close()


async def _nothing(data: bytes) -> None:
    pass


class ScriptedStore:
    """A store on memory streams. It answers the setup of each connection; all else the test answers."""

    def __init__(self) -> None:
        self.connections: list[trio.abc.Stream] = []
        self.received: list[bytes] = []

    async def connect(self) -> trio.abc.Stream:
        """A connection whose setup is answered."""
        client, server = trio.testing.memory_stream_pair()
        self.connections.append(server)
        ended = b":0\r\n" if len(self.connections) > 1 else b""
        await server.send_all(b"+PONG\r\n:%d\r\n" % len(self.connections) + ended)
        return client

    async def expect(self, *words: str) -> None:
        """Reads on, on the newest connection, until this command has come."""
        wanted = pack([words])
        seen = b""
        while wanted not in seen:
            seen += await self.connections[-1].receive_some()
        self.received.append(seen)

    async def answer(self, reply: bytes) -> None:
        """Sends these bytes on the newest connection."""
        await self.connections[-1].send_all(reply)

    async def cut(self) -> None:
        """Closes the newest connection."""
        await self.connections[-1].aclose()
