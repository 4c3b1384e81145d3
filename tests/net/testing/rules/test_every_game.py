"""Every game of this house, in every version: it keeps the protocol of rules, and its secrets. OpenSpiel's are held to
it by some of theirs: hidden cards, cards that all but their holder see, and moves that are made at once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from actors.rules.openspiel import OpenSpielFamily
from actors.rules.registry import Registry
from net.drill.rules import PeacefulEights
from net.new_game.template.high_card import RULES
from net.testing.rules import assert_no_leak, check_rules
from tests.samples.council import Council

if TYPE_CHECKING:
    from actors.rules.interface import AnyRules

BUILT_IN = Registry.built_in()
SHIPPED: list[AnyRules] = [
    *(BUILT_IN.find(name, version) for name in BUILT_IN.names for version in BUILT_IN.versions(name)),
    *RULES,
]
OURS: list[AnyRules] = [*SHIPPED, PeacefulEights(), Council()]
THEIRS = ["kuhn_poker", "leduc_poker", "hanabi", "goofspiel"] if sys.platform == "linux" else []


def called(rules: AnyRules) -> str:
    return f"{rules.name} {rules.version}"


@pytest.mark.parametrize("rules", OURS, ids=called)
def test_it_keeps_the_protocol_of_rules(rules: AnyRules) -> None:
    checked = check_rules(rules, games=5, positions=20, other_process=rules in SHIPPED)
    assert checked.games == sum(checked.endings.values()) == 5


@pytest.mark.parametrize("rules", OURS, ids=called)
def test_it_keeps_its_secrets(rules: AnyRules) -> None:
    watched = assert_no_leak(rules, games=4, pairs=5, service=1)
    assert watched.served == 1
    assert sum(sum(depths.values()) for depths in watched.pairs.values()) > 5


@pytest.mark.parametrize("game", THEIRS)
def test_a_game_of_openspiel_keeps_both(game: str) -> None:
    rules = OpenSpielFamily().rules(game)
    assert rules is not None
    check_rules(rules, games=3, positions=9, other_process=False)
    assert_no_leak(rules, games=4, pairs=4, service=0)
