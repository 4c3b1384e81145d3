"""Moves that no player has asked for: those that are due by themselves, and what calls a game off, or has a suspended
one try again."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

import trio

from actors.apart.patience import patiently
from actors.events import Aborted
from actors.failures import Code, Failure
from actors.game import ABORTED, RulesFault
from actors.joining import STORE_AWAY
from actors.judge import game_ended
from actors.messages import AbortAnswer, ResumeAnswer
from actors.moves import resumption
from actors.ports import GameNotFound, StoreLostData, StoreUnavailable
from actors.recovery import what_stands
from actors.writing import Committed, Writing, suspended

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.game import Game, Position
    from actors.moves import Move
    from actors.ports import JournalWriter
    from actors.standing import Suspension

log = logging.getLogger("croupier.table")

FENCED_TRIES = 3
"""How often a request is judged anew when another writer keeps going on with the game."""


class CallingOff(Writing):
    """A table whose game goes on, and ends, without its players too."""

    async def _make_move(self, due: Callable[[Game, Position], Move | None]) -> None:
        """Makes the move that is due without anybody's asking, if there is one; judged anew when another writer was
        first."""
        for _ in range(FENCED_TRIES):
            running = self._held.running
            move = None if running is None else await patiently(partial(due, *running))
            if move is None:
                return
            outcome = await self._commit(move, None)
            if outcome is Committed.DONE:
                await self._end_at_the_limit()
            if outcome is not Committed.FENCED or not await self._reloaded():
                return

    @property
    def _is_at_the_limit(self) -> bool:
        return self._held.ended is None and self._writer.last_event_id >= self._house.max_events - 1

    async def _end_at_the_limit(self) -> None:
        if self._is_at_the_limit:
            reason = f"the game reached its limit of {self._house.max_events} events"
            await self._abort(self._writer, reason, asked=False)

    async def _abort_by_operator(self, reason: str) -> AbortAnswer | Failure:
        if self._held.ended is not None:
            return game_ended(self._held.ended)
        writer = self._writer
        if self._held.halt is not None:  # what stands may be less than this table knew: the end goes behind that
            try:
                loaded, _ = await what_stands(self._game_id, self._house.journal)
            except StoreUnavailable:
                return STORE_AWAY
            except (StoreLostData, GameNotFound):
                return _UNREADABLE
            writer = self._house.journal.writer(self._held.created, loaded.last_event_id)
        return await self._abort(writer, reason, asked=True)

    async def _abort(self, writer: JournalWriter, reason: str, *, asked: bool) -> AbortAnswer | Failure:
        """Calls the game off, suspended or not; a game whose rules cannot even show it ends all the same."""
        now = self._telling.now()
        event = Aborted(writer.last_event_id + 1, now.server_time, reason, now.service_time)
        outcome = await self._append(writer, event, ends=True, deadline=None)
        if isinstance(outcome, Failure):
            return outcome
        if outcome is Committed.FENCED:
            self._stale = True
            return Failure(
                Code.UNAVAILABLE, "the journal of this game stands elsewhere; nothing was applied, try again"
            )
        log.info("a game was called off", extra={"game": self._game_id})
        self._writer = writer
        self._standing.suspended = None
        self._held.call_off(event)
        self._stands(event.event_id)
        answer = AbortAnswer(self._game_id, event.event_id, ABORTED)
        try:
            pushes = self._telling.pushes(*self._held.shown) if self._held.shown is not None else None
        except RulesFault:
            log.warning("game %s was called off, and its rules cannot show it", self._game_id)
            pushes = None
        self._tell(
            partial(self.reply, answer) if asked else None,
            pushes or self._telling.last_words(self._held.created, event.event_id),
            event.event_id,
            trio.current_time(),
        )
        return answer

    # ---- trying it again

    async def _resume(self) -> ResumeAnswer | Failure:
        """Reloads a suspended game, which goes on if nothing is wrong with it any more. One that runs is let be."""
        suspension = self._standing.suspended
        if suspension is not None:
            try:
                await self._load(resuming=True)
            except StoreUnavailable:
                return STORE_AWAY
            except (GameNotFound, StoreLostData) as error:
                return self._suspend(error)
        held = self._held
        if held.ended is not None:
            return game_ended(held.ended)
        if held.halt is not None:
            return held.halt
        if suspension is not None and not await self._goes_on(suspension):
            return STORE_AWAY
        return ResumeAnswer(self._game_id, self._writer.last_event_id, resumed=suspension is not None)

    async def _goes_on(self, suspension: Suspension) -> bool:
        """Nothing is wrong with the game any more. Its clock must not have run meanwhile; if that cannot be written
        down, the game stays as it was."""
        since, at = suspension.clock, self._held.at
        await self._make_move(lambda game, at: resumption(game, at, since, self._telling))
        owed = self._held.deadline is not None and self._held.at is at and since < self._house.service.now()
        if owed or self._held.halt is not None:
            self._held.halt = suspended(suspension)
            self._publish()
            return False
        self._standing.suspended = None
        log.info("game %s goes on; it was suspended (report %s)", self._game_id, suspension.report_id)
        return True


_UNREADABLE = Failure(Code.UNAVAILABLE, "the journal of this game cannot be read; nothing was applied")
