"""Snapshots and deadlines on a real Valkey: they follow the events, and are never ahead of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import trio
import trio.testing
from attrs import evolve

from actors.events import TimedOut
from actors.ports import Fenced, StoreLostData
from tests.samples.journal import CREATED, DEADLINES, GAME, KEY, SNAP, acted, snapshot

if TYPE_CHECKING:
    from net.journal import RedisJournalWriter
    from tests.samples.journal import Scene

TIMED = evolve(CREATED, turn_timeout_seconds=30.0)


async def saved(scene: Scene, event_id: int, **changes: Any) -> None:  # noqa: ANN401 (whatever its fields are)
    scene.journal.save(snapshot(event_id, **changes))
    await scene.settled()


# ---- snapshots


async def test_a_game_is_loaded_from_its_snapshot_on(scene: Scene, writer: RedisJournalWriter) -> None:
    await saved(scene, 2)
    loaded = await scene.journal.load(GAME)
    assert (loaded.created, loaded.snapshot, loaded.events) == (CREATED, snapshot(2), (acted(3),))
    assert loaded.last_event_id == 3


async def test_a_snapshot_of_the_last_event_is_all_there_is_to_load(scene: Scene, writer: RedisJournalWriter) -> None:
    await saved(scene, 3)
    loaded = await scene.journal.load(GAME)
    assert (loaded.snapshot, loaded.events, loaded.last_event_id) == (snapshot(3), (), 3)


async def test_a_game_with_a_snapshot_is_loaded_in_one_round_trip(scene: Scene, writer: RedisJournalWriter) -> None:
    await saved(scene, 2)
    sent: list[bytes] = []

    async def note(data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        sent.append(data)

    scene.proxy.before_sending = note
    await scene.journal.load(GAME)
    assert len(sent) == 1


@pytest.mark.parametrize("at", [1, 2, 5, 6, 11, 12])
async def test_pages_after_a_snapshot_are_joined_without_a_seam(scene: Scene, at: int) -> None:
    await scene.play(12)
    await saved(scene, at)
    loaded = await scene.journal.load(GAME)
    assert [event.event_id for event in loaded.events] == list(range(at + 1, 13))
    assert len(await scene.journal.history(GAME)) == 12


async def test_an_earlier_snapshot_does_not_replace_a_later_one(scene: Scene, writer: RedisJournalWriter) -> None:
    await saved(scene, 3)
    await saved(scene, 2)
    assert (await scene.journal.load(GAME)).snapshot == snapshot(3)


async def test_another_snapshot_of_the_same_event_changes_nothing(scene: Scene, writer: RedisJournalWriter) -> None:
    await saved(scene, 3)
    await saved(scene, 3, chance_position=99)
    assert (await scene.journal.load(GAME)).snapshot == snapshot(3)


@pytest.mark.parametrize("event_id", [9, 10, 100])
async def test_later_snapshots_are_compared_as_numbers(scene: Scene, event_id: int) -> None:
    await scene.play(100)
    await saved(scene, 8)
    await saved(scene, event_id)
    assert (await scene.journal.load(GAME)).snapshot == snapshot(event_id)


async def test_what_is_damaged_is_replaced_by_the_next_snapshot(scene: Scene, writer: RedisJournalWriter) -> None:
    scene.oracle.set(SNAP, b"\xff rubbish")
    await saved(scene, 2)
    assert (await scene.journal.load(GAME)).snapshot == snapshot(2)


async def test_a_snapshot_of_an_event_that_does_not_stand_is_not_kept(scene: Scene, writer: RedisJournalWriter) -> None:
    await saved(scene, 4)
    assert scene.oracle.exists(SNAP) == 0


async def test_a_game_that_has_left_the_store_is_not_brought_back_by_its_snapshot(scene: Scene) -> None:
    await saved(scene, 2)
    assert scene.keys() == []


async def test_a_state_that_is_no_json_is_no_snapshot_and_no_fault(
    scene: Scene, writer: RedisJournalWriter, caplog: pytest.LogCaptureFixture
) -> None:
    await saved(scene, 2, state={"ace of spades": object()})
    assert scene.oracle.exists(SNAP) == 0
    assert "no JSON" in caplog.text
    assert "ace" not in caplog.text


async def test_while_the_store_is_away_a_snapshot_is_dropped(scene: Scene, writer: RedisJournalWriter) -> None:
    scene.proxy.refuse = True
    scene.proxy.lines[0].cut()
    await trio.testing.wait_all_tasks_blocked()
    scene.journal.save(snapshot(2))
    scene.proxy.refuse = False
    await scene.redis.wait_available()
    await scene.settled()
    assert scene.oracle.exists(SNAP) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"v": 0},
        {"state": []},
        {"rules_version": "0"},
        {"rules": "duel"},
        {"game_id": "another"},
        {"answered": [["ann", 1, 2]]},
    ],
)
async def test_a_snapshot_that_is_of_no_use_is_left_aside_and_the_events_are_replayed(
    scene: Scene, writer: RedisJournalWriter, changes: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    await saved(scene, 2, state={"ace": "of spades"})
    standing = orjson.loads(scene.oracle.get(SNAP))  # type: ignore[arg-type]
    scene.oracle.set(SNAP, orjson.dumps({**standing, **changes}))
    loaded = await scene.journal.load(GAME)
    assert (loaded.snapshot, loaded.events) == (None, (acted(2), acted(3)))
    assert GAME in caplog.text
    assert "spades" not in caplog.text


@pytest.mark.parametrize("last", [3, 4])
async def test_a_snapshot_by_a_writer_whose_events_the_store_lost_is_left_aside_once_others_stand_there(
    scene: Scene, writer: RedisJournalWriter, last: int
) -> None:
    scene.lose_the_last()
    rival = scene.journal.writer(CREATED, 2)
    for event_id in range(3, last + 1):
        await rival.append(acted(event_id, at=2000.0 + event_id), ends=False)
    await saved(scene, 3)
    loaded = await scene.journal.load(GAME)
    assert (loaded.snapshot, [event.event_id for event in loaded.events]) == (None, list(range(2, last + 1)))


async def test_a_key_of_another_type_is_no_snapshot(scene: Scene, writer: RedisJournalWriter) -> None:
    scene.oracle.sadd(SNAP, "x")
    loaded = await scene.journal.load(GAME)
    assert (loaded.snapshot, loaded.events) == (None, (acted(2), acted(3)))


@pytest.mark.parametrize("last", [1, 2])
async def test_a_journal_that_ends_before_its_snapshot_has_lost_events(
    scene: Scene, writer: RedisJournalWriter, last: int
) -> None:
    await saved(scene, 3)
    for _ in range(3 - last):
        scene.lose_the_last()
    with pytest.raises(StoreLostData, match="event 3"):
        await scene.journal.load(GAME)
    assert len(await scene.journal.history(GAME)) == last


async def test_a_hole_at_the_snapshots_event_is_found_out(scene: Scene, writer: RedisJournalWriter) -> None:
    await saved(scene, 2)
    scene.oracle.xdel(KEY, "2-0")
    with pytest.raises(StoreLostData, match="event 2"):
        await scene.journal.load(GAME)


async def test_the_end_of_a_game_takes_away_a_snapshot_that_is_ahead_of_it(
    scene: Scene, writer: RedisJournalWriter
) -> None:
    await saved(scene, 3)
    for _ in range(2):
        scene.lose_the_last()
    await scene.journal.writer(CREATED, 1).append(acted(2), ends=True)
    assert await scene.events() == [CREATED, acted(2)]


async def test_the_end_of_a_game_leaves_its_snapshot(scene: Scene, writer: RedisJournalWriter) -> None:
    await saved(scene, 3)
    await writer.append(acted(4), ends=True)
    loaded = await scene.journal.load(GAME)
    assert (loaded.snapshot, loaded.events) == (snapshot(3), (acted(4),))


# ---- deadlines


async def timed(scene: Scene) -> RedisJournalWriter:
    """A writer of a game with a turn clock, after its second event, with a deadline at 41.25."""
    await scene.journal.create(TIMED, deadline=30.0)
    writer = scene.journal.writer(TIMED, 1)
    await writer.append(acted(2), ends=False, deadline=41.25)
    return writer


async def test_a_game_is_created_with_its_deadline(scene: Scene) -> None:
    await scene.journal.create(TIMED, deadline=30.0)
    assert scene.deadline() == 30.0


async def test_a_game_without_a_clock_has_no_deadline(scene: Scene, writer: RedisJournalWriter) -> None:
    await writer.append(acted(4), ends=False)
    assert scene.deadline() is None


async def test_the_deadline_follows_the_events(scene: Scene) -> None:
    await scene.journal.create(TIMED, deadline=30.0)
    writer = scene.journal.writer(TIMED, 1)
    await writer.append(acted(2), ends=False, deadline=41.25)
    assert scene.deadline() == 41.25
    await writer.append(acted(3), ends=False, deadline=None)
    assert scene.deadline() is None
    await writer.append(TimedOut(4, 1004.0, ("ann",), 0, 41.5), ends=False, deadline=71.5)
    assert scene.deadline() == 71.5
    assert scene.running() == [1004.0, 1004.0, 1004.0]
    await writer.append(acted(5), ends=True)
    assert scene.deadline() is None


async def test_a_writer_that_does_not_know_what_stands_sets_the_deadline_right(scene: Scene) -> None:
    await scene.journal.create(TIMED, deadline=30.0)
    await scene.journal.writer(TIMED, 1).append(acted(2), ends=False, deadline=None)
    assert scene.deadline() is None


async def test_a_deadline_that_stays_is_not_written_again(scene: Scene) -> None:
    writer = await timed(scene)
    scene.oracle.zadd(DEADLINES, {GAME: 99.0})
    await writer.append(acted(3), ends=False, deadline=41.25)
    assert scene.deadline() == 99.0


async def test_a_refused_event_does_not_move_the_deadline(scene: Scene) -> None:
    await scene.journal.create(TIMED, deadline=30.0)
    late = scene.journal.writer(TIMED, 1)
    await scene.journal.writer(TIMED, 1).append(acted(2), ends=False, deadline=50.0)
    with pytest.raises(Fenced):
        await late.append(acted(2, player="ben"), ends=False, deadline=40.0)
    assert scene.deadline() == 50.0


async def test_a_deadline_whose_acknowledgement_was_lost_stands(scene: Scene) -> None:
    writer = await timed(scene)
    async with scene.reply_lost(partial(writer.append, acted(3), ends=False, deadline=50.0)):
        pass
    assert scene.ids() == ["1-0", "2-0", "3-0"]
    assert scene.deadline() == 50.0


async def test_an_event_that_lands_late_does_not_turn_the_deadline_back(scene: Scene) -> None:
    writer = await timed(scene)
    async with scene.in_doubt(partial(writer.append, acted(3), ends=False, deadline=50.0)):
        pass
    await writer.append(acted(4), ends=False, deadline=60.0)
    await scene.proxy.lines[0].deliver()
    assert scene.deadline() == 60.0


async def test_a_deadline_is_set_anew_by_itself_as_long_as_its_event_is_the_last(scene: Scene) -> None:
    writer = await scene.play(3)
    assert writer.set_deadline(50.0)
    await scene.settled()
    assert scene.deadline() == 50.0
    await scene.journal.writer(CREATED, 3).append(acted(4), ends=False, deadline=60.0)
    assert writer.set_deadline(70.0)
    await scene.settled()
    assert scene.deadline() == 60.0


async def test_a_game_that_has_ended_is_given_no_deadline_again(scene: Scene, writer: RedisJournalWriter) -> None:
    await writer.append(acted(4), ends=True)
    scene.journal.writer(CREATED, 4).set_deadline(50.0)
    await scene.settled()
    assert scene.deadline() is None


async def test_a_deadline_that_was_set_anew_is_set_again_by_the_next_event(scene: Scene) -> None:
    writer = await scene.play(3)
    await writer.append(acted(4), ends=False, deadline=50.0)
    writer.set_deadline(60.0)
    await scene.settled()
    scene.oracle.zadd(DEADLINES, {GAME: 1.0})  # as if that had been lost on its way
    await writer.append(acted(5), ends=False, deadline=60.0)
    assert scene.deadline() == 60.0


async def test_a_deadline_that_cannot_be_set_anew_now_is_not_said_to_be(scene: Scene) -> None:
    writer = await scene.play(3)
    async with trio.open_nursery() as nursery:
        scene.proxy.hold_writes = True
        nursery.start_soon(partial(writer.append, acted(4), ends=False, deadline=50.0))
        await scene.proxy.held.wait()
        assert not writer.set_deadline(60.0)
        scene.proxy.hold_writes = False
        scene.proxy.refuse = True
        scene.proxy.lines[0].cut()
        await trio.testing.wait_all_tasks_blocked()
        assert not scene.journal.writer(CREATED, 3).set_deadline(70.0)
        scene.proxy.refuse = False
    assert scene.deadline() == 50.0
