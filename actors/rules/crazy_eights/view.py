"""What a viewer may see of a position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.rules.crazy_eights.scoring import points_held
from actors.rules.crazy_eights.state import draws_left

if TYPE_CHECKING:
    from actors.rules.crazy_eights.state import State
    from actors.rules.interface import JsonObject


def view(state: State, seat: int | None) -> JsonObject:
    """The position as that seat may know it; None is a spectator, who has no hand.

    While the game runs, the only cards in it are the top of the pile and the viewer's own hand. Once it is
    over, every hand and what it costs lies open to everybody; the stock stays hidden.
    """
    seen = first_view(state, seat)
    if not state.stock:
        seen["passes"] = state.passes
    if unusual := state.options.unusual():
        seen["options"] = unusual
    return seen


def first_view(state: State, seat: int | None) -> JsonObject:
    """The same as version 1 of the rules showed it: games that began with it are shown so to their end."""
    over = state.outcome is not None
    seats: list[JsonObject] = [
        {"seat": s, "cards": len(hand), "resigned": state.resigned[s]} for s, hand in enumerate(state.hands)
    ]
    if over:
        for shown, hand, points in zip(seats, state.hands, points_held(state), strict=True):
            shown["hand"] = list(hand)
            shown["points"] = points
    seen: JsonObject = {
        "phase": "over" if over else "choose_suit" if state.choosing else "play",
        "turn": None if over else state.turn,
        "top": state.top,
        "suit": None if state.suit is None else state.suit.value,
        "stock": len(state.stock),
        "discards": len(state.discards),
        "draws_left": draws_left(state),
        "plays_left": state.options.max_plays - state.plays,
        "seats": seats,
    }
    if state.options.special_cards:
        seen["direction"] = state.direction
        seen["owed"] = state.owed
    if seat is not None:
        seen["hand"] = list(state.hands[seat])
    return seen
