"""The keys of a terminal by their names, out of the bytes that it sends for them (ECMA-48, and what xterm adds)."""

from __future__ import annotations

from typing import Final

_SEQUENCES: Final = {
    b"\x1b[A": "up",
    b"\x1b[B": "down",
    b"\x1b[C": "right",
    b"\x1b[D": "left",
    b"\x1b[H": "home",
    b"\x1b[F": "end",
    b"\x1bOA": "up",
    b"\x1bOB": "down",
    b"\x1bOC": "right",
    b"\x1bOD": "left",
    b"\x1bOH": "home",
    b"\x1bOF": "end",
    b"\x1b[1~": "home",
    b"\x1b[4~": "end",
    b"\x1b[5~": "page-up",
    b"\x1b[6~": "page-down",
    b"\x1b[Z": "shift-tab",
}
_SINGLE: Final = {
    0x03: "ctrl-c",
    0x04: "ctrl-d",
    0x08: "backspace",
    0x09: "tab",
    0x0A: "enter",
    0x0D: "enter",
    0x20: "space",
    0x7F: "backspace",
}
_ESCAPE: Final = 0x1B
_LONGEST: Final = 32
"""Bytes of a sequence; what goes on longer is none that a key sends."""


class Keyboard:
    """Takes bytes as they come and gives the keys that were pressed; a sequence may come in pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The keys of these bytes, in order; what has no name is left out.

        An escape that nothing follows at once is the key itself: a terminal sends a sequence in one write.
        """
        data = self._rest + data
        self._rest = b""
        keys = []
        while data:
            length = _length(data)
            if length is None:
                self._rest = data
                break
            name = _name(data[:length])
            if name:
                keys.append(name)
            data = data[length:]
        return keys


def _length(data: bytes) -> int | None:
    """How many bytes the first key has; None when more must come."""
    if data[0] != _ESCAPE or len(data) == 1 or data[1:2] not in (b"[", b"O"):
        return 1
    if data[1:2] == b"O":
        return 3 if len(data) > 2 else None
    for index in range(2, min(len(data), _LONGEST)):
        if 0x40 <= data[index] <= 0x7E:  # the final byte of a control sequence (ECMA-48, 5.4)
            return index + 1
    return len(data) if len(data) >= _LONGEST else None


def _name(sequence: bytes) -> str:
    if sequence[0] == _ESCAPE:
        return "escape" if len(sequence) == 1 else _SEQUENCES.get(sequence, "")
    if sequence[0] in _SINGLE:
        return _SINGLE[sequence[0]]
    return chr(sequence[0]) if 0x21 <= sequence[0] < 0x7F else ""
