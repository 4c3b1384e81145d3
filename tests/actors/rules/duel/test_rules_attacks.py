"""Sections 5 and 7 of the rules in docs/duel.md: attacks, and conditions."""

from __future__ import annotations

import pytest

from actors.rules.duel.effects import Condition
from tests.samples.duel_positions import (
    RULES,
    active,
    attack,
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

ASLEEP, CONFUSED, POISONED = Condition.ASLEEP, Condition.CONFUSED, Condition.POISONED

TARGET = side("honeyback", "sporecap")
"""Weak to ember, strong enough for one attack."""


def conditions(state: object, seat: int) -> set[Condition]:
    return set(active(state, seat).conditions)  # type: ignore[arg-type]


# ---- 5. attacks


@rule("5.1")
def test_the_active_creature_attacks_and_the_turn_is_over() -> None:
    state = position(side(there("cinderpup", "ember"), there("ashmoth", "ember")), TARGET)
    assert refused(state, 0, "attack", attack="Ash Cloud") == "Cinderpup has no such attack"
    step = do(state, 0, "attack", attack="Nip")
    assert RULES.current(step.state) == 1
    assert kinds(step) == ["attacked", "damaged", "turn", "drew"]


@rule("5.2")
def test_nobody_attacks_in_the_first_turn_of_the_game_but_in_the_second() -> None:
    own = side(there("cinderpup", "ember"))
    first = position(own, TARGET, number=1)
    assert refused(first, 0, "attack", attack="Nip") == "nobody attacks in the first turn of the game"
    assert {"type": "attack", "attack": "Nip"} in legal(position(own, TARGET, number=2), 0)


@rule("5.3")
def test_the_energies_must_be_attached_and_stay() -> None:
    lacking = position(side(there("kilnback", "ember 2*stone")), TARGET)
    assert refused(lacking, 0, "attack", attack="Slag Slam").startswith("Kilnback does not have the energies")
    too_few = position(side(there("kilnback", "2*ember")), TARGET)
    assert refused(too_few, 0, "attack", attack="Slag Slam").startswith("Kilnback does not have the energies")
    enough = position(side(there("kilnback", "3*ember")), TARGET)
    assert active(attack(enough, "Slag Slam"), 0).energies == cards("3*ember")


@rule("5.4")
@pytest.mark.parametrize("energy", ["ember", "tide", "grove", "storm", "stone"])
def test_any_is_paid_with_any_energy(energy: str) -> None:
    state = position(side(there("cinderhound", f"ember {energy}")), TARGET)
    assert {"type": "attack", "attack": "Hot Bite"} in legal(state, 0)
    one = position(side(there("cinderhound", "ember")), TARGET)
    assert {"type": "attack", "attack": "Hot Bite"} not in legal(one, 0)


@rule("5.5")
def test_the_damage_is_done_to_the_opponents_active_creature() -> None:
    after = attack(position(side(there("mistcrab", "2*tide")), side("honeyback", "sporecap")), "Crush")
    assert [one.damage for one in after.sides[1].in_play] == [40, 0]
    assert active(after, 0).damage == 0


@rule("5.6")
def test_weakness_adds_twenty() -> None:
    assert active(attack(position(side(there("cinderpup", "ember")), TARGET), "Nip"), 1).damage == 10 + 20
    assert active(attack(position(side(there("mistcrab", "tide")), TARGET), "Claw Lock"), 1).damage == 10


@rule("5.6")
def test_weakness_adds_nothing_to_an_attack_without_damage() -> None:
    own = side(there("sporecap", "grove"))
    assert active(attack(position(own, side("delver")), "Drowsy Dust", coins="T"), 1).damage == 0


@rule("5.7")
@pytest.mark.parametrize(("guard", "damage"), [(20, 20), (40, 0), (60, 0)])
def test_a_guard_lessens_the_damage_to_none_at_the_least(guard: int, damage: int) -> None:
    guarded = side(there("honeyback", guard=guard, guard_turn=5))
    after = attack(position(side(there("mistcrab", "2*tide")), guarded), "Crush")
    assert active(after, 1).damage == damage


@rule("5.7")
def test_guards_are_taken_from_the_damage_that_weakness_has_raised() -> None:
    guarded = side(there("honeyback", guard=20, guard_turn=5))
    after = attack(position(side(there("cinderhound", "2*ember")), guarded), "Hot Bite")
    assert active(after, 1).damage == 50 + 20 - 20


@rule("5.8")
def test_what_else_an_attack_says_comes_after_its_damage_in_order() -> None:
    step = do(position(side(there("gloomcap", "2*grove")), side("mistcrab")), 0, "attack", attack="Blight", coins="H")
    assert kinds(step)[:5] == ["attacked", "damaged", "befallen", "coin", "befallen"]
    assert [change["condition"] for change in changes(step, "befallen")] == ["poisoned", "confused"]


@rule("5.9")
def test_damage_stays_and_no_more_is_healed_than_there_is() -> None:
    own = side(there("sproutling", "grove", damage=30), hand="healing_salve")
    state = attack(position(own, side(there("mistcrab", damage=20))), "Root Tap")
    assert (active(state, 0).damage, active(state, 1).damage) == (20, 30)
    state = do(state, 1, "end_turn").state
    assert (active(state, 0).damage, active(state, 1).damage) == (20, 30)
    step = do(state, 0, "play", card="healing_salve")
    assert active(step.state, 0).damage == 0
    assert changes(step, "healed") == [{"seat": 0, "spot": 0, "amount": 20, "damage": 0}]


@rule("5.10")
def test_neither_weakness_nor_guard_matters_to_damage_besides() -> None:
    guarded = there("cloudram", guard=40, guard_turn=5)
    state = position(side("pebblekin", hand="slingshot"), side(guarded))
    assert active(do(state, 0, "play", card="slingshot").state, 1).damage == 10
    state = position(side(there("boltwing", "storm")), side(there("quartz_ram", guard=40, guard_turn=5), "pebblekin"))
    state = do(do(state, 0, "attack", attack="Far Strike").state, 0, "choose", spot=0).state
    assert active(state, 1).damage == 20


@rule("5.11")
def test_a_guard_is_over_with_the_turn_that_it_is_for() -> None:
    state = attack(position(side(there("kilnback", "ember")), TARGET), "Warm Shell")
    assert (active(state, 0).guard, active(state, 0).guard_turn) == (20, state.number)
    state = do(state, 1, "end_turn").state
    assert (active(state, 0).guard, active(state, 0).guard_turn) == (0, 0)


@rule("5.11")
def test_who_is_held_cannot_retreat_in_their_next_turn_and_can_after_it() -> None:
    theirs = side(there("ashmoth"), "kilnback", deck="9*ember")
    state = attack(position(side(there("mistcrab", "tide")), theirs), "Claw Lock")
    assert refused(state, 1, "retreat", spot=1, pay=[]) == "Ashmoth is held"
    state = do(do(state, 1, "end_turn").state, 0, "end_turn").state
    assert {"type": "retreat", "spot": 1, "pay": []} in legal(state, 1)


@rule("5.11", "9.9")
def test_leaving_the_active_spot_or_evolving_ends_what_held() -> None:
    marked = there("cinderpup", guard=20, guard_turn=6, held_turn=6)
    own = side(marked, "ashmoth", hand="trading_places cinderhound")
    moved = do(position(own, TARGET), 0, "play", card="trading_places").state
    assert moved.sides[0].at(1) == there("cinderpup")
    evolved = do(position(own, TARGET), 0, "evolve", card="cinderhound", spot=0).state
    assert active(evolved, 0) == there("cinderhound", since=5)


# ---- 7. conditions


@rule("7.1")
def test_conditions_befall_the_active_creature_which_is_rid_of_them_when_it_leaves() -> None:
    state = attack(
        position(side(there("sporecap", "grove")), side("mistcrab", "drizzlet", hand="trading_places")), "Spores"
    )
    assert conditions(state, 1) == {POISONED}
    assert state.sides[1].at(1).conditions == frozenset()
    state = do(state, 1, "play", card="trading_places").state
    assert [set(one.conditions) for one in state.sides[1].in_play] == [set(), set()]


@rule("7.2")
def test_who_sleeps_neither_attacks_nor_retreats() -> None:
    state = position(side(there("ashmoth", "ember", conditions="asleep"), "kilnback"), TARGET)
    assert refused(state, 0, "attack", attack="Ash Cloud") == "Ashmoth is asleep"
    assert refused(state, 0, "retreat", spot=1, pay=[]) == "Ashmoth is asleep"


@rule("7.3")
@pytest.mark.parametrize("seat", [0, 1])
@pytest.mark.parametrize(("coin", "after"), [("H", set()), ("T", {ASLEEP})])
def test_a_coin_at_each_check_up_may_wake_who_sleeps(seat: int, coin: str, after: set[Condition]) -> None:
    sleeper, other = side(there("ashmoth", conditions="asleep")), side("drizzlet")
    sides = (sleeper, other) if seat == 0 else (other, sleeper)
    state = do(position(*sides), 0, "end_turn", coins=coin).state
    assert conditions(state, seat) == after
    if after:
        assert conditions(do(state, 1, "end_turn", coins="H").state, seat) == set()


@rule("7.4")
def test_a_confused_creature_attacks_on_heads_and_hurts_itself_on_tails() -> None:
    state = position(side(there("cinderpup", "ember", conditions="confused")), TARGET)
    heads = attack(state, "Nip", coins="H")
    assert (active(heads, 0).damage, active(heads, 1).damage) == (0, 30)
    tails = attack(state, "Nip", coins="T")
    assert (active(tails, 0).damage, active(tails, 1).damage) == (30, 0)
    assert RULES.current(tails) == 1
    assert conditions(tails, 0) == {CONFUSED}


@rule("7.4")
def test_an_attack_that_confusion_prevents_does_nothing_besides_either() -> None:
    state = position(side(there("gloomcap", "2*grove", conditions="confused")), side("mistcrab"))
    assert conditions(attack(state, "Blight", coins="T"), 1) == set()


@rule("7.5")
def test_a_confused_creature_may_retreat() -> None:
    state = position(side(there("ashmoth", conditions="confused"), "kilnback"), TARGET)
    assert conditions(do(state, 0, "retreat", spot=1, pay=[]).state, 0) == set()


@rule("7.6")
@pytest.mark.parametrize(
    ("before", "name", "energies", "after"),
    [
        ("confused", "Drowsy Dust", "any", {ASLEEP}),
        ("poisoned confused", "Drowsy Dust", "any", {ASLEEP, POISONED}),
        ("asleep", "Spores", "grove", {ASLEEP, POISONED}),
        ("confused", "Spores", "grove", {CONFUSED, POISONED}),
    ],
)
def test_sleep_and_confusion_drive_each_other_out_and_poison_neither(
    before: str, name: str, energies: str, after: set[Condition]
) -> None:
    state = position(side(there("sporecap", "grove")), side(there("mistcrab", conditions=before)))
    coins = ("H" if name == "Drowsy Dust" else "") + ("T" if ASLEEP in after else "")
    assert conditions(attack(state, name, coins=coins), 1) == after


@rule("7.6")
def test_who_is_confused_sleeps_no_longer() -> None:
    state = position(side(there("ashmoth", "ember")), side(there("mistcrab", conditions="asleep poisoned")))
    assert conditions(attack(state, "Ash Cloud", coins="H"), 1) == {CONFUSED, POISONED}


@rule("7.7")
def test_poison_hurts_at_each_check_up() -> None:
    state = position(side(there("kilnback", conditions="poisoned")), side("drizzlet"))
    for turn, damage in enumerate((10, 20, 30)):
        state = do(state, turn % 2, "end_turn").state
        assert active(state, 0).damage == damage


@rule("7.8")
def test_the_check_up_begins_with_the_player_whose_turn_it_was_and_with_poison() -> None:
    suffering = "poisoned asleep"
    state = position(side(there("kilnback", conditions=suffering)), side(there("mistcrab", conditions=suffering)))
    step = do(state, 0, "end_turn", coins="TT")
    told = [(change.public["type"], change.public["seat"]) for change in step.changes]
    assert told[1:5] == [("damaged", 0), ("coin", 0), ("damaged", 1), ("coin", 1)]
    step = do(step.state, 1, "end_turn", coins="TT")
    told = [(change.public["type"], change.public["seat"]) for change in step.changes]
    assert told[1:5] == [("damaged", 1), ("coin", 1), ("damaged", 0), ("coin", 0)]
