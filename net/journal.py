"""Each game's journal: a Redis stream, fenced by its own ids.

The entry of event n has the id `n-0`, and the server refuses an id that is not greater than the last: of two
writers one loses, whatever they believe. The nonce of an entry's writer tells "I wrote that, and the answer
was lost" from "somebody else did".

Three holes are closed here. XADD makes a deleted stream anew: so NOMKSTREAM after event 1. XADD accepts a
gap: so a writer appends nothing but the event after its last. And a store may come back with less than it
acknowledged: so before the first append on a new connection the stream's end is compared with the writer's,
and the append is bound to that very connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from actors.ports import Fenced, StoreLostData, StoreUnavailable
from net.backoff import Backoff
from net.event_codec import UnreadableEvent, decode_event, encode_event
from net.game_stream import Entry, GameStream
from net.redis import ResultUnknown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from actors.events import Created, Event
    from actors.ports import Entropy
    from net.redis import Command, Redis

PAGE: Final = 500
"""Entries fetched at once: some milliseconds of decoding, before other tasks have their turn again."""

NONCE_BYTES: Final = 16
FIRST_RETRY: Final = 0.02
LONGEST_RETRY: Final = 1.0


class RedisJournal:
    """Implements `actors.ports.Journal`."""

    def __init__(self, redis: Redis, *, entropy: Entropy, prefix: str = "croupier:", page: int = PAGE) -> None:
        """`prefix` begins every key; `page` is how many entries are fetched at once."""
        self._redis = redis
        self._entropy = entropy
        self._prefix = prefix
        self._page = page

    async def create(self, event: Created) -> None:
        """Begins a game's journal and puts the game into the indexes, atomically.

        Raises StoreUnavailable; the game then does not exist. Raises Fenced when there is another game of
        this id. Cancelled: the game may or may not exist.
        """
        stream = self._stream(event.game_id)
        entry = Entry(1, encode_event(event), self._nonce())
        index: list[Command] = [("ZADD", key, event.at, event.game_id) for key in _indexes(self._prefix, event)]
        await _until_known(self._redis, self._entropy, lambda: stream.create(entry, index))

    async def load(self, game_id: str) -> list[Event]:
        """Every event of the game, in order, without a hole.

        Raises GameNotFound, StoreUnavailable, StoreLostData, and UnreadableEvent, which is a StoreLostData.
        """
        stream = self._stream(game_id)
        events: list[Event] = []
        while True:
            entries = await stream.page(len(events), self._page)
            for entry in entries:
                if entry.event_id != len(events) + 1:
                    raise StoreLostData(f"game {game_id}: event {len(events) + 1} is missing")
                events.append(_decoded(game_id, entry))
            if len(entries) < self._page:
                break
        if not events:
            raise await stream.why_nothing()
        return events

    async def read(self, game_id: str, event_id: int) -> Event:
        """One event. Raises GameNotFound, StoreUnavailable, and StoreLostData when there is a game without
        it."""
        stream = self._stream(game_id)
        entry = await stream.one(event_id)
        if entry is None:
            raise await stream.why_nothing()
        return _decoded(game_id, entry)

    def retire(self, created: Created) -> None:
        """Takes a game that has ended out of the indexes of running games, soon: its writer may have been killed before
        it did. Again is no harm; while the store is away nothing happens."""
        self._redis.send(*(("ZREM", key, created.game_id) for key in _indexes(self._prefix, created)))

    def writer(self, created: Created, last_event_id: int) -> RedisJournalWriter:
        """A writer that goes on after `last_event_id`, which is what `load` gave last."""
        return RedisJournalWriter(
            self._redis,
            self._stream(created.game_id),
            game_id=created.game_id,
            indexes=_indexes(self._prefix, created),
            last_event_id=last_event_id,
            nonce=self._nonce(),
            entropy=self._entropy,
        )

    def _stream(self, game_id: str) -> GameStream:
        return GameStream(self._redis, self._prefix, game_id)

    def _nonce(self) -> bytes:
        return self._entropy.bytes(NONCE_BYTES).hex().encode()


class RedisJournalWriter:
    """Implements `actors.ports.JournalWriter`. One append at a time."""

    def __init__(
        self,
        redis: Redis,
        stream: GameStream,
        *,
        game_id: str,
        indexes: Sequence[str],
        last_event_id: int,
        nonce: bytes,
        entropy: Entropy,
    ) -> None:
        """`indexes` are the sorted sets in which the game stands while it runs."""
        self._redis = redis
        self._stream = stream
        self._game_id = game_id
        self._indexes = indexes
        self._nonce = nonce
        self._entropy = entropy
        self._last = last_event_id
        # The nonce of event `_last`, once it is known: another event may come to stand under the same id.
        self._last_nonce: bytes | None = None
        self._checked_epoch: int | None = None
        self._in_doubt = False

    @property
    def last_event_id(self) -> int:
        """The last event that stands, as far as this writer knows."""
        return self._last

    async def append(self, event: Event, *, ends: bool) -> None:
        """Makes the event durable; `ends` says that the game is over with it.

        Returns only when the event stands, and raises only when it does not: StoreUnavailable (nothing was
        written, try later), Fenced (another writer's event stands at this id), StoreLostData. While the
        result is unknown it waits for the store and sends the event again. Cancelled: the event may or may
        not stand. After Fenced, StoreLostData or a cancellation this writer is spent, and every further
        append raises Fenced.

        Raises ValueError for an event that is not the next one.
        """
        if event.event_id != self._last + 1:
            raise ValueError(f"event {event.event_id} does not follow event {self._last}")
        if self._in_doubt:
            raise Fenced(f"game {self._game_id}: this writer does not know what stands; load it again")
        entry = Entry(event.event_id, encode_event(event), self._nonce)
        # XX: a game that another writer has ended stays out. GT: a late write does not turn the time back.
        touch: list[Command] = [("ZADD", key, "XX", "GT", event.at, self._game_id) for key in self._indexes]
        self._in_doubt = True
        try:
            await _until_known(self._redis, self._entropy, lambda: self._attempt(entry, [] if ends else touch))
        except StoreUnavailable:
            self._in_doubt = False
            raise
        self._in_doubt = False
        self._last, self._last_nonce = entry.event_id, entry.nonce
        if ends:
            # Only now: sent along, it would take the game out of the indexes even if the event was refused.
            self._redis.send(*(("ZREM", key, self._game_id) for key in self._indexes))

    async def _attempt(self, entry: Entry, touch: Sequence[Command]) -> None:
        epoch = self._redis.epoch
        if epoch != self._checked_epoch:
            tail = await self._stream.tail(epoch=epoch)
            if self._ends_as_it_should(tail):
                self._checked_epoch = epoch
            else:
                await self._stream.ours_or_fenced(entry)
                return
        await self._stream.append(entry, epoch=epoch, also=touch)

    def _ends_as_it_should(self, tail: Entry | None) -> bool:
        """Whether the stream ends with our last event. False: it goes on. Raises StoreLostData."""
        if tail is None or tail.event_id < self._last:
            end = tail.event_id if tail else 0
            raise StoreLostData(f"game {self._game_id}: event {self._last} stood, the journal ends with {end}")
        if tail.event_id > self._last:
            return False
        if self._last_nonce not in (None, tail.nonce):
            raise StoreLostData(f"game {self._game_id}: another event stands in the place of {self._last}")
        self._last_nonce = tail.nonce
        return True


async def _until_known(redis: Redis, entropy: Entropy, attempt: Callable[[], Awaitable[None]]) -> None:
    """Attempts a write that may be repeated, again and again until its result is known.

    Raises what the attempt raises; StoreUnavailable only if no attempt can have written anything.
    """
    backoff = Backoff(entropy, first=FIRST_RETRY, longest=LONGEST_RETRY)
    unknown = False
    while True:
        try:
            await attempt()
        except ResultUnknown:
            unknown = True
        except StoreUnavailable:
            # That this attempt wrote nothing says nothing of an earlier one, which may stand or may yet land.
            if not unknown:
                raise
        else:
            return
        await trio.sleep(backoff.next())
        await redis.wait_available()


def _indexes(prefix: str, created: Created) -> list[str]:
    return [f"{prefix}games:running", *(f"{prefix}user_games:{player}" for player in created.players)]


def _decoded(game_id: str, entry: Entry) -> Event:
    try:
        event = decode_event(entry.event)
    except UnreadableEvent as error:
        raise UnreadableEvent(f"game {game_id}, event {entry.event_id}: {error}") from None
    if event.event_id != entry.event_id:
        raise UnreadableEvent(f"game {game_id}, event {entry.event_id}: it says that it is {event.event_id}")
    return event
