"""What is asked of a Rules object, and of a game's options."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.rules.crazy_eights import CrazyEights
from actors.rules.validation import BadOptions, InvalidRules, checked_options, validate

if TYPE_CHECKING:
    from actors.rules.interface import AnyRules, JsonObject

SCHEMA: JsonObject = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 9, "default": 5},
        "tags": {"type": "array", "items": {"type": "string"}, "default": []},
        "pace": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"slow": {"type": "boolean"}},
            "default": {},
        },
        "ratio": {"type": "number", "default": 0.5},
    },
}

CALLS = [
    "set_up", "parse", "dump", "legal", "apply", "resign", "view", "current", "to_act", "forced", "turn",
    "time_out", "save", "restore", "has_resigned", "outcome",
]  # fmt: skip


def a_game(**changed: object) -> AnyRules:
    """A Rules object that is in order, but for what is changed."""
    crazy_eights = CrazyEights()
    parts: dict[str, Any] = {call: getattr(crazy_eights, call) for call in CALLS}
    parts |= {"name": "a_game", "version": "1", "title": "A game", "min_players": 2, "max_players": 4}
    return SimpleNamespace(**(parts | {"options_schema": SCHEMA} | changed))


DECK: JsonObject = {
    "type": "array",
    "maxItems": 60,
    "default": ["queen"],
    "allOf": [
        {"description": "at most two kings", "contains": {"const": "king"}, "minContains": 0, "maxContains": 2},
        {"description": "at least one queen", "contains": {"const": "queen"}},
    ],
}


@pytest.mark.parametrize("hook", ["end_in_draw", "imagine", "appraise"])
def test_what_rules_may_offer_besides_is_a_method_or_none(hook: str) -> None:
    validate(a_game(**{hook: None}))
    with pytest.raises(InvalidRules, match=f"{hook}: must be a method, or None"):
        validate(a_game(**{hook: "yes"}))


def schema_with(**properties: JsonObject) -> JsonObject:
    return {"type": "object", "properties": properties}


# ---- a Rules object


def test_the_game_that_ships_is_in_order() -> None:
    rules = CrazyEights()
    assert validate(rules) is rules


@pytest.mark.parametrize("version", ["0", "1", "2.0.1", "10.20"])
def test_a_version_is_whole_numbers_with_dots_between(version: str) -> None:
    assert validate(a_game(version=version)).version == version


@pytest.mark.parametrize("call", CALLS)
def test_an_object_that_lacks_a_function_is_no_rules_object(call: str) -> None:
    with pytest.raises(InvalidRules, match=f"it has no {call}$"):
        validate(a_game(**{call: None}))


@pytest.mark.parametrize("thing", [None, 3, "crazy_eights", object(), {"name": "a_game"}])
def test_something_else_is_no_rules_object(thing: object) -> None:
    with pytest.raises(InvalidRules, match="is no Rules object"):
        validate(thing)


def test_a_class_is_told_from_an_object_made_of_it() -> None:
    with pytest.raises(InvalidRules, match="class CrazyEights: is a class"):
        validate(CrazyEights)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("name", "Crazy"),
        ("name", "8s"),
        ("name", ""),
        ("name", None),
        ("name", "a b"),
        ("name", "a\n"),
        ("name", "a" * 65),
        ("version", 1),
        ("version", ""),
        ("version", "v1"),
        ("version", "1."),
        ("version", "01"),
        ("version", "1.0rc1"),
        ("title", " "),
        ("title", None),
        ("min_players", 0),
        ("min_players", 5),
        ("min_players", 2.0),
        ("min_players", True),
        ("max_players", "4"),
        ("options_schema", None),
        ("options_schema", {}),
        ("options_schema", {"type": "array"}),
        ("options_schema", {"type": "object", "properties": {"a": {"type": "whole", "default": 1}}}),
        ("options_schema", schema_with(a={"type": "integer"})),
        ("options_schema", schema_with(a={"type": "integer", "default": "many"})),
        ("options_schema", {**schema_with(a={"default": 1}), "required": ["b"]}),
    ],
)
def test_a_wrong_attribute_is_named(attribute: str, value: object) -> None:
    with pytest.raises(InvalidRules, match=attribute):
        validate(a_game(**{attribute: value}))


def test_a_schema_that_refers_elsewhere_is_refused_without_going_there() -> None:
    schema = schema_with(a={"$ref": "http://127.0.0.1:9/a.json", "default": 1})
    # (jsonschema warns when it is about to fetch, and here a warning is an error of another text)
    with pytest.raises(InvalidRules, match="outside itself"):
        validate(a_game(options_schema=schema))


def test_an_attribute_that_raises_is_a_fault_of_the_rules() -> None:
    class Broken(CrazyEights):
        @property
        def options_schema(self) -> JsonObject:
            raise ZeroDivisionError("oh")

    with pytest.raises(InvalidRules, match="Broken: raised ZeroDivisionError: oh"):
        validate(Broken())


# ---- the options of a game


def test_absent_options_take_their_defaults() -> None:
    assert checked_options(a_game(), {"size": 2}) == {"size": 2, "tags": [], "pace": {}, "ratio": 0.5}


def test_the_result_shares_nothing_with_the_schema_or_with_what_was_given() -> None:
    given_ = {"pace": {"slow": True}}
    options = checked_options(a_game(), given_)
    options["tags"].append("changed")
    options["pace"]["slow"] = False
    assert given_ == {"pace": {"slow": True}}
    assert checked_options(a_game(), {})["tags"] == []


def test_a_whole_number_written_with_a_point_comes_out_whole() -> None:
    size = checked_options(a_game(), {"size": 3.0})["size"]
    assert (size, type(size)) == (3, int)


@pytest.mark.parametrize(
    ("options", "field", "reason"),
    [
        ({"size": 10}, "size", "10 is greater than the maximum of 9"),
        ({"size": "5"}, "size", "'5' is not of type 'integer'"),
        ({"size": True}, "size", "True is not of type 'integer'"),
        ({"tags": ["a", 1]}, "tags[1]", "1 is not of type 'string'"),
        ({"pace": {"slow": 1}}, "pace.slow", "1 is not of type 'boolean'"),
        ({"colour": "red"}, "colour", "Additional properties are not allowed ('colour' was unexpected)"),
        ({"pace": {"fast": True}}, "pace.fast", "Additional properties are not allowed ('fast' was unexpected)"),
        ([], "", "must be an object"),
        (None, "", "must be an object"),
    ],
)
def test_a_wrong_option_is_named_with_the_reason(options: object, field: str, reason: str) -> None:
    with pytest.raises(BadOptions) as caught:
        checked_options(a_game(), options)
    assert (caught.value.field, caught.value.reason) == (field, reason)


def test_an_option_that_contradicts_the_default_of_another_is_refused() -> None:
    # Once "few" is given, "many" may not be its default.
    schema = schema_with(few={"default": 1}, many={"default": 9})
    schema["if"] = {"properties": {"few": {"const": 5}}, "required": ["few"]}
    schema["then"] = {"properties": {"many": {"maximum": 5}}}
    game = validate(a_game(options_schema=schema))
    assert checked_options(game, {"few": 5, "many": 5}) == {"few": 5, "many": 5}
    with pytest.raises(BadOptions, match="many"):
        checked_options(game, {"few": 5})


def test_a_huge_wrong_value_makes_no_huge_reason() -> None:
    with pytest.raises(BadOptions) as caught:
        checked_options(a_game(), {"size": "9" * 100_000, "x" * 100_000: 1})
    assert len(caught.value.reason) < 300
    assert len(caught.value.field) <= 100


def test_what_is_wrong_with_a_long_list_is_said_without_the_list() -> None:
    with pytest.raises(BadOptions) as caught:
        checked_options(a_game(options_schema=schema_with(deck=DECK)), {"deck": ["queen"] * 100})
    assert (caught.value.field, caught.value.reason) == ("deck", "it is too long")


@pytest.mark.parametrize(
    ("deck", "reason"), [(["king", "queen", "king", "king"], "at most two kings"), (["king"], "at least one queen")]
)
def test_what_a_list_must_contain_is_said_in_the_words_of_the_schema(deck: list[str], reason: str) -> None:
    with pytest.raises(BadOptions) as caught:
        checked_options(a_game(options_schema=schema_with(deck=DECK)), {"deck": deck})
    assert (caught.value.field, caught.value.reason) == ("deck", reason)


def test_options_nested_past_any_use_are_refused() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(BadOptions, match="too deeply"):
        checked_options(a_game(), {"size": deep})


@given(
    st.dictionaries(
        st.sampled_from(["size", "tags", "pace", "ratio", "other"]),
        st.recursive(
            st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=8,
        ),
    )
)
def test_any_options_are_either_refused_or_come_out_valid_and_stable(options: JsonObject) -> None:
    game = a_game()
    try:
        checked = checked_options(game, options)
    except BadOptions:
        return
    assert set(checked) == set(SCHEMA["properties"])
    assert all(checked[name] == value for name, value in options.items())
    assert checked_options(game, checked) == checked
