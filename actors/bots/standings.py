"""What games between bots say of their strength: shares with Wilson's interval, and ratings by Bradley and Terry."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_Z: Final = 1.96
"""The interval is one of 95%."""

_ROUNDS: Final = 1000
_MEAN: Final = 1500.0


@frozen
class Interval:
    """A share, and between what it may well lie."""

    share: float
    low: float
    high: float


def wilson(points: float, games: int) -> Interval:
    """The share of so many points (a win 1, a draw 1/2) of so many games, with the score interval of E. B. Wilson,
    "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22, 1927. For no games: anything."""
    if not games:
        return Interval(0.5, 0.0, 1.0)
    share, z2 = points / games, _Z * _Z
    centre = (share + z2 / (2 * games)) / (1 + z2 / games)
    spread = _Z / (1 + z2 / games) * math.sqrt(share * (1 - share) / games + z2 / (4 * games * games))
    # At the ends it is exactly the share, but for the rounding.
    return Interval(share, max(0.0, min(share, centre - spread)), min(1.0, max(share, centre + spread)))


@define
class Score:
    """What one bot has won against another."""

    won: int = 0
    drawn: int = 0
    lost: int = 0

    @property
    def games(self) -> int:
        """How many they have played."""
        return self.won + self.drawn + self.lost

    @property
    def points(self) -> float:
        """A win is 1, a draw 1/2."""
        return self.won + self.drawn / 2


@define(eq=False)
class Standings:
    """The games of a tournament, as they come in."""

    bots: tuple[str, ...]
    _scores: dict[tuple[str, str], Score] = field(factory=dict, init=False)

    def between(self, one: str, other: str) -> Score:
        """What the one has won against the other."""
        return self._scores.setdefault((one, other), Score())

    def add(self, one: str, other: str, winner: str | None) -> None:
        """A game of these two was won by this one; None: a draw."""
        for bot, foe in ((one, other), (other, one)):
            score = self.between(bot, foe)
            if winner is None:
                score.drawn += 1
            elif winner == bot:
                score.won += 1
            else:
                score.lost += 1

    def all_of(self, bot: str) -> Score:
        """What it has won against all."""
        against = [self.between(bot, other) for other in self.bots if other != bot]
        return Score(*(sum(getattr(one, name) for one in against) for name in ("won", "drawn", "lost")))

    def elo(self) -> dict[str, float]:
        """A rating for each, in Elo's points, 1500 in the mean: the most likely strengths of R. A. Bradley and
        M. E. Terry's model, found by the MM iteration of D. R. Hunter ("MM algorithms for generalized Bradley-Terry
        models", Annals of Statistics 32, 2004). Each pair is given a draw besides, or who has won every game would be
        infinitely strong."""
        pairs = {
            (one, other): (self.between(one, other).points + 0.5, self.between(one, other).games + 1)
            for one in self.bots
            for other in self.bots
            if one != other
        }
        strengths = dict.fromkeys(self.bots, 1.0)
        for _ in range(_ROUNDS):
            strengths = _centred({bot: self._stronger(bot, strengths, pairs) for bot in self.bots})
        return {bot: _MEAN + 400 * math.log10(strength) for bot, strength in strengths.items()}

    def _stronger(
        self, bot: str, strengths: dict[str, float], pairs: dict[tuple[str, str], tuple[float, int]]
    ) -> float:
        others = [other for other in self.bots if other != bot]
        points = sum(pairs[bot, other][0] for other in others)
        met = sum(pairs[bot, other][1] / (strengths[bot] + strengths[other]) for other in others)
        return points / met if met else 1.0


def _centred(strengths: dict[str, float]) -> dict[str, float]:
    mean = math.exp(sum(map(math.log, strengths.values())) / len(strengths))
    return {bot: strength / mean for bot, strength in strengths.items()}


def pairs_of(bots: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Each pair once, in the order of the bots."""
    return ((one, other) for number, one in enumerate(bots) for other in bots[number + 1 :])
