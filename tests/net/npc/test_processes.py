"""Thinking in a real process: one is started, decides, and is done with when it does not come back in time."""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING

import trio

from actors.bots.draws import takes_draw
from actors.bots.sight import Sight
from actors.rules.chance import Chance, key_of
from actors.rules.duel import Duel
from actors.rules.registry import Registry
from net.npc import processes
from net.npc.processes import Processes

if TYPE_CHECKING:
    import pytest

RULES = Duel()


def sight() -> Sight:
    """One in which there is something to choose."""
    for number in range(100):
        state = RULES.set_up(2, {}, Chance(key_of(f"{number}")))
        legal = tuple(RULES.dump(action) for action in RULES.legal(state, 0))
        if len(legal) > 1:
            return Sight("duel", RULES.version, 2, 0, RULES.view(state, 0), legal)
    raise AssertionError("every opening hand has one creature")


# One test of all of it: a process takes a second to start, which need not be paid thrice.
async def test_a_process_decides_and_one_that_does_not_in_time_is_replaced(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    thinker, seen = Processes(Registry([RULES]), (), processes=1, seconds=0.05), sight()
    assert seen.legal_actions is not None
    unstarted = await thinker.decide("mcts", seen, b"seed")
    assert (unstarted.action in seen.legal_actions, unstarted.instead) == (True, "there is no process to think in")
    assert not await thinker.takes_draw("greedy", seen, b"seed")
    async with trio.open_nursery() as nursery:
        await nursery.start(thinker.run)
        with monkeypatch.context() as patient:
            patient.setattr(processes, "_OVERTIME", 60.0)
            decision = await thinker.decide("mcts", seen, b"seed")
            assert (decision.action in seen.legal_actions, decision.instead) == (True, None)
            tossed = [await thinker.takes_draw("random", seen, b"%d" % number) for number in range(8)]
            assert tossed == [takes_draw("random", RULES, seen, b"%d" % number) for number in range(8)]
            assert len(set(tossed)) == 2
            assert await thinker._run(partial(signal.getsignal, signal.SIGHUP)) is signal.SIG_IGN
        with monkeypatch.context() as hasty:
            hasty.setattr(thinker, "seconds", 5.0)
            hasty.setattr(processes, "_OVERTIME", -4.99)
            late = await thinker.decide("mcts", seen, b"seed")
            assert late.action in seen.legal_actions
            assert late.instead is not None
            assert "did not decide within" in late.instead
        nursery.cancel_scope.cancel()
    assert sum("more simply" in record.message for record in caplog.records) == 1
