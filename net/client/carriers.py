"""What carries a client's messages to the server and back: a WebSocket, or requests of HTTP."""

from __future__ import annotations

import enum
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

import orjson
import trio
from attrs import define, field
from trio_websocket import wrap_client_stream

from net.client.errors import ConnectionLost
from net.client.http import http_request
from net.client.speech import PlainSpeech, SocketIoSpeech
from net.client.streams import Connector
from net.protocol import SUBPROTOCOL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_websocket import WebSocketConnection

    from net.client.speech import Speech
    from net.client.streams import Tap

_LARGEST_MESSAGE: Final = 16 * 1024 * 1024
_QUEUED_MESSAGES: Final = 64
_ENGINE: Final = "/socket.io/?EIO=4&transport="
_SEPARATOR: Final = "\x1e"
_OK: Final = 200


class Over(enum.Enum):
    """Which way a client is connected."""

    PLAIN = "the plain protocol on a WebSocket"
    SOCKET_IO = "Socket.IO on a WebSocket"
    POLLING = "Socket.IO on HTTP long-polling"

    def speech(self) -> Speech:
        """What is spoken there, from its beginning."""
        return PlainSpeech() if self is Over.PLAIN else SocketIoSpeech()


class Carrier(Protocol):
    """Carries whole messages, in order. Its methods raise what ends a connection: ConnectionLost, trio-websocket's
    ConnectionClosed, a Trio resource error."""

    async def get_message(self) -> str | bytes:
        """The next message of the server; waits for it."""

    async def send_message(self, message: str | bytes) -> None:
        """Sends a message, by one task at a time."""

    async def aclose(self) -> None:
        """Says goodbye; may wait for a mute server."""


async def open_carrier(
    over: Over, nursery: trio.Nursery, tap: Tap, again: Connector | None, host: str
) -> WebSocketConnection | Polling:
    """Opened on this first stream; its tasks live in `nursery`. `again` opens further streams, which polling needs.
    Raises what ends a connection. Cancelled: the stream is of no further use."""
    if over is not Over.POLLING:
        return await _shake_hands(over, nursery, tap, host)
    assert again is not None, "polling needs to know how to open a stream"
    return await Polling.open(tap, again, host)


async def _shake_hands(over: Over, nursery: trio.Nursery, tap: Tap, host: str) -> WebSocketConnection:
    path, subprotocols = ("/ws", [SUBPROTOCOL]) if over is Over.PLAIN else (f"{_ENGINE}websocket", [])
    async with trio.open_nursery() as race:

        async def notice_the_end() -> None:
            await tap.ended.wait()
            raise ConnectionLost(reason="the server hung up before its handshake")

        race.start_soon(notice_the_end)
        websocket = await wrap_client_stream(
            nursery,
            tap,  # type: ignore[arg-type]  # any stream will do
            host,
            path,
            subprotocols=subprotocols,
            max_message_size=_LARGEST_MESSAGE,
            message_queue_size=_QUEUED_MESSAGES,
        )
        race.cancel_scope.cancel()
    if subprotocols and websocket.subprotocol != SUBPROTOCOL:
        raise ConnectionLost(1002, f"the server does not speak {SUBPROTOCOL}")
    return websocket


@define(eq=False)
class Polling:
    """Implements `Carrier`: an Engine.IO session over HTTP, each request on a connection of its own. Made by `open`."""

    _connect: Connector
    _host: str
    _path: str
    _unread: deque[str] = field(factory=deque, init=False)
    _goodbye: bool = field(default=False, init=False)

    @classmethod
    async def open(cls, stream: trio.abc.Stream, connect: Connector, host: str) -> Polling:
        """A session that begins with a request on this stream; `connect` opens one for each further request."""
        path = f"{_ENGINE}polling"
        packets = await _exchange(stream, "GET", path, "", host)
        try:
            sid = orjson.loads(packets[0].removeprefix("0"))["sid"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise ConnectionLost(1002, "the server does not open the session with a handshake") from None
        opened = cls(connect, host, f"{path}&sid={sid}")
        opened._unread += packets
        return opened

    async def get_message(self) -> str | bytes:
        """See `Carrier`."""
        while not self._unread:
            self._unread += await _exchange(await self._stream(), "GET", self._path, "", self._host)
        return self._unread.popleft()

    async def send_message(self, message: str | bytes) -> None:
        """See `Carrier`."""
        text = message if isinstance(message, str) else message.decode()
        await _exchange(await self._stream(), "POST", self._path, text, self._host)

    async def aclose(self) -> None:
        """See `Carrier`."""
        if not self._goodbye:
            self._goodbye = True
            with suppress(ConnectionLost):
                await self.send_message("1")

    async def _stream(self) -> trio.abc.Stream:
        try:
            return await self._connect()
        except OSError as error:
            raise ConnectionLost(reason=str(error)) from error


async def _exchange(stream: trio.abc.Stream, method: str, path: str, body: str, host: str) -> Sequence[str]:
    """The packets that a request is answered with."""
    answer = await http_request(stream, method, path, body=body.encode(), host=host)
    if answer.status != _OK:
        raise ConnectionLost(reason=f"the server refused a {method}: status {answer.status}")
    return answer.body.decode().split(_SEPARATOR)
