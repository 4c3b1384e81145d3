"""What a position is worth to each seat: 0 the worst, 1 the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from actors.rules.interface import AnyRules

if TYPE_CHECKING:
    from actors.rules.interface import Outcome

_BY_HOW_MUCH: Final = 0.02
"""The part of the worth of an end that is by how much somebody won or lost; all the rest is who came before whom."""

UNKNOWN: Final = 0.5


@define
class Worth:
    """Knows the highest and the lowest score that it has met, by which it tells a high score from a low one."""

    rules: AnyRules
    players: int
    _lowest: float = field(default=0.0, init=False)
    _highest: float = field(default=0.0, init=False)

    @property
    def appraises(self) -> bool:
        """Whether these rules tell good from bad before the end."""
        return getattr(self.rules, "appraise", None) is not None

    def of(self, state: Any) -> tuple[float, ...]:  # noqa: ANN401 - the rules' own state
        """The worth to each seat: of the end, if the game is over, else as the rules appraise it, if they do."""
        outcome = self.rules.outcome(state)
        if outcome is not None:
            return self.of_end(outcome)
        return tuple(self._appraised(state, seat) for seat in range(self.players))

    def to(self, state: Any, seat: int) -> float:  # noqa: ANN401 - the rules' own state
        """The same, to that seat alone."""
        outcome = self.rules.outcome(state)
        return self._appraised(state, seat) if outcome is None else self.of_end(outcome)[seat]

    def _appraised(self, state: Any, seat: int) -> float:  # noqa: ANN401 - the rules' own state
        appraise = getattr(self.rules, "appraise", None)
        return UNKNOWN if appraise is None else min(1.0, max(0.0, (1.0 + float(appraise(state, seat))) / 2))

    def of_end(self, outcome: Outcome) -> tuple[float, ...]:
        """The worth to each seat of this end."""
        self._lowest = min(self._lowest, *outcome.scores)
        self._highest = max(self._highest, *outcome.scores)
        scaled = tuple(map(self._scaled, outcome.scores))
        places = tuple(_place(outcome, seat) for seat in range(len(outcome.scores)))
        if len(set(places)) == 1:  # they win or lose together
            return scaled
        return tuple(
            (1 - _BY_HOW_MUCH) * place + _BY_HOW_MUCH * score for place, score in zip(places, scaled, strict=True)
        )

    def _scaled(self, score: float) -> float:
        width = self._highest - self._lowest
        return UNKNOWN if width == 0 else (score - self._lowest) / width


def _place(outcome: Outcome, seat: int) -> float:
    """The share of the others that this seat came before; who came as far counts half."""
    ranks = [(other == outcome.winner, score) for other, score in enumerate(outcome.scores)]
    others = len(ranks) - 1
    if not others:
        return UNKNOWN
    before = sum(rank < ranks[seat] for rank in ranks)
    level = sum(rank == ranks[seat] for rank in ranks) - 1
    return (before + level / 2) / others
