"""An archive that is opened when it is first needed.

SQLAlchemy takes longer to import than the store takes to come up, and players wait for a server that is started again.
So a file that is as it should be is looked at without it, and opened by the first call.
"""

from __future__ import annotations

import sqlite3
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from actors.ports import ArchiveUnavailable
from net.archive.archive import open_archive
from net.archive.errors import ArchiveNotUsable, ArchiveTooNew
from net.archive.revisions import HEAD, VERSION_TABLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from actors.events import Event
    from actors.messages import Description
    from actors.ports import Archive
    from net.archive.archive import SqlArchive

_BUSY: Final = 5.0


@asynccontextmanager
async def open_when_needed(url: str) -> AsyncIterator[Archive]:
    """The archive at this URL, for the length of a block: as `open_archive`, but what is known to be usable and up to
    date is opened by the first call. Raises ArchiveNotUsable, ArchiveTooNew."""
    async with AsyncExitStack() as opened:
        yield LaterArchive(url, opened) if is_up_to_date(url) else await opened.enter_async_context(open_archive(url))


def is_up_to_date(url: str) -> bool:
    """Whether this is an SQLite file that can be used as it is. If it is not, or cannot be told, then whoever opens it
    finds out why."""
    before, _, name = url.partition("sqlite:///")
    file = Path(name)
    if before or "?" in name or not file.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=_BUSY)) as database:
            versions = database.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchall()
    except sqlite3.Error:
        return False
    return versions == [(HEAD,)]


class LaterArchive:
    """Implements `actors.ports.Archive`. The first call opens it, others wait for that; if it cannot be opened after
    all, that is ArchiveUnavailable, and the next call tries again."""

    def __init__(self, url: str, opened: AsyncExitStack) -> None:
        """What was opened is closed with `opened`."""
        self._url = url
        self._opened = opened
        self._opening = trio.Lock()
        self._archive: SqlArchive | None = None

    async def put(self, events: tuple[Event, ...], description: Description) -> None:
        """See `SqlArchive`."""
        await (await self._open()).put(events, description)

    async def events(self, game_id: str) -> tuple[Event, ...]:
        """See `SqlArchive`."""
        return await (await self._open()).events(game_id)

    async def description(self, game_id: str) -> Description:
        """See `SqlArchive`."""
        return await (await self._open()).description(game_id)

    async def games_of(self, user_id: str, *, before: str | None, limit: int) -> tuple[Description, ...]:
        """See `SqlArchive`."""
        return await (await self._open()).games_of(user_id, before=before, limit=limit)

    async def _open(self) -> SqlArchive:
        if self._archive is not None:
            return self._archive
        async with self._opening:
            if self._archive is None:
                try:
                    self._archive = await self._opened.enter_async_context(open_archive(self._url))
                except (ArchiveNotUsable, ArchiveTooNew) as error:
                    raise ArchiveUnavailable(str(error)) from None
            return self._archive
