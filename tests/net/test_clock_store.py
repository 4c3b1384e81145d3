"""Service time and the deadlines on a real Valkey, and which server they belong to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from actors.ports import StoreUnavailable
from net.clock_store import ClockUnreadable, RedisClockStore
from net.redis import Redis
from net.testing.ports import SimEntropy
from tests.samples.journal import CREATED

if TYPE_CHECKING:
    import redis as redis_py
    import trio

    from tests.samples.journal import Scene

CLOCK = "croupier:service_clock"
OWNER = "croupier:owner"


def server(redis: Redis, seed: int, replaced: list[int]) -> RedisClockStore:
    """The clock store of one server of several; it writes down its number when it was replaced."""
    return RedisClockStore(redis, entropy=SimEntropy(seed), replaced=partial(replaced.append, seed))


@pytest.fixture
async def clock(redis: Redis) -> RedisClockStore:
    clock = server(redis, 0, [])
    await clock.claim()
    return clock


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
    clock = server(Redis(_nowhere, entropy=SimEntropy(1)), 0, [])
    for ask in (clock.claim, clock.read, partial(clock.write, 1.0), clock.deadlines):
        with pytest.raises(StoreUnavailable):
            await ask()


async def _nowhere() -> trio.abc.Stream:
    raise OSError


async def test_a_lost_reply_is_a_store_that_is_away(scene: Scene) -> None:
    clock = server(scene.redis, 0, [])
    await clock.claim()
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
    assert await server(scene.redis, 0, []).deadlines() == (("game-2", 10.0), ("game-0", 30.5))


async def test_without_turn_clocks_there_are_none(clock: RedisClockStore) -> None:
    assert await clock.deadlines() == ()


# ---- whose they are


async def test_of_two_servers_the_newer_one_goes_on_and_the_older_one_is_told(redis: Redis) -> None:
    replaced: list[int] = []
    older, newer = server(redis, 1, replaced), server(redis, 2, replaced)
    await older.claim()
    await older.write(5.0)
    await newer.claim()
    assert await newer.read() == 5.0
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="another server"):
            await older.write(6.0)
    await newer.write(5.5)
    assert await newer.read() == 5.5
    assert replaced == [1, 1]


async def test_a_successor_waits_for_nobody(redis: Redis, oracle: redis_py.Redis) -> None:
    await server(redis, 1, []).claim()
    successor = server(redis, 2, [])
    await successor.claim()
    await successor.write(1.0)
    assert oracle.ttl(OWNER) == -1


async def test_an_owner_that_the_store_has_lost_is_owner_again(
    redis: Redis, clock: RedisClockStore, oracle: redis_py.Redis
) -> None:
    replaced: list[int] = []
    other = server(redis, 2, replaced)
    oracle.delete(OWNER)
    await clock.write(1.0)
    with pytest.raises(StoreUnavailable):
        await other.write(2.0)
    assert replaced == [2]
