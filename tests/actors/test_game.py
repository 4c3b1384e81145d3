"""A game as a fold over its events."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from actors.events import Aborted, Acted, Created, Resigned, TimedOut
from actors.game import Game, Position, ReplayDiverged, RulesFault
from actors.recovery import restored, snapshot_of
from actors.rules.interface import IllegalAction, Outcome, Step
from tests.samples.tally import Guess, Losing, Tally

if TYPE_CHECKING:
    from actors.events import Event
    from actors.rules.chance import Chance
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


@pytest.mark.parametrize("score", [float("inf"), float("nan"), 2**63, Decimal(1), True])
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


# ---- time


def timed(players: int = 2, rules: Tally | None = None) -> Game:
    return Game.of(evolve(created(players), turn_timeout_seconds=30.0, clock=100.0), rules or Tally())


def test_the_first_clock_runs_from_the_creation_and_none_without_a_timeout() -> None:
    assert timed().begin().deadline == 130.0
    assert game().begin().deadline is None


def test_a_new_turn_has_a_clock_of_its_own_from_the_time_of_the_event() -> None:
    table = timed()
    after = table.act(table.begin(), 0, Guess("guess", 500), clock=112.0)
    assert after.deadline == 142.0


def test_a_forced_action_has_a_clock_of_its_own() -> None:
    table = timed()
    rude = table.act(table.begin(), 0, Guess("guess", 0), clock=112.0)
    assert rude.deadline == 142.0


def test_a_resignation_of_somebody_else_gives_whoever_is_to_act_no_more_time() -> None:
    table = timed(players=4)
    after = table.resign(table.begin(), 2, clock=120.0)
    assert after.deadline == 130.0
    assert table.resign(after, 0, clock=125.0).deadline == 155.0


class Together(Tally):
    """All who have not acted yet are to act, within one turn."""

    def to_act(self, state: TallyState) -> tuple[int, ...]:
        return () if state.over else tuple(range(state.current, len(state.secrets)))

    def turn(self, state: TallyState) -> int:
        return 0


def test_of_several_who_act_at_once_the_first_gives_the_others_no_more_time() -> None:
    table = timed(players=3, rules=Together())
    start = table.begin()
    assert table.act(start, 0, Guess("guess", 500), clock=120.0).deadline == start.deadline


def test_after_a_time_out_the_clock_starts_anew_even_for_the_same_turn() -> None:
    class Lenient(Tally):
        def time_out(self, state: TallyState, seats: tuple[int, ...], chance: Chance) -> Step[TallyState]:
            return Step(state)

    table = timed(rules=Lenient())
    assert table.time_out(table.begin(), clock=131.0).deadline == 161.0


def test_when_the_game_is_over_or_nobody_is_to_act_no_clock_runs() -> None:
    class Idle(Tally):
        def to_act(self, state: TallyState) -> tuple[int, ...]:
            return ()

    table = timed()
    assert table.resign(table.begin(), 0, clock=110.0).deadline is None
    assert table.abort(table.begin()).deadline is None
    idle = timed(rules=Idle())
    assert idle.begin().deadline is None
    assert idle.resign(timed().begin(), 1).deadline is None


def test_a_time_out_is_replayed_as_it_was_and_refused_if_others_are_to_act_now() -> None:
    table = timed()
    start = table.begin()
    live = table.time_out(start, clock=130.0)
    event = TimedOut(2, 1001.0, ("player-0",), live.chance_position, 130.0)
    assert table.replay(start, event) == live
    with pytest.raises(ReplayDiverged, match="event 2"):
        table.replay(start, evolve(event, players=("player-1",)))


@pytest.mark.parametrize("reason", ["timeout", "found"])
def test_a_game_that_ends_with_a_time_out_ends_for_the_reason_that_the_rules_name(reason: str) -> None:
    table = timed(rules=Losing(reason))
    after = table.time_out(table.begin(), clock=130.0)
    assert after.ended is not None
    assert (after.ended.winner, after.ended.reason) == (1, reason)


deeds = st.sampled_from(["miss", "rude", "resign", "time out"])
waits = st.floats(0.0, 29.0)


def play(table: Game, story: list[tuple[str, float]]) -> list[tuple[Event, Position]]:
    """Each event of a game that goes so, and where it led; it ends with the game."""
    at, clock = table.begin(), 100.0
    played: list[tuple[Event, Position]] = [(table.created, at)]
    for deed, wait in story:
        clock += wait
        (seat,) = table.rules.to_act(at.state)
        player, number = table.created.players[seat], 0 if deed == "rude" else 500
        bows = at.state.must_bow is not None
        event: Event
        if deed == "resign":
            after = table.resign(at, seat, clock=clock)
            event = Resigned(after.event_id, 0.0, player, after.chance_position, clock=clock)
        elif deed == "time out":
            after = table.time_out(at, clock=clock)
            event = TimedOut(after.event_id, 0.0, (player,), after.chance_position, clock=clock)
        else:
            guess = Guess("bow") if bows else Guess("guess", number)
            after = table.act(at, seat, guess, clock=clock)
            event = Acted(after.event_id, 0.0, player, table.rules.dump(guess), after.chance_position, clock=clock)
        at = after
        played.append((event, at))
        if at.ended is not None:
            break
    return played


@given(st.lists(st.tuples(deeds, waits), max_size=12), st.data())
def test_a_replay_from_any_snapshot_leads_to_every_position_after_it(
    story: list[tuple[str, float]], data: st.DataObject
) -> None:
    table = timed(players=4)
    played = play(table, story)
    running = [at for _, at in played if at.ended is None]
    kept = data.draw(st.sampled_from(running))
    at = restored(table, snapshot_of(table, kept, 7.0, {}))
    for event, position in played[kept.event_id :]:
        at = table.replay(at, event)
        assert at == position
    at = table.begin()
    for event, position in played[1:]:
        at = table.replay(at, event)
        assert at == position
