"""The front door: what answers on the players' port, joined: HTTP, `/ws`, Socket.IO, and who is turned away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from net.cors import Cors
from net.engineio_packets import EngineConfig
from net.engineio_server import EngineServer
from net.forwarded import TrustedProxies
from net.gate import Gate
from net.handshake import SocketRoutes
from net.http import HttpLimits, Response
from net.listener import Listener, ListenerLimits
from net.outbox import Drops
from net.plain_socket import PlainSocket
from net.protocol import SUBPROTOCOL
from net.socketio_client import SocketIo
from net.websocket import SocketLimits

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.ports import Entropy
    from net.admission import Admission
    from net.api import Api
    from net.certificates import Certificate
    from net.config import Config, Limits
    from net.handshake import Accept
    from net.http import Request
    from net.listener import Acceptor
    from net.router import Router

ENGINE_PATHS: Final = frozenset({"/socket.io/", "/socket.io"})
"""Where Engine.IO is spoken. Clients ask for the first; some proxies cut the slash off."""


class FrontDoor:
    """The players' port; `listener` is to be run, and `engine` beside it."""

    def __init__(
        self,
        config: Config,
        acceptor: Acceptor,
        certificate: Certificate | None,
        *,
        router: Router,
        admission: Admission,
        api: Api,
        entropy: Entropy,
        report: Callable[[str, BaseException], str],
    ) -> None:
        """`certificate`: what players are spoken TLS with. `report` logs a fault and returns the id of the report."""
        self._gate = Gate(config.limits)
        self._cors = Cors(config.server.allowed_origins)
        above = SocketIo(router, admission, config.sessions.connect_timeout).above
        drops = Drops()  # whichever way a client comes
        self.engine = EngineServer(_engine_config(config), entropy, above, refuse=self._gate.refuse, drops=drops)
        self._sockets = SocketRoutes()
        plain = PlainSocket(router, admission, config.sessions.connect_timeout, config.limits.max_message_bytes)
        self._sockets.add("/ws", plain.serve, subprotocol=SUBPROTOCOL)
        self._routes = api.routes()
        self._routes.add("GET", "/ws", self._sockets.upgrade_required)
        self.listener = Listener(
            acceptor,
            respond=self._cors.around(self._gate.around(self._respond)),
            upgrade=self._upgrade,
            limits=_listener_limits(config.limits),
            report=report,
            proxies=TrustedProxies.parse(config.server.trusted_proxies),
            certificate=certificate,
            drops=drops,
        )

    async def _respond(self, request: Request) -> Response:
        return await (self.engine.respond if request.path in ENGINE_PATHS else self._routes)(request)

    def _upgrade(self, request: Request) -> Response | Accept:
        if (refused := self._cors.refuse(request)) is not None:
            return refused
        if request.path in ENGINE_PATHS:
            return self.engine.upgrade(request)
        decision = self._sockets(request)
        return decision if isinstance(decision, Response) else self._gate.refuse(request) or decision


def _engine_config(config: Config) -> EngineConfig:
    sessions, limits = config.sessions, config.limits
    return EngineConfig(
        ping_interval=sessions.ping_interval,
        ping_timeout=sessions.ping_timeout,
        max_payload=min(limits.max_message_bytes, limits.http_body_bytes),
        max_backlog=limits.outbox_bytes,
        max_sessions=limits.max_connections,
        max_sessions_per_address=limits.connections_per_address,
    )


def _listener_limits(limits: Limits) -> ListenerLimits:
    return ListenerLimits(
        max_connections=limits.max_connections,
        connections_per_address=limits.connections_per_address,
        outbox_bytes=limits.outbox_bytes,
        handshake_timeout=limits.handshake_timeout,
        http=HttpLimits(limits.http_head_bytes, limits.http_body_bytes, limits.http_timeout, ENGINE_PATHS),
        socket=SocketLimits(limits.max_message_bytes, handshake_timeout=limits.handshake_timeout),
    )
