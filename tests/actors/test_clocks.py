"""When nobody is left: a game is abandoned after so long, not sooner, in this process and across others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from actors.events import Abandoned, TimedOut
from actors.failures import Code
from actors.kit.supervisor import DynamicSupervisor
from actors.messages import ABSENT, ActionAnswer, GameOver, View
from actors.table_messages import Describe, Expire, Join, Resign, Spectate
from tests.samples.memory import Listener
from tests.samples.room import GAME, Room, code, described, views
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from trio.testing import MockClock

AFTER = 100.0
"""Seconds without a player after which a game is abandoned here. Service time begins at 1000."""

WHILE = 1000.0
"""Seconds in which the timers look at the clock for certain: service time is set by the tests, and they expect it to
run no faster than Trio's."""


@pytest.fixture
async def patient(room: Room) -> Room:
    room.sets(abandon_after=AFTER)
    return room


async def look(room: Room) -> None:
    """Has the table look at its clocks, and waits until it has."""
    room.directory.table(GAME).tell(Expire())
    await room.ask(Describe())


async def goes(room: Room, *listeners: Listener) -> None:
    for listener in listeners:
        listener.gone = True
        room.directory.drop(GAME, listener)
    await trio.testing.wait_all_tasks_blocked()


def is_abandoned(room: Room) -> bool:
    return isinstance(room.journal.games[GAME][-1], Abandoned)


async def another_process(room: Room, nursery: trio.Nursery) -> Room:
    """The server killed and started again: what stands in the store is all that is left."""
    supervisor = DynamicSupervisor("tables of another process")
    await nursery.start(supervisor.run)
    after = Room(supervisor, Tally())
    after.sets(abandon_after=room.house.abandon_after)
    after.keep_in(room.journal)
    after.service.time = room.service.time
    after.clock_store.standing = dict(room.journal.deadlines)
    await nursery.start(after.timers.run)
    await trio.testing.wait_all_tasks_blocked()
    return after


# ---- in one process


async def test_a_game_that_nobody_ever_joined_is_abandoned(patient: Room) -> None:
    await patient.new_game()
    assert patient.journal.deadlines == {GAME: 1100.0}
    patient.service.time = 1099.9
    await look(patient)
    assert not is_abandoned(patient)
    patient.service.time = 1100.0
    await look(patient)
    assert patient.journal.games[GAME][-1] == Abandoned(2, patient.clock.time, 1100.0)
    assert described(await patient.ask(Describe())) == ("ended", 2, "abandoned")
    assert patient.journal.deadlines == {}
    assert len(patient.timers) == 0


async def test_nobody_wins_an_abandoned_game_and_spectators_are_told(patient: Room) -> None:
    await patient.new_game()
    watcher = Listener()
    await patient.ask(Spectate("w", watcher))
    patient.service.time = 1100.0
    await look(patient)
    over = watcher.log[-1]
    assert isinstance(over, GameOver)
    assert (over.winner_id, over.end_reason, over.results) == (None, "abandoned", {"a": 0, "b": 0})
    assert views(watcher)[-1].changes == ()
    assert code(await patient.act("a")) == Code.GAME_ENDED


async def test_with_a_player_there_it_is_never_abandoned(patient: Room) -> None:
    await patient.new_game()
    await patient.joined("a")
    for _ in range(10):
        patient.service.time += AFTER
        await look(patient)
    assert not is_abandoned(patient)


async def test_it_is_the_last_player_who_counts(patient: Room) -> None:
    await patient.new_game()
    one, other = await patient.joined("a"), await patient.joined("b")
    patient.service.time = 1050.0
    await goes(patient, one)
    patient.service.time = 1060.0
    await goes(patient, other)
    assert patient.journal.deadlines == {GAME: 1160.0}
    patient.service.time = 1159.9
    await look(patient)
    assert not is_abandoned(patient)
    patient.service.time = 1160.0
    await look(patient)
    assert is_abandoned(patient)


async def test_who_comes_back_in_time_saves_the_game(patient: Room) -> None:
    await patient.new_game()
    await goes(patient, await patient.joined("a"))
    patient.service.time = 1099.0
    listener = await patient.joined("b")
    patient.service.time = 1150.0
    await look(patient)
    assert not is_abandoned(patient)
    await goes(patient, listener)
    assert patient.journal.deadlines == {GAME: 1250.0}


async def test_a_player_who_leaves_counts_like_one_who_drops(patient: Room) -> None:
    await patient.new_game()
    listener = await patient.joined("a")
    patient.directory.leave(GAME, listener)
    await trio.testing.wait_all_tasks_blocked()
    assert patient.journal.deadlines == {GAME: 1100.0}


async def test_a_spectator_keeps_no_game_alive(patient: Room) -> None:
    await patient.new_game()
    await patient.ask(Spectate("w", Listener()))
    patient.service.time = 1100.0
    await look(patient)
    assert is_abandoned(patient)


async def test_an_ended_game_is_not_abandoned(patient: Room) -> None:
    await patient.new_game()
    await patient.ask(Resign("a", Listener()))
    patient.service.time = 5000.0
    await look(patient)
    assert not is_abandoned(patient)


async def test_a_suspended_game_waits_for_its_operator(patient: Room) -> None:
    await patient.new_game()
    patient.rules.fail_in = "apply"
    await patient.act("a")
    patient.service.time = 5000.0
    await look(patient)
    assert described(await patient.ask(Describe())) == ("suspended", 1, ABSENT)


async def test_it_is_abandoned_once_however_often_the_table_is_told(patient: Room) -> None:
    await patient.new_game()
    patient.service.time = 1100.0
    for _ in range(5):
        await look(patient)
    assert len(patient.journal.games[GAME]) == 2


