"""A client on `/ws`: the plain protocol on its WebSocket, from the first request to the close."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from attrs import frozen

from actors.failures import Code, Failure
from net.admission import Admission, Closed
from net.auth import Unauthorized
from net.outbox import Kind
from net.plain import (
    CLOSE_BAD_CONNECT,
    CLOSE_CONNECT_TIMEOUT,
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
from net.websocket import ConnectionLost, TooLarge, encode_text_frame

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from actors.messages import Push
    from net.http import Request as HttpRequest
    from net.protocol import AckId, ConnectAnswer
    from net.session import Session
    from net.websocket import WebSocket

_FRAMES = "plain"


class PlainChannel:
    """The plain protocol on one WebSocket, as a session uses it."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self.gone = False

    @property
    def last_seen(self) -> float:
        """When bytes last came in, on trio's clock."""
        return self._websocket.last_received

    def answer(self, ack: AckId, body: bytes) -> None:
        """Sends the answer to the request with this id."""
        self._websocket.push_text(encode_text_frame(encode_ack(ack, body)))

    def push(self, push: Push) -> None:
        """Sends a push; its frame is made once for all the sockets of this protocol."""
        frame = push.frames.get(_FRAMES)
        body = push.body
        if frame is None:
            frame = push.frames[_FRAMES] = encode_text_frame(encode_push(body.event, push.json))
        kind = Kind.STATE if body.event == "game:state" else Kind.GAME_OVER
        self._websocket.push_text(frame, kind, body.game_id)

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
            admitted = await self._connect(channel, websocket)
            if admitted is not None:
                await self._serve(channel, websocket, *admitted)
        except ConnectionLost:
            pass
        finally:
            channel.gone = True

    async def _serve(
        self, channel: PlainChannel, websocket: WebSocket, session: Session, ack: AckId | None, answer: ConnectAnswer
    ) -> None:
        try:
            if ack is not None:
                channel.answer(ack, encode_bare(answer))
            while True:
                message = await websocket.receive()
                if isinstance(message, TooLarge):
                    session.refuse(self._too_large(), ack_of(message.message))
                    continue
                try:
                    request = decode(message)
                except Invalid as invalid:
                    session.refuse(invalid.failure, invalid.ack)
                else:
                    self.router.handle(session, request)
        finally:
            self.admission.leave(session)

    async def _connect(
        self, channel: PlainChannel, websocket: WebSocket
    ) -> tuple[Session, AckId | None, ConnectAnswer] | None:
        """The session that the first request asks for, with the answer that is owed; None when it was refused, and the
        socket closed."""
        message: str | bytes | TooLarge | None = None
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
            session, answer = self.admission.admit(request.data, channel)
        except Invalid as invalid:
            self._refuse(channel, invalid.ack if ack is None else ack, invalid.failure.code, str(invalid))
            await websocket.close(CLOSE_BAD_CONNECT, "bad connect")
            return None
        except Closed:
            await channel.close()
            return None
        except Unauthorized as refusal:
            self._refuse(channel, ack, refusal.code, str(refusal))
            await websocket.close(CLOSE_UNAUTHORIZED, refusal.code)
            return None
        return session, ack, answer

    def _too_large(self) -> Failure:
        return Failure(Code.TOO_LARGE, f"a message has at most {self.max_message_bytes} bytes")

    def _refuse(self, channel: PlainChannel, ack: AckId | None, code: str, message: str) -> None:
        body = encode_refusal(code, message)
        if ack is not None:
            channel.answer(ack, body)
        else:
            channel.notify("error", body)
