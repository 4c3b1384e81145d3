"""Who is told what happens in a game. It outlives the table's incarnations, so that a table that crashed, or that
found itself fenced, goes on telling the same clients from where it stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.presence import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors.messages import Push
    from actors.ports import Outlet
    from actors.presence import Presence


class Audience:
    """The outlets that follow one game, each with its seat (None: a spectator), and the last event they were told of.

    `told` is None while nobody has been told anything in this process; `presence` is None until it is known how many
    seats the game has. An outlet that is gone counts no more, and stays until it is taken back.
    """

    __slots__ = ("_seats", "presence", "told")

    def __init__(self) -> None:
        self._seats: dict[Outlet, int | None] = {}
        self.told: int | None = None
        self.presence: Presence | None = None

    def __len__(self) -> int:
        return sum(not outlet.gone for outlet in self._seats)

    def __contains__(self, outlet: object) -> bool:
        return outlet in self._seats

    def add(self, outlet: Outlet, seat: int | None) -> None:
        """From now on this outlet is told, as the player in that seat, or as a spectator."""
        self._seats[outlet] = seat

    def take_back(self, outlet: Outlet) -> int | None:
        """This outlet is told nothing more; gives the seat that it had. Raises KeyError."""
        return self._seats.pop(outlet)

    def is_here(self, seat: int) -> bool:
        """Whether a live session of the player in that seat follows the game."""
        return any(taken == seat and not outlet.gone for outlet, taken in self._seats.items())

    @property
    def has_players(self) -> bool:
        """Whether a live session of any player follows the game."""
        return any(seat is not None and not outlet.gone for outlet, seat in self._seats.items())

    @property
    def spectators(self) -> int:
        """How many sessions watch."""
        # No generator, and no look at those who play: it is asked for each action.
        return len([outlet for outlet, seat in self._seats.items() if seat is None and not outlet.gone])

    def status(self, seat: int) -> str:
        """The presence of the player in that seat, as it is shown."""
        # `_value_` is what `value` gives, without the two calls that it takes in every view's making.
        return (Status.DISCONNECTED if self.presence is None else self.presence.status(seat))._value_

    def by_seat(self) -> Iterator[tuple[int | None, list[Outlet]]]:
        """The outlets of each seat that has any, and of the spectators, so that each distinct view is made once."""
        grouped: dict[int | None, list[Outlet]] = {}
        for outlet, seat in self._seats.items():
            if not outlet.gone:
                grouped.setdefault(seat, []).append(outlet)
        return iter(grouped.items())

    def tell_all_but(self, seat: int | None, push: Push) -> None:
        """Hands this push to everybody but the player in that seat; None: to everybody."""
        for taken, outlets in self.by_seat():
            if seat is None or taken != seat:
                for outlet in outlets:
                    outlet.push(push)
