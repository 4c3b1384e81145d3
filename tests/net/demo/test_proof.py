from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from attrs import evolve

from actors.events import Acted
from actors.messages import ActionAnswer
from net.demo.proof import Audit, Proof, audit, same_hands
from net.protocol import JsonEncoder

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject


def acted(event_id: int, player: str = "npc:anna", message_id: str = "m1") -> Acted:
    answer = ActionAnswer("g", event_id, "draw", "You drew.", False, player, (player,), (), False, 0.0)
    return Acted(event_id, 0.0, player, {"type": "draw"}, 0, message_id, answer)


def answer(event: Acted) -> JsonObject:
    assert event.answer is not None
    as_json: JsonObject = orjson.loads(JsonEncoder().answer(event.answer))
    return as_json


def acknowledged(*events: Acted) -> dict[tuple[str, str], JsonObject]:
    return {(event.player_id, event.message_id or ""): answer(event) for event in events}


def test_what_was_acknowledged_and_stands_once_with_its_answer_is_found() -> None:
    events = [acted(2), acted(3, message_id="m2"), acted(4, "npc:ben")]
    assert audit(acknowledged(*events), events) == Audit(3, 3)
    assert audit(acknowledged(*events), events).holds


def test_what_nobody_was_told_of_may_stand_in_the_journal_too() -> None:
    assert audit(acknowledged(acted(2)), [acted(2), acted(3, message_id="m2")]).holds


def test_what_is_missing_is_not_found() -> None:
    assert audit(acknowledged(acted(2), acted(3, "npc:ben")), [acted(2)]) == Audit(2, 1)


def test_what_stands_twice_is_not_found() -> None:
    assert not audit(acknowledged(acted(2)), [acted(2), acted(3)]).holds


def test_what_stands_under_another_event_or_with_another_answer_is_not_found() -> None:
    event = acted(2)
    assert event.answer is not None
    assert not audit(acknowledged(event), [acted(3)]).holds
    assert not audit(acknowledged(event), [evolve(event, answer=evolve(event.answer, message="No."))]).holds
    assert not audit(acknowledged(event), [evolve(event, answer=None)]).holds


def seen(event_id: int, *hand: str) -> dict[str, Any]:
    return {"event_id": event_id, "state": {"hand": list(hand)}}


def test_the_hands_are_the_same_when_every_player_is_shown_what_they_were_shown() -> None:
    before = {"anna": seen(5, "AS"), "ben": seen(5, "2D")}
    assert same_hands(before, before)
    assert not same_hands(before, before | {"ben": seen(5, "3D")})


def test_a_game_may_have_gone_on_but_not_back() -> None:
    assert same_hands({"anna": seen(5, "AS")}, {"anna": seen(6)})
    assert not same_hands({"anna": seen(5, "AS")}, {"anna": seen(4, "AS")})


def test_a_proof_holds_when_all_of_it_does() -> None:
    assert Proof(5, 0.5, True, Audit(4, 4)).holds
    assert not Proof(5, 0.5, False, Audit(4, 4)).holds
    assert not Proof(5, 0.5, True, Audit(4, 3)).holds
