"""Section 4 of the rules in docs/duel.md: a turn."""

from __future__ import annotations

import pytest

from actors.rules.duel.effects import Condition
from actors.rules.interface import Outcome
from tests.samples.duel_positions import (
    RULES,
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


@rule("4.1")
def test_a_turn_begins_with_a_card_drawn() -> None:
    step = do(position(side("cinderpup"), side("drizzlet", deck="mistcrab tide")), 0, "end_turn")
    assert step.state.sides[1].hand == cards("mistcrab")
    assert step.state.sides[1].deck == cards("tide")
    assert RULES.current(step.state) == 1
    assert kinds(step)[-2:] == ["turn", "drew"]


@rule("4.2")
def test_who_has_no_card_to_draw_at_the_beginning_of_a_turn_has_lost() -> None:
    step = do(position(side("cinderpup"), side("drizzlet", deck="")), 0, "end_turn")
    assert step.state.outcome == Outcome(0, (1, 0), "empty_deck")


@rule("4.3")
def test_a_turn_goes_on_in_any_order_until_its_player_says_that_it_is_over() -> None:
    own = side(there("ashmoth", "ember"), hand="ember cinderpup salvage", discard="ember")
    orders = [("attach", "bench", "play"), ("play", "bench", "attach"), ("bench", "attach", "play")]
    fields: dict[str, dict[str, object]] = {
        "attach": {"card": "ember_energy", "spot": 0},
        "bench": {"card": "cinderpup"},
        "play": {"card": "salvage"},
    }
    for order in orders:
        state = position(own, side("drizzlet"))
        for kind in order:
            state = do(state, 0, kind, **fields[kind]).state  # type: ignore[arg-type]
            if kind == "play":
                state = do(state, 0, "choose", card=None).state
            assert RULES.current(state) == 0
        assert RULES.current(do(state, 0, "end_turn").state) == 1
        assert RULES.current(do(state, 0, "attack", attack="Ash Cloud", coins="T").state) == 1


@rule("4.4")
def test_any_number_of_basic_creatures_may_be_laid_on_the_bench() -> None:
    state = position(side("cinderpup", hand="kilnback ashmoth kilnback pyrehound ember"), side("drizzlet"))
    for card in ("kilnback", "kilnback", "ashmoth"):
        state = do(state, 0, "bench", card=card).state
    assert [one.stages for one in state.sides[0].bench] == [("kilnback",), ("kilnback",), ("ashmoth",)]
    assert state.sides[0].hand == cards("pyrehound ember")
    assert refused(state, 0, "bench", card="pyrehound") == "Pyrehound is no basic creature"
    assert refused(state, 0, "bench", card="ember_energy") == "Ember Energy is no basic creature"
    assert refused(state, 0, "bench", card="kilnback") == "Kilnback is not in your hand"


@rule("4.5")
def test_a_bench_has_room_for_five() -> None:
    state = position(side("cinderpup", *["kilnback"] * 4, hand="2*ashmoth"), side("drizzlet"))
    state = do(state, 0, "bench", card="ashmoth").state
    assert refused(state, 0, "bench", card="ashmoth") == "your bench is full"


@rule("4.6")
@pytest.mark.parametrize("spot", [0, 1, 2])
def test_one_energy_a_turn_may_be_attached_to_any_creature(spot: int) -> None:
    state = position(side("cinderpup", "ashmoth", "kilnback", hand="ember stone lasso"), side("drizzlet"))
    assert refused(state, 0, "attach", card="lasso", spot=spot) == "Lasso is no energy"
    assert refused(state, 0, "attach", card="tide_energy", spot=spot) == "Tide Energy is not in your hand"
    assert refused(state, 0, "attach", card="ember_energy", spot=3) == "you have no creature on that spot"
    state = do(state, 0, "attach", card="stone_energy", spot=spot).state
    assert state.sides[0].at(spot).energies == cards("stone")
    assert refused(state, 0, "attach", card="ember_energy", spot=0) == "you have attached an energy in this turn"
    state = do(do(state, 0, "end_turn").state, 1, "end_turn").state
    assert {"type": "attach", "card": "ember_energy", "spot": 0} in legal(state, 0)


@rule("4.7")
def test_any_number_of_creatures_may_be_laid_on_those_that_they_evolve_from() -> None:
    own = side("cinderpup", "ashmoth", "cinderpup", hand="2*cinderhound lanternwing pyrehound")
    state = position(own, side("drizzlet"))
    for card, spot in (("cinderhound", 0), ("lanternwing", 1), ("cinderhound", 2)):
        state = do(state, 0, "evolve", card=card, spot=spot).state
    assert [one.stages[-1] for one in state.sides[0].in_play] == ["cinderhound", "lanternwing", "cinderhound"]
    assert state.sides[0].hand == cards("pyrehound")


@rule("4.7")
def test_a_creature_is_laid_on_no_other_than_it_evolves_from() -> None:
    state = position(side("cinderpup", "ashmoth", hand="cinderhound pyrehound kilnback"), side("drizzlet"))
    assert refused(state, 0, "evolve", card="cinderhound", spot=1) == "Cinderhound does not evolve from Ashmoth"
    assert refused(state, 0, "evolve", card="pyrehound", spot=0) == "Pyrehound does not evolve from Cinderpup"
    assert refused(state, 0, "evolve", card="kilnback", spot=0) == "Kilnback does not evolve from Cinderpup"
    assert refused(state, 0, "evolve", card="lanternwing", spot=1) == "Lanternwing is not in your hand"
    assert refused(state, 0, "evolve", card="cinderhound", spot=2) == "you have no creature on that spot"


@rule("4.8")
def test_what_evolves_keeps_energies_and_damage_and_is_rid_of_conditions() -> None:
    before = there("cinderpup", "ember stone", damage=40, conditions="poisoned confused")
    step = do(position(side(before, hand="cinderhound"), side("drizzlet")), 0, "evolve", card="cinderhound", spot=0)
    assert active(step.state, 0) == there("cinderhound", "ember stone", damage=40, since=5)


@rule("4.9")
def test_a_creature_does_not_evolve_in_the_turn_in_which_it_came_into_play_or_evolved() -> None:
    state = position(side("ashmoth", there("cinderpup"), hand="cinderpup cinderhound pyrehound"), side("drizzlet"))
    state = do(state, 0, "bench", card="cinderpup").state
    assert refused(state, 0, "evolve", card="cinderhound", spot=2) == "Cinderpup came into play in this turn"
    state = do(state, 0, "evolve", card="cinderhound", spot=1).state
    assert refused(state, 0, "evolve", card="pyrehound", spot=1) == "Cinderhound came into play in this turn"
    state = do(do(state, 0, "end_turn").state, 1, "end_turn").state
    assert {"type": "evolve", "card": "pyrehound", "spot": 1} in legal(state, 0)


@rule("4.10")
@pytest.mark.parametrize("number", [1, 2])
def test_nothing_evolves_in_a_players_first_turn(number: int) -> None:
    state = position(side(there("cinderpup", since=0), hand="cinderhound"), side("drizzlet"), number=number)
    assert refused(state, 0, "evolve", card="cinderhound", spot=0) == "nothing evolves in a player's first turn"


def test_from_the_third_turn_on_creatures_evolve() -> None:
    state = position(side(there("cinderpup", since=0), hand="cinderhound"), side("drizzlet"), number=3)
    assert {"type": "evolve", "card": "cinderhound", "spot": 0} in legal(state, 0)


@rule("4.11")
def test_any_number_of_tricks_may_be_played() -> None:
    state = position(side("cinderpup", hand="3*slingshot"), side("drizzlet"))
    for _ in range(3):
        state = do(state, 0, "play", card="slingshot").state
    assert active(state, 1).damage == 30


@rule("4.12")
def test_only_one_plan_a_turn_may_be_played() -> None:
    state = position(side("cinderpup", hand="2*field_report slingshot", deck="9*ember"), side("drizzlet"))
    state = do(state, 0, "play", card="field_report").state
    assert refused(state, 0, "play", card="field_report") == "you have played a plan in this turn"
    state = do(state, 0, "play", card="slingshot").state
    state = do(do(state, 0, "end_turn").state, 1, "end_turn").state
    assert {"type": "play", "card": "field_report"} in legal(state, 0)


@rule("4.13")
@pytest.mark.parametrize(
    ("card", "own", "theirs"),
    [
        ("trading_places", side("cinderpup", hand="trading_places"), side("drizzlet", "mistcrab")),
        ("lasso", side("cinderpup", "ashmoth", hand="lasso"), side("drizzlet")),
        ("healing_salve", side("cinderpup", hand="healing_salve"), side(there("drizzlet", damage=10))),
        ("second_wind", side(there("cinderpup", damage=10), hand="second_wind"), side("drizzlet")),
        ("stray_whistle", side("cinderpup", hand="stray_whistle", deck=""), side("drizzlet")),
        ("field_report", side("cinderpup", hand="field_report", deck=""), side("drizzlet")),
        ("long_look", side("cinderpup", hand="long_look", deck=""), side("drizzlet")),
        ("salvage", side("cinderpup", hand="salvage", discard="kilnback lasso"), side("drizzlet", discard="ember")),
        ("old_friends", side("cinderpup", hand="old_friends", discard="ember lasso"), side("drizzlet")),
        ("slow_leak", side(there("cinderpup", "ember"), hand="slow_leak"), side("drizzlet")),
        ("rummage", side("cinderpup", hand="rummage"), side("drizzlet", hand="tide")),
        ("night_raid", side("cinderpup", hand="night_raid ember"), side("drizzlet")),
        ("scouting_party", side("cinderpup", hand="scouting_party ember"), side("drizzlet")),
    ],
)
def test_an_action_card_that_could_do_nothing_may_not_be_played(card: str, own: object, theirs: object) -> None:
    state = position(own, theirs)  # type: ignore[arg-type]
    assert refused(state, 0, "play", card=card).endswith("could do nothing now")


@rule("4.13")
def test_a_search_may_be_tried_whatever_is_in_the_deck() -> None:
    state = position(side("cinderpup", hand="stray_whistle", deck="ember"), side("drizzlet"))
    assert {"type": "play", "card": "stray_whistle"} in legal(state, 0)


@rule("4.14")
def test_an_action_card_is_discarded_and_then_done_in_its_order() -> None:
    state = position(side("cinderpup", hand="rummage ember", deck="kilnback ashmoth"), side("drizzlet"))
    played = do(state, 0, "play", card="rummage")
    assert played.state.sides[0].discard == cards("rummage")
    assert kinds(played) == ["played"]
    chosen = do(played.state, 0, "choose", card="ember_energy")
    assert kinds(chosen) == ["discarded", "drew", "drew"]
    assert chosen.state.sides[0].discard == cards("rummage ember")
    assert chosen.state.sides[0].hand == cards("kilnback ashmoth")
    assert RULES.current(chosen.state) == 0


@rule("4.15")
def test_the_active_creature_may_retreat_for_the_energies_that_its_player_chooses() -> None:
    own = side(there("kilnback", "2*ember stone tide"), "cinderpup", "ashmoth")
    state = position(own, side("drizzlet"))
    ways = {tuple(action["pay"]) for action in legal(state, 0) if action["type"] == "retreat" and action["spot"] == 2}
    assert ways == {
        cards(pay) for pay in ("2*ember", "ember stone", "ember tide", "stone tide")
    }  # fmt: skip
    step = do(state, 0, "retreat", spot=2, pay=list(cards("stone ember")))
    assert active(step.state, 0).stages == ("ashmoth",)
    assert step.state.sides[0].at(2) == there("kilnback", "ember tide")
    assert step.state.sides[0].discard == cards("ember stone")
    assert changes(step, "switched") == [{"seat": 0, "spot": 2, "card": "ashmoth"}]


@rule("4.15")
def test_a_retreat_is_for_once_a_turn_for_the_right_price_and_to_a_creature_that_is_there() -> None:
    state = position(side(there("cinderpup", "2*ember"), there("ashmoth", "ember")), side("drizzlet"))
    assert "pays 1 energies" in refused(state, 0, "retreat", spot=1, pay=[])
    assert "pays 1 energies" in refused(state, 0, "retreat", spot=1, pay=list(cards("2*ember")))
    assert "does not have these" in refused(state, 0, "retreat", spot=1, pay=list(cards("tide")))
    for spot in (0, 2):
        assert "no creature on that spot" in refused(state, 0, "retreat", spot=spot, pay=list(cards("ember")))
    state = do(state, 0, "retreat", spot=1, pay=list(cards("ember"))).state
    assert refused(state, 0, "retreat", spot=1, pay=[]) == "you have retreated in this turn"


def test_a_creature_that_retreats_is_rid_of_its_conditions() -> None:
    own = side(there("ashmoth", conditions="poisoned"), "cinderpup")
    after = do(position(own, side("drizzlet")), 0, "retreat", spot=1, pay=[]).state
    assert Condition.POISONED not in after.sides[0].at(1).conditions


def test_nothing_is_done_out_of_turn() -> None:
    state = position(side("cinderpup"), side("drizzlet", hand="mistcrab tide"))
    assert RULES.legal(state, 1) == ()
    assert refused(state, 1, "end_turn") == "it is not for you to act now"
    assert refused(state, 1, "bench", card="mistcrab") == "it is not for you to act now"
