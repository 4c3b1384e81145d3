"""A player's connection (contract, section 1): the plain protocol on `/ws`, or Socket.IO."""

from __future__ import annotations

import itertools
from collections import deque
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson
import trio
from attrs import define, field, frozen
from trio_websocket import ConnectionClosed

from actors.rules.interface import JsonObject
from net.client.calls import Calls
from net.client.carriers import Over, open_carrier
from net.client.errors import ConnectionLost, ConnectRefused
from net.client.returning import ENDINGS, INTRODUCTION, Patience, may_come_back, why
from net.client.speech import CONNECT, NO_SENSE, Answer, Pushed, Say
from net.client.streams import Connector, Tap
from net.client.whole import OutOfStep, WholeStates

if TYPE_CHECKING:
    from collections.abc import Callable

    from net.client.carriers import Carrier


Where: TypeAlias = trio.abc.Stream | Connector
"""A stream that the client may have for itself, or how to open one."""

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


class CroupierClient(Calls):
    """A connected player. Made by `connect`, by `connect_ws`, or by `open_client`.

    Any number of tasks may use it, with any number of requests in flight. When the connection dies, whoever waits for
    an answer or a push gets ConnectionLost, and so does every later call; pushes that came before it can still be
    taken.

    One that was made with `recover` comes back by itself, and takes its session up where it was: who waits for an
    answer gets ConnectionLost all the same, for what was asked may have counted or not; who waits for a push is given
    what was missed; and a new request waits until the client is back. It stays away when its user has connected
    elsewhere, or when its token is not accepted any more.
    """

    def __init__(
        self,
        stream: trio.abc.Stream,
        *,
        record: bool,
        hello: JsonObject | None = None,
        connector: Connector | None = None,
        recover: bool = False,
        over: Over = Over.PLAIN,
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
        self._states = WholeStates()
        self._tap = Tap(stream, record=record)
        self._record = record
        self._hello = {} if hello is None else hello
        self._connector = connector
        self._recover = recover
        self._carried_over = over
        self._speech = over.speech()
        self._connected = trio.Event()
        self._ids = itertools.count(1)
        self._came = 0
        self._waiters: dict[int, _Waiter] = {}
        self._pushes: deque[PushMessage] = deque(maxlen=_KEPT_PUSHES)
        self._pushed = trio.lowlevel.ParkingLot()
        self._over = trio.Event()
        self._scope = trio.CancelScope()
        self._carrier: Carrier | None = None
        self._leaving = False
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
        """`connect` over the plain protocol."""
        return await cls.connect(
            nursery,
            where,
            token,
            recovery=recovery,
            pid=pid,
            offset=offset,
            recover=recover,
            record=record,
            host=host,
        )

    @classmethod
    async def connect(
        cls,
        nursery: trio.Nursery,
        where: Where,
        token: str,
        *,
        over: Over = Over.PLAIN,
        recovery: bool = False,
        pid: str | None = None,
        offset: str | None = None,
        recover: bool = False,
        record: bool = False,
        host: str = "localhost",
    ) -> CroupierClient:
        """Connects, and says who this is; the client's tasks live in `nursery`.

        `over` says which way; `recovery`, `pid` and `offset` ask for a session to be recovered; `record` keeps
        everything that comes in. With `recover` the client comes back by itself, over and over. For that, and for
        polling, `where` must say how to open a stream.

        Raises ConnectRefused when the token is not accepted, ConnectionLost when the server hangs up or does not speak
        the protocol, and OSError when there is no connecting. Waits for a server that says nothing, so put it under
        `trio.fail_after`. Cancelled, nothing is left behind.
        """
        connector = None if isinstance(where, trio.abc.Stream) else where
        if connector is None and (recover or over is Over.POLLING):
            raise ValueError("a client that is to come back, or that polls, needs to know how to open a stream")
        stream = where if isinstance(where, trio.abc.Stream) else await where()
        hello = {"token": token, "recovery": recovery or recover or None, "pid": pid, "offset": offset}
        hello = {key: value for key, value in hello.items() if value is not None}
        client = cls(stream, record=record, hello=hello, connector=connector, recover=recover, over=over)
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
        answer = await self._ask(CONNECT, self._hello | {key: value for key, value in known.items() if value})
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
        self._leaving = True
        try:
            if self._carrier is not None:
                with trio.move_on_after(_GOODBYE):
                    await self._carrier.aclose()
        finally:
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
            for message in self._speech.ask(event, data, ack):
                await self._put(message)
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
                while self._recover and self._connector is not None and self.lost is None and may_come_back(lost):
                    self._interrupt()
                    self._tap = Tap(await patience.open_again(self._connector), record=self._record)
                    self._speech = self._carried_over.speech()
                    lost = await self._one_connection(host, None)
        finally:
            self._lose(lost)
            self._over.set()

    async def _one_connection(self, host: str, first: Callable[[], None] | None) -> ConnectionLost:
        """Why it ended. On the first, `first` is called when it is up, and it raises that if it ends before; on others
        the client introduces itself."""
        started = False
        lost = ConnectionLost()
        self._states = WholeStates()
        try:
            async with trio.open_nursery() as nursery:
                with trio.fail_after(INTRODUCTION) if first is None else nullcontext():
                    carrier = self._carrier = await open_carrier(
                        self._carried_over, nursery, self._tap, self._connector, host
                    )
                started = True
                nursery.start_soon(self._write, carrier)
                if first is not None:
                    first()
                else:
                    nursery.start_soon(self._introduce_in_time)
                while True:
                    for say in self._take(await self._next_message(carrier)):
                        await self._put(say)
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

    async def _next_message(self, carrier: Carrier) -> str | bytes:
        try:
            return await carrier.get_message()
        except ConnectionClosed:
            if not self._leaving:
                raise
        # trio-websocket says so as soon as it has said goodbye. The answer to that is for its reader, which must live
        # on for it; `aclose` ends both.
        await trio.sleep_forever()
        raise AssertionError("unreachable")

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

    async def _write(self, carrier: Carrier) -> None:
        """The one task that sends, so that the cancellation of a request never tears a frame."""
        with suppress(trio.ClosedResourceError):  # the connection is over
            async for message in self._unsent:
                await carrier.send_message(message)

    def _take(self, message: str | bytes) -> list[str]:
        """Takes in what came; what is to be said to that."""
        if self._record:
            self.received.append(message)
        self._came += 1
        replies = []
        for heard in self._speech.hear(message):
            match heard:
                case Answer(ack=ack, data=data):
                    self._answered(ack, data)
                case Pushed(event=event, data=data, offset=offset):
                    if event == "game:state":
                        data = self._whole(data)
                    self._pushes.append(PushMessage(event, data, offset, self._came))
                    self._pushed.unpark_all()
                    self.latest_offset = offset or self.latest_offset
                    if event == "game:state":
                        self.latest_state = data
                case Say(message=reply):
                    replies.append(reply)
        return replies

    def _whole(self, state: JsonObject) -> JsonObject:
        try:
            return self._states.take(state)
        except OutOfStep as error:
            raise ConnectionLost(NO_SENSE, str(error)) from None

    def _answered(self, ack: int, data: Any) -> None:  # noqa: ANN401 - JSON
        self.latest_answer = self._came
        if (waiter := self._waiters.get(ack)) is not None:
            waiter.answered, waiter.answer = True, data
            waiter.done.set()
            if waiter.event == "game:join" and data.get("success"):
                self.latest_state = data

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
