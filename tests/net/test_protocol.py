"""The messages as they stand on the wire."""

from __future__ import annotations

from contextlib import suppress

import orjson
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from actors.failures import Code, Failure
from actors.messages import ABSENT, ActionAnswer, ForcedView, GameOver, PlayerView, View
from net.api import NewGame
from net.protocol import (
    ActionRequest,
    ConnectAnswer,
    HeartbeatAnswer,
    HeartbeatRequest,
    Invalid,
    JoinRequest,
    JsonEncoder,
    ResignRequest,
    check_nesting,
    encode_bare,
    encode_failure,
    message_id_of,
    parse,
)

VIEW = View(
    game_id="g",
    rules="tally",
    rules_version="1",
    players=(PlayerView("a", 0, "connected"), PlayerView("b", 1, "disconnected")),
    event_id=3,
    state={"hand": [1]},
    is_your_turn=True,
    current_player_id="a",
    to_act=("a",),
    game_over=False,
    spectator_count=0,
    server_time=12.5,
)


def reason(data: object, into: type[object]) -> str:
    with pytest.raises(Invalid) as invalid:
        parse(data, into)
    assert invalid.value.failure.code == Code.INVALID_MESSAGE
    return str(invalid.value)


def test_a_join_is_read_with_its_defaults_and_unknown_fields_are_ignored() -> None:
    assert parse({"game_id": "g", "colour": "red"}, JoinRequest) == JoinRequest("g")


@pytest.mark.parametrize("data", [None, [], "x", 3, True])
def test_data_that_is_no_object_is_invalid(data: object) -> None:
    assert reason(data, JoinRequest) == "the data of this event must be an object"


@pytest.mark.parametrize(
    ("data", "field", "why"),
    [
        ({}, "game_id", "is required"),
        ({"game_id": 3}, "game_id", "must be a string"),
        ({"game_id": "g", "last_event_id": "3"}, "last_event_id", "must be a whole number from 0"),
        ({"game_id": "g", "last_event_id": True}, "last_event_id", "must be a whole number from 0"),
        ({"game_id": "g", "last_event_id": -1}, "last_event_id", "must be a whole number from 0"),
        ({"game_id": "g", "last_event_id": 1.5}, "last_event_id", "must be a whole number from 0"),
        ({"game_id": "g", "state_encoding": "zip"}, "state_encoding", "has a value that is not supported"),
        ({"game_id": "g", "message_id": ""}, "message_id", "must be a string of 1 to 64 characters"),
        ({"game_id": "g", "message_id": "x" * 65}, "message_id", "must be a string of 1 to 64 characters"),
        ({"game_id": "g", "message_id": 5}, "message_id", "must be a string of 1 to 64 characters"),
    ],
)
def test_a_wrong_field_of_a_join_is_named(data: object, field: str, why: str) -> None:
    with pytest.raises(Invalid) as invalid:
        parse(data, JoinRequest)
    assert invalid.value.failure.details == {"field": field}
    assert str(invalid.value) == f"data.{field} {why}"


@pytest.mark.parametrize("action", [None, [], "draw", 3])
def test_an_action_that_is_no_object_is_an_invalid_message(action: object) -> None:
    assert reason({"game_id": "g", "action": action}, ActionRequest) == "data.action must be an object"


def test_an_action_is_passed_on_as_it_is() -> None:
    action = {"type": "play", "deep": [{"a": None}], "n": 1.5}
    assert parse({"game_id": "g", "action": action, "message_id": "m"}, ActionRequest).action == action


def test_a_resignation_and_a_heartbeat_are_read() -> None:
    assert parse({"game_id": "g"}, ResignRequest) == ResignRequest("g")
    assert parse({}, HeartbeatRequest) == HeartbeatRequest()


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)))
def test_any_data_at_all_is_read_or_invalid(data: object) -> None:
    for into in (JoinRequest, ActionRequest, ResignRequest, HeartbeatRequest):
        with suppress(Invalid):
            parse(data, into)


