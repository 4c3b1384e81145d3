"""How often somebody may do something, and how many of it they may have at once. Pure: the time comes in.

A token bucket holds `burst` tokens at most and gains `per_second` of them in a second; what it allows takes one. It is
kept as the one number that follows from that, the moment at which it will be full again (the theoretical arrival time
of the generic cell rate algorithm, ITU-T I.371), so a full bucket needs no memory: it is one that is not there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen, validators

if TYPE_CHECKING:
    from net.config import Limits

MOST_KEYS: Final = 32_768
"""Buckets that are remembered at once. With more, those that are nearest to being full are forgotten."""

_FEW: Final = 1024
_GRAIN: Final = 1e-6
"""Seconds that are none: whoever waits as long as they were told is not refused over a rounding error."""
_MINUTE: Final = 60.0


@frozen
class Rate:
    """`per_second` in the long run, `burst` at once. A rate of 0 is no limit."""

    per_second: float = field(validator=validators.ge(0))
    burst: float = field(validator=validators.ge(1))

    @classmethod
    def per_minute(cls, count: float) -> Rate:
        """So many in a minute, and so many at once."""
        return cls(count / _MINUTE, max(count, 1.0))


def in_milliseconds(wait: float) -> float:
    """These seconds as a client is told them, rounded up: whoever comes back after them comes late enough."""
    return math.ceil(wait * 1000) / 1000


class Buckets:
    """A token bucket for every key. Times are seconds of one clock that does not go back."""

    def __init__(self, rate: Rate, *, most: int = MOST_KEYS) -> None:
        self.rate = rate
        self._most = most
        self._full_at: dict[str, float] = {}
        self._sweep_past = min(_FEW, most)
        if rate.per_second:
            self._interval = 1 / rate.per_second
            self._depth = rate.burst * self._interval

    def __len__(self) -> int:
        """How many buckets are remembered."""
        return len(self._full_at)

    def wait(self, key: str, now: float) -> float:
        """Seconds until there is a token; 0: there is one. Changes nothing."""
        full_at = self._full_at.get(key)
        if full_at is None:
            return 0.0
        wait = full_at + self._interval - now - self._depth
        return wait if wait > _GRAIN else 0.0

    def spend(self, key: str, now: float, count: int = 1) -> None:
        """Takes a token, or so many: those that are there, as `wait` said at this very moment, and the next that will
        be."""
        if not self.rate.per_second:
            return
        self._full_at[key] = max(self._full_at.get(key, now), now) + count * self._interval
        if len(self._full_at) > self._sweep_past:
            self._sweep(now)

    def take(self, key: str, now: float) -> float | None:
        """Takes a token; or takes none, and returns the seconds until there is one."""
        if wait := self.wait(key, now):
            return wait
        self.spend(key, now)
        return None

    def reserve(self, key: str, now: float, patience: float) -> float | None:
        """Takes the next token that nobody has taken yet, and returns the seconds until it is there; takes none, and
        returns None, if that is more than `patience`."""
        wait = self.wait(key, now)
        if wait > patience:
            return None
        self.spend(key, now)
        return wait

    def _sweep(self, now: float) -> None:
        """Forgets the buckets that are full, and of too many others those that are full soonest: that grants somebody
        a little too much, where remembering without bound would be an attack of its own."""
        self._full_at = {key: at for key, at in self._full_at.items() if at > now}
        if len(self._full_at) > self._most:
            for key in sorted(self._full_at, key=self._full_at.__getitem__)[: self._most // 4 + 1]:
                del self._full_at[key]
        # Twice as many as are needed now: so the sweeps together cost no more than what is swept.
        self._sweep_past = min(max(_FEW, 2 * len(self._full_at)), self._most)


class RequestLimits:
    """What one connection and one user may ask for. A request takes a token of both, or is refused and takes none."""

    def __init__(self, *, connection: Rate, user: Rate, refusals: int) -> None:
        self._connections = Buckets(connection)
        self._users = Buckets(user)
        # Who is refused as often as they are served wastes little; a flood is refused far more often.
        self._refusals = Buckets(Rate(connection.per_second or user.per_second, refusals))

    @classmethod
    def of(cls, limits: Limits) -> RequestLimits:
        """Those of the configuration."""
        return cls(
            connection=Rate(limits.requests_per_second, limits.request_burst),
            user=Rate(limits.user_requests_per_second, limits.user_request_burst),
            refusals=limits.refusals_before_drop,
        )

    def take(self, sid: str, user_id: str, now: float) -> float | None:
        """Lets a request of this connection in: None; or refuses it: the seconds after which it would be let in."""
        wait = max(self._connections.wait(sid, now), self._users.wait(user_id, now))
        if wait:
            return wait
        self.charge(sid, user_id, now)
        return None

    def charge(self, sid: str, user_id: str, now: float, count: int = 1) -> None:
        """Takes so many tokens of both, whether they are there or not: for a request that turned out to be work for
        several. Who has none left is let in again when they are."""
        self._connections.spend(sid, now, count)
        self._users.spend(user_id, now, count)

    def floods(self, sid: str, now: float) -> bool:
        """Counts a refusal; whether it is one too many, so that this connection is better closed."""
        return self._refusals.take(sid, now) is not None


@define(eq=False)
class Places:
    """How many of something each key has at once: `each` at most, 0: without limit."""

    each: int
    _taken: dict[str, int] = field(factory=dict, init=False)

    def __len__(self) -> int:
        """How many keys have one at least."""
        return len(self._taken)

    def enter(self, key: str) -> bool:
        """Takes a place, which is given back with `leave`; false when this key has all of its places."""
        if not self.has_room(key):
            return False
        self._taken[key] = self._taken.get(key, 0) + 1
        return True

    def has_room(self, key: str) -> bool:
        """Whether `enter` would find a place."""
        return not self.each or self._taken.get(key, 0) < self.each

    def leave(self, key: str) -> None:
        """Gives a place back."""
        taken = self._taken[key] - 1
        if taken:
            self._taken[key] = taken
        else:
            del self._taken[key]
