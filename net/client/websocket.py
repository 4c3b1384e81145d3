"""A player's connection: the plain protocol on `/ws` (contract, section 1)."""

from __future__ import annotations

import itertools
from collections import deque
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import h11
import orjson
import trio
import wsproto.utilities
from attrs import define, field, frozen
from trio_websocket import ConnectionClosed, HandshakeError, wrap_client_stream

from actors.rules.interface import JsonObject
from net.client.errors import ConnectionLost, ConnectRefused, RequestFailed, leaves
from net.client.streams import Connector, Tap
from net.protocol import SUBPROTOCOL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trio_websocket import WebSocketConnection


Where: TypeAlias = trio.abc.Stream | Connector
"""A stream that the client may have for itself, or how to open one."""

_LARGEST_MESSAGE = 16 * 1024 * 1024
_QUEUED_REQUESTS = 64
_KEPT_PUSHES = 100_000
_GOODBYE = 5.0
"""Seconds that the closing handshake may take."""


@frozen
class PushMessage:
    """Something that the server sent of its own accord. `offset` is there for clients that asked for recovery."""

    event: str
    data: JsonObject
    offset: str | None = None


@define(eq=False)
class _Waiter:
    event: str
    done: trio.Event = field(factory=trio.Event)
    answered: bool = False
    answer: Any = None


