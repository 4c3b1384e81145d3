"""Information-set Monte Carlo tree search: SO-ISMCTS of Cowling, Powley and Whitehouse, "Information Set Monte Carlo
Tree Search", IEEE Transactions on Computational Intelligence and AI in Games 4(2), 2012, section IV.

One tree for all that the player could believe. Each iteration imagines a whole position that fits what the player
sees, and walks down the tree by what is legal in that; of the children that are, UCB1 chooses, with how often each was
there to be chosen in place of the parent's visits (their equation for subset-armed bandits). What chance does on the
way is one more thing that differs from walk to walk, as who holds what does.

From the node that it adds a walk is played on: at random to the end; or, where rules appraise positions, for some
steps in which each player takes the best of a few actions, and then it is appraised. Of several who are to act at once
the searcher moves first in the tree, so that its choice does not depend on theirs; theirs may depend on it, which is to
be pessimistic.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from actors.bots.worth import Worth
from actors.rules.chance import Chance
from actors.rules.interface import AnyRules, IllegalAction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.bots.budget import Budget, Spending

_EXPLORATION: Final = 0.15
"""How much UCB1 cares for what it has seldom tried. Cowling and others took 0.7 for rewards of 0 and 1; positions that
are appraised lie closer together. Found by trying, in Duel: with 0.5 it beats nobody who is greedy."""

_LONGEST_PLAYOUT: Final = 1000
"""Steps after which a game that is played on at random counts as undecided."""

_PLIES: Final = 6
"""Steps for which a walk is played on before the position is appraised."""

_LOOKED_AT: Final = 4
"""Actions of which a player takes the best in these."""

_DEEPEST: Final = 200


@define(eq=False)
class _Node:
    """What comes of an action: how often it was taken, was there to be taken, and what it brought whoever took it."""

    visits: int = 0
    available: int = 0
    worth: float = 0.0
    children: dict[Hashable, _Node] = field(factory=dict)

    def appeal(self) -> float:
        """UCB1 of a child that has been visited."""
        explored = math.sqrt(math.log(self.available) / self.visits)
        return self.worth / self.visits + _EXPLORATION * explored


@define(eq=False)
class Search:
    """Looks for the best of the actions that a seat may take. `imagine` gives a position that the seat could be in,
    another one each time."""

    rules: AnyRules
    seat: int
    imagine: Callable[[], Any]
    worth: Worth
    chance: Chance
    _root: _Node = field(factory=_Node, init=False)

    def best(self, legal: Sequence[Any], budget: Budget) -> int:
        """The number of the best of these actions. Raises what `imagine` and the rules raise."""
        keys = [self._key(action) for action in legal]
        spending, done = budget.begin(), 0
        while not self._is_settled(keys, spending, done):
            self._iterate(dict(zip(keys, legal, strict=True)))
            done += 1
        return max(range(len(keys)), key=lambda number: self._visits(keys[number]))

    def _visits(self, key: Hashable) -> tuple[int, float]:
        node = self._root.children.get(key)
        return (0, 0.0) if node is None else (node.visits, node.worth)

    def _is_settled(self, keys: Sequence[Hashable], spending: Spending, done: int) -> bool:
        """Whether the time is over, or what is ahead can no more be overtaken."""
        left = spending.left(done)
        if left <= 0:
            return True
        visits = sorted((self._visits(key)[0] for key in keys), reverse=True)
        return len(visits) > 1 and visits[0] - visits[1] > left

    # ---- one iteration

    def _iterate(self, legal: dict[Hashable, Any]) -> None:
        rules, chance = self.rules, self.chance
        state, node = self.imagine(), self._root
        path: list[tuple[_Node, int]] = []
        for _ in range(_DEEPEST):
            actor = self._actor(state)
            if actor is None:
                break
            actions = self._actions(state, actor, legal if node is self._root else None)
            if not actions:
                break
            added, child, action = self._select(node, actions)
            try:
                state = rules.apply(state, actor, action, chance).state
            except IllegalAction:  # what is legal by the list is not by the rules: this walk tells nothing
                return
            path.append((child, actor))
            node = child
            if added:
                break
        worth = self.worth.of(self._played_on(state) if self.worth.appraises else self._played_out(state))
        for visited, actor in path:
            visited.visits += 1
            visited.worth += worth[actor]

    def _actor(self, state: Any) -> int | None:  # noqa: ANN401 - the rules' own state
        to_act = self.rules.to_act(state)
        if not to_act:
            return None
        return self.seat if self.seat in to_act else to_act[0]

    def _actions(self, state: Any, actor: int, only: dict[Hashable, Any] | None) -> list[tuple[Hashable, Any]]:  # noqa: ANN401
        actions = [(self._key(action), action) for action in self.rules.legal(state, actor) or ()]
        return actions if only is None else [one for one in actions if one[0] in only]

    def _select(self, node: _Node, actions: Sequence[tuple[Hashable, Any]]) -> tuple[bool, _Node, Any]:
        """The child to go on with, and the action that leads there; whether it is new."""
        children, untried = node.children, []
        best: tuple[_Node, Any] | None = None
        appeal = -math.inf
        for key, action in actions:
            child = children.get(key)
            if child is None:
                untried.append((key, action))
                continue
            child.available += 1
            if not untried and (now := child.appeal()) > appeal:
                best, appeal = (child, action), now
        if untried:
            key, action = self.chance.choice(untried)
            children[key] = child = _Node(available=1)
            return True, child, action
        assert best is not None
        return False, *best

    def _played_on(self, state: Any) -> Any:  # noqa: ANN401 - the rules' own state
        for _ in range(_PLIES):
            actor = self._actor(state)
            actions = None if actor is None else self.rules.legal(state, actor)
            if actor is None or not actions:
                break
            state = self._after_a_good_action(state, actor, actions)
        return state

    def _after_a_good_action(self, state: Any, actor: int, actions: Sequence[Any]) -> Any:  # noqa: ANN401
        """What comes of the best of a few actions: one that is good and leaves the turn goes before all others."""
        rules, chance = self.rules, self.chance
        if len(actions) == 1:
            return rules.apply(state, actor, actions[0], chance).state
        before = self.worth.to(state, actor)
        best, found = (False, -1.0), state
        for action in chance.shuffled(actions)[:_LOOKED_AT]:
            after = rules.apply(state, actor, action, chance).state
            worth = self.worth.to(after, actor)
            rank = (worth > before and actor in rules.to_act(after), worth)
            if rank > best:
                best, found = rank, after
        return found

    def _played_out(self, state: Any) -> Any:  # noqa: ANN401 - the rules' own state
        for _ in range(_LONGEST_PLAYOUT):
            actor = self._actor(state)
            actions = None if actor is None else self.rules.legal(state, actor)
            if actor is None or not actions:
                break
            state = self.rules.apply(state, actor, self.chance.choice(actions), self.chance).state
        return state

    def _key(self, action: Any) -> Hashable:  # noqa: ANN401 - the rules' own action
        try:
            hash(action)
        except TypeError:
            return json.dumps(self.rules.dump(action), sort_keys=True)
        return action  # type: ignore[no-any-return]
