"""A game's chance: a CSPRNG stream that the game owns, reproducible from its key and position.

The stream is keyed BLAKE2b in counter mode: block i is BLAKE2b(key, i), 64 bytes. A keyed BLAKE2b is a PRF
(RFC 7693), and a PRF in counter mode is a stream that nobody without the key can predict. The key never leaves the
server; the position (bytes used so far) is journalled with each event, so that a replay that draws differently is
noticed at once.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

T = TypeVar("T")

_BLOCK = hashlib.blake2b.MAX_DIGEST_SIZE


def key_of(seed: str) -> bytes:
    """The 32-byte key of a game whose maker (or the server) chose this seed."""
    return hashlib.blake2b(seed.encode(), digest_size=32, person=b"croupier-chance").digest()


class Chance:
    """Draws from the stream, starting at `position`. Made anew for each call into the rules.

    It is the one mutable thing that rules are handed; what they leave it at is journalled.
    """

    __slots__ = ("_block", "_block_number", "_key", "position")

    def __init__(self, key: bytes, position: int = 0) -> None:
        self._key = key
        self._block = b""
        self._block_number = -1
        self.position = position

    @property
    def key(self) -> bytes:
        """The key, for a process of ours in which the rules go on drawing."""
        return self._key

    def _byte(self) -> int:
        number, at = divmod(self.position, _BLOCK)
        if number != self._block_number:
            self._block = hashlib.blake2b(number.to_bytes(8, "big"), key=self._key).digest()
            self._block_number = number
        self.position += 1
        return self._block[at]

    def below(self, n: int) -> int:
        """A whole number from 0 to n-1, each equally likely. Raises ValueError when n is not positive."""
        if n < 1:
            raise ValueError(f"below() needs a positive bound, not {n}")
        bits = (n - 1).bit_length()
        size = (bits + 7) // 8
        while True:  # rejection sampling; at least every second draw is accepted, so this ends
            drawn = int.from_bytes(bytes(self._byte() for _ in range(size)), "big") >> (size * 8 - bits)
            if drawn < n:
                return drawn

    def flip(self) -> bool:
        """A fair coin; True is heads."""
        return self.below(2) == 1

    def choice(self, options: Sequence[T]) -> T:
        """One of these, each equally likely. Raises ValueError when there is none."""
        return options[self.below(len(options))]

    def shuffled(self, items: Iterable[T]) -> tuple[T, ...]:
        """These in a random order (Fisher-Yates), every order equally likely."""
        out = list(items)
        for i in range(len(out) - 1, 0, -1):
            j = self.below(i + 1)
            out[i], out[j] = out[j], out[i]
        return tuple(out)
