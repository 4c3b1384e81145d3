"""A game's stream in Redis, as the journal uses it: keys, commands, entries, and whose entry stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from actors.ports import Fenced, GameNotFound, StoreLostData, StoreUnavailable
from net.redis import CommandRefused, ResultUnknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from net.redis import Arg, Command, Redis, Reply


@frozen
class Entry:
    """One entry of a game's stream: an event as it is encoded, and the nonce of who wrote it."""

    event_id: int
    event: bytes
    nonce: bytes


class GameStream:
    """The stream of one game.

    What reads raises StoreUnavailable, and StoreLostData when what stands there is no journal.
    """

    def __init__(self, redis: Redis, prefix: str, game_id: str) -> None:
        self._redis = redis
        self._game_id = game_id
        self.key = f"{prefix}game:{game_id}"

    # ---- writing

    async def create(self, entry: Entry, also: Sequence[Command]) -> None:
        """Begins the stream with this entry and executes `also` with it, atomically. Raises as `append`
        does."""
        add: Command = ("XADD", self.key, *_fields(entry))
        try:
            replies = await self._redis.transaction([add, *also])
        except CommandRefused as refused:  # none of it was executed
            raise StoreUnavailable(refused.message) from None
        if isinstance(replies[0], CommandRefused):
            await self._settle(entry, replies[0])

    async def append(self, entry: Entry, *, epoch: int, also: Sequence[Command]) -> None:
        """Appends to the stream, if there is one, on this connection; `also` goes out in the same write.

        Returns when this entry stands, perhaps from an earlier sending of it. Raises Fenced when another
        stands in its place; StoreLostData when none does, or there is no stream; StoreUnavailable when
        nothing was written now; ResultUnknown.
        """
        try:
            added = await self._redis.call("XADD", self.key, "NOMKSTREAM", *_fields(entry), epoch=epoch, also=also)
        except CommandRefused as refused:
            await self._settle(entry, refused)
        else:
            if added is None:
                raise StoreLostData(f"game {self._game_id}: its journal is gone")

    async def _settle(self, entry: Entry, refused: CommandRefused) -> None:
        # This refusal has no code of its own. The text is xaddCommand's, in t_stream.c, since Redis 5.
        if "equal or smaller than" in refused.message:
            await self.ours_or_fenced(entry)
        elif refused.code == "WRONGTYPE":
            raise self._no_journal()
        else:
            raise StoreUnavailable(refused.message)

    async def ours_or_fenced(self, entry: Entry) -> None:
        """Returns if this very entry stands. Raises Fenced if another stands in its place, StoreLostData if
        none does."""
        standing = await self.one(entry.event_id)
        if standing is None:
            raise StoreLostData(f"game {self._game_id}: event {entry.event_id} stood, and is gone")
        if standing != entry:
            raise Fenced(f"game {self._game_id}: another writer wrote event {entry.event_id}")

    # ---- reading

    async def tail(self, *, epoch: int) -> Entry | None:
        """The last entry, read on this connection."""
        entries = await self._read("XREVRANGE", self.key, "+", "-", "COUNT", 1, epoch=epoch)
        return entries[0] if entries else None

    async def one(self, event_id: int) -> Entry | None:
        """The entry of this event."""
        entries = await self._read("XRANGE", self.key, f"{event_id}-0", f"{event_id}-0")
        return entries[0] if entries else None

    async def page(self, after: int, count: int) -> list[Entry]:
        """The first `count` entries after this event (0: from the beginning)."""
        return await self._read("XRANGE", self.key, f"({after}-0", "+", "COUNT", count)

    async def why_nothing(self) -> GameNotFound | StoreLostData:
        """What to raise when nothing was found: there is no such game, or its events are gone."""
        try:
            exists = await self._redis.call("EXISTS", self.key)
        except (CommandRefused, ResultUnknown) as error:
            raise StoreUnavailable(str(error)) from None
        if exists:
            return StoreLostData(f"game {self._game_id}: its journal is there, and its events are not")
        return GameNotFound(f"there is no game {self._game_id}")

    async def _read(self, *command: Arg, epoch: int | None = None) -> list[Entry]:
        try:
            reply = await self._redis.call(*command, epoch=epoch)
        except CommandRefused as refused:
            if refused.code == "WRONGTYPE":
                raise self._no_journal() from None
            raise StoreUnavailable(refused.message) from None
        except ResultUnknown as unknown:  # a read can be asked again by whoever wants it
            raise StoreUnavailable(str(unknown)) from None
        entries = _parse(reply)
        if entries is None:
            raise self._no_journal()
        return entries

    def _no_journal(self) -> StoreLostData:
        return StoreLostData(f"game {self._game_id}: what stands in the place of its journal is none")


def _fields(entry: Entry) -> tuple[Arg, ...]:
    return (f"{entry.event_id}-0", "event", entry.event, "nonce", entry.nonce)


def _parse(reply: Reply) -> list[Entry] | None:
    """The entries of a range; None when there is one that no journal wrote."""
    entries = []
    for item in reply if isinstance(reply, list) else [None]:
        match item:
            case [bytes(stream_id), [b"event", bytes(event), b"nonce", bytes(nonce)]]:
                number, _, rest = stream_id.partition(b"-")
                if rest != b"0":
                    return None
                entries.append(Entry(int(number), event, nonce))
            case _:
                return None
    return entries
