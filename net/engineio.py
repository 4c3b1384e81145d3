"""One Engine.IO v4 session, without its connections: what came in, what is to be done about it, and when it
wants to be called next. No await, no socket, no clock in here.

A session speaks over HTTP long-polling, over a WebSocket, or moves from the first to the second. Every method
returns the effects to be carried out, in their order; none raises for anything that a peer did. Times (`now`,
deadlines) are seconds of one monotonic clock.

Source: the engine.io protocol, revision 4, and engine.io 6.6.12, run side by side. Where this differs from
the reference it is stricter, on purpose: a `1` closes a WebSocket session too, an oversized body ends the
session, the ping timeout goes on over an upgrade, and no second WebSocket ever probes."""

from __future__ import annotations

import enum
import math
from typing import TYPE_CHECKING

from attrs import define, field

from net.engineio_backlog import Backlog
from net.engineio_effects import (
    Closed,
    CloseReason,
    CloseWebSocket,
    Deliver,
    Ended,
    Refusal,
    SendFrame,
    Upgraded,
    carries_messages,
    poll_answer,
    post_ok,
    refuse_poll,
    refuse_post,
)
from net.engineio_packets import (
    CLOSE,
    NOOP,
    PING,
    PONG_PROBE,
    PROBE,
    EngineConfig,
    Packet,
    PacketType,
    ProtocolViolation,
    decode_packet,
    decode_payload,
    encode_handshake,
    message_size,
)
from net.outbox import Drops

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from net.engineio_effects import Effect, RespondPoll

TOO_LARGE_STATUS = 413
_MESSAGE = PacketType.MESSAGE.value
_UTF8_BYTES = 4
"""What a character may take."""
NORMAL, GOING_AWAY, MESSAGE_TOO_BIG = 1000, 1001, 1009
"""WebSocket close codes (RFC 6455, 7.4.1)."""


class Phase(enum.Enum):
    """How far a session is."""

    OPEN = enum.auto()
    LINGERING = enum.auto()
    """Closed by the server, while the client has yet to fetch the rest."""
    ENDED = enum.auto()


@define
class _Probe:
    websocket: int
    base64: bool
    deadline: float
    answered: bool = False


