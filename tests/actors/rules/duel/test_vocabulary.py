"""The verbs in the forms that no card of the set has: whoever adds a card may rely on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from actors.rules.duel.cards import CARDS, ActionCard
from actors.rules.duel.effects import (
    Charge,
    Condition,
    Draw,
    Element,
    Heal,
    Hurt,
    Inflict,
    Look,
    Strip,
    Switch,
    What,
)
from actors.rules.duel.words import text_of
from tests.samples.duel_positions import active, cards, changes, do, legal, position, refused, side, there

if TYPE_CHECKING:
    from actors.rules.duel.effects import (
        Effect,
    )
    from actors.rules.duel.state import Side

Make = Callable[..., None]


@pytest.fixture
def wand(monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes the action card `wand` of these effects."""

    def make(*effects: Effect) -> None:
        monkeypatch.setitem(CARDS, "wand", ActionCard(id="wand", name="Wand", kind="trick", effects=effects))

    return make


OWN = side(there("cinderpup", "2*ember", damage=20), "ashmoth", hand="wand", discard="2*ember stone")
THEIRS = side("drizzlet", "mistcrab", hand="tide")


EFFECTS: dict[str, Effect] = {
    "Attach up to 2 ember energies from your discard pile to one of your creatures.": Charge(
        element=Element.EMBER, count=2
    ),
    "Your opponent draws 2 cards.": Draw(count=2, who="opponent"),
    "Heal 10 damage from each of your creatures.": Heal(amount=10, whom="each_own"),
    "Discard 2 energies of this creature.": Strip(whom="self", count=2),
    "This creature is asleep.": Inflict(condition=Condition.ASLEEP, whom="self"),
    "Do 10 damage to each creature of your opponent's bench.": Hurt(amount=10, whom="each_bench"),
    "Your opponent switches their active creature with one of their bench.": Switch(whom="opponent", by="opponent"),
}


def test_what_a_look_is_called_that_is_shown() -> None:
    text = text_of([Look(count=3, what=What.ENERGY, show=True)])
    assert text.startswith(
        "Look at the top 3 cards of your deck; you may take an energy of them into your hand, shown;"
    )


@pytest.mark.parametrize("text", EFFECTS)
def test_what_an_effect_is_called(text: str) -> None:
    assert text_of([EFFECTS[text]]) == text


def test_energies_may_be_attached_from_the_discard_pile_to_any_creature(wand: Make) -> None:
    wand(Charge(element=Element.EMBER, count=2))
    state = do(position(OWN, THEIRS), 0, "play", card="wand").state
    assert legal(state, 0) == [{"type": "choose", "spot": 0}, {"type": "choose", "spot": 1}]
    state = do(state, 0, "choose", spot=1).state
    state = do(state, 0, "choose", spot=0).state
    assert [one.energies for one in state.sides[0].in_play] == [cards("3*ember"), cards("ember")]
    assert state.sides[0].discard == cards("stone wand")


def test_no_more_energies_are_attached_than_there_are(wand: Make) -> None:
    wand(Charge(element=Element.STONE, count=2))
    state = do(do(position(OWN, THEIRS), 0, "play", card="wand").state, 0, "choose", spot=1).state
    assert state.resolving is None
    assert state.sides[0].at(1).energies == cards("stone")


def test_the_opponent_may_be_made_to_draw(wand: Make) -> None:
    wand(Draw(count=2, who="opponent"))
    step = do(position(OWN, THEIRS), 0, "play", card="wand")
    assert [len(one.hand) for one in step.state.sides] == [0, 3]
    assert [change["card"] for change in changes(step, "drew", viewer=0)] == [None, None]
    assert [change["card"] for change in changes(step, "drew", viewer=1)] == list(cards("2*tide"))


def test_all_of_ones_creatures_may_be_healed(wand: Make) -> None:
    wand(Heal(amount=10, whom="each_own"))
    own = side(there("cinderpup", damage=20), there("ashmoth", damage=10), "kilnback", hand="wand")
    state = do(position(own, THEIRS), 0, "play", card="wand").state
    assert [one.damage for one in state.sides[0].in_play] == [10, 0, 0]


def test_an_action_card_may_cost_energies_of_the_active_creature(wand: Make) -> None:
    wand(Strip(whom="self", count=2), Draw(count=1))
    state = do(position(OWN, THEIRS), 0, "play", card="wand").state
    assert active(state, 0).energies == ()
    assert len(state.sides[0].hand) == 1


def test_a_condition_may_be_ones_own(wand: Make) -> None:
    wand(Inflict(condition=Condition.ASLEEP, whom="self"))
    state = do(position(OWN, THEIRS), 0, "play", card="wand").state
    assert active(state, 0).conditions == {Condition.ASLEEP}


def test_a_look_may_be_shown_and_be_for_some_cards_only(wand: Make) -> None:
    wand(Look(count=3, what=What.ENERGY, show=True))
    own = side("cinderpup", hand="wand", deck="lasso stone kilnback ember")
    state = do(position(own, THEIRS), 0, "play", card="wand").state
    assert [one["card"] for one in legal(state, 0)] == ["stone_energy", None]
    step = do(state, 0, "choose", card="stone_energy")
    assert changes(step, "found", viewer=1) == [{"seat": 0, "card": "stone_energy"}]


@pytest.mark.parametrize(
    ("effect", "own", "theirs"),
    [
        (Charge(element=Element.EMBER), side("cinderpup", hand="wand", discard="stone"), THEIRS),
        (Draw(count=2, who="opponent"), OWN, side("drizzlet", deck="")),
        (Heal(amount=10, whom="self"), side("cinderpup", there("ashmoth", damage=10), hand="wand"), THEIRS),
        (Strip(whom="self", count=2), side(there("cinderpup", "ember"), hand="wand"), THEIRS),
        (Hurt(amount=10, whom="each_bench"), OWN, side("drizzlet")),
        (Hurt(amount=10, whom="one_bench"), OWN, side("drizzlet")),
    ],
)
def test_what_could_do_nothing_may_not_be_played(wand: Make, effect: Effect, own: Side, theirs: Side) -> None:
    wand(effect)
    assert refused(position(own, theirs), 0, "play", card="wand") == "Wand could do nothing now"


def test_a_creature_that_is_chosen_may_be_any_of_the_opponents(wand: Make) -> None:
    wand(Switch(whom="opponent", by="opponent"), Hurt(amount=10, whom="opponent"))
    step = do(position(OWN, THEIRS), 0, "play", card="wand")
    assert [one.stages[0] for one in step.state.sides[1].in_play] == ["mistcrab", "drizzlet"]
    assert active(step.state, 1).damage == 10
