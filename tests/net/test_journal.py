"""The journal on a real Valkey: what is acknowledged stands, once, whoever else writes. (What is cut when: see
test_journal_unknown.py.)"""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from attrs import evolve

from actors.ports import Fenced, GameNotFound, ServerReplaced, StoreLostData, StoreUnavailable
from net.event_codec import UnreadableEvent
from net.game_stream import GameStream
from net.journal import RedisJournal
from net.ownership import Ownership
from net.redis import Redis
from tests.samples.journal import CREATED, GAME, KEY, RUNNING, acted, append_when_there, snapshot

if TYPE_CHECKING:
    from actors.events import Event
    from actors.ports import Entropy
    from net.game_stream import Entry
    from net.journal import RedisJournalWriter
    from net.valkey import EmbeddedValkey
    from tests.samples.journal import Scene

# ---- writing and reading


async def test_what_was_appended_is_loaded(scene: Scene, writer: RedisJournalWriter) -> None:
    await writer.append(acted(4), ends=True)
    assert await scene.events() == [CREATED, acted(2), acted(3), acted(4)]
    assert writer.last_event_id == 4


async def test_the_history_is_all_of_it(scene: Scene, writer: RedisJournalWriter) -> None:
    assert await scene.journal.history(GAME) == (CREATED, acted(2), acted(3))


async def test_one_event_can_be_read(scene: Scene, writer: RedisJournalWriter) -> None:
    assert await scene.journal.read(GAME, 1) == CREATED
    assert await scene.journal.read(GAME, 3) == acted(3)


async def test_the_entries_are_as_the_contract_has_them(scene: Scene, writer: RedisJournalWriter) -> None:
    await writer.append(acted(4), ends=False)
    await writer.append(acted(5), ends=True)
    assert scene.ids() == ["1-0", "2-0", "3-0", "4-0", "5-0"]
    assert all(list(fields) == [b"event", b"nonce"] for _, fields in scene.entries())
    nonces = [fields[b"nonce"] for _, fields in scene.entries()]
    assert nonces[0] != nonces[1]
    assert len(set(nonces[1:])) == 1
    assert len(bytes.fromhex(nonces[1].decode())) == 16


async def test_a_game_that_is_not_there_is_not_found(scene: Scene) -> None:
    for look in (scene.journal.load, scene.journal.history, partial(scene.journal.read, event_id=1)):
        with pytest.raises(GameNotFound):
            await look("no such game")


async def test_an_event_that_is_not_there_is_not_the_game_that_is_not_there(
    scene: Scene, writer: RedisJournalWriter
) -> None:
    with pytest.raises(StoreLostData):
        await scene.journal.read(GAME, 4)


@pytest.mark.parametrize("count", [4, 5, 6, 10, 11])
async def test_pages_are_joined_without_a_seam(scene: Scene, count: int) -> None:
    await scene.play(count)
    loaded, history = await scene.events(), await scene.journal.history(GAME)
    assert [event.event_id for event in loaded] == list(range(1, count + 1))
    assert list(history) == loaded


