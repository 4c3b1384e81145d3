"""Whether a player takes the draw that it is offered: by its own estimate of where it stands, or by lot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actors.bots.budget import Budget
from actors.bots.players import Mind
from actors.bots.worth import Worth
from actors.rules.chance import Chance

if TYPE_CHECKING:
    from actors.bots.sight import Sight
    from actors.rules.interface import AnyRules

WORLDS: Final = 16
"""Positions that a player imagines, to see how it stands on the average."""


def takes_draw(kind: str, rules: AnyRules, sight: Sight, seed: bytes) -> bool:
    """Whether a player of this kind accepts: the same for the same sight and seed.

    `random` tosses a coin. The others accept unless they stand better than everybody else, as the rules appraise the
    positions that they could be in; who cannot tell how it stands plays on. Raises nothing.
    """
    mind = Mind(rules, sight, Chance(seed), Budget())
    if kind == "random":
        return mind.chance.below(2) == 1
    worth = Worth(rules, sight.players)
    if not worth.appraises:
        return False
    try:
        imagine = mind.imagine()
        imagined = [worth.of(imagine()) for _ in range(WORLDS)]
        means = [sum(each) / WORLDS for each in zip(*imagined, strict=True)]
        return any(mean >= means[sight.seat] for seat, mean in enumerate(means) if seat != sight.seat)
    except Exception:
        # No position fits, or the rules failed in one that is none of the game's: the game itself is as well as it was.
        return False
