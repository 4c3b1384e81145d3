"""Who is told of who comes and goes, when, and how often; with tables, and without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from actors.kit.supervisor import DynamicSupervisor
from actors.messages import GameOver, OpponentStatus, SpectatorCount, View
from actors.presence import COUNT_PAUSE
from actors.table_messages import Abort, Describe, Join, Recover, Resign, Role, Spectate
from tests.samples.memory import Listener
from tests.samples.room import GAME, Room, views
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from trio.testing import MockClock


@pytest.fixture
async def busy(room: Room, autojump_clock: MockClock, nursery: trio.Nursery) -> Room:
    """A room whose attendance is kept, with a game of two that are both here."""
    await nursery.start(room.attendance.run)
    await room.new_game()
    return room


def statuses(listener: Listener) -> list[tuple[str, str]]:
    return [(body.opponent_id, body.status) for body in listener.log if isinstance(body, OpponentStatus)]


def counts(listener: Listener) -> list[int]:
    return [body.spectator_count for body in listener.log if isinstance(body, SpectatorCount)]


def drop(room: Room, listener: Listener) -> None:
    listener.gone = True
    room.directory.drop(GAME, listener)


async def watch(room: Room, user: str = "w") -> Listener:
    listener = Listener()
    assert isinstance(await room.ask(Spectate(user, listener)), View)
    return listener


# ---- players


async def test_who_comes_is_announced_to_the_others_and_not_to_themselves(
    busy: Room, autojump_clock: MockClock
) -> None:
    me = await busy.joined("a")
    other, watcher = await busy.joined("b"), await watch(busy)
    await trio.sleep(0.01)
    assert statuses(me) == [("b", "connected")]
    assert statuses(other) == []
    assert statuses(watcher) == []  # the view has told


async def test_the_answer_and_the_state_come_before_any_announcement_that_the_join_caused(
    busy: Room, autojump_clock: MockClock
) -> None:
    me = Listener()
    busy.directory.table(GAME).post(Join("b", Listener()), lambda _: None)
    await busy.seen(me, Join("a", me))
    await trio.sleep(0.01)
    assert [type(item) for item in me.log][:2] == [View, View]


async def test_a_drop_that_heals_within_the_debounce_is_told_to_nobody_and_in_no_view(
    busy: Room, autojump_clock: MockClock
) -> None:
    me, other = await busy.joined("a"), await busy.joined("b")
    await trio.sleep(0.01)
    drop(busy, me)
    await trio.sleep(1.9)
    await busy.act("a")
    assert [player.status for player in views(other)[-1].players] == ["connected", "connected"]
    await busy.joined("a")
    await trio.sleep(100)
    assert statuses(other) == []


async def test_a_drop_is_reconnecting_after_the_debounce_and_disconnected_after_the_grace(
    busy: Room, autojump_clock: MockClock
) -> None:
    me, other = await busy.joined("a"), await busy.joined("b")
    watcher = await watch(busy)
    drop(busy, me)
    await trio.sleep(1.99)
    assert statuses(other) == []
    await trio.sleep(0.02)
    assert statuses(other) == statuses(watcher) == [("a", "reconnecting")]
    assert (await busy.joins("b")).players[0].status == "reconnecting"
    await trio.sleep(57.98)
    assert len(statuses(other)) == 1
    await trio.sleep(0.02)
    assert statuses(other) == statuses(watcher) == [("a", "reconnecting"), ("a", "disconnected")]


async def test_who_comes_back_after_the_debounce_is_connected_again(busy: Room, autojump_clock: MockClock) -> None:
    me, other = await busy.joined("a"), await busy.joined("b")
    drop(busy, me)
    await trio.sleep(5)
    await busy.joined("a")
    await trio.sleep(100)
    assert statuses(other) == [("a", "reconnecting"), ("a", "connected")]


async def test_who_leaves_is_disconnected_at_once(busy: Room, autojump_clock: MockClock) -> None:
    me, other = await busy.joined("a"), await busy.joined("b")
    busy.directory.leave(GAME, me)
    await trio.sleep(0.01)
    assert statuses(other) == [("a", "disconnected")]
    assert (await busy.joins("b")).players[0].status == "disconnected"


@pytest.mark.parametrize("new_one_first", [True, False])
async def test_a_session_that_replaces_another_makes_no_flicker(
    busy: Room, autojump_clock: MockClock, new_one_first: bool
) -> None:
    first, other = await busy.joined("a"), await busy.joined("b")
    await trio.sleep(0.01)
    if new_one_first:
        await busy.joined("a")
        drop(busy, first)
    else:
        drop(busy, first)
        await busy.joined("a")
    await trio.sleep(100)
    assert statuses(other) == []
    assert (await busy.joins("b")).players[0].status == "connected"


async def test_a_session_that_was_replaced_and_leaves_late_takes_nobody_with_it(
    busy: Room, autojump_clock: MockClock
) -> None:
    first, other = await busy.joined("a"), await busy.joined("b")
    second = await busy.joined("a")
    busy.directory.leave(GAME, first)
    busy.directory.drop(GAME, first)
    await trio.sleep(100)
    assert statuses(other) == []
    drop(busy, second)
    await trio.sleep(100)
    assert statuses(other)[-1] == ("a", "disconnected")


async def test_presence_is_told_while_there_is_no_table(busy: Room, autojump_clock: MockClock) -> None:
    me, other = await busy.joined("a"), await busy.joined("b")
    await trio.sleep(0.01)
    await busy.leaves_memory()
    drop(busy, me)
    await trio.sleep(100)
    assert statuses(other) == [("a", "reconnecting"), ("a", "disconnected")]


async def test_a_table_that_crashes_forgets_nobody_who_is_away(busy: Room, autojump_clock: MockClock) -> None:
    me, other = await busy.joined("a"), await busy.joined("b")
    drop(busy, me)
    await trio.sleep(3)
    busy.crash_points.armed = "table.judged"
    busy.directory.table(GAME).post(Abort("enough"), lambda _: None)
    await trio.sleep(10)
    assert (await busy.joins("b")).players[0].status == "reconnecting"
    await trio.sleep(60)
    assert statuses(other)[-1] == ("a", "disconnected")


async def test_a_connection_that_is_lost_before_its_join_is_handled_is_not_there(
    busy: Room, autojump_clock: MockClock
) -> None:
    other = await busy.joined("b")
    gone = Listener(gone=True)
    await busy.ask(Join("a", gone))
    busy.directory.drop(GAME, gone)
    await trio.sleep(100)
    assert statuses(other) == []
    assert (await busy.joins("b")).players[0].status == "disconnected"


async def test_a_game_whose_player_may_come_back_stays_known_for_the_grace_and_no_longer(
    busy: Room, autojump_clock: MockClock
) -> None:
    drop(busy, await busy.joined("a"))
    await trio.sleep(55)
    assert busy.directory.standing(GAME) is not None
    await trio.sleep(100)
    assert busy.directory.standing(GAME) is None


async def test_a_game_that_is_over_waits_for_nobody(busy: Room, autojump_clock: MockClock) -> None:
    me = await busy.joined("a")
    await busy.ask(Resign("b", Listener()))
    drop(busy, me)
    await trio.sleep(0.1)
    assert len(busy.directory) == 0


async def test_to_leave_what_one_does_not_follow_is_no_harm(busy: Room, autojump_clock: MockClock) -> None:
    other = await busy.joined("b")
    stranger = Listener()
    for leave in (busy.directory.leave, busy.directory.drop):
        leave(GAME, stranger)
        leave("no-such-game", stranger)
    await trio.sleep(100)
    assert statuses(other) == []


# ---- after a restart of the server


@pytest.fixture
async def restarted(busy: Room, nursery: trio.Nursery) -> Room:
    """Another process on the same journal: it has not made this game."""
    supervisor = DynamicSupervisor("other tables")
    await nursery.start(supervisor.run)
    after = Room(supervisor, Tally())
    after.keep_in(busy.journal)
    await nursery.start(after.attendance.run)
    return after


async def test_after_a_restart_everybody_is_reconnecting_for_the_grace_and_then_disconnected(
    restarted: Room, autojump_clock: MockClock
) -> None:
    me = await restarted.joined("a")
    assert [player.status for player in views(me)[0].players] == ["connected", "reconnecting"]
    await trio.sleep(59.9)
    assert statuses(me) == []
    await trio.sleep(0.2)
    assert statuses(me) == [("b", "disconnected")]


async def test_who_is_back_after_a_restart_is_connected(restarted: Room, autojump_clock: MockClock) -> None:
    me = await restarted.joined("a")
    await trio.sleep(30)
    await restarted.joined("b")
    await trio.sleep(100)
    assert statuses(me) == [("b", "connected")]


async def test_long_after_a_restart_nobody_is_awaited(restarted: Room, autojump_clock: MockClock) -> None:
    await trio.sleep(60.1)
    assert [player.status for player in (await restarted.joins("a")).players] == ["connected", "disconnected"]


async def test_a_game_that_is_made_after_the_restart_awaits_nobody(restarted: Room, autojump_clock: MockClock) -> None:
    await restarted.new_game(game_id="g2")
    assert await restarted.ask(Describe(), "g2")
    joined = await restarted.ask(Join("a", Listener()), "g2")
    assert isinstance(joined, View)
    assert joined.players[1].status == "disconnected"


async def test_a_game_that_was_over_before_the_restart_awaits_nobody(
    busy: Room, restarted: Room, autojump_clock: MockClock
) -> None:
    await busy.ask(Resign("a", Listener()))
    assert [player.status for player in (await restarted.joins("a")).players] == ["connected", "disconnected"]


async def test_who_has_left_within_the_grace_after_a_restart_is_not_awaited_again(
    restarted: Room, autojump_clock: MockClock
) -> None:
    for user in "ab":
        restarted.directory.leave(GAME, await restarted.joined(user))
    await restarted.leaves_memory()
    assert restarted.directory.standing(GAME) is None
    assert [player.status for player in (await restarted.joins("a")).players] == ["connected", "disconnected"]


# ---- spectators


async def test_everybody_is_told_the_number_of_spectators_and_views_have_it(
    busy: Room, autojump_clock: MockClock
) -> None:
    me = await busy.joined("a")
    watcher = await watch(busy)
    assert views(watcher)[0].spectator_count == 1
    await trio.sleep(0.01)
    assert counts(me) == counts(watcher) == [1]
    await busy.act("a")
    assert views(me)[-1].spectator_count == 1


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_spectator_who_leaves_or_drops_counts_no_more_at_once(
    busy: Room, autojump_clock: MockClock, leaves: bool
) -> None:
    me, watcher = await busy.joined("a"), await watch(busy)
    await trio.sleep(1)
    if leaves:
        busy.directory.leave(GAME, watcher)
    else:
        drop(busy, watcher)
    await trio.sleep(0.01)
    assert counts(me) == [1, 0]
    assert statuses(me) == []


async def test_many_spectators_at_once_are_told_of_seldom_and_the_last_number_always(
    busy: Room, autojump_clock: MockClock
) -> None:
    me = await busy.joined("a")
    for n in range(50):
        await watch(busy, f"w{n}")
        await trio.sleep(0.01)
    await trio.sleep(1)
    assert counts(me)[-1] == 50
    assert len(counts(me)) <= 50 * 0.01 / COUNT_PAUSE + 2


async def test_after_the_end_the_spectators_are_still_counted(busy: Room, autojump_clock: MockClock) -> None:
    me = await busy.joined("a")
    await busy.ask(Resign("b", Listener()))
    watcher = await watch(busy)
    await trio.sleep(1)
    assert counts(me) == counts(watcher) == [1]
    assert not any(isinstance(body, GameOver) for body in watcher.log)


async def test_a_spectator_who_recovers_is_counted_once(busy: Room, autojump_clock: MockClock) -> None:
    me, watcher = await busy.joined("a"), await watch(busy)
    await trio.sleep(1)
    drop(busy, watcher)
    await trio.sleep(1)
    await busy.ask(Recover("w", Listener(), Role.SPECTATOR, 1))
    await trio.sleep(1)
    assert counts(me) == [1, 0, 1]


# ---- the service itself


async def test_when_the_service_is_run_again_nothing_is_lost(
    room: Room, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    await room.new_game()
    async with trio.open_nursery() as first:
        await first.start(room.attendance.run)
        me, other = await room.joined("a"), await room.joined("b")
        await trio.sleep(1)
        drop(room, me)
        first.cancel_scope.cancel()
    await trio.sleep(30)
    await nursery.start(room.attendance.run)
    await trio.sleep(1)
    assert statuses(other) == [("a", "reconnecting")]


async def test_many_games_are_told_of_without_holding_the_others_up(busy: Room, autojump_clock: MockClock) -> None:
    told = []
    for n in range(250):
        await busy.new_game(game_id=f"game-{n}")
        leaver, listener = Listener(), Listener()
        await busy.ask(Join("a", leaver), f"game-{n}")
        await busy.ask(Join("b", listener), f"game-{n}")
        busy.directory.leave(f"game-{n}", leaver)
        told.append(listener)
    await trio.sleep(1)
    assert all(statuses(listener)[-1] == ("a", "disconnected") for listener in told)
