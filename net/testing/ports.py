"""The clock and the entropy of a simulated run."""

from __future__ import annotations

import builtins
import hashlib

import trio
from attrs import define, field, frozen

_BLOCK = 64
"""Bytes of one BLAKE2b digest (RFC 7693)."""


@frozen
class SimClock:
    """Wall-clock time that follows Trio's: under `MockClock` it stands still while tasks run and jumps when
    all of them wait. `epoch` is the Unix time at Trio's zero, so one clock that outlives the server's
    restarts never goes back. Works only inside `trio.run`."""

    epoch: float = 1_800_000_000.0

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        return self.epoch + trio.current_time()


@define(eq=False)
class SimEntropy:
    """The same bytes for the same seed: BLAKE2b keyed by the seed over a counter. Unpredictable to nobody who
    knows the seed, so for tests only."""

    seed: int
    _key: builtins.bytes = field(init=False)
    _blocks: int = field(default=0, init=False)
    _left: builtins.bytes = field(default=b"", init=False)

    def __attrs_post_init__(self) -> None:
        self._key = hashlib.blake2b(str(self.seed).encode()).digest()

    def bytes(self, n: int) -> builtins.bytes:
        """The next n bytes of the stream."""
        while len(self._left) < n:
            counter = self._blocks.to_bytes(16, "big")
            self._left += hashlib.blake2b(counter, key=self._key, digest_size=_BLOCK).digest()
            self._blocks += 1
        taken, self._left = self._left[:n], self._left[n:]
        return taken
