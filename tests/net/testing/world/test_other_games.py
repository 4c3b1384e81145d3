"""Worlds in which other games are played than those that the house deals: rules that run apart, and games in which
several act at once. Everything is done to their server that is done in any world."""

from __future__ import annotations

import pytest

from actors.rules.crazy_eights import CrazyEights
from actors.rules.duel import Duel
from actors.rules.registry import Registry
from net.testing.world import plan, world
from net.testing.world.veil import Veil
from tests.samples.council import Council


class Apart(Council):
    """A council whose rules run apart."""

    name = "council_apart"
    native = True


@pytest.mark.parametrize("seed", [3, 7, 12])
def test_rules_that_run_apart_keep_all_that_is_promised(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for rules in (Veil, CrazyEights, Duel):
        monkeypatch.setattr(rules, "native", True, raising=False)
    assert world.run_world(seed).violations == ()


@pytest.mark.parametrize("seed", [3, 7, 12])
def test_games_in_which_several_act_at_once_keep_all_that_is_promised(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("council", "council_apart")
    monkeypatch.setattr(plan, "_RULES", names)
    monkeypatch.setattr(plan, "_OPTIONS", {key: {"rounds": 4} for key in names})
    monkeypatch.setattr(
        world, "_registry", lambda shift: Registry([Veil(shift), CrazyEights(), Duel(), Council(), Apart()])
    )
    assert world.run_world(seed).violations == ()
