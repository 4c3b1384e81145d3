"""Engine.IO clients by hand, for tests: they do what they are told and answer nothing by themselves."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import h11
import orjson
import trio
from attrs import define, field
from trio_websocket import ConnectionClosed, wrap_client_stream

from net.client.http import HttpAnswer
from net.testing.house import ADDRESS, House
from net.testing.streams import SimStream

if TYPE_CHECKING:
    from trio_websocket import WebSocketConnection


PATH = "/socket.io/"
POLLING = f"{PATH}?EIO=4&transport=polling"
WEBSOCKET = f"{PATH}?EIO=4&transport=websocket"
SEPARATOR = "\x1e"
TEXT = "text/plain;charset=UTF-8"
"""What browsers say that a body is when the program does not; so a POST needs no preflight."""

Headers = tuple[tuple[str, str], ...]

UPGRADE: Headers = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
)
"""What asks for a WebSocket, for requests that are to be refused."""


@define(eq=False)
class Http:
    """One HTTP connection of a client, kept alive; requests may be sent before the answers to those before came."""

    stream: SimStream
    _reader: h11.Connection = field(factory=lambda: h11.Connection(h11.CLIENT), init=False)
    _unanswered: deque[str] = field(factory=deque, init=False)

    @classmethod
    async def open(cls, house: House, name: str = "web") -> Http:
        return cls(await house.network.host(name).connect(ADDRESS))

    async def send(
        self, method: str, target: str, body: bytes = b"", headers: Headers = (), *, chunked: bool = False
    ) -> None:
        """Sends a request and does not wait for its answer."""
        writer = h11.Connection(h11.CLIENT)
        size = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(body)))
        head = h11.Request(method=method, target=target, headers=[("Host", "croupier"), size, *headers])
        events = (head, h11.Data(body), h11.EndOfMessage())
        self._unanswered.append(method)
        with suppress(trio.BrokenResourceError):  # a server may answer, and hang up, before it has read everything
            await self.stream.send_all(b"".join(writer.send(event) or b"" for event in events))

    async def answer(self) -> HttpAnswer:
        """The answer to the oldest request that has none yet."""
        method = self._unanswered.popleft()
        self._reader.send(h11.Request(method=method, target="/", headers=[("Host", "croupier")]))
        self._reader.send(h11.EndOfMessage())
        status, headers, body = 0, {}, b""
        while True:
            match self._reader.next_event():
                case h11.NEED_DATA:
                    self._reader.receive_data(await self.stream.receive_some())
                case h11.Response(status_code=status, headers=raw):
                    headers = {name.decode(): value.decode() for name, value in raw}
                case h11.Data(data=data):
                    body += data
                case h11.EndOfMessage():
                    break
                case other:
                    raise AssertionError(f"no answer but {other!r}")
        if self._reader.our_state is h11.DONE and self._reader.their_state is h11.DONE:
            self._reader.start_next_cycle()
        return HttpAnswer(status, headers, body)

    async def ask(self, method: str, target: str, body: bytes = b"", headers: Headers = ()) -> HttpAnswer:
        """A request and its answer."""
        await self.send(method, target, body, headers)
        return await self.answer()


async def ask(
    house: House, method: str, target: str, body: bytes = b"", headers: Headers = (), *, name: str = "web"
) -> HttpAnswer:
    """One request on a connection of its own."""
    http = await Http.open(house, name)
    try:
        return await http.ask(method, target, body, headers)
    finally:
        http.stream.close()


@define(eq=False)
class Poller:
    """A session over long-polling. Each of its requests has a connection of its own."""

    house: House
    handshake: dict[str, Any]
    name: str = "web"

    @classmethod
    async def open(cls, house: House, name: str = "web") -> Poller:
        answer = await ask(house, "GET", POLLING, name=name)
        assert answer.status == 200
        assert answer.body[:1] == b"0"
        return cls(house, orjson.loads(answer.body[1:]), name)

    @property
    def sid(self) -> str:
        return str(self.handshake["sid"])

    @property
    def target(self) -> str:
        return f"{POLLING}&sid={self.sid}"

    async def get(self) -> HttpAnswer:
        """A GET; hangs until it is answered."""
        return await ask(self.house, "GET", self.target, name=self.name)

    async def packets(self) -> list[str]:
        """What a GET brings."""
        answer = await self.get()
        assert answer.status == 200, answer
        return answer.body.decode().split(SEPARATOR)

    async def hang(self) -> Http:
        """A GET that hangs; its answer can be taken from the connection."""
        http = await Http.open(self.house, self.name)
        await http.send("GET", self.target)
        await trio.sleep(0.01)
        return http

    async def post(self, *packets: str) -> HttpAnswer:
        """A POST with these packets."""
        body = SEPARATOR.join(packets).encode()
        return await ask(self.house, "POST", self.target, body, (("Content-Type", TEXT),), name=self.name)

    async def tell(self, *packets: str) -> None:
        """A POST that is answered as it should."""
        answer = await self.post(*packets)
        assert (answer.status, answer.body) == (200, b"ok")


async def open_socket(
    house: House, nursery: trio.Nursery, target: str = WEBSOCKET, *, name: str = "web", headers: Headers = ()
) -> WebSocketConnection:
    """A WebSocket, whose reader lives in the nursery. Raises HandshakeError when it is refused."""
    stream = await house.network.host(name).connect(ADDRESS)
    return await wrap_client_stream(
        nursery,
        stream,  # type: ignore[arg-type]  # any stream will do
        "croupier",
        target,
        extra_headers=[(key.encode(), value.encode()) for key, value in headers],
    )


async def handshake_of(websocket: WebSocketConnection) -> dict[str, Any]:
    """The open packet, which is the first message."""
    opened = await next_text(websocket)
    assert opened[:1] == "0"
    handshake: dict[str, Any] = orjson.loads(opened[1:])
    return handshake


async def next_text(websocket: WebSocketConnection) -> str:
    """The next message, which is text."""
    message = await websocket.get_message()
    assert isinstance(message, str)
    return message


async def close_code(websocket: WebSocketConnection) -> int:
    """The code with which the server closes, after whatever it still sends."""
    with suppress(ConnectionClosed):
        while True:
            await websocket.get_message()
    assert websocket.closed is not None
    return int(websocket.closed.code)


def connect_packet(house: House, user: str, **more: object) -> str:
    """The Engine.IO message by which a user comes into the game's namespace."""
    return "40/game," + orjson.dumps({"token": house.token(user), **more}).decode()


def event_packet(event: str, data: object, ack: int | None = None) -> str:
    """The Engine.IO message of an event."""
    return f"42/game,{'' if ack is None else ack}{orjson.dumps([event, data]).decode()}"
