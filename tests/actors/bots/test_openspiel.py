"""The house's players at OpenSpiel's games: those that are open are searched, small hidden ones are dealt again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actors.bots.budget import Budget
from actors.bots.players import decide
from actors.bots.sight import Sight
from actors.rules.chance import Chance, key_of
from actors.rules.openspiel.family import installed
from actors.rules.registry import Registry

if TYPE_CHECKING:
    from actors.rules.interface import AnyRules, JsonObject

pytestmark = pytest.mark.skipif(not installed(), reason="OpenSpiel is not installed")


def after(name: str, *actions: str, seed: str = "s") -> tuple[AnyRules, Sight, list[str]]:
    """What whoever is to act sees after these actions, and the names of what they may do."""
    rules = Registry.built_in().latest(f"openspiel:{name}")
    chance = Chance(key_of(seed))
    state = rules.set_up(2, {}, chance)
    views: list[list[JsonObject]] = [[rules.view(state, seat)] for seat in (0, 1)]
    for action in actions:
        (seat,) = rules.to_act(state)
        chosen = next(one for one in rules.legal(state, seat) or () if one.name == action)
        state = rules.apply(state, seat, chosen, chance).state
        for one in (0, 1):
            views[one].append(rules.view(state, one))
    (seat,) = rules.to_act(state)
    legal = tuple(map(rules.dump, rules.legal(state, seat) or ()))
    sight = Sight(rules.name, rules.version, 2, seat, views[seat][-1], legal, tuple(views[seat][:-1]))
    return rules, sight, [action["name"] for action in legal]


def test_a_winning_move_is_found_by_search() -> None:
    rules, sight, _ = after("tic_tac_toe", "x(0,0)", "o(1,0)", "x(0,1)", "o(1,1)")
    decision = decide("mcts", rules, sight, b"seed", Budget(iterations=150))
    assert (decision.action["name"], decision.instead) == ("x(0,2)", None)


def test_where_nothing_is_hidden_the_imagined_position_is_the_real_one() -> None:
    rules, sight, names = after("connect_four", "x3", "o3")
    state = rules.imagine(sight.state, sight.seat, Chance(b"any"))  # type: ignore[attr-defined]
    assert rules.view(state, sight.seat) == sight.state
    assert [action.name for action in rules.legal(state, sight.seat) or ()] == names


def test_a_small_game_with_hidden_cards_is_dealt_again() -> None:
    for seed in ("a", "b", "c"):
        rules, sight, _ = after("kuhn_poker", "Pass", "Bet", seed=seed)
        decision = decide("mcts", rules, sight, b"seed", Budget(iterations=50))
        assert decision.instead is None
        if sight.state["information_state"].startswith("0"):  # who has the lowest card does not call
            assert decision.action["name"] == "Pass"