class CroupierClient:
    """A connected player. Made by `connect_ws`, or by `open_client`.

    Any number of tasks may use it, with any number of requests in flight. When the connection dies, whoever waits for
    an answer or a push gets ConnectionLost, and so does every later call; pushes that came before it can still be
    taken.
    """

    def __init__(self, stream: trio.abc.Stream, *, record: bool) -> None:
        self.sid = ""
        self.pid = ""
        self.recovered = False
        self.lost: ConnectionLost | None = None
        """Why the connection is over; None while it lives."""
        self.latest_state: JsonObject | None = None
        """The newest view of a game: of a join's answer, or a `game:state`."""
        self.latest_offset: str | None = None
        self.received: list[str | bytes] = []
        """Every message that came, if `record` was asked for."""
        self._tap = Tap(stream, record=record)
        self._record = record
        self._ids = itertools.count(1)
        self._waiters: dict[int, _Waiter] = {}
        self._pushes: deque[PushMessage] = deque(maxlen=_KEPT_PUSHES)
        self._pushed = trio.lowlevel.ParkingLot()
        self._over = trio.Event()
        self._scope = trio.CancelScope()
        self._websocket: WebSocketConnection | None = None
        self._to_send, self._unsent = trio.open_memory_channel[str | bytes](_QUEUED_REQUESTS)

    @property
    def received_bytes(self) -> bytes:
        """Every byte that came, the handshake and the frames' headers among them, if `record` was asked for."""
        return bytes(self._tap.received)

    # ---- coming and going

    @classmethod
    async def connect_ws(
        cls,
        nursery: trio.Nursery,
        where: Where,
        token: str,
        *,
        recovery: bool = False,
        pid: str | None = None,
        offset: str | None = None,
        record: bool = False,
        host: str = "localhost",
    ) -> CroupierClient:
        """Connects, and says who this is; the client's tasks live in `nursery`.

        `recovery`, `pid` and `offset` ask for a session to be recovered; `record` keeps everything that comes in.
        Raises ConnectRefused when the token is not accepted, ConnectionLost when the server hangs up or does not speak
        the protocol, and OSError when there is no connecting. Waits for a server that says nothing, so put it under
        `trio.fail_after`. Cancelled, nothing is left behind.
        """
        stream = where if isinstance(where, trio.abc.Stream) else await where()
        client = cls(stream, record=record)
        hello = {"token": token, "recovery": recovery or None, "pid": pid, "offset": offset}
        try:
            await nursery.start(client._run, host)
            answer = await client.request("connect", {k: v for k, v in hello.items() if v is not None})
        except BaseException:
            client.drop()
            raise
        if answer.get("success") is False:
            client.drop()
            raise ConnectRefused(answer)
        client.sid, client.pid, client.recovered = answer["sid"], answer["pid"], answer["recovered"]
        return client

    async def aclose(self) -> None:
        """Says goodbye and closes; forcefully when the server has not answered that within five seconds. Idempotent."""
        if self._websocket is not None:
            with trio.move_on_after(_GOODBYE):
                await self._websocket.aclose()
        self.drop()
        await self._over.wait()

    def drop(self) -> None:
        """Hangs up without a word, as a client that crashes does. Idempotent."""
        self._lose(ConnectionLost(reason="this side hung up"))
        self._scope.cancel()

    # ---- requests

    async def request(self, event: str, data: object = None) -> JsonObject:
        """Sends a request and returns the data of its answer, a failure's too (`success` is false then).

        Raises ConnectionLost. Cancelled: the request may have been sent; its answer is dropped.
        """
        ack = next(self._ids)
        waiter = self._waiters[ack] = _Waiter(event)
        try:
            await self.send({"event": event, "data": data, "id": ack})
            await waiter.done.wait()
        finally:
            del self._waiters[ack]
        if not waiter.answered:
            raise self._why_lost()
        answer: JsonObject = waiter.answer
        return answer

    async def send(self, message: object) -> None:
        """Sends a message and waits for no answer: text or bytes as they are, anything else as JSON."""
        frame = message if isinstance(message, str | bytes) else orjson.dumps(message).decode()
        try:
            await self._to_send.send(frame)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise self._why_lost() from None

    async def join(self, game_id: str, *, last_event_id: int | None = None) -> JsonObject:
        """Joins a game and returns the view of it. This and the methods below raise RequestFailed for a failure."""
        data: JsonObject = {"game_id": game_id}
        if last_event_id is not None:
            data["last_event_id"] = last_event_id
        return await self._succeed("game:join", data)

    async def act(self, game_id: str, action: JsonObject, message_id: str | None = None) -> JsonObject:
        """Sends an action and returns its answer. With a `message_id` it may be sent again, and counts once."""
        return await self._succeed("game:action", {"game_id": game_id, "action": action}, message_id)

    async def resign(self, game_id: str, message_id: str | None = None) -> JsonObject:
        """Gives the game up."""
        return await self._succeed("game:resign", {"game_id": game_id}, message_id)

    async def heartbeat(self) -> float:
        """Shows that this client lives; returns the server's time in unix seconds."""
        server_time: float = (await self._succeed("heartbeat", {}))["server_time"]
        return server_time

    async def _succeed(self, event: str, data: JsonObject, message_id: str | None = None) -> JsonObject:
        answer = await self.request(event, data if message_id is None else {**data, "message_id": message_id})
        if answer.get("success") is False:
            raise RequestFailed(answer)
        return answer

    # ---- pushes

    @property
    def pushes(self) -> tuple[PushMessage, ...]:
        """The pushes that came and were not taken yet, oldest first."""
        return tuple(self._pushes)

    async def next_push(self, event: str | None = None) -> PushMessage:
        """Takes the oldest push that was not taken yet, of this event if one is named; waits when there is none.

        Pushes of other events stay for whoever asks for them. Raises ConnectionLost when none will come any more.
        """
        await trio.lowlevel.checkpoint()
        while True:
            for push in self._pushes:
                if event in (None, push.event):
                    self._pushes.remove(push)
                    return push
            if self.lost is not None:
                raise self._why_lost()
            await self._pushed.park()

    # ---- the connection

    async def _run(self, host: str, *, task_status: trio.TaskStatus[None]) -> None:
        """Reads and writes until the connection ends. Raises ConnectionLost if it ends before it has begun."""
        started = False
        lost = ConnectionLost()
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    websocket = self._websocket = await self._shake_hands(nursery, host)
                    started = True
                    task_status.started()
                    nursery.start_soon(self._write, websocket)
                    while True:
                        self._take(await websocket.get_message())
        except BaseExceptionGroup as group:
            endings, rest = group.split(_ENDINGS)
            if rest is not None:
                raise rest from None
            lost = _why(endings)
        finally:
            self._lose(lost)
            self._over.set()
            await trio.aclose_forcefully(self._tap)
        if not started:
            raise lost

    async def _shake_hands(self, nursery: trio.Nursery, host: str) -> WebSocketConnection:
        async with trio.open_nursery() as race:

            async def notice_the_end() -> None:
                await self._tap.ended.wait()
                raise ConnectionLost(reason="the server hung up before its handshake")

            race.start_soon(notice_the_end)
            websocket = await wrap_client_stream(
                nursery,
                self._tap,  # type: ignore[arg-type]  # any stream will do
                host,
                "/ws",
                subprotocols=[SUBPROTOCOL],
                max_message_size=_LARGEST_MESSAGE,
                message_queue_size=_QUEUED_REQUESTS,
            )
            race.cancel_scope.cancel()
        if websocket.subprotocol != SUBPROTOCOL:
            raise ConnectionLost(1002, f"the server does not speak {SUBPROTOCOL}")
        return websocket

    async def _write(self, websocket: WebSocketConnection) -> None:
        """The one task that sends, so that the cancellation of a request never tears a frame."""
        with suppress(trio.ClosedResourceError):  # the connection is over
            async for message in self._unsent:
                await websocket.send_message(message)

    def _take(self, message: str | bytes) -> None:
        if self._record:
            self.received.append(message)
        match orjson.loads(message):
            case {"ack": ack, "data": data}:
                if (waiter := self._waiters.get(ack)) is not None:
                    waiter.answered, waiter.answer = True, data
                    waiter.done.set()
                    if waiter.event == "game:join" and data.get("success"):
                        self.latest_state = data
            case {"event": str(event), "data": data, **more}:
                offset = more.get("offset")
                self._pushes.append(PushMessage(event, data, offset if isinstance(offset, str) else None))
                self._pushed.unpark_all()
                self.latest_offset = self._pushes[-1].offset or self.latest_offset
                if event == "game:state":
                    self.latest_state = data
            case _:
                raise ConnectionLost(1002, "the server sent what is neither an answer nor a push")

    def _lose(self, lost: ConnectionLost) -> None:
        if self.lost is None:
            self.lost = lost
            self._unsent.close()
            for waiter in self._waiters.values():
                waiter.done.set()
            self._pushed.unpark_all()

    def _why_lost(self) -> ConnectionLost:
        """A fresh exception, because the same one cannot be raised in several tasks."""
        assert self.lost is not None
        return ConnectionLost(self.lost.code, self.lost.reason)


