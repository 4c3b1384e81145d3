"""What a hand costs, and how a game ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from actors.rules.cards import PACK, Rank, rank_of
from actors.rules.interface import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actors.rules.cards import Card
    from actors.rules.crazy_eights.state import State

WENT_OUT: Final = "went_out"
BLOCKED: Final = "blocked"
PLAY_LIMIT: Final = "play_limit"
RESIGNATION: Final = "resignation"


def _points(rank: Rank) -> int:
    match rank:
        case Rank.EIGHT:
            return 50
        case Rank.KING | Rank.QUEEN | Rank.JACK:
            return 10
        case Rank.ACE:
            return 1
        case _:
            return int(rank.value)


_POINTS: Final = {card: _points(rank_of(card)) for card in PACK}


def points_of(cards: Iterable[Card]) -> int:
    """What these cards cost their holder: an eight 50, a court card 10, an ace 1, the rest pips."""
    return sum(_POINTS[card] for card in cards)


def points_held(state: State) -> tuple[int, ...]:
    """The points each seat is left with; one that gave its cards away keeps the points it then held."""
    return tuple(points_of(hand) + given_up for hand, given_up in zip(state.hands, state.forfeited, strict=True))


def ended(state: State, reason: str, winner: int | None) -> State:
    """This state, over, with the scores that the table's way of scoring gives for this winner (None: a draw).

    A winner who is there because the others resigned counts as gone out: their own hand costs them nothing.
    """
    held = list(points_held(state))
    if winner is not None and reason == RESIGNATION:
        held[winner] = 0
    if state.options.scoring == "penalty":
        scores = [-points for points in held]
    else:
        scores = [0] * len(held)
        if winner is not None:
            # Never below nothing: whoever resigned may have held less than a player who wins a blocked game.
            scores[winner] = sum(max(0, points - held[winner]) for points in held)
    return evolve(state, owed=0, outcome=Outcome(winner, tuple(float(score) for score in scores), reason))


def ended_on_points(state: State, reason: str) -> State:
    """This state, over: the player with the fewest points wins, and a tie for the fewest is a draw."""
    held = points_held(state)
    fewest = min(held[seat] for seat in state.playing())
    lowest = [seat for seat in state.playing() if held[seat] == fewest]
    return ended(state, reason, lowest[0] if len(lowest) == 1 else None)
