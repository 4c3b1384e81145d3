"""The games of a user that are over and stand in the store still: for a minute after their end, and as long as the
archive is away."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from attrs import frozen

from actors.archivist import describe_ended
from actors.events import Created
from actors.messages import ABSENT
from actors.ports import GameNotFound, Journal, StoreLostData, StoreUnavailable
from actors.rules.registry import Registry
from net.event_codec import decode_event
from net.redis import CommandRefused, Redis, ResultUnknown
from net.store_keys import StoreKeys

if TYPE_CHECKING:
    from actors.messages import Description

log = logging.getLogger("croupier.games")

MOST_LOOKED_AT: Final = 1000
"""Games, of all users, that a list looks through, the latest end first. More wait only while the archive is away, and
then a list may leave out what ended before."""


@frozen
class RecentGames:
    """Reads what `net.journal` writes; a game's outcome follows from its events."""

    redis: Redis
    journal: Journal
    registry: Registry
    prefix: str = "croupier:"

    async def of(self, user_id: str) -> list[Description]:
        """All games of this user that have ended and are not in the archive alone, the latest end first. Raises
        StoreUnavailable."""
        found = []
        for game_id in await self._played_by(user_id):
            try:
                found.append(await describe_ended(await self.journal.history(game_id), self.registry))
            except GameNotFound:
                continue  # it has just gone
            except StoreLostData as error:  # one that is damaged must not hide the others
                log.warning("game %s cannot be listed: %s", game_id, type(error).__name__)
        return sorted(found, key=_by_its_end, reverse=True)

    async def _played_by(self, user_id: str) -> list[str]:
        keys = StoreKeys(self.prefix)
        try:
            ended = await self.redis.call("ZREVRANGE", keys.ended, 0, MOST_LOOKED_AT - 1)
            game_ids = [word.decode() for word in ended if isinstance(word, bytes)] if isinstance(ended, list) else []
            if not game_ids:
                return []
            streams = [("XRANGE", keys.game(game_id), "1-0", "1-0") for game_id in game_ids]
            firsts = await self.redis.transaction(streams)
        except (CommandRefused, ResultUnknown) as error:  # reads: they can be asked again
            raise StoreUnavailable(str(error)) from None
        return [game_id for game_id, first in zip(game_ids, firsts, strict=True) if _is_player(user_id, first)]


def _is_player(user_id: str, first: object) -> bool:
    match first:
        # Most are other people's: a creation in which the name does not occur at all need not be decoded.
        case [[_, [b"event", bytes(data), *_]]] if user_id.encode() in data:
            try:
                created = decode_event(data)
            except StoreLostData:
                return False
            return isinstance(created, Created) and user_id in created.players
        case _:
            return False


def _by_its_end(described: Description) -> tuple[float, str]:
    assert described.ended_at is not ABSENT
    return described.ended_at, described.game_id
