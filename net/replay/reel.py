"""A game that is over, folded again from its events by the real rules: what each viewer saw after each event. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson
from attrs import frozen

from actors.audience import Audience
from actors.events import Abandoned, Aborted, Acted, Created, DrawMoved, Event, Extended, Resigned, Resumed, TimedOut
from actors.game import Game, Position, ReplayDiverged, RulesFault
from actors.rules.interface import JsonObject
from actors.rules.registry import RulesVersionMissing, UnknownRules
from actors.views import Now, view
from net.errors import StartError
from net.protocol import JsonEncoder

if TYPE_CHECKING:
    from actors.rules.registry import Registry

SPECTATOR: Final = "spectator"
ALL: Final = "all"

_OF_DRAWS: Final = {"offer": "offers a draw", "accept": "accepts the draw", "decline": "declines the draw"}


class CannotReplay(StartError):
    """There is no such game to be had, or the rules that are installed do not lead through it."""


@frozen
class Viewer:
    """Somebody whose eyes a game is seen through: a player, a spectator, or all of them side by side. `seats` are
    theirs; None is a spectator."""

    name: str
    seats: tuple[int | None, ...]

    @property
    def sees_all(self) -> bool:
        """Whether nothing is hidden from them."""
        return len(self.seats) > 1


@frozen
class Sight:
    """What one pair of eyes sees: `view` as it was sent live, None where the rules could not show it."""

    seat: int | None
    view: JsonObject | None


@frozen
class Reel:
    """Event n is `events[n - 1]`, and leads to `positions[n - 1]`."""

    game: Game
    events: tuple[Event, ...]
    positions: tuple[Position, ...]

    @property
    def players(self) -> tuple[str, ...]:
        """The users, by seat."""
        return self.game.created.players

    @property
    def viewers(self) -> tuple[Viewer, ...]:
        """Everybody whose eyes the game can be seen through: the spectator, each player, and all at once."""
        players = tuple(Viewer(player, (seat,)) for seat, player in enumerate(self.players))
        return (Viewer(SPECTATOR, (None,)), *players, Viewer(ALL, (*range(len(self.players)), None)))

    def viewer(self, name: str) -> Viewer:
        """The viewer of this name. Raises CannotReplay, which names those that there are."""
        for one in self.viewers:
            if one.name == name:
                return one
        names = ", ".join(one.name for one in self.viewers)
        raise CannotReplay(f"--as: nobody of that name sees this game; those who do are {names}")

    def seen(self, event_id: int, viewer: Viewer) -> tuple[Sight, ...]:
        """What this viewer saw after this event, a sight for each of their seats."""
        return tuple(Sight(seat, self._view(event_id, seat)) for seat in viewer.seats)

    def _view(self, event_id: int, seat: int | None) -> JsonObject | None:
        event, position = self.events[event_id - 1], self.positions[event_id - 1]
        now = Now(event.at, Audience(), event.clock)
        try:
            shown = JsonEncoder().push(view(self.game, position, seat, now, changes=True))
        except (RulesFault, TypeError):
            return None
        as_json: JsonObject = orjson.loads(shown)
        return as_json

    def told(self, event_id: int, viewer: Viewer) -> JsonObject | None:
        """What only some may know of the event beside its changes: the action itself (its player, and who sees all),
        and why a game was called off. None when this viewer may not."""
        match self.events[event_id - 1]:
            case Acted() as acted if viewer.sees_all or self.game.seats[acted.player_id] in viewer.seats:
                return acted.action
            case Aborted() as aborted if viewer.sees_all:
                return {"reason": aborted.reason}
            case _:
                return None

    def who(self, event_id: int) -> tuple[tuple[str, ...], str]:
        """Whose the event is (nobody's: the server's), and what they did, in a word or two."""
        match self.events[event_id - 1]:
            case Created():
                return (), "the game begins"
            case Acted(player_id=player):
                return (player,), "acts"
            case Resigned(player_id=player):
                return (player,), "gives up"
            case TimedOut(players=players):
                return players, "ran out of time"
            case Extended(player_id=player, seconds=seconds):
                return (player,), f"comes back, and has {seconds:g} s more"
            case Resumed(seconds=seconds):
                return (), f"the game goes on; it stood still for {seconds:g} s"
            case DrawMoved(player_id=player, move=move):
                return (player,), _OF_DRAWS[move]
            case Abandoned():
                return (), "everybody has gone"
            case Aborted():
                return (), "the game is called off"


def reel_of(events: tuple[Event, ...], registry: Registry) -> Reel:
    """Plays the game through. Raises CannotReplay."""
    created, *rest = events
    if not isinstance(created, Created):
        raise CannotReplay("the game does not begin with its creation")
    try:
        game = Game.of(created, registry.find(created.rules, created.rules_version))
    except (UnknownRules, RulesVersionMissing) as missing:
        raise CannotReplay(f"game {created.game_id}: {missing}") from None
    try:
        positions = [game.begin()]
        for event in rest:
            positions.append(game.replay(positions[-1], event))
    except ReplayDiverged as diverged:
        raise CannotReplay(f"game {created.game_id}: {diverged}") from None
    except (RulesFault, ValueError, KeyError):  # their own texts may hold cards
        raise CannotReplay(f"game {created.game_id}: the rules fail to play it through") from None
    return Reel(game, events, tuple(positions))
