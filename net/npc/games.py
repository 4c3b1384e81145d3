"""The running games with an npc in them, by the store's index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actors.ports import StoreUnavailable
from net.redis import CommandRefused, ResultUnknown
from net.store_keys import StoreKeys

if TYPE_CHECKING:
    from net.redis import Redis

_LATELY: Final = 300.0
"""Seconds before the last event of any game within which a game's own last event came, if it was going on when the
server ended: an npc that has something to do does it in far less."""

_MOST: Final = 2000


class NpcGames:
    """Reads what `net.journal` writes."""

    def __init__(self, redis: Redis, *, prefix: str = "croupier:") -> None:
        self._redis = redis
        self._keys = StoreKeys(prefix)

    async def lately(self) -> tuple[str, ...]:
        """The games that were going on when the last event of all was written, the latest first; not more than 2000.
        Raises StoreUnavailable."""
        try:
            newest = await self._redis.call("ZREVRANGE", self._keys.running, 0, 0, "WITHSCORES")
            if not isinstance(newest, list) or len(newest) < 2 or not isinstance(newest[1], bytes):
                return ()
            since = float(newest[1]) - _LATELY
            found = await self._redis.call(
                "ZREVRANGEBYSCORE", self._keys.npc_games, "+inf", repr(since), "LIMIT", 0, _MOST
            )
        except (CommandRefused, ResultUnknown) as error:  # reads: they can be asked again
            raise StoreUnavailable(str(error)) from None
        return tuple(word.decode() for word in found if isinstance(word, bytes)) if isinstance(found, list) else ()
