"""What a journal shows to each viewer, event by event: what the games of the corpus are held against."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from actors.audience import Audience
from actors.events import Created
from actors.game import Game
from actors.rules.registry import Registry
from actors.views import Now, view
from net.event_codec import decode_event
from net.protocol import JsonEncoder

KEPT = (
    "event_id",
    "state",
    "current_player_id",
    "to_act",
    "game_over",
    "changes",
    "legal_actions",
    "pending_forced_action",
    "turn_timeout_seconds",
    "winner_id",
    "results",
    "end_reason",
)
"""The fields of a view that follow from the events and the rules, and from nothing else. A field that views get later
is not among them, so that the games of today stay good."""


def shown(written: list[bytes]) -> list[dict[str, Any]]:
    """After each of these events, as they stand in the journal: what each player is shown, by their id, and what a
    spectator is, under ''. Raises whatever the decoding and the replay raise."""
    created, *events = [decode_event(line) for line in written]
    assert isinstance(created, Created)
    game = Game.of(created, Registry.discover().find(created.rules, created.rules_version))
    at = game.begin()
    positions = [at]
    for event in events:
        at = game.replay(at, event)
        positions.append(at)
    viewers = {"": None, **game.seats}
    return [{name: _view(game, at, seat) for name, seat in viewers.items()} for at in positions]


def digest(views: dict[str, Any]) -> str:
    """A short name for exactly these views."""
    return hashlib.sha256(orjson.dumps(views, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _view(game: Game, at: Any, seat: int | None) -> dict[str, Any]:  # noqa: ANN401 (a position, whatever its rules are)
    whole = orjson.loads(JsonEncoder().push(view(game, at, seat, Now(0.0, Audience()), changes=True)))
    return {name: whole[name] for name in KEPT if name in whole}
