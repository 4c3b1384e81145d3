"""One Engine.IO session on real connections: its hanging GET, its POSTs, its WebSockets. What the sans-IO machine says
is carried out here."""

from __future__ import annotations

import math
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import trio
from attrs import define, field

from net.engineio_effects import (
    JSON,
    Closed,
    CloseReason,
    CloseWebSocket,
    Deliver,
    Ended,
    Refusal,
    RespondPoll,
    RespondPost,
    SendFrame,
    Upgraded,
)
from net.frames import TooLarge, encode_binary_frame, encode_text_frame
from net.http import Response
from net.outbox import Frame
from net.websocket import ConnectionLost, WebSocket

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from net.engineio import EngineSession
    from net.engineio_effects import Effect
    from net.engineio_packets import Packet
    from net.engineio_server import EngineServer
    from net.frames import Message
    from net.http import Request

_AT_ONCE: Final = 16
"""Messages of one POST that are taken in one go."""


class Above(Protocol):
    """The protocol that Engine.IO carries, as one session's client speaks it."""

    def receive(self, message: str | bytes) -> None:
        """A message of the client."""

    def closed(self) -> None:
        """The session is over; nothing that is sent arrives any more."""

    def next_deadline(self) -> float:
        """When `on_time` wants to be called, on trio's clock; `math.inf` when never."""

    def on_time(self, now: float) -> None:
        """What is due."""


@define(eq=False)
class _Hanging:
    """A GET that waits for its answer. With the answer, the waiting is cut short."""

    waiting: trio.CancelScope = field(factory=trio.CancelScope)
    answer: RespondPoll | None = None


@define(eq=False)
class _Socket:
    """A WebSocket of a session. `close_code` is set when it is to be closed."""

    websocket: WebSocket
    reading: trio.CancelScope = field(factory=trio.CancelScope)
    close_code: int | None = None


