from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from hypothesis import given
from hypothesis import strategies as st

from net.testing.ports import SimClock, SimEntropy

if TYPE_CHECKING:
    from trio.testing import MockClock


async def test_the_wall_clock_follows_trios(autojump_clock: MockClock) -> None:
    clock = SimClock(epoch=1000.0)
    assert clock.now() == 1000.0
    await trio.sleep(3600)
    assert clock.now() == 4600.0


def test_other_seeds_give_other_bytes() -> None:
    assert len({SimEntropy(seed).bytes(16) for seed in range(-50, 50)}) == 100


def test_the_stream_is_pinned_so_that_old_seeds_stay_replayable() -> None:
    assert SimEntropy(7).bytes(8).hex() == "975c073258585503"


@given(seed=st.integers(), sizes=st.lists(st.integers(0, 200)))
def test_the_same_seed_gives_the_same_stream_however_it_is_cut(seed: int, sizes: list[int]) -> None:
    pieces = SimEntropy(seed)
    cut = b"".join(pieces.bytes(n) for n in sizes)
    assert cut == SimEntropy(seed).bytes(sum(sizes))
