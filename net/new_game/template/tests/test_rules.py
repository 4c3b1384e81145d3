"""The rules of High Card: that they keep the protocol of rules, that they keep secrets, and what they are."""

import pytest

from actors.rules.cards import card_of
from actors.rules.chance import Chance, key_of
from actors.rules.interface import IllegalAction
from net.new_game.template.high_card import RULES
from net.new_game.template.high_card.rules import HighCard, Lay, State
from net.testing.rules import assert_no_leak, check_rules

CHANCE = Chance(key_of("any"))


def state(*hands: str, turn: int = 0) -> State:
    """A position in which each seat has these cards."""
    dealt = tuple(tuple(card_of(card) for card in hand.split()) for hand in hands)
    return State(dealt, turn=turn, taken=(0,) * len(hands))


@pytest.mark.parametrize("rules", RULES, ids=lambda rules: rules.version)
def test_the_rules_keep_the_protocol_of_rules(rules: HighCard) -> None:
    print(check_rules(rules))


@pytest.mark.parametrize("rules", RULES, ids=lambda rules: rules.version)
def test_nobody_is_told_what_they_may_not_know(rules: HighCard) -> None:
    print(assert_no_leak(rules))


def test_the_highest_card_takes_the_round_and_leads_the_next() -> None:
    rules = HighCard()
    first = rules.apply(state("5C 2C", "KD 3D"), 0, Lay(card_of("5C")), CHANCE)
    second = rules.apply(first.state, 1, Lay(card_of("KD")), CHANCE)
    assert second.state.taken == (0, 1)
    assert rules.to_act(second.state) == (1,)


def test_a_card_that_is_not_in_the_hand_is_refused_whoever_has_it() -> None:
    for card in ("KD", "QS"):
        with pytest.raises(IllegalAction, match=r"^that card is not in your hand$"):
            HighCard().apply(state("5C", "KD"), 0, Lay(card_of(card)), CHANCE)


def test_the_game_ends_with_the_last_card_and_most_rounds_win() -> None:
    rules, last = HighCard(), state("5C", "4D")
    for seat, card in ((0, "5C"), (1, "4D")):
        last = rules.apply(last, seat, Lay(card_of(card)), CHANCE).state
    outcome = rules.outcome(last)
    assert outcome is not None
    assert (outcome.winner, outcome.scores, outcome.reason) == (0, (1.0, 0.0), "played_out")
