"""A journal and an archive as one: who is asked, and who answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from attrs import define, field

from actors.events import Created, Event
from actors.ports import ArchiveUnavailable, GameNotFound, StoreLostData, StoreUnavailable
from actors.snapshot import Loaded, Snapshot
from net.archive import directly, open_archive
from net.history import History
from tests.samples.archive import a_game

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from actors.ports import Journal, JournalWriter
    from net.archive import SqlArchive


@define
class OneGame:
    """A journal that has this game, or fails like this; and that keeps what it was told to do."""

    events: tuple[Event, ...] = ()
    failure: Exception = field(factory=GameNotFound)
    done: list[object] = field(factory=list)

    async def load(self, game_id: str) -> Loaded:
        events = await self.history(game_id)
        assert isinstance(events[0], Created)
        return Loaded(events[0], None, events[1:])

    async def history(self, game_id: str) -> tuple[Event, ...]:
        if not self.events:
            raise self.failure
        return self.events

    async def read(self, game_id: str, event_id: int) -> Event:
        return (await self.history(game_id))[event_id - 1]

    async def create(self, event: Created, *, deadline: float | None = None) -> None:
        self.done.append(("create", event, deadline))

    def save(self, snapshot: Snapshot) -> None:
        self.done.append(("save", snapshot))

    def retire(self, created: Created, last_event_id: int) -> None:
        self.done.append(("retire", created, last_event_id))

    def writer(self, created: Created, last_event_id: int) -> JournalWriter:
        raise AssertionError


@pytest.fixture
async def archive() -> AsyncIterator[SqlArchive]:
    async with open_archive("sqlite://", run_sync=directly) as archive:
        await archive.put(*a_game())
        yield archive


ARCHIVED = a_game()[0]


async def test_what_the_journal_does_not_have_comes_from_the_archive(archive: SqlArchive) -> None:
    history: Journal = History(OneGame(), archive)
    assert await history.history("game-1") == ARCHIVED
    assert await history.load("game-1") == Loaded(ARCHIVED[0], None, ARCHIVED[1:])  # type: ignore[arg-type]
    assert [await history.read("game-1", n) for n in range(1, 7)] == list(ARCHIVED)


async def test_what_the_journal_has_comes_from_there(archive: SqlArchive) -> None:
    standing = a_game(acts=1)[0]
    history = History(OneGame(standing), archive)
    assert await history.history("game-1") == standing
    assert (await history.load("game-1")).events == standing[1:]
    assert await history.read("game-1", 2) == standing[1]


async def test_a_game_that_neither_has_is_not_found(archive: SqlArchive) -> None:
    history = History(OneGame(), archive)
    for ask in (history.load("nobody"), history.history("nobody"), history.read("nobody", 1)):
        with pytest.raises(GameNotFound):
            await ask


@pytest.mark.parametrize("failure", [StoreUnavailable(), StoreLostData()])
async def test_a_journal_that_is_away_or_damaged_says_so(archive: SqlArchive, failure: Exception) -> None:
    """What stands in the archive is not taken for the truth while nobody knows what stands in the store."""
    history = History(OneGame(failure=failure), archive)
    for ask in (history.load("game-1"), history.history("game-1"), history.read("game-1", 1)):
        with pytest.raises(type(failure)):
            await ask


async def test_while_the_archive_is_away_nobody_knows_of_a_game_that_the_journal_does_not_have(
    archive: SqlArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(game_id: str) -> None:
        await trio.lowlevel.checkpoint()
        raise ArchiveUnavailable

    monkeypatch.setattr(archive, "events", away)
    history = History(OneGame(), archive)
    for ask in (history.load("game-1"), history.history("game-1"), history.read("game-1", 1)):
        with pytest.raises(StoreUnavailable):
            await ask
    assert await History(OneGame(ARCHIVED), archive).history("game-1") == ARCHIVED


@pytest.mark.parametrize("event_id", [0, -1, 7])
async def test_an_event_that_an_archived_game_does_not_have_is_lost(archive: SqlArchive, event_id: int) -> None:
    with pytest.raises(StoreLostData, match=rf"^game game-1: event {event_id} is not in the archive, which has 6$"):
        await History(OneGame(), archive).read("game-1", event_id)


async def test_what_is_written_goes_to_the_journal(archive: SqlArchive) -> None:
    journal = OneGame()
    history = History(journal, archive)
    created = ARCHIVED[0]
    assert isinstance(created, Created)
    snapshot = Snapshot("game-1", 1, 7.0, "tally", "1", 0, {})
    await history.create(created, deadline=3.5)
    history.save(snapshot)
    history.retire(created, 6)
    assert journal.done == [("create", created, 3.5), ("save", snapshot), ("retire", created, 6)]
