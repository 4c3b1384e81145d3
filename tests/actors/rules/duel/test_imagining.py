"""What a player of Duel could believe is what they are shown, and nothing of what they are not."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.rules.chance import Chance, key_of
from tests.actors.rules.duel.test_hidden import hidden_otherwise, told
from tests.samples.duel_games import DEALS, RULES, Deal, play_out, positions

if TYPE_CHECKING:
    from actors.rules.duel.state import State
    from actors.rules.interface import JsonObject


def imagined(view: JsonObject, seat: int, number: int) -> State:
    return RULES.imagine(view, seat, Chance(key_of(f"imagined {number}")))


def cards_of(state: State, seat: int) -> Counter[str]:
    side = state.sides[seat]
    chosen = () if side.chosen is None else (side.chosen,)
    return Counter((*side.deck, *side.hand, *side.discard, *chosen, *(c for one in side.in_play for c in one.cards)))


@settings(max_examples=40, deadline=None)
@given(DEALS, st.integers(0, 2**32))
def test_whoever_imagines_a_position_is_told_the_same_in_it(deal: Deal, number: int) -> None:
    for state in positions(deal):
        if state.outcome is None:
            for seat in (0, 1):
                other = imagined(RULES.view(state, seat), seat, number)
                expected, found = told(state, seat), told(other, seat)
                # But for how often the turn clock has started, which no view shows.
                assert found.rpartition(",")[0] == expected.rpartition(",")[0]


@settings(max_examples=40, deadline=None)
@given(DEALS, st.integers(0, 2**32))
def test_no_card_is_lost_or_won_by_imagining(deal: Deal, number: int) -> None:
    for state in positions(deal):
        if state.outcome is None:
            for seat in (0, 1):
                other = imagined(RULES.view(state, seat), seat, number)
                assert [cards_of(other, one) for one in (0, 1)] == [cards_of(state, one) for one in (0, 1)]


@settings(max_examples=40, deadline=None)
@given(DEALS, st.integers(0, 2**32))
def test_what_lies_hidden_has_no_part_in_what_is_imagined(deal: Deal, number: int) -> None:
    for at, state in enumerate(positions(deal)):
        if state.outcome is None:
            for seat in (0, 1):
                other = hidden_otherwise(state, seat, at)
                assert imagined(RULES.view(other, seat), seat, number) == imagined(
                    RULES.view(state, seat), seat, number
                )


@settings(max_examples=10, deadline=None)
@given(DEALS, st.integers(0, 2**32))
def test_a_game_goes_on_from_an_imagined_position_to_its_end(deal: Deal, number: int) -> None:
    pick = Chance(key_of(f"{number}"))
    for at, turn in enumerate(play_out(deal)):
        if at % 40 == 3 and turn.after.outcome is None:
            state = imagined(RULES.view(turn.after, turn.seat), turn.seat, number)
            while to_act := RULES.to_act(state):
                seat = to_act[0]
                state = RULES.apply(state, seat, pick.choice(RULES.legal(state, seat)), pick).state


def test_a_hand_is_imagined_as_likely_as_it_is() -> None:
    state = next(turn.after for turn in play_out(Deal(5, quick=95)) if turn.after.number == 3)
    view = RULES.view(state, 0)
    held = Counter[str]()
    for number in range(600):
        held.update(imagined(view, 0, number).sides[1].hand)
    hidden = Counter((*state.sides[1].hand, *state.sides[1].deck))
    drawn = 600 * len(state.sides[1].hand)
    for card, count in hidden.items():
        expected = drawn * count / hidden.total()
        assert abs(held[card] - expected) < 5 * expected**0.5 + 5


def test_a_creature_laid_face_down_is_one_that_could_have_been_chosen() -> None:
    deck = ["ember_energy"] * 39 + ["ashmoth"]
    state = RULES.set_up(2, {"decks": [deck, "tides"]}, Chance(b"key"))
    state = RULES.apply(state, 0, RULES.legal(state, 0)[0], Chance(b"key")).state
    view = RULES.view(state, 1)
    for number in range(20):
        assert imagined(view, 1, number).sides[0].chosen == "ashmoth"


def test_of_a_game_that_is_over_nothing_is_imagined() -> None:
    state = RULES.set_up(2, {}, Chance(b"key"))
    state = RULES.resign(state, 0, Chance(b"key")).state
    with pytest.raises(ValueError, match="over"):
        RULES.imagine(RULES.view(state, 1), 1, Chance(b"key"))
