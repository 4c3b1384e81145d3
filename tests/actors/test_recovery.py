"""A game rebuilt from a snapshot and what came after it, or from the beginning when that leads nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from actors.events import Acted, Created
from actors.failures import Code
from actors.house import SNAPSHOT_PART
from actors.kit.actor import ActorCrashed
from actors.kit.dynamic import DynamicSupervisor
from actors.messages import ABSENT, AbortAnswer, ActionAnswer
from actors.recovery import BREATH, ended_by
from actors.table_messages import Abort, Act, Describe, Join, Resign
from tests.samples.memory import Listener
from tests.samples.room import GAME, MISS, RUDE, Room, code, described, views
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from trio.testing import MockClock

    from actors.snapshot import Snapshot


def snapshot(room: Room) -> Snapshot:
    return room.journal.snapshots[GAME]


@pytest.fixture
async def often(tables: DynamicSupervisor) -> Room:
    """A room that makes a snapshot every four events."""
    return Room(tables, Tally(), snapshot_every=4, max_events=1000)


# ---- when a snapshot is made


async def test_a_snapshot_is_made_every_so_many_events(often: Room) -> None:
    await often.new_game()
    await often.take_turns(3)
    assert not often.journal.snapshots
    await often.take_turns(1, start=3)
    assert snapshot(often).event_id == 5
    await often.take_turns(4, start=4)
    assert snapshot(often).event_id == 9


async def test_the_longer_a_game_is_the_more_seldom_are_its_snapshots(often: Room) -> None:
    """So that all of them together, which hold every answered message id, do not grow with its square."""
    await often.new_game()
    made: list[int] = []
    for turn in range(120):
        await often.take_turns(1, start=turn)
        if often.journal.snapshots and [snapshot(often).event_id] != made[-1:]:
            made.append(snapshot(often).event_id)
    assert made[:9] == [5, 9, 13, 17, 21, 25, 29, 33, 37]
    assert made[9:] == [41, 46, 51, 57, 64, 72, 81, 91, 102, 114]


@given(every=st.integers(1, 1000), length=st.integers(1, 100_000))
def test_no_more_than_an_eighth_of_a_game_is_replayed_and_each_answer_is_saved_a_few_times(
    every: int, length: int
) -> None:
    house = Room(DynamicSupervisor("tables"), Tally(), snapshot_every=every).house
    saved, total = 1, 0
    while (after := house.snapshot_after(saved)) <= length - saved:
        assert after <= max(every, length // SNAPSHOT_PART)
        saved += after
        total += saved
    assert total <= 10 * max(length, SNAPSHOT_PART * every)


async def test_a_snapshot_carries_all_that_the_game_goes_on_from(often: Room) -> None:
    await often.new_game(turn_timeout_seconds=30.0)
    await often.take_turns(4)
    kept = snapshot(often)
    assert (kept.game_id, kept.rules, kept.rules_version, kept.deadline) == (GAME, "tally", "1", 1030.0)
    assert kept.answered == (("a", "m1", 2), ("b", "m2", 3), ("a", "m3", 4), ("b", "m4", 5))
    last = often.journal.games[GAME][-1]
    assert isinstance(last, Acted)
    assert kept.chance_position == last.chance_position


async def test_a_table_that_leaves_memory_keeps_a_snapshot_if_anything_happened(
    room: Room, autojump_clock: MockClock
) -> None:
    await room.new_game()
    await room.ask(Describe())
    await trio.sleep(200)
    assert not room.journal.snapshots
    await room.take_turns(2)
    await trio.sleep(200)
    assert snapshot(room).event_id == 3
    room.journal.snapshots[GAME] = marked = evolve(snapshot(room), answered=())
    await room.ask(Describe())
    await trio.sleep(200)
    assert snapshot(room) is marked


async def test_an_orderly_stop_keeps_a_snapshot(room: Room) -> None:
    await room.new_game()
    await room.joined("a")
    await room.take_turns(2)
    await room.tables.stop()
    assert snapshot(room).event_id == 3


async def test_neither_an_ended_nor_a_suspended_game_is_kept(often: Room) -> None:
    for game_id in ("over", "broken"):
        await often.new_game(game_id=game_id)
        for n in range(3):
            await often.ask(Act("ab"[n % 2], Listener(), MISS), game_id)
    await often.ask(Resign("a", Listener()), "over")
    await often.ask(Act("b", Listener(), {"type": "crash"}), "broken")
    await often.tables.stop()
    assert not often.journal.snapshots


async def test_rules_that_cannot_save_lose_the_snapshot_alone_and_are_reported_once(
    often: Room, caplog: pytest.LogCaptureFixture
) -> None:
    often.rules.fail_in = "save"
    await often.new_game()
    await often.take_turns(9)
    assert not often.journal.snapshots
    assert caplog.text.count("it cannot be kept in a snapshot") == 1
    assert described(await often.ask(Describe())) == ("running", 10, ABSENT)


async def test_a_state_that_has_no_json_loses_the_snapshot_alone(often: Room, caplog: pytest.LogCaptureFixture) -> None:
    often.journal.unspeakable = True
    await often.new_game()
    await often.take_turns(9)
    assert caplog.text.count("it cannot be kept in a snapshot") == 1


# ---- going on from one


async def comes_back_from(room: Room, kept: Snapshot | None) -> None:
    """The table leaves memory, and what the store has for the next one is this snapshot."""
    await room.leaves_memory()
    room.journal.snapshots = {} if kept is None else {GAME: kept}


async def played(room: Room, turns: int, *, kept_after: int) -> Snapshot:
    """A game of so many turns, and the snapshot after some of them."""
    await room.new_game(turn_timeout_seconds=30.0)
    await room.take_turns(kept_after)
    await room.leaves_memory()
    kept = snapshot(room)
    assert kept.event_id == kept_after + 1
    await room.take_turns(turns - kept_after, start=kept_after)
    return kept


async def test_a_game_goes_on_from_its_snapshot_and_the_events_after_it_as_if_it_had_stayed(room: Room) -> None:
    kept = await played(room, 6, kept_after=4)
    before = await room.joins("a", last_event_id=5)
    await comes_back_from(room, kept)
    assert await room.joins("a", last_event_id=5) == before
    assert room.journal.histories == 0
    await room.take_turns(2, start=6)
    await comes_back_from(room, None)
    assert (await room.joins("a")).event_id == 9


async def test_requests_that_were_answered_before_and_after_the_snapshot_are_answered_as_they_were(room: Room) -> None:
    kept = await played(room, 4, kept_after=2)
    answers = {event.message_id: event.answer for event in room.journal.games[GAME] if isinstance(event, Acted)}
    await comes_back_from(room, kept)
    for n in range(4):
        assert await room.act("ab"[n % 2], MISS, f"m{n + 1}") == answers[f"m{n + 1}"]
        assert code(await room.act("ab"[n % 2], RUDE, f"m{n + 1}")) == Code.INVALID_MESSAGE
    assert len(room.journal.games[GAME]) == 5


async def test_a_running_clock_is_the_same_after_a_snapshot(room: Room) -> None:
    await room.new_game(turn_timeout_seconds=30.0)
    room.service.time += 10.0
    await room.take_turns(1)
    room.service.time += 10.0
    await room.leaves_memory()
    room.timers.set(GAME, None)
    shown = await room.joins("b")
    assert shown.turn_deadline == room.clock.time + 20.0
    assert len(room.timers) == 1


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_snapshot_that_its_rules_cannot_restore_costs_time_alone(
    room: Room, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    kept = await played(room, 6, kept_after=4)
    before = await room.joins("a", last_event_id=1)
    if version == "1":
        room.rules.fail_in = "restore"
    await comes_back_from(room, evolve(kept, rules_version=version))
    room.journal.histories = 0
    assert await room.joins("a", last_event_id=1) == before
    assert room.journal.histories == 1
    assert "from the beginning" in caplog.text
    assert "4217" not in caplog.text
    await room.take_turns(1, start=6)


async def test_a_snapshot_that_does_not_lead_to_what_came_after_it_costs_time_alone(room: Room) -> None:
    kept = await played(room, 6, kept_after=4)
    before = await room.joins("a")
    await comes_back_from(room, evolve(kept, chance_position=kept.chance_position + 1))
    assert await room.joins("a") == before
    assert room.journal.histories == 1


async def test_a_journal_that_ends_before_its_own_snapshot_is_not_played_on_and_can_be_called_off(room: Room) -> None:
    kept = await played(room, 4, kept_after=4)
    await comes_back_from(room, kept)
    room.journal.games = {GAME: room.journal.games[GAME][:3]}
    room.play_by(room.rules)  # a restart: nothing is known but what stands
    assert code(await room.act("a")) == Code.UNAVAILABLE
    assert code(await room.ask(Join("a", Listener()))) == Code.UNAVAILABLE
    assert described(await room.ask(Describe())) == ("suspended", 3, ABSENT)
    assert await room.ask(Abort("the store lost it")) == AbortAnswer(GAME, 4, "aborted")
    await room.leaves_memory()
    assert described(await room.ask(Describe())) == ("ended", 4, "aborted")


# ---- what lies before it


async def test_what_was_missed_before_the_snapshot_is_made_again_as_it_was_sent_live(room: Room) -> None:
    await room.new_game()
    live = await room.joined("b")
    await room.take_turns(7)
    await room.leaves_memory()
    assert room.journal.snapshots[GAME].event_id == 8
    answer = await room.joins("b", last_event_id=3)
    assert answer.missed == tuple(view for view in views(live) if view.event_id > 3)
    await room.joins("b", last_event_id=1)
    assert room.journal.histories == 1


async def test_what_was_missed_since_the_snapshot_needs_no_history(room: Room) -> None:
    kept = await played(room, 6, kept_after=4)
    await comes_back_from(room, kept)
    missed = (await room.joins("b", last_event_id=5)).missed
    assert missed is not ABSENT
    assert [view.event_id for view in missed] == [6, 7]
    assert (await room.joins("b", last_event_id=7)).missed == ()
    assert (await room.joins("b", last_event_id=8)).resync is True
    assert room.journal.histories == 0


async def test_while_the_store_is_away_what_lies_before_the_snapshot_is_a_resync_and_later_it_is_there(
    room: Room,
) -> None:
    kept = await played(room, 6, kept_after=4)
    await comes_back_from(room, kept)
    await room.joins("b")
    room.journal.away = True
    answer = await room.joins("b", last_event_id=2)
    assert (answer.missed, answer.resync) == (ABSENT, True)
    room.journal.away = False
    missed = (await room.joins("b", last_event_id=2)).missed
    assert missed is not ABSENT
    assert [view.event_id for view in missed] == [3, 4, 5, 6, 7]


async def test_a_history_that_leads_elsewhere_is_never_spliced_in(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    kept = await played(room, 6, kept_after=4)
    await comes_back_from(room, evolve(kept, state={**kept.state, "secrets": [77, 78]}))
    for _ in range(2):
        answer = await room.joins("b", last_event_id=2)
        assert (answer.missed, answer.resync) == (ABSENT, True)
    assert room.journal.histories == 1
    assert "cannot be replayed" in caplog.text
    await room.take_turns(1, start=6)


async def test_an_aborted_game_that_goes_by_a_snapshot_still_tells_what_was_missed(room: Room) -> None:
    await room.new_game()
    await room.take_turns(4)
    await room.leaves_memory()
    await room.ask(Abort("enough"))
    missed = (await room.joins("b", last_event_id=2)).missed
    assert missed is not ABSENT
    assert [(view.event_id, view.game_over) for view in missed] == [(3, False), (4, False), (5, False), (6, True)]


async def test_events_that_nobody_was_told_before_a_crash_are_told_even_if_a_snapshot_is_past_them(
    room: Room, rival: Room, autojump_clock: MockClock
) -> None:
    rival.journal.games = {}
    await rival.new_game()
    await rival.take_turns(2)
    await rival.leaves_memory()
    await room.new_game()
    me, other = await room.joined("a"), await room.joined("b")
    await room.take_turns(1)
    room.journal.after_append = lambda: room.journal.save(snapshot(rival))
    room.crash_points.armed = "table.committed"
    with pytest.raises(ActorCrashed):
        await room.act("b", MISS, "m2")
    await trio.sleep(10)
    for listener in (me, other):
        assert [(view.event_id, view.changes != ()) for view in views(listener)][-2:] == [(2, True), (3, True)]
    assert isinstance(await room.act("b", MISS, "m2"), ActionAnswer)
    assert len(room.journal.games[GAME]) == 3


# ---- crashes in the middle


@pytest.mark.parametrize("point", ["table.judged", "table.committed", "table.answered", "table.told"])
async def test_wherever_a_table_crashes_in_a_commit_the_request_counts_once_and_everybody_is_told_once(
    room: Room, autojump_clock: MockClock, point: str
) -> None:
    await room.new_game()
    me, other = await room.joined("a"), await room.joined("b")
    room.crash_points.armed = point
    try:
        await room.act("a", MISS, "m1")
    except ActorCrashed:
        assert point in ("table.judged", "table.committed")
    await trio.sleep(10)
    answer = await room.act("a", MISS, "m1")
    assert isinstance(answer, ActionAnswer)
    assert answer.event_id == 2
    assert len(room.journal.games[GAME]) == 2
    for listener in (me, other):
        assert [view.event_id for view in views(listener)] == [1, 2]


async def test_the_crash_points_of_a_commit_are_passed_in_order(room: Room) -> None:
    await room.new_game()
    await room.act("a")
    assert room.crash_points.reached == ["table.judged", "table.committed", "table.answered", "table.told"]


# ---- the end


async def test_an_ended_game_whose_rules_are_gone_is_over_as_its_last_answer_says(room: Room) -> None:
    await room.new_game()
    for number in range(1, 10):  # one of them is the other's secret
        answer = await room.act("a", {"type": "guess", "number": number}, f"a{number}")
        assert isinstance(answer, ActionAnswer)
        if answer.game_over:
            break
        await room.act("b", MISS)
    await room.leaves_memory()
    room.play_by(Tally(version="2"))
    assert code(await room.act("b")) == Code.GAME_ENDED
    assert code(await room.ask(Join("b", Listener()))) == Code.RULES_VERSION
    status, _, reason = described(await room.ask(Describe()))
    assert (status, reason) == ("ended", "found")
    last = room.journal.games[GAME][-1]
    assert isinstance(last, Acted)
    assert await room.act("a", last.action, last.message_id) == last.answer


async def test_a_resignation_or_an_action_without_an_answer_does_not_say_how_the_game_ended(room: Room) -> None:
    await room.new_game()
    created = room.journal.games[GAME][0]
    assert isinstance(created, Created)
    await room.act("a")
    await room.ask(Resign("b", Listener(), "m1"))
    assert [ended_by(created, event) for event in room.journal.games[GAME]] == [None, None, None]


# ---- replaying


async def test_a_long_replay_lets_others_run(tables: DynamicSupervisor, nursery: trio.Nursery) -> None:
    room = Room(tables, Tally(), max_events=1000)
    await room.new_game()
    await room.take_turns(4 * BREATH)
    await comes_back_from(room, None)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    nursery.start_soon(count)
    await room.ask(Describe())
    assert turns >= 4
