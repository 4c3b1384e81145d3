"""Bots that play each other, without a server: they are shown what a server would show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from actors.bots.players import decide
from actors.bots.sight import Sight
from actors.rules.chance import Chance, key_of
from actors.rules.interface import Outcome
from actors.rules.validation import checked_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.bots.budget import Budget
    from actors.rules.interface import AnyRules, JsonObject

_MOST_STEPS: Final = 10_000


class Endless(Exception):
    """A game went on for longer than a table lets one."""


@frozen
class Played:
    """A game that bots have played."""

    outcome: Outcome
    steps: int
    instead: str | None = None
    """Why one of them did not decide as it does otherwise; None: all did."""


def play_match(rules: AnyRules, bots: Sequence[str], seed: str, budget: Budget, options: JsonObject) -> Played:
    """Plays a game of these bots, by seat, to its end: the same one for the same seed and iterations. Raises Endless,
    CannotChoose."""
    chance, minds = Chance(key_of(seed)), Chance(key_of(f"the minds of {seed}"))
    state = rules.set_up(len(bots), checked_options(rules, options), chance)
    past: list[list[JsonObject]] = [[rules.view(state, seat)] for seat in range(len(bots))]
    remembers = getattr(rules, "imagine", None) is None
    instead = None
    for step in range(_MOST_STEPS):
        to_act = rules.to_act(state)
        if not to_act:
            outcome = rules.outcome(state)
            assert outcome is not None
            return Played(outcome, step, instead)
        seat = to_act[0]
        legal = rules.legal(state, seat)
        sight = Sight(
            rules.name,
            rules.version,
            len(bots),
            seat,
            past[seat][-1],
            None if legal is None else tuple(rules.dump(action) for action in legal),
            tuple(past[seat][:-1]) if remembers else (),
        )
        decision = decide(bots[seat], rules, sight, _seed(minds), budget)
        instead = instead or decision.instead
        state = rules.apply(state, seat, rules.parse(decision.action), chance).state
        for one, seen in enumerate(past):
            view = rules.view(state, one)
            seen[:] = [*seen, view] if remembers else [view]
    raise Endless(f"{rules.name} did not end within {_MOST_STEPS} steps")


def _seed(chance: Chance) -> bytes:
    return chance.below(2**128).to_bytes(16, "big")
