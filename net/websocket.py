"""WebSockets for a server (RFC 6455): what is accepted, and one accepted connection.

A connection is read by the task that handles what it says, without a task, a queue or a lock in between, and written
to from wherever there is something to write: `net.frames` makes and reads the frames, `net.stream` carries them.
Whatever a peer does stays with its own connection. No extension is ever agreed on: compressed sizes tell what hidden
things look like.
"""

from __future__ import annotations

import base64
import binascii
from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

import trio
from attrs import frozen
from wsproto.utilities import generate_accept_token

from net.frames import PING_FRAME, FrameReader, Over, Pinged, close_frame, encode_pong
from net.http import error_response
from net.outbox import Frame, Kind
from net.stream import RECEIVE_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractContextManager

    from net.frames import TooLarge
    from net.http import Report, Request, Response
    from net.stream import PushStream

SocketHandler: TypeAlias = "Callable[[Request, WebSocket], Awaitable[None]]"

_NORMAL, _GOING_AWAY, _ABNORMAL, _INTERNAL_ERROR = 1000, 1001, 1006, 1011
_PING: Final = Frame(PING_FRAME)
_CONTROL_RATE: Final = 1024
"""Bytes of control frames that a peer may send in a second without ever sending a message."""

# ---- what is accepted


@frozen
class Accept:
    """This request becomes a WebSocket, which `handler` has until it returns."""

    handler: SocketHandler
    subprotocol: str | None = None


class SocketRoutes:
    """WebSocket handlers by path; tells what becomes of a request for a WebSocket."""

    def __init__(self) -> None:
        self._table: dict[str, Accept] = {}

    def add(self, path: str, handler: SocketHandler, *, subprotocol: str | None = None) -> None:
        """With a `subprotocol`, only clients that offer it are accepted; it is then chosen."""
        if self._table.setdefault(path, accept := Accept(handler, subprotocol)) is not accept:
            raise ValueError(f"{path} has a handler")

    def __call__(self, request: Request) -> Response | Accept:
        """What accepts the request, or its refusal."""
        accept = self._table.get(request.path)
        if accept is None:
            return error_response(404, "not_found", "there is no WebSocket at this path")
        refusal = refuse_handshake(request)
        if refusal is not None:
            return refusal
        wanted = accept.subprotocol
        if wanted is not None and wanted not in request.tokens("sec-websocket-protocol"):
            message = f"offer the subprotocol {wanted}"
            return error_response(400, "subprotocol_required", message, {"subprotocol": wanted})
        return accept

    async def upgrade_required(self, request: Request) -> Response:
        """An HTTP handler for a path that is a WebSocket's."""
        headers = (("Upgrade", "websocket"), ("Connection", "upgrade"))
        return error_response(426, "upgrade_required", "this path is for WebSockets", headers=headers)


def refuse_handshake(request: Request) -> Response | None:
    """The refusal of a request that is not an opening handshake (RFC 6455, section 4.2.1); None when it is
    one."""
    if request.header("sec-websocket-version") != "13":
        headers = (("Sec-WebSocket-Version", "13"), ("Upgrade", "websocket"), ("Connection", "upgrade"))
        return error_response(426, "upgrade_required", "only version 13 is spoken here", headers=headers)
    checks = {
        "the method must be GET": request.method == "GET",
        "there must be no body": not request.body,
        "Connection must name upgrade": "upgrade" in [t.lower() for t in request.tokens("connection")],
        "Sec-WebSocket-Key must be 16 bytes in Base64": _is_key(request.header("sec-websocket-key") or ""),
    }
    wrong = [what for what, holds in checks.items() if not holds]
    return error_response(400, "bad_request", "; ".join(wrong)) if wrong else None


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


# ---- one connection


@frozen
class SocketLimits:
    """What one WebSocket may take: bytes of a message, and seconds for the closing handshake."""

    message_bytes: int = 65536
    handshake_timeout: float = 5.0