@define(eq=False)
class EngineSession:
    """One client's session. Make it with `over_polling` or `over_websocket`; `drops` counts what it misses because it
    reads too slowly."""

    sid: str
    config: EngineConfig
    _ping_at: float
    _websocket: int | None = None
    _base64: bool = False
    _phase: Phase = field(default=Phase.OPEN, init=False)
    _poll: int | None = field(default=None, init=False)
    _post: int | None = field(default=None, init=False)
    _probe: _Probe | None = field(default=None, init=False)
    _pong_by: float = field(default=math.inf, init=False)
    _linger_until: float = field(default=math.inf, init=False)
    trusted: bool = field(default=True, init=False)
    """Whether the layer above knows who the client is. A session that is not trusted may hold little."""
    _backlog: Backlog = field(init=False)
    _drops: Drops = field(factory=Drops, kw_only=True)

    def __attrs_post_init__(self) -> None:
        self._backlog = Backlog(drops=self._drops)

    @classmethod
    def over_polling(
        cls, sid: str, config: EngineConfig, poll: int, now: float, *, drops: Drops | None = None
    ) -> tuple[EngineSession, list[Effect]]:
        """A session that a GET without a sid opens; the handshake answers that GET."""
        session = cls(sid, config, now + config.ping_interval, drops=Drops() if drops is None else drops)
        return session, [poll_answer(poll, [encode_handshake(sid, ["websocket"], config)])]

    @classmethod
    def over_websocket(
        cls,
        sid: str,
        config: EngineConfig,
        websocket: int,
        now: float,
        *,
        base64: bool = False,
        drops: Drops | None = None,
    ) -> tuple[EngineSession, list[Effect]]:
        """A session that a WebSocket without a sid opens; the handshake is its first frame. `base64`: the
        client cannot take binary frames (query parameter `b64`)."""
        drops = Drops() if drops is None else drops
        session = cls(sid, config, now + config.ping_interval, websocket, base64, drops=drops)
        return session, [SendFrame(websocket, encode_handshake(sid, [], config))]

    # ---- what it is now

    @property
    def open(self) -> bool:
        """Whether messages still go in and out."""
        return self._phase is Phase.OPEN

    @property
    def polling(self) -> bool:
        """Whether HTTP requests with this sid are in order: no WebSocket has become the transport."""
        return self._websocket is None

    @property
    def websocket(self) -> int | None:
        """The WebSocket that takes every packet at once, as it was encoded: with one, `send` may be bypassed. None
        while there is none, or while something must go before or be encoded anew."""
        bypass = self._phase is Phase.OPEN and not self._base64 and not self._backlog.size
        return self._websocket if bypass else None

    @property
    def waiting(self) -> int:
        """Bytes of memory that what waits for the client takes."""
        return self._backlog.size + len(self._backlog) * self.config.packet_cost

    def next_deadline(self) -> float:
        """When `on_time` wants to be called; `math.inf` when never."""
        probe = math.inf if self._probe is None else self._probe.deadline
        return min(self._ping_at, self._pong_by, probe, self._linger_until)

    # ---- sending

    def send(
        self,
        packets: Sequence[Packet],
        *,
        coalesce: Hashable | None = None,
        drop_older: bool = True,
        flush: bool = True,
    ) -> list[Effect]:
        """Sends these packets, after all that was sent before. In a session that is closed they are dropped.

        `coalesce` is a key; with `drop_older`, packets of the same key that still wait are dropped first, because
        they are out of date. With `flush` false the packets wait for `flush`, so that several messages leave in
        one answer. When more waits than the session may hold, it closes.
        """
        if self._phase is not Phase.OPEN:
            return []
        if flush and self._websocket is not None and not self._backlog.size:
            return [self._frame(self._websocket, packet) for packet in packets]
        self._backlog.add(packets, coalesce, drop_older=drop_older)
        effects = self.flush() if flush else []
        bound = self.config.max_backlog if self.trusted else self.config.max_backlog_before
        if self.waiting > bound:
            self._drops.clients += 1
            effects += self._end(CloseReason.TOO_SLOW)
        return effects

    def flush(self) -> list[Effect]:
        """Sends what waits, as far as there is a way for it."""
        if not self._backlog.size:
            return []
        if self._websocket is not None:
            websocket = self._websocket
            return [self._frame(websocket, packet) for packet in self._backlog.take()]
        if self._poll is not None:
            return [self._answer_poll(self._backlog.take())]
        return []

    def close(self, now: float, reason: CloseReason = CloseReason.FORCED) -> list[Effect]:
        """Ends the session from our side. What was sent before still goes out; a client that has no GET hanging finds
        it with its next one, within `linger`. Nothing is kept for one that is not trusted.

        It is told so by a `6`, and by its next GET, which finds the session gone, as it is when we are killed: after
        that every library comes back by itself. A `1` keeps some (python-engineio 4.15) from it."""
        if self._phase is not Phase.OPEN:
            return []
        if self._websocket is not None or self._poll is not None:
            return self._part(reason)
        if not self.trusted:
            return self._end(reason)
        self._phase = Phase.LINGERING
        self._linger_until = now + self.config.linger
        self._ping_at = self._pong_by = math.inf
        return [Closed(reason)]

    # ---- HTTP requests with this sid

    def poll(self, poll: int, now: float) -> list[Effect]:
        """A GET: it hangs until there is something to answer."""
        effects = self.on_time(now)
        if self._phase is Phase.ENDED:
            return [*effects, refuse_poll(poll, Refusal.UNKNOWN_SID)]
        if self._websocket is not None:
            return [*effects, refuse_poll(poll, Refusal.BAD_REQUEST)]
        if self._poll is not None:
            effects += self._end(CloseReason.TRANSPORT_ERROR, parting=CLOSE)
            return [*effects, refuse_poll(poll, Refusal.BAD_REQUEST)]
        self._poll = poll
        if self._phase is Phase.LINGERING:
            return [*effects, *self._part(CloseReason.FORCED)]
        effects += self.flush()
        return effects + self._let_the_poll_go()

    def poll_aborted(self, poll: int) -> list[Effect]:
        """The connection of a hanging GET broke: the session ends. Nothing happens if it does not hang any
        more."""
        if self._poll != poll:
            return []
        self._poll = None
        return self._end(CloseReason.TRANSPORT_ERROR)

    def poll_answer_lost(self, answer: RespondPoll) -> list[Effect]:
        """This answer could not be written to its end: what was in it is lost, and the session must not go on
        as if it had arrived."""
        return self._end(CloseReason.TRANSPORT_ERROR) if carries_messages(answer) else []

    def post_opened(self, post: int, content_type: str) -> list[Effect]:
        """The head of a POST. No answer among the effects: go on with its body, by `post_received` or
        `post_too_large`. A body that never comes whole is nobody's business."""
        if self._phase is Phase.ENDED:
            return [refuse_post(post, Refusal.UNKNOWN_SID)]
        if self._websocket is not None:
            return [refuse_post(post, Refusal.BAD_REQUEST)]
        # Revision 3 sent binary bodies; in revision 4 they are always text.
        if self._post is not None or content_type.partition(";")[0].strip() == "application/octet-stream":
            refused = refuse_post(post, Refusal.BAD_REQUEST)
            return [refused, *self._end(CloseReason.TRANSPORT_ERROR)]
        self._post = post
        return []

    def post_received(self, post: int, body: bytes, now: float) -> list[Effect]:
        """The whole body of a POST."""
        if self._post != post:
            return [refuse_post(post, Refusal.UNKNOWN_SID)]
        if len(body) > self.config.max_payload:
            return self.post_too_large(post)
        self._post = None
        effects: list[Effect] = []
        try:
            for packet_type, content in decode_payload(body, max_packets=self.config.max_packets):
                effects += self._take_in(packet_type, content, now)
                if self._phase is Phase.ENDED:
                    break
        except ProtocolViolation:
            refused = refuse_post(post, Refusal.BAD_REQUEST)
            return [*effects, refused, *self._end(CloseReason.PARSE_ERROR)]
        return [*effects, post_ok(post)]

    def post_too_large(self, post: int) -> list[Effect]:
        """The body of a POST is over `max_payload`: refused, and the session ends."""
        if self._post != post:
            return [refuse_post(post, Refusal.UNKNOWN_SID)]
        self._post = None
        refused = refuse_post(post, Refusal.BAD_REQUEST, status=TOO_LARGE_STATUS)
        return [refused, *self._end(CloseReason.TOO_LARGE)]

    # ---- WebSockets with this sid

    def websocket_opened(self, websocket: int, now: float, *, base64: bool = False) -> list[Effect]:
        """A WebSocket came for this session: it may probe, unless there is one already."""
        if self._phase is not Phase.OPEN or self._websocket is not None or self._probe is not None:
            return [CloseWebSocket(websocket)]
        self._probe = _Probe(websocket, base64, now + self.config.upgrade_timeout)
        return []

    def websocket_received(self, websocket: int, data: str | bytes, now: float) -> list[Effect]:
        """A WebSocket message. One from a WebSocket that was told to close is ignored."""
        if self._probe is not None and self._probe.websocket == websocket:
            return self._probe_received(self._probe, data)
        if websocket != self._websocket:
            return []
        if message_size(data) > self.config.max_payload:
            return self._end(CloseReason.TOO_LARGE, code=MESSAGE_TOO_BIG)
        try:
            packet_type, content = decode_packet(data)
        except ProtocolViolation:
            return self._end(CloseReason.PARSE_ERROR)
        return self._take_in(packet_type, content, now)

    def passes_on(self, websocket: int, data: str) -> bool:
        """Whether `websocket_received` would do nothing but deliver what comes after the first character."""
        return (
            data[:1] == _MESSAGE
            and websocket == self._websocket
            and self._phase is Phase.OPEN
            and _UTF8_BYTES * len(data) <= self.config.max_payload
        )

    def websocket_closed(self, websocket: int) -> list[Effect]:
        """A WebSocket closed or broke."""
        if self._probe is not None and self._probe.websocket == websocket:
            self._probe = None
            return []
        if websocket != self._websocket:
            return []
        effects = self._end(CloseReason.TRANSPORT_CLOSE)
        return [effect for effect in effects if effect != CloseWebSocket(websocket)]

    def _probe_received(self, probe: _Probe, data: str | bytes) -> list[Effect]:
        if data == PROBE:
            probe.answered = True
            return [SendFrame(probe.websocket, PONG_PROBE), *self._let_the_poll_go()]
        # An upgrade without a probe is in order, as in the reference. Anything else costs the WebSocket its
        # chance, and the session goes on over polling.
        if not isinstance(data, str) or data[:1] != PacketType.UPGRADE.value:
            return self._drop_probe()
        effects = self._answer_hanging_poll(NOOP)
        self._probe = None
        self._websocket = probe.websocket
        self._base64 = probe.base64
        effects.append(Upgraded(probe.websocket))
        return effects + (self.flush() if self._phase is Phase.OPEN else self._part(CloseReason.FORCED))

    def _let_the_poll_go(self) -> list[Effect]:
        # The client sends its upgrade packet only when no GET of its own hangs any more.
        probing = self._probe is not None and self._probe.answered
        return self._answer_hanging_poll(NOOP) if probing else []

    def _drop_probe(self) -> list[Effect]:
        probe, self._probe = self._probe, None
        return [] if probe is None else [CloseWebSocket(probe.websocket)]

    # ---- time

    def on_time(self, now: float) -> list[Effect]:
        """What is due. Calling it too early or too often does nothing."""
        if now >= self._linger_until:
            return self._end(CloseReason.FORCED)
        if now >= self._pong_by:
            return self._end(CloseReason.PING_TIMEOUT)
        effects: list[Effect] = []
        if self._probe is not None and now >= self._probe.deadline:
            effects += self._drop_probe()
        if now >= self._ping_at:
            # The timeout runs from when the ping was due, so that a late timer adds nothing; but a stall of
            # ours must not cost the client more than half of its time.
            timeout = self.config.ping_timeout
            self._pong_by = max(self._ping_at + timeout, now + timeout / 2)
            self._ping_at = math.inf
            effects += self.send([PING])
        return effects

    # ---- inside

    def _take_in(self, packet_type: PacketType, content: str | bytes, now: float) -> list[Effect]:
        match packet_type:
            case PacketType.CLOSE:
                return self._end(CloseReason.TRANSPORT_CLOSE)
            case _ if self._phase is not Phase.OPEN:
                return []
            case PacketType.MESSAGE:
                return [Deliver(content)]
            case PacketType.PONG:
                self._pong_by = math.inf
                self._ping_at = now + self.config.ping_interval
                return []
            case PacketType.PING:  # in revision 4 the server pings
                return self._end(CloseReason.TRANSPORT_ERROR)
            case _:  # open, upgrade and noop mean nothing here, and the reference lets them pass
                return []

    def _frame(self, websocket: int, packet: Packet) -> SendFrame:
        if packet.binary and self._base64:
            packet = Packet(packet.as_text())
        return SendFrame(websocket, packet)

    def _answer_poll(self, packets: list[Packet]) -> RespondPoll:
        assert self._poll is not None
        answer = poll_answer(self._poll, packets)
        self._poll = None
        return answer

    def _answer_hanging_poll(self, packet: Packet) -> list[Effect]:
        return [] if self._poll is None else [self._answer_poll([packet])]

    def _part(self, reason: CloseReason) -> list[Effect]:
        """Gives the client everything and the close, now that there is a way for it."""
        if self._websocket is not None:
            return self.flush() + self._end(reason)
        return [self._answer_poll([*self._backlog.take(), NOOP]), *self._end(reason)]

    def _end(self, reason: CloseReason, *, parting: Packet = NOOP, code: int = NORMAL) -> list[Effect]:
        if self._phase is Phase.ENDED:
            return []
        effects = self._answer_hanging_poll(parting)
        if self._websocket is not None:
            going = code == NORMAL and reason is CloseReason.GOING_AWAY
            effects.append(CloseWebSocket(self._websocket, GOING_AWAY if going else code))
        effects += self._drop_probe()
        if self._phase is Phase.OPEN:
            effects.append(Closed(reason))
        effects.append(Ended())
        self._phase = Phase.ENDED
        self._websocket = self._post = None
        self._backlog.take()
        self._ping_at = self._pong_by = self._linger_until = math.inf
        return effects