async def test_it_is_replayed_as_abandoned(patient: Room) -> None:
    await patient.new_game()
    patient.service.time = 1100.0
    await look(patient)
    await patient.leaves_memory()
    seen = await patient.joins("a")
    assert (seen.game_over, seen.end_reason, seen.winner_id) == (True, "abandoned", None)


async def test_while_the_store_is_away_it_is_not_abandoned_and_later_it_is(patient: Room) -> None:
    await patient.new_game()
    await patient.ask(Describe())
    patient.service.time = 1100.0
    patient.journal.away = True
    await look(patient)
    assert len(patient.timers) == 1
    patient.journal.away = False
    await look(patient)
    assert is_abandoned(patient)


async def test_the_timers_see_to_a_game_at_rest(
    patient: Room, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await nursery.start(patient.timers.run)
    await nursery.start(patient.attendance.run)
    await nursery.start(patient.directory.passivate_idle)
    await patient.new_game()
    await goes(patient, await patient.joined("a"))
    await trio.sleep(300)
    assert len(patient.directory) == 0
    patient.service.time = 1100.0
    await trio.sleep(WHILE)
    assert is_abandoned(patient)


# ---- with a turn clock


async def test_the_earlier_of_both_clocks_stands_in_the_store(patient: Room) -> None:
    await patient.new_game(turn_timeout_seconds=30.0)
    assert patient.journal.deadlines == {GAME: 1030.0}
    await patient.new_game(game_id="slow", turn_timeout_seconds=500.0)
    assert patient.journal.deadlines["slow"] == 1100.0


async def test_turns_run_out_until_the_game_is_abandoned(patient: Room) -> None:
    await patient.new_game(turn_timeout_seconds=30.0)
    for _ in range(10):
        patient.service.time += 30.0
        await look(patient)
    events = patient.journal.games[GAME][1:]
    assert [type(event) for event in events] == [TimedOut, TimedOut, TimedOut, Abandoned]


async def test_that_is_so_also_when_the_table_rests_in_between(patient: Room) -> None:
    await patient.new_game(turn_timeout_seconds=30.0)
    for _ in range(4):
        patient.service.time += 30.0
        await look(patient)
        await patient.leaves_memory()
    assert is_abandoned(patient)


async def test_who_is_there_has_the_full_turn(patient: Room) -> None:
    await patient.new_game(turn_timeout_seconds=30.0)
    await patient.joined("a")
    patient.service.time = 1029.0
    assert isinstance(await patient.act("a"), ActionAnswer)
    assert patient.journal.deadlines == {GAME: 1059.0}


# ---- across processes


async def test_a_game_at_rest_is_abandoned_on_time_by_another_process(
    patient: Room, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await patient.new_game()
    await goes(patient, await patient.joined("a"))
    patient.service.time = 1090.0
    after = await another_process(patient, nursery)
    await trio.sleep(10)
    assert len(after.directory) == 0  # nobody is woken before the time
    after.service.time = 1100.0
    await trio.sleep(WHILE)
    assert is_abandoned(after)


@pytest.mark.parametrize("silent_for", [0.0, 60.0, 250.0])
async def test_after_a_crash_whoever_was_there_has_the_full_time_to_come_back(
    patient: Room, autojump_clock: MockClock, nursery: trio.Nursery, silent_for: float
) -> None:
    await nursery.start(patient.timers.run)
    await patient.new_game()
    await patient.joined("a")
    while patient.service.time < 1000.0 + silent_for:
        patient.service.time += 10.0
        await trio.sleep(WHILE)
    crashed_at = patient.service.time
    after = await another_process(patient, nursery)
    after.service.time = crashed_at + AFTER - 1
    await trio.sleep(WHILE)
    assert not is_abandoned(after)
    after.service.time = crashed_at + 2 * AFTER
    await trio.sleep(WHILE)
    assert is_abandoned(after)


async def test_after_a_crash_a_turn_clock_in_the_store_is_not_taken_for_an_abandonment(
    patient: Room, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await patient.new_game(turn_timeout_seconds=30.0)
    await patient.joined("a")
    after = await another_process(patient, nursery)
    after.service.time = 1030.0
    await trio.sleep(WHILE)
    assert [type(event) for event in after.journal.games[GAME][1:]] == [TimedOut]


async def test_after_a_crash_an_abandonment_in_the_store_is_not_taken_for_a_turn_clock(
    patient: Room, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await patient.new_game(turn_timeout_seconds=500.0)
    after = await another_process(patient, nursery)
    after.service.time = 1100.0
    await trio.sleep(WHILE)
    assert [type(event) for event in after.journal.games[GAME][1:]] == [Abandoned]


async def test_who_comes_after_a_restart_saves_the_game(
    patient: Room, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await patient.new_game()
    patient.service.time = 1099.0
    after = await another_process(patient, nursery)
    assert isinstance(await after.ask(Join("a", Listener())), View)
    after.service.time = 1150.0
    await trio.sleep(WHILE)
    assert not is_abandoned(after)
    assert after.journal.deadlines[GAME] >= 1099.0 + AFTER


async def test_a_departure_that_the_store_missed_abandons_nobody_too_early(
    patient: Room, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await patient.new_game()
    listener = await patient.joined("a")
    patient.service.time = 1050.0
    patient.journal.away = True
    await goes(patient, listener)
    patient.journal.away = False
    after = await another_process(patient, nursery)
    after.service.time = 1050.0 + AFTER - 1
    await trio.sleep(WHILE)
    assert not is_abandoned(after)
