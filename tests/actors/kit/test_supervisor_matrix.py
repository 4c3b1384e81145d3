"""Restart types, strategies, exits: all 27 combinations, in full."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from actors.kit.supervisor import Restart, Strategy, Supervisor
from tests.actors.kit.troupe import Mishap

if TYPE_CHECKING:
    from tests.actors.kit.troupe import Troupe

P, T, X = Restart.PERMANENT, Restart.TRANSIENT, Restart.TEMPORARY

# b's exit, among a, b and c: what follows where it is restarted ...
RESTARTED = {
    Strategy.ONE_FOR_ONE: "+b",
    Strategy.REST_FOR_ONE: "-c +b +c",
    Strategy.ONE_FOR_ALL: "-c -a +a +b +c",
}
# ... and where the restart fails once: what the first try did, and what the second one.
RESTARTED_TWICE = {
    Strategy.ONE_FOR_ONE: "+b",
    Strategy.REST_FOR_ONE: "-c +b +c",
    Strategy.ONE_FOR_ALL: "-c -a +a -a +a +b +c",
}
COMES_BACK = {
    (P, "returns"): True,
    (P, "crashes"): True,
    (P, "fails to restart"): True,
    (T, "returns"): False,
    (T, "crashes"): True,
    (T, "fails to restart"): True,
    (X, "returns"): False,
    (X, "crashes"): False,
    (X, "fails to restart"): False,  # it is never tried
}


@pytest.mark.parametrize(
    ("restart", "strategy", "exits"),
    list(itertools.product(Restart, Strategy, ["returns", "crashes", "fails to restart"])),
    ids=lambda value: value if isinstance(value, str) else value.value,
)
async def test_every_restart_type_under_every_strategy_after_every_exit(
    restart: Restart, strategy: Strategy, exits: str, troupe: Troupe, nursery: trio.Nursery
) -> None:
    fails = [None, Mishap()] if exits == "fails to restart" else []
    b = troupe.service("b", restart=restart, start_errors=fails)
    root = Supervisor("root", [troupe.service("a"), b, troupe.service("c")], strategy=strategy)
    await nursery.start(root.run)
    troupe.take_trace()
    (troupe.leave if exits == "returns" else troupe.crash)("b")
    await trio.sleep(1)
    if not COMES_BACK[restart, exits]:
        assert troupe.take_trace() == ["-b", "b ended"]
        assert [child.id for child in root.which_children()] == (["a", "c"] if restart is X else ["a", "b", "c"])
        return
    follows = (RESTARTED_TWICE if fails else RESTARTED)[strategy]
    assert troupe.take_trace() == ["-b", *follows.split()]
    assert {child.state for child in root.which_children()} == {"up"}
