"""The ports of the actors on memory, with the faults that a test wants: for tests of one actor alone. The house
(net.testing) runs the real ones."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio
from attrs import define, field

from actors.events import Created, Event
from actors.messages import Description, LiveState
from actors.ports import ArchiveUnavailable, Fenced, GameNotFound, StoreLostData, StoreUnavailable
from actors.snapshot import Loaded, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors.messages import Push


class FixedClock:
    """A clock that stands where it is put: wall time, or service time."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.time = now

    def now(self) -> float:
        return self.time


class CountingEntropy:
    """Bytes that are all different, and the same in every run."""

    def __init__(self) -> None:
        self._drawn = 0

    def bytes(self, n: int) -> bytes:
        self._drawn += 1
        return self._drawn.to_bytes(max(n, 8), "big")[-n:]


@define
class CrashLog:
    """Crash points that write down which were reached, and raise at the one that is armed."""

    reached: list[str] = field(factory=list)
    armed: str = ""

    def reach(self, point: str) -> None:
        self.reached.append(point)
        if point == self.armed:
            self.armed = ""
            raise RuntimeError(f"crashed at {point}")


@define
class MemoryJournal:
    """A journal in a dict. `away` makes it unreachable; `hold` keeps each append waiting until it is set;
    `after_append` runs once, after the next append; `unspeakable` makes the next snapshots raise. `histories` counts
    the whole histories that were read."""

    games: dict[str, list[Event]] = field(factory=dict)
    snapshots: dict[str, Snapshot] = field(factory=dict)
    deadlines: dict[str, float] = field(factory=dict)
    away: bool = False
    unspeakable: bool = False
    appends: int = 0
    histories: int = 0
    hold: trio.Event | None = None
    retired: list[tuple[str, int]] = field(factory=list)
    after_append: Callable[[], None] | None = None

    async def create(self, event: Created, *, deadline: float | None = None) -> None:
        await self._reach()
        self.games[event.game_id] = [event]
        self._set_deadline(event.game_id, deadline)

    async def load(self, game_id: str) -> Loaded:
        created, *events = await self._events(game_id)
        snapshot = self.snapshots.get(game_id)
        if snapshot is None:
            return Loaded(created, None, tuple(events))
        if snapshot.event_id > len(events) + 1:
            raise StoreLostData
        return Loaded(created, snapshot, tuple(events[snapshot.event_id - 1 :]))

    async def history(self, game_id: str) -> tuple[Event, ...]:
        self.histories += 1
        return await self._events(game_id)

    async def read(self, game_id: str, event_id: int) -> Event:
        events = await self._events(game_id)
        if event_id > len(events):
            raise StoreLostData
        return events[event_id - 1]

    def save(self, snapshot: Snapshot) -> None:
        if self.unspeakable:
            raise TypeError("the secret is 4217")
        standing = self.snapshots.get(snapshot.game_id)
        if not self.away and (standing is None or standing.event_id < snapshot.event_id):
            self.snapshots[snapshot.game_id] = snapshot

    def retire(self, created: Created, last_event_id: int) -> None:
        self.retired.append((created.game_id, last_event_id))

    def writer(self, created: Created, last_event_id: int) -> MemoryWriter:
        return MemoryWriter(self, created.game_id, last_event_id)

    async def _events(self, game_id: str) -> tuple[Created, *tuple[Event, ...]]:
        await self._reach()
        if game_id not in self.games:
            raise GameNotFound
        created, *events = self.games[game_id]
        assert isinstance(created, Created)
        return created, *events

    def _set_deadline(self, game_id: str, deadline: float | None) -> None:
        if deadline is None:
            self.deadlines.pop(game_id, None)
        else:
            self.deadlines[game_id] = deadline

    async def _reach(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.away:
            raise StoreUnavailable


@define
class MemoryWriter:
    """Appends as long as nobody else did."""

    journal: MemoryJournal
    game_id: str
    last_event_id: int

    def set_deadline(self, deadline: float | None) -> bool:
        if self.journal.away:
            return False
        if len(self.journal.games[self.game_id]) == self.last_event_id:
            self.journal._set_deadline(self.game_id, deadline)
        return True

    def append_at_once(
        self, event: Event, *, deadline: float | None, done: Callable[[BaseException | None], None]
    ) -> bool:
        return False

    async def append(self, event: Event, *, ends: bool, deadline: float | None = None) -> None:
        await self.journal._reach()
        if self.journal.hold is not None:
            await self.journal.hold.wait()
        stream = self.journal.games[self.game_id]
        if len(stream) < self.last_event_id:
            raise StoreLostData
        if len(stream) > self.last_event_id:
            raise Fenced
        assert not (ends and deadline is not None)
        self.journal.appends += 1
        stream.append(event)
        self.journal._set_deadline(self.game_id, deadline)
        self.last_event_id = event.event_id
        if self.journal.after_append is not None:
            after, self.journal.after_append = self.journal.after_append, None
            after()


@define
class MemoryClockStore:
    """Service time and the turn clocks. `away` makes it unreachable; a write takes `latency` seconds. `written` are the
    times that were written, in order."""

    seconds: float = 0.0
    standing: dict[str, float] = field(factory=dict)
    away: bool = False
    latency: float = 0.0
    written: list[float] = field(factory=list)

    async def read(self) -> float:
        await self._reach()
        return self.seconds

    async def write(self, seconds: float) -> None:
        await self._reach()
        self.seconds = max(self.seconds, seconds)
        self.written.append(seconds)

    async def deadlines(self) -> tuple[tuple[str, float], ...]:
        await self._reach()
        return tuple(self.standing.items())

    async def _reach(self) -> None:
        await trio.sleep(self.latency)
        if self.away:
            raise StoreUnavailable


@define
class MemoryEnded:
    """The games that have ended, by the wall time of their end, over the journal that they stand in."""

    journal: MemoryJournal
    ended_at: dict[str, float] = field(factory=dict)
    away: bool = False
    removed: list[str] = field(factory=list)

    async def waiting(self, ended_before: float, limit: int) -> tuple[str, ...]:
        await self._reach()
        ended = sorted((at, game_id) for game_id, at in self.ended_at.items() if at < ended_before)
        return tuple(game_id for _, game_id in ended[:limit])

    async def remove(self, game_id: str, last_event_id: int) -> None:
        await self._reach()
        events = self.journal.games.get(game_id)
        if events is not None and len(events) != last_event_id:
            return
        self.journal.games.pop(game_id, None)
        self.journal.snapshots.pop(game_id, None)
        self.ended_at.pop(game_id, None)
        self.removed.append(game_id)

    async def _reach(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.away:
            raise StoreUnavailable


@define
class MemoryArchive:
    """An archive in a dict. `away` makes it unreachable; `puts` counts."""

    games: dict[str, tuple[tuple[Event, ...], Description]] = field(factory=dict)
    away: bool = False
    puts: int = 0

    async def put(self, events: tuple[Event, ...], description: Description) -> None:
        await self._reach()
        self.puts += 1
        kept = self.games.setdefault(description.game_id, (events, description))
        if kept[0] != events:
            raise StoreLostData

    async def events(self, game_id: str) -> tuple[Event, ...]:
        return (await self._game(game_id))[0]

    async def description(self, game_id: str) -> Description:
        return (await self._game(game_id))[1]

    async def games_of(self, user_id: str, *, before: str | None, limit: int) -> tuple[Description, ...]:
        await self._reach()
        theirs = [described for _, described in self.games.values() if user_id in described.players]
        theirs.reverse()
        if before is not None:
            ids = [described.game_id for described in theirs]
            theirs = theirs[ids.index(before) + 1 :] if before in ids else []
        return tuple(theirs[:limit])

    async def _game(self, game_id: str) -> tuple[tuple[Event, ...], Description]:
        await self._reach()
        if game_id not in self.games:
            raise GameNotFound
        return self.games[game_id]

    async def _reach(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.away:
            raise ArchiveUnavailable


@define
class ArchivedJournal(MemoryJournal):
    """A journal that goes on to tell of the games that have left it for the archive."""

    archive: MemoryArchive = field(factory=MemoryArchive)

    async def _events(self, game_id: str) -> tuple[Created, *tuple[Event, ...]]:
        try:
            return await super()._events(game_id)
        except GameNotFound:
            created, *events = await self.archive.events(game_id)
            assert isinstance(created, Created)
            return created, *events


@define(eq=False)
class Listener:
    """An outlet that writes down what it is sent; `sends` groups what left in one write."""

    log: list[object] = field(factory=list)
    sends: list[list[object]] = field(factory=list)
    gone: bool = False
    _open: list[object] | None = None

    def push(self, push: Push) -> None:
        self._write(push.body.view if isinstance(push.body, LiveState) else push.body)

    def answered(self, answer: object) -> None:
        """What `Ref.post` is given, so that the order of answers and pushes is seen."""
        self._write(answer)

    @contextmanager
    def in_one_send(self) -> Iterator[None]:
        outer, self._open = self._open, self._open if self._open is not None else []
        try:
            yield
        finally:
            batch, self._open = self._open, outer
            if outer is None and batch:
                self.sends.append(batch)

    def _write(self, item: object) -> None:
        self.log.append(item)
        if self._open is not None:
            self._open.append(item)
        else:
            self.sends.append([item])
