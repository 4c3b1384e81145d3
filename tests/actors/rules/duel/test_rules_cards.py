"""Section 9 of the rules in docs/duel.md: what the cards say; and what each verb of the vocabulary does."""

from __future__ import annotations

import pytest

from actors.rules.duel.effects import Condition
from tests.samples.duel_positions import (
    RULES,
    Coins,
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


@rule("9.1")
def test_what_comes_after_the_coin_is_done_on_heads_only_and_the_next_sentence_all_the_same() -> None:
    state = position(side(there("gloomcap", "2*grove")), side("mistcrab"))
    assert active(attack(state, "Blight", coins="T"), 1).conditions == {Condition.POISONED}
    assert active(attack(state, "Blight", coins="H"), 1).conditions == {Condition.POISONED, Condition.CONFUSED}


@rule("9.1")
@pytest.mark.parametrize(("coin", "after"), [("H", "mistcrab"), ("T", "drizzlet")])
def test_a_lasso_holds_on_heads(coin: str, after: str) -> None:
    state = position(side("cinderpup", hand="lasso"), side("drizzlet", "mistcrab"))
    assert active(do(state, 0, "play", card="lasso", coins=coin).state, 1).stages == (after,)


@rule("9.2")
def test_whoever_plays_the_card_chooses() -> None:
    state = position(side("cinderpup", hand="lasso"), side("drizzlet", "mistcrab", "pearl_diver"))
    asked = do(state, 0, "play", card="lasso", coins="H").state
    (due,) = RULES.forced(asked)
    assert (due.seat, due.action_type, due.params["side"]) == (0, "choose", 1)
    assert legal(asked, 0) == [{"type": "choose", "spot": 1}, {"type": "choose", "spot": 2}]
    assert legal(asked, 1) == []
    assert refused(asked, 0, "choose", spot=3).startswith("that cannot be chosen")
    assert refused(asked, 0, "choose", card=None).startswith("that cannot be chosen")
    assert refused(asked, 0, "end_turn") == "something else is due first"
    assert active(do(asked, 0, "choose", spot=2).state, 1).stages == ("pearl_diver",)


@rule("9.2")
def test_where_the_card_says_so_the_opponent_chooses_out_of_turn() -> None:
    state = position(side(there("gustling", "2*storm")), side("honeyback", "mistcrab", "pearl_diver"))
    asked = do(state, 0, "attack", attack="Blow Back").state
    assert (RULES.current(asked), RULES.to_act(asked)) == (0, (1,))
    after = do(asked, 1, "choose", spot=1).state
    assert [one.stages[0] for one in after.sides[1].in_play] == ["mistcrab", "honeyback", "pearl_diver"]
    assert after.sides[1].at(1).damage == 20
    assert RULES.current(after) == 1


@rule("9.3")
def test_one_must_choose_where_the_card_does_not_say_otherwise() -> None:
    state = position(side(there("honeyback", "grove", damage=10), there("sporecap", damage=10)), side("drizzlet"))
    asked = do(state, 0, "attack", attack="Share Honey").state
    assert {"type": "choose", "card": None} not in legal(asked, 0)
    healed = do(asked, 0, "choose", spot=1).state
    assert [one.damage for one in healed.sides[0].in_play] == [10, 0]


@rule("9.3")
@pytest.mark.parametrize("card", ["stray_whistle", "long_look", "salvage", "old_friends", "years_of_study"])
def test_one_may_choose_nothing_in_a_search_after_a_look_and_where_it_says_up_to(card: str) -> None:
    own = side("cinderpup", hand=card, deck="kilnback cinderhound", discard="2*ember kilnback ashmoth")
    asked = do(position(own, side("drizzlet")), 0, "play", card=card).state
    assert legal(asked, 0)[-1] == {"type": "choose", "card": None}
    declined = do(asked, 0, "choose", card=None).state
    assert declined.sides[0].hand == ()
    assert RULES.forced(declined) == ()


@rule("9.3")
def test_up_to_two_are_chosen_one_after_the_other() -> None:
    own = side("cinderpup", hand="salvage", discard="ember stone tide")
    asked = do(position(own, side("drizzlet")), 0, "play", card="salvage").state
    once = do(asked, 0, "choose", card="stone_energy")
    assert changes(once, "taken_back", viewer=1) == [{"seat": 0, "card": "stone_energy"}]
    assert [one["card"] for one in legal(once.state, 0)] == ["ember_energy", "tide_energy", None]
    twice = do(once.state, 0, "choose", card="tide_energy").state
    assert twice.sides[0].hand == cards("stone tide")
    assert twice.sides[0].discard == cards("ember salvage")


@rule("9.4")
@pytest.mark.parametrize("deck", ["kilnback ember", "2*ember"])
def test_a_search_may_find_nothing_and_is_asked_about_either_way(deck: str) -> None:
    state = position(side("cinderpup", hand="stray_whistle", deck=deck), side("drizzlet"))
    played = do(state, 0, "play", card="stray_whistle")
    assert [change.public for change in played.changes] == [{"type": "played", "seat": 0, "card": "stray_whistle"}]
    assert RULES.forced(played.state)[0].reason == "choose a card of your deck"
    assert kinds(do(played.state, 0, "choose", card=None)) == ["shuffled"]


@rule("9.5")
@pytest.mark.parametrize("chosen", ["kilnback", None])
@pytest.mark.parametrize("card", ["stray_whistle", "long_look"])
def test_the_deck_is_shuffled_after_a_search_and_a_look(card: str, chosen: str | None) -> None:
    state = position(side("cinderpup", hand=card, deck="kilnback 2*ember"), side("drizzlet"))
    asked = do(state, 0, "play", card=card).state
    coins = Coins()
    after = do(asked, 0, "choose", card=chosen, coins=coins)
    assert coins.shuffles == 1
    assert kinds(after)[-1] == "shuffled"


@rule("9.6")
def test_what_is_shown_both_see_and_what_is_not_only_who_takes_it() -> None:
    state = position(side("cinderpup", hand="stray_whistle long_look", deck="kilnback 2*ember"), side("drizzlet"))
    whistle = do(do(state, 0, "play", card="stray_whistle").state, 0, "choose", card="kilnback")
    look = do(do(state, 0, "play", card="long_look").state, 0, "choose", card="kilnback")
    for viewer, seen in ((0, "kilnback"), (1, "kilnback"), (None, "kilnback")):
        assert changes(whistle, "found", viewer) == [{"seat": 0, "card": seen}]
    for viewer, hidden in ((0, "kilnback"), (1, None), (None, None)):
        assert changes(look, "found", viewer) == [{"seat": 0, "card": hidden}]


@rule("9.6")
def test_a_hand_that_is_looked_at_is_seen_by_who_looks() -> None:
    state = position(side("cinderpup", hand="scouting_party"), side("drizzlet", hand="tide lasso"))
    step = do(state, 0, "play", card="scouting_party")
    assert changes(step, "peeked", 0) == [{"seat": 0, "cards": ["lasso", "tide_energy"], "of": 1}]
    assert changes(step, "peeked", 1) == changes(step, "peeked") == [{"seat": 0, "cards": None, "of": 1}]


@rule("9.6")
def test_of_a_look_at_the_top_only_those_cards_can_be_taken() -> None:
    deck = "ember stone tide grove storm lasso salvage kilnback"
    asked = do(
        position(side("cinderpup", hand="long_look", deck=deck), side("drizzlet")), 0, "play", card="long_look"
    ).state
    assert {one["card"] for one in legal(asked, 0)} == {*cards("ember stone tide grove storm lasso salvage"), None}


@rule("9.7")
def test_who_draws_more_than_there_are_draws_those() -> None:
    state = position(side("cinderpup", hand="field_report", deck="2*ember"), side("drizzlet"))
    step = do(state, 0, "play", card="field_report")
    assert step.state.sides[0].hand == cards("2*ember")
    assert step.state.outcome is None


@rule("9.8")
def test_what_cannot_be_done_is_left_out_and_the_rest_is_done() -> None:
    alone = position(side(there("galewolf", "2*storm")), side("mistcrab"))
    step = do(alone, 0, "attack", attack="Rushing Fangs")
    assert active(step.state, 1).damage == 60
    assert RULES.current(step.state) == 1
    raid = position(side("cinderpup", hand="market_day", deck="ember"), side("drizzlet", deck="3*tide"))
    step = do(raid, 0, "play", card="market_day")
    assert [len(one.hand) for one in step.state.sides] == [1, 2]


@rule("9.9")
def test_switched_creatures_keep_energies_and_damage() -> None:
    own = side(there("cinderpup", "ember", damage=10), there("ashmoth", "2*ember", damage=20), hand="trading_places")
    after = do(position(own, side("drizzlet")), 0, "play", card="trading_places").state
    assert after.sides[0].in_play == (there("ashmoth", "2*ember", damage=20), there("cinderpup", "ember", damage=10))


class Lot(Coins):
    """Draws this number."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def below(self, n: int) -> int:
        return self.number % n


@rule("9.10")
def test_a_card_discarded_at_random_is_drawn_by_lot() -> None:
    state = position(side("cinderpup", hand="night_raid"), side("drizzlet", hand="tide lasso"))
    discarded = set()
    for number in range(20):
        chance = Lot(number)
        step = do(state, 0, "play", card="night_raid", coins=chance)
        (change,) = changes(step, "discarded", viewer=0)
        assert change["seat"] == 1
        discarded.add(change["card"])
    assert discarded == {"tide_energy", "lasso"}


@rule("9.11")
def test_energies_that_a_card_attaches_do_not_count_as_the_one_of_the_turn() -> None:
    own = side(there("cinderhound", "ember"), discard="3*ember stone", hand="ember")
    state = do(position(own, side("honeyback")), 0, "attach", card="ember_energy", spot=0).state
    after = attack(state, "Stoke")
    assert active(after, 0).energies == cards("4*ember")
    assert after.sides[0].discard == cards("ember stone")


@rule("9.12")
def test_what_makes_damage_greater_is_counted_before_it_is_done() -> None:
    state = position(side(there("quartz_ram", "3*stone")), side(there("maelstrom_elder", damage=30)))
    assert active(attack(state, "Break Open"), 1).damage == 30 + 40 + 30
    state = position(side(there("cinderpup", "2*ember")), side("honeyback"))
    step = do(state, 0, "attack", attack="Spark Leap", coins="H")
    assert kinds(step)[:3] == ["attacked", "coin", "damaged"]
    assert active(step.state, 1).damage == 20 + 20 + 20
    assert active(attack(state, "Spark Leap", coins="T"), 1).damage == 20 + 20


@rule("9.13")
def test_who_is_about_to_be_knocked_out_is_still_there() -> None:
    theirs = side(there("honeyback", damage=80), "mistcrab")
    state = do(position(side(there("gustling", "2*storm")), theirs), 0, "attack", attack="Blow Back").state
    assert [one.stages[0] for one in state.sides[1].in_play] == ["mistcrab"]
    assert RULES.forced(state) == ()
    own = side(there("boltwing", "storm"))
    theirs = side(there("drizzlet", damage=60), "mistcrab")
    asked = do(position(own, theirs), 0, "attack", attack="Far Strike").state
    assert legal(asked, 0) == [{"type": "choose", "spot": 0}, {"type": "choose", "spot": 1}]


# ---- the verbs that no sentence above shows


@pytest.mark.parametrize(("coins", "damage"), [("TT", 20), ("HT", 40), ("HH", 60)])
def test_coins_for_damage(coins: str, damage: int) -> None:
    state = position(side(there("boltwing", "2*storm")), side("honeyback"))
    assert active(attack(state, "Double Bolt", coins=coins), 1).damage == damage


@pytest.mark.parametrize(
    ("creature", "name", "own_damage", "theirs", "damage"),
    [
        ("lanternwing", "Flare", 0, there("delver"), 30 + 3 * 10),
        ("tunnel_chief", "Cave In", 0, there("elderbough", "2*grove"), 40 + 2 * 10),
        ("mountain_heart", "Old Grudge", 50, there("elderbough"), 20 + 5 * 10),
        ("mountain_heart", "Landslide", 0, there("elderbough"), 70 + 2 * 10),
    ],
)
def test_damage_for_each_of_something(creature: str, name: str, own_damage: int, theirs: object, damage: int) -> None:
    energies = "3*ember" if creature == "lanternwing" else "3*stone"
    own = side(there(creature, energies, damage=own_damage), "delver", "delver")
    state = do(position(own, side(theirs, "mistcrab")), 0, "attack", attack=name)  # type: ignore[arg-type]
    assert changes(state, "damaged")[0]["amount"] == damage


def test_an_attack_that_falters_does_nothing() -> None:
    state = position(side(there("cloudram", "2*storm")), side("honeyback"))
    assert active(attack(state, "Headlong", coins="T"), 1).damage == 0
    assert active(attack(state, "Headlong", coins="H"), 1).damage == 50


def test_damage_to_the_bench_and_to_oneself() -> None:
    theirs = side("honeyback", "mistcrab", "drizzlet")
    after = attack(position(side(there("pyrehound", "2*ember")), theirs), "Scorched Earth")
    assert [one.damage for one in after.sides[1].in_play] == [60, 10, 10]
    after = attack(position(side(there("quartz_ram", "stone"), "delver"), theirs), "Splinter")
    assert [one.damage for one in after.sides[0].in_play] == [0, 10]
    asked = do(position(side(there("thunder_roc", "2*storm")), theirs), 0, "attack", attack="Chain Lightning").state
    assert legal(asked, 0) == [{"type": "choose", "spot": 1}, {"type": "choose", "spot": 2}]
    assert [one.damage for one in do(asked, 0, "choose", spot=2).state.sides[1].in_play] == [40, 0, 20]


def test_a_choice_among_energies_lies_open_so_it_is_asked_only_where_there_is_one() -> None:
    same = position(side(there("pyrehound", "3*ember")), side("elderbough"))
    assert active(attack(same, "Pyre Rush"), 0).energies == cards("2*ember")
    mixed = position(side(there("pyrehound", "2*ember stone")), side("elderbough"))
    asked = do(mixed, 0, "attack", attack="Pyre Rush").state
    assert legal(asked, 0) == [{"type": "choose", "card": one} for one in cards("ember stone")]
    assert active(do(asked, 0, "choose", card="ember_energy").state, 0).energies == cards("ember stone")


def test_a_choice_from_the_hand_is_asked_even_where_there_is_one() -> None:
    state = position(side("cinderpup", hand="rummage ember", deck="2*stone"), side("drizzlet"))
    asked = do(state, 0, "play", card="rummage").state
    assert legal(asked, 0) == [{"type": "choose", "card": "ember_energy"}]


def test_a_fresh_hand_is_drawn_from_the_deck_and_the_old_hand() -> None:
    state = position(side("cinderpup", hand="fresh_start lasso ember", deck="8*stone"), side("drizzlet"))
    step = do(state, 0, "play", card="fresh_start")
    assert changes(step, "hand_shuffled") == [{"seat": 0, "cards": 2, "deck": 10}]
    assert (len(step.state.sides[0].hand), len(step.state.sides[0].deck)) == (6, 4)
    assert step.state.sides[0].discard == cards("fresh_start")


def test_a_second_wind_cures_and_heals() -> None:
    own = side(there("cinderpup", damage=30, conditions="asleep poisoned"), hand="second_wind")
    step = do(position(own, side("drizzlet")), 0, "play", card="second_wind")
    assert active(step.state, 0) == there("cinderpup", damage=20)
    assert [one["condition"] for one in changes(step, "recovered")] == ["asleep", "poisoned"]


def test_a_leak_takes_an_energy_of_ones_choice() -> None:
    state = position(side("cinderpup", hand="slow_leak"), side(there("drizzlet", "tide stone")))
    asked = do(state, 0, "play", card="slow_leak", coins="H").state
    assert active(do(asked, 0, "choose", card="stone_energy").state, 1).energies == cards("tide")
