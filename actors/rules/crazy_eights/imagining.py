"""A position as one player could believe it to be: what they see, and the rest of the pack dealt by chance.

A player sees the top of the pile and their own hand. That they may remember what was played, or what somebody drew
for, is not in a view, and is not made use of here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.rules.cards import PACK, Suit, card_of
from actors.rules.crazy_eights.state import Options, State

if TYPE_CHECKING:
    from actors.rules.cards import Card
    from actors.rules.chance import Chance
    from actors.rules.interface import JsonObject


def imagine(view: JsonObject, seat: int, chance: Chance) -> State:
    """A position at random in which that seat sees this. Raises ValueError for a game that is over.

    What a player who has resigned would have had to pay is nowhere in a view: it is taken for nothing.
    """
    if view["phase"] == "over":
        raise ValueError("the game is over: there is nothing to imagine")
    options = Options(**view.get("options", {}))
    top, own = card_of(view["top"]), tuple(map(card_of, view["hand"]))
    unseen = list(chance.shuffled(card for card in PACK if card != top and card not in own))

    def take(count: int) -> tuple[Card, ...]:
        taken = tuple(unseen[:count])
        del unseen[:count]
        return taken

    seats = view["seats"]
    limit, draws_left = options.draw_limit, view["draws_left"]
    return State(
        options=options,
        hands=tuple(own if one["seat"] == seat else take(one["cards"]) for one in seats),
        stock=take(view["stock"]),
        discards=(*take(view["discards"] - 1), top),
        suit=None if view["suit"] is None else Suit(view["suit"]),
        turn=view["turn"],
        resigned=tuple(one["resigned"] for one in seats),
        forfeited=(0,) * len(seats),
        draws=0 if limit is None else limit - draws_left,
        passes=view.get("passes", 0),
        plays=options.max_plays - view["plays_left"],
        direction=view.get("direction", 1),
        owed=view.get("owed", 0),
    )
