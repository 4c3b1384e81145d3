"""The ready decks are about as strong as each other. docs/duel.md has the figures of many more games."""

from __future__ import annotations

from itertools import permutations

import pytest

from actors.rules.duel.decks import READY
from tests.samples.duel import at_random, greedy, play


@pytest.mark.parametrize("player", [greedy, at_random])
def test_no_ready_deck_wins_or_loses_nearly_always(player: object) -> None:
    scores = dict.fromkeys(READY, 0.0)
    games = 4
    for number in range(games):
        for one, other in permutations(READY, 2):
            state = play({"decks": [one, other]}, (player, player), f"balance {one} {other} {number}")  # type: ignore[arg-type]
            assert state.outcome is not None
            scores[one] += state.outcome.scores[0]
            scores[other] += state.outcome.scores[1]
    shares = {deck: score / (games * 2 * (len(READY) - 1)) for deck, score in scores.items()}
    # 40 games a deck: three times the standard deviation of a fair coin to either side is 0.26 to 0.74.
    assert all(0.26 <= share <= 0.74 for share in shares.values()), shares


def test_to_play_well_pays() -> None:
    won = 0.0
    for number in range(20):
        seat = number % 2
        players = (greedy, at_random) if seat == 0 else (at_random, greedy)
        state = play({"decks": ["groves", "groves"]}, players, f"pays {number}")
        assert state.outcome is not None
        won += state.outcome.scores[seat]
    assert won >= 16
