"""A game that was suspended, tried again at an operator's word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actors.events import Resumed
from actors.failures import Code, Failure
from actors.messages import ABSENT, ActionAnswer, ResumeAnswer, View
from actors.ports import StoreUnavailable
from actors.table_messages import Describe, Resign, Resume
from tests.samples.memory import Listener, MemoryWriter
from tests.samples.room import GAME, code, described

if TYPE_CHECKING:
    import trio

    from tests.samples.room import Room

CRASH = {"type": "crash"}


async def suspended(room: Room, *, turn_timeout_seconds: float | None = None) -> str:
    """A game that is suspended after its second event; returns the id of the report."""
    await room.new_game(turn_timeout_seconds=turn_timeout_seconds)
    await room.take_turns(1)
    failure = await room.act("b", CRASH)
    assert isinstance(failure, Failure)
    return str(failure.details["id"])


async def status(room: Room) -> str:
    return described(await room.ask(Describe()))[0]


async def test_a_game_goes_on_where_it_was_suspended(room: Room) -> None:
    await suspended(room)
    assert await room.ask(Resume()) == ResumeAnswer(GAME, 2, resumed=True)
    assert await status(room) == "running"
    assert room.directory.suspended() == []
    assert isinstance(await room.act("b"), ActionAnswer)


async def test_a_game_that_runs_is_let_be(room: Room) -> None:
    await room.new_game()
    await room.take_turns(1)
    assert await room.ask(Resume()) == ResumeAnswer(GAME, 2, resumed=False)


async def test_one_that_is_over_says_so(room: Room) -> None:
    await room.new_game()
    await room.ask(Resign("a", Listener()))
    assert code(await room.ask(Resume())) == Code.GAME_ENDED


async def test_whoever_follows_the_game_still_does(room: Room) -> None:
    await room.new_game()
    listener = await room.joined("b")
    await room.act("a", CRASH)
    await room.ask(Resume())
    await room.act("a")
    assert isinstance(listener.log[-1], View)
    assert listener.log[-1].event_id == 2


async def test_one_whose_rules_still_fail_stays_suspended_under_a_new_report(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    first = await suspended(room)
    room.journal.snapshots.clear()
    room.rules.fail_in = "apply"
    failure = await room.ask(Resume())
    assert code(failure) == Code.UNAVAILABLE
    assert isinstance(failure, Failure)
    assert failure.details["status"] == "suspended"
    assert failure.details["id"] != first
    ((game_id, standing),) = room.directory.suspended()
    assert game_id == GAME
    assert standing.suspended is not None
    assert (standing.suspended.report_id, standing.suspended.why) == (
        failure.details["id"],
        "apply of the rules raised",
    )
    room.rules.fail_in = ""
    assert isinstance(await room.ask(Resume()), ResumeAnswer)


async def test_while_the_store_is_away_it_stays_suspended_and_can_be_tried_again(room: Room) -> None:
    await suspended(room)
    room.journal.away = True
    assert code(await room.ask(Resume())) == Code.UNAVAILABLE
    assert await status(room) == "suspended"
    room.journal.away = False
    assert isinstance(await room.ask(Resume()), ResumeAnswer)


async def test_a_journal_that_lost_events_is_not_played_on_however_often_it_is_tried(room: Room) -> None:
    await room.new_game()
    await room.take_turns(2)
    del room.journal.games[GAME][2:]
    assert code(await room.act("a")) == Code.INTERNAL_ERROR
    for _ in range(2):
        assert code(await room.ask(Resume())) == Code.UNAVAILABLE
    assert len(room.journal.games[GAME]) == 2


async def test_the_turn_clock_goes_on_from_where_it_stood_and_a_replay_has_it_so(room: Room) -> None:
    await suspended(room, turn_timeout_seconds=60)
    room.service.time += 1000
    assert await room.ask(Resume()) == ResumeAnswer(GAME, 3, resumed=True)
    event = room.journal.games[GAME][-1]
    assert isinstance(event, Resumed)
    assert event.seconds == 1000
    before = await room.joins("b")
    assert before.turn_deadline == pytest.approx(room.clock.time + 60)
    await room.leaves_memory()
    room.journal.snapshots.clear()
    assert (await room.joins("b")).turn_deadline == before.turn_deadline


async def test_nobody_has_run_out_of_time_while_the_game_stood_still(room: Room, nursery: trio.Nursery) -> None:
    await nursery.start(room.timers.run)
    await suspended(room, turn_timeout_seconds=60)
    room.service.time += 1000
    room.directory.expire(GAME)
    assert await status(room) == "suspended"
    await room.ask(Resume())
    room.directory.expire(GAME)
    assert described(await room.ask(Describe())) == ("running", 3, ABSENT)


async def test_a_clock_that_cannot_be_put_back_leaves_the_game_as_it_was(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise StoreUnavailable("away")

    await suspended(room, turn_timeout_seconds=60)
    room.service.time += 1000
    monkeypatch.setattr(MemoryWriter, "append", refuse)
    assert code(await room.ask(Resume())) == Code.UNAVAILABLE
    assert await status(room) == "suspended"
