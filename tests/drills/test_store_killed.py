"""kill -9 of the store under a running server: the clients wait, and stay."""

from __future__ import annotations

import random
import signal
from typing import TYPE_CHECKING

import trio

from tests.drills.server import PATIENCE, RealServer
from tests.drills.tables import busy_tables

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 4


async def test_a_store_that_is_killed_again_and_again_comes_back_by_itself_and_nothing_is_lost_or_doubled(
    tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    with trio.fail_after(PATIENCE):
        async with RealServer(tmp_path / "data") as server:
            pids: set[int] = set()
            async with busy_tables(server, rng) as tables:
                for _ in range(KILLS):
                    await tables.actions.wait_for(rng.randint(1, 30))
                    pids.add(server.signal_store(signal.SIGKILL))
                    await server.wait_for_another_valkey(than=pids)
    assert [player.connections for player in tables.players] == [1] * len(tables.players)
    assert tables.refusals <= {"unavailable"}
