from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from actors.rules.registry import Registry
from net.demo.words import Glyphs
from net.replay.picture import block, pretty, screen, title
from net.replay.projector import Projector
from net.replay.reel import reel_of
from tests.samples.recorded import ANNA, BEN, REGISTRY, a_game_of_cards, a_tally
from tests.samples.tally import Tally
from tests.samples.values import json_objects

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject
    from net.replay.reel import Reel

LETTERS = Glyphs(ascii=True)
CARD = re.compile(r"\b(?:10|[2-9AJQK])[CDHS]\b")


def lines(reel: Reel, event_id: int, viewer: str, glyphs: Glyphs = LETTERS) -> list[str]:
    return [line.plain for line in block(reel, event_id, reel.viewer(viewer), glyphs)]


def cards_in(value: object) -> set[str]:
    return set(CARD.findall(str(value)))


@pytest.fixture
def cards() -> Reel:
    return reel_of(tuple(a_game_of_cards().events), REGISTRY)


def test_a_players_cards_lie_open_to_them_and_the_others_show_their_backs(cards: Reel) -> None:
    state = cards.positions[0].state
    mine = " ".join(map(str, cards.seen(1, cards.viewer(BEN))[0].view["state"]["hand"]))  # type: ignore[index]
    first = ">" if state.turn == 0 else " "
    other = " " if state.turn == 0 else ">"
    assert lines(cards, 1, BEN) == [
        f"event 1 of {len(cards.events)}  2023-11-14 22:13:20.000 UTC  the game begins",
        f"  {first} 8a1f6c9e   7  #######",
        f"  {other} npc:ben    7  {mine}",
        f"    top card {state.top}   suit {state.suit.value}   stock {len(state.stock)}",
    ]


def test_no_card_is_shown_that_the_viewer_was_not_sent(cards: Reel) -> None:
    for viewer in cards.viewers:
        for event_id in range(1, len(cards.events) + 1):
            sent = cards_in([sight.view for sight in cards.seen(event_id, viewer)])
            own = cards_in(cards.told(event_id, viewer))
            assert cards_in(lines(cards, event_id, viewer.name)) <= sent | own


def test_at_the_end_every_hand_is_shown_and_who_won(cards: Reel) -> None:
    last = len(cards.events)
    view = cards.seen(last, cards.viewer("spectator"))[0].view
    assert view is not None
    shown = lines(cards, last, "spectator")
    assert cards_in([seat["hand"] for seat in view["state"]["seats"]]) <= cards_in(shown)
    winner = {ANNA: "8a1f6c9e", BEN: "npc:ben"}[view["winner_id"]]
    assert shown[-1].startswith(f"    {winner} wins (")


def test_who_sees_all_sees_every_sight_and_the_action(cards: Reel) -> None:
    shown = lines(cards, 2, "all")
    assert [line for line in shown if line.startswith("  seen by")] == [
        f"  seen by {ANNA} (seat 0):",
        f"  seen by {BEN} (seat 1):",
        "  seen by a spectator:",
    ]
    assert shown[1].startswith('  {"type": ')
    assert not lines(cards, 2, "spectator")[1].startswith("  {")


def test_any_game_is_shown_by_the_fields_of_its_view() -> None:
    tally = reel_of(a_tally().whole[0], REGISTRY)
    secret = tally.positions[0].state.secrets[0]
    assert lines(tally, 2, ANNA)[1:] == [
        '  {"type": "guess", "number": 999}',
        f"    8a1f6c9e: guessed - number 999, lucky {tally.positions[1].changes[0].seen_by(0)['lucky']}",
        "    to act: npc:ben",
        f"    secret: {secret}",
        "    all: null",
    ]
    assert lines(tally, 4, "spectator")[-1] == "    8a1f6c9e wins (the others resigned): 8a1f6c9e 1  npc:ben 0"


def test_what_somebody_must_do_is_shown_with_its_secret_only_to_them() -> None:
    played = a_tally()
    del played.events[1:]
    played.position = played.game.begin()
    played.act(0, {"type": "guess", "number": 0})
    reel = reel_of(tuple(played.events), REGISTRY)
    assert '"params": {"secret": ' in lines(reel, 2, ANNA)[-1]
    assert '"params": {}' in lines(reel, 2, BEN)[-1]


