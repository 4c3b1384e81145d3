"""What the special cards do, at a table that plays with them: OpenSpiel's rules, as docs/crazy-eights.md has them.

A queen skips the next player, an ace turns the direction of play round, and a two is a debt of two cards, which the
next player draws or, with another two, hands on and makes greater. Paying is no forced action: it is not the only one
that a player with a two has, and to call it forced when they have none would tell the others so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from actors.rules.cards import Rank, rank_of
from actors.rules.interface import Change

if TYPE_CHECKING:
    from actors.rules.crazy_eights.state import State


def hand_on(state: State) -> tuple[State, tuple[Change, ...]]:
    """The next player's turn, after the one on turn has laid the top card, and what that card did besides."""
    if not state.options.special_cards:
        return state.next_turn(), ()
    match rank_of(state.top):
        case Rank.QUEEN:
            skipped = state.after(state.turn)
            return evolve(state, turn=skipped).next_turn(), (Change({"type": "skipped", "seat": skipped}),)
        case Rank.ACE:
            turned = evolve(state, direction=-state.direction)
            return turned.next_turn(), (Change({"type": "reversed", "direction": turned.direction}),)
        case Rank.TWO if state.stock:  # else there is nothing to draw, and it is a card like any other
            after = evolve(state, owed=state.owed + 2).next_turn()
            return after, (Change({"type": "owes", "seat": after.turn, "cards": after.owed}),)
        case _:
            return state.next_turn(), ()
