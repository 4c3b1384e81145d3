"""Socket.IO v5 packets: parsing what a client sends, encoding what it gets.

Source: the socket.io protocol, revision 5, and socket.io-parser 4.2.7. A packet is one text,
`<type>[<attachments>-][<namespace>,][<ack id>][JSON]`, and as many binary messages as it says it has
attachments. Whatever that parser refuses is refused here. So are, beyond it: an event or an ack without its
array (the protocol wants one), numbers written in any way but decimal digits, ack ids that a double cannot
hold, and JSON nested deeper than `Limits.nesting`."""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import orjson
from attrs import define, evolve, field, frozen, validators

from net.engineio_packets import Packet, ProtocolViolation, encode_message
from net.nesting import nested_deeper_than

if TYPE_CHECKING:
    from collections.abc import Sequence

RESERVED_EVENTS: Final = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
"""Names that mean something else at either end."""

MAX_ACK_ID: Final = 2**53 - 1
"""The largest whole number that JavaScript counts with."""

_ACK_DIGITS: Final = 15
"""No number of so many digits is larger."""

Json: TypeAlias = Any
"""What JSON can say, with bytes anywhere in it where the packet has attachments."""


class SocketPacketType(enum.Enum):
    """The types of Socket.IO packets; the value is the first character of the packet."""

    CONNECT = "0"
    DISCONNECT = "1"
    EVENT = "2"
    ACK = "3"
    CONNECT_ERROR = "4"
    BINARY_EVENT = "5"
    BINARY_ACK = "6"


_BY_DIGIT: Final = {packet_type.value: packet_type for packet_type in SocketPacketType}
_WITH_ATTACHMENTS: Final = {
    SocketPacketType.BINARY_EVENT: SocketPacketType.EVENT,
    SocketPacketType.BINARY_ACK: SocketPacketType.ACK,
}
_WITHOUT_ATTACHMENTS: Final = {plain: binary for binary, plain in _WITH_ATTACHMENTS.items()}


@frozen
class SocketPacket:
    """One packet as it was received. An event or ack that came with attachments has type EVENT or ACK, and
    its attachments stand as bytes where they belong in `data`. `data` is None where the packet has none."""

    type: SocketPacketType
    namespace: str
    data: Json = None
    ack_id: int | None = None


@frozen
class Limits:
    """What one packet may have."""

    attachments: int = 10
    attachment_bytes: int = 1_000_000
    """All attachments of one packet together."""
    nesting: int = field(default=64, validator=validators.le(100))
    """Arrays and objects inside one another; what walks them is recursive."""


# ---- encoding


def encode_event(
    namespace: str,
    event: str,
    args: Sequence[Json],
    *,
    offset: str | None = None,
    ack_id: int | None = None,
) -> tuple[Packet, ...]:
    """An event, ready for `EngineSession.send`. Arguments may be or hold bytes, and `orjson.Fragment`s.

    `offset` marks the event as one that recovery can go on after: it goes last, where a client that may
    recover takes any string for an offset. So an event without an offset must not end in a string:
    ValueError."""
    if offset is None and args and isinstance(args[-1], str):
        raise ValueError("the last argument of an event without offset is a string: clients take it for one")
    data = [event, *args] if offset is None else [event, *args, offset]
    return encode_packet(SocketPacketType.EVENT, namespace, data, ack_id)


def encode_ack(namespace: str, ack_id: int, args: Sequence[Json]) -> tuple[Packet, ...]:
    """The answer to an event that came with this ack id."""
    return encode_packet(SocketPacketType.ACK, namespace, list(args), ack_id)


def encode_connect(namespace: str, sid: str, pid: str | None = None) -> tuple[Packet, ...]:
    """The client is in the namespace. `pid` is what it may recover with."""
    data = {"sid": sid} if pid is None else {"sid": sid, "pid": pid}
    return encode_packet(SocketPacketType.CONNECT, namespace, data)


def encode_connect_error(namespace: str, message: str, data: Json = None) -> tuple[Packet, ...]:
    """The client does not get into the namespace. It stops a client's automatic reconnection."""
    error = {"message": message} if data is None else {"message": message, "data": data}
    return encode_packet(SocketPacketType.CONNECT_ERROR, namespace, error)


