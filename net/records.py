"""Who is connected, in Redis (contract, section 5): what the record keeper writes, and what anybody may ask."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from attrs import evolve

from actors.ports import StoreUnavailable
from actors.roll import ConnectionRecord, Following, Moment
from actors.table_messages import Role
from net.record_scripts import BEAT, DROP, PUT
from net.redis import CommandRefused, ResultUnknown
from net.scripts import Scripts
from net.store_keys import StoreKeys

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from actors.ports import ServiceClock
    from net.ownership import Ownership
    from net.redis import Arg, Command, Redis, Reply

TTL: Final = 3600
"""Seconds after which a record that nobody renews is gone by itself."""

STALE: Final = 90.0
"""Seconds of service after which a connection that was not seen is not online."""

_BATCH: Final = 500
"""Records that are read at once."""


class RedisConnectionRecords:
    """Implements `actors.ports.ConnectionRecords`, and answers the contract's queries.

    All methods raise StoreUnavailable. Where the store's answer was lost it may have done what it was asked.
    """

    def __init__(
        self,
        redis: Redis,
        ownership: Ownership,
        service: ServiceClock,
        *,
        prefix: str = "croupier:",
        ttl: int = TTL,
        stale_after: float = STALE,
    ) -> None:
        self._redis = redis
        self._scripts = Scripts(redis, ownership)
        self._service = service
        self._keys = StoreKeys(prefix)
        self._ttl = ttl
        self._stale_after = stale_after

    @property
    def _all(self) -> tuple[str, str]:
        return self._keys.connections, self._keys.cut_off

    # ---- writing

    async def write(self, records: Sequence[ConnectionRecord], gone: Sequence[str]) -> None:
        """See `actors.ports.ConnectionRecords`. One write for all of them."""
        epoch, keys = self._redis.epoch, self._keys
        sent = True
        for sid in gone:
            which = (keys.connection(sid), keys.connections, keys.cut_off)
            sent = sent and self._scripts.send(DROP, which, (keys.prefix, sid))
        for record in records:
            sent = sent and self._scripts.send(PUT, self._keys_of(record), self._args_of(record))
        with _as_unavailable():
            if not sent:
                raise StoreUnavailable("the store went away")
            await self._redis.call("PING", epoch=epoch)  # answered after everything before it on this connection

    def _keys_of(self, record: ConnectionRecord) -> tuple[str, ...]:
        keys = self._keys
        return keys.connection(record.sid), keys.user_connection(record.user_id), keys.connections, keys.cut_off

    def _args_of(self, record: ConnectionRecord) -> tuple[Arg, ...]:
        return (
            self._keys.prefix,
            record.sid,
            self._ttl,
            repr(record.seen.service),
            "1" if record.online else "",
            record.user_id,
            *_game_of(record),
            _iso(record.connected_at),
            _iso(record.seen.wall),
            record.pid,
        )

    async def beat(self, records: Sequence[ConnectionRecord]) -> list[str]:
        """See `actors.ports.ConnectionRecords`."""
        keys = (self._keys.connections, *(self._keys.connection(record.sid) for record in records))
        args: list[Arg] = [self._keys.prefix, self._ttl]
        for record in records:
            args += record.sid, repr(record.seen.service), record.user_id, *_game_of(record), _iso(record.seen.wall)
        with _as_unavailable():
            return _words(await self._scripts.call(BEAT, keys, args))

    async def load(self) -> tuple[ConnectionRecord, ...]:
        """See `actors.ports.ConnectionRecords`."""
        with _as_unavailable():
            both = [_words(await self._redis.call("ZRANGE", key, 0, -1)) for key in self._all]
            found = await self._read([*both[0], *both[1]])
        return tuple(found.values())

    async def stale(self, before: float) -> list[str]:
        """See `actors.ports.ConnectionRecords`."""
        with _as_unavailable():
            older = ("-inf", f"({before!r}")
            both = [_words(await self._redis.call("ZRANGEBYSCORE", key, *older)) for key in self._all]
        return [*both[0], *both[1]]

    # ---- asking

    async def by_sid(self, sid: str) -> ConnectionRecord | None:
        """The record of this sid; of a connection that was cut off too, as long as it can be recovered."""
        with _as_unavailable():
            return (await self._read([sid])).get(sid)

    async def by_user(self, user_id: str) -> ConnectionRecord | None:
        """The present connection of this user; None while they are not online."""
        with _as_unavailable():
            sid = await self._redis.call("GET", self._keys.user_connection(user_id))
            record = (await self._read([sid.decode()])).get(sid.decode()) if isinstance(sid, bytes) else None
        return record if record is not None and self._is_online(record) else None

    async def is_online(self, user_id: str) -> bool:
        """Whether this user is connected, and was seen lately."""
        return await self.by_user(user_id) is not None

    async def of_game(self, game_id: str) -> tuple[ConnectionRecord, ...]:
        """The connections of a game: those of its players, then those of its spectators."""
        keys = self._keys
        groups = (keys.players_connections(game_id), keys.spectators_connections(game_id))
        with _as_unavailable():
            players, spectators = [_words(await self._redis.call("SMEMBERS", group)) for group in groups]
            found = await self._read([*sorted(players), *sorted(spectators)])
        return tuple(record for record in found.values() if self._is_online(record))

    async def players(self, game_id: str) -> dict[str, str]:
        """The players of a game who are connected to it: user id → sid."""
        return {
            record.user_id: record.sid
            for record in await self.of_game(game_id)
            if record.following == Following(game_id, Role.PLAYER)
        }

    async def opponents(self, game_id: str, user_id: str) -> tuple[str, ...]:
        """The sids of a player's opponents in a game."""
        return tuple(sid for user, sid in (await self.players(game_id)).items() if user != user_id)

    async def count(self) -> int:
        """How many connections there are that were seen lately."""
        since = self._service.now() - self._stale_after
        return await self._number("ZCOUNT", self._keys.connections, repr(since), "+inf")

    async def count_players(self, game_id: str) -> int:
        """How many connections of its players a game has."""
        return await self._number("SCARD", self._keys.players_connections(game_id))

    async def count_spectators(self, game_id: str) -> int:
        """How many connections of spectators a game has."""
        return await self._number("SCARD", self._keys.spectators_connections(game_id))

    async def _number(self, *command: Arg) -> int:
        with _as_unavailable():
            number = await self._redis.call(*command)
        return number if isinstance(number, int) else 0

    def _is_online(self, record: ConnectionRecord) -> bool:
        return record.online and record.seen.service >= self._service.now() - self._stale_after

    async def _read(self, sids: Sequence[str]) -> dict[str, ConnectionRecord]:
        """The records of these sids, in this order, as far as there are any."""
        found: dict[str, ConnectionRecord] = {}
        for first in range(0, len(sids), _BATCH):
            batch = sids[first : first + _BATCH]
            commands: list[Command] = []
            for sid in batch:
                commands.append(("HGETALL", self._keys.connection(sid)))
                commands += [("ZSCORE", key, sid) for key in self._all]
            replies = await self._redis.transaction(commands)
            records = [_record(sid, *three) for sid, three in zip(batch, _threes(replies), strict=True)]
            mappings = [("GET", self._keys.user_connection(record.user_id)) for record in records if record is not None]
            if not mappings:
                continue
            online = iter(await self._redis.transaction(mappings))
            for record in records:
                if record is not None:
                    found[record.sid] = _with_presence(record, next(online))
        return found


