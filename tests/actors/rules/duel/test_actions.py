"""What players can do, as JSON."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.rules.duel.actions import (
    Attach,
    Bench,
    Choose,
    ChooseActive,
    EndTurn,
    Evolve,
    Play,
    Promote,
    Retreat,
    Strike,
    dump,
    parse,
)
from actors.rules.duel.cards import CARDS
from actors.rules.interface import MalformedAction

card = st.sampled_from(sorted(CARDS))
spot = st.integers(0, 5)
ACTIONS = st.one_of(
    st.builds(ChooseActive, card),
    st.builds(Bench, card),
    st.builds(Evolve, card, spot),
    st.builds(Attach, card, spot),
    st.builds(Play, card),
    st.builds(Retreat, spot, st.lists(card, max_size=3).map(sorted).map(tuple)),
    st.builds(Strike, st.text(min_size=1, max_size=20)),
    st.builds(Promote, spot),
    st.builds(Choose, card=card),
    st.builds(Choose, spot=spot),
    st.just(Choose()),
    st.just(EndTurn()),
)


@given(ACTIONS)
def test_what_is_dumped_parses_to_the_same_action(action: Any) -> None:  # noqa: ANN401
    assert parse(dump(action)) == action


def test_energies_that_pay_may_come_in_any_order() -> None:
    sent = {"type": "retreat", "spot": 1, "pay": ["tide_energy", "ember_energy"]}
    assert parse(sent) == Retreat(1, ("ember_energy", "tide_energy"))


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ({}, "type: must be one of choose_active, bench"),
        ({"type": "fly"}, "type: must be one of"),
        ({"type": []}, "type: must be one of"),
        ({"type": "bench"}, "card: is missing"),
        ({"type": "bench", "card": "dragon"}, "card: must be the id of a card"),
        ({"type": "bench", "card": None}, "card: must be the id of a card"),
        ({"type": "bench", "card": ["ashmoth"]}, "card: must be the id of a card"),
        ({"type": "bench", "card": "ashmoth", "spot": 1}, "spot: bench has no such field"),
        ({"type": "end_turn", "x" * 200: 1}, "x" * 40 + ": end_turn has no such field"),
        ({"type": "promote", "spot": "1"}, "spot: must be 0"),
        ({"type": "promote", "spot": True}, "spot: must be 0"),
        ({"type": "promote", "spot": 6}, "spot: must be 0"),
        ({"type": "promote", "spot": -1}, "spot: must be 0"),
        ({"type": "promote", "spot": 1.0}, "spot: must be 0"),
        ({"type": "evolve", "card": "ashmoth"}, "spot: is missing"),
        ({"type": "attack", "attack": ""}, "attack: must be the name"),
        ({"type": "attack", "attack": "x" * 41}, "attack: must be the name"),
        ({"type": "attack", "attack": 0}, "attack: must be the name"),
        ({"type": "retreat", "spot": 1}, "pay: is missing"),
        ({"type": "retreat", "spot": 1, "pay": "ember_energy"}, "pay: must be a list"),
        ({"type": "retreat", "spot": 1, "pay": ["fire"]}, "pay: must be a list"),
        ({"type": "retreat", "spot": 1, "pay": [{}]}, "pay: must be a list"),
        ({"type": "retreat", "spot": 1, "pay": ["ember_energy"] * 41}, "pay: must be a list"),
        ({"type": "choose"}, "card, spot: a choice is one of both"),
        ({"type": "choose", "card": "ashmoth", "spot": 1}, "card, spot: a choice is one of both"),
        ({"type": "choose", "spot": None}, "spot: must be 0"),
        ({"type": "choose", "card": 3}, "card: must be the id"),
    ],
)
def test_a_malformed_action_is_refused_with_the_field_that_is_wrong(sent: dict[str, Any], text: str) -> None:
    with pytest.raises(MalformedAction) as caught:
        parse(sent)
    assert str(caught.value).startswith(text)