def test_a_failure_has_the_contracts_form() -> None:
    assert orjson.loads(encode_failure(Failure(Code.NOT_IN_GAME, "no"), "m1")) == {
        "success": False,
        "error": {"code": "not_in_game", "message": "no"},
        "request_message_id": "m1",
    }
    detailed = orjson.loads(encode_failure(Failure(Code.INVALID_MESSAGE, "no", {"field": "x"}), ""))
    assert detailed["error"]["details"] == {"field": "x"}


@pytest.mark.parametrize("data", [None, [], {}, {"message_id": 3}, {"message_id": "x" * 65}, "x"])
def test_the_message_id_of_a_failure_is_empty_when_none_was_given(data: object) -> None:
    assert message_id_of(data) == ""


def test_a_view_leaves_out_what_is_absent_and_keeps_what_is_null() -> None:
    running = orjson.loads(JsonEncoder().answer(VIEW))
    assert running["success"] is True
    assert {"winner_id", "legal_actions", "missed", "resync", "changes", "turn_deadline"}.isdisjoint(running)
    drawn = evolve(VIEW, game_over=True, winner_id=None, current_player_id=None)
    encoded = orjson.loads(JsonEncoder().push(drawn))
    assert "success" not in encoded
    assert encoded["winner_id"] is None
    assert encoded["current_player_id"] is None


def test_missed_states_stand_in_the_answer_as_they_were_pushed() -> None:
    answer = orjson.loads(JsonEncoder().answer(evolve(VIEW, missed=(VIEW, VIEW))))
    assert answer["missed"] == [orjson.loads(JsonEncoder().push(VIEW))] * 2


@pytest.mark.parametrize("text", ["[" * 65 + "]" * 65, '{"a":' * 65 + "1" + "}" * 65])
def test_json_that_is_nested_too_deep_is_invalid_and_answered_under_its_ack_id(text: str) -> None:
    with pytest.raises(Invalid) as invalid:
        check_nesting(text, 7)
    assert invalid.value.ack == 7
    check_nesting(text[1:] if text.startswith("[") else "{}" * 100)


def test_a_list_of_strings_is_that_and_nothing_that_can_be_taken_for_it() -> None:
    asked = {"rules": "tally", "players": ["a", "b"]}
    assert parse(asked, NewGame).players == ["a", "b"]
    for players in ("ab", {"a": 1}, [1], [["a"]], None):
        assert reason({**asked, "players": players}, NewGame) == "data.players must be a list of strings"


def test_an_action_answer_has_the_contracts_fields() -> None:
    forced = ForcedView("a", "choose_suit", "an eight", {"suits": ["hearts"]})
    answer = ActionAnswer(
        "g",
        2,
        "play",
        "well played",
        True,
        "b",
        ("b",),
        ({"type": "played"},),
        False,
        1.5,
        pending_forced_action=forced,
    )
    assert orjson.loads(JsonEncoder().answer(answer)) == {
        "success": True,
        "game_id": "g",
        "event_id": 2,
        "action_type": "play",
        "message": "well played",
        "turn_changed": True,
        "current_player_id": "b",
        "to_act": ["b"],
        "changes": [{"type": "played"}],
        "game_over": False,
        "server_time": 1.5,
        "pending_forced_action": {
            "player_id": "a",
            "action_type": "choose_suit",
            "reason": "an eight",
            "params": {"suits": ["hearts"]},
        },
    }


def test_the_game_over_push_has_the_contracts_fields() -> None:
    over = GameOver("g", 9, None, {"a": 1, "b": 2.5}, "blocked", {"hands": []})
    assert list(orjson.loads(JsonEncoder().push(over))) == [
        "game_id",
        "event_id",
        "winner_id",
        "results",
        "end_reason",
        "final_state",
    ]


def test_a_heartbeat_and_a_connect_are_answered_with_their_fields_alone() -> None:
    assert orjson.loads(encode_bare(HeartbeatAnswer(3.5))) == {"server_time": 3.5}
    assert orjson.loads(encode_bare(ConnectAnswer("s", "p"))) == {"sid": "s", "pid": "p", "recovered": False}
    assert "p-secret" not in repr(ConnectAnswer("s", "p-secret"))


def test_absent_is_never_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert b"ABSENT" not in JsonEncoder().push(VIEW)
    assert VIEW.changes is ABSENT
