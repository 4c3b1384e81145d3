"""The cards and the decks as data: what ships is in order, and what is wrong is named with its card and its field."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

import pytest

from actors.rules.duel.cards import CARDS, ActionCard, CreatureCard, FaultyCard, creature, energy, is_a, read_cards
from actors.rules.duel.decks import OPTIONS_SCHEMA, READY, FaultyDeck, Options, read_decks
from actors.rules.duel.effects import VERBS, What
from actors.rules.duel.words import text_of
from actors.rules.validation import checked_options, validate
from tests.samples.duel_positions import RULES

if TYPE_CHECKING:
    from actors.rules.duel.effects import Effect

TEXT = (resources.files("actors.rules.duel") / "cards.toml").read_text("utf-8")

GRUB = """
[[creature]]
id = "grub"
name = "Grub"
element = "grove"
hp = 30
retreat = 1
weakness = "ember"
attacks = [{ name = "Chew", cost = ["any"], damage = 10, effects = [] }]
"""

WAND = """
[[action]]
id = "wand"
name = "Wand"
kind = "trick"
effects = [{ do = "draw", count = 1 }]
"""


def effects() -> list[Effect]:
    """Every effect of the set."""
    found: list[Effect] = []
    for card in CARDS.values():
        if isinstance(card, ActionCard):
            found += card.effects
        elif isinstance(card, CreatureCard):
            found += [effect for attack in card.attacks for effect in attack.effects]
    return found


# ---- what ships


def test_the_set_has_at_least_forty_cards_and_uses_the_whole_vocabulary() -> None:
    assert len(CARDS) >= 40
    assert {effect.do for effect in effects()} == set(VERBS)


def test_the_set_is_what_stands_in_the_file() -> None:
    assert read_cards(TEXT) == CARDS


def test_no_two_cards_are_called_the_same() -> None:
    assert len({card.name for card in CARDS.values()}) == len(CARDS)


def test_every_effect_has_words() -> None:
    for effect in effects():
        text = text_of([effect])
        assert text[0].isupper()
        assert text.endswith(".")
    assert text_of([]) == ""


def test_every_evolution_can_be_reached_in_a_deck_that_has_it() -> None:
    for name, deck in READY.items():
        for card in deck.cards:
            if is_a(card, What.EVOLUTION):
                assert creature(card).evolves_from in deck.cards, (name, card)


def test_every_ready_deck_can_pay_for_every_attack_of_its_creatures() -> None:
    for deck in READY.values():
        elements = {energy(card).element.value for card in deck.cards if is_a(card, What.ENERGY)}
        for card in deck.cards:
            if is_a(card, What.CREATURE):
                assert {one for attack in creature(card).attacks for one in attack.cost} <= {*elements, "any"}


def test_the_rules_are_in_order_and_their_options_take_every_pair_of_ready_decks() -> None:
    assert validate(RULES) is RULES
    assert checked_options(RULES, {}) == {"decks": ["embers", "tides"], "points_to_win": 4, "first_player": "random"}
    assert all("description" in property_ for property_ in OPTIONS_SCHEMA["properties"].values())
    for one in READY:
        for other in READY:
            options = checked_options(RULES, {"decks": [one, other]})
            assert Options(**options).name_of(0) == one
            listed = checked_options(RULES, {"decks": [list(READY[one].cards), other]})
            assert Options(**listed).cards_of(0) == Options(**options).cards_of(0)
            assert Options(**listed).name_of(0) is None


def test_whole_numbers_may_be_written_with_a_point() -> None:
    assert Options(points_to_win=3.0).points_to_win == 3


# ---- what is wrong is named


@pytest.mark.parametrize(
    ("card", "was", "becomes", "text"),
    [
        (GRUB, "hp = 30", 'hp = "30"', "creature grub.hp: must be of type int"),
        (GRUB, "hp = 30", "hp = true", "creature grub.hp: must be of type int"),
        (GRUB, "hp = 30", "hp = 35", "creature grub: hp: must be a multiple of ten"),
        (GRUB, "hp = 30", "hp = 900", "creature grub: 'hp' must be <= 200"),
        (GRUB, "hp = 30", "hit_points = 30", "hit_points: there is no such field"),
        (GRUB, "hp = 30", "", "creature grub.hp: is missing"),
        (GRUB, 'element = "grove"', 'element = "fire"', "creature grub.element: must be one of ember, tide"),
        (GRUB, 'id = "grub"', 'id = "Grub!"', "creature Grub!: 'id' must match"),
        (GRUB, 'id = "grub"', "", "creature number 1.id: is missing"),
        (GRUB, 'name = "Grub"', 'name = ""', "creature grub: 'name' must match"),
        (GRUB, "retreat = 1", "retreat = 4", "creature grub: 'retreat' must be <= 3"),
        (GRUB, "retreat = 1", 'retreat = 1\nevolves_from = "egg"', "grub: evolves_from: there is no creature egg"),
        (GRUB, "retreat = 1", 'retreat = 1\nevolves_from = "grub"', "grub: evolves_from: must lead to a basic"),
        (GRUB, "retreat = 1", "retreat = 1\npoints = 3", "creature grub: 'points' must be <= 2"),
        (GRUB, '["any"]', '["all"]', "creature grub.attacks[0].cost[0]: "),
        (GRUB, '["any"]', "[]", "creature grub.attacks[0]: "),
        (GRUB, "damage = 10", "damage = 15", "creature grub.attacks[0]: damage: must be a multiple of ten"),
        (GRUB, "effects = []", 'effects = [{ do = "fly" }]', "creature grub.attacks[0].effects[0]: do: must be one"),
        (GRUB, "effects = []", "effects = [{ amount = 3 }]", "creature grub.attacks[0].effects[0]: do: must be one"),
        (
            GRUB,
            "effects = []",
            'effects = [{ do = "heal", amount = 10 }]',
            "creature grub.attacks[0].effects[0].whom: is missing",
        ),
        (
            GRUB,
            "effects = []",
            'effects = [{ do = "heal", whom = "self", amount = 7 }]',
            "creature grub.attacks[0].effects[0]: amount: must be a multiple of ten",
        ),
        (
            GRUB,
            "effects = []",
            'effects = [{ do = "guard", amount = 10, coin = "yes" }]',
            "creature grub.attacks[0].effects[0].coin: must be of type bool",
        ),
        (
            GRUB,
            "effects = []",
            'effects = [{ do = "hold", amount = 10 }]',
            "creature grub.attacks[0].effects[0]: amount: there is no such field",
        ),
        (
            GRUB,
            "effects = []",
            'effects = [{ do = "fresh_hand", count = 5 }]',
            "grub: effects: fresh_hand: an attack can be repeated",
        ),
        (
            GRUB,
            "effects = []",
            'effects = [{ do = "switch", whom = "self" }, { do = "hold" }]',
            "grub: effects: switch: must come last",
        ),
        (
            GRUB,
            "effects = []",
            'effects = [{ do = "bonus", amount = 10, per = "heads" }]',
            "grub: effects: bonus: per heads needs coins",
        ),
        (
            GRUB,
            "effects = []",
            'effects = [{ do = "bonus", amount = 10, coins = 2 }]',
            "grub: effects: bonus: coins go with per heads",
        ),
        (GRUB, "effects = []", 'effects = [{ do = "falter", coin = true }]', "grub: effects: falter: flips its coin"),
        (
            GRUB,
            'attacks = [{ name = "Chew"',
            'attacks = [{ name = "Chew", cost = ["any"] }, { name = "Chew"',
            "grub: attacks: must have different names",
        ),
        (WAND, 'kind = "trick"', 'kind = "spell"', "action wand.kind: "),
        (WAND, 'do = "draw", count = 1', 'do = "falter"', "wand: effects: falter: only an attack"),
        (
            WAND,
            'do = "draw", count = 1',
            'do = "recover", what = "any"',
            "wand: effects: recover: an action card stays discarded",
        ),
        (WAND, 'do = "draw", count = 1', 'do = "draw", count = 9', "action wand.effects[0]: 'count' must be <= 5"),
        (WAND, "[[action]]", "[[spell]]", "spell: no such kind of card; there are creature, energy, action"),
        (WAND, 'id = "wand"', 'id = "grub"', "action grub: id: is there twice"),
    ],
)
def test_a_faulty_card_is_refused_with_its_name_and_the_field(card: str, was: str, becomes: str, text: str) -> None:
    assert was in card
    others = "" if card is GRUB else GRUB
    with pytest.raises(FaultyCard) as caught:
        read_cards(others + card.replace(was, becomes))
    assert text in str(caught.value)


def test_cards_in_order_are_read() -> None:
    assert list(read_cards(GRUB + WAND)) == ["grub", "wand"]


@pytest.mark.parametrize(
    ("cards", "text"),
    [
        ("{ ember_energy = 36, ashmoth = 3 }", "mine: a deck has 40 cards, not 39"),
        ("{ ember_energy = 35, ashmoth = 5 }", "mine: a deck has at most 4 of ashmoth, not 5"),
        ("{ ember_energy = 40 }", "mine: a deck has at least one basic creature"),
        ("{ ember_energy = 39, dragon = 1 }", "mine: there is no card dragon"),
    ],
)
def test_a_faulty_ready_deck_is_refused_with_its_name(cards: str, text: str) -> None:
    with pytest.raises(FaultyDeck, match=text):
        read_decks(f'[mine]\ntitle = "Mine"\ncards = {cards}\n')


@pytest.mark.parametrize("look_up", [creature, energy])
def test_an_action_card_is_neither_creature_nor_energy(look_up: object) -> None:
    with pytest.raises(KeyError):
        look_up("lasso")  # type: ignore[operator]
