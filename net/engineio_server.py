"""Engine.IO on real connections: the requests, WebSockets and timers of every session, around the sans-IO machine.

A session costs no task of its own: a hanging GET is its request's task, a WebSocket its connection's, and one service
wakes whichever session's deadline comes next.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import deque
from functools import partial
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final, Protocol

import trio
from attrs import define, field

from actors.failures import Code
from net.engineio import EngineSession
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
from net.engineio_requests import ForSession, Handshake, route
from net.forwarded import network_of
from net.frames import TooLarge, encode_binary_frame, encode_text_frame
from net.http import Response, error_response
from net.limits import Places
from net.outbox import Frame
from net.outside import new_token
from net.websocket import Accept, ConnectionLost, WebSocket, refuse_handshake

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from actors.ports import Entropy
    from net.engineio_effects import Effect
    from net.engineio_packets import EngineConfig, Packet
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


def _refuse_nobody(_: Request) -> None:
    pass


class EngineServer:
    """Every Engine.IO session of this process. `above` makes what a new session carries; `refuse` is asked before there
    is one."""

    def __init__(
        self,
        config: EngineConfig,
        entropy: Entropy,
        above: Callable[[EngineClient], Above],
        *,
        refuse: Callable[[Request], Response | None] = _refuse_nobody,
    ) -> None:
        self.above = above
        self._refuse_besides = refuse
        self._places = Places(config.max_sessions_per_address)
        self._config = config
        self._entropy = entropy
        self._sessions: dict[str, EngineSession] = {}
        self._clients: dict[str, EngineClient] = {}
        self._numbers: Iterator[int] = itertools.count(1)
        self._alarms: list[Alarm] = []
        self._untrusted: dict[EngineClient, None] = {}
        self._closing = False
        self._none_left = trio.Event()
        self._wakes_at = math.inf
        self._sooner = trio.Event()

    def __len__(self) -> int:
        return len(self._clients)

    # ---- what comes in

    async def respond(self, request: Request) -> Response:
        """Answers an HTTP request to the Engine.IO path."""
        found = route(request.method, request.query, websocket=False, sessions=self._sessions)
        number = next(self._numbers)
        match found:
            case Handshake() if (refused := self._refuse(request)) is not None:
                return refused
            case Handshake():
                sid, now = new_token(self._entropy), trio.current_time()
                client, effects = self._remember(request, *EngineSession.over_polling(sid, self._config, number, now))
                return client.answer_handshake(number, effects)
            case ForSession(session=session) if request.method == "GET":
                return await self._clients[session.sid].poll(number, request)
            case ForSession(session=session):
                return await self._clients[session.sid].post(number, request)
            case Refusal():
                return refusal(found)

    def upgrade(self, request: Request) -> Response | Accept:
        """What becomes of a request for a WebSocket at the Engine.IO path."""
        malformed = refuse_handshake(request)
        if malformed is not None:
            return malformed
        found = route(request.method, request.query, websocket=True, sessions=self._sessions)
        match found:
            case Handshake() if (refused := self._refuse(request)) is not None:
                return refused
            case Refusal():
                return refusal(found)
            case _:
                return Accept(self._serve_socket, _first_subprotocol(request))

    async def _serve_socket(self, request: Request, websocket: WebSocket) -> None:
        # Looked up again: the session may have ended during the handshake.
        found = route(request.method, request.query, websocket=True, sessions=self._sessions)
        number, now = next(self._numbers), trio.current_time()
        match found:
            case Handshake() if self._closing or not self._places.has_room(network_of(request.peer)):
                await websocket.close()
            case Handshake(base64=base64):
                sid = new_token(self._entropy)
                opened = EngineSession.over_websocket(sid, self._config, number, now, base64=base64)
                client, effects = self._remember(request, *opened)
                await client.serve_socket(number, websocket, effects)
            case ForSession(session=session, base64=base64):
                client = self._clients[session.sid]
                await client.serve_socket(number, websocket, session.websocket_opened(number, now, base64=base64))
            case Refusal():
                await websocket.close()

    # ---- sessions

    def _refuse(self, request: Request) -> Response | None:
        """Why there can be no new session now; None when there can."""
        if self._closing:
            return _DRAINING
        # Between two polls a session has no connection, so the limits on connections do not count it.
        if len(self._clients) >= self._config.max_sessions:
            return _FULL
        return self._refuse_besides(request) if self._places.has_room(network_of(request.peer)) else _ADDRESS_FULL

    def _remember(
        self, request: Request, engine: EngineSession, effects: list[Effect]
    ) -> tuple[EngineClient, list[Effect]]:
        client = EngineClient(self, engine, request.peer)
        self._sessions[engine.sid] = engine
        self._clients[engine.sid] = client
        self._places.enter(network_of(client.peer))
        engine.trusted = False
        self._untrusted[client] = None
        if len(self._untrusted) > self._config.max_untrusted:
            next(iter(self._untrusted)).close()
        return client, effects

    def trust(self, client: EngineClient) -> None:
        """The layer above knows who this client is."""
        client.engine.trusted = True
        self._untrusted.pop(client, None)

    def close_all(self) -> None:
        """Ends every session, because the server stops, and refuses new ones. A session that is polled, and has no GET
        hanging, lives on until its client has fetched what waits: see `none_left`."""
        self._closing = True
        for client in list(self._clients.values()):
            client.close(CloseReason.GOING_AWAY)
        self._notice_the_last()

    async def none_left(self) -> None:
        """Returns when, after `close_all`, every session has ended."""
        await self._none_left.wait()

    def _notice_the_last(self) -> None:
        if self._closing and not self._clients:
            self._none_left.set()

    def forget(self, client: EngineClient) -> None:
        """The session is over; its sid means nothing any more."""
        self._sessions.pop(client.engine.sid, None)
        if self._clients.pop(client.engine.sid, None) is not None:
            self._places.leave(network_of(client.peer))
        self._untrusted.pop(client, None)
        self._turn_off(client)
        self._notice_the_last()

    # ---- time

    def schedule(self, client: EngineClient) -> None:
        """Takes note of when this client wants to be woken next."""
        at = client.next_deadline()
        # A client that is woken too early is asked again. So a deadline that moves away, as it does with every pong,
        # costs nothing, however often a peer has it moved.
        if at < (math.inf if client.alarm is None else client.alarm.at):
            self._turn_off(client)
            client.alarm = Alarm(at, next(self._numbers), client)
            heappush(self._alarms, client.alarm)
            if at < self._wakes_at:
                self._sooner.set()

    def _turn_off(self, client: EngineClient) -> None:
        if client.alarm is not None:
            client.alarm.client = None
            client.alarm = None

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """A service: wakes each session when it is due. Cancelled, it leaves the sessions as they are."""
        task_status.started()
        while True:
            self._wake_the_due(trio.current_time())
            self._sooner = trio.Event()
            self._wakes_at = self._alarms[0].at if self._alarms else math.inf
            with trio.move_on_at(self._wakes_at):
                await self._sooner.wait()

    def _wake_the_due(self, now: float) -> None:
        while self._alarms and self._alarms[0].at <= now:
            client = heappop(self._alarms).client
            if client is not None:
                client.alarm = None
                client.on_time(now)


_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_DRAINING: Final = error_response(503, Code.DRAINING, "the server goes away")


def _too_many(whose: str) -> Response:
    message = f"{whose} has as many sessions as it may have; try again later"
    return error_response(503, Code.TOO_MANY_CONNECTIONS, message, headers=(("Retry-After", "5"),))


_FULL: Final = _too_many("the server")
_ADDRESS_FULL: Final = _too_many("your address")


def _first_subprotocol(request: Request) -> str | None:
    """The reference takes the first that is offered, whatever it be; a client that offers some and is given none hangs
    up (RFC 6455, section 4.1)."""
    offered = request.tokens("sec-websocket-protocol")
    return offered[0] if offered and _TOKEN.fullmatch(offered[0]) else None


def frame_of(packet: Packet) -> Frame:
    """A packet as a WebSocket frame."""
    return Frame(encode_binary_frame(packet.data) if packet.binary else encode_text_frame(packet.data))


def refusal(reason: Refusal) -> Response:
    """The reference's answer to a request that is for no session, or not in order."""
    return Response(reason.status, (("Content-Type", JSON), ("Cache-Control", "no-store")), reason.body)
