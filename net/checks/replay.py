"""A game made again from its journal, and each viewer's eyes on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson
from attrs import frozen

from actors.audience import Audience
from actors.events import Created, Event
from actors.game import Game, Position, ReplayDiverged, RulesFault
from actors.views import Now, game_over, view
from net.checks.records import Promise, Violation
from net.protocol import JsonEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.rules.interface import JsonObject
    from actors.rules.registry import Registry
    from net.checks.records import Written

_OF_THE_MOMENT: Final = frozenset({"success", "missed", "resync", "spectator_count", "turn_deadline", "server_time"})
"""Fields of a view that belong to the moment of sending (docs/protocol.md), or to a join's answer alone."""


def lasting(seen: JsonObject) -> bytes:
    """A view without what belongs to the moment of sending: the same, byte for byte, whenever it is sent."""
    kept = {name: value for name, value in seen.items() if name not in _OF_THE_MOMENT}
    kept["players"] = [{"id": player["id"], "seat": player["seat"]} for player in seen["players"]]
    return orjson.dumps(kept)


def standing(seen: JsonObject) -> bytes:
    """How the game stands in this view, whatever brought it there."""
    return lasting({name: value for name, value in seen.items() if name != "changes"})


@frozen
class Replayed:
    """A game as its journal has it: event n is `events[n - 1]`, and leads to `positions[n - 1]`."""

    game: Game
    events: tuple[Event, ...]
    positions: tuple[Position, ...]

    @property
    def last(self) -> Position:
        """The game as it stands."""
        return self.positions[-1]

    def at(self, event_id: int) -> Position | None:
        """The game after this event; None when there is no such event."""
        return self.positions[event_id - 1] if 1 <= event_id <= len(self.positions) else None

    def view(self, event_id: int, user_id: str | None, *, changes: bool) -> JsonObject:
        """What that user must be shown of that event; None is a spectator."""
        seat = None if user_id is None else self.game.seats[user_id]
        shown = view(self.game, self.positions[event_id - 1], seat, Now(0.0, Audience()), changes=changes)
        as_json: JsonObject = orjson.loads(JsonEncoder().push(shown))
        return as_json

    def final_word(self, user_id: str | None) -> bytes:
        """What that user must be told at the end. Raises ValueError while the game runs."""
        seat = None if user_id is None else self.game.seats[user_id]
        return JsonEncoder().push(game_over(self.game, self.last, self.game.rules.view(self.last.state, seat)))


def replayed(entries: Sequence[Written], registry: Registry) -> Replayed | Violation:
    """The game of this journal, or why it cannot be made again."""
    if not entries or not isinstance(created := entries[0].event, Created):
        game_id = entries[0].event.game_id if entries and isinstance(entries[0].event, Created) else "?"
        return Violation(Promise.HOLE, game_id, "the journal does not begin with the game's creation")
    try:
        game = Game.of(created, registry.find(created.rules, created.rules_version))
        positions = [game.begin()]
        for entry in entries[1:]:
            if positions[-1].ended is not None:
                text = f"event {entry.event_id} comes after the end"
                return Violation(Promise.REBUILT, created.game_id, text)
            positions.append(game.replay(positions[-1], entry.event))
    except (ReplayDiverged, RulesFault, LookupError) as error:
        return Violation(Promise.REBUILT, created.game_id, f"the journal cannot be replayed: {error}")
    return Replayed(game, tuple(entry.event for entry in entries), tuple(positions))
