"""What carries a connection's bytes: anything that can be written to without waiting (`Wire`), and a socket."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import trio

if TYPE_CHECKING:
    from collections.abc import Sequence

_KERNEL_BYTES = 128 * 1024
"""What the kernel may hold unsent for one socket. Its own bound is megabytes, in which states would grow
old."""

_MAX_BUFFERS = 512
"""What one sendmsg is given; Linux and macOS take 1024 (IOV_MAX)."""


class Wire(Protocol):
    """A duplex of bytes that can be written to without waiting: a socket, or one end of a simulated
    connection.

    Operations on a wire that was closed on this side raise trio.ClosedResourceError, on one that died
    otherwise trio.BrokenResourceError.
    """

    @property
    def peer(self) -> str:
        """Who is at the other end, for people: `HOST:PORT`."""

    @property
    def unsent(self) -> int:
        """Bytes that `send_nowait` took, and that only `wait_writable` sends now: a wire that encrypts has some."""

    def send_nowait(self, buffers: Sequence[bytes | memoryview], /) -> int:
        """Sends what the wire takes at once, and returns how many bytes that was; 0: it would block."""

    async def wait_writable(self) -> None:
        """Returns when nothing is unsent and `send_nowait` may take something."""

    async def send_eof(self) -> None:
        """The peer receives the end of the stream after what was sent; receiving goes on."""

    async def receive_some(self, max_bytes: int, /) -> bytes:
        """At least one byte and at most `max_bytes`; none at the end of the stream. Cancelled, it took
        nothing."""

    def close(self) -> None:
        """Closes at once; whoever waits is woken with ClosedResourceError. Idempotent."""


class SocketWire:
    """A connected stream socket of the operating system. It belongs to the wire from now on."""

    unsent = 0

    def __init__(self, sock: socket.socket, peer: str) -> None:
        self.peer = peer
        self._sock = sock
        self._closed = False
        sock.setblocking(False)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            with suppress(OSError):  # a peer that is gone already makes macOS refuse; reading will tell
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if hasattr(socket, "TCP_NOTSENT_LOWAT"):
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _KERNEL_BYTES)

    def send_nowait(self, buffers: Sequence[bytes | memoryview], /) -> int:
        """See `Wire`."""
        try:
            if len(buffers) == 1:
                return self._sock.send(buffers[0])
            return self._sock.sendmsg(buffers[:_MAX_BUFFERS])
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._failure() from error

    async def wait_writable(self) -> None:
        """See `Wire`."""
        self._check()
        await trio.lowlevel.wait_writable(self._sock)

    async def send_eof(self) -> None:
        """See `Wire`."""
        await trio.lowlevel.checkpoint()
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise self._failure() from error

    async def receive_some(self, max_bytes: int, /) -> bytes:
        """See `Wire`."""
        while True:
            if self._closed:
                raise self._failure()
            # Waiting comes first because there is seldom something yet: a try would be one system call for
            # nothing.
            await trio.lowlevel.wait_readable(self._sock)
            try:
                return self._sock.recv(max_bytes)
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._failure() from error

    def close(self) -> None:
        """See `Wire`."""
        if not self._closed:
            self._closed = True
            trio.lowlevel.notify_closing(self._sock)
            self._sock.close()

    def _check(self) -> None:
        if self._closed:
            raise self._failure()

    def _failure(self) -> trio.ClosedResourceError | trio.BrokenResourceError:
        if self._closed:
            return trio.ClosedResourceError("this side closed the socket")
        return trio.BrokenResourceError("the connection broke")