def encode_disconnect(namespace: str) -> tuple[Packet, ...]:
    """The client is put out of the namespace. It stops a client's automatic reconnection."""
    return encode_packet(SocketPacketType.DISCONNECT, namespace)


def encode_packet(
    packet_type: SocketPacketType, namespace: str, data: Json = None, ack_id: int | None = None
) -> tuple[Packet, ...]:
    """Any packet: its text first, then its attachments. An event or ack with bytes in it becomes a binary
    one.

    Raises TypeError for data that JSON cannot say, and for bytes in other packets; ValueError for a namespace
    with a comma, which would end it.
    """
    attachments: list[bytes] = []

    def placeholder(value: object) -> dict[str, object]:
        if not isinstance(value, bytes | bytearray | memoryview):
            raise TypeError(f"{type(value).__name__} does not go into a packet")
        attachments.append(bytes(value))
        return {"_placeholder": True, "num": len(attachments) - 1}

    body = b"" if data is None else orjson.dumps(data, default=placeholder)
    if not attachments:
        return (Packet(_head(packet_type.value, namespace, ack_id) + body),)
    binary_type = _WITHOUT_ATTACHMENTS.get(packet_type)
    if binary_type is None:
        raise TypeError("only events and acks take attachments")
    head = _head(f"{binary_type.value}{len(attachments)}-", namespace, ack_id)
    return (Packet(head + body), *map(encode_message, attachments))


def _head(start: str, namespace: str, ack_id: int | None) -> bytes:
    if "," in namespace:
        raise ValueError("a namespace cannot hold a comma")
    address = "" if namespace == "/" else f"{namespace},"
    return f"4{start}{address}{'' if ack_id is None else ack_id}".encode()


# ---- parsing

_HEAD: Final = re.compile(
    r"(?P<type>[0-4]|[56](?=(?P<attachments>[0-9]{1,9})-)[0-9]+-)"
    r"(?:(?P<namespace>/[^,]*),?)?"
    r"(?P<ack_id>[0-9]+)?"
)
_ESCAPE: Final = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_MAX_ESCAPES: Final = 1000
"""Surrogates that are looked at to mend a text; JavaScript writes whole pairs without escapes."""


@define(eq=False)
class PacketReader:
    """Puts packets together from the messages of one connection. After a ProtocolViolation it is of no
    use."""

    limits: Limits
    _waiting: SocketPacket | None = field(default=None, init=False)
    _missing: int = field(default=0, init=False)
    _attachments: list[bytes] = field(factory=list, init=False)

    @property
    def waits_for_attachments(self) -> bool:
        """Whether the next message must be an attachment."""
        return self._waiting is not None

    def feed(self, message: str | bytes) -> SocketPacket | None:
        """The packet that this message completes; None while attachments are missing. Raises
        ProtocolViolation for a packet that does not parse or is over the limits, for text where an attachment
        is due, and for an attachment where none is."""
        if isinstance(message, str):
            return self._text(message)
        return self._attachment(message)

    def _text(self, text: str) -> SocketPacket | None:
        if self._waiting is not None:
            raise ProtocolViolation("a text message where an attachment is due")
        packet, attachments = parse_packet(text, self.limits)
        if not attachments:
            return packet
        self._waiting, self._missing = packet, attachments
        return None

    def _attachment(self, attachment: bytes) -> SocketPacket | None:
        waiting = self._waiting
        if waiting is None:
            raise ProtocolViolation("an attachment where none is due")
        self._attachments.append(attachment)
        if sum(map(len, self._attachments)) > self.limits.attachment_bytes:
            raise ProtocolViolation("attachments that are too large")
        self._missing -= 1
        if self._missing:
            return None
        attachments, self._attachments, self._waiting = self._attachments, [], None
        return evolve(waiting, data=_put_in(waiting.data, attachments))


