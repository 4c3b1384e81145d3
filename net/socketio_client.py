"""A client that speaks Socket.IO, over whichever transport its Engine.IO session has: what comes in goes to the router,
and a session sees it as a Channel like any other."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

import orjson
import trio
from attrs import frozen

from actors.failures import Code, Failure
from actors.messages import SessionReplaced
from net.admission import Admission, Closed, ConnectsTooOften, Welcome
from net.auth import Unauthorized
from net.engineio_effects import CloseReason
from net.engineio_packets import Packet
from net.frames import encode_text_frame
from net.outbox import Kind
from net.plain import CLOSE_FLOODS
from net.protocol import NAMESPACE, Invalid, Request
from net.router import Router
from net.socketio import Acknowledged, Close, ConnectRequested, Left, Received, Send, SocketSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from actors.messages import Push
    from net.engineio_client import EngineClient
    from net.protocol import AckId
    from net.session import Session
    from net.socketio import SocketEffect

log = logging.getLogger("croupier.socketio")

_KEYS: Final = ("socket.io", "socket.io over a WebSocket")
_KEYS_WITH_OFFSET: Final = ("socket.io with offset", "socket.io with offset over a WebSocket")
"""Under which `Push.frames` keeps the packet, and its frame."""
_EVENT: Final = b"42" + NAMESPACE.encode() + b',["'
_MOST_REFUSALS: Final = 5
"""CONNECTs that are refused on one connection before it is closed."""
_ACK: Final = b"43" + NAMESPACE.encode() + b","
_NOT_JSON: Final = Failure(Code.INVALID_MESSAGE, "a request is JSON: it cannot have binary attachments")


@frozen
class SocketIo:
    """What every Socket.IO client of this process needs."""

    router: Router
    admission: Admission
    connect_timeout: float
    skip_states_past: int = 65536
    """Bytes that may wait for a polling client before its states make way for newer ones: one that is only between two
    GETs misses nothing."""

    def above(self, client: EngineClient) -> SocketIoClient:
        """Socket.IO for a new Engine.IO session."""
        return SocketIoClient(self, client)


class SocketIoClient:
    """One Socket.IO connection. It may be in the namespace once at a time; that is its session."""

    def __init__(self, house: SocketIo, client: EngineClient) -> None:
        self._house = house
        self._client = client
        self._socket = SocketSession.start({NAMESPACE}, house.connect_timeout, trio.current_time())
        self._session: Session | None = None
        self._entering: Session | None = None
        self._channel: SocketIoChannel | None = None
        self._refusals = 0

    def receive(self, message: str | bytes) -> None:
        """A message of the client."""
        if self._session is not None and isinstance(message, str):
            plain = self._socket.plain_event(message, NAMESPACE)
            if plain is not None:
                event, args, ack = plain
                self._house.router.handle(self._session, Request(event, args[0] if args else None, ack))
                return
        # A packet is complete with its last attachment: one that bytes complete has some.
        self._carry_out(self._socket.receive(message), binary=isinstance(message, bytes))

    def closed(self) -> None:
        """The connection is over."""
        self._leave()

    def next_deadline(self) -> float:
        """When the client must be in the namespace."""
        return self._socket.next_deadline()

    def on_time(self, now: float) -> None:
        """Ends a connection that is in no namespace in time."""
        self._carry_out(self._socket.on_time(now))

    def _carry_out(self, effects: Sequence[SocketEffect], *, binary: bool = False) -> None:
        for effect in effects:
            match effect:
                case Received(event=event, args=args, ack_id=ack):
                    assert self._session is not None, "events come only in a namespace that was joined"
                    request = Request(event, args[0] if args else None, ack)
                    if binary:  # it could not be journalled
                        self._house.router.refuse(self._session, _NOT_JSON, ack)
                    else:
                        self._house.router.handle(self._session, request)
                case Send(packets=packets):
                    self._client.send(packets)
                case ConnectRequested(namespace=namespace, auth=auth):
                    self._connect(namespace, auth)
                case Left():
                    self._leave(left=True)
                case Close(reason=reason):
                    log.debug("%s broke the protocol: %s", self._client.peer, reason)
                    self._client.close()
                case Acknowledged():  # no push of ours asks for one
                    pass

    def _connect(self, namespace: str, auth: dict[str, object]) -> None:
        # Well before so much waits that the session ends.
        skip_states_past = min(self._house.skip_states_past, self._client.engine.config.max_backlog // 2)
        channel = SocketIoChannel(self._client, skip_states_past, partial(self._put_out, namespace))

        def on_admitted(outcome: Welcome | Closed) -> None:
            self._entering = None
            if isinstance(outcome, Welcome):
                self._welcome(namespace, channel, outcome)
            else:
                self._client.close(CloseReason.GOING_AWAY)

        try:
            self._entering = self._house.admission.admit(auth, channel, on_admitted)
        except Closed:  # the transport goes; a refusal would keep the client from coming back
            self._client.close(CloseReason.GOING_AWAY)
        except ConnectsTooOften as refusal:
            self._refuse(namespace, str(refusal), Code.RATE_LIMITED, retry_after=refusal.retry_after)
        except Unauthorized as refusal:
            self._refuse(namespace, str(refusal), refusal.code)
        except Invalid as invalid:
            self._refuse(namespace, str(invalid), invalid.failure.code)
        else:
            self._channel = channel

    def _welcome(self, namespace: str, channel: SocketIoChannel, welcome: Welcome) -> None:
        """The client is in. First it gets what it missed, and then the CONNECT, which tells it by its old sid and pid
        that it has got all."""
        self._session = welcome.session
        self._client.trust()
        with channel.in_one_send():
            welcome.session.replay(welcome.missed)
            # A client that did not ask for recovery never sees a pid.
            self._carry_out(self._socket.accept(namespace, welcome.answer.sid, welcome.answer.pid or None))

    def _refuse(self, namespace: str, message: str, code: str, **details: float) -> None:
        self._carry_out(self._socket.refuse(namespace, message, {"code": code, **details}))
        self._refusals += 1
        if self._refusals >= _MOST_REFUSALS:  # each costs us more than it costs the client
            self._client.close()

    def _put_out(self, namespace: str) -> None:
        """The session is another connection's now: the client leaves the namespace, and keeps its connection."""
        self._channel = self._session = None
        self._carry_out(self._socket.dismiss(namespace))

    def _leave(self, *, left: bool = False) -> None:
        session = self._session or self._entering
        channel, self._channel = self._channel, None
        self._session = self._entering = None
        if channel is not None and session is not None:
            channel.gone = True
            self._house.admission.leave(session, left=left)


