"""A player's connection: the plain protocol on `/ws` (contract, section 1)."""

from __future__ import annotations

import itertools
from collections import deque
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson
import trio
from attrs import define, field, frozen
from trio_websocket import wrap_client_stream

from actors.rules.interface import JsonObject
from net.client.errors import ConnectionLost, ConnectRefused, RequestFailed
from net.client.returning import ENDINGS, INTRODUCTION, Patience, may_come_back, why
from net.client.streams import Connector, Tap
from net.protocol import SUBPROTOCOL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

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
    """Something that the server sent of its own accord. `offset` is there for clients that asked for recovery;
    `number` counts the messages of the connection, answers too."""

    event: str
    data: JsonObject
    offset: str | None = None
    number: int = field(default=0, eq=False)


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

    One that was made with `recover` comes back by itself, and takes its session up where it was: who waits for an
    answer gets ConnectionLost all the same, for what was asked may have counted or not; who waits for a push is given
    what was missed; and a new request waits until the client is back. It stays away when its user has connected
    elsewhere, or when its token is not accepted any more.
    """

    def __init__(
        self, stream: trio.abc.Stream, *, record: bool, hello: JsonObject | None = None, again: Connector | None = None
    ) -> None:
        self.sid = ""
        self.pid = ""
        self.recovered = False
        """Whether it took up its former session, the last time that it connected; else it follows no game."""
        self.connections = 0
        """How many times it has connected."""
        self.lost: ConnectionLost | None = None
        """Why the connection is over; None while it lives."""
        self.latest_state: JsonObject | None = None
        """The newest view of a game: of a join's answer, or a `game:state`."""
        self.latest_offset: str | None = None
        self.latest_answer = 0
        """The number of the message that was the latest answer; pushes have theirs."""
        self.received: list[str | bytes] = []
        """Every message that came, if `record` was asked for."""
        self._tap = Tap(stream, record=record)
        self._record = record
        self._hello = {} if hello is None else hello
        self._again = again
        self._connected = trio.Event()
        self._ids = itertools.count(1)
        self._came = 0
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
        recover: bool = False,
        record: bool = False,
        host: str = "localhost",
    ) -> CroupierClient:
        """Connects, and says who this is; the client's tasks live in `nursery`.

        `recovery`, `pid` and `offset` ask for a session to be recovered; `record` keeps everything that comes in. With
        `recover` the client comes back by itself, over and over, and `where` must say how to open a stream.

        Raises ConnectRefused when the token is not accepted, ConnectionLost when the server hangs up or does not speak
        the protocol, and OSError when there is no connecting. Waits for a server that says nothing, so put it under
        `trio.fail_after`. Cancelled, nothing is left behind.
        """
        again = None if isinstance(where, trio.abc.Stream) or not recover else where
        if recover and again is None:
            raise ValueError("a client that is to come back needs to know how to open a stream")
        stream = where if isinstance(where, trio.abc.Stream) else await where()
        hello = {"token": token, "recovery": recovery or recover or None, "pid": pid, "offset": offset}
        hello = {key: value for key, value in hello.items() if value is not None}
        client = cls(stream, record=record, hello=hello, again=again)
        try:
            await nursery.start(client._run, host)
            await client._introduce()
        except BaseException:
            client.drop()
            raise
        return client

    async def _introduce(self) -> None:
        """Says who this is. Raises ConnectRefused, ConnectionLost."""
        known = {"pid": self.pid or None, "offset": self.latest_offset}
        answer = await self._ask("connect", self._hello | {key: value for key, value in known.items() if value})
        if answer.get("success") is False:
            raise ConnectRefused(answer)
        self.sid, self.pid, self.recovered = answer["sid"], answer["pid"], answer["recovered"]
        self.connections += 1
        self._connected.set()

    async def cut(self) -> None:
        """Hangs up without a word, as a network that fails does: one that recovers comes back."""
        await trio.aclose_forcefully(self._tap)

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
        await self._connected.wait()
        return await self._ask(event, data)

    async def _ask(self, event: str, data: object) -> JsonObject:
        ack = next(self._ids)
        waiter = self._waiters[ack] = _Waiter(event)
        try:
            await self._put({"event": event, "data": data, "id": ack})
            await waiter.done.wait()
        finally:
            del self._waiters[ack]
        if not waiter.answered:
            raise self._why_lost()
        answer: JsonObject = waiter.answer
        return answer

    async def send(self, message: object) -> None:
        """Sends a message and waits for no answer: text or bytes as they are, anything else as JSON."""
        await self._connected.wait()
        await self._put(message)

    async def _put(self, message: object) -> None:
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

    async def draw(self, game_id: str, move: str, message_id: str | None = None) -> JsonObject:
        """Makes a draw move: `offer`, `accept` or `decline`."""
        return await self._succeed("game:draw", {"game_id": game_id, "move": move}, message_id)

    async def leave(self, game_id: str) -> None:
        """Follows the game no more, as its player; that is no resignation."""
        await self._succeed("game:leave", {"game_id": game_id})

    async def spectate(self, game_id: str) -> JsonObject:
        """Watches a game and returns the view of it."""
        return await self._succeed("game:spectate", {"game_id": game_id})

    async def leave_spectate(self, game_id: str) -> None:
        """Watches the game no more."""
        await self._succeed("game:leave_spectate", {"game_id": game_id})

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

    def take_push(self, before: int) -> PushMessage | None:
        """Takes the oldest push that was not taken yet, if it came before the message of this number."""
        return self._pushes.popleft() if self._pushes and self._pushes[0].number < before else None

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
        """Reads and writes until the connection ends, for good if the client comes back. Raises ConnectionLost if it
        ends before it has begun."""
        lost = ConnectionLost()
        try:
            with self._scope:
                lost = await self._one_connection(host, lambda: task_status.started())
                patience = Patience()
                while self._again is not None and self.lost is None and may_come_back(lost):
                    self._interrupt()
                    self._tap = Tap(await patience.open_again(self._again), record=self._record)
                    lost = await self._one_connection(host, None)
        finally:
            self._lose(lost)
            self._over.set()

    async def _one_connection(self, host: str, first: Callable[[], None] | None) -> ConnectionLost:
        """Why it ended. On the first, `first` is called when it is up, and it raises that if it ends before; on others
        the client introduces itself."""
        started = False
        lost = ConnectionLost()
        try:
            async with trio.open_nursery() as nursery:
                with trio.fail_after(INTRODUCTION) if first is None else nullcontext():
                    websocket = self._websocket = await self._shake_hands(nursery, host)
                started = True
                nursery.start_soon(self._write, websocket)
                if first is not None:
                    first()
                else:
                    nursery.start_soon(self._introduce_in_time)
                while True:
                    self._take(await websocket.get_message())
        except BaseExceptionGroup as group:
            endings, rest = group.split(ENDINGS)
            if rest is not None:
                raise rest from None
            lost = why(endings)
        finally:
            await trio.aclose_forcefully(self._tap)
        if not started and first is not None:
            raise lost
        return lost

    async def _introduce_in_time(self) -> None:
        with trio.fail_after(INTRODUCTION):
            await self._introduce()

    def _interrupt(self) -> None:
        """The connection is gone, and the client comes back: who waits for an answer gets none."""
        self._connected = trio.Event()
        for waiter in self._waiters.values():
            waiter.done.set()
        with suppress(trio.WouldBlock):
            while True:  # nobody waits any more for the answers to these
                self._unsent.receive_nowait()

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
        self._came += 1
        match orjson.loads(message):
            case {"ack": ack, "data": data}:
                self.latest_answer = self._came
                if (waiter := self._waiters.get(ack)) is not None:
                    waiter.answered, waiter.answer = True, data
                    waiter.done.set()
                    if waiter.event == "game:join" and data.get("success"):
                        self.latest_state = data
            case {"event": str(event), "data": data, **more}:
                offset = more.get("offset")
                self._pushes.append(PushMessage(event, data, offset if isinstance(offset, str) else None, self._came))
                self._pushed.unpark_all()
                self.latest_offset = self._pushes[-1].offset or self.latest_offset
                if event == "game:state":
                    self.latest_state = data
            case _:
                raise ConnectionLost(1002, "the server sent what is neither an answer nor a push")

    def _lose(self, lost: ConnectionLost) -> None:
        if self.lost is None:
            self.lost = lost
            self._connected.set()
            self._unsent.close()
            for waiter in self._waiters.values():
                waiter.done.set()
            self._pushed.unpark_all()

    def _why_lost(self) -> ConnectionLost:
        """A fresh exception, because the same one cannot be raised in several tasks."""
        if self.lost is None:
            return ConnectionLost(reason="the connection was lost; the client comes back")
        return ConnectionLost(self.lost.code, self.lost.reason)


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
