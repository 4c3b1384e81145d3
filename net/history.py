"""Every game that ever was: what Redis does not have any more comes from the archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.events import Created
from actors.ports import GameNotFound, StoreLostData
from actors.snapshot import Loaded

if TYPE_CHECKING:
    from actors.events import Event
    from actors.ports import Archive, Journal, JournalWriter
    from actors.snapshot import Snapshot


class History:
    """Implements `actors.ports.Journal` on a journal and an archive.

    A game leaves the journal only once it stands in the archive, so what is in neither does not exist. Of a game that
    the journal does not have ArchiveUnavailable, which is a StoreUnavailable, says that nobody knows now.
    """

    def __init__(self, journal: Journal, archive: Archive) -> None:
        """`archive` is asked only for what `journal` does not have."""
        self._journal = journal
        self.archive = archive

    async def create(self, event: Created, *, deadline: float | None = None) -> None:
        """Begins a game's journal. Raises StoreUnavailable; the game then does not exist."""
        await self._journal.create(event, deadline=deadline)

    async def load(self, game_id: str) -> Loaded:
        """What stands of the game, as little as will rebuild it; of an archived one all. Raises GameNotFound,
        StoreUnavailable, StoreLostData."""
        try:
            return await self._journal.load(game_id)
        except GameNotFound:
            created, *events = await self.archive.events(game_id)
        if not isinstance(created, Created):
            raise StoreLostData(f"game {game_id}: in the archive it does not begin with its creation")
        return Loaded(created, None, tuple(events))

    async def history(self, game_id: str) -> tuple[Event, ...]:
        """Every event of the game, in order, without a hole. Raises GameNotFound, StoreUnavailable, StoreLostData."""
        try:
            return await self._journal.history(game_id)
        except GameNotFound:
            return await self.archive.events(game_id)

    async def read(self, game_id: str, event_id: int) -> Event:
        """One event. Raises GameNotFound, StoreUnavailable, and StoreLostData when there is a game without it."""
        try:
            return await self._journal.read(game_id, event_id)
        except GameNotFound:
            events = await self.archive.events(game_id)
        if not 1 <= event_id <= len(events):
            raise StoreLostData(f"game {game_id}: event {event_id} is not in the archive, which has {len(events)}")
        return events[event_id - 1]

    def save(self, snapshot: Snapshot) -> None:
        """See `actors.ports.Journal.save`."""
        self._journal.save(snapshot)

    def retire(self, created: Created, last_event_id: int) -> None:
        """See `actors.ports.Journal.retire`."""
        self._journal.retire(created, last_event_id)

    def writer(self, created: Created, last_event_id: int) -> JournalWriter:
        """See `actors.ports.Journal.writer`."""
        return self._journal.writer(created, last_event_id)