def test_rules_that_fail_to_show_it_are_said_to() -> None:
    reel = reel_of(a_tally().whole[0], Registry([Tally(fail_in="view")]))
    assert lines(reel, 2, "spectator")[1:] == ["    the rules fail to show it"]


def test_people_whose_ids_begin_alike_are_told_apart() -> None:
    other = f"{ANNA[:-1]}9"
    reel = reel_of(tuple(a_game_of_cards(players=(ANNA, other)).events), REGISTRY)
    assert [line[4:40] for line in lines(reel, 1, "spectator")[1:3]] == [ANNA, other]


@given(json_objects)
def test_nothing_that_rules_show_can_command_the_terminal(state: JsonObject) -> None:
    rules = Tally()
    rules.shows = {**state, "\x1b[31m": "\x9b31m\x07\r\n", "list": ["\x7f", "\u202e"] * 40}
    reel = reel_of(a_tally().whole[0], Registry([rules]))
    sights = [sight.view for sight in reel.seen(2, reel.viewer("all"))]
    if None in sights:  # a number or a text that JSON does not have
        return
    shown = lines(reel, 2, "all")
    assert all(line.isprintable() for line in shown)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({}, ["{}"]),
        ([1, 2], ["[1, 2]"]),
        ({"a": {"b": [1, {"c": None}]}, "d": "é"}, ['a: {"b": [1, {"c": null}]}', 'd: "é"']),
        ({"a": {"b": "x" * 60, "c": "y" * 60}}, ["a:", f'  b: "{"x" * 60}"', f'  c: "{"y" * 60}"']),
        (["x" * 60, {"c": "y" * 60}], [f'- "{"x" * 60}"', f'- {{"c": "{"y" * 60}"}}']),
    ],
)
def test_json_is_shown_on_as_few_lines_as_can_be_read(value: Any, shown: list[str]) -> None:  # noqa: ANN401
    assert list(pretty(value)) == shown


# ---- the screen


@given(st.integers(1, 130), st.integers(1, 40), st.integers(0, 60), st.integers(0, 3), st.none() | st.just("12"))
def test_the_screen_fits_the_terminal(width: int, height: int, scroll: int, viewer: int, typed: str | None) -> None:
    reel = reel_of(a_tally().whole[0], REGISTRY)
    projector = Projector(last=4, viewers=4, at=4, viewer=viewer, scroll=scroll, typed=typed)
    shown = screen(reel, projector, width, height, LETTERS)
    rows = shown.text.plain.split("\n")
    assert len(rows) <= height
    assert max(map(len, rows)) <= width
    assert 0 <= shown.scroll <= scroll


def test_what_does_not_fit_can_be_scrolled_to_and_not_beyond() -> None:
    reel = reel_of(a_tally().whole[0], REGISTRY)
    projector = Projector(last=4, viewers=4, at=4, viewer=3)
    whole = lines(reel, 4, "all")
    seen = set()
    for scroll in range(40):
        shown = screen(reel, evolve(projector, scroll=scroll), 200, 12, LETTERS)
        rows = [row.rstrip() for row in shown.text.plain.split("\n")]
        assert len(rows) == 12
        seen |= set(rows[2:10])
    assert seen == {line.rstrip() for line in whole}
    assert shown.scroll == len(whole) - 8
    assert f"lines {len(whole) - 7} to {len(whole)} of {len(whole)}" in rows[-2]


@pytest.mark.parametrize(
    ("projector", "said"),
    [
        (Projector(4, 4, at=2, playing=True, speed=2), "playing  2 a second  as spectator"),
        (Projector(4, 4, at=2, viewer=2), "paused  1 a second  as npc:ben"),
        (Projector(4, 4, at=4), "the end  1 a second  as spectator"),
        (Projector(4, 4, typed="12"), "go to event: 12_"),
    ],
)
def test_the_line_below_says_where_we_are(projector: Projector, said: str) -> None:
    reel = reel_of(a_tally().whole[0], REGISTRY)
    rows = screen(reel, projector, 120, 24, Glyphs()).text.plain.split("\n")
    assert rows[0] == title(reel).plain
    assert rows[-2] == said
    assert rows[-1].startswith("space play/pause")
