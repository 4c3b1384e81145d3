"""Duel in words: every action and everything that happens in games at random has some, and the table shows what is
there."""

from __future__ import annotations

import pytest

from actors.rules.duel.cards import CARDS
from net.terminal.duel import about, action_in_words, board, change_in_words
from tests.samples.duel_games import RULES, Deal, play_out

NAMES = ("you", "mcts")
DECKS = [["embers", "tides"], ["groves", "storms"], ["stones", "borderlands"]]


@pytest.mark.parametrize("decks", DECKS)
def test_all_that_can_be_done_and_all_that_happens_has_words_of_its_own(decks: list[str]) -> None:
    for turn in play_out(Deal(1, {"decks": decks}, quick=95)):
        state, seat = turn.before, turn.seat
        view = {"state": RULES.view(state, seat)}
        own = [due for due in RULES.forced(state) if due.seat == seat]
        if own:
            view["pending_forced_action"] = {"params": own[0].params}
        actions = [RULES.dump(action) for action in RULES.legal(state, seat)]
        words = [action_in_words(action, view, seat) for action in actions]
        assert len(set(words)) == len(words)
        for change in turn.step.changes:
            for viewer in (0, 1):
                seen = change.seen_by(viewer)
                assert (change_in_words(seen, NAMES) != "") is (seen["type"] != "ended")
                assert "_" not in change_in_words(seen, NAMES)


def test_the_table_has_both_sides_and_ones_own_hand() -> None:
    state = next(turn.after for turn in play_out(Deal(3, quick=95)) if turn.after.number == 9)
    lines = [line.plain for line in board({"state": RULES.view(state, 0)}, 0, NAMES)]
    assert lines[0].startswith("mcts")
    assert lines[-2].startswith("you")
    for seat in (0, 1):
        for there in state.sides[seat].in_play:
            assert any(there.card.name in line for line in lines)
    for card in state.sides[0].hand:
        assert CARDS[card].name in lines[-1]
    hidden = {CARDS[card].name for card in state.sides[1].hand}
    assert not any(name in lines[0] for name in hidden)


def test_every_card_can_be_asked_about_by_its_name_or_id() -> None:
    for card in CARDS.values():
        assert about(card.name) == about(card.id) != ""
    assert about("no such card") == ""
