"""Sections 1 to 3 of the rules in docs/duel.md: the cards, the decks, the opening."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeVar

import pytest

from actors.rules.chance import Chance, key_of
from actors.rules.duel.cards import CARDS, ActionCard, CreatureCard, EnergyCard, is_a, stage_of
from actors.rules.duel.catalogue import catalogue
from actors.rules.duel.decks import READY
from actors.rules.duel.effects import Element, What
from actors.rules.validation import BadOptions, checked_options
from tests.samples.duel_positions import RULES, Coins, cards, do, legal, refused, rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actors.rules.duel.state import State
    from actors.rules.interface import JsonObject

T = TypeVar("T")

SEAT_0 = {"first_player": "seat_0"}
NO_BASIC = cards("40*ember")
DECK = READY["embers"].cards


def set_up(seed: str = "a game", **options: object) -> State:
    return RULES.set_up(2, checked_options(RULES, options), Chance(key_of(seed)))


class Stacked(Coins):
    """Shuffles each deck into the orders that are given, one after the other: the card that is drawn first is first."""

    def __init__(self, *orders: str) -> None:
        super().__init__()
        self.orders = [cards(order) for order in orders]

    def shuffled(self, items: Iterable[T]) -> tuple[T, ...]:
        items = list(items)
        top = self.orders.pop(0)
        for card in top:
            items.remove(card)  # type: ignore[arg-type]
        return (*items, *reversed(top))  # type: ignore[arg-type]


# ---- 1. the cards


@rule("1.1")
def test_each_creature_has_all_that_a_creature_has_and_the_list_shows_it() -> None:
    creatures = [card for card in CARDS.values() if isinstance(card, CreatureCard)]
    for card in creatures:
        assert card.hp >= 10
        assert 0 <= card.retreat <= 3
        assert isinstance(card.element, Element)
        assert isinstance(card.weakness, Element)
        assert card.points in (1, 2)
        assert 1 <= len(card.attacks) <= 2
        (row,) = [line for line in catalogue().splitlines() if line.startswith("| ") and f"`{card.id}` |" in line]
        assert f"| {card.hp} | {card.retreat} | {card.weakness} | {card.points} |" in row


@rule("1.2")
def test_a_creatures_stage_is_how_many_it_evolves_from() -> None:
    stages = [stage_of(CARDS[card], CARDS) for card in ("cinderpup", "cinderhound", "pyrehound")]  # type: ignore[arg-type]
    assert stages == [0, 1, 2]
    assert is_a("cinderpup", What.BASIC)
    assert is_a("cinderhound", What.EVOLUTION)
    assert {stage_of(card, CARDS) for card in CARDS.values() if isinstance(card, CreatureCard)} == {0, 1, 2}


@rule("1.3")
def test_the_list_shows_what_each_attack_costs_and_does() -> None:
    assert "**Spark Leap** (ember, any): 20. Flip a coin. If heads, this attack does 20 more damage." in catalogue()
    assert "**Spores** (grove) Your opponent's active creature is poisoned." in catalogue()


@rule("1.4")
def test_there_is_an_energy_of_each_element() -> None:
    energies = [card for card in CARDS.values() if isinstance(card, EnergyCard)]
    assert [card.element.value for card in energies] == ["ember", "tide", "grove", "storm", "stone"]


@rule("1.5")
def test_there_are_tricks_and_plans() -> None:
    assert {card.kind for card in CARDS.values() if isinstance(card, ActionCard)} == {"trick", "plan"}


# ---- 2. the decks


def wrong(deck: list[str]) -> str:
    """Why this deck is refused, as the second of two."""
    with pytest.raises(BadOptions) as caught:
        checked_options(RULES, {"decks": ["embers", deck]})
    assert caught.value.field.startswith("decks[1]")
    return caught.value.reason


@rule("2.1")
@pytest.mark.parametrize("size", [39, 41])
def test_a_deck_has_forty_cards(size: int) -> None:
    deck = list((DECK * 2)[:39]) + ["ember_energy"] * (size - 39)
    assert wrong(deck).startswith("it is too ")
    assert all(len(ready.cards) == 40 for ready in READY.values())
    assert [len(side.deck) + len(side.hand) for side in set_up().sides] == [40, 40]


@rule("2.2")
def test_a_deck_has_at_most_four_of_a_card() -> None:
    assert wrong([*cards("5*cinderpup"), *cards("35*ember")]) == "a deck has at most 4 of cinderpup"
    assert wrong([*cards("4*cinderpup 5*lasso"), *cards("31*ember")]) == "a deck has at most 4 of lasso"


@rule("2.2")
def test_a_deck_has_as_many_of_an_energy_as_one_likes() -> None:
    deck = [*cards("4*cinderpup"), *cards("36*ember")]
    assert checked_options(RULES, {"decks": [deck, "tides"]})["decks"][0] == deck


@rule("2.3")
def test_a_deck_has_a_basic_creature() -> None:
    assert wrong(list(cards("4*cinderhound 36*ember"))) == "a deck has at least one basic creature"


def test_a_deck_of_cards_or_of_a_name_that_do_not_exist_is_refused() -> None:
    assert "'dragon' is not one of" in wrong(["dragon", *DECK[:39]])
    with pytest.raises(BadOptions, match="'dragons' is not one of"):
        checked_options(RULES, {"decks": ["dragons", "tides"]})
    with pytest.raises(BadOptions):
        checked_options(RULES, {"decks": ["embers"]})


@rule("2.4")
def test_both_lists_lie_open_to_everybody() -> None:
    own = list(cards("4*cinderpup 36*ember"))
    state = set_up(decks=[own, "tides"])
    for viewer in (0, 1, None):
        lists = [shown["deck_list"] for shown in RULES.view(state, viewer)["sides"]]
        assert lists == [{"cinderpup": 4, "ember_energy": 36}, "tides"]


# ---- 3. the opening


@rule("3.1")
def test_either_player_may_begin() -> None:
    assert {set_up(f"game {number}").turn for number in range(20)} == {0, 1}
    assert {set_up(f"game {number}", **SEAT_0).turn for number in range(20)} == {0}


@rule("3.2")
def test_decks_are_shuffled_and_seven_cards_are_drawn() -> None:
    first, second = set_up("one"), set_up("two")
    for state in (first, second):
        for seat, name in ((0, "embers"), (1, "tides")):
            dealt = state.sides[seat]
            assert Counter((*dealt.hand, *dealt.deck)) == Counter(READY[name].cards)
    assert first.sides[0].deck != second.sides[0].deck
    stacked = deal("cinderpup 6*ember", "drizzlet 6*tide")
    assert [side.hand for side in stacked.sides] == [cards("cinderpup 6*ember"), cards("drizzlet 6*tide")]


def deal(*orders: str) -> State:
    """Dealt from decks that are shuffled into these orders."""
    options: JsonObject = {"decks": ["embers", "tides"], "points_to_win": 4, **SEAT_0}
    return RULES.set_up(2, options, Stacked(*orders))


@rule("3.3")
def test_a_hand_without_a_basic_creature_is_shown_shuffled_back_and_drawn_anew() -> None:
    state = deal("pyrehound 6*ember", "cinderpup 6*ember", "drizzlet 6*tide")
    assert state.sides[0].hand == cards("cinderpup 6*ember")
    assert state.sides[0].hands_shown == (cards("pyrehound 6*ember"),)
    for viewer in (0, 1, None):
        assert RULES.view(state, viewer)["sides"][0]["hands_shown"] == [list(cards("pyrehound 6*ember"))]


@rule("3.4")
def test_a_fourth_hand_without_a_basic_creature_is_mended_from_the_deck() -> None:
    none = "7*ember"
    state = deal(none, none, none, "6*ember lasso ember salvage kilnback ashmoth", "", "drizzlet 6*tide")
    own = state.sides[0]
    assert own.hand[:7] == cards("6*ember kilnback")
    assert len(own.hands_shown) == 3
    assert Counter((*own.hand, *own.deck)) == Counter(DECK)
    assert "lasso" in own.deck


@rule("3.5")
def test_each_player_draws_a_card_more_for_each_hand_that_the_other_has_shown() -> None:
    state = deal("7*ember", "7*ember", "cinderpup 6*ember", "drizzlet 6*tide mistcrab mistcrab")
    assert [len(side.hand) for side in state.sides] == [7, 9]
    assert state.sides[1].hand[7:] == cards("mistcrab mistcrab")
    state = deal("7*ember", "cinderpup 6*ember", "7*tide", "drizzlet 6*tide")
    assert [len(side.hand) for side in state.sides] == [8, 8]


@rule("3.6")
@pytest.mark.parametrize("quicker", [0, 1])
def test_both_choose_their_first_creature_face_down_in_either_order(quicker: int) -> None:
    state = deal("cinderpup ashmoth 5*ember", "drizzlet 6*tide")
    assert RULES.to_act(state) == (0, 1)
    assert RULES.current(state) is None
    assert {due.seat: due.action_type for due in RULES.forced(state)} == {0: "choose_active", 1: "choose_active"}
    chosen = ("ashmoth", "drizzlet")[quicker]
    step = do(state, quicker, "choose_active", card=chosen)
    assert RULES.to_act(step.state) == (1 - quicker,)
    assert [change.seen_by(quicker)["card"] for change in step.changes] == [chosen]
    assert [change.seen_by(1 - quicker)["card"] for change in step.changes] == [None]
    assert RULES.view(step.state, quicker)["chosen"] == chosen
    assert chosen not in str(RULES.view(step.state, 1 - quicker))


@rule("3.6")
def test_only_a_basic_creature_of_the_hand_is_laid() -> None:
    state = deal("cinderpup cinderhound 5*ember", "drizzlet 6*tide")
    assert legal(state, 0) == [{"type": "choose_active", "card": "cinderpup"}]
    for card in ("cinderhound", "ashmoth", "ember_energy"):
        assert refused(state, 0, "choose_active", card=card) == "choose a basic creature of your hand"
    chosen = do(state, 0, "choose_active", card="cinderpup").state
    refused(chosen, 0, "choose_active", card="cinderpup")


@rule("3.7")
def test_when_both_lie_there_they_are_the_active_creatures() -> None:
    state = deal("cinderpup 6*ember", "drizzlet 6*tide")
    state = do(state, 1, "choose_active", card="drizzlet").state
    step = do(state, 0, "choose_active", card="cinderpup")
    assert step.changes[1].public == {"type": "turned_up", "actives": ["cinderpup", "drizzlet"]}
    assert [side.at(0).stages for side in step.state.sides] == [("cinderpup",), ("drizzlet",)]
    assert (RULES.current(step.state), RULES.to_act(step.state), step.state.number) == (0, (0,), 1)
