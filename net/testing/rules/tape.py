"""Games whose every draw of chance can be chosen: rules that are handed a tape in place of the game's own chance.

All chance comes to rules through `Chance.below`, so a game is its moves and the sequence of those draws. To change one
of them is to deal one card otherwise, and all else the same.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, TypeVar

from actors.rules.chance import Chance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from actors.rules.interface import AnyRules, JsonObject, Step


T = TypeVar("T")


class Tape(Chance):
    """Draw number n is what the tape has there; `position` counts draws."""

    __slots__ = ("_rules",)

    def __init__(self, rules: Taped, position: int) -> None:
        super().__init__(b"", position)
        self._rules = rules

    def below(self, n: int) -> int:
        """A whole number from 0 to n-1. Raises ValueError when n is not positive."""
        if n < 1:
            raise ValueError(f"below() needs a positive bound, not {n}")
        number, self.position = self.position, self.position + 1
        self._rules.bounds[number] = n
        return self._rules.drawn(number, n)


class Taped:
    """These rules, dealt by a tape that follows from the seed, but for the draws that are `changed`. `bounds` has every
    draw so far and below which number it was."""

    native = False  # it counts the draws, so it stays in this process, whatever the rules are made of

    def __init__(self, rules: AnyRules, seed: str, changed: Mapping[int, int]) -> None:
        self.rules = rules
        self.seed = seed
        self.changed = dict(changed)
        self.bounds: dict[int, int] = {}

    def drawn(self, number: int, n: int) -> int:
        """What is drawn there, of n."""
        if number in self.changed:
            return self.changed[number] % n
        block = hashlib.blake2b(f"{self.seed} {number}".encode(), digest_size=16).digest()
        return int.from_bytes(block, "big") % n

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the rules have
        return getattr(self.rules, name)

    def set_up(self, players: int, options: JsonObject, chance: Chance) -> Any:  # noqa: ANN401 - the rules' own state
        """The first state."""
        return self._with_tape(chance, lambda tape: self.rules.set_up(players, options, tape))

    def apply(self, state: Any, seat: int, action: Any, chance: Chance) -> Step[Any]:  # noqa: ANN401 - as above
        """As the rules do."""
        return self._with_tape(chance, lambda tape: self.rules.apply(state, seat, action, tape))

    def resign(self, state: Any, seat: int, chance: Chance) -> Step[Any]:  # noqa: ANN401 - as above
        """As the rules do."""
        return self._with_tape(chance, lambda tape: self.rules.resign(state, seat, tape))

    def time_out(self, state: Any, seats: tuple[int, ...], chance: Chance) -> Step[Any]:  # noqa: ANN401 - as above
        """As the rules do."""
        return self._with_tape(chance, lambda tape: self.rules.time_out(state, seats, tape))

    @property
    def end_in_draw(self) -> Callable[[Any, Chance], Step[Any]] | None:
        """As the rules do, if they do."""
        end_in_draw = getattr(self.rules, "end_in_draw", None)
        if end_in_draw is None:
            return None
        return lambda state, chance: self._with_tape(chance, lambda tape: end_in_draw(state, tape))

    def _with_tape(self, chance: Chance, call: Callable[[Tape], T]) -> T:
        tape = Tape(self, chance.position)
        try:
            return call(tape)
        finally:
            chance.position = tape.position
