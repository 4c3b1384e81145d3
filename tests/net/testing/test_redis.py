from __future__ import annotations

from typing import TYPE_CHECKING

import hiredis
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from net.redis import CommandRefused, Redis, ResultUnknown, StoreUnavailable
from net.testing.network import SimNetwork
from net.testing.ports import SimClock, SimEntropy
from net.testing.redis import SimRedis

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trio.testing import MockClock


@pytest.fixture
async def store(autojump_clock: MockClock) -> AsyncIterator[SimRedis]:
    store = SimRedis(SimNetwork(), SimClock())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.run)
        yield store
        nursery.cancel_scope.cancel()


@pytest.fixture
async def client(store: SimRedis) -> AsyncIterator[Redis]:
    async def connect() -> trio.abc.Stream:
        return await store.network.host("server").connect("redis")

    client = Redis(connect, entropy=SimEntropy(1))
    async with trio.open_nursery() as nursery:
        await nursery.start(client.run)
        yield client
        nursery.cancel_scope.cancel()


async def test_the_servers_own_client_speaks_to_it(store: SimRedis, client: Redis, autojump_clock: MockClock) -> None:
    assert await client.call("XADD", "g", "1-0", "event", b"\x00\xff") == b"1-0"
    assert await client.call("XRANGE", "g", "-", "+") == [[b"1-0", [b"event", b"\x00\xff"]]]
    assert await client.transaction([("SET", "k", 1), ("INCR", "k")]) == [b"OK", 2]
    with pytest.raises(CommandRefused, match="equal or smaller than"):
        await client.call("XADD", "g", "1-0", "event", "again")
    assert store.execute("GET", "k") == b"2"


async def test_many_callers_get_each_their_own_reply(store: SimRedis, client: Redis, autojump_clock: MockClock) -> None:
    seen: dict[int, object] = {}

    async def call(n: int) -> None:
        seen[n] = await client.call("ECHO", n)

    async with trio.open_nursery() as nursery:
        for n in range(100):
            nursery.start_soon(call, n)
    assert seen == {n: b"%d" % n for n in range(100)}


async def test_what_a_test_executes_directly_the_clients_see(
    store: SimRedis, client: Redis, autojump_clock: MockClock
) -> None:
    store.execute("SET", "k", b"v")
    assert await client.call("GET", "k") == b"v"
    with pytest.raises(CommandRefused, match="WRONGTYPE"):
        store.execute("SADD", "k", "x")


async def test_while_it_is_paused_nothing_is_executed_and_then_everything_in_order(
    store: SimRedis, client: Redis, autojump_clock: MockClock
) -> None:
    store.pause()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.call, "SET", "k", "first")
        await wait_all_tasks_blocked()
        nursery.start_soon(client.call, "APPEND", "k", " second")
        await trio.sleep(1)
        assert store.execute("EXISTS", "k") == 0
        store.resume()
    assert store.execute("GET", "k") == b"first second"


async def test_a_lost_reply_leaves_the_write_done_and_its_result_unknown(
    store: SimRedis, client: Redis, autojump_clock: MockClock
) -> None:
    store.drop_next_reply("XADD")
    await client.call("SET", "not", "this")
    with pytest.raises(ResultUnknown):
        await client.call("XADD", "g", "1-0", "event", "{}")
    assert store.execute("XLEN", "g") == 1
    await client.wait_available()
    assert await client.call("XADD", "g", "2-0", "event", "{}") == b"2-0"


async def test_after_a_lost_reply_nothing_more_of_that_connection_is_executed(
    store: SimRedis, client: Redis, autojump_clock: MockClock
) -> None:
    outcomes: list[object] = []

    async def call(*args: str) -> None:
        try:
            outcomes.append(await client.call(*args))
        except ResultUnknown:
            outcomes.append("unknown")

    store.pause()
    store.drop_next_reply("SET")
    async with trio.open_nursery() as nursery:
        for args in (("ECHO", "before"), ("SET", "k", "v"), ("SET", "k", "after")):
            nursery.start_soon(call, *args)
            await wait_all_tasks_blocked()
        store.resume()
    assert outcomes == [b"before", "unknown", "unknown"]
    assert store.execute("GET", "k") == b"v"


async def test_a_cut_breaks_every_connection_and_new_ones_are_served(
    store: SimRedis, client: Redis, autojump_clock: MockClock
) -> None:
    before = client.epoch
    store.cut()
    await trio.sleep(5)
    assert client.epoch == before + 1
    assert await client.call("PING") == b"PONG"


async def test_a_command_that_was_read_before_the_cut_lands_late(
    store: SimRedis, client: Redis, autojump_clock: MockClock
) -> None:
    store.pause()
    async with trio.open_nursery() as nursery:

        async def write() -> None:
            with pytest.raises(ResultUnknown):
                await client.call("SET", "k", "late")

        nursery.start_soon(write)
        await wait_all_tasks_blocked()
        store.cut()
    assert store.execute("EXISTS", "k") == 0
    store.resume()
    assert store.execute("GET", "k") == b"late"


async def test_while_it_refuses_nobody_new_gets_in(store: SimRedis, client: Redis, autojump_clock: MockClock) -> None:
    store.refuse()
    assert await client.call("PING") == b"PONG"
    store.cut()
    await trio.sleep(10)
    assert not client.available
    with pytest.raises(StoreUnavailable):
        await client.call("PING")
    store.admit()
    await client.wait_available()
    assert await client.call("PING") == b"PONG"