def parse_packet(text: str, limits: Limits) -> tuple[SocketPacket, int]:
    """A packet's text, and how many attachments are to follow it. With attachments, `data` has placeholders
    where they belong. Raises ProtocolViolation."""
    head = _HEAD.match(text)
    if head is None:
        raise ProtocolViolation("a Socket.IO packet without a proper type or number of attachments")
    attachments = int(head["attachments"] or 0)
    packet_type = _BY_DIGIT[text[0]]
    if packet_type in _WITH_ATTACHMENTS:
        packet_type = _WITH_ATTACHMENTS[packet_type]
        if not 1 <= attachments <= limits.attachments:
            raise ProtocolViolation("a number of attachments that is not allowed")
    namespace = head["namespace"] or "/"
    if not _is_unicode(namespace):
        raise ProtocolViolation("a namespace that is not Unicode")
    rest = text[head.end() :]
    data = _load(rest, limits) if rest else None
    if not _payload_fits(packet_type, data, given=bool(rest)):
        raise ProtocolViolation(f"a {packet_type.name} packet with a payload that is not allowed")
    return SocketPacket(packet_type, namespace, data, _ack_id(head["ack_id"])), attachments


def parse_plain_event(text: str, head: str, limits: Limits) -> tuple[str, list[Json], int | None] | None:
    """The name, the arguments and the ack id of an event as nearly all are: text that begins with `head`, the type and
    the namespace, with no attachments and nothing unusual about it. None: it is for `PacketReader` to say what it is.
    What this gives is what that would have given, at a third of the cost."""
    begin = len(head)
    at = text.find("[", begin, begin + _ACK_DIGITS + 1)
    if at < 0 or not text.startswith(head):
        return None
    digits = text[begin:at]
    if digits and not (digits.isascii() and digits.isdecimal()):
        return None
    if text.count("[") + text.count("{") > limits.nesting:
        return None
    try:
        data = orjson.loads(text[at:])
    except orjson.JSONDecodeError:
        return None
    name, *args = data or (None,)
    if type(name) is not str or name in RESERVED_EVENTS:
        return None
    return name, args, int(digits) if digits else None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _ack_id(digits: str | None) -> int | None:
    if digits is None:
        return None
    # The length first: int() takes its time over a million digits.
    if len(digits) > len(str(MAX_ACK_ID)) or int(digits) > MAX_ACK_ID:
        raise ProtocolViolation("an ack id that is too large")
    return int(digits)


def _load(text: str, limits: Limits) -> Json:
    if text[0].isspace():  # the reference takes it for an ack id of 0
        raise ProtocolViolation("white space before the payload")
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError:
        # JavaScript strings may hold half a surrogate pair, and its clients send it; Python has no such
        # character.
        try:
            data = orjson.loads(_ESCAPE.sub(_without_lone_surrogate, text, count=_MAX_ESCAPES))
        except orjson.JSONDecodeError:
            raise ProtocolViolation("a payload that is not JSON") from None
    if nested_deeper_than(text, limits.nesting):
        raise ProtocolViolation("a payload that is nested too deep")
    return data


def _without_lone_surrogate(escape: re.Match[str]) -> str:
    return "\\ufffd" if escape["lone"] else escape[0]


def _payload_fits(packet_type: SocketPacketType, data: Json, *, given: bool) -> bool:
    match packet_type:
        case SocketPacketType.CONNECT:
            return not given or isinstance(data, dict)
        case SocketPacketType.DISCONNECT:
            return not given
        case SocketPacketType.CONNECT_ERROR:
            return not given or isinstance(data, str | dict)
        case SocketPacketType.EVENT:
            return isinstance(data, list) and bool(data) and _is_event_name(data[0])
        case _:
            return isinstance(data, list)


def _is_event_name(name: Json) -> bool:
    if isinstance(name, str):
        return name not in RESERVED_EVENTS
    return isinstance(name, int | float) and not isinstance(name, bool)


def _put_in(data: Json, attachments: Sequence[bytes]) -> Json:
    """The data with the attachments in the places of their placeholders. The nesting is bounded, so the
    recursion is too."""
    match data:
        case {"_placeholder": True, **rest}:
            number = rest.get("num")
            if type(number) is not int or not 0 <= number < len(attachments):
                raise ProtocolViolation("a placeholder for no attachment")
            return attachments[number]
        case dict():
            return {key: _put_in(value, attachments) for key, value in data.items()}
        case list():
            return [_put_in(value, attachments) for value in data]
        case _:
            return data
