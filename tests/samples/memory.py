"""The ports of the actors on memory, with the faults that a test wants: for tests of one actor alone. The house
(net.testing) runs the real ones."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio
from attrs import define, field

from actors.events import Event
from actors.ports import Fenced, GameNotFound, StoreLostData, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors.events import Created
    from actors.messages import Push


class FixedClock:
    """A wall clock that stands where it is put."""

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
class MemoryJournal:
    """A journal in a dict. `away` makes it unreachable; `before_append` runs first in each append."""

    games: dict[str, list[Event]] = field(factory=dict)
    away: bool = False
    appends: int = 0
    hold: trio.Event | None = None
    retired: list[str] = field(factory=list)
    after_append: Callable[[], None] | None = None

    async def create(self, event: Created) -> None:
        await self._reach()
        self.games[event.game_id] = [event]

    async def load(self, game_id: str) -> list[Event]:
        await self._reach()
        if game_id not in self.games:
            raise GameNotFound
        return list(self.games[game_id])

    async def read(self, game_id: str, event_id: int) -> Event:
        return (await self.load(game_id))[event_id - 1]

    def retire(self, created: Created) -> None:
        self.retired.append(created.game_id)

    def writer(self, created: Created, last_event_id: int) -> MemoryWriter:
        return MemoryWriter(self, created.game_id, last_event_id)

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

    async def append(self, event: Event, *, ends: bool) -> None:
        await self.journal._reach()
        if self.journal.hold is not None:
            await self.journal.hold.wait()
        stream = self.journal.games[self.game_id]
        if len(stream) < self.last_event_id:
            raise StoreLostData
        if len(stream) > self.last_event_id:
            raise Fenced
        self.journal.appends += 1
        stream.append(event)
        self.last_event_id = event.event_id
        if self.journal.after_append is not None:
            after, self.journal.after_append = self.journal.after_append, None
            after()


@define(eq=False)
class Listener:
    """An outlet that writes down what it is sent; `sends` groups what left in one write."""

    log: list[object] = field(factory=list)
    sends: list[list[object]] = field(factory=list)
    gone: bool = False
    _open: list[object] | None = None

    def push(self, push: Push) -> None:
        self._write(push.body)

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
