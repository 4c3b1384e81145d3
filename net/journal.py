"""Each game's journal: a Redis stream, fenced by its own ids.

The entry of event n has the id `n-0`, and the server refuses an id that is not greater than the last: of two
writers one loses, whatever they believe. The nonce of an entry's writer tells "I wrote that, and the answer
was lost" from "somebody else did". A server that was replaced writes nothing at all: every append is a script
that looks first whose the keys are (`net.scripts`).

Three holes are closed here. XADD makes a deleted stream anew: so NOMKSTREAM after event 1. XADD accepts a
gap: so a writer appends nothing but the event after its last. And a store may come back with less than it
acknowledged: so before the first append on a new connection the stream's end is compared with the writer's,
and the append is bound to that very connection.

What follows from an event stands with it or not at all: it is written by the same script (`net.store_scripts`).
"""

from __future__ import annotations

import logging
from functools import partial
from math import nan
from typing import TYPE_CHECKING, Final

from attrs import frozen

from actors.events import Created, Event
from actors.ports import Fenced, GameNotFound, StoreLostData, StoreUnavailable
from actors.snapshot import Loaded
from net.event_codec import UnreadableEvent, decode_event, encode_event
from net.game_stream import Entry, GameStream
from net.redis import Reply
from net.scripts import Scripts
from net.snapshot_codec import UnreadableSnapshot, decode_snapshot, encode_snapshot
from net.store_keys import StoreKeys
from net.store_scripts import AS_IT_STANDS
from net.until_known import until_known

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from actors.ports import Entropy
    from actors.snapshot import Snapshot
    from net.ownership import Ownership
    from net.redis import Redis

log = logging.getLogger("croupier.journal")

PAGE: Final = 500
"""Entries fetched at once: some milliseconds of decoding, before other tasks have their turn again."""

NONCE_BYTES: Final = 16


class RedisJournal:
    """Implements `actors.ports.Journal`."""

    def __init__(
        self, redis: Redis, ownership: Ownership, *, entropy: Entropy, prefix: str = "croupier:", page: int = PAGE
    ) -> None:
        """What is written is written in the name of `ownership`; `prefix` begins every key; `page` is how many entries
        are fetched at once."""
        self._redis = redis
        self._scripts = Scripts(redis, ownership)
        self._entropy = entropy
        self._keys = StoreKeys(prefix)
        self._page = page

    async def create(self, event: Created, *, deadline: float | None = None) -> None:
        """Begins a game's journal and puts the game into the indexes, and among the deadlines, atomically.

        Raises StoreUnavailable (ServerReplaced among them); the game then does not exist. Raises Fenced when there is
        another game of this id. Cancelled: the game may or may not exist.
        """
        stream = self._stream(event.game_id)
        entry = Entry(1, encode_event(event), self._nonce())
        indexes = self._keys.indexes(event.players)
        await until_known(
            self._redis,
            self._entropy,
            lambda: stream.create(entry, indexes, at=event.at, deadline=deadline),
            stands=partial(stream.holds, entry),
        )

    async def load(self, game_id: str) -> Loaded:
        """What stands of the game, as little as will rebuild it: one round trip, unless more than a page of events
        came after the snapshot. A snapshot that this program cannot use is left aside.

        Raises GameNotFound, StoreUnavailable, StoreLostData (events are missing, or the snapshot's own is not
        there), and UnreadableEvent, which is a StoreLostData.
        """
        stream = self._stream(game_id)
        head = await stream.head(self._page)
        if head.first is None:
            raise StoreLostData(f"game {game_id}: event 1 is missing") if head.entries else await stream.why_nothing()
        created = _decoded(game_id, head.first)
        if not isinstance(created, Created):
            raise StoreLostData(f"game {game_id}: its journal does not begin with its creation")
        snapshot = None if head.snapshot is None else _snapshot(created, head.snapshot, head.entries)
        entries, begins_with = head.entries, 1 if snapshot is None else snapshot.event_id
        if head.snapshot is not None and snapshot is None:
            entries = await stream.page(0, self._page)
            if not entries:
                raise await stream.why_nothing()
        if not entries or entries[0].event_id != begins_with:
            raise StoreLostData(f"game {game_id}: event {begins_with}, of which there is a snapshot, is gone")
        events = await self._from(stream, game_id, entries)
        return Loaded(created, snapshot, tuple(events[1:]))

    async def history(self, game_id: str) -> tuple[Event, ...]:
        """Every event of the game, in order, without a hole.

        Raises GameNotFound, StoreUnavailable, StoreLostData, and UnreadableEvent, which is a StoreLostData.
        """
        stream = self._stream(game_id)
        entries = await stream.page(0, self._page)
        if not entries:
            raise await stream.why_nothing()
        if entries[0].event_id != 1:
            raise StoreLostData(f"game {game_id}: event 1 is missing")
        return tuple(await self._from(stream, game_id, entries))

    async def _from(self, stream: GameStream, game_id: str, entries: list[Entry]) -> list[Event]:
        """The events of these entries, a page of them at most, and all that follow."""
        events: list[Event] = []
        expected = entries[0].event_id
        while True:
            for entry in entries:
                if entry.event_id != expected:
                    raise StoreLostData(f"game {game_id}: event {expected} is missing")
                events.append(_decoded(game_id, entry))
                expected += 1
            if len(entries) < self._page:
                return events
            entries = await stream.page(expected - 1, self._page)
            if not entries and isinstance(gone := await stream.why_nothing(), GameNotFound):
                raise gone  # archived between two pages: what was read of it is not the whole

    async def read(self, game_id: str, event_id: int) -> Event:
        """One event. Raises GameNotFound, StoreUnavailable, and StoreLostData when there is a game without
        it."""
        stream = self._stream(game_id)
        entry = await stream.one(event_id)
        if entry is None:
            raise await stream.why_nothing()
        return _decoded(game_id, entry)

    def save(self, snapshot: Snapshot) -> None:
        """Keeps the snapshot, soon, unless a later one stands, or the event that it is of does not. While the store is
        away nothing happens. Raises nothing."""
        try:
            encoded = encode_snapshot(snapshot)
        except TypeError:
            # Not the error's text, which may quote the state.
            log.error("game %s: its rules saved a state that has no JSON, so there is no snapshot", snapshot.game_id)
        else:
            self._stream(snapshot.game_id).save(snapshot.event_id, encoded)

    def retire(self, created: Created, last_event_id: int) -> None:
        """Takes a game that has ended with this event out of the indexes of running games and queues it for the
        archive, soon: at the head of the queue, unless it stands in it. Its last event has done that, unless a program
        wrote it that did not know how. Again is no harm; while the store is away nothing happens, and if the game ends
        with another event neither."""
        self._stream(created.game_id).retire(last_event_id, self._keys.indexes(created.players), at=created.at)

    def writer(self, created: Created, last_event_id: int) -> RedisJournalWriter:
        """A writer that goes on after `last_event_id`, which is what `load` gave last."""
        return RedisJournalWriter(
            self._redis,
            self._stream(created.game_id),
            created,
            indexes=self._keys.indexes(created.players),
            last_event_id=last_event_id,
            nonce=self._nonce(),
            entropy=self._entropy,
        )

    def _stream(self, game_id: str) -> GameStream:
        return GameStream(self._redis, self._scripts, self._keys, game_id)

    def _nonce(self) -> bytes:
        return self._entropy.bytes(NONCE_BYTES).hex().encode()


