"""Who is at the table, as the others are told: the presence of a game's players, and the number of its spectators. Pure
state machines, with the time handed in; `actors.attendance` keeps the time and does the telling.

What a view shows is always what was announced, or is about to be: a drop that heals within the debounce is seen by
nobody, neither in a push nor in a view.
"""

from __future__ import annotations

import enum
import math
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

COUNT_PAUSE: Final = 0.25
"""Seconds between two announcements of one game's number of spectators, at least."""


class Status(enum.StrEnum):
    """The presence of a player in a game (contract, section 3)."""

    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    DISCONNECTED = "disconnected"


@frozen
class Patience:
    """How long a player may be away, in seconds: so long it is no news (`debounce`), so long they may come back
    (`grace`)."""

    debounce: float = 2.0
    grace: float = 60.0


@define
class _Seat:
    """`shown` is what views show, `told` what was announced last. `away_at` is when the player dropped out, while they
    may come back; `was_here` says whether they have ever been here; `stays`, that they always are."""

    shown: Status
    told: Status
    away_at: float | None = None
    was_here: bool = False
    stays: bool = False


@define
class Presence:
    """The presence of the players of one game, by seat. Times are seconds on one clock, which does not go back."""

    _patience: Patience = field(factory=Patience)
    _seats: dict[int, _Seat] = field(factory=dict)

    @classmethod
    def of_a_new_game(cls, patience: Patience, seats: int, *, were_here: bool = False) -> Presence:
        """Nobody is here; `were_here`: they have been."""
        empty = Status.DISCONNECTED
        return cls(patience, {seat: _Seat(empty, empty, was_here=were_here) for seat in range(seats)})

    @classmethod
    def after_a_restart(cls, patience: Patience, seats: int, since: float) -> Presence:
        """Everybody may come back, as if they had all dropped out when the server was started."""
        away = Status.RECONNECTING
        return cls(patience, {seat: _Seat(away, away, since, was_here=True) for seat in range(seats)})

    # ---- what happens

    def stays(self, seat: int) -> None:
        """This player counts as connected from now on, whether a session of theirs follows the game or not."""
        self._seats[seat] = _Seat(Status.CONNECTED, Status.CONNECTED, was_here=True, stays=True)

    def came(self, seat: int) -> None:
        """A session of this player follows the game."""
        at = self._seats[seat]
        at.shown, at.away_at, at.was_here = Status.CONNECTED, None, True

    def dropped(self, seat: int, now: float) -> None:
        """The last session of this player is gone, and may come back."""
        at = self._seats[seat]
        if at.shown is Status.CONNECTED and at.away_at is None and not at.stays:
            at.away_at = now

    def left(self, seat: int) -> None:
        """This player has said that they leave."""
        at = self._seats[seat]
        if not at.stays:
            at.shown, at.away_at = Status.DISCONNECTED, None

    def due(self, now: float) -> list[tuple[int, Status]]:
        """What is to be announced now, each seat once; it then counts as announced."""
        news = []
        for seat, at in self._seats.items():
            if at.away_at is not None:
                self._grow_impatient(at, now)
            if at.told is not at.shown:
                at.told = at.shown
                news.append((seat, at.told))
        return news

    def _grow_impatient(self, at: _Seat, now: float) -> None:
        assert at.away_at is not None
        if now >= self._gives_up(at.away_at):
            at.shown, at.away_at = Status.DISCONNECTED, None
        elif now >= at.away_at + self._patience.debounce:
            at.shown = Status.RECONNECTING

    def _gives_up(self, away_at: float) -> float:
        # Within the debounce nothing is announced, however short the grace.
        return away_at + max(self._patience.grace, self._patience.debounce)

    # ---- what is known

    @property
    def next_due(self) -> float:
        """When there will be something to announce, unless something happens before: -inf at once, inf never."""
        return min(map(self._due_at, self._seats.values()), default=math.inf)

    def _due_at(self, at: _Seat) -> float:
        if at.told is not at.shown:
            return -math.inf
        if at.away_at is None:
            return math.inf
        if at.shown is Status.CONNECTED:
            return at.away_at + self._patience.debounce
        return self._gives_up(at.away_at)

    def status(self, seat: int) -> Status:
        """What viewers are shown of this player."""
        return self._seats[seat].shown

    def is_absent(self, seat: int) -> bool:
        """Whether this player has been here, and those at the table know them to be gone."""
        at = self._seats[seat]
        return at.was_here and at.shown is not Status.CONNECTED

    @property
    def waits(self) -> bool:
        """Whether somebody is away who may come back."""
        return any(at.away_at is not None for at in self._seats.values())

    @property
    def everybody_is_gone(self) -> bool:
        """Whether nobody is here, and nobody is waited for."""
        return all(at.shown is Status.DISCONNECTED for at in self._seats.values())

    def statuses(self, seats: Iterable[int]) -> list[tuple[int, Status]]:
        """What viewers are shown of these players."""
        return [(seat, self.status(seat)) for seat in seats]


@define
class Crowd:
    """The number of spectators of one game, announced when it changes, but not more often than every `COUNT_PAUSE`
    seconds; the last number always is."""

    _told: int = 0
    _told_at: float = -math.inf

    def due(self, count: int, now: float) -> bool:
        """Whether this number is to be announced now; it then counts as announced."""
        if count == self._told or now < self._told_at + COUNT_PAUSE:
            return False
        self._told, self._told_at = count, now
        return True

    def next_due(self, count: int) -> float:
        """When there will be something to announce, while the number is this one: inf never."""
        return math.inf if count == self._told else self._told_at + COUNT_PAUSE
