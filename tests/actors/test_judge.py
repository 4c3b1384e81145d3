"""Whether a player may do what they ask, and in which order that is looked into."""

from __future__ import annotations

import pytest

from actors.events import Created
from actors.failures import Code, Failure
from actors.game import Game, Position
from actors.judge import judge_action, judge_resignation
from tests.samples.tally import Tally

GUESS = {"type": "guess", "number": 50}


def game(players: int = 2) -> Game:
    names = tuple(f"player-{n}" for n in range(players))
    return Game.of(Created(1, 0.0, "g1", "tally", "1", names, seed="a seed"), Tally())


def refused(outcome: Position | Failure) -> Failure:
    assert isinstance(outcome, Failure)
    return outcome


def accepted(outcome: Position | Failure) -> Position:
    assert isinstance(outcome, Position)
    return outcome


def test_a_legal_action_leads_to_the_next_event() -> None:
    table = game()
    assert accepted(judge_action(table, table.begin(), 0, GUESS)).event_id == 2


def test_after_the_end_everything_is_game_ended_even_what_is_malformed() -> None:
    table = game()
    over = table.resign(table.begin(), 0)
    assert refused(judge_action(table, over, 1, {"nonsense": True})).code == Code.GAME_ENDED
    assert refused(judge_resignation(table, over, 1)).code == Code.GAME_ENDED


@pytest.mark.parametrize("action", [{}, {"type": 3}, {"type": None}, {"type": "fly"}, {"type": "guess", "number": "x"}])
def test_a_malformed_action_is_invalid_action_even_out_of_turn(action: dict[str, object]) -> None:
    table = game()
    assert refused(judge_action(table, table.begin(), 1, action)).code == Code.INVALID_ACTION


def test_an_action_out_of_turn_is_told_whose_turn_it_is() -> None:
    table = game()
    failure = refused(judge_action(table, table.begin(), 1, GUESS))
    assert failure.code == Code.NOT_YOUR_TURN
    assert failure.details == {"current_player_id": "player-0", "to_act": ["player-0"]}


def test_an_action_against_the_rules_is_invalid_action_with_the_rules_own_reason() -> None:
    table = game()
    failure = refused(judge_action(table, table.begin(), 0, {"type": "guess", "number": -1}))
    assert (failure.code, failure.message) == (Code.INVALID_ACTION, "numbers start at 0")


def test_another_action_than_the_forced_one_is_not_allowed_and_told_which_is_due() -> None:
    table = game()
    rude = accepted(judge_action(table, table.begin(), 0, {"type": "guess", "number": 0}))
    failure = refused(judge_action(table, rude, 0, GUESS))
    assert failure.code == Code.ACTION_NOT_ALLOWED
    due = failure.details["pending_forced_action"]
    assert (due["player_id"], due["action_type"]) == ("player-0", "bow")
    assert due["params"] == {"secret": rude.state.secrets[0]}


def test_the_params_of_a_forced_action_are_told_to_its_owner_only() -> None:
    table = game()
    rude = accepted(judge_action(table, table.begin(), 0, {"type": "guess", "number": 0}))
    failure = refused(judge_action(table, rude, 1, {"type": "bow"}))
    assert failure.code == Code.ACTION_NOT_ALLOWED
    assert failure.details["pending_forced_action"]["params"] == {}


def test_the_forced_action_itself_is_accepted() -> None:
    table = game()
    rude = accepted(judge_action(table, table.begin(), 0, {"type": "guess", "number": 0}))
    assert accepted(judge_action(table, rude, 0, {"type": "bow"})).state.must_bow is None


def test_one_may_resign_out_of_turn_but_once() -> None:
    table = game(players=3)
    gone = accepted(judge_resignation(table, table.begin(), 2))
    assert refused(judge_resignation(table, gone, 2)).code == Code.ACTION_NOT_ALLOWED
