"""A game as a fold over its events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actors.events import Aborted, Acted, Created, Resigned
from actors.game import Game, Position, ReplayDiverged, RulesFault
from actors.rules.interface import IllegalAction, Outcome
from tests.samples.tally import Guess, Tally

if TYPE_CHECKING:
    from tests.samples.tally import TallyState


def created(players: int = 2) -> Created:
    names = tuple(f"player-{n}" for n in range(players))
    return Created(1, 1000.0, "g1", "tally", "1", names, seed="a seed", options={"highest": 9})


def game(players: int = 2, fail_in: str = "") -> Game:
    return Game.of(created(players), Tally(fail_in=fail_in))


def acted(event_id: int, seat: int, number: int, position: int) -> Acted:
    action = {"type": "guess", "number": number}
    return Acted(event_id, 1001.0, f"player-{seat}", action, chance_position=position)


def test_the_first_position_is_event_one_and_follows_from_the_seed_alone() -> None:
    first, again = game().begin(), game().begin()
    assert first.event_id == 1
    assert first.state == again.state
    assert first.chance_position == again.chance_position > 0


def test_replaying_an_action_gives_the_position_that_acting_gave() -> None:
    table = game()
    start = table.begin()
    live = table.act(start, 0, Guess("guess", 5))
    assert table.replay(start, acted(2, 0, 5, live.chance_position)) == live


def test_a_replay_that_draws_other_chance_than_was_journalled_is_refused() -> None:
    table = game()
    start = table.begin()
    with pytest.raises(ReplayDiverged, match="event 2"):
        table.replay(start, acted(2, 0, 5, start.chance_position + 999))


def test_a_replay_of_an_action_that_the_rules_now_refuse_is_refused() -> None:
    table = game()
    start = table.begin()
    with pytest.raises(ReplayDiverged):
        table.replay(start, acted(2, 0, -1, start.chance_position))


def test_a_replay_of_an_event_out_of_order_is_refused() -> None:
    table = game()
    start = table.begin()
    live = table.act(start, 0, Guess("guess", 5))
    with pytest.raises(ReplayDiverged):
        table.replay(start, acted(3, 0, 5, live.chance_position))


def test_a_second_creation_is_refused() -> None:
    table = game()
    with pytest.raises(ReplayDiverged):
        table.replay(table.begin(), created())


def test_the_position_before_an_action_is_left_as_it_was() -> None:
    table = game()
    start = table.begin()
    before = (start.state, start.chance_position)
    table.act(start, 0, Guess("guess", 5))
    assert (start.state, start.chance_position) == before


def test_a_resignation_names_itself_as_the_reason_for_the_end() -> None:
    table = game()
    after = table.resign(table.begin(), 0)
    assert after.ended is not None
    assert (after.ended.winner, after.ended.reason) == (1, "resignation")


def test_with_three_players_one_resignation_ends_nothing() -> None:
    table = game(players=3)
    start = table.begin()
    after = table.resign(start, 0)
    assert after.ended is None
    assert table.replay(start, Resigned(2, 1001.0, "player-0", after.chance_position)) == after


def test_an_aborted_game_has_no_winner_and_keeps_its_state() -> None:
    table = game()
    start = table.begin()
    after = table.replay(start, Aborted(2, 1001.0, "the operator said so"))
    assert after.ended is not None
    assert (after.ended.winner, after.ended.reason, after.ended.scores) == (None, "aborted", (0, 0))
    assert after.state == start.state


def test_the_rules_own_refusal_passes_and_is_no_fault() -> None:
    table = game()
    with pytest.raises(IllegalAction):
        table.act(table.begin(), 0, Guess("guess", -1))


@pytest.mark.parametrize("where", ["set_up", "apply"])
def test_whatever_else_the_rules_raise_is_a_fault(where: str) -> None:
    sound, faulty = game(), game(fail_in=where)
    start = sound.begin()
    with pytest.raises(RulesFault):
        _ = faulty.begin() if where == "set_up" else faulty.act(start, 0, Guess("guess", 5))


class Miscounting(Tally):
    """Gives a score to the first seat alone."""

    def outcome(self, state: TallyState) -> Outcome | None:
        return Outcome(0, (1.0,), "found")


def test_scores_for_another_number_of_players_are_a_fault() -> None:
    table = Game.of(created(), Miscounting())
    with pytest.raises(RulesFault, match="1 scores for 2 players"):
        table.act(table.begin(), 0, Guess("guess", 5))


@pytest.mark.parametrize("score", [float("inf"), float("nan")])
def test_a_score_that_json_cannot_write_is_a_fault(score: float) -> None:
    class Boundless(Tally):
        def outcome(self, state: TallyState) -> Outcome | None:
            return Outcome(0, (score, 0.0), "found")

    table = Game.of(created(), Boundless())
    with pytest.raises(RulesFault, match="finite"):
        table.act(table.begin(), 0, Guess("guess", 5))


def test_the_key_and_the_seed_are_not_in_the_representation_of_a_position() -> None:
    table = game()
    assert isinstance(table.begin(), Position)
    assert table.key.hex() not in repr(table)
