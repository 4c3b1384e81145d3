"""The protocols that people speak with the server, on a WebSocket each: the plain one of `/ws`, and Socket.IO over
Engine.IO. What they say is the same; a dialect is how it is written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import orjson
from attrs import frozen

from actors.rules.interface import JsonObject
from net.protocol import SUBPROTOCOL

if TYPE_CHECKING:
    from collections.abc import Sequence


CONNECT: Final = 0
"""The id of a connect; requests have greater ones."""


@frozen
class Answer:
    """To the request of this id."""

    request: int
    data: JsonObject


@frozen
class Push:
    """Something that the server said of its own accord."""

    event: str
    data: JsonObject
    offset: str | None = None


@frozen
class SayBack:
    """To be sent back at once: the dialect's own heartbeat."""

    text: str


@frozen
class PutOut:
    """The server has ended the session, and the connection stays open."""


Heard: TypeAlias = Answer | Push | SayBack | PutOut


class Dialect(Protocol):
    """How requests are written and messages are read."""

    path: str
    subprotocol: str | None

    def connect(self, data: JsonObject) -> str:
        """The first request."""

    def request(self, event: str, data: object, number: int | None) -> str:
        """Any other request; with no number, nobody wants an answer."""

    def read(self, text: str) -> Sequence[Heard]:
        """What the server said. Raises ValueError for what is none of it."""


class Plain:
    """The plain protocol on `/ws`."""

    path = "/ws"
    subprotocol: str | None = SUBPROTOCOL

    def connect(self, data: JsonObject) -> str:
        """See `Dialect`."""
        return self.request("connect", data, CONNECT)

    def request(self, event: str, data: object, number: int | None) -> str:
        """See `Dialect`."""
        asked = {"event": event, "data": data} if number is None else {"event": event, "data": data, "id": number}
        return orjson.dumps(asked).decode()

    def read(self, text: str) -> Sequence[Heard]:
        """See `Dialect`."""
        match orjson.loads(text):
            case {"ack": int(number), "data": data}:
                return (Answer(number, data),)
            case {"event": str(event), "data": data, **more}:
                offset = more.get("offset")
                return (Push(event, data, offset if isinstance(offset, str) else None),)
        raise ValueError("neither an answer nor a push")


_PACKET: Final = re.compile(r"4([0-4])/game,(\d*)(.*)", re.DOTALL)


class SocketIo:
    """Socket.IO, revision 5, in the namespace `/game`."""

    path = "/socket.io/?EIO=4&transport=websocket"
    subprotocol: str | None = None

    def connect(self, data: JsonObject) -> str:
        """See `Dialect`."""
        return f"40/game,{orjson.dumps(data).decode()}"

    def request(self, event: str, data: object, number: int | None) -> str:
        """See `Dialect`."""
        return f"42/game,{'' if number is None else number}{orjson.dumps([event, data]).decode()}"

    def read(self, text: str) -> Sequence[Heard]:
        """See `Dialect`."""
        if text == "2":
            return (SayBack("3"),)
        if text[:1] in ("0", "6"):
            return ()
        packet = _PACKET.fullmatch(text)
        if packet is None:
            raise ValueError("no packet of this namespace")
        kind, number, body = packet.groups()
        data = orjson.loads(body) if body else None
        match kind, data:
            case "0", dict():
                return (Answer(CONNECT, data),)
            case "4", dict():
                return (Answer(CONNECT, {"success": False, "error": data.get("data", {})}),)
            case "1", _:
                return (PutOut(),)
            case "2", [str(event), dict(said)]:
                return (Push(event, said),)
            case "2", [str(event), dict(said), str(offset)]:
                return (Push(event, said, offset),)
            case "3", [dict(said)]:
                return (Answer(int(number), said),)
        raise ValueError("a packet that no client expects")


PLAIN: Final = Plain()
SOCKET_IO: Final = SocketIo()
