from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from net.checks import (
    Answered,
    Asked,
    Diary,
    Over,
    Replayed,
    Served,
    Shown,
    as_replayed,
    growing,
    rebuilt_is_served,
    replayed,
)
from net.client.player import How
from tests.net.checks.games import PLAYERS, REGISTRY, START, played, promises, seen, spoilt, truth, watched

if TYPE_CHECKING:
    from net.checks import (
        Record,
    )

GAME = played()
TRUTH = truth(GAME)
BEN = GAME.diary("ben")
FIRST_LIVE = 2  # after the join's answer and its `game:state`


def shown(*events: tuple[How, int]) -> Diary:
    records: list[Record] = []
    for how, event_id in events:
        if (
            how in (How.MISSED, How.JOINED)
            and records
            and isinstance(records[-1], Shown)
            and records[-1].how is How.LIVE
        ):
            records.append(Asked(START, 1, 1, "game:join", since=records[-1].view["event_id"]))
            records += [
                Asked(START, 1, 2, "game:join"),
                Answered(START, 1, 2, {"success": False}),
            ]  # one that is refused
            records.append(Answered(START, 1, 1, {"success": True}))
        view = seen(GAME.game, GAME.positions[0], 1, changes=how is not How.JOINED) | {"event_id": event_id}
        if how is How.JOINED and records:
            view["missed"] = []
        elif how is How.LIVE:
            view["changes"] = [{"some": "change"}]
        records.append(Shown(START, 1, how, view))
    return Diary("ben", "g", tuple(records))


def with_view(number: int, **fields: Any) -> Diary:  # noqa: ANN401 - of a view
    return spoilt(BEN, Shown, lambda record: evolve(record, view=record.view | fields), number=number)


# ---- a spectator


def test_a_spectators_diary_is_held_against_a_spectators_view() -> None:
    diary = watched(GAME)
    assert [*growing(diary), *as_replayed(diary, TRUTH)] == []


def test_a_spectator_who_was_shown_what_a_player_sees_is_found() -> None:
    as_ben = seen(GAME.game, GAME.positions[1], 1, changes=True)
    diary = spoilt(watched(GAME), Shown, lambda record: evolve(record, view=as_ben), number=2)
    assert promises(as_replayed(diary, TRUTH)) == ["REPLAYED"]


def test_a_player_who_was_told_the_end_as_a_spectator_is_found() -> None:
    end = next(record for record in watched(GAME).records if isinstance(record, Over))
    assert promises(as_replayed(spoilt(BEN, Over, lambda _: end), TRUTH)) == ["REPLAYED"]


# ---- order


def test_a_diary_as_it_should_be_grows_and_is_as_it_is_replayed() -> None:
    for diary in GAME.diaries:
        assert [*growing(diary), *as_replayed(diary, TRUTH)] == []


@pytest.mark.parametrize(
    "events",
    [
        [(How.JOINED, 1), (How.LIVE, 2), (How.LIVE, 5)],
        [(How.JOINED, 4), (How.LIVE, 5), (How.MISSED, 6), (How.MISSED, 7), (How.JOINED, 7), (How.LIVE, 8)],
    ],
)
def test_a_state_may_be_skipped_live_and_what_was_missed_comes_whole(events: list[tuple[How, int]]) -> None:
    assert promises(growing(shown(*events))) == []


@pytest.mark.parametrize(
    ("events", "promise"),
    [
        ([(How.JOINED, 1), (How.LIVE, 3), (How.LIVE, 2)], "ORDER"),
        ([(How.JOINED, 1), (How.LIVE, 2), (How.LIVE, 2)], "ORDER"),
        ([(How.JOINED, 1), (How.LIVE, 2), (How.MISSED, 4), (How.JOINED, 4)], "ORDER"),
        ([(How.JOINED, 1), (How.LIVE, 2), (How.MISSED, 3), (How.JOINED, 4)], "ORDER"),
        ([(How.JOINED, 1), (How.LIVE, 3), (How.JOINED, 2)], "LOST"),
    ],
)
def test_what_leads_back_or_leaves_out_is_found(events: list[tuple[How, int]], promise: str) -> None:
    assert promises(growing(shown(*events))) == [promise]


