"""WebSocket frames, as a client has them (RFC 6455, section 5.2): as much of it as a server of ours sends and takes.
Sans I/O, and shared by the simulated people and the traces of what went over their connections."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIN: Final = 0x80
_MASKED: Final = 0x80
_NO_MASK: Final = bytes(4)
"""Masks are there so that proxies do not take what is in a frame for something else. Here are none, and a trace can be
read."""


class Opcode(enum.IntEnum):
    """What a frame is."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


@frozen
class Frame:
    """One whole frame."""

    opcode: int
    payload: bytes


def encode(opcode: Opcode, payload: bytes) -> bytes:
    """A client's frame."""
    size = len(payload)
    if size < 126:
        head = bytes((_FIN | opcode, _MASKED | size))
    elif size < 65536:
        head = bytes((_FIN | opcode, _MASKED | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((_FIN | opcode, _MASKED | 127)) + size.to_bytes(8, "big")
    return head + _NO_MASK + payload


@define(eq=False)
class Decoder:
    """Takes bytes in pieces, and gives whole frames; a client's as well as a server's."""

    _bytes: bytearray = field(factory=bytearray, init=False)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole now."""
        self._bytes += data
        while (frame := self._take()) is not None:
            yield frame

    def _take(self) -> Frame | None:
        taken = self._bytes
        if len(taken) < 2:
            return None
        size, at = taken[1] & 0x7F, 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size, at = int.from_bytes(taken[2 : 2 + width], "big"), 2 + width
        masked = taken[1] & _MASKED
        end = at + (4 if masked else 0) + size
        if len(taken) < end or len(taken) < at:
            return None
        payload = bytes(taken[end - size : end])
        if masked and any(mask := bytes(taken[at : at + 4])):
            payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        opcode = taken[0] & 0x0F
        del taken[:end]
        return Frame(opcode, payload)
