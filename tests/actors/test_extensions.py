"""A player who comes back on their turn is given time, once for each absence, out of a budget of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from actors.events import Created, Extended
from actors.failures import Code
from actors.game import Game, ReplayDiverged
from actors.messages import ABSENT, ActionAnswer, GameReconnected, Restored, View
from actors.table_messages import Act, Describe, Expire, Join, Reconnect, Recover, Resign, Role
from tests.samples.memory import Listener
from tests.samples.room import GAME, MISS, code, described, views
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from trio.testing import MockClock

    from tests.samples.room import Room

SECONDS = 30.0
CREATED = Created(1, 0.0, GAME, "tally", "1", ("a", "b"), "s", turn_timeout_seconds=SECONDS, clock=1000.0)


@pytest.fixture
async def timed(room: Room, autojump_clock: MockClock, nursery: trio.Nursery) -> Room:
    """A room with a game of two on a clock, which gives time as the contract says, and keeps attendance."""
    room.sets(reconnect_extension=15.0, extension_budget=60.0)
    await nursery.start(room.attendance.run)
    await room.new_game(turn_timeout_seconds=SECONDS)
    return room


async def is_away(room: Room, listener: Listener, seconds: float = 5.0) -> None:
    listener.gone = True
    room.directory.drop(GAME, listener)
    await trio.sleep(seconds)


def given_back(room: Room) -> list[float]:
    return [event.seconds for event in room.journal.games[GAME] if isinstance(event, Extended)]


# ---- when time is given


async def test_a_player_who_comes_back_on_their_turn_has_more_time_and_all_are_told(
    timed: Room, autojump_clock: MockClock
) -> None:
    me, other = await timed.joined("a"), await timed.joined("b")
    await is_away(timed, me)
    timed.service.time = 1010.0
    back = await timed.joins("a")
    assert (back.event_id, back.turn_deadline) == (2, timed.clock.time + 20.0 + 15.0)
    assert timed.journal.games[GAME][-1] == Extended(2, timed.clock.time, "a", 15.0, 1010.0)
    assert (views(other)[-1].changes, views(other)[-1].turn_deadline) == ((), back.turn_deadline)
    assert timed.journal.deadlines == {GAME: 1045.0}


async def test_the_time_that_was_given_counts(timed: Room, autojump_clock: MockClock) -> None:
    await is_away(timed, await timed.joined("a"))
    await timed.joined("a")
    timed.service.time = 1044.9
    timed.directory.expire(GAME)
    assert isinstance(await timed.act("a"), ActionAnswer)
    assert timed.journal.deadlines == {GAME: 1044.9 + SECONDS}


async def test_it_runs_out_when_the_time_that_was_given_is_over_too(timed: Room, autojump_clock: MockClock) -> None:
    await is_away(timed, await timed.joined("a"))
    await timed.joined("a")
    timed.service.time = 1045.0
    timed.directory.table(GAME).tell(Expire())
    assert code(await timed.act("a")) == Code.NOT_YOUR_TURN


@pytest.mark.parametrize("way", ["join", "reconnect", "recover"])
async def test_every_way_back_gives_time(timed: Room, autojump_clock: MockClock, way: str) -> None:
    await is_away(timed, await timed.joined("a"))
    listener = Listener()
    messages = {
        "join": Join("a", listener),
        "reconnect": Reconnect("a", listener),
        "recover": Recover("a", listener, Role.PLAYER, 1),
    }
    answer = await timed.ask(messages[way])
    if isinstance(answer, Restored):
        answer = answer.pushes[0].body
    assert isinstance(answer, View)
    assert (answer.event_id, answer.turn_deadline) == (2, timed.clock.time + SECONDS + 15.0)
    assert given_back(timed) == [15.0]


async def test_who_is_put_back_into_the_game_sees_the_extended_clock_at_once(
    timed: Room, autojump_clock: MockClock
) -> None:
    await is_away(timed, await timed.joined("a"))
    restored = await timed.ask(Reconnect("a", Listener()))
    assert isinstance(restored, Restored)
    (body,) = (push.body for push in restored.pushes)
    assert isinstance(body, GameReconnected)
    assert body.turn_deadline == timed.clock.time + 45.0


# ---- when it is not


async def test_the_first_join_of_a_new_game_gives_none(timed: Room, autojump_clock: MockClock) -> None:
    await timed.joined("a")
    assert given_back(timed) == []


async def test_somebody_who_is_still_there_is_given_none_by_joining_again(
    timed: Room, autojump_clock: MockClock
) -> None:
    await timed.joined("a")
    await timed.joined("a")
    assert given_back(timed) == []


async def test_a_drop_that_nobody_noticed_gives_none(timed: Room, autojump_clock: MockClock) -> None:
    await is_away(timed, await timed.joined("a"), seconds=1.9)
    await timed.joined("a")
    assert given_back(timed) == []


async def test_out_of_turn_none_is_given(timed: Room, autojump_clock: MockClock) -> None:
    await is_away(timed, await timed.joined("b"))
    await timed.joined("b")
    assert given_back(timed) == []


async def test_without_a_clock_none_is_given(timed: Room, autojump_clock: MockClock) -> None:
    await timed.new_game(game_id="g2")
    listener = Listener()
    await timed.ask(Join("a", listener), "g2")
    listener.gone = True
    timed.directory.drop("g2", listener)
    await trio.sleep(5)
    await timed.ask(Join("a", Listener()), "g2")
    assert len(timed.journal.games["g2"]) == 1


async def test_a_clock_that_has_run_out_is_not_put_back(timed: Room, autojump_clock: MockClock) -> None:
    await is_away(timed, await timed.joined("a"))
    timed.service.time = 1030.0
    await timed.joined("a")
    assert given_back(timed) == []


async def test_a_game_that_is_over_or_suspended_gives_none(timed: Room, autojump_clock: MockClock) -> None:
    await is_away(timed, await timed.joined("a"))
    await timed.ask(Resign("b", Listener()))
    await timed.joined("a")
    assert given_back(timed) == []


async def test_a_refused_recovery_gives_none(timed: Room, autojump_clock: MockClock) -> None:
    await is_away(timed, await timed.joined("a"))
    assert code(await timed.ask(Recover("a", Listener(), Role.PLAYER, 99))) == Code.UNAVAILABLE
    assert given_back(timed) == []


async def test_a_spectator_gives_none(timed: Room, autojump_clock: MockClock) -> None:
    await is_away(timed, await timed.joined("a"))
    await timed.ask(Recover("w", Listener(), Role.SPECTATOR, 1))
    assert given_back(timed) == []


# ---- the budget


async def test_the_budget_is_one_players_in_one_game(timed: Room, autojump_clock: MockClock) -> None:
    for _ in range(6):
        await is_away(timed, await timed.joined("a"))
    await timed.joined("a")
    assert given_back(timed) == [15.0, 15.0, 15.0, 15.0]
    await timed.act("a")
    for _ in range(2):
        await is_away(timed, await timed.joined("b"))
    assert given_back(timed) == [15.0, 15.0, 15.0, 15.0, 15.0]


async def test_the_budget_is_kept_by_the_journal_and_by_a_snapshot(timed: Room, autojump_clock: MockClock) -> None:
    for _ in range(4):
        await is_away(timed, await timed.joined("a"))
    for snapshots in (True, False):
        await timed.leaves_memory()
        if not snapshots:
            timed.journal.snapshots.clear()
        await is_away(timed, await timed.joined("a"))
    assert given_back(timed) == [15.0, 15.0, 15.0, 15.0]


@given(
    extensions=st.lists(st.integers(0, 1), max_size=20),
    each=st.floats(0.1, 50.0),
    budget=st.floats(0.0, 200.0),
)
def test_no_player_is_ever_given_more_than_their_budget(extensions: list[int], each: float, budget: float) -> None:
    game = Game.of(CREATED, Tally())
    at = game.begin()
    used = [0.0, 0.0]
    for seat in extensions:
        seconds = min(each, budget - at.extension_of(seat))
        if seconds <= 0:
            assert used[seat] >= budget
            continue
        assert at.deadline is not None
        following = game.extend(at, seat, seconds)
        assert following.deadline == at.deadline + seconds
        assert game.replay(at, Extended(following.event_id, 0.0, "ab"[seat], seconds)) == following
        at = following
        used[seat] += seconds
    assert [at.extension_of(seat) for seat in (0, 1)] == used
    assert all(spent <= budget or spent == pytest.approx(budget) for spent in used)


# ---- as every event


async def test_it_is_missed_and_replayed_like_any_other_event(timed: Room, autojump_clock: MockClock) -> None:
    live = await timed.joined("b")
    await is_away(timed, await timed.joined("a"))
    await timed.joined("a")
    await timed.act("a")
    missed = (await timed.joins("b", last_event_id=1)).missed
    assert missed is not ABSENT
    assert [(view.event_id, view.changes) for view in missed] == [
        (view.event_id, view.changes) for view in views(live)[1:]
    ]


async def test_while_the_store_is_away_the_player_is_shown_the_game_and_given_no_time(
    timed: Room, autojump_clock: MockClock
) -> None:
    await timed.joined("b")
    await is_away(timed, await timed.joined("a"))
    timed.journal.away = True
    assert (await timed.joins("a")).event_id == 1
    assert given_back(timed) == []


async def test_a_table_that_was_fenced_judges_anew_whether_time_is_due(
    timed: Room, autojump_clock: MockClock, rival: Room
) -> None:
    await timed.joined("b")
    await is_away(timed, await timed.joined("a"))
    rival.service.time = timed.service.time
    assert isinstance(await rival.act("a"), ActionAnswer)
    back = await timed.joins("a")
    assert (back.event_id, back.current_player_id) == (2, "b")
    assert given_back(timed) == []


@pytest.mark.parametrize("point", ["table.judged", "table.committed", "table.told"])
async def test_wherever_a_table_crashes_on_it_the_budget_is_kept(
    timed: Room, autojump_clock: MockClock, point: str
) -> None:
    other = await timed.joined("b")
    await is_away(timed, await timed.joined("a"))
    timed.crash_points.armed = point
    timed.directory.table(GAME).post(Join("a", Listener()), lambda _: None)
    await trio.sleep(10)
    back = await timed.joins("a")
    stood = len(given_back(timed))
    assert back.turn_deadline == timed.clock.time + SECONDS + 15.0 * stood
    assert [view.event_id for view in views(other)] == [1, *range(2, 2 + stood)]


async def test_an_extension_in_doubt_lets_the_player_in_and_is_found_in_the_journal(
    timed: Room, autojump_clock: MockClock
) -> None:
    other = await timed.joined("b")
    await is_away(timed, await timed.joined("a"))
    timed.journal.hold = trio.Event()
    listener = Listener()
    timed.directory.table(GAME).post(Join("a", listener), lambda _: None)
    await trio.sleep(timed.house.settle_within + 1)
    assert [view.event_id for view in views(listener)] == [1]
    timed.journal.hold.set()
    timed.journal.hold = None
    timed.journal.games[GAME].append(Extended(2, timed.clock.time, "a", 15.0, timed.service.time))
    await timed.ask(Describe())
    assert views(listener)[-1].event_id == views(other)[-1].event_id == 2
    assert given_back(timed) == [15.0]


async def test_extensions_count_towards_the_limit_of_events(timed: Room, autojump_clock: MockClock) -> None:
    timed.sets(max_events=3)
    await is_away(timed, await timed.joined("a"))
    assert (await timed.joins("a")).game_over
    assert described(await timed.ask(Describe())) == ("ended", 3, "aborted")


def test_an_extension_of_a_clock_that_does_not_run_has_diverged() -> None:
    game = Game.of(Created(1, 0.0, GAME, "tally", "1", ("a", "b"), "s"), Tally())
    with pytest.raises(ReplayDiverged):
        game.replay(game.begin(), Extended(2, 0.0, "a", 15.0))
    with pytest.raises(ValueError, match="no clock"):
        game.extend(game.begin(), 0, 15.0)


async def test_an_action_after_it_has_its_own_full_clock(timed: Room, autojump_clock: MockClock) -> None:
    await is_away(timed, await timed.joined("a"))
    await timed.joined("a")
    answer = await timed.ask(Act("a", Listener(), MISS))
    assert isinstance(answer, ActionAnswer)
    assert answer.turn_deadline == timed.clock.time + SECONDS
