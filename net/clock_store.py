"""Where service time and the running turn clocks stand in Redis, and whose server's they are.

An external Redis can be given to two servers by mistake; the embedded one cannot, its data directory is locked. Waiting
for the other to go would cost every successor of a killed server that wait. So the newer one wins: it writes its nonce
into `owner`, and the older one finds another's nonce there with its next write of the clock, half a second later, and
stops. Until then no harm is done: the older one's clock no longer moves, and of two writers of one game the journal
takes one.
"""

from __future__ import annotations

from contextlib import suppress
from math import isfinite
from typing import TYPE_CHECKING, Final

from actors.ports import StoreUnavailable
from net.errors import StartError
from net.redis import CommandRefused, ResultUnknown
from net.store_keys import StoreKeys
from net.store_scripts import CLOCK, Scripts

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.ports import Entropy
    from net.redis import Arg, Redis, Reply

_NONCE_BYTES: Final = 16
_REPLACED: Final = -1


class Replaced(StartError):
    """Another server was started on the same Redis and prefix, and this one has stopped for it."""


class ClockUnreadable(StartError):
    """What stands in the place of service time is no time."""


class RedisClockStore:
    """Implements `actors.ports.ClockStore`."""

    def __init__(
        self, redis: Redis, *, entropy: Entropy, prefix: str = "croupier:", replaced: Callable[[], None] = lambda: None
    ) -> None:
        """`replaced` is called, at each write, when another server has taken these keys over; it must not raise."""
        self._redis = redis
        self._scripts = Scripts(redis)
        self._keys = StoreKeys(prefix)
        self._nonce = entropy.bytes(_NONCE_BYTES).hex().encode()
        self._replaced = replaced

    async def claim(self) -> None:
        """Makes this server the owner of its keys, whoever was before. To be called once in a server's life, before
        the clock is read: a second time would take the keys back from a successor. Raises StoreUnavailable; again is no
        harm then."""
        await self._ask("SET", self._keys.owner, self._nonce)

    async def read(self) -> float:
        """The service time that stands; 0 when none does. Raises StoreUnavailable; ClockUnreadable."""
        match await self._ask("GET", self._keys.service_clock):
            case None:
                return 0.0
            case bytes(text):
                with suppress(ValueError):
                    if isfinite(seconds := float(text)):
                        return seconds
        raise ClockUnreadable(
            f"the key {self._keys.service_clock} holds no number; it is the clock of all turns: set it to the seconds"
            f" that it last held, or to the greatest score in {self._keys.deadlines}"
        )

    async def write(self, seconds: float) -> None:
        """Makes the service time durable, unless a later one stands. Raises StoreUnavailable: it may stand or not;
        also when another server has taken these keys over, and then it does not."""
        keys = (self._keys.service_clock, self._keys.owner)
        try:
            written = await self._scripts.call(CLOCK, keys, (self._nonce, seconds))
        except (CommandRefused, ResultUnknown) as error:
            raise StoreUnavailable(str(error)) from None
        if written == _REPLACED:
            self._replaced()
            raise StoreUnavailable("another server was started on this store")

    async def deadlines(self) -> tuple[tuple[str, float], ...]:
        """Every game whose turn clock runs, with the service time at which it runs out, the earliest first. Raises
        StoreUnavailable."""
        reply = await self._ask("ZRANGE", self._keys.deadlines, 0, -1, "WITHSCORES")
        words = [word for word in reply if isinstance(word, bytes)] if isinstance(reply, list) else []
        return tuple((game_id.decode(), float(score)) for game_id, score in zip(words[::2], words[1::2], strict=True))

    async def _ask(self, *command: Arg) -> Reply:
        try:
            return await self._redis.call(*command)
        except (CommandRefused, ResultUnknown) as error:
            raise StoreUnavailable(str(error)) from None
