"""The actions on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.rules.cards import PACK, Suit, card_of
from actors.rules.crazy_eights.actions import ChooseSuit, Draw, Pass, Play, dump, parse
from actors.rules.interface import MalformedAction

if TYPE_CHECKING:
    from actors.rules.crazy_eights.actions import Action
    from actors.rules.interface import JsonObject

EVERY_ACTION: list[Action] = [
    *(Play(card) for card in PACK),
    Draw(),
    Pass(),
    *(ChooseSuit(suit) for suit in Suit),
]


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ({"type": "play", "card": "8H"}, Play(card_of("8H"))),
        ({"type": "draw"}, Draw()),
        ({"type": "pass"}, Pass()),
        ({"type": "choose_suit", "suit": "hearts"}, ChooseSuit(Suit.HEARTS)),
    ],
)
def test_these_are_the_forms_of_the_actions(sent: JsonObject, meant: Action) -> None:
    assert parse(sent) == meant
    assert dump(meant) == sent


@pytest.mark.parametrize("action", EVERY_ACTION)
def test_what_is_dumped_parses_to_the_same(action: Action) -> None:
    dumped = dump(action)
    assert parse(dumped) == action
    assert type(dumped.get("suit", "")) is str  # plain text, not an enum that some encoder trips over


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "type"),
        ({"type": None}, "type"),
        ({"type": ["draw"]}, "type"),
        ({"type": "Draw"}, "type"),
        ({"type": "play"}, "card"),
        ({"type": "play", "card": None}, "card"),
        ({"type": "play", "card": 8}, "card"),
        ({"type": "play", "card": ["8H"]}, "card"),
        ({"type": "play", "card": "8h"}, "card"),
        ({"type": "play", "card": "H8"}, "card"),
        ({"type": "choose_suit"}, "suit"),
        ({"type": "choose_suit", "suit": "H"}, "suit"),
        ({"type": "choose_suit", "suit": {}}, "suit"),
        ({"type": "draw", "card": "8H"}, "card"),
        ({"type": "pass", "suit": "hearts"}, "suit"),
        ({"type": "play", "card": "8H", "suit": "hearts"}, "suit"),
        ({"type": "draw", "count": 2}, "count"),
    ],
)
def test_the_field_that_is_wrong_is_named(sent: JsonObject, field: str) -> None:
    with pytest.raises(MalformedAction, match=f"^{field}: "):
        parse(sent)


def test_a_refusal_does_not_repeat_what_was_sent_at_length() -> None:
    with pytest.raises(MalformedAction) as caught:
        parse({"type": "draw", "x" * 10_000: 1})
    assert len(str(caught.value)) < 100


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    kind=st.sampled_from(["play", "draw", "pass", "choose_suit"]) | JSON,
    rest=st.dictionaries(st.sampled_from(["card", "suit"]) | st.text(), JSON | st.sampled_from(PACK), max_size=3),
)
def test_any_json_object_is_an_action_or_malformed(kind: object, rest: dict[str, Any]) -> None:
    sent = {**rest, "type": kind}
    try:
        action = parse(sent)
    except MalformedAction:
        return
    assert dump(action) == sent
