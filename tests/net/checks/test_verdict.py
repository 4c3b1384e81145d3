from __future__ import annotations

from attrs import evolve

from actors.events import Created
from net.checks import check_game
from tests.net.checks.games import REGISTRY, START, played

GAME = played(timeout=3.0, dawdle_at=3)
UNTIL = START + 100


def test_a_game_as_it_should_be_breaks_no_promise() -> None:
    assert check_game("g", GAME.diaries, GAME.journal, REGISTRY, until=UNTIL) == []


def test_a_game_that_lost_its_last_event_breaks_several() -> None:
    found = check_game("g", GAME.diaries, GAME.journal[:-1], REGISTRY, until=UNTIL)
    assert {"LOST", "REPLAYED"} <= {violation.promise.name for violation in found}


def test_a_game_whose_rules_are_gone_is_said_to_be_beyond_replay() -> None:
    created = GAME.journal[0]
    assert isinstance(created.event, Created)
    strange = evolve(created, event=evolve(created.event, rules="chess"))
    found = check_game("g", GAME.diaries, (strange, *GAME.journal[1:]), REGISTRY, until=UNTIL)
    assert [violation.promise.name for violation in found] == ["REBUILT"]


def test_a_journal_that_is_gone_is_lost_with_everything_in_it() -> None:
    found = check_game("g", GAME.diaries, (), REGISTRY, until=UNTIL)
    assert {violation.promise.name for violation in found} == {"LOST"}
