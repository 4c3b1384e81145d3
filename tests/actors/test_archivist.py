"""Ended games move into the archive by steps that may be interrupted anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from actors.archivist import LONGEST_PAUSE, PAGE, UNKNOWN, Archivist, NotOver, describe_ended
from actors.events import Aborted, Created, Resigned
from actors.failures import Code, Failure
from actors.messages import ActionAnswer, ResignAnswer, View
from actors.ports import ArchiveUnavailable, StoreUnavailable
from actors.rules.registry import Registry
from actors.table_messages import Abort, Act, Describe, Join, Resign
from tests.samples.memory import (
    ArchivedJournal,
    CountingEntropy,
    CrashLog,
    FixedClock,
    Listener,
    MemoryArchive,
    MemoryEnded,
)
from tests.samples.room import GAME, MISS, code, described
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from trio.testing import MockClock

    from actors.events import Event
    from actors.kit.supervisor import DynamicSupervisor
    from tests.samples.memory import (
        MemoryJournal,
    )
    from tests.samples.room import Room

NOW = 1_700_000_000.0
AFTER = 60.0
EVERY = 10.0


class Attic:
    """An archivist over a memory journal and archive, with games that have ended."""

    def __init__(self) -> None:
        self.archive = MemoryArchive()
        self.journal: MemoryJournal = ArchivedJournal(archive=self.archive)
        self.ended = MemoryEnded(self.journal)
        self.clock = FixedClock(NOW)
        self.crash_points = CrashLog()
        self.archivist = self.another()

    def another(self) -> Archivist:
        """As after a restart."""
        return Archivist(
            self.ended,
            self.journal,
            self.archive,
            Registry([Tally()]),
            self.clock,
            CountingEntropy(),
            self.crash_points,
            after=AFTER,
            every=EVERY,
        )

    def game(self, game_id: str, *, ago: float = AFTER + 1) -> tuple[Event, ...]:
        """A game that was called off so long ago."""
        events = (created(game_id), Aborted(2, NOW - ago, "enough"))
        self.journal.games[game_id] = list(events)
        self.ended.ended_at[game_id] = NOW - ago
        return events


def created(game_id: str = "g", players: tuple[str, ...] = ("a", "b"), version: str = "1") -> Created:
    return Created(1, NOW - 1000, game_id, "tally", version, players, "seed")


async def test_an_ended_game_goes_whole_into_the_archive_and_then_leaves_the_store() -> None:
    attic = Attic()
    events = attic.game("g")
    await attic.archivist.archive_all()
    assert attic.archive.games["g"][0] == events
    assert attic.archive.games["g"][1].end_reason == "aborted"
    assert "g" not in attic.journal.games
    assert attic.crash_points.reached == ["archive.read", "archive.put", "archive.removed"]


async def test_a_game_stays_in_the_store_for_a_while_after_its_end() -> None:
    attic = Attic()
    attic.game("old", ago=AFTER + 1)
    attic.game("new", ago=AFTER - 1)
    await attic.archivist.archive_all()
    assert list(attic.archive.games) == ["old"]
    assert list(attic.journal.games) == ["new"]


@pytest.mark.parametrize("point", ["archive.read", "archive.put", "archive.removed"])
async def test_wherever_it_is_interrupted_the_game_is_whole_somewhere_and_the_next_time_it_is_done(point: str) -> None:
    attic = Attic()
    events = attic.game("g")
    attic.crash_points.armed = point
    await attic.archivist.archive_all()
    assert await attic.journal.history("g") == events
    await attic.another().archive_all()
    assert attic.archive.games["g"][0] == events
    assert attic.journal.games == {}
    assert attic.ended.ended_at == {}
    assert await attic.journal.history("g") == events


@pytest.mark.parametrize("away", ["ended", "journal", "archive"])
async def test_while_anything_is_away_nothing_is_removed(away: str) -> None:
    attic = Attic()
    attic.game("g")
    getattr(attic, away).away = True
    with pytest.raises(ArchiveUnavailable if away == "archive" else StoreUnavailable):
        await attic.archivist.archive_all()
    assert "g" in attic.journal.games
    getattr(attic, away).away = False
    await attic.archivist.archive_all()
    assert "g" not in attic.journal.games


async def test_the_service_goes_on_by_itself_when_what_was_away_is_back(
    autojump_clock: MockClock, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    attic = Attic()
    attic.game("g")
    attic.archive.away = True
    await nursery.start(attic.archivist.run)
    await trio.sleep(10 * EVERY)
    assert "g" in attic.journal.games
    assert caplog.text.count("the archive is away") == 1
    attic.archive.away = False
    await trio.sleep(2 * EVERY)
    assert "g" not in attic.journal.games


# ---- broken games


async def test_a_game_that_cannot_be_archived_keeps_no_other_back_and_is_tried_again_at_growing_intervals(
    autojump_clock: MockClock, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    attic = Attic()
    attic.game("broken", ago=2 * AFTER)
    attic.archive.games["broken"] = ((created("broken"),), await describe_ended(attic.game("x"), Registry([Tally()])))
    attic.game("sound")
    await nursery.start(attic.archivist.run)
    await trio.sleep(EVERY / 2)
    assert list(attic.journal.games) == ["broken"]
    assert (attic.archive.puts, caplog.text.count("game broken cannot be archived")) == (3, 1)
    await trio.sleep(100 * EVERY)
    assert attic.archive.puts <= 3 + 8  # 10, 20, 40, … seconds apart, not every 10
    await trio.sleep(2 * LONGEST_PAUSE)
    assert caplog.text.count("game broken cannot be archived") == 1
    del attic.archive.games["broken"]
    await trio.sleep(LONGEST_PAUSE + EVERY)
    assert attic.journal.games == {}


async def test_more_broken_games_than_fit_on_a_page_do_not_hide_the_others() -> None:
    attic = Attic()
    for n in range(PAGE + 5):
        attic.ended.ended_at[f"broken-{n}"] = NOW - 3 * AFTER
    for n in range(2 * PAGE):
        attic.game(f"sound-{n}")
    await attic.archivist.archive_all()
    assert attic.journal.games == {}
    assert len(attic.archive.games) == 2 * PAGE


async def test_a_game_that_goes_on_never_leaves_the_store(room: Room) -> None:
    await room.new_game()
    await room.act("a")
    attic = Attic()
    attic.journal.games = room.journal.games
    attic.ended.ended_at[GAME] = NOW - 2 * AFTER
    await attic.archivist.archive_all()
    assert GAME in attic.journal.games
    assert attic.archive.puts == 0


# ---- what is said of it


async def test_the_description_is_what_the_table_said(room: Room) -> None:
    await room.new_game(3)
    await room.act("a")
    await room.ask(Resign("b", Listener()))
    await room.ask(Resign("a", Listener()))
    shown = await room.ask(Describe())
    assert await describe_ended(tuple(room.journal.games[GAME]), Registry([Tally()])) == shown


async def test_a_game_whose_rules_are_gone_is_described_as_far_as_its_last_event_tells(room: Room) -> None:
    await room.new_game()
    await room.ask(Resign("a", Listener(), "m1"))
    events = tuple(room.journal.games[GAME])
    gone = Registry([Tally(version="2")])
    answered = await describe_ended(events, gone)
    assert (answered.winner_id, answered.results, answered.end_reason) == ("b", {}, "resignation")
    first, last = events
    assert isinstance(last, Resigned)
    silent = await describe_ended((first, Resigned(2, last.at, "a", last.chance_position)), gone)
    assert (silent.winner_id, silent.end_reason, silent.status) == (None, "resignation", "ended")
    cut = await describe_ended((first, *await won(room, message_id=None)), gone)
    assert (cut.winner_id, cut.results, cut.end_reason) == (None, {}, UNKNOWN)
    told = await describe_ended((first, *await won(room, message_id="m")), gone)
    assert (told.winner_id, told.results, told.end_reason) == ("a", {"a": 1.0, "b": 0.0}, "found")


async def won(room: Room, message_id: str | None) -> list[Event]:
    """The events, after the first, of a game that a won."""
    game_id = f"won-{message_id}"
    await room.new_game(game_id=game_id)
    for number in range(1, 10):
        answer = await act_in(room, game_id, "a", number, message_id and f"{message_id}{number}")
        if answer.game_over:
            break
        await act_in(room, game_id, "b", 5000, None)
    return room.journal.games[game_id][1:]


async def act_in(room: Room, game_id: str, user: str, number: int, message_id: str | None) -> ActionAnswer:
    answer = await room.ask(Act(user, Listener(), {"type": "guess", "number": number}, message_id), game_id)
    assert isinstance(answer, ActionAnswer)
    return answer


async def test_a_game_that_goes_on_has_no_end_to_describe(room: Room) -> None:
    await room.new_game()
    await room.act("a")
    with pytest.raises(NotOver):
        await describe_ended(tuple(room.journal.games[GAME]), Registry([Tally()]))


# ---- a table of an archived game


async def archived(room: Room, tables: DynamicSupervisor) -> ResignAnswer:
    """A game that was played, ended and archived, its table out of memory; what ended it was answered so."""
    archive = MemoryArchive()
    journal = ArchivedJournal(archive=archive)
    room.keep_in(journal)
    await room.new_game()
    await room.take_turns(2)
    answer = await room.ask(Resign("a", Listener(), "r1"))
    assert isinstance(answer, ResignAnswer)
    await room.leaves_memory()
    ended = MemoryEnded(journal, {GAME: 0.0})
    registry = Registry([Tally()])
    archivist = Archivist(ended, journal, archive, registry, FixedClock(), CountingEntropy(), after=AFTER, every=EVERY)
    await archivist.archive_all()
    assert journal.games == {}
    return answer


async def test_an_archived_game_is_shown_described_and_answers_what_it_answered(
    room: Room, tables: DynamicSupervisor
) -> None:
    answer = await archived(room, tables)
    shown = await room.ask(Join("b", Listener(), last_event_id=2))
    assert isinstance(shown, View)
    assert isinstance(shown.missed, tuple)
    assert ([view.event_id for view in shown.missed], shown.game_over) == ([3, 4], True)
    assert described(await room.ask(Describe())) == ("ended", 4, "resignation")
    assert await room.ask(Resign("a", Listener(), "r1")) == answer
    repeated = await room.act("a", MISS, "m1")
    assert isinstance(repeated, ActionAnswer)
    assert repeated.event_id == 2
    assert code(await room.act("b", MISS, "m9")) == Code.GAME_ENDED
    assert code(await room.act("a", {"type": "bow"}, "m1")) == Code.INVALID_MESSAGE
    assert isinstance(await room.ask(Abort("late")), Failure)


async def test_a_table_in_memory_goes_on_to_serve_a_game_that_is_archived_meanwhile(
    room: Room, tables: DynamicSupervisor
) -> None:
    await archived(room, tables)
    await room.joined("b")
    room.journal.games.clear()
    repeated = await room.act("a", MISS, "m1")
    assert isinstance(repeated, ActionAnswer)
