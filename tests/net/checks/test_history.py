from __future__ import annotations

import pytest
from attrs import evolve

from net.checks import Standing, can_end, one_writer, whole
from tests.net.checks.games import played, promises

JOURNAL = played().journal


def by(*nonces: str | None) -> list[str]:
    entries = [evolve(JOURNAL[0], event_id=number, nonce=nonce) for number, nonce in enumerate(nonces, 1)]
    return promises(one_writer("g", entries))


def test_a_journal_as_it_should_be_is_whole() -> None:
    assert [*whole("g", JOURNAL), *one_writer("g", JOURNAL)] == []


def test_a_journal_that_is_gone_is_lost() -> None:
    assert promises(whole("g", ())) == ["LOST"]


def test_a_hole_is_found() -> None:
    assert promises(whole("g", (JOURNAL[0], *JOURNAL[2:]))) == ["HOLE"]


def test_an_event_under_another_number_than_its_own_is_found() -> None:
    assert promises(whole("g", (JOURNAL[0], evolve(JOURNAL[2], event_id=2)))) == ["HOLE"]


def test_a_second_creation_and_a_missing_one_are_found() -> None:
    created = JOURNAL[0].event
    assert promises(whole("g", (JOURNAL[0], evolve(JOURNAL[0], event_id=2, event=evolve(created, event_id=2))))) == [
        "HOLE"
    ]
    assert promises(whole("g", (evolve(JOURNAL[1], event_id=1, event=evolve(JOURNAL[1].event, event_id=1)),))) == [
        "HOLE"
    ]


@pytest.mark.parametrize("nonces", [("a",), ("a", "a", "b", "c"), (None, None), ("a", None, "a")])
def test_writers_may_follow_each_other(nonces: tuple[str | None, ...]) -> None:
    assert by(*nonces) == []


@pytest.mark.parametrize("nonces", [("a", "b", "a"), ("a", "b", "c", "b"), ("a", None, "b", "a")])
def test_a_writer_that_comes_back_after_another_is_found(nonces: tuple[str | None, ...]) -> None:
    assert by(*nonces) == ["WRITERS"]


@pytest.mark.parametrize(
    ("status", "playable", "stuck"),
    [
        ("ended", False, False),
        ("running", True, False),
        ("running", False, True),
        ("suspended", True, True),
        ("suspended", False, True),
    ],
)
def test_a_game_that_has_not_ended_and_cannot_be_played_is_stuck(status: str, playable: bool, stuck: bool) -> None:
    assert promises(can_end([Standing("g", status, playable)])) == ["STUCK"] * stuck
