"""Socket.IO clients by hand, for tests: over either transport, with the same few methods."""

from __future__ import annotations

import base64
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

import orjson
from attrs import define, field
from trio_websocket import ConnectionClosed, WebSocketConnection

from tests.samples.engineio import SEPARATOR, Poller, connect_packet, event_packet, handshake_of, open_socket

if TYPE_CHECKING:
    import trio

    from net.testing.house import House


class Over(Exception):
    """The server has closed the session."""


class Line(Protocol):
    """A client's connection: Engine.IO packets in and out. Pings are answered."""

    async def send(self, *packets: str | bytes) -> None:
        """Sends these."""

    async def next(self) -> str:
        """The next packet that is no ping, in its text form. Raises Over."""


@define(eq=False)
class PollingLine:
    """A line over long-polling."""

    poller: Poller
    _waiting: deque[str] = field(factory=deque, init=False)

    async def send(self, *packets: str | bytes) -> None:
        texts = [p if isinstance(p, str) else "b" + base64.b64encode(p).decode() for p in packets]
        await self.poller.post(*texts)

    async def next(self) -> str:
        while True:
            while not self._waiting:
                answer = await self.poller.get()
                if answer.status != 200:
                    raise Over
                self._waiting.extend(answer.body.decode().split(SEPARATOR))
            match self._waiting.popleft():
                case "1":
                    raise Over
                case "6":  # says nothing; after one of these the session may be gone
                    pass
                case "2":
                    await self.send("3")
                case packet:
                    return packet


@define(eq=False)
class SocketLine:
    """A line over a WebSocket."""

    websocket: WebSocketConnection

    async def send(self, *packets: str | bytes) -> None:
        for packet in packets:
            await self.websocket.send_message(packet)

    async def next(self) -> str:
        try:
            while (packet := await self.websocket.get_message()) == "2":
                await self.send("3")
        except ConnectionClosed:
            raise Over from None
        assert isinstance(packet, str)
        return packet


async def open_line(house: House, nursery: trio.Nursery, transport: str) -> Line:
    """A line that is in no namespace yet."""
    if transport == "polling":
        return PollingLine(await Poller.open(house))
    websocket = await open_socket(house, nursery)
    await handshake_of(websocket)
    return SocketLine(websocket)


async def enter(house: House, line: Line, user: str = "a", **more: object) -> dict[str, Any]:
    """Gets into the game's namespace; what the server says to it."""
    await line.send(connect_packet(house, user, **more))
    answer = body_of(await line.next(), "40/game,")
    assert isinstance(answer, dict)
    return answer


def body_of(packet: str, head: str) -> Any:  # noqa: ANN401 - JSON
    """The JSON of a packet that begins so."""
    assert packet.startswith(head), packet
    return orjson.loads(packet[len(head) :])


ASIDE = ("game:created", "game:opponent_status", "game:spectator_count")
"""Pushes about the company, which come between the others."""


async def next_of_the_game(line: Line, besides: str = "") -> str:
    """The next packet that is not one of those, but for this event."""
    while True:
        packet = await line.next()
        if not any(packet.startswith(f'42/game,["{event}"') for event in ASIDE if event != besides):
            return packet


async def answer_to(line: Line, event: str, data: object, ack: int = 1) -> dict[str, Any]:
    """Sends a request and takes the next packet for its answer."""
    await line.send(event_packet(event, data, ack))
    (answer,) = body_of(await next_of_the_game(line), f"43/game,{ack}")
    assert isinstance(answer, dict)
    return answer


async def push_of(line: Line, event: str) -> dict[str, Any]:
    """Takes the next packet for a push of this event."""
    name, data, *offset = body_of(await next_of_the_game(line, event), "42/game,")
    assert name == event
    assert isinstance(data, dict)
    assert offset == []
    return data
