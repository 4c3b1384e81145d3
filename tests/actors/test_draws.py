"""Draws by agreement, as a state machine: what may be said when, and when all have agreed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.draws import Draws, told_as
from actors.rules.interface import IllegalAction

if TYPE_CHECKING:
    from actors.table_messages import DrawMove

OFFERED = Draws().after(0, "offer", 5)


def test_an_offer_stands_until_it_is_declined() -> None:
    assert (OFFERED.by, OFFERED.offered_at) == (0, 5)
    assert OFFERED.after(1, "decline", 6).by is None


def test_it_is_settled_when_all_who_are_left_have_agreed() -> None:
    assert not OFFERED.is_settled({0, 1})
    assert OFFERED.after(1, "accept", 6).is_settled({0, 1})
    assert not OFFERED.after(1, "accept", 6).is_settled({0, 1, 2})
    assert OFFERED.after(1, "accept", 6).after(2, "accept", 7).is_settled({0, 1, 2})


def test_without_an_offer_nothing_is_settled() -> None:
    assert not Draws().is_settled(set())


@pytest.mark.parametrize(
    ("before", "seat", "move", "complaint"),
    [
        (Draws(), 0, "accept", "no offer"),
        (Draws(), 0, "decline", "no offer"),
        (OFFERED, 0, "accept", "your own"),
        (OFFERED, 0, "decline", "your own"),
        (OFFERED, 0, "offer", "stands already"),
        (OFFERED, 1, "offer", "accept or decline"),
        (OFFERED.after(1, "accept", 6), 1, "accept", "already"),
        (OFFERED.after(1, "accept", 6), 1, "decline", "already"),
        (OFFERED.after(1, "decline", 6), 0, "offer", "was declined"),
    ],
)
def test_what_may_not_be_said(before: Draws, seat: int, move: DrawMove, complaint: str) -> None:
    with pytest.raises(IllegalAction, match=complaint):
        before.after(seat, move, 9)


def test_whoever_declined_may_offer() -> None:
    assert OFFERED.after(1, "decline", 6).after(1, "offer", 7).by == 1


def test_everybody_is_told_who_said_what() -> None:
    assert told_as("decline", "ann").public == {"type": "draw_declined", "player_id": "ann"}


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["offer", "accept", "decline"]))))
def test_without_an_action_in_between_there_is_an_end_to_what_can_be_said(said: list[tuple[int, DrawMove]]) -> None:
    draws, taken = Draws(), 0
    for seat, move in said:
        if draws.is_settled({0, 1, 2}):
            break
        try:
            draws = draws.after(seat, move, taken)
        except IllegalAction:
            continue
        taken += 1
    assert taken <= 3 * 3  # each of three offers once, and the two others answer once
    assert len(set(draws.agreed)) == len(draws.agreed)
    assert draws.by not in draws.declined
