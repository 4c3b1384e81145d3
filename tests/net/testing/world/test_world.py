"""A handful of worlds, and that a world is what its seed says. Hundreds run in `.ci/run`, thousands with
`croupier sim`."""

from __future__ import annotations

import pytest

from net.testing.trace import Trace
from net.testing.world.plan import Fault, Scale, make_plan
from net.testing.world.world import run_world


@pytest.mark.parametrize("seed", range(5))
def test_no_promise_is_broken_in_the_world_of(seed: int) -> None:
    outcome = run_world(seed)
    assert outcome.violations == ()
    assert outcome.ended == outcome.games


def test_a_world_goes_the_same_way_each_time() -> None:
    first, again, other = run_world(3), run_world(3), run_world(4)
    assert first == again
    assert first.digest != other.digest


def test_looking_at_a_world_does_not_change_it() -> None:
    trace = Trace(keep=None)
    assert run_world(5, trace=trace) == run_world(5)
    assert len(trace.moments) == trace.count


def test_every_kind_of_fault_is_struck_in_a_hundred_worlds() -> None:
    planned = {strike.fault for seed in range(100) for strike in make_plan(seed).strikes}
    assert planned == set(Fault)


def test_a_scale_bounds_what_there_is() -> None:
    scale = Scale(games=1, players=2, watchers=0, strikes=1, horizon=1.0, lossy=False)
    plans = [make_plan(seed, scale) for seed in range(50)]
    assert all(len(plan.games) == len(plan.strikes) == 1 for plan in plans)
    assert all(len(game.players) == 2 and not game.watchers for plan in plans for game in plan.games)
    assert all(plan.horizon <= 1.0 and plan.fsync == "always" for plan in plans)
