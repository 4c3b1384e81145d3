"""What the special cards do, case by case. That they do it as in OpenSpiel is shown in test_crazy_eights_openspiel.py;
here is what OpenSpiel does not have: the changes, resignations, this house's options."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import pytest

from actors.rules.cards import card_of
from actors.rules.chance import Chance, key_of
from actors.rules.crazy_eights import CrazyEights, moves
from actors.rules.crazy_eights.actions import ChooseSuit, Draw, Play
from actors.rules.crazy_eights.state import Options, State
from actors.rules.interface import IllegalAction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actors.rules.interface import JsonObject, Step

Position = Callable[..., State]
T = TypeVar("T")


@pytest.fixture
def special(position: Position) -> Position:
    """Makes a position at a table with special cards."""

    def special(*hands: str, **rest: object) -> State:
        return position(*hands, **{"special_cards": True, **rest})

    return special


def any_chance() -> Chance:
    return Chance(key_of("any"))


def play(state: State, card: str) -> Step[State]:
    return moves.play(state, card_of(card), any_chance())


def told(step: Step[State]) -> list[JsonObject]:
    """What everybody is told after the first change."""
    return [change.public for change in step.changes[1:]]


# ---- a table without them


@pytest.mark.parametrize("card", ["QH", "AH", "2H"])
def test_unless_the_table_wants_it_no_card_is_special(position: Position, card: str) -> None:
    step = play(position(f"{card} 3C", "4D", "5D", stock="6C 7C", pile="KH"), card)
    assert (step.state.turn, step.state.direction, step.state.owed) == (1, 1, 0)
    assert told(step) == []


# ---- the queen


@pytest.mark.parametrize(("direction", "skipped", "then"), [(1, 1, 2), (-1, 3, 2)])
def test_a_queen_skips_the_next_player(special: Position, direction: int, skipped: int, then: int) -> None:
    step = play(special("QH 3C", "4D", "5D", "6D", stock="6C", pile="KH", direction=direction), "QH")
    assert step.state.turn == then
    assert told(step) == [{"type": "skipped", "seat": skipped}]


def test_of_two_players_whoever_lays_a_queen_goes_on(special: Position) -> None:
    step = play(special("QH 3C", "4D", stock="6C", pile="KH", draws=3), "QH")
    assert (step.state.turn, step.state.draws) == (0, 0)
    assert told(step) == [{"type": "skipped", "seat": 1}]


def test_a_queen_does_not_skip_who_has_resigned(special: Position) -> None:
    step = play(special("QH 3C", "", "5D", "6D", stock="6C", pile="KH", resigned=(1,)), "QH")
    assert step.state.turn == 3
    assert told(step) == [{"type": "skipped", "seat": 2}]


# ---- the ace


@pytest.mark.parametrize(("direction", "then"), [(1, 2), (-1, 1)])
def test_an_ace_turns_the_direction_round(special: Position, direction: int, then: int) -> None:
    step = play(special("AH 3C", "4D", "5D", stock="6C", pile="KH", direction=direction), "AH")
    assert (step.state.turn, step.state.direction) == (then, -direction)
    assert told(step) == [{"type": "reversed", "direction": -direction}]


def test_of_two_players_the_other_one_is_next_after_an_ace(special: Position) -> None:
    assert play(special("AH 3C", "4D", stock="6C", pile="KH"), "AH").state.turn == 1


def test_a_pass_and_a_choice_go_in_the_direction_of_play(special: Position) -> None:
    passed = moves.pass_(special("3C", "4D", "5D", pile="KH", direction=-1))
    assert passed.state.turn == 2
    choosing = special("3C", "4D", "5D", stock="6C", pile="8H", choosing=True, direction=-1)
    assert CrazyEights().apply(choosing, 0, CrazyEights().legal(choosing, 0)[0], any_chance()).state.turn == 2


# ---- the two


def test_a_two_is_a_debt_of_two_cards_for_the_next_player(special: Position) -> None:
    step = play(special("2H 3C", "4D", "5D", stock="6C 7C 9C", pile="KH"), "2H")
    assert (step.state.turn, step.state.owed) == (1, 2)
    assert told(step) == [{"type": "owes", "seat": 1, "cards": 2}]


def test_with_another_two_the_debt_is_handed_on_and_grows(special: Position) -> None:
    state = special("2H 3C", "4D", "5D", stock="6C 7C 9C", pile="2D", owed=2)
    assert CrazyEights().legal(state, 0) == [Play(card_of("2H")), Draw()]
    step = play(state, "2H")
    assert (step.state.turn, step.state.owed) == (1, 4)
    assert told(step) == [{"type": "owes", "seat": 1, "cards": 4}]


def test_one_draw_pays_the_whole_debt_and_the_turn_is_over(special: Position) -> None:
    state = special("3C", "4D", "5D", stock="6C 2S 9C 10C 7C", pile="2D 2H", owed=4, draw_limit=1)
    step = moves.draw(state, any_chance())
    assert step.state.hands[0] == ("3C", "6C", "2S", "9C", "10C")
    assert step.state.stock == ("7C",)
    assert (step.state.turn, step.state.owed, step.state.draws) == (1, 0, 0)
    assert [change.public["cards_left"] for change in step.changes] == [2, 3, 4, 5]
    assert [change.public["card"] for change in step.changes] == [None] * 4
    assert [change.seen_by(0)["card"] for change in step.changes] == ["6C", "2S", "9C", "10C"]
    assert step.message == "You drew the 6 of clubs, the 2 of spades, the 9 of clubs and the 10 of clubs."


def test_the_player_after_one_who_has_paid_owes_nothing(special: Position) -> None:
    after = moves.draw(special("3C", "4D", "5D", stock="6C 7C 9C", pile="2H", owed=2), any_chance()).state
    assert CrazyEights().view(after, None)["owed"] == 0
    assert CrazyEights().legal(after, 1) == [Draw()]


def test_the_pile_becomes_the_stock_while_a_debt_is_paid(special: Position) -> None:
    step = moves.draw(special("3C", "4D", stock="6C", pile="9D 10D 2D 2H", owed=4), any_chance())
    assert [change.public["type"] for change in step.changes] == ["drew", "reshuffled", "drew", "drew", "drew"]
    assert sorted(step.state.hands[0]) == ["10D", "2D", "3C", "6C", "9D"]
    assert (step.state.owed, step.state.stock) == (0, ())


def test_what_the_stock_cannot_give_is_let_off(special: Position) -> None:
    step = moves.draw(special("3C", "4D", stock="6C", pile="2H", owed=4), any_chance())
    assert step.state.hands[0] == ("3C", "6C")
    assert (step.state.turn, step.state.owed, step.state.passes) == (1, 0, 0)


def test_with_nothing_to_draw_a_two_is_a_card_like_any_other(special: Position) -> None:
    step = play(special("2H 3C", "4D", pile="KH", reshuffle=False), "2H")
    assert (step.state.turn, step.state.owed) == (1, 0)
    assert told(step) == []


@pytest.mark.parametrize("card", ["3H", "8C"])
def test_on_a_debt_nothing_but_a_two_may_be_played(special: Position, card: str) -> None:
    with pytest.raises(IllegalAction, match="does not fit: play a two, or draw the 2 cards that you owe"):
        play(special(f"{card} 3C", "4D", stock="6C 7C", pile="2H", owed=2), card)


def test_a_debt_is_not_passed_over(special: Position) -> None:
    with pytest.raises(IllegalAction, match="you owe 4 cards: draw them, or play a two"):
        moves.pass_(special("3C", "4D", stock="6C 7C", pile="2H", owed=4))


@pytest.mark.parametrize("hand", ["2C 3C", "3C 4C"])
def test_a_debt_is_no_forced_action_so_nobody_learns_who_holds_a_two(special: Position, hand: str) -> None:
    assert CrazyEights().forced(special(hand, "4D", stock="6C 7C", pile="2H", owed=2)) == ()


# ---- debts and the blocked game


@pytest.mark.parametrize(("extra_passes", "counted"), [(0, 0), (1, 1)])
def test_a_debt_paid_with_the_last_card_is_the_extra_pass_where_there_is_one(
    special: Position, extra_passes: int, counted: int
) -> None:
    state = special("3C", "4D", stock="6C 7C", pile="2H", owed=2, reshuffle=False, extra_passes=extra_passes)
    after = moves.draw(state, any_chance()).state
    assert (after.turn, after.passes) == (1, counted)
    second = moves.pass_(after).state
    assert second.outcome is None  # who has just drawn has a turn yet
    assert moves.pass_(second).state.outcome is not None


# ---- the ends


@pytest.mark.parametrize("card", ["QH", "AH", "2H"])
def test_the_last_card_wins_whatever_it_is_and_does_nothing_more(special: Position, card: str) -> None:
    step = play(special(card, "4D", "5D", stock="6C 7C", pile="KH"), card)
    assert step.state.outcome is not None
    assert (step.state.outcome.winner, step.state.owed, step.state.direction) == (0, 0, 1)
    assert told(step) == [{"type": "ended", "reason": "went_out", "winner": 0}]


def test_an_eight_still_takes_the_choice_of_its_suit(special: Position) -> None:
    step = play(special("8H 3C", "4D", stock="6C", pile="KH"), "8H")
    assert [type(action) for action in CrazyEights().legal(step.state, 0)] == [ChooseSuit] * 4


# ---- resignations


def test_a_debt_is_not_left_to_others(special: Position) -> None:
    step = moves.resign(special("3C", "4D", "5D", stock="6C", pile="2H", owed=2, direction=-1), 0)
    assert (step.state.turn, step.state.owed) == (2, 0)


def test_a_resignation_out_of_turn_leaves_anothers_debt_due(special: Position) -> None:
    step = moves.resign(special("3C", "4D", "5D", stock="6C", pile="2H", owed=2), 2)
    assert (step.state.turn, step.state.owed) == (0, 2)


# ---- the starter


class Stacked(Chance):
    """Shuffles one card to a given place, and leaves the others in their order."""

    def __init__(self, card: str, place: int) -> None:
        super().__init__(key_of("any"))
        self._card, self._place = card, place

    def shuffled(self, items: Iterable[T]) -> tuple[T, ...]:
        items = list(items)
        others = [item for item in items if item != self._card]
        stacked = [item for item in items if item == self._card]
        return (*others[: self._place], *stacked, *others[self._place :])


@pytest.mark.parametrize(
    ("card", "players", "turn", "direction", "owed"),
    [
        ("KH", 3, 0, 1, 0),
        ("QH", 2, 1, 1, 0),
        ("QH", 3, 1, 1, 0),
        ("AH", 2, 0, -1, 0),
        ("AH", 4, 2, -1, 0),
        ("2H", 3, 0, 1, 2),
    ],
)
def test_a_special_starter_counts_as_laid_by_the_player_before_the_first(
    card: str, players: int, turn: int, direction: int, owed: int
) -> None:
    options = Options(special_cards=True, first_player="seat_0")
    state = moves.deal(players, options, Stacked(card, options.cards_each(players) * players))
    assert (state.top, state.turn, state.direction, state.owed) == (card, turn, direction, owed)
