"""What a player knows when it is to act: what came over the wire, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from actors.rules.interface import JsonObject

if TYPE_CHECKING:
    from collections.abc import Sequence


@frozen
class Sight:
    """`state` is the rules' view for this seat; `legal_actions` are what it may do now, None where the rules do not
    list them. `past` are the views before this one, from the beginning of the game, as far as they are known: empty, or
    all of them."""

    rules: str
    rules_version: str
    players: int
    seat: int
    state: JsonObject
    legal_actions: tuple[JsonObject, ...] | None
    past: tuple[JsonObject, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, view: JsonObject, user_id: str, past: Sequence[JsonObject] = ()) -> Sight:
        """What the view of a game (the data of a `game:state`) shows this player, who has a seat in it. Raises
        LookupError when they have none."""
        seats = [player["seat"] for player in view["players"] if player["id"] == user_id]
        legal = view.get("legal_actions")
        return cls(
            rules=view["rules"],
            rules_version=view["rules_version"],
            players=len(view["players"]),
            seat=seats[0],
            state=view["state"],
            legal_actions=None if legal is None else tuple(legal),
            past=tuple(past),
        )
