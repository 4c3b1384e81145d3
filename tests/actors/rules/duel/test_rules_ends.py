"""Sections 6, 8, 10 and 11 of the rules in docs/duel.md: knock-outs, the end, what lies open, time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from actors.rules.chance import Chance, key_of
from actors.rules.duel.opening import yet_to_choose
from actors.rules.interface import IllegalAction, Outcome
from tests.samples.duel_positions import (
    RULES,
    Coins,
    active,
    cards,
    changes,
    do,
    kinds,
    legal,
    position,
    refused,
    rule,
    side,
    there,
)

if TYPE_CHECKING:
    from actors.rules.duel.state import State
    from actors.rules.interface import Step

# ---- 6. knock-outs


@rule("6.1", "6.2", "6.3")
def test_a_creature_with_as_much_damage_as_hit_points_is_knocked_out_discarded_and_scored() -> None:
    theirs = side(there("brookling", "2*tide", damage=50), "mistcrab", discard="lasso")
    step = do(position(side(there("mistcrab", "2*tide")), theirs), 0, "attack", attack="Crush")
    assert changes(step, "knocked_out") == [{"seat": 1, "spot": 0, "card": "brookling", "points": [1, 0]}]
    assert step.state.sides[1].discard == cards("lasso drizzlet brookling 2*tide")
    assert step.state.sides[0].points == 1
    assert step.state.sides[1].active is None


@rule("6.1")
def test_with_less_damage_than_hit_points_it_is_not() -> None:
    step = do(
        position(side(there("mistcrab", "2*tide")), side(there("brookling", damage=40))), 0, "attack", attack="Crush"
    )
    assert "knocked_out" not in kinds(step)
    assert active(step.state, 1).damage == 80


@rule("6.1")
def test_knock_outs_come_when_everything_else_is_done() -> None:
    theirs = side(there("drizzlet", damage=50), there("mistcrab", damage=80), "pearl_diver")
    step = do(position(side(there("maelstrom_elder", "3*tide")), theirs), 0, "attack", attack="Great Wave")
    assert kinds(step) == ["attacked", "damaged", "damaged", "damaged", "knocked_out", "knocked_out"]
    assert [one.stages for one in step.state.sides[1].bench] == [("pearl_diver",)]
    assert step.state.sides[0].points == 2


@rule("6.1")
def test_an_action_card_and_the_check_up_knock_out_too() -> None:
    state = position(side("cinderpup", hand="slingshot"), side(there("drizzlet", damage=50), "mistcrab"))
    step = do(state, 0, "play", card="slingshot")
    assert kinds(step) == ["played", "damaged", "knocked_out"]
    poisoned = position(side(there("cinderpup", damage=50, conditions="poisoned"), "ashmoth"), side("drizzlet"))
    assert kinds(do(poisoned, 0, "end_turn")) == ["turn_ended", "damaged", "knocked_out"]


@rule("6.3")
def test_a_creature_of_the_second_stage_is_worth_two_points() -> None:
    theirs = side(there("pyrehound", damage=130), "ashmoth")
    step = do(position(side(there("mistcrab", "2*tide")), theirs), 0, "attack", attack="Crush")
    assert step.state.sides[0].points == 2


@rule("6.4")
def test_after_a_knock_out_by_an_attack_its_owner_must_promote_out_of_turn() -> None:
    theirs = side(there("drizzlet", damage=50), "mistcrab", "pearl_diver", hand="tide")
    state = do(position(side(there("mistcrab", "2*tide")), theirs), 0, "attack", attack="Crush").state
    assert (RULES.current(state), RULES.to_act(state)) == (0, (1,))
    (due,) = RULES.forced(state)
    choices = [{"type": "promote", "spot": 1}, {"type": "promote", "spot": 2}]
    assert (due.seat, due.action_type, due.params) == (1, "promote", {"choices": choices})
    assert legal(state, 1) == choices
    assert legal(state, 0) == []
    assert refused(state, 1, "end_turn") == "something else is due first"
    assert refused(state, 1, "promote", spot=0) == "you have no creature on that spot of your bench"
    assert refused(state, 0, "end_turn") == "it is not for you to act now"
    step = do(state, 1, "promote", spot=2)
    assert kinds(step) == ["promoted", "turn", "drew"]
    assert [one.stages[-1] for one in step.state.sides[1].in_play] == ["pearl_diver", "mistcrab"]
    assert RULES.to_act(step.state) == (1,)


@rule("6.4")
def test_after_a_knock_out_by_an_action_card_the_turn_goes_on_when_its_owner_has_promoted() -> None:
    own = side(there("cinderpup", "ember"), hand="slingshot ember")
    state = do(position(own, side(there("drizzlet", damage=50), "mistcrab")), 0, "play", card="slingshot").state
    assert (RULES.current(state), RULES.to_act(state)) == (0, (1,))
    step = do(state, 1, "promote", spot=1)
    assert kinds(step) == ["promoted"]
    assert RULES.to_act(step.state) == (0,)
    assert {"type": "attack", "attack": "Nip"} in legal(step.state, 0)


@rule("6.5")
def test_if_both_must_promote_the_player_whose_turn_it_is_does_first() -> None:
    own = side(there("kilnback", "3*ember", damage=80), "ashmoth")
    theirs = side(there("drizzlet", damage=50), "mistcrab")
    state = do(position(own, theirs), 0, "attack", attack="Slag Slam").state
    assert [side.points for side in state.sides] == [1, 1]
    assert RULES.to_act(state) == (0,)
    state = do(state, 0, "promote", spot=1).state
    assert RULES.to_act(state) == (1,)
    state = do(state, 1, "promote", spot=1).state
    assert (RULES.current(state), RULES.to_act(state)) == (1, (1,))


# ---- 8. the end


@rule("8.1")
def test_who_has_four_points_has_won() -> None:
    own = side(there("mistcrab", "2*tide"), points=3)
    step = do(position(own, side(there("drizzlet", damage=50), "mistcrab")), 0, "attack", attack="Crush")
    assert step.state.outcome == Outcome(0, (1, 0), "points")
    assert step.changes[-1].public == {"type": "ended", "reason": "points", "winner": 0}
    assert RULES.to_act(step.state) == ()
    assert RULES.forced(step.state) == ()


@rule("8.2")
def test_who_has_no_creature_left_has_lost() -> None:
    step = do(
        position(side(there("mistcrab", "2*tide")), side(there("drizzlet", damage=50))), 0, "attack", attack="Crush"
    )
    assert step.state.outcome == Outcome(0, (1, 0), "no_creature")
    own = side(there("kilnback", "3*ember", damage=80))
    step = do(position(own, side("elderbough")), 0, "attack", attack="Slag Slam")
    assert step.state.outcome == Outcome(1, (0, 1), "no_creature")


@rule("8.3")
@pytest.mark.parametrize(
    ("mine", "theirs", "winner", "scores"),
    [(0, 0, None, (0.5, 0.5)), (1, 0, 0, (1, 0)), (0, 1, 1, (0, 1)), (3, 3, None, (0.5, 0.5)), (3, 4, 1, (0, 1))],
)
def test_if_both_have_won_at_once_the_points_decide(
    mine: int, theirs: int, winner: int | None, scores: tuple[float, float]
) -> None:
    own = side(there("kilnback", "3*ember", damage=80), points=mine)
    step = do(position(own, side(there("drizzlet", damage=50), points=theirs)), 0, "attack", attack="Slag Slam")
    assert step.state.outcome == Outcome(winner, scores, "both_at_once")


@rule("8.3")
def test_four_points_do_not_win_alone_when_ones_own_last_creature_falls_with_it() -> None:
    own = side(there("kilnback", "3*ember", damage=80), points=3)
    step = do(position(own, side(there("drizzlet", damage=50), "mistcrab", points=0)), 0, "attack", attack="Slag Slam")
    assert step.state.outcome == Outcome(0, (1, 0), "both_at_once")


@rule("8.4")
@pytest.mark.parametrize("seat", [0, 1])
def test_either_player_may_resign_at_any_time(seat: int) -> None:
    middle = position(side("cinderpup"), side("drizzlet"))
    opening = RULES.set_up(2, {}, Chance(key_of("a game")))
    promoting = do(
        position(side(there("mistcrab", "2*tide")), side(there("drizzlet", damage=50), "mistcrab")),
        0,
        "attack",
        attack="Crush",
    ).state
    for state in (middle, opening, promoting):
        step = RULES.resign(state, seat, Coins())
        outcome = RULES.outcome(step.state)
        assert outcome is not None
        assert (outcome.winner, outcome.reason) == (1 - seat, "resignation")
        assert [RULES.has_resigned(step.state, one) for one in (0, 1)] == [seat == 0, seat == 1]
        with pytest.raises(IllegalAction, match="over"):
            RULES.resign(step.state, seat, Coins())
        with pytest.raises(IllegalAction, match="over"):
            RULES.apply(step.state, 0, RULES.parse({"type": "end_turn"}), Coins())


@rule("8.5")
def test_the_winner_scores_one_and_in_a_draw_both_score_a_half() -> None:
    won = RULES.resign(position(side("cinderpup"), side("drizzlet")), 0, Coins())
    assert RULES.outcome(won.state) == Outcome(1, (0, 1), "resignation")
    own = side(there("kilnback", "3*ember", damage=80))
    drawn = do(position(own, side(there("drizzlet", damage=50))), 0, "attack", attack="Slag Slam")
    assert RULES.outcome(drawn.state) == Outcome(None, (0.5, 0.5), "both_at_once")


# ---- 10. what lies open

OWN = side(
    there("cinderpup", "ember", damage=20, conditions="poisoned"), "ashmoth", hand="lasso 2*ember", discard="salvage"
)
THEIRS = side("drizzlet", hand="market_day brookling", deck="3*mistcrab", points=2)


@rule("10.1")
@pytest.mark.parametrize("viewer", [0, 1, None])
def test_what_is_in_play_discards_points_and_numbers_are_for_all_to_see(viewer: int | None) -> None:
    own, theirs = RULES.view(position(OWN, THEIRS), viewer)["sides"]
    assert own["active"] == {
        "card": "cinderpup",
        "under": [],
        "hp": 60,
        "damage": 20,
        "energies": ["ember_energy"],
        "conditions": ["poisoned"],
        "guard": 0,
        "held": False,
        "new": False,
    }
    assert [one["card"] for one in own["bench"]] == ["ashmoth"]
    assert own["discard"] == {"salvage": 1}
    assert (own["hand"], own["deck"], theirs["hand"], theirs["deck"], theirs["points"]) == (3, 4, 2, 3, 2)


@rule("10.2")
def test_a_hand_is_seen_by_its_player_alone() -> None:
    state = position(OWN, THEIRS)
    assert RULES.view(state, 0)["hand"] == list(cards("lasso 2*ember"))
    assert RULES.view(state, 1)["hand"] == list(cards("market_day brookling"))
    assert "hand" not in RULES.view(state, None)


@rule("10.3")
@pytest.mark.parametrize("viewer", [0, 1, None])
def test_the_order_of_a_deck_is_seen_by_nobody(viewer: int | None) -> None:
    one = position(side("cinderpup", deck="ember lasso kilnback"), side("drizzlet", deck="tide mistcrab"))
    other = position(side("cinderpup", deck="kilnback ember lasso"), side("drizzlet", deck="mistcrab tide"))
    assert json.dumps(RULES.view(one, viewer)) == json.dumps(RULES.view(other, viewer))


@rule("10.4")
def test_the_end_uncovers_nothing() -> None:
    over = RULES.resign(position(OWN, THEIRS), 0, Coins()).state
    for viewer in (0, None):
        shown = RULES.view(over, viewer)
        lists = [side.pop("deck_list") for side in shown["sides"]]
        assert "market_day" in str(lists)  # which lies open, as from the beginning
        assert "market_day" not in json.dumps(shown)


# ---- 11. time


def clock_runs_on(state: State, step: Step[State]) -> bool:
    return RULES.turn(step.state) == RULES.turn(state)


@rule("11.1")
def test_the_clock_starts_with_each_turn_and_not_with_what_is_done_in_it() -> None:
    state = position(side(there("ashmoth", "ember"), "cinderpup", hand="ember kilnback slingshot"), side("drizzlet"))
    for kind, fields in (
        ("attach", {"card": "ember_energy", "spot": 1}),
        ("bench", {"card": "kilnback"}),
        ("play", {"card": "slingshot"}),
        ("retreat", {"spot": 1, "pay": []}),
    ):
        step = do(state, 0, kind, **fields)
        assert clock_runs_on(state, step), kind
    assert not clock_runs_on(state, do(state, 0, "end_turn"))
    assert not clock_runs_on(state, do(state, 0, "attack", attack="Ash Cloud", coins="T"))


@rule("11.1")
def test_the_clock_starts_with_a_choice_and_with_a_promotion_and_anew_after_it() -> None:
    state = position(
        side("cinderpup", hand="stray_whistle slingshot", deck="2*kilnback ember"),
        side(there("drizzlet", damage=50), "mistcrab"),
    )
    asked = do(state, 0, "play", card="stray_whistle")
    assert not clock_runs_on(state, asked)
    assert not clock_runs_on(asked.state, do(asked.state, 0, "choose", card="kilnback"))
    fallen = do(state, 0, "play", card="slingshot")
    assert not clock_runs_on(state, fallen)
    assert not clock_runs_on(fallen.state, do(fallen.state, 1, "promote", spot=1))


@rule("11.2")
def test_for_the_opening_there_is_one_clock() -> None:
    state = RULES.set_up(2, {}, Chance(key_of("a game")))
    first = RULES.apply(state, 0, RULES.legal(state, 0)[0], Coins())
    assert clock_runs_on(state, first)
    second = RULES.apply(first.state, 1, RULES.legal(first.state, 1)[0], Coins())
    assert not clock_runs_on(first.state, second)


@rule("11.3")
@pytest.mark.parametrize("chosen_before", [(), (0,), (1,)])
def test_who_has_not_chosen_in_time_begins_with_the_first_basic_creature_of_the_hand(
    chosen_before: tuple[int, ...],
) -> None:
    state = RULES.set_up(2, {}, Chance(key_of("a game")))
    for seat in chosen_before:
        state = RULES.apply(state, seat, RULES.legal(state, seat)[-1], Coins()).state
    late = yet_to_choose(state)
    firsts = {seat: RULES.legal(state, seat)[0].card for seat in late}  # type: ignore[union-attr]
    step = RULES.time_out(state, RULES.to_act(state), Coins())
    assert kinds(step)[: 2 * len(late)] == ["timed_out"] * len(late) + ["chose_active"] * len(late)
    assert {seat: active(step.state, seat).stages[0] for seat in late} == firsts
    assert step.state.number == 1


@rule("11.4")
def test_time_that_runs_out_on_a_choice_chooses_nothing_if_it_can() -> None:
    state = position(side("cinderpup", hand="stray_whistle", deck="2*kilnback"), side("drizzlet"))
    asked = do(state, 0, "play", card="stray_whistle").state
    step = RULES.time_out(asked, (0,), Coins())
    assert kinds(step) == ["timed_out", "shuffled"]
    assert RULES.to_act(step.state) == (0,)


@rule("11.4")
def test_time_that_runs_out_on_a_choice_that_must_be_made_takes_the_first() -> None:
    state = position(side("cinderpup", hand="rummage lasso ember"), side("drizzlet"))
    asked = do(state, 0, "play", card="rummage").state
    assert [one["card"] for one in legal(asked, 0)] == ["ember_energy", "lasso"]
    step = RULES.time_out(asked, (0,), Coins())
    assert changes(step, "discarded") == [{"seat": 0, "card": "ember_energy"}]


@rule("11.5")
def test_time_that_runs_out_on_a_promotion_takes_the_first_of_the_bench() -> None:
    theirs = side(there("drizzlet", damage=50), "mistcrab", "pearl_diver")
    state = do(position(side(there("mistcrab", "2*tide")), theirs), 0, "attack", attack="Crush").state
    step = RULES.time_out(state, (1,), Coins())
    assert kinds(step)[:2] == ["timed_out", "promoted"]
    assert active(step.state, 1).stages == ("mistcrab",)


@rule("11.6")
def test_time_that_runs_out_in_a_turn_ends_it() -> None:
    step = RULES.time_out(position(side(there("cinderpup", "ember")), side("drizzlet")), (0,), Coins())
    assert kinds(step) == ["timed_out", "turn_ended", "turn", "drew"]
    assert RULES.current(step.state) == 1
