"""Who is told what happens in a game. It outlives the table's incarnations, so that a table that crashed, or that
found itself fenced, goes on telling the same clients from where it stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors.ports import Outlet

CONNECTED = "connected"
DISCONNECTED = "disconnected"


class Audience:
    """The outlets that follow one game, each with its seat, and the last event they were told of.

    `told` is None while nobody has been told anything in this process.
    """

    __slots__ = ("_seats", "told")

    def __init__(self) -> None:
        self._seats: dict[Outlet, int] = {}
        self.told: int | None = None

    def __len__(self) -> int:
        self._forget_the_gone()
        return len(self._seats)

    def __contains__(self, outlet: object) -> bool:
        return outlet in self._seats

    def add(self, outlet: Outlet, seat: int) -> None:
        """From now on this outlet is told, as the player in that seat."""
        self._seats[outlet] = seat

    def discard(self, outlet: Outlet) -> None:
        """This outlet is told nothing more; no matter whether it was."""
        self._seats.pop(outlet, None)

    def status(self, seat: int) -> str:
        """The presence of the player in that seat."""
        present = any(taken == seat and not outlet.gone for outlet, taken in self._seats.items())
        return CONNECTED if present else DISCONNECTED

    def by_seat(self) -> Iterator[tuple[int, list[Outlet]]]:
        """The outlets of each seat that has any, so that each distinct view is made once."""
        self._forget_the_gone()
        grouped: dict[int, list[Outlet]] = {}
        for outlet, seat in self._seats.items():
            grouped.setdefault(seat, []).append(outlet)
        return iter(grouped.items())

    def _forget_the_gone(self) -> None:
        for outlet in [outlet for outlet in self._seats if outlet.gone]:
            del self._seats[outlet]
