"""How well a player stands, for players who search: few cards, an eight among them, and cards that fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actors.rules.cards import Rank, rank_of, suit_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.rules.cards import Card
    from actors.rules.crazy_eights.state import State

_EIGHT: Final = 0.8
"""Cards that an eight is as good as having less of."""
_FITS: Final = 0.25
_FAR: Final = 1.0
"""Keeps the share from saying too much of the last card."""


def appraise(state: State, seat: int) -> float:
    """From -1, lost, to 1, won."""
    playing = state.playing()
    if state.outcome is not None:
        return {seat: 1.0, None: 0.0}.get(state.outcome.winner, -1.0)
    if seat not in playing:
        return -1.0
    nearest = min(_to_go(state, state.hands[other]) for other in playing if other != seat)
    own = _to_go(state, state.hands[seat])
    # A share, and no difference: who is far ahead still does better to go out than to draw.
    return (nearest - own) / (nearest + own + _FAR)


def _to_go(state: State, hand: Sequence[Card]) -> float:
    """About how many turns it is from going out."""
    rank, suit = rank_of(state.top), state.suit
    eights = sum(rank_of(card) is Rank.EIGHT for card in hand)
    fitting = sum(suit_of(card) is suit or rank_of(card) is rank for card in hand)
    return max(0.0, len(hand) - _EIGHT * eights - _FITS * min(fitting, 3))
