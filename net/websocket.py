"""One WebSocket of a server (RFC 6455), from the handshake that was let in (`net.handshake`) to its end.

The handshake, pongs, fragments, the closing handshake and whatever a peer does wrong are trio-websocket's, which owns
the connection and reads it. Of what it reads, messages in plain frames are taken out before it sees them (`net.frames`)
and handed straight to whom they are for, in its reader's task: through its own queue each would wake one more task, and
be parsed at four times the cost. Data frames that go out are ours too, encoded once and pushed to the stream, and so is
what happens when a peer or trio-websocket misbehaves: nothing of that gets past its own connection.
"""

from __future__ import annotations

import logging
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

import trio
from attrs import frozen
from trio_websocket import ConnectionClosed

from net.frames import CLOSE, PING_FRAME, PlainFrames, TooLarge, close_frame
from net.handshake import opening_handshake, shake_hands
from net.outbox import Frame, Kind
from net.stream import RECEIVE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from trio_websocket import WebSocketConnection

    from net.frames import Message
    from net.handshake import Accept, SocketHandler
    from net.http import Report, Request
    from net.stream import PushStream

_AT_ONCE: Final = 16
"""Messages of one read that are handed over in one go."""

_NORMAL, _GOING_AWAY, _PROTOCOL_ERROR, _ABNORMAL, _TOO_BIG, _INTERNAL_ERROR = 1000, 1001, 1002, 1006, 1009, 1011
_VIOLATIONS: Final = frozenset({1002, 1007})
_PING: Final = Frame(PING_FRAME)
_CONTROL_RATE: Final = 1024
"""Bytes of control frames that a peer may send in a second without ever sending a message."""

logger = logging.getLogger(__name__)


@frozen
class SocketLimits:
    """What one WebSocket may take: bytes of a message, messages that are received but not read yet, and
    seconds for either handshake."""

    message_bytes: int = 65536
    queue: int = 8
    handshake_timeout: float = 5.0


