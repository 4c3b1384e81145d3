"""Which Redis is taken for a store, and which is refused with what is to be set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from net.durability import StoreRefused, check_external
from net.redis import Redis

if TYPE_CHECKING:
    import trio

    from actors.ports import Entropy
    from net.valkey import EmbeddedValkey


@pytest.fixture
async def durable(nursery: trio.Nursery, valkey: EmbeddedValkey, entropy: Entropy) -> Redis:
    """A client of a server that keeps what it acknowledges, unless a test tells it otherwise."""
    client = Redis(valkey.connect, entropy=entropy)
    await nursery.start(client.run)
    return client


async def test_a_redis_without_an_append_only_file_is_refused(redis: Redis) -> None:
    with pytest.raises(StoreRefused, match="set `appendonly yes`") as error:
        await check_external(redis)
    assert "\n" not in str(error.value)


async def test_a_redis_that_evicts_is_refused(durable: Redis) -> None:
    await durable.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    with pytest.raises(StoreRefused, match=r"allkeys-lru.*set `maxmemory-policy noeviction`"):
        await check_external(durable)


@pytest.mark.parametrize("setting", ["always", "everysec", "no"])
async def test_the_durability_in_force_is_told(durable: Redis, setting: str) -> None:
    await durable.call("CONFIG", "SET", "appendfsync", setting)
    assert await check_external(durable) == setting


@pytest.mark.parametrize(("forbidden", "told"), [("-config", "unknown"), ("-info", "always")])
async def test_what_one_command_may_not_tell_the_other_does(
    nursery: trio.Nursery, valkey: EmbeddedValkey, durable: Redis, entropy: Entropy, forbidden: str, told: str
) -> None:
    await durable.call("ACL", "SETUSER", "guest", "on", ">pw", "~*", "+@all", forbidden)
    guest = Redis(valkey.connect, entropy=entropy, setup=[("AUTH", "guest", "pw")])
    await nursery.start(guest.run)
    assert await check_external(guest) == told
    await durable.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    with pytest.raises(StoreRefused):
        await check_external(guest)


async def test_a_redis_that_tells_nothing_is_refused(
    nursery: trio.Nursery, valkey: EmbeddedValkey, durable: Redis, entropy: Entropy
) -> None:
    await durable.call("ACL", "SETUSER", "guest", "on", ">pw", "~*", "+@all", "-config", "-info")
    guest = Redis(valkey.connect, entropy=entropy, setup=[("AUTH", "guest", "pw")])
    await nursery.start(guest.run)
    with pytest.raises(StoreRefused):
        await check_external(guest)


async def test_a_replica_is_refused(durable: Redis, valkey_socket: str) -> None:
    await durable.call("REPLICAOF", "127.0.0.1", 1)
    with pytest.raises(StoreRefused, match="replica"):
        await check_external(durable)
