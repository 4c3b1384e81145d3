"""One client's Socket.IO v5 session, above its Engine.IO session: which namespaces it is in, what it asks,
and what it is answered. No await, no socket, no clock in here.

Every method returns the effects to be carried out, in their order; none raises for anything that a peer did.
After `Close` there are no more. Events and acks go out with the encoders of `net.socketio_packets`, without
passing by here.

Source: the socket.io protocol, revision 5, and socket.io 4.8.4 (`client.ts`), run side by side. Where the
reference opens a namespace twice for a client that asks again before it is answered, this opens it once."""

from __future__ import annotations

import enum
import math
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, TypeAlias

from attrs import define, field, frozen

from net.engineio_packets import Packet, ProtocolViolation
from net.socketio_packets import (
    Json,
    Limits,
    PacketReader,
    SocketPacketType,
    encode_connect,
    encode_connect_error,
    encode_disconnect,
    parse_plain_event,
)

if TYPE_CHECKING:
    from net.socketio_packets import (
        SocketPacket,
    )


@frozen
class Send:
    """Send these packets over the Engine.IO session."""

    packets: tuple[Packet, ...]


@frozen
class ConnectRequested:
    """The client wants to be in this namespace: answer with `accept` or `refuse`."""

    namespace: str
    auth: dict[str, Json]


@frozen
class Received:
    """An event. With an ack id it is to be acknowledged, once, whatever comes of it."""

    namespace: str
    event: str
    args: list[Json]
    ack_id: int | None


@frozen
class Acknowledged:
    """The client answers an event of ours. It may name an ack id that was never given."""

    namespace: str
    ack_id: int
    args: list[Json]


@frozen
class Left:
    """The client left this namespace by itself; the connection stays."""

    namespace: str


@frozen
class Close:
    """Close the Engine.IO session. The reason can be logged: it quotes nothing that the peer sent."""

    reason: str


SocketEffect: TypeAlias = Send | ConnectRequested | Received | Acknowledged | Left | Close


MAX_NAMESPACE = 128
"""Characters of a namespace's name."""


class _Membership(enum.Enum):
    """How the client stands to a served namespace that it has asked for."""

    PENDING = enum.auto()
    JOINED = enum.auto()
    DISMISSED = enum.auto()
    """Put out by us; what it had on the way then still comes in."""


@define(eq=False)
class SocketSession:
    """The namespaces of one connection. `served` are those that there are; `connect_by` is when the client
    must be in one of them."""

    served: AbstractSet[str]
    _connect_by: float
    _reader: PacketReader
    _namespaces: dict[str, _Membership] = field(factory=dict, init=False)
    _closed: bool = field(default=False, init=False)

    @classmethod
    def start(
        cls, served: AbstractSet[str], connect_timeout: float, now: float, limits: Limits | None = None
    ) -> SocketSession:
        """The session of a connection that was just opened. It has `connect_timeout` seconds to get into a
        namespace."""
        return cls(served, now + connect_timeout, PacketReader(Limits() if limits is None else limits))

    @property
    def joined(self) -> frozenset[str]:
        """The namespaces that the client is in."""
        joined = (name for name, membership in self._namespaces.items() if membership is _Membership.JOINED)
        return frozenset(joined)

    def receive(self, message: str | bytes) -> list[SocketEffect]:
        """A message of the Engine.IO session."""
        if self._closed:
            return []
        try:
            packet = self._reader.feed(message)
        except ProtocolViolation as violation:
            return self._close(str(violation))
        return [] if packet is None else self._packet(packet)

    def plain_event(self, message: str, namespace: str) -> tuple[str, list[Json], int | None] | None:
        """The name, the arguments and the ack id of an event in a namespace that the client is in, where `receive`
        would give nothing else; None: ask that."""
        if self._namespaces.get(namespace) is not _Membership.JOINED or self._reader.waits_for_attachments:
            return None
        return parse_plain_event(message, f"2{namespace},", self._reader.limits)

    def accept(self, namespace: str, sid: str, pid: str | None = None) -> list[SocketEffect]:
        """Lets the client into a namespace that it requested. Nothing happens when the request is gone (the
        session was closed meanwhile)."""
        if self._namespaces.get(namespace) is not _Membership.PENDING:
            return []
        self._namespaces[namespace] = _Membership.JOINED
        self._connect_by = math.inf
        return [Send(encode_connect(namespace, sid, pid))]

    def refuse(self, namespace: str, message: str, data: Json = None) -> list[SocketEffect]:
        """Does not let the client into a namespace that it requested; it may ask again. Nothing happens when
        the request is gone."""
        if self._namespaces.get(namespace) is not _Membership.PENDING:
            return []
        del self._namespaces[namespace]
        return [Send(encode_connect_error(namespace, message, data))]

    def dismiss(self, namespace: str) -> list[SocketEffect]:
        """Puts the client out of a namespace; the connection stays. What it sent there before it knew is
        dropped. Nothing happens when it is not in it."""
        if self._namespaces.get(namespace) is not _Membership.JOINED:
            return []
        self._namespaces[namespace] = _Membership.DISMISSED
        return [Send(encode_disconnect(namespace))]

    def next_deadline(self) -> float:
        """When `on_time` wants to be called; `math.inf` when never."""
        return self._connect_by

    def on_time(self, now: float) -> list[SocketEffect]:
        """Closes a session that is in no namespace by now and never was. Calling it too early does
        nothing."""
        return self._close("no namespace was opened in time") if now >= self._connect_by else []

    def _packet(self, packet: SocketPacket) -> list[SocketEffect]:
        membership = self._namespaces.get(packet.namespace)
        match packet.type, membership:
            case SocketPacketType.CONNECT, _:
                return self._connect(packet.namespace, membership, packet.data or {})
            case SocketPacketType.CONNECT_ERROR, _:
                return self._close("a packet that only a server may send")
            case _, _Membership.DISMISSED:
                return []
            case SocketPacketType.EVENT, _Membership.JOINED:
                name, *args = packet.data
                return [Received(packet.namespace, _event_name(name), args, packet.ack_id)]
            case SocketPacketType.ACK, _Membership.JOINED:
                answered = packet.ack_id
                return [] if answered is None else [Acknowledged(packet.namespace, answered, packet.data)]
            case SocketPacketType.DISCONNECT, _Membership.JOINED:
                del self._namespaces[packet.namespace]
                return [Left(packet.namespace)]
            case _:
                return self._close("a packet for a namespace that was not joined")

    def _connect(self, namespace: str, membership: _Membership | None, auth: dict[str, Json]) -> list[SocketEffect]:
        if len(namespace) > MAX_NAMESPACE:  # its name is sent back
            return self._close("a namespace with too long a name")
        if namespace not in self.served:
            return [Send(encode_connect_error(namespace, "Invalid namespace"))]
        match membership:
            case _Membership.JOINED:
                return self._close("a second CONNECT to a namespace")
            case _Membership.PENDING:  # one answer will do for both
                return []
            case _:
                self._namespaces[namespace] = _Membership.PENDING
                return [ConnectRequested(namespace, auth)]

    def _close(self, reason: str) -> list[SocketEffect]:
        self._closed = True
        self._connect_by = math.inf
        self._namespaces.clear()
        return [Close(reason)]


def _event_name(name: str | float) -> str:
    """The name as JavaScript would use it for a key: a number's text."""
    return str(int(name)) if isinstance(name, float) and name.is_integer() else str(name)
