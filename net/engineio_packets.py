"""Engine.IO v4 packets and payloads: how they look on the wire, over HTTP and over a WebSocket.

Source: the engine.io protocol, revision 4, and engine.io-parser 5.2. A WebSocket frame holds one packet: a
digit for the type and then the text, or, for a binary message, the bare bytes. An HTTP body holds packets
joined by U+001E; a binary message stands there as `b` and base64."""

from __future__ import annotations

import binascii
import enum
from typing import TYPE_CHECKING, Final

import orjson
from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SEPARATOR: Final = "\x1e"
_SEPARATOR: Final = SEPARATOR.encode()


class ProtocolViolation(Exception):
    """The peer sent what its protocol does not allow. The connection that it came over is beyond repair and
    is to be closed; nothing else is concerned. The text tells which rule was broken and quotes nothing of
    what was sent, so it can be logged."""


@frozen
class EngineConfig:
    """The limits and timers of a server's sessions; times in seconds."""

    ping_interval: float = 25.0
    ping_timeout: float = 20.0
    upgrade_timeout: float = 10.0
    """How long a WebSocket may probe before it must be the transport."""
    linger: float = 30.0
    """How long a closed session waits for a GET that fetches what was left."""
    max_payload: int = 1_000_000
    """Bytes of one request body, or of one WebSocket message."""
    max_packets: int = 1000
    """Packets in one request body."""
    max_sessions: int = 10_000
    """Sessions that a server has at once."""
    max_sessions_per_address: int = 0
    """Sessions that one address has at once; 0: no limit."""
    max_backlog: int = 4_000_000
    """Bytes that may wait for a client that does not poll, once it is trusted."""
    packet_cost: int = 190
    """Bytes of memory that a waiting packet takes besides its own: many small ones count, too."""
    max_backlog_before: int = 16_384
    """Bytes that may wait for one that is not trusted yet."""
    max_untrusted: int = 1000
    """Sessions that are not trusted yet; with one more, the oldest of them ends."""


class PacketType(enum.Enum):
    """The types of Engine.IO packets; the value is the first character of the packet."""

    OPEN = "0"
    CLOSE = "1"
    PING = "2"
    PONG = "3"
    MESSAGE = "4"
    UPGRADE = "5"
    NOOP = "6"


_BY_DIGIT: Final = {packet_type.value: packet_type for packet_type in PacketType}


@frozen
class Packet:
    """One packet to be sent, encoded as a WebSocket frame carries it: UTF-8 text that begins with the type,
    or the bytes of a binary message. It is made once and shared by every session that gets it."""

    data: bytes
    binary: bool = False

    def as_text(self) -> bytes:
        """The form for an HTTP payload, and for a WebSocket whose client asked for base64."""
        return b"b" + binascii.b2a_base64(self.data, newline=False) if self.binary else self.data


CLOSE: Final = Packet(b"1")
PING: Final = Packet(b"2")
PROBE: Final = "2probe"
PONG_PROBE: Final = Packet(b"3probe")
NOOP: Final = Packet(b"6")


def message_size(message: str | bytes) -> int:
    """The bytes of a WebSocket message; a text's characters are counted by what they take in UTF-8."""
    if isinstance(message, str) and not message.isascii():
        return len(message.encode(errors="surrogatepass"))
    return len(message)


def encode_message(message: str | bytes) -> Packet:
    """A message packet. Text that may go over HTTP must not hold U+001E, which parts packets there; JSON
    cannot, because it escapes control characters. Raises UnicodeEncodeError for text with a lone
    surrogate."""
    if isinstance(message, str):
        return Packet(b"4" + message.encode())
    return Packet(bytes(message), binary=True)


def encode_handshake(sid: str, upgrades: Sequence[str], config: EngineConfig) -> Packet:
    """The open packet. Intervals go out as whole milliseconds (0.3 seconds is 300)."""
    handshake = {
        "sid": sid,
        "upgrades": upgrades,
        "pingInterval": round(config.ping_interval * 1000),
        "pingTimeout": round(config.ping_timeout * 1000),
        "maxPayload": config.max_payload,
    }
    return Packet(b"0" + orjson.dumps(handshake))


def encode_payload(packets: Iterable[Packet]) -> bytes:
    """The body of an HTTP response that carries these packets, in this order."""
    return _SEPARATOR.join([packet.as_text() for packet in packets])


def decode_packet(encoded: str | bytes) -> tuple[PacketType, str | bytes]:
    """The type and the content of one packet, as it stood in a WebSocket frame or between two separators.

    Raises ProtocolViolation for an empty text, an unknown type, or base64 that is none.
    """
    if not isinstance(encoded, str):
        return PacketType.MESSAGE, bytes(encoded)
    digit = encoded[:1]
    if digit == "b":
        return PacketType.MESSAGE, _decode_base64(encoded[1:])
    packet_type = _BY_DIGIT.get(digit)
    if packet_type is None:
        raise ProtocolViolation("an Engine.IO packet of no known type")
    return packet_type, encoded[1:]


def decode_payload(body: bytes, *, max_packets: int) -> Iterator[tuple[PacketType, str | bytes]]:
    """The packets of a request body, one after the other, so that those before a broken one still count (as
    in the reference). The caller has checked the length.

    Raises ProtocolViolation when a packet does not parse, and before the first one when the body is not UTF-8
    or holds more than `max_packets`: a megabyte of the smallest packets would hold the event loop for a
    second."""
    if body.count(_SEPARATOR) >= max_packets:
        raise ProtocolViolation("too many packets in one request")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise ProtocolViolation("a request body that is not UTF-8") from None
    for encoded in text.split(SEPARATOR):
        yield decode_packet(encoded)


def _decode_base64(text: str) -> bytes:
    # As lenient as the reference on line breaks (the Java client writes them), the URL alphabet and missing
    # padding.
    standard = text.replace("-", "+").replace("_", "/")
    try:
        return binascii.a2b_base64(standard + "==")
    except ValueError:  # binascii.Error is one, and so is what a character outside ASCII raises
        raise ProtocolViolation("a binary packet that is not base64") from None