class ConnectionLost(Exception):
    """The connection is over: the peer closed it, it broke, or this side closed it. `code` is the close code
    (1006: there was none)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason


class WebSocket:
    """One accepted WebSocket. Its handler always receives or listens, or pings stay unanswered. `peer` is who is at the
    other end, for people."""

    def __init__(self, stream: PushStream, limits: SocketLimits, peer: str) -> None:
        self.peer = peer
        self._stream = stream
        self._lent = _LentStream(self, stream, limits)
        self._limits = limits
        self._connection: WebSocketConnection | None = None
        self._closing = False
        self._ended = trio.Event()
        # Messages that came in plain frames, past trio-websocket's queue: whom they go to, else where they wait.
        self._listener: Callable[[Message], None] | None = None
        self._messages: deque[Message] = deque()
        self._waiting: trio.CancelScope | None = None
        self._fault: Exception | None = None

    @property
    def last_received(self) -> float:
        """When the last byte came, on Trio's clock."""
        return self._stream.last_received

    # ---- sending, which never blocks and never raises; on a connection that is over nothing happens

    def push(self, frame: Frame) -> None:
        """Sends an encoded frame, now or after what waits. A peer that reads too slowly is dropped."""
        if not self._lent.close_sent:
            self._stream.push(frame)

    def push_text(self, frame: bytes, kind: Kind = Kind.OTHER, game_id: str = "") -> None:
        """Sends what `encode_text_frame` made, as `push` does."""
        if not self._lent.close_sent:
            self._stream.push(Frame(frame, kind, game_id))

    def may_skip(self, game_id: str) -> bool:
        """Whether a state of this game waits that would give way to a newer one."""
        return self._stream.may_skip(game_id)

    def in_one_send(self) -> AbstractContextManager[None]:
        """What is pushed inside leaves in one write; see `PushStream.in_one_send`."""
        return self._stream.in_one_send()

    def ping(self) -> None:
        """Sends a ping. Whether an answer came, `last_received` tells."""
        self.push(_PING)

    # ---- receiving

    async def receive(self) -> Message:
        """The next message: text or binary. Raises ConnectionLost, once all that was received is read.
        Cancelled, no message is lost."""
        assert self._connection is not None
        while True:
            if self._closing:
                self._messages.clear()
            if self._messages:
                await trio.lowlevel.checkpoint()
                if self._messages:
                    self._lent.make_room()
                    return self._messages.popleft()
            with trio.CancelScope() as self._waiting:
                return await self._next()
            if self._closing:
                raise self._lost()

    async def listen(self, listener: Callable[[Message], None]) -> NoReturn:
        """Calls `listener` with every message from now on, mostly in the task that reads the connection, so that no
        other has to be woken for it. Raises ConnectionLost, once all that was received was listened to, and what
        `listener` raises. Cancelled, it is not called any more."""
        while self._messages and not self._closing:
            listener(self._messages.popleft())
        self._messages.clear()
        self._lent.make_room()
        self._listener = listener
        try:
            while self._fault is None:
                with trio.CancelScope() as self._waiting:
                    listener(await self._next())
                if self._waiting.cancelled_caught and self._closing:
                    raise self._lost()
            raise self._fault
        finally:
            self._listener = None

    async def _next(self) -> Message:
        """The next message that trio-websocket has read."""
        assert self._connection is not None
        try:
            message = await self._connection.get_message()
        except ConnectionClosed:
            raise self._lost() from None
        self._lent.note_message()
        if self._closing:
            raise self._lost()
        size = len(message) if isinstance(message, bytes) or message.isascii() else len(message.encode())
        return TooLarge(message, size) if size > self._limits.message_bytes else message

    def _hand_over(self, messages: list[Message]) -> None:
        """Messages that came in plain frames, in the task that reads."""
        for message in messages:
            if self._closing:  # whoever receives is told so with these bytes
                break
            if self._listener is None:
                self._messages.append(message)
                continue
            try:
                self._listener(message)
            except Exception as fault:
                self._fault, self._listener = fault, _forget
        if (self._closing or self._fault is not None or self._messages) and self._waiting is not None:
            self._waiting.cancel()

    def _lost(self) -> ConnectionLost:
        closed = None if self._connection is None else self._connection.closed
        if closed is None:
            return ConnectionLost(_ABNORMAL, self._stream.lost or "closed")
        return ConnectionLost(int(closed.code), closed.reason or self._stream.lost or "closed")

    # ---- closing

    def hang_up(self, code: int, reason: str) -> None:
        """Says goodbye and listens no more: with the next bytes that come, an answer or the flood that goes on,
        whoever receives gets ConnectionLost, and nothing is read out of them. Never blocks; nothing happens on a
        connection that is over."""
        self._send_close(code, reason)
        self._lent.deaf = True

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Says goodbye, waits at most `handshake_timeout` seconds for the peer to do so too, and closes.
        Messages that still come are thrown away. Cancelled, it closes at once. Idempotent."""
        self._send_close(code, reason)
        try:
            with trio.move_on_after(self._limits.handshake_timeout):
                await self._discard_messages()
                await self._ended.wait()
        finally:
            self.close_now("closed")

    def close_now(self, reason: str) -> None:
        """Closes at once, without a word to the peer; whoever receives gets ConnectionLost. Idempotent."""
        self._stream.close_now(reason)

    def _send_close(self, code: int, reason: str) -> None:
        if self._lent.close_sent or self._lent.ended:
            return
        closed = None if self._connection is None else self._connection.closed
        if closed is not None and closed.code in _VIOLATIONS:
            # trio-websocket hangs up on a peer that breaks the protocol, without telling it why.
            code, reason = int(closed.code), closed.reason or ""
        self._stream.push(Frame(close_frame(code, reason)))
        self._lent.close_sent = self._closing = True

    async def _discard_messages(self) -> None:
        # The reader would otherwise wait for room in the queue, and not come to the peer's close frame.
        assert self._connection is not None
        self._listener = _forget
        self._messages.clear()
        self._lent.make_room()
        with suppress(ConnectionClosed):
            while True:
                await self._connection.get_message()

    # ---- what trio-websocket does, and what it leaves undone

    async def _read(self, request: Request, subprotocol: str | None, *, task_status: trio.TaskStatus[bool]) -> None:
        """Does the handshake, tells whether it worked, and reads until the connection is over. Raises
        nothing."""
        self._lent.head = opening_handshake(request, subprotocol)
        try:
            async with trio.open_nursery() as nursery:
                with trio.fail_after(self._limits.handshake_timeout):
                    self._connection = await shake_hands(nursery, self._lent, self._limits, subprotocol)
                task_status.started(True)
        except Exception:
            # A peer can bring it about (a ping while its own too large message is refused), so it is no
            # fault.
            logger.debug("reading from %s ended with an exception", self.peer, exc_info=True)
        try:
            await self._finish()
        finally:
            self._ended.set()
        if self._connection is None:
            task_status.started(False)

    async def _finish(self) -> None:
        """The reader is done; the connection ends in order if it still can."""
        if self._connection is None:
            self._stream.close_now("the handshake failed")
        self._send_close(_PROTOCOL_ERROR, "")
        if self._said_goodbye and not self._stream.waiting_bytes:
            # At once (RFC 6455, section 5.5.1): there are clients that never look at the connection again.
            self._stream.close_now("closed")
        await self._stream.aclose()

    @property
    def _said_goodbye(self) -> bool:
        """Whether the peer's close frame came: nothing that counts can follow it."""
        closed = None if self._connection is None else self._connection.closed
        return closed is not None and closed.code not in {_ABNORMAL, _TOO_BIG, *_VIOLATIONS}


