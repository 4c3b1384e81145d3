"""How the ready decks do against each other, as docs/duel.md shows it:

python -m tests.samples.duel_balance 60
"""

from __future__ import annotations

import sys
from collections import Counter
from itertools import permutations
from typing import TYPE_CHECKING

from actors.rules.duel.decks import READY
from tests.samples.duel import at_random, greedy, play

if TYPE_CHECKING:
    from tests.samples.duel import Player


def figures(player: Player, games: int) -> str:
    """A table of the shares that each deck wins from each, in so many games of each ordered pair, and some words."""
    won: dict[tuple[str, str], float] = dict.fromkeys(permutations(READY, 2), 0.0)
    ends: Counter[str] = Counter()
    first, turns = 0.0, 0
    for one, other in permutations(READY, 2):
        for number in range(games):
            state = play({"decks": [one, other]}, (player, player), f"{one} {other} {number}")
            assert state.outcome is not None
            scores = state.outcome.scores
            won[one, other] += scores[0]
            won[other, one] += scores[1]
            ends[state.outcome.reason] += 1
            first += scores[state.turn if state.number % 2 else 1 - state.turn]
            turns += state.number
    total = games * len(won)
    rows = [f"| | {' | '.join(READY)} | all |", "| --- " * (len(READY) + 2) + "|"]
    for one in READY:
        shares = [won[one, other] / (2 * games) if one != other else None for other in READY]
        mean = sum(share for share in shares if share is not None) / (len(READY) - 1)
        cells = ["" if share is None else f"{share:.0%}" for share in (*shares, mean)]
        rows.append(f"| {one} | {' | '.join(cells)} |")
    reasons = ", ".join(f"`{reason}` {count / total:.0%}" for reason, count in ends.most_common())
    said = f"{total} games; whoever begins wins {first / total:.0%}; {turns / total:.0f} turns a game; {reasons}."
    return "\n".join([*rows, "", said])


def main(games: int) -> None:
    """Writes the figures of both players."""
    for player in (greedy, at_random):
        sys.stdout.write(f"{player.__name__}\n\n{figures(player, games)}\n\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
