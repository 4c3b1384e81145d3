"""A client on `/ws`: the plain protocol on its WebSocket, from the first request to the close."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import trio
from attrs import frozen

from actors.failures import Code, Failure
from actors.messages import SessionReplaced
from net.admission import Admission, Closed, ConnectsTooOften, Welcome
from net.auth import Unauthorized
from net.frames import TooLarge, encode_text_frame
from net.plain import (
    CLOSE_BAD_CONNECT,
    CLOSE_CONNECT_TIMEOUT,
    CLOSE_CONNECTS_TOO_OFTEN,
    CLOSE_EVICTED,
    CLOSE_FLOODS,
    CLOSE_REPLACED,
    CLOSE_RESTARTING,
    CLOSE_UNAUTHORIZED,
    ack_of,
    decode,
    encode_ack,
    encode_push,
)
from net.protocol import (
    Invalid,
    encode_bare,
    encode_refusal,
)
from net.router import Router
from net.websocket import ConnectionLost

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from actors.messages import Push
    from actors.rules.interface import JsonObject
    from net.frames import Message
    from net.http import Request as HttpRequest
    from net.outbox import Kind
    from net.protocol import AckId, Request
    from net.session import Session
    from net.websocket import WebSocket

_FRAMES = "plain"
_FRAMES_WITH_OFFSET = "plain with offset"


class PlainChannel:
    """The plain protocol on one WebSocket, as a session uses it.

    `reading` is the scope in which its socket is read, cut short when it is to be closed: with `closing`, a close code
    and a reason.
    """

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self.gone = False
        self.reading = trio.CancelScope()
        self.closing: tuple[int, str] | None = None

    @property
    def last_seen(self) -> float:
        """When bytes last came in, on trio's clock."""
        return self._websocket.last_received

    def answer(self, ack: AckId, body: bytes) -> None:
        """Sends the answer to the request with this id."""
        self._websocket.push_text(encode_text_frame(encode_ack(ack, body)))

    def push(self, push: Push, kind: Kind, offset: str | None) -> None:
        """Sends a push; its frame is made once for all the sockets of this protocol."""
        key, body = _FRAMES if offset is None else _FRAMES_WITH_OFFSET, push.body
        frame = push.frames.get(key)
        if frame is None:
            frame = push.frames[key] = encode_text_frame(encode_push(body.event, push.json, offset))
        self._websocket.push_text(frame, kind, "" if isinstance(body, SessionReplaced) else body.game_id)

    def may_skip(self, game_id: str) -> bool:
        """Whether a state of this game waits that has not begun to leave."""
        return self._websocket.may_skip(game_id)

    def notify(self, event: str, body: bytes) -> None:
        """Sends a push of the session itself."""
        self._websocket.push_text(encode_text_frame(encode_push(event, body)))

    def in_one_send(self) -> AbstractContextManager[None]:
        """What is sent inside leaves in one write."""
        return self._websocket.in_one_send()

    def ping(self) -> None:
        """Asks for a sign of life with a WebSocket ping."""
        self._websocket.ping()

    def drop(self) -> None:
        """Cuts the connection at once."""
        self._websocket.close_now("no sign of life")

    def cut_off(self) -> None:
        """Closes the socket, and reads nothing more of it."""
        self._websocket.hang_up(CLOSE_FLOODS, "too many requests")
        self._close_with(CLOSE_FLOODS, "too many requests")

    def dismiss(self) -> None:
        """Closes the socket with the code that means: another connection of this user has taken your place."""
        self._close_with(CLOSE_REPLACED, "replaced by another connection")

    def evict(self) -> None:
        """Closes the socket; whoever reads it, if anybody does, has another one."""
        self._close_with(CLOSE_EVICTED, "recovered on another connection")

    def _close_with(self, code: int, reason: str) -> None:
        if self.closing is None:
            self.closing = (code, reason)
            self.reading.cancel()

    async def close(self) -> None:
        """Ends the connection because the server stops."""
        await self._websocket.close(CLOSE_RESTARTING, "the server is restarting")


