"""Who may follow a game, and what they are given when they begin to: the view, what they missed, the presence of the
others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs
from attrs import evolve, frozen

from actors.failures import Code, Failure
from actors.game import Game, Position
from actors.messages import GameReconnected, OpponentStatus, Push, Restored, Sealed, SpectatorCount
from actors.table_messages import Join, Reconnect, Recover, Role, Spectate
from actors.telling import Telling

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.attendance import Attendance
    from actors.held import Held
    from actors.messages import View
    from actors.ports import Journal
    from actors.standing import Standing

Joining: TypeAlias = Join | Spectate | Reconnect | Recover
"""What a table is asked by whoever wants to follow its game."""

NOT_IN_GAME: Final = Failure(Code.NOT_IN_GAME, "you are not a player of this game")
STORE_AWAY: Final = Failure(Code.UNAVAILABLE, "the store is away; nothing was applied, try again")
_NO_SPECTATORS: Final = Failure(Code.ACTION_NOT_ALLOWED, "this game has no spectators")
_PLAYERS_PLAY: Final = Failure(Code.ACTION_NOT_ALLOWED, "you are a player of this game: join it")
_GONE_TOO_LONG: Final = Failure(Code.UNAVAILABLE, "what was missed cannot be served: begin afresh")

PUBLIC: Final = "public"


def seat_for(held: Held, message: Joining) -> int | Failure | None:
    """The seat that this message is about, None for a spectator's; or why it is refused."""
    seat = held.seat(message.user_id)
    match message:
        case Spectate() | Recover(role=Role.SPECTATOR):
            if seat is not None:
                return _PLAYERS_PLAY
            return None if held.created.spectators == PUBLIC else _NO_SPECTATORS
        case _:
            return NOT_IN_GAME if seat is None else seat


@frozen
class Welcome:
    """What the one who joins is answered, and what is then pushed to their outlet in the same write."""

    answer: Sealed | Restored
    pushes: tuple[Push, ...] = ()


@frozen
class Door:
    """A game as it is shown to whoever joins it now. `missed` are the positions that they say they missed; None when
    these are not to be had, or were not asked for."""

    game: Game
    at: Position
    telling: Telling
    missed: Sequence[Position] | None

    def welcome(self, message: Joining, seat: int | None) -> Welcome | Failure:
        """What to say to whoever joins. Raises RulesFault."""
        match message:
            case Recover(after_event_id=after):
                return self._missed_live(seat, after)
            case Reconnect():
                body = GameReconnected(**_fields(self._seen(seat)))
                return Welcome(Restored((self.telling.push(body), *self.telling.offer(self.game, self.at, seat))))
            case _:
                return self._answered(message, seat)

    def _answered(self, message: Join | Spectate, seat: int | None) -> Welcome:
        shown = self._seen(seat)
        state = self.telling.view(self.game, evolve(self.at, changes=()), seat, changes=True)
        if isinstance(message, Join) and message.last_event_id is not None and seat is not None:
            shown = self.telling.with_missed(shown, self.game, self.missed, seat)
        pushes = (self.telling.push(state), *self.telling.offer(self.game, self.at, seat))
        return Welcome(self.telling.seal(shown), pushes)

    def _missed_live(self, seat: int | None, after: int) -> Welcome | Failure:
        states = self.telling.states(self.game, self.missed, seat)
        if states is None:
            return _GONE_TOO_LONG
        pushes = [push for _, push in states]
        if after <= self.at.event_id:
            seen = states[-1][0] if states else self._seen(seat)
            pushes += self.telling.last_word(self.game, self.at, seen.state)
        pushes += self.telling.offer(self.game, self.at, seat)
        return Welcome(Restored((*pushes, *self._who_is_here(seat))))

    def _who_is_here(self, seat: int | None) -> list[Push]:
        audience, created = self.telling.audience, self.game.created
        here = [
            self.telling.push(OpponentStatus(created.game_id, player, audience.status(other)))
            for other, player in enumerate(created.players)
            if other != seat
        ]
        return [*here, self.telling.push(SpectatorCount(created.game_id, audience.spectators))]

    def _seen(self, seat: int | None) -> View:
        return self.telling.view(self.game, self.at, seat, changes=False)


async def open_door(held: Held, message: Joining, telling: Telling, journal: Journal) -> Door | Failure:
    """The game for whoever sent this message; or why it cannot be shown to them."""
    if held.shown is None:
        return held.halt or STORE_AWAY
    game, at = held.shown
    missed: Sequence[Position] | None = None
    match message:
        case Join(last_event_id=int() as since):
            missed = await held.positions_after(since, journal)
        case Recover(after_event_id=after):
            has_seen_the_end = at.ended is not None and after == at.event_id + 1
            missed = await held.positions_after(at.event_id if has_seen_the_end else after, journal)
            if missed is None:
                return _GONE_TOO_LONG
        case _:
            pass
    return Door(game, at, telling, missed)


def let_in(
    message: Joining,
    seat: int | None,
    door: Door,
    standing: Standing,
    attendance: Attendance,
    reply: Callable[[object], None],
) -> Failure | None:
    """From now on the outlet follows the game: it is answered, then told. A refusal, or RulesFault: it does not."""
    game_id, outlet = door.game.created.game_id, message.outlet
    is_new = outlet not in standing.audience and not outlet.gone
    if is_new:
        attendance.came(game_id, standing, outlet, seat)
    welcome: Welcome | Failure | None = None
    try:
        welcome = door.welcome(message, seat)
    finally:
        if is_new and not isinstance(welcome, Welcome):
            attendance.dropped(game_id, standing, outlet)
    if isinstance(welcome, Failure):
        return welcome
    standing.audience.told = door.at.event_id
    with outlet.in_one_send():
        reply(welcome.answer)
        for push in welcome.pushes:
            outlet.push(push)
    return None


def _fields(view: View) -> dict[str, Any]:
    return {field.name: getattr(view, field.name) for field in attrs.fields(type(view))}
