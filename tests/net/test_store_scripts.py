"""The scripts, on a real Valkey and on the simulated one: they do the same to the same data, and it is known by what is
left."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

import pytest
import trio

from net.redis import Arg, Command, CommandRefused
from net.scripts import Script
from net.store_keys import StoreKeys
from net.store_scripts import (
    APPEND,
    AS_IT_STANDS,
    CLOCK,
    CREATE,
    DEADLINE,
    FINISH,
    LOAD,
    REMOVE,
    RETIRE,
    SNAPSHOT,
)
from net.testing.engine import Engine
from net.testing.network import SimNetwork
from net.testing.ports import SimClock
from net.testing.redis import SimRedis

if TYPE_CHECKING:
    from net.redis import Redis, Reply

KEYS = StoreKeys("p:")
STREAM, SNAP = KEYS.game("g"), KEYS.snapshot("g")
INDEXES = KEYS.indexes(("ann", "ben"))
CONNECTIONS = (KEYS.players_connections("g"), KEYS.spectators_connections("g"))

Use: TypeAlias = tuple[Script, tuple[str, ...], tuple[Arg, ...]]
Step: TypeAlias = Use | Command


def create(deadline: Arg = "") -> Step:
    return CREATE, (STREAM, KEYS.deadlines, *INDEXES), ("1-0", b"\xff\x00", "n", "g", 1000.25, deadline)


def append(event_id: int, deadline: Arg = "") -> Step:
    keys = (STREAM, KEYS.deadlines, *INDEXES)
    return APPEND, keys, (f"{event_id}-0", b"e\r\n", "n", "g", 1000.25 + event_id, deadline)


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


def tick(seconds: float) -> Step:
    return CLOCK, (KEYS.service_clock,), (seconds,)


def owned_by(nonce: str) -> Step:
    return "SET", KEYS.owner, nonce


OURS = "ours"
THEIRS = owned_by("theirs")
NOBODYS: Step = ("DEL", KEYS.owner)

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
        append(5, AS_IT_STANDS),
        load(),
        load(2),
        finish(5),
        finish(6),
        finish(6),
        append(7),
        retire(6),
        remove(5),
        remove(6),
        remove(6),
        append(7),
        finish(7),
        retire(7),
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
        ("SET", KEYS.service_clock, "rubbish"),
        tick(21.0),
    ],
    "keys of another server": [
        create(),
        append(2),
        THEIRS,
        append(3),
        deadline(2, 9.0),
        finish(3),
        save(2),
        tick(5.0),
        load(),
        owned_by(OURS),
        finish(3),
        THEIRS,
        retire(3),
        remove(3),
        ("DEL", STREAM),
        create(),
    ],
    "keys of nobody": [
        create(),
        NOBODYS,
        append(2),
        finish(2),
        load(),
        tick(5.0),
        append(2),
        NOBODYS,
        THEIRS,
        tick(6.0),
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

Outcome: TypeAlias = list[tuple[object, list[object]]]


def in_simulation(steps: list[Step]) -> Outcome:
    """What the replies are, and what stands after each step, on the engine of the simulation."""
    store = SimRedis(SimNetwork(), SimClock())

    def execute(*command: Arg) -> Reply | str:
        try:
            return store.execute(*command)
        except CommandRefused as refused:
            return refused.code

    return [(execute(*_plain(step)), [execute(*look) for look in LOOKS]) for step in (owned_by(OURS), *steps)]


async def on_valkey(redis: Redis, steps: list[Step]) -> Outcome:
    """The same, on a real server."""

    async def execute(*command: Arg) -> Reply | str:
        try:
            return await redis.call(*command)
        except CommandRefused as refused:
            return refused.code

    return [
        (await execute(*_plain(step)), [await execute(*look) for look in LOOKS]) for step in (owned_by(OURS), *steps)
    ]


def _plain(step: Step) -> Command:
    if isinstance(step[0], Script):
        script, keys, args = cast("Use", step)
        if script.writes:
            keys, args = (KEYS.owner, *keys), (OURS, *args)
        return ("EVAL", script.text, len(keys), *keys, *args)
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
    reply = Engine(SimClock()).session().execute([b"SCRIPT", b"LOAD", script.text.encode()])
    assert script.sha.encode() in reply


@pytest.mark.parametrize(("owner", "refusal"), [(THEIRS, "REPLACED"), (NOBODYS, "NOBODYS")])
async def test_whoever_is_not_the_owner_changes_nothing(owner: Step, refusal: str, redis: Redis) -> None:
    begin = [create(20.0), append(2), save(1), owner]
    writes = [create(), append(3), deadline(2, 9.0), finish(3), retire(2), save(2), remove(2)]
    (_, stood), *outcome = (await on_valkey(redis, [*begin, *writes]))[len(begin) :]
    assert outcome == [(refusal, stood)] * len(writes)
