"""What a player of Crazy Eights could believe is what they are shown, and nothing of what they are not."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.rules.cards import PACK
from actors.rules.chance import Chance, key_of
from tests.actors.rules.crazy_eights.test_rules import DEALS, RULES, play_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors.rules.crazy_eights.state import State
    from actors.rules.interface import JsonObject
    from tests.actors.rules.crazy_eights.test_rules import Deal


def imagined(view: JsonObject, seat: int, number: int) -> State:
    return RULES.imagine(view, seat, Chance(key_of(f"imagined {number}")))


def running(deal: Deal) -> Iterator[State]:
    for turn in play_out(deal):
        if turn.after.outcome is None:
            yield turn.after


def told(state: State, seat: int) -> str:
    legal = [RULES.dump(action) for action in RULES.legal(state, seat)]
    return json.dumps([RULES.view(state, seat), legal, RULES.to_act(state), RULES.current(state)])


@settings(max_examples=60, deadline=None)
@given(DEALS, st.integers(0, 2**32))
def test_whoever_imagines_a_position_is_told_the_same_in_it(deal: Deal, number: int) -> None:
    for state in running(deal):
        for seat in range(deal.players):
            assert told(imagined(RULES.view(state, seat), seat, number), seat) == told(state, seat)


@settings(max_examples=60, deadline=None)
@given(DEALS, st.integers(0, 2**32))
def test_an_imagined_position_has_the_whole_pack_and_plays_by_the_tables_options(deal: Deal, number: int) -> None:
    for state in running(deal):
        for seat in range(deal.players):
            other = imagined(RULES.view(state, seat), seat, number)
            cards = (*other.stock, *other.discards, *(card for hand in other.hands for card in hand))
            assert Counter(cards) == Counter(PACK)
            assert other.options == state.options
            assert (other.plays, other.passes, other.owed) == (state.plays, state.passes, state.owed)


@settings(max_examples=60, deadline=None)
@given(DEALS, st.integers(0, 2**32))
def test_what_lies_hidden_has_no_part_in_what_is_imagined(deal: Deal, number: int) -> None:
    pick = Chance(key_of(f"elsewhere {number}"))
    for state in running(deal):
        for seat in range(deal.players):
            sizes = [0 if one == seat else len(hand) for one, hand in enumerate(state.hands)]
            own = state.hands[seat]
            cards = pick.shuffled(card for card in PACK if card not in own and card != state.top)
            starts = [sum(sizes[:one]) for one in range(len(sizes) + 1)]
            hands = [own if one == seat else cards[starts[one] : starts[one + 1]] for one in range(len(sizes))]
            rest = cards[starts[-1] :]
            at = len(state.stock)
            other = evolve(state, hands=tuple(hands), stock=rest[:at], discards=(*rest[at:], state.top))
            assert imagined(RULES.view(other, seat), seat, number) == imagined(RULES.view(state, seat), seat, number)


@settings(max_examples=10, deadline=None)
@given(DEALS, st.integers(0, 2**32))
def test_a_game_goes_on_from_an_imagined_position_to_its_end(deal: Deal, number: int) -> None:
    pick = Chance(key_of(f"{number}"))
    for at, begun in enumerate(running(deal)):
        if at % 10 == 3:
            seat = pick.below(deal.players)
            state = imagined(RULES.view(begun, seat), seat, number)
            while (turn := RULES.current(state)) is not None:
                state = RULES.apply(state, turn, pick.choice(RULES.legal(state, turn)), pick).state


def test_of_a_game_that_is_over_nothing_is_imagined() -> None:
    state = RULES.resign(RULES.set_up(2, {}, Chance(b"key")), 0, Chance(b"key")).state
    with pytest.raises(ValueError, match="over"):
        RULES.imagine(RULES.view(state, 1), 1, Chance(b"key"))
