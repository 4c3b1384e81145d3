"""Where service time and the running turn clocks stand in Redis."""

from __future__ import annotations

from contextlib import suppress
from math import isfinite
from typing import TYPE_CHECKING

from actors.ports import StoreUnavailable
from net.errors import StartError
from net.redis import CommandRefused, ResultUnknown
from net.scripts import Scripts
from net.store_keys import StoreKeys
from net.store_scripts import CLOCK

if TYPE_CHECKING:
    from net.ownership import Ownership
    from net.redis import Arg, Redis, Reply


class ClockUnreadable(StartError):
    """What stands in the place of service time is no time."""


class RedisClockStore:
    """Implements `actors.ports.ClockStore`."""

    def __init__(self, redis: Redis, ownership: Ownership, *, prefix: str = "croupier:") -> None:
        """`prefix` begins every key."""
        self._redis = redis
        self._scripts = Scripts(redis, ownership)
        self._keys = StoreKeys(prefix)

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
        """Makes the service time durable, unless a later one stands. A store that has lost whose the keys are is told
        with it. Raises StoreUnavailable: it may stand or not; ServerReplaced: it does not."""
        try:
            await self._scripts.call(CLOCK, (self._keys.service_clock,), (seconds,))
        except (CommandRefused, ResultUnknown) as error:
            raise StoreUnavailable(str(error)) from None

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