def _forget(_: Message) -> None:
    """Listens to nothing."""


class _LentStream(trio.abc.Stream):
    """The stream as trio-websocket has it. Its frames go out as pushed ones, so that its reader never waits
    for a peer that does not read; nothing follows a close frame; and when it closes, the stream stays open
    for ours.

    A peer that sends bytes without end and never a message is cut off: trio-websocket keeps every fragment,
    and an empty one adds nothing to the size that it bounds.
    """

    def __init__(self, websocket: WebSocket, stream: PushStream, limits: SocketLimits) -> None:
        self.close_sent = False
        self.deaf = False
        self.ended = False
        self.head = b""
        """What is received before all that the stream has."""
        self._websocket = websocket
        self._stream = stream
        self._plain = PlainFrames(limits.message_bytes)
        self._queue = limits.queue
        self._room: trio.Event | None = None
        self._returned = False
        # Unread messages of the largest size that is read to its end (four times the characters, of four
        # bytes).
        self._most = 2 * RECEIVE_BYTES + 16 * (limits.queue + 1) * limits.message_bytes
        self.note_message()

    def note_message(self) -> None:
        """A message was received."""
        self._bytes = 0
        self._since = self._stream.last_received

    def make_room(self) -> None:
        """Somebody reads: what has come in plain frames does not hold up the reader any more."""
        if self._room is not None:
            self._room.set()
            self._room = None

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        if self._returned or self._stream.lost is not None:
            raise trio.ClosedResourceError
        if data and not self.close_sent:
            self.close_sent = data[0] == CLOSE
            self._stream.push(Frame(bytes(data)))

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if self._returned:
            raise trio.ClosedResourceError
        if self.head:
            await trio.lowlevel.checkpoint()
            data, self.head = self.head, b""
            return data
        while True:
            data = await self._stream.receive_some(max_bytes)
            if self.deaf:
                data = b""
            if not data:
                self.ended = True
                return data
            self._bytes += len(data)
            messages, left = self._plain.feed(data)
            if messages:
                self.note_message()
                if len(messages) == 1:  # as nearly always
                    self._websocket._hand_over(messages)
                else:
                    await self._hand_over(messages)
            elif self._bytes > self._most + _CONTROL_RATE * (self._stream.last_received - self._since):
                self._stream.close_now("the peer sends bytes and no messages")
                raise trio.ClosedResourceError
            if len(self._websocket._messages) >= self._queue:
                self._room = trio.Event()
                await self._room.wait()
            if left:
                return left

    async def _hand_over(self, messages: list[Message]) -> None:
        """Many that came at once are not handed over in one go: who is asked can answer before more is asked, and what
        is asked is not too much at once. Cancelled, the connection is over, and so are they."""
        self._websocket._hand_over(messages[:_AT_ONCE])
        for message in messages[_AT_ONCE:]:
            await trio.lowlevel.checkpoint()
            self._websocket._hand_over([message])

    async def aclose(self) -> None:
        self._returned = True
        await trio.lowlevel.checkpoint()


async def serve_websocket(
    stream: PushStream, request: Request, accept: Accept, *, limits: SocketLimits, report: Report
) -> None:
    """Makes the connection a WebSocket, gives it to the handler, and closes it when that returns: with 1000,
    or with 1011 when it raised, which is reported. The stream must have come from
    `net.conversation.serve_connection`.

    Cancelled: the peer gets 1001 if it can be told at once, and the connection is closed.
    """
    websocket = WebSocket(stream, limits, request.peer)
    try:
        async with trio.open_nursery() as nursery:
            if await nursery.start(websocket._read, request, accept.subprotocol):
                await websocket.close(await _handled(accept.handler, request, websocket, report))
            nursery.cancel_scope.cancel()
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
