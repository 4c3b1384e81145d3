"""The converter: strict, nothing absent, nothing changed."""

from __future__ import annotations

import cattrs
import orjson
import pytest
from attrs import evolve, fields
from hypothesis import given
from hypothesis import strategies as st

from actors.failures import Code, Failure
from actors.messages import (
    AbortAnswer,
    ActionAnswer,
    Description,
    GameOver,
    PlayerView,
    ResignAnswer,
    View,
)
from net.codec import WrongType, faults, make_converter
from tests.samples.values import instances

CONVERTER = make_converter()

VIEW = View(
    game_id="g",
    rules="r",
    rules_version="1",
    players=(PlayerView("ann", 0, "connected"),),
    event_id=1,
    state={},
    is_your_turn=True,
    current_player_id="ann",
    to_act=("ann",),
    game_over=False,
    spectator_count=0,
    server_time=1.5,
)


def through_json(value: object) -> object:
    return orjson.loads(orjson.dumps(CONVERTER.unstructure(value)))


@pytest.mark.parametrize("cls", [View, ActionAnswer, ResignAnswer, AbortAnswer, GameOver, Description, Failure])
@given(data=st.data())
def test_what_goes_over_the_wire_comes_back_as_it_went(cls: type, data: st.DataObject) -> None:
    value = data.draw(instances(cls))
    assert CONVERTER.structure(through_json(value), cls) == value


@given(st.lists(instances(View), max_size=2).map(tuple))
def test_views_in_a_view_come_back_as_they_went(missed: tuple[View, ...]) -> None:
    view = evolve(VIEW, missed=missed)
    assert CONVERTER.structure(through_json(view), View) == view


def test_what_is_absent_is_left_out_and_null_is_not() -> None:
    out = CONVERTER.unstructure(evolve(VIEW, winner_id=None))
    assert out["winner_id"] is None
    assert "results" not in out
    assert "changes" not in out


def test_the_fields_come_in_their_order() -> None:
    order = [field.name for field in fields(View)]
    out = list(CONVERTER.unstructure(evolve(VIEW, winner_id=None, changes=())))
    assert out == [name for name in order if name in out]


def test_a_default_that_is_not_absent_is_written_all_the_same() -> None:
    assert CONVERTER.unstructure(Failure(Code.DRAINING, "m"))["details"] == {}


def test_a_whole_number_stays_whole_where_any_number_may_stand() -> None:
    view = CONVERTER.structure(through_json(evolve(VIEW, results={"ann": 3})), View)
    assert orjson.dumps(CONVERTER.unstructure(view)) == orjson.dumps(
        CONVERTER.unstructure(evolve(VIEW, results={"ann": 3}))
    )


def test_what_belongs_to_the_rules_is_not_looked_into() -> None:
    state = {"pair": (1, 2), "nested": {"x": object}}
    assert CONVERTER.unstructure(evolve(VIEW, state=state))["state"] is state


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("event_id", "1", "$.event_id: expected int"),
        ("event_id", True, "$.event_id: expected int"),
        ("event_id", 1.0, "$.event_id: expected int"),
        ("is_your_turn", 1, "$.is_your_turn: expected bool"),
        ("server_time", "1.5", "$.server_time: expected float"),
        ("server_time", True, "$.server_time: expected float"),
        ("game_id", 5, "$.game_id: expected str"),
        ("game_id", None, "$.game_id: expected str"),
        ("current_player_id", 5, "$.current_player_id: expected str"),
        ("to_act", "ann", "$.to_act: expected a list"),
        ("to_act", {"ann": 1}, "$.to_act: expected a list"),
        ("to_act", ["ann", 5], "$.to_act[1]: expected str"),
        ("players", [5], "$.players[0]: expected an object"),
        ("state", [], "$.state: expected an object"),
        ("results", {"ann": "3"}, "$.results['ann']: expected float"),
        ("results", [], "$.results: expected an object"),
        ("results", None, "$.results: expected an object"),
        ("surplus", 1, "$: unknown: surplus"),
    ],
)
def test_a_wrong_field_is_refused_by_name(field: str, value: object, fault: str) -> None:
    with pytest.raises(cattrs.ClassValidationError) as error:
        CONVERTER.structure({**CONVERTER.unstructure(VIEW), field: value}, View)
    assert faults(error.value) == [fault]


def test_a_missing_field_is_refused_by_name() -> None:
    out = CONVERTER.unstructure(VIEW)
    del out["event_id"], out["state"]
    with pytest.raises(cattrs.ClassValidationError) as error:
        CONVERTER.structure(out, View)
    assert faults(error.value) == ["$.event_id: missing", "$.state: missing"]


@pytest.mark.parametrize("value", [None, 5, "text", [], [["id", "x"]]])
def test_what_is_no_object_is_refused(value: object) -> None:
    with pytest.raises(WrongType) as error:
        CONVERTER.structure(value, PlayerView)
    assert faults(error.value) == ["$: expected an object"]


@given(st.text(min_size=8), st.sampled_from(["event_id", "is_your_turn", "players", "state", "server_time"]))
def test_faults_never_quote_a_value(secret: str, field: str) -> None:
    with pytest.raises(cattrs.ClassValidationError) as error:
        CONVERTER.structure({**CONVERTER.unstructure(VIEW), field: f"<{secret}>"}, View)
    assert f"<{secret}>" not in " ".join(faults(error.value))