class ConnectionLost(Exception):
    """The connection is over: the peer closed it, it broke, or this side closed it. `code` is the close code
    (1006: there was none)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason


class WebSocket:
    """One accepted WebSocket. It is read by whoever receives: its handler always does, or pings stay unanswered. `peer`
    is who is at the other end, for people."""

    def __init__(self, stream: PushStream, limits: SocketLimits, peer: str) -> None:
        self.peer = peer
        self._stream = stream
        self._timeout = limits.handshake_timeout
        self._reader = FrameReader(limits.message_bytes)
        self._messages: deque[str | bytes | TooLarge] = deque()
        self._flood = _Flood(limits.message_bytes, stream.last_received)
        self._over: Over | None = None
        self._ended = False  # whether nothing is read any more
        self._deaf = False
        self._close_sent = self._closing = False
        self._reading = self._finishing = False
        self._finished = trio.Event()
        self._turns = trio.lowlevel.ParkingLot()

    @property
    def last_received(self) -> float:
        """When the last byte came, on Trio's clock."""
        return self._stream.last_received

    # ---- sending, which never blocks and never raises; on a connection that is over nothing happens

    def push(self, frame: Frame) -> None:
        """Sends an encoded frame, now or after what waits. A peer that reads too slowly is dropped."""
        if not self._close_sent:
            self._stream.push(frame)

    def push_text(self, frame: bytes, kind: Kind = Kind.OTHER, game_id: str = "") -> None:
        """Sends what `encode_text_frame` made, as `push` does."""
        if not self._close_sent:
            self._stream.push(Frame(frame, kind, game_id))

    def in_one_send(self) -> AbstractContextManager[None]:
        """What is pushed inside leaves in one write; see `PushStream.in_one_send`."""
        return self._stream.in_one_send()

    def ping(self) -> None:
        """Sends a ping. Whether an answer came, `last_received` tells."""
        self.push(_PING)

    # ---- receiving

    async def receive(self) -> str | bytes | TooLarge:
        """The next message: text or binary. Raises ConnectionLost, once all that was received is read.
        Cancelled, no message is lost."""
        if self._messages:
            await trio.lowlevel.checkpoint()  # many may have come at once, and others want their turn
        while self._closing or not self._messages:
            if self._ended:
                raise self._lost()
            await self._read()
            if self._closing:
                raise self._lost()
        return self._messages.popleft()

    async def _read(self) -> None:
        """Reads once, or waits until another task has."""
        if self._reading:
            await self._turns.park()
            return
        self._reading = True
        try:
            data = await self._stream.receive_some()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            data = b""
        finally:
            self._reading = False
            if self._turns:
                self._turns.unpark_all()
        if not data or self._deaf:
            self._ended = True
        else:
            self._take_in(data)

    def _take_in(self, data: bytes) -> None:
        for incoming in self._reader.feed(data):
            if isinstance(incoming, Pinged):
                self.push(Frame(encode_pong(incoming.payload)))
            elif isinstance(incoming, Over):
                self._over, self._ended = incoming, True
                self._say_farewell(incoming.farewell)
            else:
                self._messages.append(incoming)
        if self._messages:
            self._flood.is_none(self._stream.last_received)
        elif self._flood.goes_on(len(data), self._stream.last_received):
            self._stream.close_now("the peer sends bytes and no messages")
            self._ended = True

    def _lost(self) -> ConnectionLost:
        if self._over is None:
            return ConnectionLost(_ABNORMAL, self._stream.lost or "closed")
        return ConnectionLost(self._over.code, self._over.reason or self._stream.lost or "closed")

    # ---- closing

    def hang_up(self, code: int, reason: str) -> None:
        """Says goodbye and listens no more: with the next bytes that come, an answer or the flood that goes on,
        whoever receives gets ConnectionLost, and nothing is read out of them. Never blocks; nothing happens on a
        connection that is over."""
        self._send_close(code, reason)
        self._deaf = True

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Says goodbye, waits at most `handshake_timeout` seconds for the peer to do so too, and closes.
        Messages that still come are thrown away. Cancelled, it closes at once. Idempotent."""
        self._send_close(code, reason)
        try:
            with trio.move_on_after(self._timeout):
                while not self._ended:
                    await self._read()
                    self._messages.clear()
                await self._finish()
        finally:
            self.close_now("closed")

    def close_now(self, reason: str) -> None:
        """Closes at once, without a word to the peer; whoever receives gets ConnectionLost. Idempotent."""
        self._stream.close_now(reason)

    def _send_close(self, code: int, reason: str) -> None:
        if not (self._close_sent or self._ended):
            self._say_farewell(close_frame(code, reason))
            self._closing = True

    def _say_farewell(self, frame: bytes) -> None:
        if not self._close_sent:
            self._stream.push(Frame(frame))
            self._close_sent = True

    async def _finish(self) -> None:
        """Nothing is read any more; the connection ends in order if it still can."""
        if self._finishing:  # another task is at it
            await self._finished.wait()
            return
        self._finishing = True
        try:
            goodbye = self._over is not None and self._over.goodbye
            if goodbye and not self._stream.waiting_bytes:
                # At once (RFC 6455, section 5.5.1): there are clients that never look at the connection again.
                self._stream.close_now("closed")
            await self._stream.aclose()
        finally:
            self._finished.set()


class _Flood:
    """Tells a peer that sends bytes without end and never a message: every fragment is kept, and an empty one adds
    nothing to the size that is bounded."""

    def __init__(self, message_bytes: int, now: float) -> None:
        # The largest message that is read to its end: four times the characters, of four bytes.
        self._most = 2 * RECEIVE_BYTES + 16 * message_bytes
        self.is_none(now)

    def is_none(self, now: float) -> None:
        """A message came."""
        self._bytes = 0
        self._since = now

    def goes_on(self, count: int, now: float) -> bool:
        """So many bytes came without a message; whether that is too much."""
        self._bytes += count
        return self._bytes > self._most + _CONTROL_RATE * (now - self._since)


def _handshake(request: Request, subprotocol: str | None) -> bytes:
    """The server's half of the opening handshake (RFC 6455, section 4.2.2); no extension is agreed on."""
    accept = generate_accept_token((request.header("sec-websocket-key") or "").encode())
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept.decode()}",
    ]
    if subprotocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


async def serve_websocket(
    stream: PushStream, request: Request, accept: Accept, *, limits: SocketLimits, report: Report
) -> None:
    """Makes the connection a WebSocket, gives it to the handler, and closes it when that returns: with 1000,
    or with 1011 when it raised, which is reported. The stream must have come from
    `net.conversation.serve_connection`, and `request` have passed `refuse_handshake`.

    Cancelled: the peer gets 1001 if it can be told at once, and the connection is closed.
    """
    websocket = WebSocket(stream, limits, request.peer)
    stream.push(Frame(_handshake(request, accept.subprotocol)))
    try:
        await websocket.close(await _handled(accept.handler, request, websocket, report))
    finally:
        websocket._send_close(_GOING_AWAY, "the server stops")
        websocket.close_now("the server stops")


async def _handled(handler: SocketHandler, request: Request, websocket: WebSocket, report: Report) -> int:
    """Runs the handler; the code to close with."""
    try:
        await handler(request, websocket)
    except ConnectionLost:
        pass
    except Exception as failure:
        fault = failure.split(ConnectionLost)[1] if isinstance(failure, ExceptionGroup) else failure
        if fault is not None:
            report(f"WebSocket {request.path}", fault)
            return _INTERNAL_ERROR
    return _NORMAL
