"""Service time and the deadlines on a real Valkey."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from actors.ports import StoreUnavailable
from net.clock_store import ClockUnreadable, RedisClockStore
from net.ownership import Ownership
from net.redis import Redis
from net.testing.ports import SimEntropy
from tests.samples.journal import CREATED

if TYPE_CHECKING:
    import redis as redis_py
    import trio

    from tests.samples.journal import Scene

CLOCK = "croupier:service_clock"


@pytest.fixture
def clock(redis: Redis, ownership: Ownership) -> RedisClockStore:
    return RedisClockStore(redis, ownership)


# ---- the clock


async def test_no_time_has_gone_by_in_an_empty_store(clock: RedisClockStore) -> None:
    assert await clock.read() == 0.0


@pytest.mark.parametrize("seconds", [0.25, 12.0, 1234567890.123456, 1e-9, 0.1 + 0.2])
async def test_what_was_written_is_read_to_the_last_bit(clock: RedisClockStore, seconds: float) -> None:
    await clock.write(seconds)
    assert await clock.read() == seconds


async def test_time_does_not_go_back(clock: RedisClockStore, oracle: redis_py.Redis) -> None:
    await clock.write(9.5)
    await clock.write(10.0)
    await clock.write(9.75)
    assert await clock.read() == 10.0
    assert oracle.get(CLOCK) == b"10.0"


@pytest.mark.parametrize("rubbish", ["noon", "", "nan", "inf"])
async def test_what_is_no_time_is_told_and_what_to_do(
    clock: RedisClockStore, oracle: redis_py.Redis, rubbish: str
) -> None:
    oracle.set(CLOCK, rubbish)
    with pytest.raises(ClockUnreadable, match=f"^the key {CLOCK} .* set it"):
        await clock.read()


async def test_a_store_that_is_away_says_so() -> None:
    entropy = SimEntropy(1)
    clock = RedisClockStore(Redis(_nowhere, entropy=entropy), Ownership(entropy=entropy))
    for ask in (clock.read, partial(clock.write, 1.0), clock.deadlines):
        with pytest.raises(StoreUnavailable):
            await ask()


async def _nowhere() -> trio.abc.Stream:
    raise OSError


async def test_a_lost_reply_is_a_store_that_is_away(scene: Scene) -> None:
    clock = RedisClockStore(scene.redis, scene.ownership)
    scene.proxy.lose_replies = True
    with pytest.raises(StoreUnavailable):
        await clock.write(1.0)
    scene.proxy.lose_replies = False
    await scene.redis.wait_available()
    await clock.write(2.0)
    assert await clock.read() == 2.0


# ---- deadlines


async def test_the_deadlines_are_those_of_the_running_games(scene: Scene) -> None:
    for number, deadline in enumerate((30.5, None, 10.0)):
        created = evolve(CREATED, game_id=f"game-{number}", turn_timeout_seconds=deadline)
        await scene.journal.create(created, deadline=deadline)
    assert await RedisClockStore(scene.redis, scene.ownership).deadlines() == (("game-2", 10.0), ("game-0", 30.5))


async def test_without_turn_clocks_there_are_none(clock: RedisClockStore) -> None:
    assert await clock.deadlines() == ()
