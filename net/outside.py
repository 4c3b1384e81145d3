"""The one place where the real clock and the real entropy enter.

Everything else takes `actors.ports.Clock` and `actors.ports.Entropy`, so the simulation hands in its own.
"""

from __future__ import annotations

import base64
import os
import time
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the ports import trio, which a command that only prints a token need not wait for
    from actors.ports import Entropy


class SystemClock:
    """The machine's wall clock. An operator or NTP may set it back: nothing relies on its order."""

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time()


class SystemEntropy:
    """The operating system's CSPRNG."""

    def bytes(self, n: int) -> bytes:
        """n fresh random bytes."""
        return os.urandom(n)


def stopwatch() -> float:
    """Seconds that only differences mean something of, for code that runs where there is no event loop."""
    return time.perf_counter()


def new_id(entropy: Entropy) -> str:
    """A UUID of version 4 (RFC 9562, section 5.4): 122 random bits, in the canonical lower-case form."""
    return str(uuid.UUID(bytes=entropy.bytes(16), version=4))


def new_token(entropy: Entropy, bits: int = 128) -> str:
    """At least this many random bits in URL-safe Base64 without padding (RFC 4648, section 5).

    Raises ValueError when `bits` is not positive.
    """
    if bits < 1:
        raise ValueError(f"a token needs a positive number of bits, not {bits}")
    return base64.urlsafe_b64encode(entropy.bytes((bits + 7) // 8)).rstrip(b"=").decode("ascii")
