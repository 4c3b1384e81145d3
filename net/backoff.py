"""How long to wait before the next try."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.ports import Entropy


class Backoff:
    """Waits that double from `first` to `longest` seconds, each shortened by up to a half at random, so that
    many clients of one store do not come back in step ("equal jitter": Brooker, Exponential Backoff And
    Jitter, AWS 2015).
    """

    def __init__(self, entropy: Entropy, *, first: float, longest: float) -> None:
        self._entropy = entropy
        self._first = first
        self._longest = longest
        self._tries = 0

    @property
    def longest(self) -> float:
        """The longest wait, in seconds."""
        return self._longest

    def reset(self) -> None:
        """It worked: the next wait is a short one again."""
        self._tries = 0

    def next(self) -> float:
        """Seconds to wait now."""
        # The exponent is bounded because 2.0**1024 overflows: a store may be away for days.
        full = min(self._longest, self._first * 2.0 ** min(self._tries, 60))
        self._tries += 1
        return full * (0.5 + int.from_bytes(self._entropy.bytes(2), "big") / 0x20000)
