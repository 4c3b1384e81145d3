"""Positions for rules that imagine none: the game is dealt again, and played again, until what the seat sees is what it
saw. That is quick enough for small games, and for others it is tried and given up.

The views from the first on are followed, one event after the other: from a position that fits what was seen so far, the
actions of whoever was to act are tried, with fresh chance, until one leads to what was seen next. Where none does, the
game is dealt anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from actors.bots.sight import Sight
from actors.rules.chance import Chance
from actors.rules.interface import AnyRules, IllegalAction, JsonObject
from actors.rules.validation import checked_options

if TYPE_CHECKING:
    from collections.abc import Iterator


_TRIES_AT_ONE: Final = 4
"""How often, with other chance, each action is tried before another deal is."""

_STEPS: Final = 3000
"""Calls of the rules after which a deal that fits counts as not to be found."""


class NothingFits(Exception):
    """No deal was found, in reasonable time, that fits what was seen."""


@define(eq=False)
class Dealer:
    """Finds positions that this sight fits. The options are those that the view names (`options`), else the defaults:
    nothing else tells a player of them."""

    rules: AnyRules
    sight: Sight
    chance: Chance
    _steps: int = field(default=0, init=False)
    _seen: tuple[JsonObject, ...] = field(init=False)
    _options: JsonObject = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._seen = (*self.sight.past, self.sight.state)
        given = self.sight.state.get("options")
        self._options = checked_options(self.rules, given if isinstance(given, dict) else {})

    def deal(self) -> Any:  # noqa: ANN401 - the rules' own state
        """A position that fits. Raises NothingFits."""
        self._steps = 0
        while self._steps < _STEPS:
            self._steps += 1
            state = self.rules.set_up(self.sight.players, self._options, self.chance)
            if self._fits(state, self._seen[0]) and (found := self._followed(state)) is not None:
                return found
        raise NothingFits(f"no deal of {self.rules.name} was found that fits what was seen")

    def _followed(self, state: Any) -> Any | None:  # noqa: ANN401
        for seen in self._seen[1:]:
            after = next((one for one in self._successors(state) if self._fits(one, seen)), None)
            if after is None:
                return None
            state = after
        return state

    def _successors(self, state: Any) -> Iterator[Any]:  # noqa: ANN401
        """What could come next, in random order: of the actions of those who are to act, of resignations, and of time
        that is up."""
        rules, chance = self.rules, self.chance
        to_act = rules.to_act(state)
        moves = [(seat, action) for seat in to_act for action in rules.legal(state, seat) or ()]
        for seat, action in chance.shuffled(moves * _TRIES_AT_ONE):
            self._steps += 1
            if self._steps > _STEPS:
                return
            try:
                yield rules.apply(state, seat, action, chance).state
            except IllegalAction:
                continue
        for seat in range(self.sight.players):
            if not rules.has_resigned(state, seat):
                yield rules.resign(state, seat, chance).state
        if to_act:
            yield rules.time_out(state, to_act, chance).state

    def _fits(self, state: Any, seen: JsonObject) -> bool:  # noqa: ANN401
        return self.rules.view(state, self.sight.seat) == seen
