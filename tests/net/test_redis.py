"""The client: against redis-py on the same server, and against stores that misbehave."""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import redis as redis_py
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.ports import StoreUnavailable
from net.redis import CommandRefused, Redis, ResultUnknown, StoreNotReached
from net.redis_connection import ask
from tests.samples.memory import CountingEntropy
from tests.samples.store import Proxy, ScriptedStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actors.ports import Entropy
    from net.redis import Arg, Command, Reply
    from net.valkey import EmbeddedValkey


def as_redis_py_gives_it(oracle: redis_py.Redis, *command: Arg) -> Any:  # noqa: ANN401  # as redis-py types it
    """The bare reply, before redis-py makes something else of it."""
    connection: Any = oracle.connection_pool.get_connection()
    try:
        connection.send_command(*command)
        return connection.read_response()
    except redis_py.ResponseError as error:
        return error
    finally:
        oracle.connection_pool.release(connection)


async def failure_of(call: Callable[[], Awaitable[object]], into: list[Exception]) -> None:
    """For a nursery: what the call raises."""
    try:
        await call()
    except (StoreUnavailable, ResultUnknown, CommandRefused) as error:
        into.append(error)


# ---- the same answers as redis-py


SAMPLES: list[Command] = [
    ("SET", "text", "a"),  # a simple string
    ("GET", "text"),  # a bulk string
    ("GET", "no such key"),  # nil
    ("APPEND", "text", ""),  # an int
    ("DECRBY", "number", 2**62),  # a negative int
    ("GET", "empty"),  # an empty bulk string
    ("GET", "binary"),
    ("GET", "large"),
    ("LRANGE", "no such list", 0, -1),  # an empty array
    ("LRANGE", "list", 0, -1),
    ("XRANGE", "stream", "-", "+"),  # arrays in arrays
    ("EVAL", "return {1, 'b', {false, {}, {{'deep'}}}}", 0),  # all of it at once
    ("EVAL", "return redis.status_reply('FINE')", 0),
    ("BLPOP", "no such list", 0.01),  # a nil array
    ("LPUSH", "text", "x"),  # a refusal with a code of its own
    ("INCR", "binary"),
    ("NO-SUCH-COMMAND",),
]


@pytest.mark.parametrize("command", SAMPLES, ids=lambda command: " ".join(map(str, command))[:30])
async def test_a_reply_is_what_redis_py_gets(redis: Redis, oracle: redis_py.Redis, command: tuple[Arg, ...]) -> None:
    def prepared() -> None:
        oracle.flushall()
        oracle.mset({"text": "a", "empty": "", "binary": bytes(range(256)), "large": b"x" * 5_000_000})
        oracle.rpush("list", "a", b"\xff", "")
        oracle.xadd("stream", {"f": "v"}, id="1-0")

    prepared()
    theirs = as_redis_py_gives_it(oracle, *command)
    prepared()
    if isinstance(theirs, Exception):
        with pytest.raises(CommandRefused) as refused:
            await redis.call(*command)
        assert refused.value.message.endswith(str(theirs))
    else:
        assert await redis.call(*command) == theirs


words = st.text() | st.binary() | st.integers() | st.floats(allow_nan=False)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(words, max_size=10))
def test_arguments_arrive_as_redis_py_sends_them(
    oracle: redis_py.Redis, valkey_socket: str, arguments: list[Arg]
) -> None:
    command = ("EVAL", "return ARGV", 0, *arguments)

    async def ours() -> Reply:
        async with await trio.open_unix_socket(valkey_socket) as stream:
            return (await ask(stream, command))[0]

    assert trio.run(ours) == as_redis_py_gives_it(oracle, *command)


# ---- pipelining


async def test_a_thousand_callers_each_get_their_own_reply(redis: Redis) -> None:
    replies: dict[int, Reply] = {}

    async def call(number: int) -> None:
        replies[number] = await redis.call("ECHO", number)

    async with trio.open_nursery() as nursery:
        for number in range(1000):
            nursery.start_soon(call, number)
    assert replies == {number: str(number).encode() for number in range(1000)}