class RedisJournalWriter:
    """Implements `actors.ports.JournalWriter`. One append at a time."""

    def __init__(
        self,
        redis: Redis,
        stream: GameStream,
        created: Created,
        *,
        indexes: Sequence[str],
        last_event_id: int,
        nonce: bytes,
        entropy: Entropy,
    ) -> None:
        """`indexes` are the sorted sets in which the game stands while it runs."""
        self._redis = redis
        self._stream = stream
        self._game_id = created.game_id
        self._indexes = indexes
        self._nonce = nonce
        self._entropy = entropy
        self._last = last_event_id
        # The deadline that stands. What another writer left is not known, and NaN is equal to nothing.
        self._deadline: float | None = nan
        # What was sent on its way, and is not known to stand.
        self._sent: _Sent | None = None
        # The nonce of event `_last`, once it is known: another event may come to stand under the same id.
        self._last_nonce: bytes | None = None
        self._checked_epoch: int | None = None
        self._in_doubt = False

    @property
    def last_event_id(self) -> int:
        """The last event that stands, as far as this writer knows."""
        return self._last

    async def append(self, event: Event, *, ends: bool, deadline: float | None = None) -> None:
        """Makes the event durable; `ends` says that the game is over with it, `deadline` (service time) when its
        table is to look at its clocks after it. The indexes follow: the deadlines, and the end, with the event or not
        at all.

        Returns only when the event stands, and raises only when it does not: StoreUnavailable (nothing was
        written, try later), ServerReplaced (nothing was written, nor will be), Fenced (another writer's event
        stands at this id), StoreLostData. While the result is unknown it waits for the store and sends the event
        again. Cancelled: the event may or may not stand. After Fenced, StoreLostData or a cancellation this writer
        is spent, and every further append raises Fenced.

        Raises ValueError for an event that is not the next one.
        """
        if event.event_id != self._last + 1:
            raise ValueError(f"event {event.event_id} does not follow event {self._last}")
        sent, self._sent = self._sent, None
        if self._in_doubt and (sent is None or sent.event is not event):
            raise Fenced(f"game {self._game_id}: this writer does not know what stands; load it again")
        entry = Entry(event.event_id, encode_event(event), self._nonce) if sent is None else sent.entry
        if sent is not None and Scripts.executed_nothing(sent.outcome):
            sent = None
        write = partial(self._finish if ends else self._continue, entry, event.at, deadline)
        self._in_doubt = True
        try:
            await until_known(
                self._redis,
                self._entropy,
                lambda: self._attempt(entry, write),
                stands=partial(self._stream.holds, entry),
                first=None if sent is None else partial(self._stream.settle, entry, sent.outcome),
            )
        except StoreUnavailable:
            self._in_doubt = False
            raise
        self._has_appended(entry, deadline)

    def append_at_once(
        self, event: Event, *, deadline: float | None, done: Callable[[BaseException | None], None]
    ) -> bool:
        """See `actors.ports.JournalWriter.append_at_once`. It is the first attempt of an `append`, and only that."""
        epoch = self._redis.epoch
        if self._in_doubt or event.event_id != self._last + 1 or epoch != self._checked_epoch:
            return False
        entry = Entry(event.event_id, encode_event(event), self._nonce)

        def heard(outcome: Reply | Exception) -> None:
            if isinstance(outcome, bytes):
                self._has_appended(entry, deadline)
                done(None)
            else:
                self._sent = _Sent(event, entry, outcome)
                done(outcome if isinstance(outcome, Exception) else StoreLostData("the journal is gone"))

        moves = AS_IT_STANDS if deadline == self._deadline else deadline
        self._in_doubt = self._stream.append_at_once(
            entry, self._indexes, at=event.at, deadline=moves, epoch=epoch, heard=heard
        )
        return self._in_doubt

    def _has_appended(self, entry: Entry, deadline: float | None) -> None:
        self._in_doubt = False
        self._last, self._last_nonce, self._deadline = entry.event_id, entry.nonce, deadline

    def set_deadline(self, deadline: float | None) -> bool:
        """See `actors.ports.JournalWriter.set_deadline`. While an event is being appended nothing happens."""
        if self._in_doubt:
            return False
        if deadline == self._deadline:
            return True
        self._deadline = nan  # nobody says whether it stands: the next append sets it again
        return self._stream.set_deadline(self._last, deadline)

    async def _attempt(self, entry: Entry, write: Callable[[int], Awaitable[None]]) -> None:
        epoch = self._redis.epoch
        if epoch != self._checked_epoch:
            tail = await self._stream.tail(epoch=epoch)
            if self._ends_as_it_should(tail):
                self._checked_epoch = epoch
            else:
                await self._stream.ours_or_fenced(entry)
                return
        await write(epoch)

    async def _continue(self, entry: Entry, at: float, deadline: float | None, epoch: int) -> None:
        moves = AS_IT_STANDS if deadline == self._deadline else deadline
        await self._stream.append(entry, self._indexes, at=at, deadline=moves, epoch=epoch)

    async def _finish(self, entry: Entry, at: float, deadline: float | None, epoch: int) -> None:
        await self._stream.finish(entry, self._indexes, at=at, epoch=epoch)

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


