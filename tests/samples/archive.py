"""Games for the archive, and what any archive has to do, whatever database it is on."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import trio
from attrs import evolve

from actors.events import Aborted, Acted, Created, Resigned, TimedOut
from actors.messages import ABSENT, Description, ResignAnswer
from actors.ports import GameNotFound, StoreLostData

if TYPE_CHECKING:
    from actors.events import Event
    from actors.ports import Archive

ANNA, BEN = "8a1f6c9e-0f5b-4f0e-9a52-6a1f5be0a001", "npc:ben"


def a_game(
    game_id: str = "game-1", players: tuple[str, ...] = (ANNA, BEN), *, acts: int = 3, ended_at: float = 2000.0
) -> tuple[tuple[Event, ...], Description]:
    """A game that somebody gave up, with a timeout in it: all the kinds of events but an abort."""
    created = Created(
        1, 1000.5, game_id, "tally", "1", players, "a seed", {"highest": 9}, turn_timeout_seconds=30, clock=7.25
    )
    acted = tuple(
        Acted(n, 1000.5 + n, players[0], {"type": "guess", "number": n}, 2 * n, f"m{n}", clock=7.25 + n)
        for n in range(2, acts + 2)
    )
    timed_out = TimedOut(acts + 2, 1900.0, (players[1],), 99, clock=40.0)
    answer = ResignAnswer(game_id, acts + 3, game_over=True, winner_id=players[0], end_reason="resignation")
    resigned = Resigned(acts + 3, ended_at, players[1], 99, "bye", answer, clock=41.0)
    return (created, *acted, timed_out, resigned), described(created, resigned)


def described(created: Created, last: Event) -> Description:
    """What is known of a game that ended so; the player in the first seat won."""
    return Description(
        game_id=created.game_id,
        rules=created.rules,
        rules_version=created.rules_version,
        players=created.players,
        status="ended",
        event_count=last.event_id,
        created_at=created.at,
        winner_id=created.players[0],
        results={player: float(seat == 0) for seat, player in enumerate(created.players)},
        end_reason="resignation",
        ended_at=last.at,
    )


class ArchiveContract:
    """The tests of `actors.ports.Archive`; whoever inherits them has a fixture `archive`."""

    async def test_a_game_comes_out_as_it_went_in(self, archive: Archive) -> None:
        events, description = a_game()
        await archive.put(events, description)
        assert await archive.events("game-1") == events
        assert await archive.description("game-1") == description

    async def test_a_draw_and_an_odd_end_come_out_as_they_went_in(self, archive: Archive) -> None:
        created, *_ = a_game()[0]
        assert isinstance(created, Created)
        events = (created, Aborted(2, 1001, "the \0 disk \\0 was \U0001f0cf full"))
        description = evolve(
            described(created, events[1]), winner_id=None, results={ANNA: 0, BEN: -1.5}, end_reason="a \\ \0 \\0 \\\\0"
        )
        await archive.put(events, description)
        assert await archive.events("game-1") == events
        assert await archive.description("game-1") == description

    async def test_archived_twice_is_the_same_as_once(self, archive: Archive) -> None:
        events, description = a_game()
        for _ in range(2):
            await archive.put(events, description)
        assert await archive.events("game-1") == events
        assert await archive.games_of(ANNA, before=None, limit=10) == (description,)

    async def test_another_game_under_the_same_id_is_refused_and_changes_nothing(self, archive: Archive) -> None:
        events, description = a_game()
        await archive.put(events, description)
        created = events[0]
        assert isinstance(created, Created)
        others = (evolve(created, seed="another"), *events[1:])
        longer, longer_described = a_game(acts=4)
        for game, told in ((others, description), (longer, longer_described)):
            with pytest.raises(StoreLostData, match=r"^game game-1: the archive has another game under this id$"):
                await archive.put(game, told)
        assert await archive.events("game-1") == events

    async def test_what_is_no_whole_ended_game_is_refused(self, archive: Archive) -> None:
        events, description = a_game()
        wrong = [
            ((), description, r"^a game begins with its creation$"),
            (events[1:], description, r"^a game begins with its creation$"),
            (events, evolve(description, game_id="another"), r"^a game begins with its creation$"),
            (events[:-1], description, r"^game game-1: these are not its events 1 to 6$"),
            ((*events[:2], *events[3:]), evolve(description, event_count=5), r"not its events 1 to 5$"),
            (events, evolve(description, ended_at=ABSENT), r"^game game-1 has not ended$"),
        ]
        for game, told, why in wrong:
            with pytest.raises(ValueError, match=why):
                await archive.put(game, told)
        with pytest.raises(GameNotFound):
            await archive.description("game-1")

    async def test_a_game_that_is_not_there_is_not_found(self, archive: Archive) -> None:
        await archive.put(*a_game())
        with pytest.raises(GameNotFound, match=r"^there is no game nobody in the archive$"):
            await archive.events("nobody")
        with pytest.raises(GameNotFound, match=r"^there is no game nobody in the archive$"):
            await archive.description("nobody")

    async def test_a_users_games_come_by_their_end_the_latest_first(self, archive: Archive) -> None:
        for game_id, players, ended_at in (
            ("b", (ANNA, BEN), 2000.0),
            ("a", (BEN, ANNA), 3000.0),
            ("c", (BEN, "npc:carl"), 2500.0),
            ("d", ("npc:carl", BEN), 1500.0),
        ):
            await archive.put(*a_game(game_id, players, ended_at=ended_at))
        assert [one.game_id for one in await archive.games_of(BEN, before=None, limit=10)] == ["a", "c", "b", "d"]
        assert [one.game_id for one in await archive.games_of(ANNA, before=None, limit=10)] == ["a", "b"]
        assert await archive.games_of("npc:nobody", before=None, limit=10) == ()

    async def test_pages_leave_no_game_out_and_show_none_twice(self, archive: Archive) -> None:
        for number in range(7):  # several ended at the very same time
            await archive.put(*a_game(f"game-{number}", ended_at=2000.0 + number // 3))
        paged: list[str] = []
        before = None
        while page := await archive.games_of(ANNA, before=before, limit=2):
            paged += [one.game_id for one in page]
            before = page[-1].game_id
        assert paged == ["game-6", "game-5", "game-4", "game-3", "game-2", "game-1", "game-0"]

    async def test_a_page_after_an_unknown_game_is_empty(self, archive: Archive) -> None:
        await archive.put(*a_game())
        assert await archive.games_of(ANNA, before="nobody", limit=10) == ()

    async def test_many_calls_at_once_do_not_disturb_each_other(self, archive: Archive) -> None:
        games = [a_game(f"game-{number}", ended_at=2000.0 + number) for number in range(12)]
        found: dict[str, tuple[Event, ...]] = {}

        async def put_and_read(events: tuple[Event, ...], description: Description) -> None:
            await archive.put(events, description)
            found[description.game_id] = await archive.events(description.game_id)

        async with trio.open_nursery() as nursery:
            for events, description in games * 2:
                nursery.start_soon(put_and_read, events, description)
        assert found == {description.game_id: events for events, description in games}
        assert len(await archive.games_of(ANNA, before=None, limit=100)) == 12

    async def test_a_cancelled_put_leaves_the_game_whole_or_not_there_and_can_be_repeated(
        self, archive: Archive
    ) -> None:
        events, description = a_game(acts=200)
        with trio.CancelScope() as scope:
            scope.cancel()
            await archive.put(events, description)
        for _ in range(5):
            with trio.move_on_after(0.001):
                await archive.put(events, description)
            with suppress(GameNotFound):  # it may yet be carried out at any moment
                assert await archive.events("game-1") == events
        await archive.put(events, description)
        assert await archive.events("game-1") == events