async def test_what_is_called_at_the_same_time_leaves_in_one_write(
    nursery: trio.Nursery, oracle: redis_py.Redis, valkey_socket: str, entropy: Entropy
) -> None:
    proxy = Proxy(partial(trio.open_unix_socket, valkey_socket))
    redis = Redis(proxy.connect, entropy=entropy)
    await nursery.start(redis.run)
    writes: list[bytes] = []

    async def count(data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        writes.append(data)

    proxy.before_sending = count
    async with trio.open_nursery() as callers:
        for _ in range(100):
            callers.start_soon(redis.call, "INCR", "n")
    assert len(writes) == 1
    assert oracle.get("n") == b"100"


async def test_commands_of_one_caller_are_executed_in_order(redis: Redis) -> None:
    for number in range(50):
        assert redis.send(("RPUSH", "list", number))
    reply = await redis.call("LRANGE", "list", 0, -1)
    assert reply == [str(number).encode() for number in range(50)]


# ---- refusals


async def test_a_refused_command_says_its_code(redis: Redis) -> None:
    await redis.call("SET", "text", "a")
    with pytest.raises(CommandRefused) as refused:
        await redis.call("LPUSH", "text", "b")
    assert refused.value.code == "WRONGTYPE"
    assert await redis.call("GET", "text") == b"a"


async def test_a_store_that_is_out_of_memory_is_away(redis: Redis, oracle: redis_py.Redis) -> None:
    oracle.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreUnavailable, match="OOM"):
            await redis.call("SET", "k", "v")
        with pytest.raises(StoreUnavailable, match="OOM"):
            await redis.transaction([("SET", "k", "v")])
    finally:
        oracle.config_set("maxmemory", 0)
    assert await redis.call("EXISTS", "k") == 0


