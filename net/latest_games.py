"""Which game a user plays now, by the store's index of running games."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.ports import StoreUnavailable
from net.redis import CommandRefused, ResultUnknown
from net.store_keys import StoreKeys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from net.redis import Redis


class LatestGames:
    """Reads what `net.journal` writes."""

    def __init__(self, redis: Redis, *, prefix: str = "croupier:") -> None:
        self._redis = redis
        self._keys = StoreKeys(prefix)

    async def of(self, user_ids: Sequence[str]) -> dict[str, str]:
        """The running game of each of these users, if they have one: that of the latest action, else of the latest
        start. Raises StoreUnavailable."""
        if not user_ids:
            return {}
        try:
            rows = await self._redis.transaction([("ZREVRANGE", self._keys.user_games(u), 0, 0) for u in user_ids])
        except (CommandRefused, ResultUnknown) as error:  # reads: they can be asked again
            raise StoreUnavailable(str(error)) from None
        return {
            user_id: row[0].decode()
            for user_id, row in zip(user_ids, rows, strict=True)
            if isinstance(row, list) and row and isinstance(row[0], bytes)
        }
