"""Encoded events in few bytes. One event of a game is much like the next, so hundreds of them together take a tenth of
what they take one by one; and what was damaged is noticed, for zlib keeps a checksum (RFC 1950)."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

TOGETHER: Final = 500
"""Events in one piece: enough to be small, few enough to be in memory for a moment."""

_BETWEEN: Final = b"\n"
"""JSON has no line break but where somebody puts one, and the codec puts none."""


class Damaged(Exception):
    """What is to be unpacked was not packed so."""


def pack(encoded: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """The events in pieces, each with the number of its first event; the first of all is number 1."""
    for start in range(0, len(encoded), TOGETHER):
        yield start + 1, zlib.compress(_BETWEEN.join(encoded[start : start + TOGETHER]))


def unpack(pieces: Iterable[tuple[int, bytes]]) -> list[bytes]:
    """The events of all the pieces, which come in order. Raises Damaged when one is not whole, or missing."""
    encoded: list[bytes] = []
    for first, piece in pieces:
        if first != len(encoded) + 1:
            raise Damaged(f"events {len(encoded) + 1} to {first - 1} are missing in the archive")
        try:
            encoded += zlib.decompress(piece).split(_BETWEEN)
        except zlib.error:
            raise Damaged(f"the events from {first} on are damaged in the archive") from None
    return encoded