class EngineClient:
    """One session with its connections. What the machine says is carried out here, at once and in order."""

    def __init__(self, server: EngineServer, engine: EngineSession, peer: str) -> None:
        self.engine = engine
        self.peer = peer
        self.alarm: Alarm | None = None
        self._server = server
        self._closed = False
        self.above = server.above(self)
        self._polls: dict[int, _Hanging] = {}
        self._posts: dict[int, RespondPost] = {}
        self._taking: trio.Event | None = None
        self._sockets: dict[int, _Socket] = {}

    @property
    def open(self) -> bool:
        """Whether messages still go in and out."""
        return self.engine.open

    # ---- for the protocol above

    @property
    def direct(self) -> WebSocket | None:
        """The WebSocket to which frames may be pushed past the machine, because it would do nothing but pass them."""
        number = self.engine.websocket
        return None if number is None else self._sockets[number].websocket

    @property
    def waiting(self) -> int:
        """Bytes that wait for the client to fetch them."""
        return self.engine.waiting

    def send(
        self,
        packets: Sequence[Packet],
        *,
        coalesce: Hashable | None = None,
        drop_older: bool = False,
        flush: bool = True,
    ) -> None:
        """Sends these packets after all before; see `EngineSession.send`."""
        self.carry_out(self.engine.send(packets, coalesce=coalesce, drop_older=drop_older, flush=flush))

    def trust(self) -> None:
        """The layer above knows who this is."""
        self._server.trust(self)

    def flush(self) -> None:
        """Sends what waits."""
        self.carry_out(self.engine.flush())

    def close(self, reason: CloseReason = CloseReason.FORCED) -> None:
        """Ends the session from our side; what was sent before still goes out."""
        self.carry_out(self.engine.close(trio.current_time(), reason))

    def carry_out(self, effects: Sequence[Effect]) -> None:
        """Does what the machine says."""
        for effect in effects:
            match effect:
                case SendFrame(websocket=number, packet=packet):
                    self._sockets[number].websocket.push(frame_of(packet))
                case Deliver(message=message):
                    # The machine was ahead: what is above may have closed the session over an earlier message.
                    if not self._closed:
                        self.above.receive(message)
                case RespondPoll(poll=number):
                    hanging = self._polls.pop(number)
                    hanging.answer = effect
                    hanging.waiting.cancel()
                case RespondPost(post=number):
                    self._posts[number] = effect
                case CloseWebSocket(websocket=number, code=code):
                    if (socket := self._sockets.get(number)) is not None:
                        socket.close_code = code
                        socket.reading.cancel()
                case Closed():
                    self._closed = True
                    self.above.closed()
                case Ended():
                    self._server.forget(self)
                case Upgraded():
                    pass
        self._server.schedule(self)

    # ---- HTTP requests with this session's sid

    def answer_handshake(self, number: int, effects: Sequence[Effect]) -> Response:
        """The answer to the GET that opened the session."""
        hanging = self._polls[number] = _Hanging()
        self.carry_out(effects)
        assert hanging.answer is not None, "a handshake is answered at once"
        return self._response(hanging.answer)

    async def poll(self, number: int, request: Request) -> Response:
        """A GET: hangs until there is something to answer, or its client hangs up."""
        hanging = self._polls[number] = _Hanging()
        self.carry_out(self.engine.poll(number, trio.current_time()))
        if hanging.answer is None:
            try:
                with hanging.waiting:  # and no task beside this one: there may be very many that hang
                    await request.peer_gone()
            finally:
                if hanging.answer is None:
                    del self._polls[number]
                    self.carry_out(self.engine.poll_aborted(number))
        if hanging.answer is None:
            return refusal(Refusal.UNKNOWN_SID)  # nobody is there to read it
        return self._response(hanging.answer)

    def _response(self, answer: RespondPoll) -> Response:
        def lost() -> None:
            self.carry_out(self.engine.poll_answer_lost(answer))

        headers = (("Content-Type", answer.content_type), ("Cache-Control", "no-store"))
        return Response(answer.status, headers, answer.body, on_lost=lost)

    async def post(self, number: int, request: Request) -> Response:
        """A POST whose body is here."""
        now = trio.current_time()
        self.carry_out(self.engine.post_opened(number, request.header("content-type") or ""))
        if number not in self._posts:
            if request.too_large:
                self.carry_out(self.engine.post_too_large(number))
            else:
                await self._take_one_by_one(self.engine.post_received(number, request.body, now))
        answer = self._posts.pop(number)
        headers = (("Content-Type", answer.content_type), ("Cache-Control", "no-store"))
        return Response(answer.status, headers, answer.body)

    async def _take_one_by_one(self, effects: Sequence[Effect]) -> None:
        """Does what the machine says to a POST. If it has many messages others have their turn between two of them, as
        between two of a WebSocket: so what is asked can be answered before more is asked, and is not too much at once.
        Another POST of the session waits. Cancelled, the rest of the messages is dropped."""
        before, mine = self._taking, trio.Event()
        self._taking = mine
        left = deque(effects)
        try:
            if before is not None:
                await before.wait()
            self.carry_out([left.popleft() for _ in range(min(_AT_ONCE, len(left)))])
            while left:
                await trio.lowlevel.checkpoint()
                self.carry_out([left.popleft()])
        finally:
            self.carry_out([effect for effect in left if not isinstance(effect, Deliver)])
            mine.set()
            if self._taking is mine:
                self._taking = None

    # ---- WebSockets

    async def serve_socket(self, number: int, websocket: WebSocket, opened: Sequence[Effect]) -> None:
        """Reads a WebSocket of this session until it is over; `opened` is what the machine said to its coming."""
        socket = self._sockets[number] = _Socket(websocket)
        self.carry_out(opened)
        try:
            with socket.reading:
                await websocket.listen(partial(self._hear, socket, number))
        except ConnectionLost:
            pass
        finally:
            del self._sockets[number]
            self.carry_out(self.engine.websocket_closed(number))
        if socket.close_code is not None:
            await websocket.close(socket.close_code)

    def _hear(self, socket: _Socket, number: int, message: Message) -> None:
        """A message of a WebSocket of this session."""
        if socket.close_code is not None:  # nothing is read any more, though it has come
            return
        if isinstance(message, str) and self.engine.passes_on(number, message):
            self.above.receive(message[1:])
            return
        content = message.message if isinstance(message, TooLarge) else message
        self.carry_out(self.engine.websocket_received(number, content, trio.current_time()))

    # ---- time

    def next_deadline(self) -> float:
        """When `on_time` wants to be called."""
        return min(self.engine.next_deadline(), self.above.next_deadline() if self.open else math.inf)

    def on_time(self, now: float) -> None:
        """What is due, of the machine and of what is above it."""
        if now >= self.engine.next_deadline():
            self.carry_out(self.engine.on_time(now))
        if self.open and now >= self.above.next_deadline():
            self.above.on_time(now)
        self._server.schedule(self)


@define(eq=False)
class Alarm:
    """When a client is looked at. Off when it has no client any more."""

    at: float
    order: int
    client: EngineClient | None

    def __lt__(self, other: Alarm) -> bool:
        return (self.at, self.order) < (other.at, other.order)


def frame_of(packet: Packet) -> Frame:
    """A packet as a WebSocket frame."""
    return Frame(encode_binary_frame(packet.data) if packet.binary else encode_text_frame(packet.data))


def refusal(reason: Refusal) -> Response:
    """The reference's answer to a request that is for no session, or not in order."""
    return Response(reason.status, (("Content-Type", JSON), ("Cache-Control", "no-store")), reason.body)
