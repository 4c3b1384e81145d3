"""WebSocket frames (RFC 6455, section 5) as a server has them: those that it sends, made once for every socket that
gets the same bytes; and those that a client sends, read back into messages. No await, no socket.

Nearly everything that a client sends is a whole message in one short frame, and reading that takes one look at its
head: `PlainFrames` does. Whatever is not so plain (pings, fragments, a close, long frames, everything that is against
the protocol) it leaves to trio-websocket, whose connection it is.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from attrs import field, frozen

PING_FRAME: Final = b"\x89\x00"
"""A ping without a payload; any byte that comes back is an answer."""

CLOSE: Final = 0x88
"""How a close frame begins."""

_TEXT, _BINARY, _PING, _PONG = 0x81, 0x82, 0x89, 0x8A
_MASKED: Final = 0x80
_TWO_BYTES: Final = 126
"""What stands in place of a length that takes two bytes; one more: eight."""
_REASON_BYTES: Final = 123
_FAR_TOO_LARGE: Final = 4
"""A message of so many times the limit is not worth an answer, but the end of its connection."""


# ---- what a server sends


def encode_text_frame(payload: bytes) -> bytes:
    """A server's frame of a whole text message; `payload` is UTF-8. One frame does for every socket."""
    return _frame(_TEXT, payload)


def encode_binary_frame(payload: bytes) -> bytes:
    """A server's frame of a whole binary message."""
    return _frame(_BINARY, payload)


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
    return bytes((CLOSE, 2 + len(text))) + code.to_bytes(2, "big") + text


# ---- what a client sends


@frozen
class TooLarge:
    """A message of more bytes than the limit, given all the same so that its id can be answered."""

    message: str | bytes = field(repr=False)
    size: int


Message: TypeAlias = str | bytes | TooLarge


class PlainFrames:
    """Takes the plain frames out of what one client sends, as it comes in pieces. A message of more than
    `message_bytes` is marked as too large."""

    def __init__(self, message_bytes: int) -> None:
        self._most = message_bytes
        self._held = bytearray()
        """The beginning of a frame that is not whole yet,"""
        self._wanted = 0
        """and how many bytes it must have before it is worth another look."""
        self._past = False
        """Whether something came that is not plain, and cannot be told where it ends."""

    def feed(self, data: bytes) -> tuple[list[Message], bytes]:
        """The messages that these bytes complete, in order; and the bytes that are left for somebody who knows the
        whole protocol: control frames, each of them whole, and from the first frame on that is not plain everything."""
        if self._past:
            return [], data
        if self._held:
            self._held += data
            if len(self._held) < self._wanted:
                return [], b""
            data = bytes(self._held)
            self._held.clear()
        messages: list[Message] = []
        left = b""
        at, end = 0, len(data)
        while at < end:
            stop = self._end_of_frame(data, at, end)
            if not stop:
                if self._wanted:  # the rest of it is yet to come
                    self._held += data[at:] if at else data
                    break
                self._past = True
                return messages, left + data[at:]
            message = self._message(data, at, stop)
            if message is not None:
                messages.append(message)
            elif data[at] in (_PING, _PONG):
                left += data[at:stop]
            else:
                self._past = True
                return messages, left + data[at:]
            at = stop
        return messages, left

    def _end_of_frame(self, data: bytes, at: int, end: int) -> int:
        """Where the frame that begins here ends; 0 when it is not whole, and `_wanted` says how long that is, or when
        it is not plain (`_wanted` is 0 then)."""
        self._wanted = 0
        if end - at < 2:
            self._wanted = 2
            return 0
        size = data[at + 1] - _MASKED
        if not 0 <= size <= _TWO_BYTES or data[at] not in _PLAIN:  # not masked, or a length of eight bytes
            return 0
        begin = at + 6
        if size == _TWO_BYTES:
            begin = at + 8
            if begin > end:
                self._wanted = 8
                return 0
            size = int.from_bytes(data[at + 2 : at + 4], "big")
            if size < _TWO_BYTES or size > _FAR_TOO_LARGE * self._most or data[at] > _BINARY:
                return 0
        stop = begin + size
        if stop > end:
            self._wanted = stop - at
            return 0
        return stop

    def _message(self, data: bytes, at: int, stop: int) -> Message | None:
        """The message in this frame; None when it holds none, or a text that is no UTF-8."""
        opcode = data[at]
        if opcode > _BINARY:
            return None
        begin = at + (6 if data[at + 1] < _MASKED + _TWO_BYTES else 8)
        size = stop - begin
        payload = _unmasked(data[begin:stop], data[begin - 4 : begin], size)
        message: str | bytes = payload
        if opcode == _TEXT:
            try:
                message = payload.decode()
            except UnicodeDecodeError:
                return None
        return message if size <= self._most else TooLarge(message, size)


_PLAIN: Final = frozenset({_TEXT, _BINARY, _PING, _PONG})


def _unmasked(payload: bytes, mask: bytes, size: int) -> bytes:
    # As one number each: a loop over the bytes would take a hundred times as long.
    key = int.from_bytes((mask * ((size + 3) // 4))[:size], "big")
    return (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")
