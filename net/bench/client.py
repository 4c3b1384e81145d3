"""A client of the benchmark: a dialect on a carrier, and the three that are measured."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import orjson
from attrs import frozen

from net.bench.carriers import (
    Carrier,
    hung_up_on_error,
    open_engine_websocket,
    open_polling,
    open_websocket,
)
from net.bench.errors import BenchFailed
from net.protocol import NAMESPACE, SUBPROTOCOL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actors.rules.interface import JsonObject
    from net.bench.carriers import Dial

Opener: TypeAlias = "Callable[[Dial], Awaitable[Carrier]]"

_SHOWN: Final = 200


class Dialect(Protocol):
    """How requests are written, and answers and pushes known. One request is in hand at a time, so all have one id."""

    connected: bytes
    """What the answer to a connect that succeeds begins with."""
    answer: bytes
    """What an answer begins with."""

    def connect(self, token: str) -> bytes:
        """The request that says who this is."""

    def request(self, event: str, data: JsonObject) -> bytes:
        """A request that wants an answer."""

    def push(self, event: str) -> bytes:
        """What a push of this event begins with."""


class Plain:
    """The protocol of `/ws`."""

    connected = b'{"ack":1,"data":{"sid":'
    answer = b'{"ack":1,'

    def connect(self, token: str) -> bytes:
        """See `Dialect`."""
        return self.request("connect", {"token": token})

    def request(self, event: str, data: JsonObject) -> bytes:
        """See `Dialect`."""
        return orjson.dumps({"event": event, "data": data, "id": 1})

    def push(self, event: str) -> bytes:
        """See `Dialect`."""
        return b'{"event":"%b",' % event.encode()


class SocketIo:
    """Socket.IO, in the packets of Engine.IO."""

    connected = b'40%b,{"sid":' % NAMESPACE.encode()
    answer = b"43%b,1[" % NAMESPACE.encode()

    def connect(self, token: str) -> bytes:
        """See `Dialect`."""
        return b"40%b,%b" % (NAMESPACE.encode(), orjson.dumps({"token": token}))

    def request(self, event: str, data: JsonObject) -> bytes:
        """See `Dialect`."""
        return b"42%b,1%b" % (NAMESPACE.encode(), orjson.dumps([event, data]))

    def push(self, event: str) -> bytes:
        """See `Dialect`."""
        return b'42%b,["%b",' % (NAMESPACE.encode(), event.encode())


@frozen(eq=False)
class Client:
    """A connected client. Every method raises BenchFailed when the server does not answer as it should."""

    _dialect: Dialect
    _carrier: Carrier

    async def ask(self, event: str, data: JsonObject, *, mark: bytes, push: str | None = None) -> None:
        """A request that succeeds: returns when its answer is here, and a push of this event if one is named.

        `mark` stands in an answer that is a success.
        """
        await self._carrier.send(self._dialect.request(event, data))
        answer = await self._await(self._dialect.answer)
        if mark not in answer:
            raise BenchFailed(f"the server answered {event} with {answer[:_SHOWN]!r}")
        if push is not None:
            await self._await(self._dialect.push(push))

    async def tell(self, event: str, data: JsonObject) -> None:
        """Sends a request, and waits for nothing."""
        await self._carrier.send(self._dialect.request(event, data))

    async def hear(self) -> bytes:
        """The next message, whatever it is."""
        return await self._carrier.receive()

    async def _await(self, beginning: bytes) -> bytes:
        """The next message that begins so; those before it are of no interest."""
        while True:
            message = await self._carrier.receive()
            if message.startswith(beginning):
                return message

    def rest(self) -> None:
        """Waits for the server to speak, until the next request."""
        self._carrier.rest()

    def hang_up(self) -> None:
        """Goes without a word. Idempotent."""
        self._carrier.hang_up()


@frozen
class Transport:
    """A way to connect. `key` is for programs, `name` for people."""

    key: str
    name: str
    _dialect: Dialect
    _open: Opener

    async def connect(self, dial: Dial, token: str) -> Client:
        """A client that is connected. Raises BenchFailed. Cancelled, nothing is left open."""
        carrier = await self._open(dial)
        with hung_up_on_error(carrier):
            await carrier.send(self._dialect.connect(token))
            answer = await carrier.receive()
            if not answer.startswith(self._dialect.connected):
                raise BenchFailed(f"the server answered connect with {answer[:_SHOWN]!r}")
        return Client(self._dialect, carrier)


TRANSPORTS: Final = (
    Transport("websocket", "WebSocket, /ws", Plain(), partial(open_websocket, path="/ws", subprotocol=SUBPROTOCOL)),
    Transport("socketio-websocket", "Socket.IO, WebSocket", SocketIo(), open_engine_websocket),
    Transport("socketio-polling", "Socket.IO, polling", SocketIo(), open_polling),
)
"""What is measured; the others are compared with the first."""
