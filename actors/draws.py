"""Draws by agreement: who offers, accepts and declines, and when all have agreed. Pure, and the same for all games
whose rules allow it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from actors.rules.interface import Change, IllegalAction

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from actors.table_messages import DrawMove

_TOLD_AS: dict[DrawMove, str] = {"offer": "draw_offered", "accept": "draw_accepted", "decline": "draw_declined"}


@frozen
class Draws:
    """What was said of a draw since the last action of the game.

    `agreed` are the seats that have agreed to the offer that stands, the first of them made it; empty: none stands.
    `declined` are the seats whose offers were declined: they do not offer again before the next action, or one player
    could pester another until the game is full. `offered_at` is the event of the offer.
    """

    agreed: tuple[int, ...] = ()
    declined: tuple[int, ...] = ()
    offered_at: int = 0

    @property
    def by(self) -> int | None:
        """Whose offer stands; None for none."""
        return self.agreed[0] if self.agreed else None

    def after(self, seat: int, move: DrawMove, event_id: int) -> Draws:
        """What stands after this move, which is this event. Raises IllegalAction; the text goes to the client."""
        match move:
            case "offer":
                return self._offered(seat, event_id)
            case "accept":
                self._check_answer(seat, "accept")
                return Draws((*self.agreed, seat), self.declined, self.offered_at)
            case "decline":
                self._check_answer(seat, "decline")
                return Draws((), (*self.declined, self.agreed[0]))

    def is_settled(self, players: AbstractSet[int]) -> bool:
        """Whether all of these, who have not resigned, have agreed."""
        return bool(self.agreed) and players <= set(self.agreed)

    def _offered(self, seat: int, event_id: int) -> Draws:
        if self.by == seat:
            raise IllegalAction("your offer of a draw stands already")
        if self.agreed:
            raise IllegalAction("an offer of a draw stands: accept or decline it")
        if seat in self.declined:
            raise IllegalAction("your offer was declined; offer again after the next action of the game")
        return Draws((seat,), self.declined, event_id)

    def _check_answer(self, seat: int, what: str) -> None:
        if not self.agreed:
            raise IllegalAction(f"there is no offer of a draw to {what}")
        if self.by == seat:
            raise IllegalAction(f"you cannot {what} your own offer")
        if seat in self.agreed:
            raise IllegalAction("you have accepted this offer already")


def told_as(move: DrawMove, player_id: str) -> Change:
    """The change by which everybody is told of this move."""
    return Change({"type": _TOLD_AS[move], "player_id": player_id})
