"""TLS under the push stream: a wire over a wire, on `ssl.MemoryBIO`, so that writing still waits for nothing.

What is waiting to be written waits as frames in the outbox above, where states can still give way to newer ones. Here
lies at most one record that the kernel has not taken whole.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import trio

from net.stream import RECEIVE_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from net.wire import Wire

_RECORD_BYTES: Final = 16384
"""What one TLS record holds at most (RFC 8446, section 5.1)."""

_MOST_REPLIES: Final = 65536
"""Bytes of TLS's own that wait for a peer which asks for them (new keys, say) and reads none."""


class HandshakeFailed(Exception):
    """The peer and we did not agree on TLS; the text is OpenSSL's name of the reason. `plain_http`: it asked for
    something without TLS."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.plain_http = reason == "HTTP_REQUEST"


class TlsWire:
    """A server's end of TLS; a `net.wire.Wire` once `handshake` is done. The wire beneath belongs to it from now on.

    A peer that ends the connection without TLS's own goodbye has ended it all the same: what is spoken on it knows by
    itself whether it is complete.
    """

    def __init__(self, wire: Wire, context: ssl.SSLContext) -> None:
        self.peer = wire.peer
        self._wire = wire
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._record = memoryview(b"")
        self._agreed = self._closed = False

    # ---- before all

    async def handshake(self) -> None:
        """Agrees with the peer on TLS; its last words may be unsent then. Raises HandshakeFailed, BrokenResourceError,
        ClosedResourceError; then, and when it is cancelled, the wire is good for nothing but to be closed."""
        while not self._agreed:
            try:
                self._tls.do_handshake()
                self._agreed = True
            except ssl.SSLWantReadError:
                await self._send_unsent()
                await self._fill()
            except ssl.SSLError as error:
                with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    self._offer()  # the alert that says why
                raise HandshakeFailed(_reason(error)) from None
        # Not waited for: a client may send before it reads, and what goes last are tickets, which it may never want.
        self._offer()

    # ---- sending

    @property
    def unsent(self) -> int:
        """See `net.wire.Wire`."""
        return 0 if self._closed else len(self._record) + self._outgoing.pending

    def send_nowait(self, buffers: Sequence[bytes | memoryview], /) -> int:
        """See `net.wire.Wire`. Small buffers share a record."""
        self._check()
        self._offer()
        data = _Joined(buffers)
        while not self.unsent and (piece := data.next(_RECORD_BYTES)):
            self._encrypt(piece)
            self._offer()
        return data.taken

    def _encrypt(self, data: bytes | memoryview) -> None:
        rest = memoryview(data)
        while rest:  # more than once where the peer asked for smaller records
            try:
                rest = rest[self._tls.write(rest) :]
            except ssl.SSLError as error:
                raise trio.BrokenResourceError(_reason(error)) from error

    async def wait_writable(self) -> None:
        """See `net.wire.Wire`."""
        self._check()
        await self._wire.wait_writable()
        await self._send_unsent()

    async def send_eof(self) -> None:
        """See `net.wire.Wire`; TLS's goodbye goes first (RFC 8446, section 6.1)."""
        self._check()
        self._say_goodbye()
        await self._send_unsent()
        await self._wire.send_eof()

    def _offer(self) -> None:
        """Sends what is encrypted, as far as the wire beneath takes it at once."""
        while self.unsent:
            if not self._record:
                self._record = memoryview(self._outgoing.read())
            self._record = self._record[self._wire.send_nowait((self._record,)) :]
            if self._record:
                return

    async def _send_unsent(self) -> None:
        self._offer()
        while self.unsent:
            await self._wire.wait_writable()
            self._offer()

    # ---- receiving

    async def receive_some(self, max_bytes: int, /) -> bytes:
        """See `net.wire.Wire`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        while True:
            self._check()
            try:
                data = self._tls.read(min(max_bytes, _RECORD_BYTES))
            except ssl.SSLWantReadError:
                self._reply()
                await self._fill()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                data = b""
                break
            except ssl.SSLError as error:
                self._reply()
                raise trio.BrokenResourceError(_reason(error)) from error
            else:
                break
        await trio.lowlevel.cancel_shielded_checkpoint()
        return data

    def _reply(self) -> None:
        """Sends what TLS answers by itself; what the peer does not take goes out with what is sent next."""
        self._offer()
        if self.unsent > _MOST_REPLIES:
            raise trio.BrokenResourceError("the peer takes no replies")

    async def _fill(self) -> None:
        """Waits for bytes of the peer. Cancelled, none are lost."""
        if data := await self._wire.receive_some(RECEIVE_BYTES):
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    # ---- closing

    def close(self) -> None:
        """See `net.wire.Wire`. A peer that is up to date is told goodbye, if that needs no waiting."""
        if not self._closed:
            if self._agreed and not self.unsent:
                with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    self._say_goodbye()
                    self._offer()
            self._closed = True
            self._wire.close()

    def _say_goodbye(self) -> None:
        # Its other half, to wait for the peer's goodbye, is left to whoever receives.
        with suppress(ssl.SSLError):
            self._tls.unwrap()

    def _check(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this side closed the connection")


class _Joined:
    """Buffers as one, of which pieces are taken. A piece that lies in one buffer is not copied."""

    def __init__(self, buffers: Sequence[bytes | memoryview]) -> None:
        self.taken = 0
        self._buffers = buffers
        self._index = 0
        self._offset = 0

    def next(self, most: int) -> bytes | memoryview:
        """The next bytes, `most` at most; none when there are no more."""
        parts: list[memoryview] = []
        room = most
        while room and self._index < len(self._buffers):
            part = memoryview(self._buffers[self._index])[self._offset : self._offset + room]
            self._offset += len(part)
            room -= len(part)
            parts.append(part)
            if self._offset == len(self._buffers[self._index]):
                self._index, self._offset = self._index + 1, 0
        self.taken += most - room
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _reason(error: ssl.SSLError) -> str:
    return error.reason or type(error).__name__
