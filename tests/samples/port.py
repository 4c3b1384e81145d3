"""A port with one page and one WebSocket, and what a client says to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import trio
from attrs import define, field

from net.certificates import Certificate
from net.forwarded import TrustedProxies
from net.frames import encode_text_frame
from net.handshake import SocketRoutes
from net.http import HttpLimits, Routes, json_response
from net.listener import Acceptor, Listener, ListenerLimits
from net.websocket import SocketLimits, WebSocket

if TYPE_CHECKING:
    from net.http import Request, Response

LIMITS = ListenerLimits(
    max_connections=3,
    close_timeout=1.0,
    http=HttpLimits(head_bytes=2000, body_bytes=1000, timeout=5.0),
    socket=SocketLimits(message_bytes=1000, handshake_timeout=1.0),
)
SUBPROTOCOL = "croupier.v1.json"
GET = b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: croupier.v1.json\r\n\r\n"
)


async def hello(request: Request) -> Response:
    await trio.lowlevel.checkpoint()
    return json_response(200, "hello")


@define
class Served:
    """A listener with one page and one WebSocket, which echoes texts; `fail` and `flood` are words it knows."""

    acceptor: Acceptor
    limits: ListenerLimits = LIMITS
    proxies: TrustedProxies = field(factory=TrustedProxies)
    certificate: Certificate | None = None
    reports: list[tuple[str, BaseException]] = field(factory=list)
    websockets: list[WebSocket] = field(factory=list)
    listener: Listener = field(init=False)

    def __attrs_post_init__(self) -> None:
        routes, sockets = Routes(), SocketRoutes()
        routes.add("GET", "/hello", hello)
        routes.add("GET", "/ws", sockets.upgrade_required)
        sockets.add("/ws", self.converse, subprotocol=SUBPROTOCOL)
        self.listener = Listener(
            self.acceptor,
            respond=routes,
            upgrade=sockets,
            limits=self.limits,
            report=self.report,
            proxies=self.proxies,
            certificate=self.certificate,
        )

    def report(self, what: str, failure: BaseException) -> str:
        self.reports.append((what, failure))
        return "E1"

    async def converse(self, request: Request, websocket: WebSocket) -> None:
        self.websockets.append(websocket)
        while True:
            match await websocket.receive():
                case "fail":
                    raise RuntimeError("the ace of spades")
                case "flood":
                    for number in range(500):
                        websocket.push_text(encode_text_frame(b"%06d" % number + b"." * 994))
                case str(text):
                    websocket.push_text(encode_text_frame(text.encode()))


async def get(stream: trio.abc.Stream) -> str:
    """The body that `GET /hello` is answered with, on a connection that stays."""
    await stream.send_all(GET)
    data = b""
    while not data.endswith(b'"hello"'):
        part = await stream.receive_some()
        assert part, data
        data += part
    return str(orjson.loads(data.partition(b"\r\n\r\n")[2]))
