"""The players: `random`, `greedy` and `mcts`, by what they know, what they may spend, and chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import define, evolve, frozen

from actors.bots.budget import Budget
from actors.bots.dealing import Dealer, NothingFits
from actors.bots.search import Search
from actors.bots.sight import Sight
from actors.bots.worth import Worth
from actors.rules.chance import Chance
from actors.rules.interface import AnyRules, JsonObject

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


GREEDY_WORLDS: Final = 8
"""Positions that the greedy player imagines, to see what each action comes to on the average."""


class CannotChoose(Exception):
    """The rules do not list what may be done, so nobody can choose from it who does not know them."""


@frozen
class Decision:
    """What a player does. `instead` says why it did not decide as it does otherwise; None: it did."""

    action: JsonObject
    instead: str | None = None


@define(eq=False)
class Mind:
    """One player at one moment."""

    rules: AnyRules
    sight: Sight
    chance: Chance
    budget: Budget

    def legal(self) -> list[Any]:
        """The actions that there are to choose from. Raises CannotChoose."""
        if not self.sight.legal_actions:
            raise CannotChoose(f"{self.sight.rules} does not list the legal actions")
        return [self.rules.parse(action) for action in self.sight.legal_actions]

    def imagine(self) -> Callable[[], Any]:
        """What gives positions that this player could be in. It raises NothingFits, and what the rules raise."""
        imagine = getattr(self.rules, "imagine", None)
        if imagine is None:
            return Dealer(self.rules, self.sight, self.chance).deal
        return lambda: imagine(self.sight.state, self.sight.seat, self.chance)


def choose_at_random(mind: Mind) -> int:
    """Any of the legal actions."""
    return mind.chance.below(len(mind.legal()))


def choose_greedily(mind: Mind) -> int:
    """Looks one action ahead, in some positions that could be: what is good and leaves the turn is done first, of the
    rest what comes out best. What is good, the rules' `appraise` says; without it only the end counts."""
    legal, imagine, seat = mind.legal(), mind.imagine(), mind.sight.seat
    worth = Worth(mind.rules, mind.sight.players)
    gains: list[list[float]] = [[] for _ in legal]
    stays = [True] * len(legal)
    for _ in range(GREEDY_WORLDS):
        state = imagine()
        before = worth.of(state)[seat]
        for number, action in enumerate(legal):
            after = mind.rules.apply(state, seat, action, mind.chance).state
            gains[number].append(worth.of(after)[seat] - before)
            stays[number] &= seat in mind.rules.to_act(after)
    means = [sum(gain) / len(gain) for gain in gains]
    kept = [number for number in range(len(legal)) if stays[number] and means[number] > 0]
    return _best(means, kept or range(len(legal)), mind.chance)


def _best(means: Sequence[float], among: Sequence[int], chance: Chance) -> int:
    highest = max(means[number] for number in among)
    return chance.choice([number for number in among if means[number] == highest])


def choose_by_search(mind: Mind) -> int:
    """Information-set Monte Carlo tree search."""
    worth = Worth(mind.rules, mind.sight.players)
    search = Search(mind.rules, mind.sight.seat, mind.imagine(), worth, mind.chance)
    return search.best(mind.legal(), mind.budget)


_PLAYERS: Final[dict[str, Callable[[Mind], int]]] = {
    "mcts": choose_by_search,
    "greedy": choose_greedily,
    "random": choose_at_random,
}
_FALLS_BACK: Final = {"mcts": "greedy", "greedy": "random"}

KINDS: Final = tuple(_PLAYERS)
"""The players that there are, the strongest first."""


def kind_of(user_id: str) -> str | None:
    """The player that this user is: `npc:mcts`, or `npc:mcts:` and whatever tells several apart. None: it is none of
    ours, a person or somebody else's."""
    prefix, _, rest = user_id.partition(":")
    kind = rest.partition(":")[0]
    return kind if prefix == "npc" and kind in _PLAYERS else None


def decide(kind: str, rules: AnyRules, sight: Sight, seed: bytes, budget: Budget) -> Decision:
    """What a player of this kind does: the same for the same sight, seed and iterations. Where the rules imagine no
    position that it could be in, or fail at it, it decides as a simpler player does. Raises CannotChoose."""
    mind = Mind(rules, sight, Chance(seed), budget)
    if len(mind.legal()) == 1:
        return Decision(_action(sight, 0))
    try:
        return Decision(_action(sight, _PLAYERS[kind](mind)))
    except NothingFits as error:
        reason = str(error)
    except Exception as error:
        # The rules failed in a position that is none of the game's: the game itself is as well as it was.
        reason = f"{rules.name} failed in an imagined position: {type(error).__name__}"
    if kind not in _FALLS_BACK:
        raise CannotChoose(reason)
    return evolve(decide(_FALLS_BACK[kind], rules, sight, seed, budget), instead=reason)


def _action(sight: Sight, number: int) -> JsonObject:
    assert sight.legal_actions is not None
    return sight.legal_actions[number]