async def test_a_game_that_is_archived_between_two_pages_is_not_taken_for_a_shorter_one(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.play(11)
    page = GameStream.page

    async def page_and_gone(stream: GameStream, after: int, count: int) -> list[Entry]:
        found = await page(stream, after, count)
        scene.oracle.unlink(KEY)
        return found

    monkeypatch.setattr(GameStream, "page", page_and_gone)
    with pytest.raises(GameNotFound):
        await scene.journal.history(GAME)


async def test_a_game_of_thousands_of_events_is_loaded(redis: Redis, ownership: Ownership, entropy: Entropy) -> None:
    journal = RedisJournal(redis, ownership, entropy=entropy)
    await journal.create(CREATED)
    writer = journal.writer(CREATED, 1)
    for event_id in range(2, 3001):
        await writer.append(acted(event_id), ends=False)
    events = (await journal.load(GAME)).events
    assert len(events) == 2999
    assert events[-1] == acted(3000)


async def test_games_do_not_meet(scene: Scene) -> None:
    async def play(number: int) -> None:
        created = evolve(CREATED, game_id=f"game-{number}")
        await scene.journal.create(created)
        writer = scene.journal.writer(created, 1)
        for event_id in (2, 3):
            await writer.append(acted(event_id, player=f"player-{number}"), ends=False)

    async with trio.open_nursery() as players:
        for number in range(20):
            players.start_soon(play, number)
    for number in range(20):
        events = await scene.events(f"game-{number}")
        assert [getattr(event, "player_id", None) for event in events[1:]] == [f"player-{number}"] * 2


async def test_the_prefix_begins_every_key(scene: Scene, writer: RedisJournalWriter) -> None:
    await writer.append(acted(4), ends=False)
    assert scene.keys() == sorted((KEY, *RUNNING))


async def test_the_appends_of_many_games_leave_in_few_writes(scene: Scene) -> None:
    games = [evolve(CREATED, game_id=f"game-{number}") for number in range(50)]
    writers = []
    for created in games:
        await scene.journal.create(created)
        writers.append(scene.journal.writer(created, 1))
        await writers[-1].append(acted(2), ends=False)  # after this, no look at the end of the stream is due
    written: list[bytes] = []

    async def note(data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        written.append(data)

    scene.proxy.before_sending = note
    async with trio.open_nursery() as players:
        for writer in writers:
            players.start_soon(partial(writer.append, acted(3), ends=False))
    assert sum(data.count(b"EVALSHA") for data in written) == 50
    assert len(written) <= 2


# ---- the indexes


async def test_a_game_is_in_the_indexes_by_its_latest_event(scene: Scene, writer: RedisJournalWriter) -> None:
    assert scene.running() == [1003.0, 1003.0, 1003.0]
    await writer.append(acted(4), ends=False)
    assert scene.running() == [1004.0, 1004.0, 1004.0]


async def test_a_clock_that_was_set_back_does_not_move_a_game_back(scene: Scene, writer: RedisJournalWriter) -> None:
    await writer.append(acted(4, at=5.0), ends=False)
    assert scene.running() == [1003.0, 1003.0, 1003.0]


async def test_a_game_that_ended_waits_for_the_archive_and_is_in_no_other_index(
    scene: Scene, writer: RedisJournalWriter
) -> None:
    assert scene.ended() is None
    await writer.append(acted(4), ends=True)
    assert scene.running() == [None, None, None]
    assert scene.ended() == 1004.0


async def test_a_game_that_ended_stays_out(scene: Scene, writer: RedisJournalWriter) -> None:
    await scene.journal.writer(CREATED, 3).append(acted(4), ends=True)
    with pytest.raises(Fenced):
        await writer.append(acted(4, at=2000.0), ends=False)
    await scene.settled()
    assert scene.running() == [None, None, None]


async def test_a_refused_last_event_leaves_the_game_in_the_indexes(scene: Scene, writer: RedisJournalWriter) -> None:
    await scene.journal.writer(CREATED, 3).append(acted(4), ends=False)
    with pytest.raises(Fenced):
        await writer.append(acted(4), ends=True)
    await scene.settled()
    assert scene.running() == [1004.0, 1004.0, 1004.0]
    assert scene.ended() is None


async def test_an_index_of_another_type_makes_no_event_unwritten(scene: Scene, writer: RedisJournalWriter) -> None:
    for key in RUNNING:
        scene.oracle.set(key, "spoilt")
    await writer.append(acted(4), ends=True)
    assert scene.ids() == ["1-0", "2-0", "3-0", "4-0"]
    assert scene.ended() == 1004.0


# ---- retiring


async def test_a_game_whose_end_an_older_program_wrote_is_retired(scene: Scene, writer: RedisJournalWriter) -> None:
    await writer.append(acted(4), ends=False)  # its last event, without what belongs to it
    scene.journal.retire(CREATED, 4)
    await scene.settled()
    assert scene.running() == [None, None, None]
    assert scene.ended() == CREATED.at


async def test_retiring_again_does_not_change_when_a_game_ended(scene: Scene, writer: RedisJournalWriter) -> None:
    await writer.append(acted(4), ends=True)
    for _ in range(2):
        scene.journal.retire(CREATED, 4)
    await scene.settled()
    assert scene.ended() == 1004.0


@pytest.mark.parametrize("last", [2, 4])
async def test_a_game_that_ends_with_another_event_is_not_retired(
    scene: Scene, writer: RedisJournalWriter, last: int
) -> None:
    scene.journal.retire(CREATED, last)
    await scene.settled()
    assert scene.running() == [1003.0, 1003.0, 1003.0]
    assert scene.ended() is None


async def test_a_game_that_has_left_the_store_is_not_retired(scene: Scene) -> None:
    scene.journal.retire(CREATED, 4)
    await scene.settled()
    assert scene.keys() == []


# ---- fencing


async def test_of_two_writers_one_is_fenced_off(scene: Scene, writer: RedisJournalWriter) -> None:
    other = scene.journal.writer(CREATED, 3)
    await other.append(acted(4, player="ben"), ends=False)
    with pytest.raises(Fenced):
        await writer.append(acted(4), ends=False)
    assert (await scene.events())[3:] == [acted(4, player="ben")]


@pytest.mark.parametrize("ends", [False, True])
async def test_the_same_event_of_another_writer_is_another_event(
    scene: Scene, writer: RedisJournalWriter, ends: bool
) -> None:
    await scene.journal.writer(CREATED, 3).append(acted(4), ends=ends)
    with pytest.raises(Fenced):
        await writer.append(acted(4), ends=ends)


async def test_a_writer_that_comes_late_is_fenced_before_it_writes(scene: Scene, writer: RedisJournalWriter) -> None:
    late = scene.journal.writer(CREATED, 2)
    with pytest.raises(Fenced):
        await late.append(acted(3, player="ben"), ends=False)
    assert scene.ids() == ["1-0", "2-0", "3-0"]


async def test_of_simultaneous_writers_exactly_one_appends(scene: Scene, writer: RedisJournalWriter) -> None:
    outcomes: list[str] = []

    async def race(number: int) -> None:
        try:
            await scene.journal.writer(CREATED, 3).append(acted(4, player=f"{number}"), ends=number % 2 == 0)
            outcomes.append("appended")
        except Fenced:
            outcomes.append("fenced")

    async with trio.open_nursery() as racers:
        for number in range(10):
            racers.start_soon(race, number)
    assert sorted(outcomes) == ["appended"] + ["fenced"] * 9
    assert scene.ids()[3:] == ["4-0"]


async def test_a_fenced_writer_stays_fenced(scene: Scene, writer: RedisJournalWriter) -> None:
    await scene.journal.writer(CREATED, 3).append(acted(4, player="ben"), ends=False)
    for _ in range(2):
        with pytest.raises(Fenced):
            await writer.append(acted(4), ends=False)


async def test_an_event_that_does_not_follow_is_refused(scene: Scene, writer: RedisJournalWriter) -> None:
    for event_id in (3, 5):
        with pytest.raises(ValueError, match="does not follow event 3"):
            await writer.append(acted(event_id), ends=False)
    await writer.append(acted(4), ends=False)
    assert scene.ids() == ["1-0", "2-0", "3-0", "4-0"]


# ---- a server that was replaced


@pytest.mark.parametrize("ends", [False, True])
async def test_a_server_that_was_replaced_appends_nothing_and_is_told(
    scene: Scene, writer: RedisJournalWriter, ends: bool
) -> None:
    scene.replace()
    for _ in range(2):
        with pytest.raises(ServerReplaced):
            await writer.append(acted(4), ends=ends, deadline=7.0)
    assert scene.ids() == ["1-0", "2-0", "3-0"]
    assert (scene.running(), scene.ended(), scene.deadline()) == ([1003.0] * 3, None, None)


async def test_it_is_not_told_that_it_was_fenced_where_the_other_has_gone_on(
    scene: Scene, writer: RedisJournalWriter
) -> None:
    await scene.journal.writer(CREATED, 3).append(acted(4, player="ben"), ends=False)
    scene.replace()
    with pytest.raises(ServerReplaced):
        await writer.append(acted(4), ends=False)


async def test_what_it_has_loaded_after_that_does_not_help_it(scene: Scene, writer: RedisJournalWriter) -> None:
    scene.replace()
    await scene.cut()
    loaded = await scene.journal.load(GAME)
    with pytest.raises(ServerReplaced):
        await scene.journal.writer(loaded.created, loaded.last_event_id).append(acted(4), ends=False)
    assert scene.ids() == ["1-0", "2-0", "3-0"]


async def test_it_makes_no_game(scene: Scene) -> None:
    scene.replace()
    with pytest.raises(ServerReplaced):
        await scene.journal.create(CREATED, deadline=5.0)
    assert scene.keys() == []


async def test_it_sets_no_deadline_keeps_no_snapshot_and_retires_no_game(
    scene: Scene, writer: RedisJournalWriter
) -> None:
    scene.replace()
    assert writer.set_deadline(7.0)
    scene.journal.save(snapshot(3))
    scene.journal.retire(CREATED, 3)
    await scene.settled()
    assert scene.keys() == sorted((KEY, *RUNNING))


# ---- a store that is away


async def test_a_store_that_is_away_is_told_at_once_and_nothing_was_written(
    scene: Scene, writer: RedisJournalWriter
) -> None:
    scene.proxy.refuse = True
    scene.proxy.lines[0].cut()
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(StoreUnavailable):
        await writer.append(acted(4), ends=False)
    assert scene.ids() == ["1-0", "2-0", "3-0"]
    scene.proxy.refuse = False
    await append_when_there(writer, acted(4))
    assert scene.ids()[3:] == ["4-0"]


@pytest.mark.parametrize("ends", [False, True])
async def test_a_store_that_is_full_is_away(scene: Scene, writer: RedisJournalWriter, ends: bool) -> None:
    scene.oracle.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreUnavailable):
            await writer.append(acted(4), ends=ends)
    finally:
        scene.oracle.config_set("maxmemory", 0)
    assert scene.running() == [1003.0, 1003.0, 1003.0]
    await writer.append(acted(4), ends=ends)
    assert scene.ids()[3:] == ["4-0"]


async def test_reading_from_a_store_that_is_away_says_so(scene: Scene, writer: RedisJournalWriter) -> None:
    scene.proxy.refuse = True
    scene.proxy.lose_replies = True  # the first is cut while it waits, the others find no connection
    for look in (scene.journal.load, scene.journal.history, partial(scene.journal.read, event_id=1)):
        with pytest.raises(StoreUnavailable):
            await look(GAME)


# ---- creating


async def test_a_game_is_not_created_twice(scene: Scene) -> None:
    await scene.journal.create(CREATED)
    with pytest.raises(Fenced):
        await scene.journal.create(evolve(CREATED, at=2000.0))
    assert scene.ids() == ["1-0"]
    assert scene.running() == [1000.0, 1000.0, 1000.0]


async def test_a_creation_that_a_full_store_refuses_leaves_nothing(scene: Scene) -> None:
    scene.oracle.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreUnavailable):
            await scene.journal.create(CREATED, deadline=5.0)
    finally:
        scene.oracle.config_set("maxmemory", 0)
    assert scene.keys() == []


