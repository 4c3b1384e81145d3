"""Duel tells nobody what is hidden from them: whatever a viewer is told stays the same when the cards that they cannot
see lie elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.rules.chance import Chance, key_of
from actors.rules.duel.actions import Attach, Bench, Choose, ChooseActive, Evolve, Play, Strike
from actors.rules.duel.cards import CARDS, is_a
from actors.rules.duel.choices import choice_due
from actors.rules.duel.effects import Discard, Look, Peek, Search, What
from actors.rules.duel.state import Stage, attack_of
from actors.rules.interface import IllegalAction
from tests.actors.rules.duel.test_play import EVERY_ACTION
from tests.samples.duel_games import DEALS, RULES, Deal, Leave, play_out, positions, take

if TYPE_CHECKING:
    from actors.rules.duel.state import Side, State
    from actors.rules.interface import Step
    from tests.samples.duel_games import Turn

VIEWERS = (0, 1, None)


def hidden_otherwise(state: State, viewer: int | None, number: int, *, own_deck: bool = True) -> State:
    """The same position, but with the cards that this viewer cannot see lying elsewhere; which is for `number`.

    The order of the viewer's own deck is one of those things, unless they look at its top just now.
    """
    pick = Chance(key_of(f"elsewhere {number}"))
    looking = state.resolving is not None and isinstance(state.resolving.effect, Look) and bool(state.resolving.left)
    for seat in (0, 1):
        side = state.sides[seat]
        if seat != viewer:
            state = state.with_side(seat, _mixed(side, pick, opening=state.stage is Stage.OPENING))
        elif own_deck and not looking:
            state = state.with_side(seat, evolve(side, deck=pick.shuffled(side.deck)))
    return state


def _mixed(side: Side, pick: Chance, *, opening: bool) -> Side:
    """The same side with other cards of its own in the hand; in the opening a creature that could have been chosen, or
    could still be, is where it must be."""
    cards = list(pick.shuffled((*side.deck, *side.hand, *(() if side.chosen is None else (side.chosen,)))))
    chosen = None
    if side.chosen is not None:
        chosen = next(card for card in cards if is_a(card, What.BASIC))
        cards.remove(chosen)
    elif opening:
        basic = next(card for card in reversed(cards) if is_a(card, What.BASIC))
        cards.remove(basic)
        cards.insert(0, basic)
    size = len(side.hand)
    return evolve(side, hand=tuple(cards[:size]), deck=tuple(cards[size:]), chosen=chosen)


def told(state: State, viewer: int | None) -> str:
    """Everything that this viewer is sent about a position, as text."""
    forced = [(due.seat, due.action_type, due.reason) for due in RULES.forced(state)]
    own = [due.params for due in RULES.forced(state) if due.seat == viewer]
    legal = [RULES.dump(action) for action in RULES.legal(state, viewer)] if viewer is not None else []
    return json.dumps(
        [RULES.view(state, viewer), forced, own, legal, RULES.to_act(state), RULES.current(state), RULES.turn(state)]
    )


@settings(max_examples=40, deadline=None)
@given(DEALS)
def test_what_a_viewer_is_told_of_a_position_does_not_depend_on_what_is_hidden_from_them(deal: Deal) -> None:
    for number, state in enumerate(positions(deal)):
        for viewer in VIEWERS:
            assert told(hidden_otherwise(state, viewer, number), viewer) == told(state, viewer)


def refusal(state: State, seat: int, action: object) -> str | None:
    """Why this seat may not do this now; None: it may."""
    try:
        RULES.apply(state, seat, action, Chance(b"any"))  # type: ignore[arg-type]
    except IllegalAction as error:
        return str(error)
    return None


@settings(max_examples=8, deadline=None)
@given(DEALS, st.integers(0, 30))
def test_what_a_viewer_is_told_of_a_wrong_action_does_not_either(deal: Deal, offset: int) -> None:
    for number, state in enumerate(positions(deal)):
        if number % 30 == offset:
            for viewer in (0, 1):
                other = hidden_otherwise(state, viewer, number)
                for action in EVERY_ACTION:
                    assert refusal(other, viewer, action) == refusal(state, viewer, action)


def uncovers(turn: Turn) -> bool:
    """Whether this step shows, by what its card says, cards that were hidden: of the opponent's hand."""
    resolving, action = turn.before.resolving, turn.action
    effects = () if resolving is None else resolving.effects
    match action:
        case Play(card=card):
            effects = CARDS[card].effects  # type: ignore[union-attr]
        case Strike(attack=name):
            effects = attack_of(turn.before.sides[turn.seat].at(0).card, name).effects
    return any(isinstance(effect, Peek | Discard) for effect in effects)


