"""WebSocket frames (RFC 6455, section 5) as a server has them: those that it sends, made once for every socket that
gets the same bytes; and those that a client sends, read back into messages. No await, no socket.

Nearly everything that a client sends is a whole message in one short frame, and reading that takes one look at its
head. Whatever is not so plain (fragments, a close, long frames, everything that is against the protocol) is wsproto's
to read, and so is all that follows it on that connection. wsproto alone takes four times as long for the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from attrs import field, frozen
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

if TYPE_CHECKING:
    from collections.abc import Iterator

PING_FRAME: Final = b"\x89\x00"
"""A ping without a payload; any byte that comes back is an answer."""

_TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
_MASKED: Final = 0x80
_TWO_BYTES: Final = 126
"""What stands in place of a length that takes two bytes; one more: eight."""
_REASON_BYTES: Final = 123
_TOO_BIG: Final = 1009
_FAR_TOO_LARGE: Final = 4
"""A message of so many times the limit is not worth an answer, but the end of its connection."""


# ---- what a server sends


def encode_text_frame(payload: bytes) -> bytes:
    """A server's frame of a whole text message; `payload` is UTF-8. One frame does for every socket."""
    return _frame(_TEXT, payload)


def encode_binary_frame(payload: bytes) -> bytes:
    """A server's frame of a whole binary message."""
    return _frame(_BINARY, payload)


def encode_pong(payload: bytes) -> bytes:
    """The answer to a ping."""
    return _frame(_PONG, payload)


def _frame(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < _TWO_BYTES:
        return b"%c%c%b" % (opcode, size, payload)
    if size < 65536:
        return b"%c\x7e%b%b" % (opcode, size.to_bytes(2, "big"), payload)
    return b"%c\x7f%b%b" % (opcode, size.to_bytes(8, "big"), payload)


def close_frame(code: int, reason: str = "") -> bytes:
    """A server's close frame; a reason that is too long is cut between two characters."""
    text = reason.encode()[:_REASON_BYTES].decode(errors="ignore").encode()
    return bytes((_CLOSE, 2 + len(text))) + code.to_bytes(2, "big") + text


# ---- what a client sends


@frozen
class TooLarge:
    """A message of more bytes than the limit, given all the same so that its id can be answered."""

    message: str | bytes = field(repr=False)
    size: int


@frozen
class Pinged:
    """A ping, to be answered with its payload."""

    payload: bytes


@frozen
class Over:
    """The peer said goodbye, or broke the protocol (1002, 1007) or all bounds (1009): nothing more is read. `farewell`
    is the close frame for it."""

    code: int
    reason: str
    farewell: bytes
    goodbye: bool
    """Whether it was the peer who said so, and so has nothing more to say."""


Incoming: TypeAlias = str | bytes | TooLarge | Pinged | Over


class FrameReader:
    """What one client sends, as it comes in pieces: messages, and what else is to be done. A message of more than
    `message_bytes` is marked as too large."""

    def __init__(self, message_bytes: int) -> None:
        self._most = message_bytes
        self._held = bytearray()
        """The beginning of a frame that is not whole yet,"""
        self._wanted = 0
        """and how many bytes it must have before it is worth another look."""
        self._wsproto: Connection | None = None
        self._parts: list[str | bytes] = []
        self._parts_size = 0
        self._over = False

    def feed(self, data: bytes) -> list[Incoming]:
        """What these bytes complete, in order. After an Over nothing comes any more."""
        if self._wsproto is not None:
            return list(self._by_wsproto(data))
        if self._held:
            self._held += data
            if len(self._held) < self._wanted:
                return []
            data = bytes(self._held)
            self._held.clear()
        incoming: list[Incoming] = []
        at, end = 0, len(data)
        while at < end:
            stop = self._plain_frame(data, at, end, incoming)
            if not stop:
                break
            at = stop
        else:
            return incoming
        if self._wanted:  # the rest of it is yet to come
            self._held += data[at:] if at else data
        else:
            self._wsproto = Connection(ConnectionType.SERVER)
            incoming += self._by_wsproto(data[at:])
        return incoming

    def _plain_frame(self, data: bytes, at: int, end: int, incoming: list[Incoming]) -> int:
        """Reads the frame that begins here, and says where it ends; 0 when it is not whole, and `_wanted` says how much
        is, or when it is not plain (`_wanted` is 0 then)."""
        self._wanted = 0
        if end - at < 2:
            self._wanted = 2
            return 0
        opcode, size = data[at], data[at + 1] - _MASKED
        begin = at + 6
        if not 0 <= size <= _TWO_BYTES:  # not masked, or a length of eight bytes
            return 0
        if size == _TWO_BYTES:
            size = int.from_bytes(data[at + 2 : at + 4], "big")
            begin = at + 8
            if begin > end:
                self._wanted = 8
                return 0
            if size < _TWO_BYTES or size > _FAR_TOO_LARGE * self._most or opcode > _BINARY:
                return 0
        stop = begin + size
        if stop > end:
            if opcode not in (_TEXT, _BINARY, _PING, _PONG):
                return 0
            self._wanted = stop - at
            return 0
        payload = _unmasked(data[begin:stop], data[begin - 4 : begin], size)
        if opcode == _TEXT:
            try:
                text = payload.decode()
            except UnicodeDecodeError:
                return 0
            incoming.append(text if size <= self._most else TooLarge(text, size))
        elif opcode == _BINARY:
            incoming.append(payload if size <= self._most else TooLarge(payload, size))
        elif opcode == _PING:
            incoming.append(Pinged(payload))
        elif opcode != _PONG:
            return 0
        return stop

    # ---- what is not plain

    def _by_wsproto(self, data: bytes) -> Iterator[Incoming]:
        if self._over:
            return
        wsproto = self._wsproto
        assert wsproto is not None
        wsproto.receive_data(data)
        for event in wsproto.events():
            match event:
                case TextMessage() | BytesMessage():
                    part = event.data if isinstance(event.data, str) else bytes(event.data)
                    message = self._part(part, last=event.message_finished)
                    if message is not None:
                        yield message
                    if isinstance(message, Over):
                        return
                case Ping(payload=payload):
                    yield Pinged(bytes(payload))
                case CloseConnection(code=code, reason=reason):
                    self._over = True
                    goodbye = wsproto.state is ConnectionState.REMOTE_CLOSING
                    farewell = wsproto.send(event.response()) if goodbye else close_frame(int(code), reason or "")
                    yield Over(int(code), reason or "", bytes(farewell), goodbye)
                    return
                case _:  # a pong
                    pass

    def _part(self, data: str | bytes, *, last: bool) -> Incoming | None:
        """Puts a message together; None while it is not whole."""
        self._parts.append(data)
        self._parts_size += len(data)
        if self._parts_size > _FAR_TOO_LARGE * self._most:
            self._over = True
            self._parts.clear()
            reason = f"a message has at most {self._most} bytes"
            return Over(_TOO_BIG, reason, close_frame(_TOO_BIG, reason), goodbye=False)
        if not last:
            return None
        parts, self._parts, self._parts_size = self._parts, [], 0
        message = data[:0].join(parts)  # type: ignore[arg-type]  # all of one kind, as wsproto sees to
        size = len(message) if isinstance(message, bytes) or message.isascii() else len(message.encode())
        return message if size <= self._most else TooLarge(message, size)


def _unmasked(payload: bytes, mask: bytes, size: int) -> bytes:
    # As one number each: a loop over the bytes would take a hundred times as long.
    key = int.from_bytes((mask * ((size + 3) // 4))[:size], "big")
    return (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")
