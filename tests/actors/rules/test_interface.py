"""The parts of the Rules protocol that do something: who sees what of a change."""

from __future__ import annotations

import pytest
from attrs.exceptions import FrozenInstanceError

from actors.rules.interface import Change, ForcedAction, Outcome, Step

PUBLIC = {"type": "drew", "card": None}
PRIVATE = {"type": "drew", "card": "QS"}


def test_a_seat_sees_what_is_private_to_it_in_place_of_the_public() -> None:
    assert Change(PUBLIC, {1: PRIVATE}).seen_by(1) == PRIVATE


def test_other_seats_and_spectators_see_the_public() -> None:
    change = Change(PUBLIC, {1: PRIVATE})
    assert [change.seen_by(viewer) for viewer in (0, 2, None)] == [PUBLIC] * 3


def test_a_change_with_nothing_private_is_the_same_for_everybody() -> None:
    assert [Change(PUBLIC).seen_by(viewer) for viewer in (0, 1, None)] == [PUBLIC] * 3


def test_what_the_rules_hand_out_cannot_be_reassigned() -> None:
    outcome = Outcome(0, (1.0, 0.0), "went_out")
    with pytest.raises(FrozenInstanceError):
        outcome.winner = 1  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        Step(outcome).message = "another"  # type: ignore[misc]


def test_two_forced_actions_do_not_share_their_empty_params() -> None:
    assert ForcedAction(0, "choose_suit", "an eight").params is not ForcedAction(1, "choose_suit", "an eight").params
