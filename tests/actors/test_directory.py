"""Games at rest: what they cost, and how they come back."""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING

import pytest
import trio

from actors.events import Abandoned, Created
from actors.failures import Failure
from actors.kit.actor import ActorStopped
from actors.messages import ActionAnswer, View
from actors.ports import StoreUnavailable
from actors.table_messages import Act, Describe, Join, Resign
from tests.samples.memory import Listener, MemoryJournal
from tests.samples.room import GAME, MISS

if TYPE_CHECKING:
    from trio.testing import MockClock

    from actors.kit.supervisor import DynamicSupervisor
    from tests.samples.room import Room

BYTES_AT_REST = 600
"""What a game at rest may cost at most, and that only if its clock runs."""


class Forgetful(MemoryJournal):
    """A journal that keeps nothing: what is left is what the actors keep."""

    async def create(self, event: Created, *, deadline: float | None = None) -> None:
        pass


@pytest.mark.parametrize(("seconds", "limit"), [(None, 50), (3600.0, BYTES_AT_REST)])
async def test_games_at_rest_cost_their_clocks_and_nothing_else(
    room: Room, autojump_clock: MockClock, nursery: trio.Nursery, seconds: float | None, limit: int
) -> None:
    room.keep_in(Forgetful())
    await nursery.start(room.attendance.run)
    count = 1_000
    await room.new_game(game_id="warm-up")
    tracemalloc.start()
    try:
        for n in range(count):
            await room.new_game(game_id=f"game-{n}", turn_timeout_seconds=seconds)
        # Until Trio has forgotten the timeouts that were not needed, and the grace after the start is over.
        await trio.sleep(61)
        gc.collect()
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used / count < limit
    assert (len(room.directory), room.tables.children) == (0, 0)


async def test_games_that_were_played_leave_nothing_behind_when_they_rest(
    room: Room, autojump_clock: MockClock
) -> None:
    ids = [f"game-{n}" for n in range(50)]
    for game_id in ids:
        await room.new_game(game_id=game_id)
        listener = Listener()
        await room.ask(Join("a", listener), game_id)
        await room.ask(Act("a", Listener(), MISS, "m1"), game_id)
        room.directory.leave(game_id, listener)
    await trio.sleep(200)
    assert (len(room.directory), room.tables.children) == (0, 0)
    assert all(room.directory.standing(game_id) is None for game_id in ids)
    for game_id in ids:
        answer = await room.ask(Act("a", Listener(), MISS, "m1"), game_id)
        assert isinstance(answer, ActionAnswer)
        assert answer.event_id == 2


async def test_the_table_of_a_finished_game_leaves_memory_as_soon_as_nobody_follows_it(
    room: Room, autojump_clock: MockClock
) -> None:
    await room.new_game()
    one, other = await room.joined("a"), await room.joined("b")
    await room.ask(Resign("a", Listener()))
    await trio.sleep(1000)
    assert len(room.directory) == 1
    room.directory.leave(GAME, one)
    await trio.sleep(0.1)
    assert len(room.directory) == 1
    room.directory.leave(GAME, other)
    await trio.sleep(0.1)
    assert (len(room.directory), room.tables.children) == (0, 0)


async def test_the_table_of_a_finished_game_that_is_merely_looked_at_leaves_memory_sooner_than_others(
    room: Room, autojump_clock: MockClock
) -> None:
    for game_id in ("over", "runs"):
        await room.new_game(game_id=game_id)
    await room.ask(Resign("a", Listener()), "over")
    await room.ask(Describe(), "runs")
    await trio.sleep(25)
    assert room.directory.standing("over") is None
    assert room.directory.standing("runs") is not None


# ---- the store is away


async def test_while_the_store_is_away_everything_that_acts_is_refused_at_once_and_later_it_goes_on_by_itself(
    room: Room, autojump_clock: MockClock
) -> None:
    await room.new_game(turn_timeout_seconds=30.0)
    listener = await room.joined("a")
    told = len(listener.log)
    room.journal.away = True
    began = trio.current_time()
    for message in (Act("a", Listener(), MISS, "m1"), Resign("b", Listener(), "m2")):
        refused = await room.ask(message)
        assert isinstance(refused, Failure)
        assert refused.code == "unavailable"
    assert isinstance(await room.ask(Join("b", Listener())), View)
    assert trio.current_time() == began
    assert len(listener.log) == told
    room.journal.away = False
    answer = await room.act("a", MISS, "m1")
    assert isinstance(answer, ActionAnswer)
    assert answer.event_id == 2


async def test_a_game_cannot_be_made_or_woken_while_the_store_is_away_and_no_clock_runs_for_it(room: Room) -> None:
    room.journal.away = True
    with pytest.raises(StoreUnavailable):
        await room.new_game(turn_timeout_seconds=30.0)
    assert len(room.timers) == 0
    with pytest.raises(ActorStopped):
        await room.ask(Describe(), "another")
    assert len(room.directory) == 0


class Mute(MemoryJournal):
    """A journal that never says whether a game was made."""

    async def create(self, event: Created, *, deadline: float | None = None) -> None:
        await super().create(event, deadline=deadline)
        await trio.sleep_forever()


async def test_a_game_of_which_nobody_was_told_that_it_was_made_after_all_is_abandoned_in_time(
    room: Room, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    room.keep_in(Mute())
    room.sets(abandon_after=100.0)
    await nursery.start(room.timers.run)
    with pytest.raises(StoreUnavailable):
        await room.new_game()
    room.service.time += 101.0
    await trio.sleep(101)
    assert [type(event) for event in room.journal.games[GAME]] == [Created, Abandoned]
    assert len(room.timers) == 0


async def test_a_game_that_was_not_made_after_all_is_forgotten_by_the_timers(
    room: Room, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    room.keep_in(Mute())
    room.sets(abandon_after=100.0)
    await nursery.start(room.timers.run)
    with pytest.raises(StoreUnavailable):
        await room.new_game()
    room.journal.games.clear()
    room.service.time += 101.0
    await trio.sleep(101)
    assert (len(room.timers), len(room.directory), room.tables.children) == (0, 0, 0)


async def test_telling_a_table_of_its_clock_raises_nothing_while_the_server_stops(
    room: Room, tables: DynamicSupervisor
) -> None:
    await room.new_game(turn_timeout_seconds=30.0)
    await tables.stop()
    room.directory.expire(GAME)
    room.directory.expire("no id at all!")
    assert len(room.timers) == 1
