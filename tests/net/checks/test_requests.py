from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from actors.events import Acted
from net.checks import Answered, Asked, Dropped, Shown, all_answered, nothing_lost, nothing_twice
from tests.net.checks.games import START, played, promises, spoilt

if TYPE_CHECKING:
    from net.checks import Diary

GAME = played()
UNTIL = START + 1000
MINE = 1  # the answer after the join's


def anna_answer(name: str, value: object) -> tuple[Diary, ...]:
    """The diaries, with a field of the answer to Anna's first action changed."""
    diary = spoilt(
        GAME.diary("anna"),
        Answered,
        lambda record: evolve(record, answer={**record.answer, name: value}),
        number=MINE,
    )
    return GAME.with_diary(diary)


def test_in_a_game_as_it_should_be_nothing_is_found() -> None:
    assert len(GAME.journal) > 3
    assert [*nothing_lost(GAME.diaries, GAME.journal), *nothing_twice(GAME.diaries, GAME.journal)] == []
    assert [found for diary in GAME.diaries for found in all_answered(diary, until=UNTIL)] == []


# ---- lost


def test_an_acknowledged_action_that_is_not_in_the_journal_is_lost() -> None:
    assert "LOST" in promises(nothing_lost(GAME.diaries, GAME.journal[:-1]))


def test_an_acknowledged_action_that_stands_under_another_event_is_lost() -> None:
    assert "LOST" in promises(nothing_lost(anna_answer("event_id", 3), GAME.journal))


def test_an_acknowledged_action_that_stands_with_another_answer_is_lost() -> None:
    assert promises(nothing_lost(anna_answer("message", "No."), GAME.journal)) == ["LOST"]


def test_an_acknowledged_action_in_whose_place_another_one_stands_is_lost() -> None:
    event = GAME.journal[1].event
    assert isinstance(event, Acted)
    another = evolve(GAME.journal[1], event=evolve(event, action={"type": "guess", "number": 99}))
    assert promises(nothing_lost(GAME.diaries, (GAME.journal[0], another, *GAME.journal[2:]))) == ["LOST"]


def test_an_event_that_was_shown_and_does_not_stand_is_lost() -> None:
    ben = evolve(GAME.diary("ben"), records=tuple(r for r in GAME.diary("ben").records if isinstance(r, Shown)))
    assert promises(nothing_lost([ben], GAME.journal[:-1])) == ["LOST"]


# ---- twice


def test_an_action_that_stands_twice_is_found() -> None:
    again = evolve(GAME.journal[1], event_id=9)
    assert promises(nothing_twice(GAME.diaries, (*GAME.journal, again))) == ["TWICE", "TWICE"]


def test_an_action_whose_message_id_was_forgotten_was_not_asked_so() -> None:
    event = GAME.journal[1].event
    assert isinstance(event, Acted)
    forgotten = evolve(GAME.journal[1], event=evolve(event, message_id=None))
    found = nothing_twice(GAME.diaries, (GAME.journal[0], forgotten, *GAME.journal[2:]))
    assert promises(found) == ["TWICE"]


def test_an_action_that_nobody_sent_is_found() -> None:
    unsent = GAME.with_diary(spoilt(GAME.diary("anna"), Asked, lambda _: None, number=MINE))
    assert promises(nothing_twice(unsent, GAME.journal)) == ["TWICE"]


def test_a_refused_request_that_stands_is_found() -> None:
    refusal = {"success": False, "error": {"code": "not_your_turn", "message": ""}}
    refused = GAME.with_diary(
        spoilt(GAME.diary("anna"), Answered, lambda record: evolve(record, answer=refusal), number=MINE)
    )
    assert promises(nothing_twice(refused, GAME.journal)) == ["TWICE"]


def test_a_request_that_could_not_be_served_at_first_and_stands_is_in_order() -> None:
    anna = GAME.diary("anna")
    asked = [record for record in anna.records if isinstance(record, Asked)][MINE]
    unavailable = {"success": False, "error": {"code": "unavailable", "message": ""}}
    before = (Asked(START, 1, 99, "game:action", asked.message_id, asked.action), Answered(START, 1, 99, unavailable))
    at = anna.records.index(asked)
    diaries = GAME.with_diary(evolve(anna, records=(*anna.records[:at], *before, *anna.records[at:])))
    assert promises(nothing_twice(diaries, GAME.journal)) == []


def test_who_asks_again_and_is_answered_otherwise_is_found() -> None:
    anna = GAME.diary("anna")
    asked = [record for record in anna.records if isinstance(record, Asked)][MINE]
    answer = [record for record in anna.records if isinstance(record, Answered)][MINE].answer
    again = (
        Asked(UNTIL, 2, 99, "game:action", asked.message_id, asked.action),
        Answered(UNTIL, 2, 99, {**answer, "server_time": 1.0}),
    )
    diaries = GAME.with_diary(evolve(anna, records=(*anna.records, *again)))
    assert promises(nothing_twice(diaries, GAME.journal)) == ["TWICE"]


# ---- unanswered


def test_a_request_that_waits_for_long_on_a_connection_that_lives_is_found() -> None:
    diary = spoilt(GAME.diary("anna"), Answered, lambda _: None, number=MINE)
    diary = spoilt(diary, Dropped, lambda _: None)
    assert promises(all_answered(diary, until=UNTIL)) == ["UNANSWERED"]
    assert promises(all_answered(diary, until=START + 1)) == []


def test_a_request_whose_connection_was_lost_soon_needs_no_answer() -> None:
    diary = spoilt(GAME.diary("anna"), Answered, lambda _: None, number=MINE)
    assert promises(all_answered(diary, until=UNTIL)) == []


def test_a_request_that_is_answered_twice_is_found() -> None:
    anna = GAME.diary("anna")
    answer = [record for record in anna.records if isinstance(record, Answered)][MINE]
    twice = evolve(anna, records=(*anna.records, answer))
    assert promises(all_answered(twice, until=UNTIL)) == ["UNANSWERED"]
