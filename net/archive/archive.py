"""The archive as the actors know it: on threads in the world, and without any in simulation."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import trio

from actors.ports import ArchiveUnavailable
from net.archive.errors import ArchiveNotUsable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Engine

    from actors.events import Event
    from actors.messages import Description
    from net.archive.games import ArchivedGames

T = TypeVar("T")

log = logging.getLogger("croupier.archive")

FILE_NAME: Final = "archive.sqlite"

ANSWER_WITHIN: Final = 20.0
"""Seconds that a call may take, its waiting for others among them; then the archive counts as away."""

READERS: Final = 4
"""Reads that are under way at a time."""


class RunSync(Protocol):
    """Runs a call that may wait for a disk or a network, and returns or raises what it does. Cancelled, the call may
    go on to its end."""

    async def __call__(self, call: Callable[[], T], /, *, writes: bool) -> T:
        """`writes`: of these calls one is under way at a time."""


class Threads:
    """Runs calls on Trio's worker threads."""

    def __init__(self) -> None:
        self._writer = trio.CapacityLimiter(1)
        self._readers = trio.CapacityLimiter(READERS)

    async def __call__(self, call: Callable[[], T], /, *, writes: bool) -> T:
        """See RunSync. A cancelled call keeps its thread, and its place in the limit, until it is through."""
        limiter = self._writer if writes else self._readers
        return await trio.to_thread.run_sync(call, abandon_on_cancel=True, limiter=limiter)


async def directly(call: Callable[[], T], /, *, writes: bool) -> T:
    """See RunSync: at once, in the caller's task. For an archive in memory."""
    await trio.lowlevel.checkpoint()
    return call()


def archive_url(url: str, data_dir: Path) -> str:
    """Where the archive is: at `[archive] url`, or in the data directory when that is empty."""
    return url or f"sqlite:///{data_dir.absolute() / FILE_NAME}"


@asynccontextmanager
async def open_archive(url: str, *, run_sync: RunSync | None = None) -> AsyncIterator[SqlArchive]:
    """The archive at `sqlite:///FILE`, `sqlite://` (in memory; with `run_sync=directly`) or `postgresql://…`, for the
    length of a block; its tables are made or brought up to date first. `run_sync` is by default on threads.

    Raises ArchiveNotUsable, ArchiveTooNew. Cancelled before it is open, the database is as it was, or up to date.
    """
    run = Threads() if run_sync is None else run_sync
    engine = await run(partial(_open, url), writes=True)
    try:
        from net.archive.games import ArchivedGames

        yield SqlArchive(ArchivedGames(engine), run)
    finally:
        engine.dispose()


@contextmanager
def open_to_read(url: str) -> Iterator[ArchivedGames]:
    """The games of an archive that a server may be using at this moment, for the length of a block; nothing is written.
    Raises ArchiveNotUsable, ArchiveTooNew, ArchiveTooOld."""
    from net.archive.engine import make_engine, reached
    from net.archive.games import ArchivedGames
    from net.archive.migration import check_readable

    engine = make_engine(url, read_only=True)
    try:
        try:
            with reached(_shown(url)):
                check_readable(engine)
        except ArchiveUnavailable as error:
            raise ArchiveNotUsable(f"cannot use the archive: {error}") from None
        yield ArchivedGames(engine)
    finally:
        engine.dispose()


def _open(url: str) -> Engine:
    # Imported here, on the thread: SQLAlchemy takes more than a tenth of a second, and the loop goes on meanwhile.
    from net.archive.engine import forces_to_disk, make_engine, reached
    from net.archive.migration import bring_up_to_date

    engine = make_engine(url)
    try:
        with reached(_shown(url)):
            bring_up_to_date(engine)
            if not forces_to_disk(engine):
                log.warning(
                    "the archive's PostgreSQL has fsync off: a power cut loses games that have left the store already"
                )
    except ArchiveUnavailable as error:
        engine.dispose()
        raise ArchiveNotUsable(f"cannot use the archive: {error}") from None
    except BaseException:
        engine.dispose()
        raise
    return engine


def _shown(url: str) -> str:
    from net.config_key import mask_password

    return mask_password(url)


class SqlArchive:
    """Implements `actors.ports.Archive`. Cancelled, a call may yet be carried out: a game that was being put may or
    may not stand, whole; put again, it is the same as once."""

    def __init__(self, games: ArchivedGames, run_sync: RunSync) -> None:
        """See `open_archive`, which makes these."""
        self._games = games
        self._run_sync = run_sync

    async def put(self, events: tuple[Event, ...], description: Description) -> None:
        """Keeps a whole game, in one transaction; durable when this returns. Again with the same game is the same as
        once. Raises ArchiveUnavailable (it may stand, or not: put it again), StoreLostData when other events stand
        under its id, ValueError for what is no whole game."""
        await self._call(partial(self._games.put, events, description), writes=True)

    async def events(self, game_id: str) -> tuple[Event, ...]:
        """Every event of the game. Raises GameNotFound, ArchiveUnavailable, StoreLostData."""
        return await self._call(partial(self._games.events, game_id))

    async def description(self, game_id: str) -> Description:
        """What is publicly known of it. Raises GameNotFound, ArchiveUnavailable."""
        return await self._call(partial(self._games.description, game_id))

    async def games_of(self, user_id: str, *, before: str | None, limit: int) -> tuple[Description, ...]:
        """The ended games of this user, the latest end first; `before` is a game's id: only those after it in that
        order, none when it is unknown. Raises ArchiveUnavailable."""
        return await self._call(partial(self._games.games_of, user_id, before=before, limit=limit))

    async def _call(self, call: Callable[[], T], *, writes: bool = False) -> T:
        with trio.move_on_after(ANSWER_WITHIN):
            return await self._run_sync(call, writes=writes)
        raise ArchiveUnavailable(f"the archive: no answer within {ANSWER_WITHIN:g} s")