def seen(step: Step[State], viewer: int | None) -> str:
    return json.dumps([change.seen_by(viewer) for change in step.changes])


@settings(max_examples=40, deadline=None)
@given(DEALS)
def test_what_happens_is_told_to_whoever_did_it_without_the_others_hidden_cards(deal: Deal) -> None:
    for number, turn in enumerate(play_out(deal)):
        if turn.action is Leave.DAWDLES or uncovers(turn):
            continue
        both_choose = turn.before.stage is Stage.OPENING and len(RULES.to_act(turn.before)) == 1
        if both_choose:  # the other's creature is turned up by this step
            continue
        other = hidden_otherwise(turn.before, turn.seat, number, own_deck=False)
        step = take(other, turn.seat, turn.action, Chance(deal.key, turn.position))
        assert seen(step, turn.seat) == seen(turn.step, turn.seat)
        assert step.message == turn.step.message


@settings(max_examples=40, deadline=None)
@given(DEALS)
def test_what_happens_is_told_to_others_without_the_hidden_cards_of_whoever_did_it(deal: Deal) -> None:
    for number, turn in enumerate(play_out(deal)):
        if turn.action is Leave.DAWDLES or isinstance(turn.action, Choose) or turn.after.outcome is not None:
            continue
        if turn.before.stage is Stage.OPENING:
            continue
        used = {turn.action.card} if isinstance(turn.action, Attach | Bench | Evolve | Play) else set()
        side = turn.before.sides[turn.seat]
        rest = list(side.hand)
        for card in used:
            rest.remove(card)
        pick = Chance(key_of(f"elsewhere {number}"))
        cards = pick.shuffled((*rest, *side.deck))
        hand, deck = (*used, *cards[: len(rest)]), cards[len(rest) :]
        other = turn.before.with_side(turn.seat, evolve(side, hand=hand, deck=deck))
        step = take(other, turn.seat, turn.action, Chance(deal.key, turn.position))
        for viewer in (1 - turn.seat, None):
            assert seen(step, viewer) == seen(turn.step, viewer)


def test_which_card_was_taken_unshown_others_cannot_tell() -> None:
    met = 0
    for seed in range(25):
        for turn in play_out(Deal(seed, {"decks": ["tides", "groves"]}, quick=95)):
            due, now = choice_due(turn.before), turn.before.resolving
            if due is None or now is None or not isinstance(now.effect, Search | Look) or now.effect.show:
                continue
            taken = [action for action in due.actions if action != Choose()]
            met += len(taken) > 1
            for viewer in (1 - due.seat, None):
                told_of = {
                    seen(take(turn.before, due.seat, action, Chance(b"any", turn.position)), viewer) for action in taken
                }
                assert len(told_of) <= 1
    assert met > 10


@settings(max_examples=20, deadline=None)
@given(DEALS)
def test_of_the_opening_others_learn_only_that_a_creature_was_chosen(deal: Deal) -> None:
    state = RULES.set_up(2, deal.options, Chance(deal.key))
    for seat in (0, 1):
        told_of = set()
        for action in RULES.legal(state, seat):
            assert isinstance(action, ChooseActive)
            step = RULES.apply(state, seat, action, Chance(deal.key))
            for viewer in (1 - seat, None):
                told_of.add((viewer, seen(step, viewer), told(step.state, viewer)))
        assert len({viewer for viewer, _, _ in told_of}) == len(told_of) == 2
