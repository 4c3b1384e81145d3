"""Every Engine.IO session of this process: which request is for which, how many there may be, and when each is woken.

A session costs no task of its own: a hanging GET is its request's task, a WebSocket its connection's, and one service
wakes whichever session's deadline comes next.
"""

from __future__ import annotations

import itertools
import math
import re
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

import trio

from actors.failures import Code
from net.engineio import EngineSession
from net.engineio_client import Alarm, EngineClient, refusal
from net.engineio_effects import CloseReason, Refusal
from net.engineio_requests import ForSession, Handshake, route
from net.forwarded import network_of
from net.handshake import Accept, refuse_handshake
from net.http import error_response
from net.limits import Places
from net.outbox import Drops
from net.outside import new_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actors.ports import Entropy
    from net.engineio_client import Above
    from net.engineio_effects import Effect
    from net.engineio_packets import EngineConfig
    from net.http import Request, Response
    from net.websocket import WebSocket


def _refuse_nobody(_: Request) -> None:
    pass


class EngineServer:
    """Every Engine.IO session of this process. `above` makes what a new session carries; `refuse` is asked before there
    is one; `drops` counts what slow clients miss."""

    def __init__(
        self,
        config: EngineConfig,
        entropy: Entropy,
        above: Callable[[EngineClient], Above],
        *,
        refuse: Callable[[Request], Response | None] = _refuse_nobody,
        drops: Drops | None = None,
    ) -> None:
        self.above = above
        self._refuse_besides = refuse
        self._places = Places(config.max_sessions_per_address)
        self._config = config
        self._drops = Drops() if drops is None else drops
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
                opened = EngineSession.over_polling(sid, self._config, number, now, drops=self._drops)
                client, effects = self._remember(request, *opened)
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
                opened = EngineSession.over_websocket(sid, self._config, number, now, base64=base64, drops=self._drops)
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
