"""One list of all the games of a player: those that run, the latest action first, and then those that are over, the
latest end first."""

from __future__ import annotations

import enum
import math
from typing import Self

from attrs import frozen

from actors.directory import may_be_game_id
from actors.messages import ABSENT, Description
from actors.ports import Archive
from net.recent_games import RecentGames
from net.running_games import Place, RunningGames


class BadCursor(ValueError):
    """What was given as a cursor is none that a page ended with."""


class Part(enum.Enum):
    """The parts of the list, in its order, as a cursor begins with them."""

    RUNNING = "running"
    RECENT = "ended"
    """Over, and in the store still."""
    ARCHIVED = "archived"


@frozen
class Cursor:
    """A game's place in the list: a page ends with one, and the next goes on after it. `at` is the time by which its
    part is ordered."""

    part: Part
    at: float
    game_id: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The cursor that `str` made this text of. Raises BadCursor."""
        try:
            part, at, game_id = text.split(":")
            cursor = cls(Part(part), float(at), game_id)
        except ValueError:
            raise BadCursor("must be the `next` of another page") from None
        if not math.isfinite(cursor.at) or not may_be_game_id(game_id):
            raise BadCursor("must be the `next` of another page")
        return cursor

    def __str__(self) -> str:
        """The text of it, for whoever asks for the next page; opaque to them."""
        return f"{self.part.value}:{self.at!r}:{self.game_id}"

    @property
    def place(self) -> Place:
        """Its place within its part."""
        return Place(self.at, self.game_id)


@frozen
class Page:
    """Some of the games, and where the list goes on; None where it ends."""

    games: tuple[Description, ...]
    next: Cursor | None


@frozen
class PlayerGames:
    """Reads the list from the store and from the archive.

    A game that moves while somebody turns the pages (an action was taken in it, it ended, it was archived) may be on
    two of them, and on none only if it moved ahead of the page that was read last.
    """

    running: RunningGames
    recent: RecentGames
    archive: Archive

    async def page(self, user_id: str, *, before: Cursor | None, limit: int) -> Page:
        """At most `limit` games, those after `before` in the list. Raises StoreUnavailable."""
        entries: dict[str, tuple[Cursor, Description]] = {}
        wanted = limit + 1  # one more tells whether there is another page
        reads = {Part.RUNNING: self._running, Part.RECENT: self._recent, Part.ARCHIVED: self._archived}
        parts = list(Part) if before is None else list(Part)[list(Part).index(before.part) :]
        for part in parts:
            after = before if before is not None and before.part is part else None
            for cursor, described in await reads[part](user_id, after, wanted - len(entries)):
                # The store is read first: one that was found there, and archived meanwhile, stands in both.
                entries.setdefault(cursor.game_id, (cursor, described))
            if len(entries) >= wanted:
                break
        shown = list(entries.values())[:limit]
        return Page(tuple(described for _, described in shown), shown[-1][0] if len(entries) > limit else None)

    async def _running(self, user_id: str, after: Cursor | None, limit: int) -> list[tuple[Cursor, Description]]:
        rows = await self.running.of(user_id, before=None if after is None else after.place, limit=limit)
        return [(Cursor(Part.RUNNING, at.latest, at.game_id), described) for at, described in rows]

    async def _recent(self, user_id: str, after: Cursor | None, limit: int) -> list[tuple[Cursor, Description]]:
        rows = [(_at_its_end(Part.RECENT, one), one) for one in await self.recent.of(user_id)]
        return [row for row in rows if after is None or row[0].place < after.place][:limit]

    async def _archived(self, user_id: str, after: Cursor | None, limit: int) -> list[tuple[Cursor, Description]]:
        before = None if after is None else after.game_id
        games = await self.archive.games_of(user_id, before=before, limit=limit)
        return [(_at_its_end(Part.ARCHIVED, one), one) for one in games]


def _at_its_end(part: Part, described: Description) -> Cursor:
    assert described.ended_at is not ABSENT
    return Cursor(part, described.ended_at, described.game_id)
