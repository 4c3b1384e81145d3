"""The games that have ended and still stand in Redis: the archivist's way in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.ports import StoreUnavailable
from net.redis import CommandRefused, ResultUnknown
from net.scripts import Scripts
from net.store_keys import StoreKeys
from net.store_scripts import REMOVE

if TYPE_CHECKING:
    from net.ownership import Ownership
    from net.redis import Redis


class RedisEnded:
    """Implements `actors.ports.Ended`."""

    def __init__(self, redis: Redis, ownership: Ownership, *, prefix: str = "croupier:") -> None:
        self._redis = redis
        self._scripts = Scripts(redis, ownership)
        self._keys = StoreKeys(prefix)

    async def waiting(self, ended_before: float, limit: int) -> tuple[str, ...]:
        """The games that ended before this wall time, the earliest first, `limit` at most. Raises StoreUnavailable."""
        try:
            reply = await self._redis.call(
                "ZRANGEBYSCORE", self._keys.ended, "-inf", f"({ended_before!r}", "LIMIT", 0, limit
            )
        except (CommandRefused, ResultUnknown) as error:
            raise StoreUnavailable(str(error)) from None
        return tuple(word.decode() for word in reply if isinstance(word, bytes)) if isinstance(reply, list) else ()

    async def remove(self, game_id: str, last_event_id: int) -> None:
        """Takes a game out of the store, if its last event is this one; again is no harm. Raises StoreUnavailable: it
        may still be there, or not."""
        keys = self._keys
        touched = (
            keys.game(game_id),
            keys.snapshot(game_id),
            keys.ended,
            keys.deadlines,
            keys.players_connections(game_id),
            keys.spectators_connections(game_id),
        )
        try:
            await self._scripts.call(REMOVE, touched, (f"{last_event_id}-0", game_id))
        except (CommandRefused, ResultUnknown) as error:
            raise StoreUnavailable(str(error)) from None
