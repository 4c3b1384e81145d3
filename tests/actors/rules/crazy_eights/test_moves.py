"""The deal, the four actions, resignation and time that is up, case by case."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.rules.cards import PACK, Suit, card_of, rank_of, suit_of
from actors.rules.chance import Chance, key_of
from actors.rules.crazy_eights import moves
from actors.rules.crazy_eights.state import Options
from actors.rules.interface import IllegalAction, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actors.rules.cards import Card
    from actors.rules.crazy_eights.state import State
    from actors.rules.interface import Step

    Position = Callable[..., State]

T = TypeVar("T")

BY_LOT = Options()
SEAT_0 = Options(first_player="seat_0")


class Rigged(Chance):
    """Shuffles into the order that is given, and draws the numbers that are given."""

    def __init__(self, order: str = "", numbers: Iterable[int] = ()) -> None:
        super().__init__(key_of(""))
        self._order = [card_of(card) for card in order.split()]
        self._numbers = iter(numbers)

    def below(self, n: int) -> int:
        number = next(self._numbers)
        assert 0 <= number < n
        return number

    def shuffled(self, items: Iterable[T]) -> tuple[T, ...]:
        items = list(items)
        return tuple(sorted(items, key=lambda card: self._order.index(card) if card in self._order else 99))  # type: ignore[arg-type]


def no_chance() -> Chance:
    """Chance that is not to be used."""
    return Rigged()


def cards(text: str) -> tuple[Card, ...]:
    return tuple(card_of(one) for one in text.split())


def kinds(step: Step[State]) -> list[str]:
    return [change.public["type"] for change in step.changes]


# ---- the deal


@pytest.mark.parametrize(("players", "each"), [(2, 7), (3, 5), (4, 5), (5, 5)])
def test_the_cards_are_dealt_one_by_one_from_the_first_player_on(players: int, each: int) -> None:
    first = players - 1
    pack = PACK[::2] + PACK[1::2]
    state = moves.deal(players, BY_LOT, Rigged(" ".join(pack), [first]))
    dealt = [state.hands[(first + turn) % players] for turn in range(players)]
    assert [card for round_ in zip(*dealt, strict=True) for card in round_] == list(pack[: players * each])
    assert state.turn == first
    assert state.discards == pack[players * each : players * each + 1]
    assert state.stock == pack[players * each + 1 :][::-1]
    assert state.suit is suit_of(state.top)


def test_the_first_player_is_drawn_by_lot() -> None:
    assert [moves.deal(3, BY_LOT, Rigged(numbers=[first])).turn for first in range(3)] == [0, 1, 2]


def test_a_table_may_let_seat_0_begin() -> None:
    assert moves.deal(3, SEAT_0, no_chance()).turn == 0


def test_an_eight_is_no_starter_but_is_buried_in_the_stock_and_the_next_card_is_turned() -> None:
    pack = "2C 2D 3C 3D 4C 4D 5C 5D 6C 6D 7C 7D 9C 9D 8H 8S KH"
    state = moves.deal(2, SEAT_0, Rigged(pack, [0, 36]))
    assert state.discards == cards("KH")
    assert state.stock[0] == "8H"  # the first to be buried: at the very bottom
    assert state.stock[-1] == "8S"  # the second: at the very top
    assert len(state.stock) == 52 - 14 - 1


@given(seed=st.integers(), players=st.integers(2, 5), hand_size=st.none() | st.integers(1, 9))
def test_every_deal_uses_the_whole_pack_and_turns_no_eight(seed: int, players: int, hand_size: int | None) -> None:
    state = moves.deal(players, Options(hand_size=hand_size), Chance(key_of(str(seed))))
    assert sorted([*sum(state.hands, ()), *state.stock, *state.discards]) == sorted(PACK)
    assert rank_of(state.top) != "8"


@pytest.mark.parametrize("players", [-1, 0, 1, 6])
def test_there_is_no_game_for_that_many(players: int) -> None:
    with pytest.raises(ValueError, match="2 to 5 players"):
        moves.deal(players, BY_LOT, no_chance())


# ---- play


def test_a_card_that_fits_goes_onto_the_pile_and_ends_the_turn(position: Position) -> None:
    state = position("5H 2C 3D", "4D", stock="6C", pile="KH", draws=2)
    step = moves.play(state, card_of("5H"), no_chance())
    assert step.state.hands == (cards("2C 3D"), cards("4D"))
    assert step.state.discards == cards("KH 5H")
    assert (step.state.turn, step.state.suit, step.state.draws, step.state.plays) == (1, Suit.HEARTS, 0, 1)
    assert [change.public for change in step.changes] == [{"type": "played", "seat": 0, "card": "5H", "cards_left": 2}]
    assert step.message == "You played the 5 of hearts."


def test_a_card_of_the_same_rank_brings_its_own_suit_into_force(position: Position) -> None:
    step = moves.play(position("KC 2C", "4D", stock="6C", pile="KH"), card_of("KC"), no_chance())
    assert step.state.suit is Suit.CLUBS


@pytest.mark.parametrize(
    ("pile", "suit", "refusal"),
    [
        ("KH", None, "the 2 of clubs does not fit: on the king of hearts play hearts, the same rank, or an eight"),
        ("8H", Suit.SPADES, "the 2 of clubs does not fit: the suit is spades; play that suit or an eight"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(position: Position, pile: str, suit: Suit | None, refusal: str) -> None:
    with pytest.raises(IllegalAction) as caught:
        moves.play(position("5H 2C", "4D", stock="6C", pile=pile, suit=suit), card_of("2C"), no_chance())
    assert str(caught.value) == refusal


@pytest.mark.parametrize("card", ["4H", "6H", "KH", "7H"])  # another's, in the stock, on the pile, under it
def test_a_card_that_one_does_not_hold_is_refused_wherever_it_is(position: Position, card: str) -> None:
    state = position("5H", "4H", stock="6H", pile="7H KH")
    with pytest.raises(IllegalAction, match=f"the {card[0].replace('K', 'king')} of hearts is not in your hand"):
        moves.play(state, card_of(card), no_chance())


def test_what_a_move_leaves_alone_is_shared_not_copied(position: Position) -> None:
    state = position("5H 2C", "4D", stock="6C 7C", pile="KH")
    after = moves.play(state, card_of("5H"), no_chance()).state
    assert after.stock is state.stock
    assert after.hands[1] is state.hands[1]
    assert after.options is state.options


# ---- eights


def test_an_eight_goes_on_anything_and_keeps_the_turn_until_a_suit_is_chosen(position: Position) -> None:
    step = moves.play(position("8C 2D", "4D", stock="6C", pile="KH"), card_of("8C"), no_chance())
    assert step.state.choosing
    assert (step.state.turn, step.state.suit) == (0, None)
    assert step.message == "You played the 8 of clubs. Choose a suit."
    chosen = moves.choose_suit(step.state, Suit.SPADES)
    assert not chosen.state.choosing
    assert (chosen.state.turn, chosen.state.suit) == (1, Suit.SPADES)
    assert [change.public for change in chosen.changes] == [{"type": "suit_chosen", "seat": 0, "suit": "spades"}]


def test_nothing_else_may_be_done_before_the_suit_is_chosen(position: Position) -> None:
    state = position("2C 8D", "4D", stock="6C", pile="KH 8C", choosing=True)
    others: list[Callable[[], object]] = [
        lambda: moves.play(state, card_of("2C"), no_chance()),
        lambda: moves.play(state, card_of("8D"), no_chance()),
        lambda: moves.draw(state, no_chance()),
        lambda: moves.pass_(state),
    ]
    for act in others:
        with pytest.raises(IllegalAction, match="first choose the suit"):
            act()


def test_no_suit_is_chosen_without_an_eight_nor_twice(position: Position) -> None:
    with pytest.raises(IllegalAction, match="no suit to choose"):
        moves.choose_suit(position("2C", "4D", pile="KH"), Suit.CLUBS)
    chosen = moves.choose_suit(position("2C", "4D", pile="8H", choosing=True), Suit.CLUBS)
    with pytest.raises(IllegalAction, match="no suit to choose"):
        moves.choose_suit(chosen.state, Suit.SPADES)


def test_an_eight_that_is_the_last_card_ends_the_game_with_no_suit_to_choose(position: Position) -> None:
    step = moves.play(position("8C", "4D 8D", stock="6C", pile="KH"), card_of("8C"), no_chance())
    assert step.state.outcome == Outcome(0, (54, 0), "went_out")
    assert not step.state.choosing
    assert step.message == "You played the 8 of clubs and went out."


# ---- going out


def test_the_last_card_wins_the_game(position: Position) -> None:
    step = moves.play(position("4D", "5H", "KD AD", stock="6C", pile="KH", turn=1), card_of("5H"), no_chance())
    assert step.state.outcome == Outcome(1, (0, 15, 0), "went_out")
    assert [change.public for change in step.changes] == [
        {"type": "played", "seat": 1, "card": "5H", "cards_left": 0},
        {"type": "ended", "reason": "went_out", "winner": 1},
    ]


@pytest.mark.parametrize("card", ["5H", "8C"])
def test_at_the_limit_of_plays_the_fewest_points_win(position: Position, card: str) -> None:
    state = position(f"{card} 2D", "3D", stock="6C", pile="KH", plays=9, max_plays=10)
    step = moves.play(state, card_of(card), no_chance())
    assert step.state.outcome == Outcome(0, (1, 0), "play_limit")
    assert kinds(step) == ["played", "ended"]
    assert not step.state.choosing


def test_going_out_with_the_last_play_that_is_allowed_is_going_out(position: Position) -> None:
    step = moves.play(position("5H", "3D", pile="KH", plays=9, max_plays=10), card_of("5H"), no_chance())
    assert step.state.outcome == Outcome(0, (3, 0), "went_out")


# ---- draw


def test_the_top_card_of_the_stock_goes_to_the_end_of_the_hand_and_the_turn_goes_on(position: Position) -> None:
    state = position("2C", "4D", stock="6C 7C", pile="KH")
    step = moves.draw(state, no_chance())
    assert step.state.hands[0] == cards("2C 6C")
    assert step.state.stock == cards("7C")
    assert (step.state.turn, step.state.draws) == (0, 1)
    assert step.message == "You drew the 6 of clubs."
    assert step.state.discards is state.discards


@pytest.mark.parametrize("card", ["6C", "10D"])
def test_only_who_draws_sees_the_card(position: Position, card: str) -> None:
    (drew,) = moves.draw(position("2C", "4D", stock=f"{card} 7C", pile="KH"), no_chance()).changes
    assert drew.seen_by(0) == {"type": "drew", "seat": 0, "card": card, "cards_left": 2}
    assert drew.seen_by(1) == drew.seen_by(None) == {"type": "drew", "seat": 0, "card": None, "cards_left": 2}


def test_a_drawn_card_may_be_played_at_once(position: Position) -> None:
    drawn = moves.draw(position("2C", "4D", stock="6H 7C", pile="KH"), no_chance()).state
    assert moves.play(drawn, card_of("6H"), no_chance()).state.turn == 1


@pytest.mark.parametrize(
    ("hand", "stock", "options", "refusal"),
    [
        ("2C", "", {}, "no card left to draw"),
        ("2C", "6C", {"draw_limit": 1, "draws": 1}, "as many cards as you may"),
        ("2H", "6C", {"draw_when_playable": False}, "a card that you can play"),
    ],
)
def test_a_draw_that_is_not_allowed_is_refused_with_the_reason(
    position: Position, hand: str, stock: str, options: dict[str, object], refusal: str
) -> None:
    with pytest.raises(IllegalAction, match=refusal):
        moves.draw(position(hand, "4D", stock=stock, pile="KH", **options), no_chance())


# ---- the stock runs out


def test_the_last_card_drawn_brings_the_pile_but_its_top_back_as_the_stock(position: Position) -> None:
    state = position("2C", "4D", stock="6C", pile="9C 9D 9H 8H", suit=Suit.SPADES)
    step = moves.draw(state, Rigged("9D 9H 9C"))
    assert step.state.stock == cards("9D 9H 9C")
    assert step.state.discards == cards("8H")
    assert (step.state.suit, step.state.turn) == (Suit.SPADES, 0)
    assert [change.public for change in step.changes[1:]] == [{"type": "reshuffled", "stock": 3}]


def test_the_new_stock_is_in_the_order_that_chance_gives(position: Position) -> None:
    state = position("2C", "4D", stock="6C", pile="9C 9D 9H 9S 10C 10D 10H KH")
    after = moves.draw(state, Chance(key_of("a shuffle"))).state
    assert after.stock == Chance(key_of("a shuffle")).shuffled(state.discards[:-1])


def test_with_nothing_under_the_top_card_the_stock_stays_empty_until_the_next_play(position: Position) -> None:
    drawn = moves.draw(position("2H 3H", "4D", stock="6C", pile="KH"), no_chance())
    assert (drawn.state.stock, kinds(drawn)) == ((), ["drew"])
    played = moves.play(drawn.state, card_of("2H"), Rigged("KH"))
    assert (played.state.stock, played.state.discards) == (cards("KH"), cards("2H"))
    assert kinds(played) == ["played", "reshuffled"]


def test_a_table_may_play_without_reshuffling(position: Position) -> None:
    state = position("2C", "4D", stock="6C", pile="9C KH", reshuffle=False)
    step = moves.draw(state, no_chance())
    assert (step.state.stock, step.state.discards) == ((), cards("9C KH"))


# ---- pass, and the blocked game


def test_a_pass_hands_the_turn_on(position: Position) -> None:
    step = moves.pass_(position("2C", "4D", "5D", stock="6C", pile="KH", draw_limit=1, draws=1))
    assert (step.state.turn, step.state.draws, step.state.passes) == (1, 0, 0)
    assert [change.public for change in step.changes] == [{"type": "passed", "seat": 0}]


@pytest.mark.parametrize(
    ("hand", "stock", "refusal"),
    [("2C", "6C", "you can still draw"), ("2H", "", "a card that you can play")],
)
def test_a_pass_that_is_not_allowed_is_refused_with_the_reason(
    position: Position, hand: str, stock: str, refusal: str
) -> None:
    with pytest.raises(IllegalAction, match=refusal):
        moves.pass_(position(hand, "4D", stock=stock, pile="KH"))


def test_when_all_have_passed_in_a_row_with_nothing_to_draw_the_game_is_blocked(position: Position) -> None:
    state = position("2C", "4D", "5D", pile="KH")
    first = moves.pass_(state)
    second = moves.pass_(first.state)
    assert second.state.outcome is None
    third = moves.pass_(second.state)
    assert third.state.outcome == Outcome(0, (5, 0, 0), "blocked")
    assert kinds(third) == ["passed", "ended"]


def test_a_table_may_ask_for_one_pass_more(position: Position) -> None:
    state = position("2C", "4D", pile="KH", extra_passes=1, passes=1, turn=1)
    second = moves.pass_(state)
    assert second.state.outcome is None
    assert moves.pass_(second.state).state.outcome == Outcome(0, (2, 0), "blocked")


def test_a_play_in_between_breaks_the_row_of_passes(position: Position) -> None:
    state = position("2C", "4H 3C", pile="KH", passes=1, turn=1)
    assert moves.play(state, card_of("4H"), Rigged("KH")).state.passes == 0


def test_passes_do_not_count_while_there_is_a_stock(position: Position) -> None:
    state = position("2C", "4D", stock="6C", pile="KH", draw_limit=1, draws=1, passes=1)
    assert moves.pass_(state).state.passes == 0


def test_who_resigned_need_not_pass(position: Position) -> None:
    state = position("2C", "", "5D", pile="KH", resigned=(1,), passes=1, turn=2)
    assert moves.pass_(state).state.outcome == Outcome(0, (3, 0, 0), "blocked")


# ---- resignation


@pytest.mark.parametrize("turn", [0, 1])
def test_of_two_players_the_other_one_wins_whoevers_turn_it_is(position: Position, turn: int) -> None:
    step = moves.resign(position("8C 2D", "4D", stock="6C", pile="KH", turn=turn), 0)
    assert step.state.outcome == Outcome(1, (0, 52), "resignation")
    assert [change.public for change in step.changes] == [
        {"type": "resigned", "seat": 0, "cards": 2},
        {"type": "ended", "reason": "resignation", "winner": 1},
    ]


def test_of_three_players_the_others_play_on_and_the_cards_go_under_the_stock(position: Position) -> None:
    step = moves.resign(position("8C 2D", "4D", "5D", stock="6C 7C", pile="KH"), 0)
    assert step.state.stock[::-1] == cards("6C 7C 8C 2D")  # as they will be drawn
    assert step.state.hands == ((), cards("4D"), cards("5D"))
    assert (step.state.turn, step.state.resigned) == (1, (True, False, False))
    assert step.state.outcome is None
    assert [change.public for change in step.changes] == [{"type": "resigned", "seat": 0, "cards": 2}]
    assert not step.changes[0].private


def test_a_resignation_out_of_turn_leaves_the_turn_and_its_draws_alone(position: Position) -> None:
    step = moves.resign(position("2C", "4D", "5D", stock="6C", pile="KH", draws=3), 2)
    assert (step.state.turn, step.state.draws) == (0, 3)


def test_a_resignation_out_of_turn_leaves_anothers_choice_due(position: Position) -> None:
    step = moves.resign(position("2C", "4D", "5D", stock="6C", pile="8H", choosing=True), 2)
    assert step.state.choosing
    assert step.state.turn == 0


def test_an_eight_whose_player_resigns_before_choosing_stands_for_its_own_suit(position: Position) -> None:
    step = moves.resign(position("2C", "4D", "5D", stock="6C", pile="KC 8H", choosing=True), 0)
    assert (step.state.suit, step.state.turn, step.state.choosing) == (Suit.HEARTS, 1, False)


def test_of_two_players_one_may_resign_before_choosing(position: Position) -> None:
    step = moves.resign(position("2C", "4D", stock="6C", pile="KC 8H", choosing=True), 0)
    assert step.state.outcome == Outcome(1, (0, 2), "resignation")
    assert not step.state.choosing


def test_a_chosen_suit_outlives_whoever_chose_it(position: Position) -> None:
    state = position("2C", "4D", "5D", stock="6C", pile="8H", suit=Suit.CLUBS, turn=1)
    assert moves.resign(state, 0).state.suit is Suit.CLUBS
    assert moves.resign(state, 1).state.suit is Suit.CLUBS


def test_cards_given_up_can_be_drawn_so_the_row_of_passes_is_broken(position: Position) -> None:
    state = position("2C", "4D", "5D", pile="KH", passes=2, turn=2)
    after = moves.resign(state, 2).state
    assert (after.stock, after.passes) == (cards("5D"), 0)


def test_the_last_one_left_wins_and_scores_all_that_was_given_up(position: Position) -> None:
    first = moves.resign(position("8C", "KD", "5D", stock="6C", pile="KH"), 1)
    second = moves.resign(first.state, 0)
    assert second.state.outcome == Outcome(2, (0, 0, 60), "resignation")


def test_nobody_resigns_twice_or_after_the_end(position: Position) -> None:
    first = moves.resign(position("8C", "KD", "5D", stock="6C", pile="KH"), 1)
    with pytest.raises(IllegalAction, match="already"):
        moves.resign(first.state, 1)
    over = moves.resign(first.state, 0)
    with pytest.raises(IllegalAction, match="over"):
        moves.resign(over.state, 2)


# ---- time that is up


def test_an_eight_whose_player_dawdles_stands_for_its_own_suit(position: Position) -> None:
    step = moves.time_out(position("2C", "4D", stock="6C", pile="KC 8H", choosing=True), no_chance())
    assert (step.state.suit, step.state.turn) == (Suit.HEARTS, 1)
    assert kinds(step) == ["timed_out", "suit_chosen"]


def test_who_dawdles_draws_one_card_and_their_turn_is_over_although_they_could_play(position: Position) -> None:
    step = moves.time_out(position("2H", "4D", stock="6H 5H", pile="KH"), no_chance())
    assert (step.state.hands[0], step.state.turn) == (cards("2H 6H"), 1)
    assert kinds(step) == ["timed_out", "drew", "passed"]


def test_who_has_drawn_in_this_turn_and_dawdles_draws_no_more(position: Position) -> None:
    step = moves.time_out(position("2H", "4D", stock="6H 5H", pile="KH", draws=1), no_chance())
    assert (step.state.hands[0], step.state.turn) == (cards("2H"), 1)
    assert kinds(step) == ["timed_out", "passed"]


def test_who_owes_cards_and_dawdles_draws_them(position: Position) -> None:
    step = moves.time_out(position("2C", "4D", stock="6H 5H 3C", pile="2H", owed=2, special_cards=True), no_chance())
    assert (step.state.hands[0], step.state.turn) == (cards("2C 6H 5H"), 1)
    assert kinds(step) == ["timed_out", "drew", "drew"]


def test_who_can_do_nothing_and_dawdles_passes_and_the_pass_counts(position: Position) -> None:
    step = moves.time_out(position("2C", "4D", pile="KH"), no_chance())
    assert (step.state.passes, step.state.turn) == (1, 1)
    assert kinds(step) == ["timed_out", "passed"]


def test_a_game_may_be_blocked_by_dawdling(position: Position) -> None:
    step = moves.time_out(position("2C", "4D", pile="KH", passes=1), no_chance())
    assert step.state.outcome == Outcome(0, (2, 0), "blocked")


def test_who_has_to_play_and_dawdles_plays_the_first_card_that_fits_but_an_eight_last(position: Position) -> None:
    step = moves.time_out(position("2C 8C 5H 6H", "4D", pile="KH", reshuffle=False), no_chance())
    assert step.state.top == card_of("5H")
    assert kinds(step) == ["timed_out", "played"]


def test_an_eight_that_is_played_for_a_dawdler_stands_for_its_own_suit(position: Position) -> None:
    step = moves.time_out(position("2C 8C", "4D", pile="KH", reshuffle=False), no_chance())
    assert (step.state.top, step.state.suit, step.state.turn) == (card_of("8C"), Suit.CLUBS, 1)
    assert kinds(step) == ["timed_out", "played", "suit_chosen"]


def test_a_dawdler_may_win_by_the_card_that_is_played_for_them(position: Position) -> None:
    step = moves.time_out(position("8C", "4D", pile="KH"), no_chance())
    assert step.state.outcome == Outcome(0, (4, 0), "went_out")
    assert kinds(step) == ["timed_out", "played", "ended"]


def test_after_the_end_no_time_runs_out(position: Position) -> None:
    over = moves.resign(position("8C", "4D", pile="KH"), 1)
    with pytest.raises(IllegalAction, match="over"):
        moves.time_out(over.state, no_chance())