@frozen
class PlainSocket:
    """Serves the WebSockets of `/ws`."""

    router: Router
    admission: Admission
    connect_timeout: float
    max_message_bytes: int

    async def serve(self, request: HttpRequest, websocket: WebSocket) -> None:
        """One client, from its connect to its end. Returns when the connection is over; cancelled, it leaves the
        socket to its owner."""
        channel = PlainChannel(websocket)
        try:
            session = await self._connect(channel, websocket)
            if session is not None:
                await self._serve(channel, websocket, session)
        except ConnectionLost:
            pass
        finally:
            channel.gone = True

    async def _serve(self, channel: PlainChannel, websocket: WebSocket, session: Session) -> None:
        try:
            with channel.reading:
                await websocket.listen(partial(self._take, session, channel))
        finally:
            self.admission.leave(session)
        assert channel.closing is not None
        await websocket.close(*channel.closing)

    def _take(self, session: Session, channel: PlainChannel, message: Message) -> None:
        if channel.closing is not None:  # nothing is read any more, though it has come
            return
        if isinstance(message, TooLarge):
            self.router.refuse(session, self._too_large(), ack_of(message.message))
            return
        try:
            request = decode(message)
        except Invalid as invalid:
            self.router.refuse(session, invalid.failure, invalid.ack)
        else:
            self.router.handle(session, request)

    async def _connect(self, channel: PlainChannel, websocket: WebSocket) -> Session | None:
        """The session that the first request asks for, welcomed; None when it was refused, and the socket closed."""
        message: Message | None = None
        with trio.move_on_after(self.connect_timeout), self.admission.until_closed():
            message = await websocket.receive()
        if message is None and not self.admission.closed:
            await websocket.close(CLOSE_CONNECT_TIMEOUT, "no connect in time")
            return None
        ack: AckId | None = None
        try:
            if message is None:
                raise Closed
            if isinstance(message, TooLarge):
                raise Invalid(self._too_large().message, ack=ack_of(message.message))
            request = decode(message)
            ack = request.ack
            if request.event != "connect":
                raise Invalid("the first request must be connect", field="event")
            return await self._admitted(channel, request)
        except Invalid as invalid:
            self._refuse(channel, invalid.ack if ack is None else ack, invalid.failure.code, str(invalid))
            await websocket.close(CLOSE_BAD_CONNECT, "bad connect")
        except Closed:
            await channel.close()
        except ConnectsTooOften as refusal:
            self._refuse(channel, ack, Code.RATE_LIMITED, str(refusal), {"retry_after": refusal.retry_after})
            await websocket.close(CLOSE_CONNECTS_TOO_OFTEN, Code.RATE_LIMITED)
        except Unauthorized as refusal:
            self._refuse(channel, ack, refusal.code, str(refusal))
            await websocket.close(CLOSE_UNAUTHORIZED, refusal.code)
        return None

    async def _admitted(self, channel: PlainChannel, request: Request) -> Session:
        """Waits until the client is let in, and welcomed. Raises as `Admission.admit`."""
        outcome: Welcome | Closed | None = None
        decided = trio.Event()

        def on_admitted(told: Welcome | Closed) -> None:
            nonlocal outcome
            outcome = told
            decided.set()
            if isinstance(told, Welcome):
                with channel.in_one_send():
                    if request.ack is not None:
                        channel.answer(request.ack, encode_bare(told.answer))
                    told.session.replay(told.missed)

        session = self.admission.admit(request.data, channel, on_admitted, always_pid=True)
        try:
            await decided.wait()  # nothing is read meanwhile: what has come is a request to the session that is made
        except BaseException:
            self.admission.leave(session)
            raise
        if isinstance(outcome, Closed):
            raise outcome
        return session

    def _too_large(self) -> Failure:
        return Failure(Code.TOO_LARGE, f"a message has at most {self.max_message_bytes} bytes")

    def _refuse(
        self, channel: PlainChannel, ack: AckId | None, code: str, message: str, details: JsonObject | None = None
    ) -> None:
        body = encode_refusal(code, message, details)
        if ack is not None:
            channel.answer(ack, body)
        else:
            channel.notify("error", body)
