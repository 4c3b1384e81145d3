"""The games of a user that are over and stand in the store still: for a minute after their end, and as long as the
archive is away."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from actors.archivist import describe_ended
from actors.events import Created
from actors.messages import ABSENT, Description
from actors.ports import GameNotFound, Journal, StoreLostData, StoreUnavailable
from actors.rules.registry import Registry
from net.event_codec import decode_event
from net.redis import CommandRefused, Redis, ResultUnknown
from net.store_keys import StoreKeys

if TYPE_CHECKING:
    from net.redis import Reply

log = logging.getLogger("croupier.games")

MOST_LOOKED_AT: Final = 1000
"""Games, of all users, that a list looks through, the latest end first. More wait only while the archive is away, and
then a list may leave out what ended before."""


@frozen
class _Ended:
    """A game that is over, and when it was: nothing about it changes any more."""

    game_id: str
    at: float


@define(eq=False)
class RecentGames:
    """Reads what `net.journal` writes. A game's outcome follows from its events; it is worked out once, and remembered
    for as long as the game stands in the store."""

    redis: Redis
    journal: Journal
    registry: Registry
    prefix: str = "croupier:"
    _described: dict[_Ended, Description] = field(factory=dict, init=False)

    async def of(self, user_id: str) -> list[Description]:
        """All games of this user that have ended and are not in the archive alone, the latest end first. Raises
        StoreUnavailable."""
        found = []
        for ended in await self._played_by(user_id):
            try:
                if ended not in self._described:
                    events = await self.journal.history(ended.game_id)
                    self._described[ended] = await describe_ended(events, self.registry)
                found.append(self._described[ended])
            except GameNotFound:
                continue  # it has just gone
            except StoreLostData as error:  # one that is damaged must not hide the others
                log.warning("game %s cannot be listed: %s", ended.game_id, type(error).__name__)
        return sorted(found, key=_by_its_end, reverse=True)

    async def _played_by(self, user_id: str) -> list[_Ended]:
        keys = StoreKeys(self.prefix)
        try:
            ended = _ended(await self.redis.call("ZREVRANGE", keys.ended, 0, MOST_LOOKED_AT - 1, "WITHSCORES"))
            self._described = {one: self._described[one] for one in ended if one in self._described}
            if not ended:
                return []
            firsts = await self.redis.transaction([("XRANGE", keys.game(one.game_id), "1-0", "1-0") for one in ended])
        except (CommandRefused, ResultUnknown) as error:  # reads: they can be asked again
            raise StoreUnavailable(str(error)) from None
        return [one for one, first in zip(ended, firsts, strict=True) if _is_player(user_id, first)]


def _ended(reply: Reply) -> list[_Ended]:
    words = [word for word in reply if isinstance(word, bytes)] if isinstance(reply, list) else []
    return [_Ended(game.decode(), float(at)) for game, at in zip(words[::2], words[1::2], strict=True)]


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
