"""The patches that lead from one JSON value to another, applied by a library that knows nothing of how they are
made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonpatch
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actors.rules.chance import Chance, key_of
from actors.rules.crazy_eights.rules import CrazyEights
from actors.rules.duel.rules import Duel
from net.json_patch import make_patch
from tests.samples.values import json_values

if TYPE_CHECKING:
    from actors.rules.interface import AnyRules

Json = Any


def applied(before: Json, patch: list[dict[str, Json]]) -> Json:
    # As a client has it, read from JSON: nothing in it is the same object twice, as it may be in what is drawn here.
    document = {"root": orjson.loads(orjson.dumps(before))}
    return jsonpatch.apply_patch(document, [{**each, "path": f"/root{each['path']}"} for each in patch])["root"]


def leads_there(before: Json, after: Json) -> list[dict[str, Json]]:
    """The patch, when it leads to the same bytes."""
    untouched = orjson.dumps([before, after])
    patch = make_patch(before, after)
    assert orjson.dumps(applied(before, orjson.loads(orjson.dumps(patch)))) == orjson.dumps(after)
    assert orjson.dumps([before, after]) == untouched
    return patch


@given(json_values, json_values)
def test_a_patch_leads_to_the_other_value_to_the_byte(before: Json, after: Json) -> None:
    leads_there(before, after)


CARDS = st.lists(st.sampled_from([0, 1, 2, True, 1.0, "0", None, {"suit": "h"}, {"suit": "s", "n": 1}, [1], []]))


ONE_OBJECT = [1]


@given(CARDS, CARDS)
@example([0, 0, 0, [], ONE_OBJECT, ONE_OBJECT], [0, 0, 0, [], [1], []])
def test_a_patch_of_lists_with_much_in_common_leads_there(before: Json, after: Json) -> None:
    leads_there(before, after)


NAMES = st.sampled_from(["a", "b", "c", "a/b", "~", "~1", "", "0", "-"])
OBJECTS = st.dictionaries(NAMES, st.one_of(st.integers(0, 1), st.dictionaries(NAMES, st.booleans()), CARDS))


@given(OBJECTS, OBJECTS)
def test_a_patch_of_objects_leads_there_with_their_members_in_order(before: Json, after: Json) -> None:
    leads_there(before, after)


@given(json_values)
def test_nothing_is_to_be_done_where_nothing_has_changed(value: Json) -> None:
    assert make_patch(value, orjson.loads(orjson.dumps(value))) == []


@pytest.mark.parametrize(
    ("before", "after"), [(1, True), (0, False), (1, 1.0), (0.0, -0.0), (None, False), ({"a": 1}, {"a": 1.0})]
)
def test_what_is_equal_in_python_and_not_in_json_is_told_apart(before: Json, after: Json) -> None:
    assert leads_there(before, after)


def test_a_member_that_is_null_is_there_and_one_that_is_gone_is_not() -> None:
    rest = {"and": "what stays as it is, and is longer than these"}
    assert leads_there({"a": 1, "b": 1, "c": rest}, {"a": None, "c": rest}) == [
        {"op": "remove", "path": "/b"},
        {"op": "replace", "path": "/a", "value": None},
    ]


def test_a_card_that_is_played_from_the_middle_of_a_hand_is_one_removal() -> None:
    assert leads_there([f"card {n}" for n in range(9)], [f"card {n}" for n in range(9) if n != 4]) == [
        {"op": "remove", "path": "/4"}
    ]


def test_a_window_over_the_last_moves_is_moved_on_by_one_at_each_end() -> None:
    moves = [{"number": number, "card": "of hearts"} for number in range(12)]
    patch = leads_there(moves[:11], moves[1:])
    assert patch == [{"op": "add", "path": "/11", "value": moves[11]}, {"op": "remove", "path": "/0"}]


def test_a_change_deep_within_names_only_itself() -> None:
    before = {"seats": [{"name": "a", "cards": 5}, {"name": "b", "cards": 5}], "turn": 1}
    after = {"seats": [{"name": "a", "cards": 5}, {"name": "b", "cards": 6}], "turn": 1}
    assert leads_there(before, after) == [{"op": "replace", "path": "/seats/1/cards", "value": 6}]


def test_what_has_changed_throughout_is_replaced_whole() -> None:
    assert leads_there({"m": list(range(20))}, {"m": list(range(100, 120))}) == [
        {"op": "replace", "path": "/m", "value": list(range(100, 120))}
    ]


@pytest.mark.parametrize("rules", [CrazyEights(), Duel()])
@pytest.mark.parametrize("seed", range(3))
def test_the_views_of_a_whole_game_follow_from_each_other(rules: AnyRules, seed: int) -> None:
    """Every viewer's state, from the first to the last, by patches alone; and these are the shorter."""
    chance, choices = Chance(key_of(f"dealt {seed}")), Chance(key_of(f"played {seed}"))
    state = rules.set_up(2, {}, chance)
    shown = {seat: orjson.loads(orjson.dumps(rules.view(state, seat))) for seat in (0, 1, None)}
    spared = 0
    for _ in range(60):
        if rules.outcome(state) is not None:
            break
        seat = rules.to_act(state)[0]
        legal = rules.legal(state, seat)
        assert legal
        state = rules.apply(state, seat, choices.choice(legal), chance).state
        for viewer, before in shown.items():
            after = orjson.loads(orjson.dumps(rules.view(state, viewer)))
            patch = leads_there(before, after)
            spared += len(orjson.dumps(after)) - len(orjson.dumps(patch))
            shown[viewer] = applied(before, patch)
    assert spared > 0
