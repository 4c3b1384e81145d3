"""The scripts, on a real Valkey and on the simulated one: they do the same to the same data, and it is known by what is
left. And how they get there."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

import pytest
import trio

from actors.ports import StoreUnavailable
from net.redis import Arg, Command, CommandRefused, Redis, ResultUnknown
from net.store_keys import StoreKeys
from net.store_scripts import APPEND, CLOCK, CREATE, DEADLINE, FINISH, LOAD, REMOVE, RETIRE, SNAPSHOT, Script, Scripts
from net.testing.engine import Engine
from net.testing.network import SimNetwork
from net.testing.ports import SimClock, SimEntropy
from net.testing.redis import SimRedis
from tests.samples.store import ScriptedStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import redis as redis_py

    from net.redis import Reply

KEYS = StoreKeys("p:")
STREAM, SNAP = KEYS.game("g"), KEYS.snapshot("g")
INDEXES = KEYS.indexes(("ann", "ben"))
CONNECTIONS = (KEYS.players_connections("g"), KEYS.spectators_connections("g"))

Use: TypeAlias = tuple[Script, tuple[str, ...], tuple[Arg, ...]]
Step: TypeAlias = Use | Command


def create(deadline: Arg = "") -> Step:
    return CREATE, (STREAM, KEYS.deadlines, *INDEXES), ("1-0", b"\xff\x00", "n", "g", 1000.25, deadline)


def append(event_id: int, deadline: Arg = "") -> Step:
    return APPEND, (STREAM, KEYS.deadlines), (f"{event_id}-0", b"e\r\n", "n", "g", deadline)


def deadline(event_id: int, at: Arg = "") -> Step:
    return DEADLINE, (STREAM, KEYS.deadlines, KEYS.running), (f"{event_id}-0", "g", at)


def finish(event_id: int) -> Step:
    return (
        FINISH,
        (STREAM, SNAP, KEYS.ended, KEYS.deadlines, *INDEXES),
        (f"{event_id}-0", "e", "n", "g", 1009.125, event_id),
    )


def retire(event_id: int) -> Step:
    return RETIRE, (STREAM, KEYS.ended, KEYS.deadlines, *INDEXES), (f"{event_id}-0", "g", 1000.25)


def load(count: int = 10) -> Step:
    return LOAD, (STREAM, SNAP), (count,)


def save(event_id: int, version: int = 1) -> Step:
    return SNAPSHOT, (SNAP, STREAM), (event_id, b'{"v":%d,"event_id":%d,"state":{}}' % (version, event_id))


def remove(event_id: int) -> Step:
    keys = (STREAM, SNAP, KEYS.ended, KEYS.deadlines, *CONNECTIONS)
    return REMOVE, keys, (f"{event_id}-0", "g")


def tick(seconds: float, nonce: str = "ours") -> Step:
    return CLOCK, (KEYS.service_clock, KEYS.owner), (nonce, seconds)


SCENES: dict[str, list[Step]] = {
    "a whole game": [
        load(),
        append(2),
        create(30.5),
        create(31.5),
        append(2, 41.125),
        append(2, 99.0),
        append(3),
        append(4, 50.0),
        load(),
        load(2),
        finish(4),
        finish(5),
        finish(5),
        append(6),
        retire(5),
        remove(4),
        remove(5),
        remove(5),
        append(6),
        finish(6),
        retire(6),
    ],
    "a deadline by itself": [
        deadline(1, 30.0),
        create(20.0),
        deadline(1, 30.5),
        deadline(1, 30.5),
        append(2, 40.0),
        deadline(1, 50.0),
        deadline(2, 60.0),
        deadline(3, 70.0),
        deadline(2),
        deadline(2, 80.0),
        finish(3),
        deadline(3, 90.0),
    ],
    "an end that was half written": [create(30.0), append(2, 40.0), retire(1), retire(3), retire(2), retire(2)],
    "snapshots": [
        save(1),
        create(),
        append(2),
        save(2),
        load(),
        save(1),
        save(3),
        append(3),
        load(),
        save(3, 2),
        save(3),
        load(),
        ("SET", SNAP, "rubbish"),
        load(),
        save(2),
        ("XTRIM", STREAM, "MAXLEN", 1),
        load(),
        ("DEL", STREAM),
        load(),
    ],
    "an end before the snapshot": [create(), append(2), save(2), ("DEL", STREAM), create(), finish(2)],
    "an end after the snapshot": [create(), append(2), save(2), finish(3), load()],
    "an end behind a snapshot that is ahead": [
        create(),
        ("SET", SNAP, '{"v":1,"event_id":100,"state":{}}'),
        finish(2),
        load(),
    ],
    "keys of another type": [
        ("SET", STREAM, "x"),
        create(),
        append(2),
        finish(2),
        ("DEL", STREAM),
        ("SADD", SNAP, "x"),
        ("SET", KEYS.running, "x"),
        create(),
        load(),
        finish(2),
        load(),
    ],
    "removing what has connections": [
        create(),
        finish(2),
        ("SADD", CONNECTIONS[0], "sid"),
        ("SADD", CONNECTIONS[1], "sid"),
        save(2),
        remove(2),
    ],
    "the clock": [
        tick(1.5),
        tick(1.5),
        tick(0.5),
        tick(10.25),
        tick(9.0),
        ("SET", KEYS.owner, "theirs"),
        tick(20.0),
        tick(20.0, "theirs"),
        ("SET", KEYS.service_clock, "rubbish"),
        tick(21.0, "theirs"),
    ],
}

LOOKS: list[Command] = [
    ("XRANGE", STREAM, "-", "+"),
    ("GET", SNAP),
    ("ZRANGE", KEYS.ended, 0, -1, "WITHSCORES"),
    ("ZRANGE", KEYS.deadlines, 0, -1, "WITHSCORES"),
    *(("ZRANGE", key, 0, -1, "WITHSCORES") for key in INDEXES),
    ("EXISTS", *CONNECTIONS),
    ("GET", KEYS.service_clock),
    ("GET", KEYS.owner),
]

Outcome: TypeAlias = list[object]


def in_simulation(steps: list[Step]) -> Outcome:
    """What the replies are, and what stands after each step, on the engine of the simulation."""
    store = SimRedis(SimNetwork(), SimClock())

    def execute(*command: Arg) -> Reply | str:
        try:
            return store.execute(*command)
        except CommandRefused as refused:
            return refused.code

    return [(execute(*_plain(step)), [execute(*look) for look in LOOKS]) for step in steps]


async def on_valkey(redis: Redis, steps: list[Step]) -> Outcome:
    """The same, on a real server."""

    async def execute(*command: Arg) -> Reply | str:
        try:
            return await redis.call(*command)
        except CommandRefused as refused:
            return refused.code

    return [(await execute(*_plain(step)), [await execute(*look) for look in LOOKS]) for step in steps]


def _plain(step: Step) -> Command:
    if isinstance(step[0], Script):
        script, keys, args = cast("Use", step)
        return ("EVAL", script.body, len(keys), *keys, *args)
    return cast("Command", step)


@pytest.mark.parametrize("name", SCENES)
async def test_the_simulation_does_what_a_real_valkey_does(name: str, redis: Redis) -> None:
    assert in_simulation(SCENES[name]) == await on_valkey(redis, SCENES[name])


async def test_the_simulation_does_it_the_same_way_twice() -> None:
    await trio.lowlevel.checkpoint()
    for steps in SCENES.values():
        assert in_simulation(steps) == in_simulation(steps)


@pytest.mark.parametrize("script", [CREATE, APPEND, FINISH, RETIRE, LOAD, SNAPSHOT, REMOVE, CLOCK])
async def test_the_hash_is_the_servers(script: Script) -> None:
    await trio.lowlevel.checkpoint()
    reply = Engine(SimClock()).session().execute([b"SCRIPT", b"LOAD", script.body.encode()])
    assert script.sha.encode() in reply


# ---- how they get there

ADD = Script("add", "return redis.call('INCRBY', KEYS[1], ARGV[1])")
BAD = Script("bad", "return redis.call('INCRBY', KEYS[1], 'ace of spades')")


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
    scripts = Scripts(redis)
    for _ in range(2):
        for words in (("EVAL", ADD.body), ("EVALSHA", ADD.sha), ("EVALSHA", ADD.sha)):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(scripts.call, ADD, ["k"], [1])
                await store.expect(*words, "1", "k", "1")
                await store.answer(b":1\r\n")
        await store.cut()
        await trio.sleep(1)


async def test_uses_that_leave_in_one_write_find_the_script_there(redis: Redis) -> None:
    scripts = Scripts(redis)
    replies: list[Reply] = []

    async def call() -> None:
        replies.append(await scripts.call(ADD, ["k"], [1]))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(call)
    assert sorted(replies, key=str) == sorted(range(1, 11), key=str)


async def test_a_server_that_has_forgotten_a_script_is_sent_it_again(redis: Redis, oracle: redis_py.Redis) -> None:
    scripts = Scripts(redis)
    assert await scripts.call(ADD, ["k"], [1]) == 1
    oracle.script_flush()
    assert await scripts.call(ADD, ["k"], [1], also=[("SET", "along", "x")]) == 2
    assert oracle.get("along") == b"x"
    oracle.script_flush()
    assert scripts.send(ADD, ["k"], [5])
    await redis.call("PING")
    await redis.call("PING")
    assert oracle.get("k") == b"7"


async def test_a_script_for_another_connection_is_not_executed(redis: Redis, oracle: redis_py.Redis) -> None:
    with pytest.raises(StoreUnavailable):
        await Scripts(redis).call(ADD, ["k"], [1], epoch=redis.epoch - 1)
    assert oracle.exists("k") == 0


async def test_a_refusal_is_raised_or_logged_without_what_it_was_about(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    scripts = Scripts(redis)
    with pytest.raises(CommandRefused):
        await scripts.call(BAD, ["k"], [])
    scripts.send(BAD, ["k"], [])
    await redis.call("PING")
    assert "the store refused the script bad" in caplog.text
    assert "spades" not in caplog.text


async def test_while_the_store_is_away_nothing_is_sent() -> None:
    await trio.lowlevel.checkpoint()
    redis = Redis(_never, entropy=SimEntropy(1))
    assert not Scripts(redis).send(ADD, ["k"], [1])


async def _never() -> trio.abc.Stream:
    raise OSError


async def test_a_script_whose_reply_is_lost_has_an_unknown_result(
    scripted: tuple[Redis, ScriptedStore], autojump_clock: object
) -> None:
    redis, store = scripted
    outcomes: list[Exception] = []

    async def call() -> None:
        with pytest.raises(ResultUnknown) as error:
            await Scripts(redis).call(ADD, ["k"], [1])
        outcomes.append(error.value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        await store.expect("EVAL", ADD.body, "1", "k", "1")
        await store.cut()
    assert len(outcomes) == 1
