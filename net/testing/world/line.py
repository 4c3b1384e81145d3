"""One connection of a simulated person to the server: a WebSocket in a dialect, without a task of its own. Who has it
speaks and listens in turn."""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TYPE_CHECKING, Final

import trio
from attrs import define, field

from net.testing.streams import SimStream
from net.testing.world.dialects import CONNECT, Answer, Dialect, Heard, PutOut, SayBack
from net.testing.world.frames import Decoder, Opcode, encode

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject
    from net.testing.network import SimHost

_RECEIVE: Final = 65536
_KEY: Final = "c2ltdWxhdGVkIHBlcnNvbg=="
_GONE: Final = (trio.BrokenResourceError, trio.ClosedResourceError)


class LineLost(Exception):
    """The connection is over; `code` is the WebSocket's close code, 1006 when there was none."""

    def __init__(self, code: int = 1006) -> None:
        super().__init__(f"the connection is over ({code})")
        self.code = code


@define(eq=False)
class Line:
    """Made by `call`. Not to be used by two tasks at a time."""

    dialect: Dialect
    _stream: SimStream
    _decoder: Decoder = field(factory=Decoder, init=False)
    _unsent: bytearray = field(factory=bytearray, init=False)
    _heard: deque[Heard] = field(factory=deque, init=False)
    _over: int | None = field(default=None, init=False)

    @classmethod
    async def call(cls, host: SimHost, address: str, dialect: Dialect) -> Line:
        """Connects, up to the end of the handshake. Raises OSError, and LineLost when the server hangs up or refuses;
        waits for one that says nothing. Cancelled, nothing is left behind."""
        stream = await host.connect(address)
        try:
            await stream.send_all(_handshake(dialect))
            line = cls(dialect, stream)
            head = bytearray()
            while (end := head.find(b"\r\n\r\n")) < 0:
                data = await stream.receive_some(_RECEIVE)
                if not data:
                    raise LineLost
                head += data
            if not head.startswith(b"HTTP/1.1 101 "):
                raise LineLost
            if early := bytes(head[end + 4 :]):
                line._take(early)
        except _GONE:
            stream.close()
            raise LineLost from None
        except BaseException:
            stream.close()
            raise
        return line

    async def connect(self, data: JsonObject) -> JsonObject:
        """Says who this is, and returns what the server says to that. What else it says at once is heard next. Raises
        LineLost; waits for a server that says nothing."""
        self.say(self.dialect.connect(data))
        rest: list[Heard] = []
        found: JsonObject | None = None
        while found is None:
            for heard in await self.hear():
                if found is None and isinstance(heard, Answer) and heard.request == CONNECT:
                    found = heard.data
                else:
                    rest.append(heard)
        self._heard.extendleft(reversed(rest))
        return found

    def ask(self, event: str, data: object, number: int | None) -> None:
        """Sends a request. What the connection does not take at once goes out with what is said or heard next."""
        self.say(self.dialect.request(event, data, number))

    def say(self, text: str | bytes) -> None:
        """Sends a message of any kind, as `ask` does."""
        opcode, payload = (Opcode.TEXT, text.encode()) if isinstance(text, str) else (Opcode.BINARY, text)
        self._send(encode(opcode, payload))

    def say_nonsense(self, data: bytes) -> None:
        """Sends bytes that are no frame."""
        self._send(data)

    async def hear(self, until: float = inf) -> list[Heard]:
        """What the server says next; nothing if it says nothing before `until`, on Trio's clock. Raises LineLost when
        all that it said is heard. Cancelled, nothing is lost."""
        self._send(b"")
        if not self._heard and self._over is None:
            with trio.move_on_at(until):
                try:
                    while not self._heard and self._over is None:
                        self._take(await self._stream.receive_some(_RECEIVE))
                except _GONE:
                    self._over = 1006
        if not self._heard and self._over is not None:
            raise LineLost(self._over)
        heard = list(self._heard)
        self._heard.clear()
        return heard

    def drop(self) -> None:
        """Hangs up without a word. Idempotent."""
        self._stream.close()

    def half_open(self) -> None:
        """From now on nothing gets through, and nobody is told."""
        self._stream.half_open()

    def cut(self) -> None:
        """Breaks the connection for both ends."""
        self._stream.cut()

    def _send(self, data: bytes) -> None:
        self._unsent += data
        try:
            while self._unsent and (taken := self._stream.send_nowait([bytes(self._unsent)])):
                del self._unsent[:taken]
        except _GONE:
            pass  # who listens hears of it

    def _take(self, data: bytes) -> None:
        if not data:
            self._over = 1006 if self._over is None else self._over
        for frame in self._decoder.feed(data):
            match frame.opcode:
                case Opcode.TEXT:
                    for heard in self.dialect.read(frame.payload.decode()):
                        if isinstance(heard, SayBack):
                            self.say(heard.text)
                        elif isinstance(heard, PutOut):
                            self._over = 4001
                        else:
                            self._heard.append(heard)
                case Opcode.PING:
                    self._send(encode(Opcode.PONG, frame.payload))
                case Opcode.CLOSE:
                    self._send(encode(Opcode.CLOSE, frame.payload[:2]))
                    self._over = int.from_bytes(frame.payload[:2], "big") if frame.payload else 1005
                case _:
                    raise ValueError(f"a server sends no frame of opcode {frame.opcode}")


def _handshake(dialect: Dialect) -> bytes:
    lines = [
        f"GET {dialect.path} HTTP/1.1",
        "Host: croupier",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {_KEY}",
    ]
    if dialect.subprotocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {dialect.subprotocol}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")
