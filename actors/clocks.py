"""The clocks of one game as its table keeps them: the turn's, which follows from the events, and the one that says when
the game is abandoned, which follows from who is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actors.abandonment import Abandonment, earlier, reckon

if TYPE_CHECKING:
    from actors.house import House
    from actors.ports import JournalWriter
    from actors.standing import Standing

_SAY_AGAIN: Final = 1.0
"""Seconds of service after which the store is told again what it could not be told."""


class Clocks:
    """One game's clocks. The timers wake its table for the earlier of both, and remember when it is abandoned while
    there is no table."""

    def __init__(self, game_id: str, house: House, standing: Standing) -> None:
        self._game_id = game_id
        self._house = house
        self._standing = standing
        self._abandonment = Abandonment()
        self._unsaid = False  # whether the store is still to be told of the last look around

    def take_over(self, turn: float | None) -> None:
        """Goes on from what is known of this game, whose turn clock runs out at `turn`. For a table that was loaded."""
        self._reckon(self._house.timers.abandonment(self._game_id, turn))

    def _reckon(self, known: float | None) -> None:
        self._abandonment = reckon(
            known,
            self._house.service.now(),
            present=self._standing.audience.has_players,
            empty_since=self._standing.empty_since,
            after=self._house.abandon_after,
        )

    def deadline(self, turn: float | None) -> float | None:
        """What the store is told: when somebody must look at this game at the latest, if its turn clock runs out then.
        None: never."""
        return earlier(turn, self._abandonment.at)

    def are_set(self, turn: float | None, *, running: bool) -> None:
        """Has the timers wake the table in time, if the game is running; else not at all."""
        if running:
            deadline = earlier(turn, self._abandonment.look_at)
            self._house.timers.set(self._game_id, deadline, abandoned=self._abandonment.at)
        else:
            self._house.timers.set(self._game_id, None)

    def look_around(self, turn: float | None, writer: JournalWriter) -> None:
        """Somebody came or went, or it is time to look: sets the clocks of a running game by who is there."""
        before = self.deadline(turn)
        self._reckon(self._abandonment.at)
        if self._unsaid or self.deadline(turn) != before:
            self._unsaid = not writer.set_deadline(self.deadline(turn))
        self.are_set(turn, running=True)
        if self._unsaid:  # a server that were killed now would not know who had come
            self._house.timers.again(self._game_id, _SAY_AGAIN)

    def is_abandoned(self) -> bool:
        """Whether the players were away for too long, as of the last look around."""
        return self._abandonment.is_due(self._house.service.now())

    def is_up(self, turn: float | None) -> bool:
        """Whether a turn clock that runs out at `turn` has run out."""
        return turn is not None and turn <= self._house.service.now()
