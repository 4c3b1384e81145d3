"""Whole games of Duel at random, with ready decks and decks of any cards: what holds at every step of every game.

`CROUPIER_DUEL_GAMES` is how many games `test_random_games_end` plays.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import TYPE_CHECKING

from attrs import asdict
from hypothesis import event, given, settings
from hypothesis import strategies as st

from actors.rules.chance import Chance
from actors.rules.duel.actions import (
    Attach,
    Bench,
    Choose,
    ChooseActive,
    EndTurn,
    Evolve,
    Play,
    Promote,
    Retreat,
    Strike,
)
from actors.rules.duel.cards import CARDS, ActionCard, CreatureCard, is_a
from actors.rules.duel.choices import how_many
from actors.rules.duel.decks import DECK_SIZE, MOST_OF_A_CARD, READY, Options
from actors.rules.duel.effects import FreshHand, Hurt, What
from actors.rules.duel.state import BENCH, Stage
from actors.rules.interface import IllegalAction
from actors.rules.validation import checked_options
from tests.samples.duel_games import DEALS, RULES, Deal, Leave, play_out, positions, take

if TYPE_CHECKING:
    from actors.rules.duel.actions import (
        Action,
    )
    from actors.rules.duel.state import Side, State

EVERY_ACTION: list[Action] = [
    *(ChooseActive(card) for card in CARDS),
    *(Bench(card) for card in CARDS),
    *(Evolve(card, spot) for card in CARDS if is_a(card, What.CREATURE) for spot in range(BENCH + 1)),
    *(Attach(card, spot) for card in CARDS if is_a(card, What.ENERGY) for spot in range(BENCH + 1)),
    *(Play(card) for card in CARDS),
    *(Retreat(spot, ("ember_energy",) * count) for spot in range(BENCH + 1) for count in range(4)),
    *(Strike(attack.name) for card in CARDS.values() if isinstance(card, CreatureCard) for attack in card.attacks),
    *(Promote(spot) for spot in range(BENCH + 1)),
    *(Choose(card=card) for card in CARDS),
    *(Choose(spot=spot) for spot in range(BENCH + 1)),
    Choose(),
    EndTurn(),
]


def most_steps() -> int:
    """The most steps that a game can take, whatever the cards of the two decks and whatever the players do.

    A turn takes a card from its player's deck. A deck has fewer than 40 cards when the game begins, and only a fresh
    hand adds to it, fewer than 40 cards each time; it stands on action cards alone, which stay discarded. One turn more
    ends the game for want of a card. In a turn there are five creatures laid on the bench at most, and six that evolve
    (no action card hurts its own player's creatures, so no spot is filled twice), an energy, a retreat, what ends it;
    the choices of an attack; and a promotion by each player after the attack and after the check-up. An action card is
    played once in the game; it has its choices, and may knock out an active creature of either player.
    """
    fresh = sum(any(isinstance(effect, FreshHand) for effect in card.effects) for card in action_cards())
    turns = 2 * (DECK_SIZE + fresh * MOST_OF_A_CARD * DECK_SIZE) + 1
    in_attacks = max(sum(map(how_many, attack.effects)) for card in creatures() for attack in card.attacks)
    in_action_cards = max(sum(map(how_many, card.effects)) for card in action_cards())
    in_a_turn = BENCH + (BENCH + 1) + 3 + in_attacks + 4
    return 2 + turns * in_a_turn + 2 * DECK_SIZE * (1 + in_action_cards + 2) + 1


def action_cards() -> list[ActionCard]:
    return [card for card in CARDS.values() if isinstance(card, ActionCard)]


def creatures() -> list[CreatureCard]:
    return [card for card in CARDS.values() if isinstance(card, CreatureCard)]


def test_no_game_is_longer_than_a_table_bears() -> None:
    # A table ends a game at 10,000 events; the rules' own limit comes first.
    assert most_steps() < 10_000
    hurting = [effect.whom for card in action_cards() for effect in card.effects if isinstance(effect, Hurt)]
    assert not {"self", "own_bench"}.intersection(hurting)


def test_random_games_end() -> None:
    ends: Counter[str] = Counter()
    for number in range(int(os.environ.get("CROUPIER_DUEL_GAMES", "60"))):
        decks = [list(READY)[(number + seat) % len(READY)] for seat in (0, 1)]
        (*_, last) = play_out(Deal(seed=number, options={"decks": decks}, quick=number % 2 * 90))
        outcome = RULES.outcome(last.after)
        assert outcome is not None
        ends[outcome.reason] += 1
    assert set(ends) <= {"points", "no_creature", "empty_deck", "both_at_once"}
    assert len(ends) > 1


@settings(max_examples=40, deadline=None)
@given(DEALS)
def test_every_game_ends_within_its_bound(deal: Deal) -> None:
    turns = list(play_out(deal))
    assert len(turns) <= most_steps()
    last = turns[-1].after
    outcome = RULES.outcome(last)
    assert outcome is not None
    event(f"ended: {outcome.reason}")
    assert RULES.to_act(last) == ()
    assert RULES.forced(last) == ()
    assert RULES.current(last) is None
    assert [RULES.legal(last, seat) for seat in (0, 1)] == [(), ()]
    assert turns[-1].step.changes[-1].public == {
        "type": "ended",
        "reason": outcome.reason,
        "winner": outcome.winner,
    }
    assert sum(outcome.scores) == 1


# ---- at every step


def cards_of(side: Side) -> Counter[str]:
    """Every card of a side, wherever it is."""
    chosen = () if side.chosen is None else (side.chosen,)
    in_play = (card for there in side.in_play for card in there.cards)
    return Counter((*side.deck, *side.hand, *side.discard, *chosen, *in_play))


@settings(max_examples=40, deadline=None)
@given(DEALS)
def test_the_forty_cards_of_each_deck_are_always_all_there(deal: Deal) -> None:
    options = Options(**checked_options(RULES, deal.options))
    decks = [Counter(options.cards_of(seat)) for seat in (0, 1)]
    for state in positions(deal):
        assert [cards_of(side) for side in state.sides] == decks


@settings(max_examples=40, deadline=None)
@given(DEALS)
def test_what_is_in_play_is_as_the_rules_have_it(deal: Deal) -> None:
    for state in positions(deal):
        for side in state.sides:
            assert len(side.bench) <= BENCH
            for there in side.in_play:
                assert there.energies == tuple(sorted(there.energies))
                assert there.damage >= 0
                below = [CARDS[card].evolves_from for card in there.stages]  # type: ignore[union-attr]
                assert below == [None, *there.stages[:-1]]
                if state.resolving is None:
                    assert not there.knocked_out
            assert all(not there.conditions and not there.guard for there in side.bench)
            if state.stage is Stage.MAIN and RULES.forced(state) == () and state.outcome is None:
                assert side.active is not None


@settings(max_examples=40, deadline=None)
@given(DEALS)
def test_somebody_can_always_act_and_what_is_forced_is_what_they_can_do(deal: Deal) -> None:
    for state in positions(deal):
        if state.outcome is not None:
            return
        to_act = RULES.to_act(state)
        assert to_act
        for seat in (0, 1):
            listed = RULES.legal(state, seat)
            assert len(listed) == len(set(listed)) <= 500
            assert bool(listed) is (seat in to_act)
            assert [RULES.parse(json.loads(json.dumps(RULES.dump(one)))) for one in listed] == list(listed)
        forced = RULES.forced(state)
        if forced:
            assert tuple(due.seat for due in forced) == to_act
        for due in forced:
            choices = [RULES.dump(one) for one in RULES.legal(state, due.seat)]
            assert due.params["choices"] == choices
            assert {choice["type"] for choice in choices} == {due.action_type}


@settings(max_examples=15, deadline=None)
@given(DEALS, st.integers(0, 30))
def test_legal_lists_exactly_what_apply_takes(deal: Deal, offset: int) -> None:
    for number, state in enumerate(positions(deal)):
        if number % 30 != offset:
            continue
        for seat in (0, 1):
            legal = set(RULES.legal(state, seat))
            for action in legal.union(EVERY_ACTION):
                chance = Chance(b"any")
                try:
                    RULES.apply(state, seat, action, chance)
                except IllegalAction:
                    assert action not in legal
                    assert chance.position == 0  # a refusal uses up no chance
                else:
                    assert action in legal


@settings(max_examples=30, deadline=None)
@given(DEALS)
def test_the_clock_starts_anew_with_a_turn_and_with_what_is_due(deal: Deal) -> None:
    for turn in play_out(deal):
        before, after = turn.before, turn.after
        if after.outcome is not None:
            return
        due = RULES.forced(before) or RULES.forced(after)
        opening = RULES.current(after) is None
        assert (RULES.turn(after) != RULES.turn(before)) is (not opening and bool(due or before.number != after.number))


@settings(max_examples=30, deadline=None)
@given(DEALS)
def test_time_that_runs_out_brings_the_game_on_by_what_was_allowed(deal: Deal) -> None:
    for turn in play_out(deal):
        before = turn.before
        step = RULES.time_out(before, RULES.to_act(before), Chance(deal.key, turn.position))
        if len(RULES.to_act(before)) == 1:  # the same as one of the actions that were allowed, but for being told of
            (seat,) = RULES.to_act(before)
            could = [
                RULES.apply(before, seat, action, Chance(deal.key, turn.position)).state
                for action in RULES.legal(before, seat)
            ]
            assert step.state in could
        else:
            assert step.state.number == 1
        assert RULES.turn(step.state) > RULES.turn(before)


# ---- pure functions, and snapshots


@settings(max_examples=25, deadline=None)
@given(DEALS)
def test_the_same_position_action_and_chance_give_the_same_step(deal: Deal) -> None:
    turns = list(play_out(deal))
    for turn, following in zip(turns, [*turns[1:], None], strict=True):
        kept = asdict(turn.before)
        chance = Chance(deal.key, turn.position)
        assert take(turn.before, turn.seat, turn.action, chance) == turn.step
        assert asdict(turn.before) == kept
        if following is not None:
            assert chance.position == following.position


@settings(max_examples=25, deadline=None)
@given(DEALS)
def test_a_position_is_restored_as_it_was_saved_and_goes_on_as_it_would_have(deal: Deal) -> None:
    for turn in play_out(deal):
        text = json.dumps(RULES.save(turn.before))
        restored = RULES.restore(json.loads(text))
        assert restored == turn.before
        assert json.dumps(RULES.save(restored)) == text
        assert take(restored, turn.seat, turn.action, Chance(deal.key, turn.position)) == turn.step


@settings(max_examples=25, deadline=None)
@given(DEALS)
def test_the_end_is_told_as_it_was(deal: Deal) -> None:
    *_, last = play_out(deal)
    state: State = last.after
    outcome = RULES.outcome(state)
    assert outcome is not None
    match outcome.reason:
        case "points":
            assert outcome.winner is not None
            assert state.sides[outcome.winner].points >= state.points_to_win
        case "no_creature":
            assert outcome.winner is not None
            assert state.sides[1 - outcome.winner].in_play == ()
        case "empty_deck":
            assert outcome.winner is not None
            assert state.sides[1 - outcome.winner].deck == ()
        case "both_at_once":
            points = [side.points for side in state.sides]
            assert outcome.winner == (None if points[0] == points[1] else points.index(max(points)))
        case reason:
            assert (reason, last.action, outcome.winner) == ("resignation", Leave.RESIGNS, 1 - last.seat)