# ---- a store that lost data


@pytest.mark.parametrize("ends", [False, True])
async def test_a_deleted_stream_is_not_made_anew(scene: Scene, writer: RedisJournalWriter, ends: bool) -> None:
    scene.oracle.delete(KEY)
    with pytest.raises(StoreLostData):
        await writer.append(acted(4), ends=ends)
    assert scene.oracle.exists(KEY) == 0
    assert scene.ended() is None


async def test_a_store_that_comes_back_with_less_is_found_out(scene: Scene, writer: RedisJournalWriter) -> None:
    scene.lose_the_last()
    await scene.cut()
    with pytest.raises(StoreLostData, match="event 3 stood, the journal ends with 2"):
        await append_when_there(writer, acted(4))
    assert scene.ids() == ["1-0", "2-0"]


async def test_a_store_that_comes_back_empty_is_found_out(scene: Scene, writer: RedisJournalWriter) -> None:
    scene.oracle.delete(KEY)
    await scene.cut()
    with pytest.raises(StoreLostData):
        await append_when_there(writer, acted(4))
    assert scene.oracle.exists(KEY) == 0


async def test_a_store_that_comes_back_with_another_event_in_the_place_of_ours_is_found_out(
    scene: Scene, writer: RedisJournalWriter
) -> None:
    scene.lose_the_last()
    scene.add("3-0", {"event": "another", "nonce": "another"})
    await scene.cut()
    with pytest.raises(StoreLostData, match="another event stands in the place of 3"):
        await append_when_there(writer, acted(4))