@frozen
class _Sent:
    """An event that was sent, and what is known of it: a reply that is no success, or why there was none."""

    event: Event
    entry: Entry
    outcome: Reply | Exception


def _snapshot(created: Created, data: bytes, entries: Sequence[Entry]) -> Snapshot | None:
    """The snapshot of this game, or None when it is of no use here: the events tell as much. `entries` are those from
    its event on."""
    try:
        snapshot = decode_snapshot(data)
    except UnreadableSnapshot as error:
        log.warning("game %s: %s; all its events are replayed instead", created.game_id, error)
        return None
    of = (snapshot.game_id, snapshot.rules, snapshot.rules_version)
    if of != (created.game_id, created.rules, created.rules_version):
        log.warning("game %s: its snapshot is of another game; all its events are replayed", created.game_id)
        return None
    its_own = entries[0] if entries and entries[0].event_id == snapshot.event_id else None
    # A store that lost acknowledged events, and two writers, one of whom had seen those: each has an event of this
    # number, and the snapshot may be of the one that does not stand.
    if its_own is not None and _decoded(created.game_id, its_own).at != snapshot.at:
        log.warning("game %s: its snapshot is of an event that was lost; all are replayed", created.game_id)
        return None
    return snapshot


def _decoded(game_id: str, entry: Entry) -> Event:
    try:
        event = decode_event(entry.event)
    except UnreadableEvent as error:
        raise UnreadableEvent(f"game {game_id}, event {entry.event_id}: {error}") from None
    if event.event_id != entry.event_id:
        raise UnreadableEvent(f"game {game_id}, event {entry.event_id}: it says that it is {event.event_id}")
    return event
