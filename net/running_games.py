"""The games that a user plays now, from the store's index of them: nobody's table is woken for a list."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

from actors.events import Created
from actors.ports import StoreLostData, StoreUnavailable
from actors.standing import Status, described
from net.event_codec import decode_event
from net.redis import CommandRefused, ResultUnknown
from net.store_keys import StoreKeys

if TYPE_CHECKING:
    from actors.messages import Description
    from net.redis import Command, Redis, Reply


log = logging.getLogger("croupier.games")


@frozen(order=True)
class Place:
    """A game's place in its player's list: by the wall time of the latest action, then by its id."""

    latest: float
    game_id: str


Row: TypeAlias = "tuple[Place, Description]"


class RunningGames:
    """Reads what `net.journal` writes: the index of each user's running games, and the games' streams."""

    def __init__(self, redis: Redis, *, prefix: str = "croupier:") -> None:
        """`prefix` begins every key."""
        self._redis = redis
        self._keys = StoreKeys(prefix)

    async def of(self, user_id: str, *, before: Place | None, limit: int) -> list[Row]:
        """This user's running games, `limit` at most, the latest action first; with `before` those after that place.
        Whether one of them is suspended is not known here. Raises StoreUnavailable."""
        rows: list[Row] = []
        try:
            while len(rows) < limit:  # once, unless some of these games are damaged
                places = await self._places(self._keys.user_games(user_id), before, limit)
                found = await self._described([place.game_id for place in places])
                rows += [(place, found[place.game_id]) for place in places if place.game_id in found]
                if len(places) < limit:
                    break
                before = places[-1]
        except (CommandRefused, ResultUnknown) as error:  # reads: they can be asked again
            raise StoreUnavailable(str(error)) from None
        return rows[:limit]

    async def latest(self, limit: int) -> list[Description]:
        """The running games of all users, `limit` at most, the latest action first. Whether one is suspended is not
        known here. Raises StoreUnavailable."""
        try:
            places = await self._places(self._keys.running, None, limit)
            found = await self._described([place.game_id for place in places])
        except (CommandRefused, ResultUnknown) as error:
            raise StoreUnavailable(str(error)) from None
        return [found[place.game_id] for place in places if place.game_id in found]

    async def _places(self, key: str, before: Place | None, limit: int) -> list[Place]:
        highest = "+inf" if before is None else repr(before.latest)
        places: list[Place] = []
        offset = 0
        while len(places) < limit:  # once, unless many of these games had their latest action at the very same time
            page = ("ZREVRANGEBYSCORE", key, highest, "-inf", "WITHSCORES", "LIMIT", offset, limit)
            read = _places(await self._redis.call(*page))
            places += [place for place in read if before is None or place < before]
            if len(read) < limit:
                break
            offset += limit
        return places[:limit]

    async def _described(self, game_ids: list[str]) -> dict[str, Description]:
        """What the streams tell; a game that has none (it has ended, and gone to the archive) is left out."""
        if not game_ids:
            return {}
        commands: list[Command] = []
        for game_id in game_ids:
            stream = self._keys.game(game_id)
            commands += [("XRANGE", stream, "1-0", "1-0"), ("XLEN", stream)]
        replies = await self._redis.transaction(commands)
        found = {}
        for game_id, first, length in zip(game_ids, replies[::2], replies[1::2], strict=True):
            if (created := _creation(first)) is not None and isinstance(length, int):
                found[game_id] = described(created, Status.RUNNING, length, None, created.at)
            elif length != 0:  # one that is damaged must not hide the others
                log.warning("game %s cannot be listed: its journal does not begin with its creation", game_id)
        return found


def _places(reply: Reply) -> list[Place]:
    words = [word for word in reply if isinstance(word, bytes)] if isinstance(reply, list) else []
    return [Place(float(score), game.decode()) for game, score in zip(words[::2], words[1::2], strict=True)]


def _creation(first: Reply) -> Created | None:
    match first:
        case [[_, [b"event", bytes(data), *_]]]:
            try:
                event = decode_event(data)
            except StoreLostData:
                return None
            return event if isinstance(event, Created) else None
        case _:
            return None
