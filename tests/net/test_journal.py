"""The journal on a real Valkey: what is acknowledged stands, once, whatever is cut when."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest
import trio
import trio.testing
from attrs import evolve

from actors.events import Acted, Created
from actors.ports import Fenced, GameNotFound, StoreLostData, StoreUnavailable
from net.event_codec import UnreadableEvent
from net.journal import RedisJournal
from net.redis import Redis
from tests.samples.store import Proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import redis as redis_py

    from actors.events import Event
    from actors.ports import Entropy, Journal, JournalWriter
    from net.valkey import EmbeddedValkey

GAME = "game-1"
KEY = f"croupier:game:{GAME}"
CREATED = Created(
    event_id=1,
    at=1000.0,
    game_id=GAME,
    rules="crazy_eights",
    rules_version="1",
    players=("ann", "ben"),
    seed="s",
)


def acted(event_id: int, *, at: float | None = None, player: str = "ann") -> Acted:
    return Acted(
        event_id=event_id,
        at=1000.0 + event_id if at is None else at,
        player_id=player,
        action={"type": "play", "n": event_id},
        chance_position=0,
    )


@pytest.fixture
async def proxy(valkey_socket: str) -> AsyncIterator[Proxy]:
    proxy = Proxy(partial(trio.open_unix_socket, valkey_socket))
    yield proxy
    await proxy.close()


@pytest.fixture
async def journal(nursery: trio.Nursery, oracle: redis_py.Redis, proxy: Proxy, entropy: Entropy) -> Journal:
    """A journal on the shared server, behind the proxy."""
    redis = Redis(proxy.connect, entropy=entropy)
    await nursery.start(redis.run)
    return RedisJournal(redis, entropy=entropy, page=5)


@pytest.fixture
async def writer(journal: Journal) -> JournalWriter:
    """A writer of a game that has three events, after the third."""
    await journal.create(CREATED)
    writer = journal.writer(CREATED, 1)
    for event_id in (2, 3):
        await writer.append(acted(event_id), ends=False)
    return writer


def entries(oracle: redis_py.Redis) -> list[tuple[bytes, dict[bytes, bytes]]]:
    return cast("list[tuple[bytes, dict[bytes, bytes]]]", oracle.xrange(KEY))


def ids(oracle: redis_py.Redis) -> list[bytes]:
    return [entry_id for entry_id, _ in entries(oracle)]


def add(oracle: redis_py.Redis, entry_id: bytes | str, fields: Any) -> None:  # noqa: ANN401  # as redis-py's
    oracle.xadd(KEY, fields, id=entry_id)


def lose_the_last(oracle: redis_py.Redis) -> None:
    """The journal as a store has it that came back without the last event."""
    kept = entries(oracle)[:-1]
    oracle.delete(KEY)
    for entry_id, fields in kept:
        add(oracle, entry_id, fields)


# ---- writing and reading


async def test_what_was_appended_is_loaded(journal: Journal, writer: JournalWriter) -> None:
    await writer.append(acted(4), ends=True)
    assert await journal.load(GAME) == [CREATED, acted(2), acted(3), acted(4)]
    assert writer.last_event_id == 4


async def test_one_event_can_be_read(journal: Journal, writer: JournalWriter) -> None:
    assert await journal.read(GAME, 1) == CREATED
    assert await journal.read(GAME, 3) == acted(3)


async def test_the_entries_are_as_the_contract_has_them(oracle: redis_py.Redis, writer: JournalWriter) -> None:
    await writer.append(acted(4), ends=False)
    assert ids(oracle) == [b"1-0", b"2-0", b"3-0", b"4-0"]
    assert all(list(fields) == [b"event", b"nonce"] for _, fields in entries(oracle))
    nonces = [fields[b"nonce"] for _, fields in entries(oracle)]
    assert nonces[0] != nonces[1] == nonces[2]
    assert len(bytes.fromhex(nonces[1].decode())) == 16


async def test_a_game_that_is_not_there_is_not_found(journal: Journal) -> None:
    with pytest.raises(GameNotFound):
        await journal.load("no such game")
    with pytest.raises(GameNotFound):
        await journal.read("no such game", 1)


async def test_an_event_that_is_not_there_is_not_the_game_that_is_not_there(
    journal: Journal, writer: JournalWriter
) -> None:
    with pytest.raises(StoreLostData):
        await journal.read(GAME, 4)


@pytest.mark.parametrize("count", [4, 5, 6, 10, 11])
async def test_pages_are_joined_without_a_seam(journal: Journal, writer: JournalWriter, count: int) -> None:
    for event_id in range(4, count + 1):
        await writer.append(acted(event_id), ends=False)
    assert [event.event_id for event in await journal.load(GAME)] == list(range(1, count + 1))


async def test_a_game_of_thousands_of_events_is_loaded(
    nursery: trio.Nursery, valkey_socket: str, oracle: redis_py.Redis, entropy: Entropy
) -> None:
    redis = Redis(partial(trio.open_unix_socket, valkey_socket), entropy=entropy)
    await nursery.start(redis.run)
    journal = RedisJournal(redis, entropy=entropy)
    await journal.create(CREATED)
    writer = journal.writer(CREATED, 1)
    for event_id in range(2, 3001):
        await writer.append(acted(event_id), ends=False)
    events = await journal.load(GAME)
    assert len(events) == 3000
    assert events[-1] == acted(3000)


async def test_games_do_not_meet(journal: Journal, oracle: redis_py.Redis) -> None:
    async def play(number: int) -> None:
        created = evolve(CREATED, game_id=f"game-{number}")
        await journal.create(created)
        writer = journal.writer(created, 1)
        for event_id in (2, 3):
            await writer.append(acted(event_id, player=f"player-{number}"), ends=False)

    async with trio.open_nursery() as players:
        for number in range(20):
            players.start_soon(play, number)
    for number in range(20):
        events = await journal.load(f"game-{number}")
        assert [getattr(event, "player_id", None) for event in events[1:]] == [f"player-{number}"] * 2


async def test_the_prefix_begins_every_key(journal: Journal, writer: JournalWriter, oracle: redis_py.Redis) -> None:
    await writer.append(acted(4), ends=False)
    assert sorted(cast("list[bytes]", oracle.keys())) == sorted(
        [
            KEY.encode(),
            b"croupier:games:running",
            b"croupier:user_games:ann",
            b"croupier:user_games:ben",
        ]
    )


# ---- the indexes


INDEXES = ["croupier:games:running", "croupier:user_games:ann", "croupier:user_games:ben"]


async def test_a_game_is_in_the_indexes_by_its_latest_event(writer: JournalWriter, oracle: redis_py.Redis) -> None:
    assert [oracle.zscore(key, GAME) for key in INDEXES] == [1003.0, 1003.0, 1003.0]
    await writer.append(acted(4), ends=False)
    assert [oracle.zscore(key, GAME) for key in INDEXES] == [1004.0, 1004.0, 1004.0]


async def test_a_clock_that_was_set_back_does_not_move_a_game_back(
    writer: JournalWriter, oracle: redis_py.Redis
) -> None:
    await writer.append(acted(4, at=5.0), ends=False)
    assert oracle.zscore(INDEXES[0], GAME) == 1003.0


async def test_a_game_that_ended_is_in_no_index_and_stays_out(
    journal: Journal, writer: JournalWriter, oracle: redis_py.Redis
) -> None:
    await journal.writer(CREATED, 3).append(acted(4), ends=True)
    with pytest.raises(Fenced):
        await writer.append(acted(4), ends=False)
    await journal.load(GAME)  # an answer after it: so what was sent before has been executed
    assert [oracle.zscore(key, GAME) for key in INDEXES] == [None, None, None]


async def test_a_refused_last_event_leaves_the_game_in_the_indexes(
    journal: Journal, writer: JournalWriter, oracle: redis_py.Redis
) -> None:
    await journal.writer(CREATED, 3).append(acted(4), ends=False)
    with pytest.raises(Fenced):
        await writer.append(acted(4), ends=True)
    await journal.load(GAME)
    assert [oracle.zscore(key, GAME) for key in INDEXES] == [1004.0, 1004.0, 1004.0]


# ---- fencing


async def test_of_two_writers_one_is_fenced_off(journal: Journal, writer: JournalWriter) -> None:
    other = journal.writer(CREATED, 3)
    await other.append(acted(4, player="ben"), ends=False)
    with pytest.raises(Fenced):
        await writer.append(acted(4), ends=False)
    assert (await journal.load(GAME))[3:] == [acted(4, player="ben")]


async def test_the_same_event_of_another_writer_is_another_event(journal: Journal, writer: JournalWriter) -> None:
    await journal.writer(CREATED, 3).append(acted(4), ends=False)
    with pytest.raises(Fenced):
        await writer.append(acted(4), ends=False)


async def test_a_writer_that_comes_late_is_fenced_before_it_writes(
    journal: Journal, writer: JournalWriter, oracle: redis_py.Redis
) -> None:
    late = journal.writer(CREATED, 2)
    with pytest.raises(Fenced):
        await late.append(acted(3, player="ben"), ends=False)
    assert ids(oracle) == [b"1-0", b"2-0", b"3-0"]


async def test_of_simultaneous_writers_exactly_one_appends(
    journal: Journal, writer: JournalWriter, oracle: redis_py.Redis
) -> None:
    outcomes: list[str] = []

    async def race(number: int) -> None:
        try:
            await journal.writer(CREATED, 3).append(acted(4, player=f"{number}"), ends=False)
            outcomes.append("appended")
        except Fenced:
            outcomes.append("fenced")

    async with trio.open_nursery() as racers:
        for number in range(10):
            racers.start_soon(race, number)
    assert sorted(outcomes) == ["appended"] + ["fenced"] * 9
    assert ids(oracle)[3:] == [b"4-0"]


async def test_a_fenced_writer_stays_fenced(journal: Journal, writer: JournalWriter) -> None:
    await journal.writer(CREATED, 3).append(acted(4, player="ben"), ends=False)
    for _ in range(2):
        with pytest.raises(Fenced):
            await writer.append(acted(4), ends=False)


async def test_an_event_that_does_not_follow_is_refused(writer: JournalWriter, oracle: redis_py.Redis) -> None:
    for event_id in (3, 5):
        with pytest.raises(ValueError, match="does not follow event 3"):
            await writer.append(acted(event_id), ends=False)
    await writer.append(acted(4), ends=False)
    assert ids(oracle) == [b"1-0", b"2-0", b"3-0", b"4-0"]


# ---- results that are unknown


async def test_an_event_whose_acknowledgement_was_lost_stands_once(
    journal: Journal, writer: JournalWriter, proxy: Proxy, oracle: redis_py.Redis
) -> None:
    async with trio.open_nursery() as appending:
        proxy.lose_replies = True
        appending.start_soon(partial(writer.append, acted(4), ends=False))
        await trio.testing.wait_all_tasks_blocked(0.02)
        proxy.lose_replies = False
    assert len(proxy.lines) > 1
    await writer.append(acted(5), ends=False)
    assert [event.event_id for event in await journal.load(GAME)] == [1, 2, 3, 4, 5]


async def test_an_event_that_never_arrived_is_sent_again(
    journal: Journal, writer: JournalWriter, proxy: Proxy, oracle: redis_py.Redis
) -> None:
    async with trio.open_nursery() as appending:
        proxy.hold_writes = True
        appending.start_soon(partial(writer.append, acted(4), ends=False))
        await proxy.held.wait()
        proxy.hold_writes = False
        proxy.lines[0].cut()
    assert ids(oracle) == [b"1-0", b"2-0", b"3-0", b"4-0"]


async def test_an_event_that_arrives_late_after_all_is_not_applied_twice(
    journal: Journal, writer: JournalWriter, proxy: Proxy, oracle: redis_py.Redis
) -> None:
    async with trio.open_nursery() as appending:
        proxy.hold_writes = True
        appending.start_soon(partial(writer.append, acted(4), ends=False))
        await proxy.held.wait()
        proxy.hold_writes = False
        proxy.lines[0].cut()
    await proxy.lines[0].deliver()
    await writer.append(acted(5), ends=False)
    assert ids(oracle) == [b"1-0", b"2-0", b"3-0", b"4-0", b"5-0"]


async def test_an_event_that_lands_between_the_look_and_the_second_sending_is_known_as_ours(
    journal: Journal, writer: JournalWriter, proxy: Proxy, oracle: redis_py.Redis
) -> None:
    old_line = proxy.lines[0]
    landed = trio.Event()

    async def land_first(data: bytes) -> None:
        if b"XADD" in data and not landed.is_set():
            landed.set()
            await old_line.deliver()

    async with trio.open_nursery() as appending:
        proxy.hold_writes = True
        appending.start_soon(partial(writer.append, acted(4), ends=False))
        await proxy.held.wait()
        proxy.hold_writes = False
        proxy.before_sending = land_first
        old_line.cut()
    assert landed.is_set()
    await writer.append(acted(5), ends=False)
    assert ids(oracle) == [b"1-0", b"2-0", b"3-0", b"4-0", b"5-0"]


async def test_whoever_wrote_while_our_result_was_unknown_has_fenced_us(
    journal: Journal, writer: JournalWriter, proxy: Proxy, oracle: redis_py.Redis
) -> None:
    async def append() -> None:
        with pytest.raises(Fenced):
            await writer.append(acted(4), ends=False)

    async with trio.open_nursery() as appending:
        proxy.hold_writes = True
        appending.start_soon(append)
        await proxy.held.wait()
        add(oracle, "4-0", {"event": "theirs", "nonce": "theirs"})
        proxy.hold_writes = False
        proxy.lines[0].cut()
    await proxy.lines[0].deliver()
    assert ids(oracle)[3:] == [b"4-0"]


async def test_while_a_result_is_unknown_it_waits_for_the_store(
    writer: JournalWriter, proxy: Proxy, oracle: redis_py.Redis
) -> None:
    done = trio.Event()

    async def append() -> None:
        await writer.append(acted(4), ends=False)
        done.set()

    async with trio.open_nursery() as appending:
        proxy.hold_writes = True
        appending.start_soon(append)
        await proxy.held.wait()
        proxy.hold_writes = False
        proxy.refuse = True
        proxy.lines[0].cut()
        await trio.sleep(0.2)
        assert not done.is_set()
        proxy.refuse = False
    assert done.is_set()
    assert ids(oracle)[3:] == [b"4-0"]


async def test_a_store_that_refuses_while_a_result_is_unknown_does_not_make_it_known(
    writer: JournalWriter, proxy: Proxy, oracle: redis_py.Redis
) -> None:
    done = trio.Event()

    async def append() -> None:
        await writer.append(acted(4), ends=False)
        done.set()

    oracle.config_set("maxmemory", 1)
    try:
        async with trio.open_nursery() as appending:
            proxy.hold_writes = True
            appending.start_soon(append)
            await proxy.held.wait()
            proxy.hold_writes = False
            proxy.lines[0].cut()
            await trio.sleep(0.2)
            assert not done.is_set()
            oracle.config_set("maxmemory", 0)
    finally:
        oracle.config_set("maxmemory", 0)
    assert ids(oracle)[3:] == [b"4-0"]


async def test_after_a_cancelled_append_the_writer_is_spent(
    journal: Journal, writer: JournalWriter, proxy: Proxy, oracle: redis_py.Redis
) -> None:
    async with trio.open_nursery() as appending:
        proxy.hold_writes = True
        appending.start_soon(partial(writer.append, acted(4), ends=False))
        await proxy.held.wait()
        appending.cancel_scope.cancel()
    proxy.hold_writes = False
    with pytest.raises(Fenced):
        await writer.append(acted(4), ends=False)
    await _after_a_cut(proxy)
    await proxy.lines[0].deliver()
    assert [event.event_id for event in await journal.load(GAME)] == [1, 2, 3, 4]


# ---- a store that is away


async def test_a_store_that_is_away_is_told_at_once_and_nothing_was_written(
    writer: JournalWriter, proxy: Proxy, oracle: redis_py.Redis, nursery: trio.Nursery
) -> None:
    proxy.refuse = True
    proxy.lines[0].cut()
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(StoreUnavailable):
        await writer.append(acted(4), ends=False)
    assert ids(oracle) == [b"1-0", b"2-0", b"3-0"]
    proxy.refuse = False
    with trio.fail_after(10):
        while True:
            try:
                await writer.append(acted(4), ends=False)
            except StoreUnavailable:
                await trio.sleep(0.01)
            else:
                break
    assert ids(oracle)[3:] == [b"4-0"]


async def test_a_store_that_is_full_is_away(writer: JournalWriter, oracle: redis_py.Redis) -> None:
    oracle.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreUnavailable):
            await writer.append(acted(4), ends=False)
    finally:
        oracle.config_set("maxmemory", 0)
    await writer.append(acted(4), ends=False)
    assert ids(oracle)[3:] == [b"4-0"]


async def test_reading_from_a_store_that_is_away_says_so(journal: Journal, writer: JournalWriter, proxy: Proxy) -> None:
    proxy.refuse = True
    proxy.lose_replies = True  # the first is cut while it waits, the second finds no connection
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await journal.load(GAME)
        with pytest.raises(StoreUnavailable):
            await journal.read(GAME, 1)


# ---- creating


async def test_a_creation_whose_acknowledgement_was_lost_stands_once(
    journal: Journal, proxy: Proxy, oracle: redis_py.Redis
) -> None:
    async with trio.open_nursery() as creating:
        proxy.lose_replies = True
        creating.start_soon(journal.create, CREATED)
        await trio.testing.wait_all_tasks_blocked(0.02)
        proxy.lose_replies = False
    assert len(proxy.lines) > 1
    assert ids(oracle) == [b"1-0"]
    assert await journal.load(GAME) == [CREATED]


async def test_a_creation_that_never_arrived_is_sent_again(
    journal: Journal, proxy: Proxy, oracle: redis_py.Redis
) -> None:
    async with trio.open_nursery() as creating:
        proxy.hold_writes = True
        creating.start_soon(journal.create, CREATED)
        await proxy.held.wait()
        proxy.hold_writes = False
        proxy.lines[0].cut()
    await proxy.lines[0].deliver()
    assert ids(oracle) == [b"1-0"]


async def test_a_game_is_not_created_twice(journal: Journal, oracle: redis_py.Redis) -> None:
    await journal.create(CREATED)
    with pytest.raises(Fenced):
        await journal.create(CREATED)
    assert ids(oracle) == [b"1-0"]


async def test_a_creation_that_a_full_store_refuses_leaves_nothing(journal: Journal, oracle: redis_py.Redis) -> None:
    oracle.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreUnavailable):
            await journal.create(CREATED)
    finally:
        oracle.config_set("maxmemory", 0)
    assert oracle.keys() == []


# ---- a store that lost data


async def test_a_deleted_stream_is_not_made_anew(
    journal: Journal, writer: JournalWriter, oracle: redis_py.Redis
) -> None:
    oracle.delete(KEY)
    with pytest.raises(StoreLostData):
        await writer.append(acted(4), ends=False)
    assert oracle.exists(KEY) == 0


async def test_a_store_that_comes_back_with_less_is_found_out(
    writer: JournalWriter, proxy: Proxy, oracle: redis_py.Redis
) -> None:
    lose_the_last(oracle)
    await _after_a_cut(proxy)
    with pytest.raises(StoreLostData, match="event 3 stood, the journal ends with 2"):
        await _append(writer, acted(4))
    assert ids(oracle) == [b"1-0", b"2-0"]


async def test_a_store_that_comes_back_empty_is_found_out(
    writer: JournalWriter, proxy: Proxy, oracle: redis_py.Redis
) -> None:
    oracle.delete(KEY)
    await _after_a_cut(proxy)
    with pytest.raises(StoreLostData):
        await _append(writer, acted(4))
    assert oracle.exists(KEY) == 0


async def test_a_store_that_comes_back_with_another_event_in_the_place_of_ours_is_found_out(
    writer: JournalWriter, proxy: Proxy, oracle: redis_py.Redis
) -> None:
    lose_the_last(oracle)
    add(oracle, "3-0", {"event": "another", "nonce": "another"})
    await _after_a_cut(proxy)
    with pytest.raises(StoreLostData, match="another event stands in the place of 3"):
        await _append(writer, acted(4))


async def test_a_store_that_lost_events_while_a_result_was_unknown_is_found_out(
    writer: JournalWriter, proxy: Proxy, oracle: redis_py.Redis
) -> None:
    async def append() -> None:
        with pytest.raises(StoreLostData):
            await writer.append(acted(4), ends=False)

    async with trio.open_nursery() as appending:
        proxy.hold_writes = True
        appending.start_soon(append)
        await proxy.held.wait()
        oracle.xdel(KEY, "3-0")
        proxy.hold_writes = False
        proxy.lines[0].cut()


async def test_a_hole_in_a_journal_is_found_out(
    journal: Journal, writer: JournalWriter, oracle: redis_py.Redis
) -> None:
    oracle.xdel(KEY, "2-0")
    with pytest.raises(StoreLostData, match="event 2 is missing"):
        await journal.load(GAME)


async def test_a_trimmed_journal_is_found_out(journal: Journal, writer: JournalWriter, oracle: redis_py.Redis) -> None:
    oracle.xtrim(KEY, maxlen=2, approximate=False)
    with pytest.raises(StoreLostData, match="event 1 is missing"):
        await journal.load(GAME)
    oracle.xtrim(KEY, maxlen=0, approximate=False)
    with pytest.raises(StoreLostData):
        await journal.load(GAME)


@pytest.mark.parametrize("entry_id", ["3-1", "4-5"])
async def test_an_entry_that_no_journal_writes_is_found_out(
    journal: Journal, writer: JournalWriter, oracle: redis_py.Redis, entry_id: str
) -> None:
    add(oracle, entry_id, {"event": "{}", "nonce": ""})
    with pytest.raises(StoreLostData):
        await journal.load(GAME)
    with pytest.raises(StoreLostData):
        await journal.writer(CREATED, 3).append(acted(4), ends=False)


async def test_a_key_of_another_type_is_no_journal(journal: Journal, oracle: redis_py.Redis) -> None:
    oracle.set(KEY, "x")
    with pytest.raises(StoreLostData):
        await journal.load(GAME)
    with pytest.raises(StoreLostData):
        await journal.create(CREATED)
    with pytest.raises(StoreLostData):
        await journal.writer(CREATED, 1).append(acted(2), ends=False)
    assert oracle.get(KEY) == b"x"


async def test_an_event_under_a_foreign_id_is_unreadable(
    journal: Journal, writer: JournalWriter, oracle: redis_py.Redis
) -> None:
    _, fields = entries(oracle)[-1]
    add(oracle, "4-0", fields)
    with pytest.raises(UnreadableEvent, match="event 4: it says that it is 3"):
        await journal.load(GAME)
    with pytest.raises(UnreadableEvent):
        await journal.read(GAME, 4)


# ---- a real crash


async def test_every_acknowledged_event_survives_the_killing_of_the_store(
    nursery: trio.Nursery, valkey: EmbeddedValkey, entropy: Entropy
) -> None:
    redis = Redis(valkey.connect, entropy=entropy)
    await nursery.start(redis.run)
    journal = RedisJournal(redis, entropy=entropy)
    await journal.create(CREATED)
    writer = journal.writer(CREATED, 1)
    acknowledged: list[Event] = [CREATED]
    for event_id in range(2, 152):
        if event_id % 50 == 0:
            _kill(valkey)
        await _append(writer, acted(event_id))
        acknowledged.append(acted(event_id))
    assert redis.epoch == 4
    assert await journal.load(GAME) == acknowledged


def _kill(valkey: EmbeddedValkey) -> None:
    assert valkey.pid is not None
    os.kill(valkey.pid, signal.SIGKILL)


async def _append(writer: JournalWriter, event: Event) -> None:
    """Appends, as soon as the store is there."""
    with trio.fail_after(30):
        while True:
            try:
                return await writer.append(event, ends=False)
            except StoreUnavailable:
                await trio.sleep(0.01)


async def _after_a_cut(proxy: Proxy) -> None:
    """The client is connected anew."""
    lines = len(proxy.lines)
    proxy.lines[-1].cut()
    with trio.fail_after(30):
        await proxy.given_out(lines + 1)
    await trio.testing.wait_all_tasks_blocked(0.02)