async def test_a_transaction_whose_connection_ended_is_not_executed(store: SimRedis, autojump_clock: MockClock) -> None:
    stream = await store.network.connect("redis")
    for command in (("MULTI",), ("SET", "k", "v")):
        await stream.send_all(hiredis.pack_command(command))  # type: ignore[arg-type]
    await wait_all_tasks_blocked()
    await stream.aclose()
    await wait_all_tasks_blocked()
    assert store.execute("EXISTS", "k") == 0


@pytest.mark.parametrize("rubbish", [b"PING\r\n", b":1\r\n", b"*0\r\n", b"*1\r\n:1\r\n"])
async def test_what_is_no_command_is_told_so_and_ends_the_connection(
    rubbish: bytes, store: SimRedis, autojump_clock: MockClock
) -> None:
    stream = await store.network.connect("redis")
    await stream.send_all(rubbish)
    assert (await stream.receive_some()).startswith(b"-ERR Protocol error")
    assert await stream.receive_some() == b""


async def test_its_data_outlive_the_clients_death(store: SimRedis, client: Redis, autojump_clock: MockClock) -> None:
    await client.call("SET", "k", "v", "EX", 60)
    store.network.host("server").die()
    await trio.sleep(30)
    assert store.execute("GET", "k") == b"v"
    await trio.sleep(31)
    assert store.execute("GET", "k") is None


async def test_half_of_a_reply_arrives_before_the_connection_ends(
    store: SimRedis, client: Redis, autojump_clock: MockClock
) -> None:
    store.cut_next_reply("set")
    with pytest.raises(ResultUnknown):
        await client.call("SET", "k", "v")
    await client.wait_available()
    assert await client.call("GET", "k") == b"v"


async def test_a_store_that_refuses_executes_nothing(store: SimRedis, client: Redis, autojump_clock: MockClock) -> None:
    store.answer_with("LOADING Redis is loading the dataset in memory")
    with pytest.raises(StoreUnavailable):
        await client.call("SET", "k", "v")
    store.answer_with("OOM command not allowed when used memory > 'maxmemory'.", writes_only=True)
    with pytest.raises(StoreUnavailable):
        await client.call("SET", "k", "v")
    assert await client.call("GET", "k") is None
    store.heal()
    assert await client.call("SET", "k", "v") == b"OK"


async def test_a_slow_store_answers_that_much_later(store: SimRedis, client: Redis, autojump_clock: MockClock) -> None:
    store.slow_down(0.5)
    began = trio.current_time()
    assert await client.call("SET", "k", "v") == b"OK"
    assert trio.current_time() == began + 0.5


async def test_a_cable_that_is_pulled_is_noticed_only_by_the_silence(
    store: SimRedis, client: Redis, autojump_clock: MockClock
) -> None:
    store.half_open()
    began = trio.current_time()
    with pytest.raises(ResultUnknown, match="no reply for 5 s"):
        await client.call("SET", "k", "v")
    assert trio.current_time() == began + 5


class TestPowerCuts:
    @staticmethod
    async def after_a_cut(fsync: str, *, seconds: float) -> tuple[bool, dict[str, object]]:
        """What is left of a key that was written that long ago, another written just now, and a transaction that was
        not executed; and whether anything was lost."""
        store = SimRedis(SimNetwork(), SimClock(), config={"appendfsync": fsync})
        store.execute("SET", "then", "1", "EX", 3600)
        await trio.sleep(seconds)
        for command in (("MULTI",), ("SET", "now", "1"), ("INCR", "now"), ("EXEC",)):
            store.execute(*command)
        digest = store.execute("SCRIPT", "LOAD", "return 1")
        store.execute("MULTI")
        store.execute("SET", "never", "1")
        lost = store.crash()
        found: dict[str, object] = {key: store.execute("GET", key) for key in ("then", "now", "never")}
        found["ttl"] = store.execute("TTL", "then")
        with pytest.raises(CommandRefused, match="NOSCRIPT"):
            store.execute("EVALSHA", str(digest), 0)
        return lost, found

    async def test_with_always_everything_that_was_executed_is_kept(self, autojump_clock: MockClock) -> None:
        lost, found = await self.after_a_cut("always", seconds=2.5)
        assert not lost
        assert (found["then"], found["now"], found["never"]) == (b"1", b"2", None)

    async def test_with_everysec_the_last_second_is_lost(self, autojump_clock: MockClock) -> None:
        lost, found = await self.after_a_cut("everysec", seconds=2.5)
        assert lost
        assert (found["then"], found["now"], found["never"]) == (b"1", None, None)
        assert found["ttl"] == 3598  # its clock went on

    async def test_without_fsync_half_a_minute_may_be_lost(self, autojump_clock: MockClock) -> None:
        lost, found = await self.after_a_cut("no", seconds=2.5)
        assert lost
        assert (found["then"], found["now"]) == (None, None)

    async def test_clients_lose_the_connection_and_are_refused_until_it_is_back(
        self, store: SimRedis, client: Redis, autojump_clock: MockClock
    ) -> None:
        store.pause()
        with pytest.RaisesGroup(ResultUnknown):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.call, "SET", "k", "v")
                await trio.sleep(0.1)
                store.crash()
        store.resume()
        await trio.sleep(1)
        assert not client.available
        store.admit()
        await client.wait_available()
        assert await client.call("GET", "k") is None  # it waited, and was not executed