def test_an_end_of_another_event_than_the_last_one_shown_is_found() -> None:
    early = spoilt(BEN, Over, lambda record: evolve(record, data=record.data | {"event_id": 2}))
    assert promises(growing(early)) == ["ORDER"]


# ---- the same as replayed


@pytest.mark.parametrize("field", ["state", "changes", "to_act", "players", "unheard_of"])
def test_a_view_that_is_replayed_otherwise_is_found_and_the_field_is_named_without_its_value(field: str) -> None:
    hidden = [{"id": "the ace of spades", "seat": 7}]
    [violation] = as_replayed(with_view(FIRST_LIVE, **{field: hidden}), TRUTH)
    assert violation.promise.name == "REPLAYED"
    assert field in violation.text
    assert "spades" not in violation.text


def test_what_belongs_to_the_moment_of_sending_may_differ() -> None:
    for fields in ({"server_time": 5.0}, {"spectator_count": 3}, {"turn_deadline": 7.0}):
        assert promises(as_replayed(with_view(FIRST_LIVE, **fields), TRUTH)) == []


def test_a_live_state_without_its_changes_is_found() -> None:
    assert promises(as_replayed(with_view(FIRST_LIVE, changes=[]), TRUTH)) == ["REPLAYED"]


def test_another_player_s_view_is_found() -> None:
    mine = {record.view["event_id"]: record.view for record in GAME.diary("anna").records if isinstance(record, Shown)}
    swapped = spoilt(BEN, Shown, lambda record: evolve(record, view=mine[record.view["event_id"]]), number=FIRST_LIVE)
    assert promises(as_replayed(swapped, TRUTH)) == ["REPLAYED"]


def test_a_final_word_that_is_replayed_otherwise_is_found() -> None:
    spoken = spoilt(BEN, Over, lambda record: evolve(record, data=record.data | {"winner_id": "nobody"}))
    assert promises(as_replayed(spoken, TRUTH)) == ["REPLAYED"]


def test_an_end_that_the_journal_does_not_have_is_found() -> None:
    shorter = truth(evolve(GAME, journal=GAME.journal[:-1]))
    only_the_end = evolve(BEN, records=tuple(record for record in BEN.records if isinstance(record, Over)))
    assert promises(as_replayed(only_the_end, shorter)) == ["REPLAYED"]


# ---- rebuilt


def final(seat: int, **fields: Any) -> Served:  # noqa: ANN401 - of a view
    return Served(PLAYERS[seat], seen(GAME.game, GAME.positions[-1], seat, changes=False) | fields)


def test_what_is_served_last_is_what_the_journal_leads_to() -> None:
    assert promises(rebuilt_is_served([final(0), final(1, server_time=9.0)], TRUTH)) == []


def test_another_state_than_the_journal_leads_to_is_found() -> None:
    assert promises(rebuilt_is_served([final(0, state={})], TRUTH)) == ["REBUILT"]
    assert promises(rebuilt_is_served([final(0, event_id=2)], TRUTH)) == ["REBUILT"]


def test_a_journal_that_cannot_be_replayed_is_found() -> None:
    for journal in ((), GAME.journal[1:], (*GAME.journal, evolve(GAME.journal[1], event_id=len(GAME.journal) + 1))):
        found = replayed(journal, REGISTRY)
        assert not isinstance(found, Replayed)
        assert found.promise.name in {"HOLE", "REBUILT"}


def test_a_game_that_went_on_while_it_was_looked_at_is_served_as_of_the_event_that_was_shown() -> None:
    before, at = GAME.positions[-3], GAME.positions[-2]
    earlier = Served("anna", seen(GAME.game, at, 0, changes=False))
    assert promises(rebuilt_is_served([earlier], TRUTH)) == ["REBUILT"]
    assert promises(rebuilt_is_served([earlier], TRUTH, since=before.event_id)) == []
    assert promises(rebuilt_is_served([earlier], TRUTH, since=at.event_id + 1)) == ["REBUILT"]