async def test_a_hole_in_a_journal_is_found_out(scene: Scene, writer: RedisJournalWriter) -> None:
    scene.oracle.xdel(KEY, "2-0")
    for look in (scene.journal.load, scene.journal.history):
        with pytest.raises(StoreLostData, match="event 2 is missing"):
            await look(GAME)


async def test_a_trimmed_journal_is_found_out(scene: Scene, writer: RedisJournalWriter) -> None:
    scene.oracle.xtrim(KEY, maxlen=2, approximate=False)
    for look in (scene.journal.load, scene.journal.history):
        with pytest.raises(StoreLostData, match="event 1 is missing"):
            await look(GAME)
    scene.oracle.xtrim(KEY, maxlen=0, approximate=False)
    for look in (scene.journal.load, scene.journal.history):
        with pytest.raises(StoreLostData):
            await look(GAME)


@pytest.mark.parametrize("entry_id", ["3-1", "4-5"])
async def test_an_entry_that_no_journal_writes_is_found_out(
    scene: Scene, writer: RedisJournalWriter, entry_id: str
) -> None:
    scene.add(entry_id, {"event": "{}", "nonce": ""})
    with pytest.raises(StoreLostData):
        await scene.journal.load(GAME)
    with pytest.raises(StoreLostData):
        await scene.journal.writer(CREATED, 3).append(acted(4), ends=False)


