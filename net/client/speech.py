"""What a client and the server say to each other on one connection, in either of the server's protocols. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import orjson
from attrs import define, field, frozen

from actors.rules.interface import JsonObject
from net.client.errors import ConnectionLost

if TYPE_CHECKING:
    from collections.abc import Iterable

CONNECT: Final = "connect"
"""The event of the first request: whose connection it is."""

REPLACED: Final = 4001
"""The close code of a session that another connection of the user has replaced (docs/protocol.md)."""

_GOING_AWAY: Final = 1001
NO_SENSE: Final = 1002
"""The close code for what is against the protocol."""


@frozen
class Answer:
    """The request with this id was answered."""

    ack: int
    data: Any


@frozen
class Pushed:
    """The server said something of its own accord. `offset` is there for clients that asked for recovery."""

    event: str
    data: JsonObject
    offset: str | None = None


@frozen
class Say:
    """The protocol wants this said at once."""

    message: str


Heard: TypeAlias = Answer | Pushed | Say


class Speech(Protocol):
    """One side of a conversation, from its beginning: a fresh one for each connection."""

    def ask(self, event: str, data: object, ack: int) -> Iterable[str]:
        """The messages of a request; of the first one, `CONNECT`, perhaps none before the server has spoken."""

    def hear(self, message: str | bytes) -> Iterable[Heard]:
        """What the server said with this. Raises ConnectionLost when that is the end, or makes no sense."""


class PlainSpeech:
    """The plain protocol, of `/ws`."""

    def ask(self, event: str, data: object, ack: int) -> Iterable[str]:
        """See `Speech`."""
        return (orjson.dumps({"event": event, "data": data, "id": ack}).decode(),)

    def hear(self, message: str | bytes) -> Iterable[Heard]:
        """See `Speech`."""
        match orjson.loads(message):
            case {"ack": ack, "data": data}:
                return (Answer(ack, data),)
            case {"event": str(event), "data": data, **more}:
                offset = more.get("offset")
                return (Pushed(event, data, offset if isinstance(offset, str) else None),)
            case _:
                raise ConnectionLost(NO_SENSE, "the server sent what is neither an answer nor a push")


@define(eq=False)
class SocketIoSpeech:
    """Socket.IO 5 over Engine.IO 4, in the namespace `/game`, as far as a server of ours speaks it: without attachments
    and without events that want an answer of ours."""

    _hello: tuple[int, JsonObject] | None = field(default=None, init=False)
    """The first request's id, and what the client is known by."""
    _open: bool = field(default=False, init=False)
    _replaced: bool = field(default=False, init=False)

    def ask(self, event: str, data: object, ack: int) -> Iterable[str]:
        """See `Speech`."""
        if event == CONNECT:
            assert isinstance(data, dict)
            self._hello = ack, data
            return self._greeting() if self._open else ()
        return (f"42/game,{ack}{orjson.dumps([event, data]).decode()}",)

    def _greeting(self) -> tuple[str, ...]:
        return () if self._hello is None else (f"40/game,{orjson.dumps(self._hello[1]).decode()}",)

    def hear(self, message: str | bytes) -> Iterable[Heard]:
        """See `Speech`."""
        if isinstance(message, bytes):
            raise ConnectionLost(NO_SENSE, "the server sent what is no text")
        kind, rest = message[:1], message[1:]
        match kind:
            case "0":
                self._open = True
                return tuple(Say(greeting) for greeting in self._greeting())
            case "1":
                raise ConnectionLost(_GOING_AWAY, "the server closed the session")
            case "2":
                return (Say(f"3{rest}"),)
            case "4":
                return self._packet(rest)
            case "6":
                return ()
            case _:
                raise ConnectionLost(NO_SENSE, "the server sent what is no packet of Engine.IO")

    def _packet(self, packet: str) -> Iterable[Heard]:
        kind, (namespace, comma, rest) = packet[:1], packet[1:].partition(",")
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        data: Any = orjson.loads(rest[len(digits) :] or "null") if comma and namespace == "/game" else None
        match kind, data:
            case "0", {"sid": str(sid)} if self._hello is not None:
                return (Answer(self._hello[0], self._welcome(sid, data.get("pid", ""))),)
            case "4", {"message": str(message)} if self._hello is not None:
                error = {"message": message, **data.get("data", {})}
                return (Answer(self._hello[0], {"success": False, "error": error}),)
            case "1", _ if namespace == "/game":
                raise ConnectionLost(REPLACED if self._replaced else _GOING_AWAY, "the server put this client out")
            case "2", [str(event), body, *offset] if not digits:
                self._replaced = self._replaced or event == "session:replaced"
                return (Pushed(event, body, offset[0] if offset else None),)
            case "3", [body] if digits:
                return (Answer(int(digits), body),)
            case _:
                raise ConnectionLost(NO_SENSE, "the server sent what is neither an answer nor a push")

    def _welcome(self, sid: str, pid: str) -> JsonObject:
        assert self._hello is not None
        # The same pid, where one was named, means that the session was recovered (the sid is then the former one, too).
        return {"sid": sid, "pid": pid, "recovered": bool(pid) and self._hello[1].get("pid") == pid}
