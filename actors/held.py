"""What a table holds of its game in memory: rebuilt when it is loaded, and moved on with each event that is durable."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from attrs import define, evolve

from actors.events import Aborted, Created
from actors.failures import Failure
from actors.game import Ended, Game, Position, ReplayDiverged, RulesFault
from actors.ports import GameNotFound, StoreLostData, StoreUnavailable
from actors.recovery import MISSED_EVENTS, Requests, answered_in, ended_by, look_back, snapshot_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.events import Event
    from actors.ports import Journal
    from actors.recovery import Recovered
    from actors.snapshot import Snapshot

log = logging.getLogger("croupier.table")


@define
class Held:
    """A game as its table has it.

    `at` is None when it cannot be shown, `halt` what is answered to whoever wants it to go on although it cannot.
    `ended` is how it ended, also when it cannot be shown. `recent` are the last positions, each with what its event
    changed; `last_at` is the wall time of the last event, `saved` the event of the last snapshot.
    """

    created: Created
    game: Game | None
    at: Position | None
    ended: Ended | None
    recent: deque[Position]
    answered: Requests
    last_at: float
    saved: int
    halt: Failure | None = None
    _looked_back: bool = False

    @classmethod
    def of(cls, found: Recovered) -> Held:
        """What was rebuilt. A game that ended is over, whatever became of its rules."""
        loaded, created = found.loaded, found.loaded.created
        held = cls(
            created=created,
            game=found.game,
            at=found.at,
            ended=None if found.at is None else found.at.ended,
            recent=found.recent,
            answered=answered_in(loaded),
            last_at=loaded.last_at,
            saved=created.event_id if loaded.snapshot is None else loaded.snapshot.event_id,
            looked_back=loaded.snapshot is None,
        )
        if isinstance(found.last, Aborted):
            held.call_off(found.last)
        elif found.problem is not None and (ended := ended_by(created, found.last)) is not None:
            held.ended, held.at = ended, None  # where its rules got stuck it was not over
        return held

    @property
    def shown(self) -> tuple[Game, Position] | None:
        """The game and where it stands; None when it cannot be shown."""
        return None if self.game is None or self.at is None else (self.game, self.at)

    @property
    def running(self) -> tuple[Game, Position] | None:
        """The game and where it stands; None when it does not go on."""
        if self.ended is not None or self.halt is not None or self.game is None or self.at is None:
            return None
        return self.game, self.at

    @property
    def deadline(self) -> float | None:
        """When the turn clock runs out, in service time; None when none runs."""
        running = self.running
        return None if running is None else running[1].deadline

    def seat(self, user_id: str) -> int | None:
        """Where this user sits; None for a stranger."""
        players = self.created.players
        return players.index(user_id) if user_id in players else None

    def event_of(self, user_id: str, message_id: str | None) -> int | None:
        """The event that this request of this user became already; None for none, and for a request without an id."""
        return None if message_id is None else self.answered.get((user_id, message_id))

    # ---- going on

    def go_on(self, after: Position, event: Event) -> None:
        """This event is durable, and led here."""
        self._stand_at(after)
        self.last_at = event.at

    def call_off(self, event: Aborted) -> None:
        """The game ended with this abort, whether or not its rules could be followed until then."""
        self.halt = None
        self.last_at = event.at
        if self.shown is not None:
            game, at = self.shown
            self._stand_at(evolve(game.abort(at), event_id=event.event_id))
        self.ended = ended_by(self.created, event)

    def _stand_at(self, position: Position) -> None:
        self.at = position
        self.ended = position.ended
        self.recent.append(position)

    def snapshot(self, *, after: int) -> Snapshot | None:
        """A snapshot, if the game goes on and so many events have come since the last one. Raises RulesFault; either
        way the next one is not due before so many more."""
        if self.at is None or self.at.event_id < self.saved + after or self.running is None:
            return None
        game, at = self.running
        self.saved = at.event_id
        return snapshot_of(game, at, self.last_at, self.answered)

    # ---- looking back

    async def positions_after(self, event_id: int, journal: Journal) -> Sequence[Position] | None:
        """Every position after this event; None when it is ahead of us, too far behind, or not to be had."""
        if self.at is None or not 0 <= (wanted := self.at.event_id - event_id) <= MISSED_EVENTS:
            return None
        missed = self._recent_after(event_id)
        if len(missed) < wanted and not self._looked_back:
            await self._look_back(journal)
            missed = self._recent_after(event_id)
        return missed if len(missed) == wanted else None

    def _recent_after(self, event_id: int) -> list[Position]:
        return [position for position in self.recent if position.event_id > event_id]

    async def _look_back(self, journal: Journal) -> None:
        """Fetches what lies before the snapshot. Tried once: it replays the whole game."""
        if self.shown is None:
            return
        game, at = self.shown
        try:
            self.recent = await look_back(game, at, journal)
        except StoreUnavailable:
            return
        except (GameNotFound, StoreLostData, RulesFault, ReplayDiverged) as error:
            log.warning(
                "game %s goes on from a snapshot, and cannot be replayed until then (%s)",
                self.created.game_id, type(error).__name__,
            )  # fmt: skip
        self._looked_back = True
