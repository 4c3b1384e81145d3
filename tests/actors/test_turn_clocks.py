"""Turn clocks at the table: they fire exactly once, by service time, and what was asked before counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from attrs import evolve

from actors.events import Acted, Created, TimedOut
from actors.failures import Code, Failure
from actors.game import Game
from actors.kit.actor import MailboxFull
from actors.messages import ABSENT, ActionAnswer, GameOver
from actors.service_clock import ServiceClock
from actors.table_messages import Abort, Act, Describe, Expire, Resign
from actors.timers import Timers
from tests.samples.memory import Listener
from tests.samples.room import GAME, MISS, RUDE, code, described, views
from tests.samples.tally import Losing, Tally

if TYPE_CHECKING:
    from trio.testing import MockClock

    from actors.messages import View
    from tests.samples.room import Room

SECONDS = 30.0


async def expire(room: Room) -> None:
    """Tells the table that its clock may have run out, and waits until it has seen to that."""
    room.directory.table(GAME).tell(Expire())
    await room.ask(Describe())


def time_outs(room: Room) -> list[TimedOut]:
    return [event for event in room.journal.games[GAME] if isinstance(event, TimedOut)]


# ---- running


async def test_the_first_clock_runs_from_the_creation(room: Room) -> None:
    await room.new_game(turn_timeout_seconds=SECONDS)
    created = room.journal.games[GAME][0]
    assert isinstance(created, Created)
    assert (created.clock, created.turn_timeout_seconds) == (1000.0, SECONDS)
    assert room.journal.deadlines == {GAME: 1030.0}
    assert len(room.timers) == 1


async def test_each_turn_has_its_own_clock_and_each_event_its_service_time(room: Room) -> None:
    await room.new_game(turn_timeout_seconds=SECONDS)
    room.service.time = 1012.0
    await room.act("a")
    last = room.journal.games[GAME][-1]
    assert isinstance(last, Acted)
    assert last.clock == 1012.0
    assert room.journal.deadlines == {GAME: 1042.0}


async def test_a_game_without_a_timeout_has_no_clock_and_says_nothing_of_one(room: Room) -> None:
    await room.new_game()
    answer = await room.act("a")
    assert isinstance(answer, ActionAnswer)
    assert (answer.turn_timeout_seconds, answer.turn_deadline) == (ABSENT, ABSENT)
    assert room.journal.deadlines == {}
    assert len(room.timers) == 0


async def test_every_message_has_the_wall_time_at_which_the_turn_is_up_as_of_when_it_is_sent(room: Room) -> None:
    await room.new_game(turn_timeout_seconds=SECONDS)
    listener = await room.joined("b")
    room.service.time += 10.0
    room.clock.time += 500.0  # the service was down for 490 of them
    shown = await room.joins("a")
    assert (shown.turn_timeout_seconds, shown.turn_deadline) == (SECONDS, room.clock.time + 20.0)
    answer = await room.act("a")
    assert isinstance(answer, ActionAnswer)
    assert (answer.turn_timeout_seconds, answer.turn_deadline) == (SECONDS, room.clock.time + 30.0)
    assert views(listener)[-1].turn_deadline == room.clock.time + 30.0


@pytest.mark.parametrize("ending", [Resign("a", Listener()), Abort("enough")])
async def test_when_the_game_is_over_no_clock_runs(room: Room, ending: Resign | Abort) -> None:
    await room.new_game(turn_timeout_seconds=SECONDS)
    await room.ask(ending)
    assert room.journal.deadlines == {}
    assert len(room.timers) == 0
    shown = await room.joins("a")
    assert (shown.turn_timeout_seconds, shown.turn_deadline) == (SECONDS, ABSENT)


# ---- running out


async def test_when_the_clock_runs_out_the_rules_decide_and_everybody_is_told(room: Room) -> None:
    await room.new_game(turn_timeout_seconds=SECONDS)
    me, other = await room.joined("a"), await room.joined("b")
    room.service.time = 1030.0
    await expire(room)
    assert time_outs(room) == [TimedOut(2, room.clock.time, ("a",), time_outs(room)[0].chance_position, 1030.0)]
    for listener in (me, other):
        assert views(listener)[-1].changes == ({"type": "timed_out", "seat": 0, "bowed": False},)
        assert views(listener)[-1].current_player_id == "b"
        assert views(listener)[-1].turn_deadline == room.clock.time + SECONDS
    assert room.journal.deadlines == {GAME: 1060.0}


async def test_it_fires_exactly_once_however_often_the_table_is_told(room: Room) -> None:
    await room.new_game(turn_timeout_seconds=SECONDS)
    room.service.time = 1031.0
    table = room.directory.table(GAME)
    for _ in range(5):
        table.tell(Expire())
    await room.ask(Describe())
    assert len(time_outs(room)) == 1


async def test_before_its_time_nothing_happens(room: Room) -> None:
    await room.new_game(turn_timeout_seconds=SECONDS)
    room.service.time = 1029.9
    await expire(room)
    assert time_outs(room) == []


async def test_an_action_that_stood_in_the_mailbox_before_counts(room: Room) -> None:
    await room.new_game(turn_timeout_seconds=SECONDS)
    room.service.time = 1030.0
    answers: list[object] = []
    room.directory.table(GAME).post(Act("a", Listener(), MISS), answers.append)
    await expire(room)
    assert not isinstance(answers[0], Failure)
    assert time_outs(room) == []


async def test_an_action_that_came_too_late_is_not_its_senders_turn_any_more(room: Room) -> None:
    await room.new_game(turn_timeout_seconds=SECONDS)
    room.service.time = 1030.0
    await expire(room)
    assert code(await room.act("a")) == Code.NOT_YOUR_TURN


async def test_who_owes_a_forced_action_is_who_runs_out_of_time(room: Room) -> None:
    await room.new_game(turn_timeout_seconds=SECONDS)
    await room.act("a", RUDE)
    room.service.time = 1030.0
    await expire(room)
    assert time_outs(room)[0].players == ("a",)
    assert (await room.joins("b")).is_your_turn


async def test_a_game_that_is_lost_on_time_ends_by_timeout(room: Room) -> None:
    room.play_by(Losing("timeout"))
    await room.new_game(turn_timeout_seconds=SECONDS)
    listener = await room.joined("b")
    room.service.time = 1030.0
    await expire(room)
    over = listener.log[-1]
    assert isinstance(over, GameOver)
    assert (over.winner_id, over.end_reason) == ("b", "timeout")
    assert described(await room.ask(Describe())) == ("ended", 2, "timeout")
    assert len(room.timers) == 0


async def test_time_outs_count_towards_the_limit_of_events(room: Room) -> None:
    await room.new_game(turn_timeout_seconds=SECONDS)
    for _ in range(200):
        room.service.time += SECONDS
        await expire(room)
    assert described(await room.ask(Describe())) == ("ended", 100, "aborted")


async def test_rules_that_fail_on_time_suspend_the_game_and_its_clock(room: Room) -> None:
    await room.new_game(turn_timeout_seconds=SECONDS)
    room.rules.fail_in = "time_out"
    room.service.time = 1030.0
    await expire(room)
    assert described(await room.ask(Describe())) == ("suspended", 1, ABSENT)
    assert len(room.timers) == 0


# ---- across everything that happens to a table


async def test_a_time_out_is_replayed_as_it_was_seen(room: Room) -> None:
    await room.new_game(turn_timeout_seconds=SECONDS)
    listener = await room.joined("b")
    await room.take_turns(1)
    room.service.time = 1030.0
    await expire(room)
    room.directory.leave(GAME, listener)
    await room.leaves_memory()
    room.journal.snapshots.clear()
    missed = (await room.joins("b", last_event_id=1)).missed
    assert missed is not ABSENT
    # A deadline is given as the wall time at which it comes as of now: of all fields it alone may differ.
    assert [timeless(view) for view in missed] == [timeless(view) for view in views(listener)[1:]]


def timeless(view: View) -> View:
    return evolve(view, turn_deadline=ABSENT)


async def test_a_clock_that_ran_out_while_the_store_is_away_fires_once_when_it_is_back(room: Room) -> None:
    await room.new_game(turn_timeout_seconds=SECONDS)
    await room.joined("a")
    room.service.time = 1030.0
    room.journal.away = True
    await expire(room)
    assert time_outs(room) == []
    assert len(room.timers) == 1
    room.journal.away = False
    await expire(room)
    await expire(room)
    assert len(time_outs(room)) == 1


async def test_a_table_that_was_fenced_goes_by_the_clock_that_is_written(room: Room, rival: Room) -> None:
    await room.new_game(turn_timeout_seconds=SECONDS)
    await room.joined("b")
    rival.service.time = room.service.time = 1030.0
    await rival.act("a")
    await expire(room)
    assert time_outs(room) == []
    assert (await room.joins("b")).turn_deadline == room.clock.time + SECONDS


async def test_a_time_out_in_doubt_is_found_in_the_journal_and_not_repeated(
    room: Room, autojump_clock: MockClock
) -> None:
    await room.new_game(turn_timeout_seconds=SECONDS)
    listener = await room.joined("b")
    room.service.time = 1030.0
    room.journal.hold = trio.Event()
    room.directory.table(GAME).tell(Expire())
    await trio.sleep(room.house.settle_within + 1)
    room.journal.hold.set()
    room.journal.hold = None
    room.journal.games[GAME].append(TimedOut(2, room.clock.time, ("a",), position_of_a_time_out(), 1030.0))
    await expire(room)
    assert len(time_outs(room)) == 1
    assert views(listener)[-1].event_id == 2


def position_of_a_time_out() -> int:
    made = Created(1, 0.0, GAME, "tally", "1", ("a", "b"), "s", turn_timeout_seconds=SECONDS)
    game = Game.of(made, Tally())
    return game.time_out(game.begin()).chance_position


async def test_an_action_in_doubt_has_its_clock_looked_after_even_if_nobody_asks(
    room: Room, autojump_clock: MockClock
) -> None:
    await room.new_game(turn_timeout_seconds=SECONDS)
    room.timers.set(GAME, None)
    listener = await room.joined("a")
    room.timers.set(GAME, None)
    room.journal.hold = trio.Event()
    room.directory.table(GAME).post(Act("a", listener, MISS, "m1"), listener.answered)
    await trio.sleep(room.house.settle_within + 1)
    assert len(room.timers) == 1


@pytest.mark.parametrize("point", ["table.judged", "table.committed", "table.told"])
async def test_wherever_a_table_crashes_on_a_time_out_it_counts_once_and_is_told_once(
    room: Room, autojump_clock: MockClock, point: str
) -> None:
    await room.new_game(turn_timeout_seconds=SECONDS)
    listener = await room.joined("b")
    room.service.time = 1030.0
    room.crash_points.armed = point
    room.directory.table(GAME).tell(Expire())
    await trio.sleep(10)
    await expire(room)
    assert len(time_outs(room)) == 1
    assert [view.event_id for view in views(listener)] == [1, 2]


async def test_a_message_id_is_nobodys_after_a_time_out(room: Room) -> None:
    await room.new_game(turn_timeout_seconds=SECONDS)
    first = await room.act("a", MISS, "m1")
    room.service.time = 1030.0
    await expire(room)
    assert await room.act("a", MISS, "m1") == first
    answer = await room.act("a", MISS, "m2")
    assert isinstance(answer, ActionAnswer)
    assert answer.event_id == 4


# ---- with the timers


async def test_a_game_at_rest_is_woken_by_its_clock_alone_and_a_second_one_stays_at_rest(
    room: Room, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await nursery.start(room.timers.run)
    await room.new_game(turn_timeout_seconds=SECONDS)
    await room.new_game(game_id="g2", turn_timeout_seconds=3600.0)
    assert len(room.directory) == 0
    room.service.time = 1030.0
    await trio.sleep(35)
    assert len(time_outs(room)) == 1
    assert len(room.journal.games["g2"]) == 1
    assert len(room.directory) == 1


async def test_a_full_mailbox_does_not_lose_the_time_out(
    room: Room, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await nursery.start(room.timers.run)
    await room.new_game(turn_timeout_seconds=SECONDS)
    await room.joined("a")
    room.journal.hold = trio.Event()
    table = room.directory.table(GAME)
    for user in "abbbbbbbb":  # the first is in hand, the others fill the mailbox
        table.post(Act(user, Listener(), RUDE), lambda _: None)
        await trio.sleep(0.01)
    with pytest.raises(MailboxFull):
        table.tell(Expire())
    room.service.time = 1030.0
    await trio.sleep(31)
    room.service.time = 1060.0
    room.journal.hold.set()
    await trio.sleep(40)
    assert len(time_outs(room)) == 1


async def test_a_game_that_is_not_there_is_forgotten_by_the_timers(
    room: Room, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    room.clock_store.standing = {"never-was": 900.0, "not an id!": 900.0}
    await nursery.start(room.timers.run)
    await trio.sleep(1)
    assert len(room.timers) == 0
    assert len(room.directory) == 0


async def test_a_store_outage_costs_no_player_time(
    autojump_clock: MockClock, room: Room, nursery: trio.Nursery
) -> None:
    service = ServiceClock(room.clock_store)
    await nursery.start(service.run)
    timers = Timers(service, room.clock_store, lambda game_id: room.directory.expire(game_id))
    room.serve_by(service, timers)
    await nursery.start(timers.run)
    await room.new_game(turn_timeout_seconds=SECONDS)
    await room.joined("a")
    await trio.sleep(20)
    room.journal.away = room.clock_store.away = True
    await trio.sleep(1000)
    assert code(await room.act("a")) == Code.UNAVAILABLE
    room.journal.away = room.clock_store.away = False
    await trio.sleep(9)
    assert time_outs(room) == []
    await trio.sleep(2)
    assert len(time_outs(room)) == 1
    assert isinstance(await room.act("b"), ActionAnswer)