async def test_a_journal_that_does_not_begin_with_a_creation_is_found_out(
    scene: Scene, writer: RedisJournalWriter
) -> None:
    others = [fields for _, fields in scene.entries()]
    scene.oracle.delete(KEY)
    changed = others[1][b"event"].replace(b'"event_id":2', b'"event_id":1')
    scene.add("1-0", {"event": changed, "nonce": ""})
    with pytest.raises(StoreLostData, match="does not begin with its creation"):
        await scene.journal.load(GAME)


async def test_a_key_of_another_type_is_no_journal(scene: Scene) -> None:
    scene.oracle.set(KEY, "x")
    for look in (scene.journal.load, scene.journal.history):
        with pytest.raises(StoreLostData):
            await look(GAME)
    with pytest.raises(StoreLostData):
        await scene.journal.create(CREATED)
    for ends in (False, True):
        with pytest.raises(StoreLostData):
            await scene.journal.writer(CREATED, 1).append(acted(2), ends=ends)
    assert scene.oracle.get(KEY) == b"x"


async def test_an_event_under_a_foreign_id_is_unreadable(scene: Scene, writer: RedisJournalWriter) -> None:
    _, fields = scene.entries()[-1]
    scene.add("4-0", fields)
    with pytest.raises(UnreadableEvent, match="event 4: it says that it is 3"):
        await scene.journal.load(GAME)
    with pytest.raises(UnreadableEvent):
        await scene.journal.read(GAME, 4)


# ---- a real crash


async def test_every_acknowledged_event_survives_the_killing_of_the_store(
    nursery: trio.Nursery, valkey: EmbeddedValkey, entropy: Entropy
) -> None:
    redis = Redis(valkey.connect, entropy=entropy)
    await nursery.start(redis.run)
    ownership = Ownership(entropy=entropy)
    await ownership.claim(redis)
    journal = RedisJournal(redis, ownership, entropy=entropy)
    await journal.create(CREATED)
    writer = journal.writer(CREATED, 1)
    acknowledged: list[Event] = []
    for event_id in range(2, 152):
        if event_id % 50 == 0:
            _kill(valkey)
        await append_when_there(writer, acted(event_id))
        acknowledged.append(acted(event_id))
    assert redis.epoch == 4
    assert list((await journal.load(GAME)).events) == acknowledged


def _kill(valkey: EmbeddedValkey) -> None:
    assert valkey.pid is not None
    os.kill(valkey.pid, signal.SIGKILL)
