"""When a game is abandoned: none of its players was connected for `after` seconds of service time.

A game stands in the store with the time at which it will be abandoned, so that it costs nothing else while it rests,
and so that this survives the server. While players are there that time is kept ahead, by once to twice `after`, and is
written seldom; when the last one goes it is exactly `after` away. So after a crash it is never too early, whoever was
there; and for a game that was at rest it is exact.
"""

from __future__ import annotations

import math

from attrs import frozen


@frozen
class Abandonment:
    """`at` is the time at which the game is abandoned, if nobody comes before; inf: never. `look_at` is when to see
    whether that is still so. Service time."""

    at: float = math.inf
    look_at: float = math.inf

    def is_due(self, now: float) -> bool:
        """Whether the game is abandoned now. Only to be asked of what `reckon` gave now."""
        return now >= self.at


def reckon(known: float | None, now: float, *, present: bool, empty_since: float | None, after: float) -> Abandonment:
    """When the game is abandoned: `known` is what was reckoned last (None: nothing is known of that), `present` whether
    any player is there now, and `empty_since` when the last one went (None: nobody was there in this process)."""
    if after == math.inf:
        return Abandonment()
    if present:
        if known is None or not now < known - after <= now + after:
            known = now + 2 * after
        return Abandonment(known, known - after)
    if empty_since is not None:
        known = empty_since + after
    elif known is None:
        known = now + after
    return Abandonment(known, known)


def earlier(*times: float | None) -> float | None:
    """The earliest of these times; None and inf are never, and so is nothing."""
    first = math.inf
    for time in times:
        if time is not None and time < first:
            first = time
    return None if first == math.inf else first