def _game_of(record: ConnectionRecord) -> tuple[str, str]:
    return ("", "") if record.following is None else (record.following.game_id, record.following.role.value)


def _record(sid: str, fields: Reply, connected: Reply, cut_off: Reply) -> ConnectionRecord | None:
    """The record in this hash; None when there is none, or what stands there is not ours to read."""
    words = _words(fields)
    stands = dict(zip(words[::2], words[1::2], strict=True))
    score = connected if isinstance(connected, bytes) else cut_off
    try:
        game_id = stands["game_id"]
        return ConnectionRecord(
            sid=sid,
            user_id=stands["user_id"],
            following=Following(game_id, Role(stands["role"])) if game_id else None,
            connected_at=_unix(stands["connected_at"]),
            seen=Moment(float(score) if isinstance(score, bytes) else 0.0, _unix(stands["last_seen"])),
            pid=stands["pid"],
        )
    except (KeyError, ValueError):
        return None


def _with_presence(record: ConnectionRecord, mapping: Reply) -> ConnectionRecord:
    return record if mapping == record.sid.encode() else evolve(record, online=False)


def _threes(replies: Sequence[Reply]) -> Iterator[tuple[Reply, Reply, Reply]]:
    return zip(replies[::3], replies[1::3], replies[2::3], strict=True)


def _words(reply: Reply) -> list[str]:
    return [word.decode() for word in reply if isinstance(word, bytes)] if isinstance(reply, list) else []


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@contextmanager
def _as_unavailable() -> Iterator[None]:
    try:
        yield
    except (CommandRefused, ResultUnknown) as error:
        raise StoreUnavailable(str(error)) from None
