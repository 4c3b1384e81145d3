from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from actors.events import Acted, Created
from actors.messages import ActionAnswer
from net.replay.document import BadReplay, parse_replay, replay_json
from tests.samples.recorded import ANNA, BEN, STARTED, a_game_of_cards, a_tally
from tests.samples.values import json_objects

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject


def document() -> JsonObject:
    """A document as it comes out of a response."""
    events, description = a_tally().whole
    read: JsonObject = orjson.loads(orjson.dumps(replay_json(description, events)))
    return read


def test_a_document_has_the_fields_that_the_contract_names() -> None:
    assert document() == {
        "game_id": "game-1",
        "rules": "tally",
        "rules_version": "1",
        "players": [ANNA, BEN],
        "status": "ended",
        "event_count": 4,
        "created_at": "2023-11-14T22:13:20.000Z",
        "winner_id": ANNA,
        "results": {ANNA: 1.0, BEN: 0.0},
        "end_reason": "resignation",
        "ended_at": "2023-11-14T22:13:27.500Z",
        "seed": "a seed",
        "options": {},
        "spectators": "public",
        "turn_timeout_seconds": 30.0,
        "events": [
            {"event_id": 1, "kind": "created", "at": STARTED, "clock": 0.0},
            {
                "event_id": 2,
                "kind": "acted",
                "at": STARTED + 2.5,
                "player_id": ANNA,
                "action": {"type": "guess", "number": 999},
                "chance_position": a_tally().events[1].chance_position,  # type: ignore[union-attr]
                "message_id": "m1",
                "clock": 2.5,
            },
            {
                "event_id": 3,
                "kind": "timed_out",
                "at": STARTED + 5,
                "players": [BEN],
                "chance_position": a_tally().events[2].chance_position,  # type: ignore[union-attr]
                "clock": 5.0,
            },
            {
                "event_id": 4,
                "kind": "resigned",
                "at": STARTED + 7.5,
                "player_id": BEN,
                "chance_position": a_tally().events[3].chance_position,  # type: ignore[union-attr]
                "clock": 7.5,
            },
        ],
    }


def test_the_events_come_back_from_the_document() -> None:
    for game in (a_tally(), a_game_of_cards(), a_tally(called_off="the power went")):
        events, description = game.whole
        assert parse_replay(orjson.loads(orjson.dumps(replay_json(description, events)))) == events


@given(json_objects, st.text(), st.none() | st.text(min_size=1))
def test_any_options_actions_and_seed_come_back(value: JsonObject, seed: str, message_id: str | None) -> None:
    (created, acted, *rest), description = a_tally().whole
    assert isinstance(created, Created)
    assert isinstance(acted, Acted)
    events = (evolve(created, options=value, seed=seed), evolve(acted, action=value, message_id=message_id), *rest)
    try:
        written = orjson.dumps(replay_json(description, events))
    except TypeError:  # a lone surrogate: it cannot have come in
        return
    assert parse_replay(orjson.loads(written)) == events


def test_the_answers_are_left_out() -> None:
    (created, acted, *rest), description = a_tally().whole
    assert isinstance(acted, Acted)
    answer = ActionAnswer("game-1", 2, "guess", "missed", True, BEN, (BEN,), (), False, STARTED)
    answered = (created, evolve(acted, answer=answer), *rest)
    assert replay_json(description, answered) == replay_json(description, (created, acted, *rest))


def test_what_a_later_version_adds_is_passed_over() -> None:
    more = document() | {"mood": "merry"}
    more["events"] = [{**event, "mood": "merry"} for event in more["events"]]
    assert parse_replay(more) == a_tally().whole[0]


def odd(event_id: int) -> str:
    return f"event {event_id} is of a kind that is not known, or that does not belong there"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda d: [], "it is no object with a list of events"),
        (lambda d: {**d, "events": {}}, "it is no object with a list of events"),
        (lambda d: {**d, "events": []}, "it has no events"),
        (lambda d: {**d, "events": [7]}, "event 1 is no object"),
        (lambda d: {**d, "events": d["events"][1:]}, odd(1)),
        (lambda d: {**d, "events": d["events"][:1] * 2}, odd(2)),
        (lambda d: with_event(d, 1, kind="bribed"), odd(2)),
        (lambda d: with_event(d, 1, kind=["acted"]), odd(2)),
        (lambda d: with_event(d, 1, event_id=7), "event 2 says that it is event 7"),
        (lambda d: with_event(d, 1, player_id="npc:eve"), "event 2 is of somebody who is no player"),
        (lambda d: with_event(d, 2, players=[BEN, "npc:eve"]), "event 3 is of somebody who is no player"),
        (lambda d: with_event(d, 1, chance_position="8S"), "event 2: $.chance_position: expected int"),
        (lambda d: {name: value for name, value in d.items() if name != "seed"}, "event 1: $.seed: missing"),
        (lambda d: {**d, "players": 5}, "event 1: $.players: expected a list"),
    ],
)  # fmt: skip
def test_what_is_no_replay_is_refused_with_where_it_is_wrong(change: Any, why: str) -> None:  # noqa: ANN401
    with pytest.raises(BadReplay) as raised:
        parse_replay(change(document()))
    assert str(raised.value) == why


def with_event(document: JsonObject, index: int, **fields: object) -> JsonObject:
    events = list(document["events"])
    events[index] = {**events[index], **fields}
    return {**document, "events": events}
