"""What carries a client's messages, as light as can be: the machine that is measured is the server's, and a client that
does more than it must takes the processor from it.

Frames and requests are written by hand, and only what a server of ours sends is understood.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import trio
from attrs import define, field

from net.bench.errors import BenchFailed
from net.stream import RECEIVE_BYTES
from net.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

Dial: TypeAlias = "Callable[[], Awaitable[Wire]]"
"""Opens a connection to the server. Raises OSError when it cannot."""

_HUNG_UP: Final = "the server hung up on a client of the benchmark"

_TEXT: Final = 0x81
_PING: Final = 0x89
_PONG: Final = 0x8A
_MASK_BIT: Final = 0x80
_NO_MASK: Final = bytes(4)
"""A masking key of zeros leaves the payload as it is, and costs the server what any other costs it. Against a key that
can be guessed only proxies must be protected (RFC 6455, section 10.3), and there is none."""

_KEY: Final = "MDEyMzQ1Njc4OWFiY2RlZg=="
"""A Sec-WebSocket-Key: 16 bytes in Base64."""

_ENGINE: Final = "/socket.io/?EIO=4&transport="
_SEPARATOR: Final = b"\x1e"
_OPEN: Final = b'0{"sid":"'


class ServerHungUp(BenchFailed):
    """The server has ended a connection that it should keep."""


class Carrier(Protocol):
    """Carries texts to the server and back, in order. Every method raises BenchFailed when that does not go on."""

    async def send(self, text: bytes) -> None:
        """Sends a message."""

    async def receive(self) -> bytes:
        """The next message from the server."""

    def rest(self) -> None:
        """For now nothing is sent: does what a client does that waits for the server to speak."""

    def hang_up(self) -> None:
        """Ends the connections without a word. Idempotent."""


@define(eq=False)
class _Line:
    """A connection, and what of it was received but not used."""

    _wire: Wire
    _unused: bytearray = field(factory=bytearray, init=False)

    async def send(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest := rest[self._wire.send_nowait([rest]) :]:
                await self._wire.wait_writable()
        except trio.BrokenResourceError:
            raise ServerHungUp(_HUNG_UP) from None

    async def _more(self) -> None:
        try:
            data = await self._wire.receive_some(RECEIVE_BYTES)
        except trio.BrokenResourceError:
            data = b""
        if not data:
            raise ServerHungUp(_HUNG_UP)
        self._unused += data

    async def take(self, count: int) -> bytes:
        """Exactly so many bytes."""
        while len(self._unused) < count:
            await self._more()
        data = bytes(self._unused[:count])
        del self._unused[:count]
        return data

    async def take_head(self) -> bytes:
        """An HTTP head, with the empty line."""
        while (end := self._unused.find(b"\r\n\r\n")) < 0:
            await self._more()
        return await self.take(end + 4)

    def hang_up(self) -> None:
        self._wire.close()


async def _call(dial: Dial) -> _Line:
    try:
        return _Line(await dial())
    except OSError as error:
        raise BenchFailed(f"a client of the benchmark cannot connect: {error.strerror or error}") from None


@contextmanager
def hung_up_on_error(line: _Line | Carrier) -> Iterator[None]:
    """What goes wrong inside, or is cancelled, ends the connection."""
    try:
        yield
    except BaseException:
        line.hang_up()
        raise


# ---- WebSockets


class WebSocketCarrier:
    """Text messages, each in a frame of its own. Made by `open_websocket`."""

    def __init__(self, line: _Line) -> None:
        self._line = line
        self.pongs = 0
        """How many pings it has answered; they are, while it receives."""

    async def send(self, text: bytes) -> None:
        """See `Carrier`."""
        await self._line.send(client_frame(text))

    async def receive(self) -> bytes:
        """See `Carrier`."""
        while True:
            kind, size = await self._line.take(2)
            if kind != _PING:
                break
            await self._line.send(bytes((_PONG, _MASK_BIT | size)) + _NO_MASK + await self._line.take(size))
            self.pongs += 1
        if kind != _TEXT:
            raise ServerHungUp(f"the server sent no text but a frame that begins with {kind:#x}")
        if size == 126:
            size = int.from_bytes(await self._line.take(2), "big")
        elif size == 127:
            size = int.from_bytes(await self._line.take(8), "big")
        return await self._line.take(size)

    def rest(self) -> None:
        """Nothing is to be done: a WebSocket is open."""

    def hang_up(self) -> None:
        """See `Carrier`."""
        self._line.hang_up()


def client_frame(text: bytes) -> bytes:
    """A client's frame of a whole text message (RFC 6455, section 5.2)."""
    size = len(text)
    if size < 126:
        head = bytes((_TEXT, _MASK_BIT | size))
    elif size < 65536:
        head = bytes((_TEXT, _MASK_BIT | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((_TEXT, _MASK_BIT | 127)) + size.to_bytes(8, "big")
    return head + _NO_MASK + text


async def open_websocket(dial: Dial, path: str, *, subprotocol: str | None = None) -> WebSocketCarrier:
    """A WebSocket at this path. Raises BenchFailed when the server does not want it."""
    line = await _call(dial)
    request = [
        f"GET {path} HTTP/1.1",
        "Host: localhost",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {_KEY}",
    ]
    if subprotocol is not None:
        request.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    with hung_up_on_error(line):
        await line.send("\r\n".join([*request, "", ""]).encode())
        head = await line.take_head()
        if not head.startswith(b"HTTP/1.1 101 "):
            raise BenchFailed(f"the server refused a WebSocket: {_status_line(head)}")
    return WebSocketCarrier(line)


async def open_engine_websocket(dial: Dial) -> WebSocketCarrier:
    """An Engine.IO session over a WebSocket from its beginning."""
    carrier = await open_websocket(dial, f"{_ENGINE}websocket")
    with hung_up_on_error(carrier):
        _session_id(await carrier.receive())
    return carrier


# ---- long-polling


class PollingCarrier:
    """An Engine.IO session over HTTP. As browsers do it, a GET always hangs on one connection, and POSTs have another,
    which ends when the client rests. Made by `open_polling`."""

    def __init__(self, dial: Dial, line: _Line, path: str) -> None:
        self._dial = dial
        self._gets = line
        self._posts: _Line | None = None
        self._get = _request("GET", path)
        self._path = path
        self._unread: deque[bytes] = deque()

    async def send(self, text: bytes) -> None:
        """See `Carrier`."""
        if self._posts is None:
            self._posts = await _call(self._dial)
        await self._posts.send(_request("POST", self._path, text))
        if (body := await _response(self._posts)) != b"ok":
            raise BenchFailed(f"the server answered a POST with {body[:100]!r}")

    async def receive(self) -> bytes:
        """See `Carrier`."""
        while not self._unread:
            self._unread += (await _response(self._gets)).split(_SEPARATOR)
            await self.poll()
        return self._unread.popleft()

    async def poll(self) -> None:
        """Lets a GET hang."""
        await self._gets.send(self._get)

    def rest(self) -> None:
        """A GET hangs already; the connection for POSTs is closed, as one is that is not used."""
        posts, self._posts = self._posts, None
        if posts is not None:
            posts.hang_up()

    def hang_up(self) -> None:
        """See `Carrier`."""
        self._gets.hang_up()
        self.rest()


async def open_polling(dial: Dial) -> PollingCarrier:
    """An Engine.IO session over HTTP, with a GET that hangs."""
    line = await _call(dial)
    path = f"{_ENGINE}polling"
    with hung_up_on_error(line):
        await line.send(_request("GET", path))
        carrier = PollingCarrier(dial, line, f"{path}&sid={_session_id(await _response(line))}")
        await carrier.poll()
    return carrier


def _request(method: str, path: str, body: bytes = b"") -> bytes:
    """The bare request of a client that is no browser."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "User-Agent: croupier-bench", "Accept: */*"]
    if method == "POST":
        lines += ["Content-Type: text/plain;charset=UTF-8", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _response(line: _Line) -> bytes:
    head = (await line.take_head()).lower()
    body = await line.take(content_length(head))
    if not head.startswith(b"http/1.1 200 "):
        raise BenchFailed(f"the server refused a request: {_status_line(head)}")
    return body


def content_length(head: bytes) -> int:
    """How long the body is, of a response's head in lower case. Raises BenchFailed when it does not say."""
    _, found, rest = head.partition(b"\r\ncontent-length:")
    digits = rest.partition(b"\r\n")[0].strip()
    if not found or not digits.isdigit():
        raise BenchFailed("the server's response does not say how long it is")
    return int(digits)


def _status_line(head: bytes) -> str:
    return head.partition(b"\r\n")[0].decode(errors="replace")


def _session_id(handshake: bytes) -> str:
    if not handshake.startswith(_OPEN):
        raise BenchFailed("the server does not open the session with an Engine.IO handshake")
    return handshake.removeprefix(_OPEN).partition(b'"')[0].decode()