_ENDINGS = (
    ConnectionLost,
    ConnectionClosed,
    HandshakeError,
    orjson.JSONDecodeError,
    # What trio-websocket's reader lets through when a server answers the handshake with rubbish: it tries to reject it.
    wsproto.utilities.ProtocolError,
    h11.LocalProtocolError,
)


def _why(endings: BaseExceptionGroup[BaseException] | None) -> ConnectionLost:
    """Why the connection ended, of all that went wrong at its end: whatever says most."""
    for ending in leaves(endings):
        match ending:
            case ConnectionLost():
                return ending
            case orjson.JSONDecodeError():
                return ConnectionLost(1007, "the server sent what is not JSON")
            case HandshakeError():
                return ConnectionLost(reason=f"the server refused the handshake: {ending!r}")
            case ConnectionClosed(reason=reason) if reason is not None:
                return ConnectionLost(reason.code, reason.reason or "")
    return ConnectionLost()


@asynccontextmanager
async def open_client(
    where: Where, token: str, *, recovery: bool = False, record: bool = False
) -> AsyncIterator[CroupierClient]:
    """A client for the length of a block; closed at its end. What the block raises comes in an ExceptionGroup, because
    the client's tasks live in a nursery around it. Raises as `CroupierClient.connect_ws`."""
    async with trio.open_nursery() as nursery:
        client = await CroupierClient.connect_ws(nursery, where, token, recovery=recovery, record=record)
        try:
            yield client
        finally:
            await client.aclose()
