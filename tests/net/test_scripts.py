"""How scripts get to the store, and whose writes it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from actors.ports import ServerReplaced, StoreUnavailable
from net.ownership import Ownership
from net.redis import CommandRefused, Redis, ResultUnknown
from net.scripts import Script, Scripts
from net.testing.ports import SimEntropy
from tests.samples.store import ScriptedStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import redis as redis_py

    from net.redis import Reply

ADD = Script("add", "return redis.call('INCRBY', KEYS[1], ARGV[1])", writes=False)  # it asks nobody
BAD = Script("bad", "return redis.call('INCRBY', KEYS[1], 'ace of spades')", writes=False)
PUT = Script("put", "return redis.call('INCRBY', KEYS[2], ARGV[2])")
TAKE = Script("take", "return redis.call('INCRBY', KEYS[2], ARGV[2])", claims=True)
UNCLAIMED = Ownership(entropy=SimEntropy(7))


@pytest.fixture
async def scripted(autojump_clock: object) -> AsyncIterator[tuple[Redis, ScriptedStore]]:
    store = ScriptedStore()
    redis = Redis(store.connect, entropy=SimEntropy(1))
    async with trio.open_nursery() as nursery:
        await nursery.start(redis.run)
        yield redis, store
        nursery.cancel_scope.cancel()


async def test_the_first_use_on_a_connection_carries_the_script_and_the_others_its_name(
    scripted: tuple[Redis, ScriptedStore], autojump_clock: object
) -> None:
    redis, store = scripted
    scripts = Scripts(redis, UNCLAIMED)
    for _ in range(2):
        for words in (("EVAL", ADD.text), ("EVALSHA", ADD.sha), ("EVALSHA", ADD.sha)):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(scripts.call, ADD, ["k"], [1])
                await store.expect(*words, "1", "k", "1")
                await store.answer(b":1\r\n")
        await store.cut()
        await trio.sleep(1)


async def test_uses_that_leave_in_one_write_find_the_script_there(redis: Redis) -> None:
    scripts = Scripts(redis, UNCLAIMED)
    replies: list[Reply] = []

    async def call() -> None:
        replies.append(await scripts.call(ADD, ["k"], [1]))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(call)
    assert sorted(replies, key=str) == sorted(range(1, 11), key=str)


async def test_a_server_that_has_forgotten_a_script_is_sent_it_again(redis: Redis, oracle: redis_py.Redis) -> None:
    scripts = Scripts(redis, UNCLAIMED)
    assert await scripts.call(ADD, ["k"], [1]) == 1
    oracle.script_flush()
    assert await scripts.call(ADD, ["k"], [1]) == 2
    oracle.script_flush()
    assert scripts.send(ADD, ["k"], [5])
    await redis.call("PING")
    await redis.call("PING")
    assert oracle.get("k") == b"7"


async def test_a_script_for_another_connection_is_not_executed(redis: Redis, oracle: redis_py.Redis) -> None:
    with pytest.raises(StoreUnavailable):
        await Scripts(redis, UNCLAIMED).call(ADD, ["k"], [1], epoch=redis.epoch - 1)
    assert oracle.exists("k") == 0


async def test_a_refusal_is_raised_or_logged_without_what_it_was_about(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    scripts = Scripts(redis, UNCLAIMED)
    with pytest.raises(CommandRefused):
        await scripts.call(BAD, ["k"], [])
    scripts.send(BAD, ["k"], [])
    await redis.call("PING")
    assert "the store refused the script bad" in caplog.text
    assert "spades" not in caplog.text


async def test_while_the_store_is_away_nothing_is_sent() -> None:
    await trio.lowlevel.checkpoint()
    redis = Redis(_never, entropy=SimEntropy(1))
    assert not Scripts(redis, UNCLAIMED).send(ADD, ["k"], [1])


async def _never() -> trio.abc.Stream:
    raise OSError


async def test_a_script_whose_reply_is_lost_has_an_unknown_result(
    scripted: tuple[Redis, ScriptedStore], autojump_clock: object
) -> None:
    redis, store = scripted
    outcomes: list[Exception] = []

    async def call() -> None:
        with pytest.raises(ResultUnknown) as error:
            await Scripts(redis, UNCLAIMED).call(ADD, ["k"], [1])
        outcomes.append(error.value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        await store.expect("EVAL", ADD.text, "1", "k", "1")
        await store.cut()
    assert len(outcomes) == 1


# ---- whose writes


async def server(redis: Redis, seed: int, replaced: list[int]) -> Scripts:
    """A server's scripts, after it has claimed the keys; it writes down its number when it was replaced."""
    ownership = Ownership(entropy=SimEntropy(seed), replaced=lambda: replaced.append(seed))
    await ownership.claim(redis)
    return Scripts(redis, ownership)


async def test_of_two_servers_the_newer_one_writes_and_the_older_one_is_told(
    redis: Redis, oracle: redis_py.Redis
) -> None:
    replaced: list[int] = []
    older = await server(redis, 1, replaced)
    assert await older.call(PUT, ["k"], [1]) == 1
    newer = await server(redis, 2, replaced)
    for script in (PUT, TAKE, PUT):
        with pytest.raises(ServerReplaced, match="another server"):
            await older.call(script, ["k"], [10])
    assert await newer.call(PUT, ["k"], [100]) == 101
    assert replaced == [1, 1, 1]
    assert oracle.ttl("croupier:owner") == -1


async def test_the_older_one_is_told_also_when_it_does_not_wait(redis: Redis, oracle: redis_py.Redis) -> None:
    replaced: list[int] = []
    older = await server(redis, 1, replaced)
    await server(redis, 2, replaced)
    assert older.send(PUT, ["k"], [1])
    await redis.call("PING")
    assert replaced == [1]
    assert oracle.exists("k") == 0


async def test_what_a_server_had_sent_before_it_was_replaced_and_what_arrives_after_is_not_executed(
    redis: Redis, oracle: redis_py.Redis
) -> None:
    older = await server(redis, 1, [])
    assert older.send(PUT, ["k"], [1])
    await server(redis, 2, [])
    assert older.send(PUT, ["k"], [10])
    await redis.call("PING")
    assert oracle.get("k") == b"1"


async def test_the_replaced_one_still_reads(redis: Redis) -> None:
    older = await server(redis, 1, [])
    await older.call(PUT, ["k"], [5])
    await server(redis, 2, [])
    assert await older.call(Script("get", "return redis.call('GET', KEYS[1])", writes=False), ["k"], []) == b"5"


async def test_in_a_store_that_has_lost_its_owner_nobody_writes_before_one_has_claimed_it(
    redis: Redis, oracle: redis_py.Redis
) -> None:
    replaced: list[int] = []
    older = await server(redis, 1, replaced)
    newer = await server(redis, 2, replaced)
    oracle.delete("croupier:owner")
    for scripts in (older, newer):
        with pytest.raises(StoreUnavailable, match="lost whose keys these are") as away:
            await scripts.call(PUT, ["k"], [1])
        assert not isinstance(away.value, ServerReplaced)
        scripts.send(PUT, ["k"], [1])
    assert oracle.exists("k") == 0
    assert replaced == []
    assert await newer.call(TAKE, ["k"], [1]) == 1
    assert await newer.call(PUT, ["k"], [1]) == 2
    with pytest.raises(ServerReplaced):
        await older.call(TAKE, ["k"], [1])


async def test_a_claim_on_a_store_that_is_away_says_so() -> None:
    with pytest.raises(StoreUnavailable):
        await UNCLAIMED.claim(Redis(_never, entropy=SimEntropy(1)))