async def test_a_refused_unattended_command_is_logged_without_its_arguments(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    await redis.call("SET", "text", "a")
    with caplog.at_level(logging.WARNING):
        redis.send(("LPUSH", "text", "hidden card"))
        await redis.call("PING")
    assert "LPUSH: WRONGTYPE" in caplog.text
    assert "hidden card" not in caplog.text


# ---- transactions


async def test_a_transaction_gives_a_reply_for_each_command(redis: Redis) -> None:
    assert await redis.transaction([("SET", "a", 1), ("INCR", "a"), ("GET", "b")]) == [b"OK", 2, None]


async def test_a_command_that_fails_in_a_transaction_leaves_the_others_be(redis: Redis) -> None:
    replies = await redis.transaction([("SET", "a", "x"), ("LPUSH", "a", 1), ("SET", "b", "y")])
    assert isinstance(replies[1], CommandRefused)
    assert await redis.call("MGET", "a", "b") == [b"x", b"y"]


async def test_a_transaction_with_a_command_that_does_not_exist_executes_none(redis: Redis) -> None:
    with pytest.raises(CommandRefused, match="unknown command"):
        await redis.transaction([("SET", "a", "x"), ("NO-SUCH-COMMAND",)])
    assert await redis.call("EXISTS", "a") == 0


async def test_transactions_of_many_callers_do_not_mix(redis: Redis) -> None:
    seen: Counter[str] = Counter()

    async def transact(number: int) -> None:
        replies = await redis.transaction([("SET", "k", number), ("GET", "k")])
        seen[str(replies == [b"OK", str(number).encode()])] += 1

    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(transact, number)
    assert seen == {"True": 100}


# ---- connections that break


@pytest.fixture
def store() -> ScriptedStore:
    return ScriptedStore()


@pytest.fixture
async def scripted(nursery: trio.Nursery, store: ScriptedStore) -> Redis:
    """Our client of a scripted store. Take `autojump_clock` too."""
    client = Redis(store.connect, entropy=CountingEntropy(), call_timeout=5.0)
    await nursery.start(client.run)
    return client


async def test_a_cut_in_mid_reply_leaves_the_rest_unknown(
    scripted: Redis, store: ScriptedStore, autojump_clock: object
) -> None:
    failures: list[Exception] = []
    replies: list[Reply] = []

    async def first() -> None:
        replies.append(await scripted.call("FIRST"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(first)
        await store.expect("FIRST")
        nursery.start_soon(failure_of, partial(scripted.call, "SECOND"), failures)
        nursery.start_soon(failure_of, partial(scripted.transaction, [("THIRD",)]), failures)
        await store.expect("THIRD")
        await store.answer(b"+one\r\n$5\r\nhal")
        await store.cut()
    assert replies == [b"one"]
    assert [type(error) for error in failures] == [ResultUnknown, ResultUnknown]


async def test_what_was_not_sent_when_the_connection_broke_was_not_executed(
    nursery: trio.Nursery, entropy: Entropy
) -> None:
    # A lockstep stream's send returns when the other side has received: one write is under way, the next
    # waits.
    ours, theirs = trio.testing.lockstep_stream_pair()
    given_out = iter([ours])

    async def connect() -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        stream = next(given_out, None)
        if stream is None:
            raise OSError("away")
        return stream

    async def handshake() -> None:
        await theirs.receive_some()
        await theirs.send_all(b"+PONG\r\n:1\r\n")

    redis = Redis(connect, entropy=entropy)
    async with trio.open_nursery() as starting:
        starting.start_soon(handshake)
        await nursery.start(redis.run)
    failures: dict[str, list[Exception]] = {"sent": [], "queued": []}
    async with trio.open_nursery() as callers:
        callers.start_soon(failure_of, partial(redis.call, "SENT"), failures["sent"])
        await trio.testing.wait_all_tasks_blocked()
        callers.start_soon(failure_of, partial(redis.call, "QUEUED"), failures["queued"])
        await trio.testing.wait_all_tasks_blocked()
        await theirs.aclose()
    assert [type(error) for error in failures["sent"]] == [ResultUnknown]
    assert [type(error) for error in failures["queued"]] == [StoreUnavailable]


async def test_a_mute_store_makes_nobody_wait_for_ever(
    scripted: Redis, store: ScriptedStore, autojump_clock: object
) -> None:
    before = trio.current_time()
    with pytest.raises(ResultUnknown, match="no reply for 5 s"):
        await scripted.call("GET", "k")
    assert trio.current_time() - before == 5.0
    assert await scripted.wait_available() == 2
    assert len(store.connections) == 2


async def test_a_mute_store_is_found_out_however_much_is_still_sent_to_it(
    scripted: Redis, store: ScriptedStore, autojump_clock: object
) -> None:
    failed_at: list[float] = []

    async def call() -> None:
        with pytest.raises(ResultUnknown):
            await scripted.call("GET", "k")
        failed_at.append(trio.current_time())

    before = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(call)
            await trio.sleep(1)
    assert failed_at == [before + 5.0] * 4


async def test_the_silence_of_a_store_that_owes_nothing_is_no_fault(
    scripted: Redis, store: ScriptedStore, autojump_clock: object
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scripted.call, "GET", "k")
        await store.expect("GET", "k")
        await store.answer(b"$-1\r\n")
    await trio.sleep(3600)
    assert scripted.epoch == 1


async def test_a_store_that_goes_on_answering_is_not_cut_however_many_wait(
    scripted: Redis, store: ScriptedStore, autojump_clock: object
) -> None:
    replies: list[Reply] = []

    async def call(number: int) -> None:
        replies.append(await scripted.call("ECHO", number))

    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(call, number)
        for number in range(4):
            await trio.sleep(4)
            await store.answer(b":%d\r\n" % number)
    assert sorted(replies, key=str) == [0, 1, 2, 3]
    assert scripted.epoch == 1


@pytest.mark.parametrize("nonsense", [b"HTTP/1.1 400 Bad Request\r\n", b":1\r\n:2\r\n"])
async def test_after_nonsense_it_connects_anew(
    scripted: Redis, store: ScriptedStore, autojump_clock: object, nonsense: bytes
) -> None:
    failures: list[Exception] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(failure_of, partial(scripted.call, "FIRST"), failures)
        await store.expect("FIRST")
        await store.answer(nonsense)
    await trio.sleep(1)
    assert scripted.epoch == 2
    assert all(isinstance(error, ResultUnknown) for error in failures)


async def test_while_there_is_no_connection_calls_fail_at_once(
    nursery: trio.Nursery, store: ScriptedStore, entropy: Entropy, autojump_clock: object
) -> None:
    proxy = Proxy(store.connect)
    redis = Redis(proxy.connect, entropy=entropy)
    with pytest.raises(StoreUnavailable):
        await redis.call("GET", "k")
    await nursery.start(redis.run)
    proxy.refuse = True
    await store.cut()
    await trio.sleep(10)
    assert not redis.available
    before = trio.current_time()
    with pytest.raises(StoreUnavailable):
        await redis.call("GET", "k")
    assert redis.send(("GET", "k")) is False
    assert trio.current_time() == before
    proxy.refuse = False
    assert await redis.wait_available() == 2
    assert redis.available


async def test_a_call_that_is_bound_to_a_connection_goes_out_on_no_other(
    scripted: Redis, store: ScriptedStore, autojump_clock: object
) -> None:
    epoch = scripted.epoch
    await store.cut()
    await trio.sleep(1)
    assert scripted.epoch == epoch + 1
    with pytest.raises(StoreUnavailable):
        await scripted.call("SET", "k", "v", epoch=epoch)
    with pytest.raises(StoreUnavailable):
        await scripted.transaction([("SET", "k", "v")], epoch=epoch)
    assert scripted.send(("SET", "k", "v"), epoch=epoch) is False
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(scripted.call, "PING", epoch=epoch + 1))
        await store.expect("PING")
        await store.expect("PING")
        await store.answer(b"+PONG\r\n")
    assert b"SET" not in b"".join(store.received)


async def test_beyond_the_bound_calls_are_refused_and_the_others_served(
    nursery: trio.Nursery, store: ScriptedStore, entropy: Entropy, autojump_clock: object
) -> None:
    redis = Redis(store.connect, entropy=entropy, max_calls=2)
    await nursery.start(redis.run)
    failures: list[Exception] = []
    async with trio.open_nursery() as callers:
        for number in range(3):
            callers.start_soon(failure_of, partial(redis.call, "ECHO", number), failures)
        await trio.testing.wait_all_tasks_blocked()
        assert [type(error) for error in failures] == [StoreUnavailable]
        await store.answer(b":1\r\n:2\r\n")
    assert len(failures) == 1


async def test_stopping_the_client_tells_whoever_waits(store: ScriptedStore, entropy: Entropy) -> None:
    redis = Redis(store.connect, entropy=entropy)
    failures: list[Exception] = []
    async with trio.open_nursery() as callers, trio.open_nursery() as service:
        await service.start(redis.run)
        callers.start_soon(failure_of, partial(redis.call, "FIRST"), failures)
        await store.expect("FIRST")
        service.cancel_scope.cancel()
    assert [type(error) for error in failures] == [ResultUnknown]
    assert not redis.available


# ---- cancelled calls


async def test_the_reply_to_a_cancelled_call_is_dropped_and_no_other(
    scripted: Redis, store: ScriptedStore, autojump_clock: object
) -> None:
    with trio.move_on_after(1) as impatience:
        await scripted.call("FIRST")
    assert impatience.cancelled_caught
    replies: list[Reply] = []

    async def second() -> None:
        replies.append(await scripted.call("SECOND"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(second)
        await store.expect("SECOND")
        await store.answer(b"+one\r\n+two\r\n")
    assert replies == [b"two"]
    assert scripted.epoch == 1


async def test_a_call_that_is_cancelled_before_it_begins_sends_nothing(
    scripted: Redis, store: ScriptedStore, autojump_clock: object
) -> None:
    with trio.move_on_after(0):
        await scripted.call("FIRST")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scripted.call, "SECOND")
        await store.expect("SECOND")
        await store.answer(b"+two\r\n")
    assert b"FIRST" not in b"".join(store.received)


# ---- crash points


class Recorder:
    """Writes down which points were reached, and what else happens."""

    def __init__(self) -> None:
        self.log: list[object] = []

    def reach(self, point: str) -> None:
        self.log.append(point)


async def test_a_batch_passes_the_crash_points_before_and_after_it_is_written_and_answered(
    nursery: trio.Nursery, store: ScriptedStore, entropy: Entropy, autojump_clock: object
) -> None:
    points = Recorder()
    redis = Redis(store.connect, entropy=entropy, crash_points=points)
    await nursery.start(redis.run)
    assert points.log == []

    async def call() -> None:
        points.log.append(await redis.call("ECHO", 1))

    async with trio.open_nursery() as callers:
        callers.start_soon(call)
        callers.start_soon(call)
        await store.expect("ECHO", "1")
        await trio.testing.wait_all_tasks_blocked()
        assert points.log == ["store.writing", "store.written"]
        await store.answer(b":1\r\n:2\r\n")
    assert points.log[2] == "store.replied"
    assert sorted(points.log[3:], key=str) == [1, 2]


async def test_a_crash_before_the_write_sends_nothing(
    store: ScriptedStore, entropy: Entropy, autojump_clock: object
) -> None:
    class Crash(BaseException):
        pass

    class AtWriting:
        def reach(self, point: str) -> None:
            if point == "store.writing":
                raise Crash

    async def write_and_crash() -> None:
        async with trio.open_nursery() as nursery:
            redis = Redis(store.connect, entropy=entropy, crash_points=AtWriting())
            await nursery.start(redis.run)
            with pytest.raises(ResultUnknown):
                await redis.call("SET", "k", "v")
            await trio.sleep_forever()

    with pytest.raises(BaseExceptionGroup) as crash:
        await write_and_crash()
    assert crash.group_contains(Crash)
    received = b""
    while data := await store.connections[0].receive_some():
        received += data
    assert b"PING" in received
    assert b"SET" not in received


# ---- starting


async def test_a_store_that_is_never_there_is_a_clear_error(autojump_clock: object) -> None:
    async def connect() -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        raise ConnectionRefusedError(111, "Connection refused")

    redis = Redis(connect, entropy=CountingEntropy(), name="redis://here", start_timeout=10)
    with pytest.raises(StoreNotReached, match=r"^cannot use redis://here: .*Connection refused$"):
        await redis.run()
    assert trio.current_time() >= 10


async def test_a_mute_store_is_a_clear_error_at_the_start(autojump_clock: object) -> None:
    kept = []

    async def connect() -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        ours, theirs = trio.testing.memory_stream_pair()
        kept.append(theirs)
        return ours

    with pytest.raises(StoreNotReached, match="no answer within 5 s"):
        await Redis(connect, entropy=CountingEntropy(), start_timeout=10).run()


async def test_a_wrong_password_is_told_at_once(oracle: redis_py.Redis, valkey_socket: str, entropy: Entropy) -> None:
    connect = partial(trio.open_unix_socket, valkey_socket)
    redis = Redis(connect, entropy=entropy, setup=[("AUTH", "nobody", "secret")])
    with pytest.raises(StoreNotReached, match="WRONGPASS") as error:
        await redis.run()
    assert "secret" not in str(error.value)


async def test_the_setup_goes_first_on_each_connection(
    nursery: trio.Nursery, oracle: redis_py.Redis, valkey_socket: str, entropy: Entropy
) -> None:
    proxy = Proxy(partial(trio.open_unix_socket, valkey_socket))
    redis = Redis(proxy.connect, entropy=entropy, setup=[("SELECT", 3), ("CLIENT", "SETNAME", "croupier")])
    await nursery.start(redis.run)
    for connections in (1, 2):
        assert await redis.call("CLIENT", "GETNAME") == b"croupier"
        await redis.call("INCR", "n")
        proxy.lines[-1].cut()
        await proxy.given_out(connections + 1)
        await redis.wait_available()
    assert as_redis_py_gives_it(oracle, "EVAL", "redis.call('SELECT', 3) return redis.call('GET', 'n')", 0) == b"2"


async def test_it_waits_for_a_store_that_still_loads_its_data(
    nursery: trio.Nursery, entropy: Entropy, autojump_clock: object
) -> None:
    loading = b"-LOADING the data\r\n" * 2
    answers = iter([loading, loading, b"+PONG\r\n:1\r\n"])
    kept = []

    async def connect() -> trio.abc.Stream:
        ours, theirs = trio.testing.memory_stream_pair()
        kept.append(theirs)
        await theirs.send_all(next(answers))
        return ours

    redis = Redis(connect, entropy=entropy)
    await nursery.start(redis.run)
    assert redis.available
    assert len(kept) == 3


async def test_a_store_that_drops_us_at_once_is_asked_less_and_less_often(
    nursery: trio.Nursery, entropy: Entropy, autojump_clock: object
) -> None:
    store = ScriptedStore()

    async def drop() -> None:
        await trio.sleep(0.01)
        await store.cut()

    async def connect() -> trio.abc.Stream:
        nursery.start_soon(drop)
        return await store.connect()

    redis = Redis(connect, entropy=entropy, longest_backoff=1.0)
    await nursery.start(redis.run)
    await trio.sleep(60)
    assert 60 < len(store.connections) < 130


async def test_a_killed_and_restarted_valkey_is_found_again(
    nursery: trio.Nursery, valkey: EmbeddedValkey, entropy: Entropy
) -> None:
    redis = Redis(valkey.connect, entropy=entropy)
    await nursery.start(redis.run)
    await redis.call("SET", "k", "v")
    await redis.call("CONFIG", "SET", "busy-reply-threshold", "5000")
    with pytest.raises(ResultUnknown):
        await redis.call("SHUTDOWN", "NOW", "FORCE")
    with trio.fail_after(30):
        assert await redis.wait_available() == 2
    assert await redis.call("GET", "k") == b"v"