class SocketIoChannel:
    """The namespace on one connection, from a client's coming to its leaving, as a session uses it. When the client has
    left nothing more is sent, though the connection may live on, and the client come back on it: as another session."""

    def __init__(self, client: EngineClient, skip_states_past: int, put_out: Callable[[], None]) -> None:
        """`put_out` takes the client out of the namespace."""
        self.gone = False
        self._client = client
        self._put_out = put_out
        self._skip_states_past = skip_states_past
        self._corked = 0

    @property
    def last_seen(self) -> float:
        """Always now: Engine.IO pings by itself, and ends the sessions of the mute."""
        return trio.current_time()

    def answer(self, ack: AckId, body: bytes) -> None:
        """Acknowledges the event with this id."""
        self._send(b"%b%b[%b]" % (_ACK, str(ack).encode(), body))

    def push(self, push: Push, kind: Kind, offset: str | None) -> None:
        """Sends a push; it is encoded once for all Socket.IO clients, and framed once for their WebSockets."""
        if self.gone:
            return
        body = push.body
        of_packet, of_frame = _KEYS if offset is None else _KEYS_WITH_OFFSET
        packet = push.frames.get(of_packet)
        if packet is None:
            packet = push.frames[of_packet] = _event(body.event, push.json, offset)
        game_id = "" if isinstance(body, SessionReplaced) else body.game_id
        websocket = self._client.direct
        if websocket is None:
            key = game_id if kind is Kind.STATE else None
            self._client.send([Packet(packet)], coalesce=key, drop_older=self._is_late, flush=not self._corked)
            return
        frame = push.frames.get(of_frame)
        if frame is None:
            frame = push.frames[of_frame] = encode_text_frame(packet)
        websocket.push_text(frame, kind, game_id)

    @property
    def _is_late(self) -> bool:
        """Whether so much waits for a polling client that all states that wait make way for a newer one."""
        return self._client.waiting > self._skip_states_past

    def may_skip(self, game_id: str) -> bool:
        """Over polling, states that wait are skipped all together, and only by one that comes when too much waits."""
        websocket = self._client.direct
        return self._is_late if websocket is None else websocket.may_skip(game_id)

    def notify(self, event: str, body: bytes) -> None:
        """Sends a push of the session itself."""
        self._send(_event(event, body))

    def _send(self, packet: bytes) -> None:
        if self.gone:
            return
        websocket = self._client.direct
        if websocket is not None:
            websocket.push_text(encode_text_frame(packet))
        else:
            self._client.send([Packet(packet)], flush=not self._corked)

    def in_one_send(self) -> AbstractContextManager[None]:
        """What is sent inside leaves in one write, or in one answer to a GET."""
        websocket = self._client.direct
        return self._in_one_answer() if websocket is None else websocket.in_one_send()

    @contextmanager
    def _in_one_answer(self) -> Iterator[None]:
        self._corked += 1
        try:
            yield
        finally:
            self._corked -= 1
            if not self._corked:
                self._client.flush()

    def ping(self) -> None:
        """Nothing: Engine.IO pings by itself."""

    def drop(self) -> None:
        """Ends the connection at once."""
        if not self.gone:
            self._client.close(CloseReason.PING_TIMEOUT)

    def cut_off(self) -> None:
        """Ends the connection, and reads nothing more of its WebSocket."""
        if not self.gone:
            if (websocket := self._client.direct) is not None:
                websocket.hang_up(CLOSE_FLOODS, "too many requests")
            self._client.close()

    def dismiss(self) -> None:
        """Takes the client out of the namespace, with a `41`: after that no client comes back by itself."""
        if not self.gone:
            self.gone = True
            self._put_out()

    def evict(self) -> None:
        """Closes the connection: its client has another one."""
        if not self.gone:
            self._client.close()

    async def close(self) -> None:
        """Ends the connection because the server stops. It is the transport that goes: a client that is put out of
        the namespace would not come back by itself."""
        if not self.gone:
            self._client.close(CloseReason.GOING_AWAY)
        await trio.lowlevel.checkpoint()


def _event(event: str, body: bytes, offset: str | None = None) -> bytes:
    # A client that can recover takes any string at the end for an offset: an event without one must not end in one.
    if offset is None:
        return b'%b%b",%b]' % (_EVENT, event.encode(), body)
    return b'%b%b",%b,%b]' % (_EVENT, event.encode(), body, orjson.dumps(offset))
