"""Whole games at random: what holds at every step of every game."""

from __future__ import annotations

import enum
import json
import re
from typing import TYPE_CHECKING

from attrs import asdict, evolve, field, frozen
from hypothesis import event, given, settings
from hypothesis import strategies as st

from actors.rules.cards import PACK, Suit, name_of
from actors.rules.chance import Chance, key_of
from actors.rules.crazy_eights import CrazyEights
from actors.rules.crazy_eights.actions import Action, ChooseSuit, Draw, Pass, Play
from actors.rules.crazy_eights.state import State, may_draw
from actors.rules.interface import IllegalAction, JsonObject, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from actors.rules.cards import Card
    from actors.rules.interface import Rules

RULES = CrazyEights()
EVERY_ACTION: list[Action] = [
    *(Play(card) for card in PACK),
    Draw(),
    Pass(),
    *(ChooseSuit(suit) for suit in Suit),
]
ORDERS = [Chance(key_of(f"order {number}")).shuffled(PACK) for number in range(97)]
NO_CHANCE = Chance(b"none")
EVENTS = {"timed_out", "suit_chosen", "drew", "passed", "played", "ended"}
CARD_IN_JSON = re.compile(r'"((?:10|[2-9AJQK])[CDHS])"')
CARDS_BY_NAME = {name_of(card): card for card in PACK}
NAME_IN_TEXT = re.compile("|".join(CARDS_BY_NAME))


@frozen
class Deal:
    """A game to be played at random, with everything that decides how it goes."""

    players: int
    seed: int
    options: JsonObject = field(factory=dict)
    resigning: int = 0
    """In how many of 100 steps a player, any player, resigns."""
    dawdling: int = 0
    """In how many of 100 steps the player on turn lets their time run out."""
    habit: str = "any"
    """What the players prefer among their legal actions."""

    @property
    def key(self) -> bytes:
        """The key of the game's chance."""
        return key_of(str(self.seed))


class Leave(enum.Enum):
    """What a seat does that is no action of the game."""

    RESIGNS = "resigns"
    DAWDLES = "dawdles"


@frozen
class Turn:
    """One step of a game: who did what, before and after, and where chance stood."""

    seat: int
    action: Action | Leave
    before: State
    step: Step[State]
    position: int

    @property
    def after(self) -> State:
        """The position that the step led to."""
        return self.step.state


OPTIONS = st.fixed_dictionaries(
    {"max_plays": st.integers(1, 20) | st.sampled_from([40, 80])},
    optional={
        "hand_size": st.none() | st.integers(1, 9),
        "draw_limit": st.none() | st.integers(1, 5),
        "draw_when_playable": st.booleans(),
        "pass_when_playable": st.booleans(),
        "reshuffle": st.booleans(),
        "extra_passes": st.integers(0, 1),
        "scoring": st.sampled_from(["winner", "penalty"]),
        "first_player": st.sampled_from(["random", "seat_0"]),
        "special_cards": st.booleans(),
    },
)
DEALS = st.builds(
    Deal,
    players=st.integers(2, 5),
    seed=st.integers(0, 2**64),
    options=OPTIONS,
    resigning=st.sampled_from([0, 0, 0, 1, 10]),
    dawdling=st.sampled_from([0, 0, 20, 100]),
    habit=st.sampled_from(["play", "pass", "draw", "any"]),
)


def play_out(deal: Deal) -> Iterator[Turn]:
    """Plays the game to its end."""
    chance = Chance(deal.key)
    pick = Chance(key_of(f"the players' moods in {deal.seed}"))
    state = RULES.set_up(deal.players, deal.options, chance)
    while (seat := RULES.current(state)) is not None:
        position = chance.position
        action: Action | Leave
        if pick.below(100) < deal.resigning:
            seat = pick.choice([s for s in range(deal.players) if not RULES.has_resigned(state, s)])
            action = Leave.RESIGNS
        elif pick.below(100) < deal.dawdling:
            action = Leave.DAWDLES
        else:
            action = choose(RULES.legal(state, seat), deal.habit, pick)
        step = take(state, seat, action, chance)
        yield Turn(seat, action, state, step, position)
        state = step.state


def take(state: State, seat: int, action: Action | Leave, chance: Chance) -> Step[State]:
    """What comes of this."""
    match action:
        case Leave.RESIGNS:
            return RULES.resign(state, seat, chance)
        case Leave.DAWDLES:
            return RULES.time_out(state, RULES.to_act(state), chance)
        case _:
            return RULES.apply(state, seat, action, chance)


def choose(legal: Sequence[Action], habit: str, pick: Chance) -> Action:
    """One of these at random, but seven times of eight after this habit where it can be."""
    liked = [action for action in legal if action.type == habit]
    return pick.choice(liked if liked and pick.below(8) else legal)


def positions(deal: Deal) -> Iterator[State]:
    """Every position of the game."""
    yield RULES.set_up(deal.players, deal.options, Chance(deal.key))
    for turn in play_out(deal):
        yield turn.after


def cards_of(state: State) -> list[Card]:
    return [*sum(state.hands, ()), *state.stock, *state.discards]


def test_crazy_eights_is_rules_as_the_protocol_has_them() -> None:
    rules: Rules[State, Action] = RULES
    assert (rules.name, rules.version, rules.title) == ("crazy_eights", "2", "Crazy Eights")
    assert (rules.min_players, rules.max_players) == (2, 5)


# ---- a game ends


def most_steps(deal: Deal, resignations: int) -> int:
    """The most steps that a game can take.

    With at most P plays: each eight takes one choice of a suit, so there are P choices or fewer. Every draw, of one
    card or of all that are owed for twos, adds a card or more to the hands, and only plays and resignations take any
    away, of which a resignation takes 51 at most; so there are P + 51 (r + 1) draws or fewer. A pass while there is a
    stock comes after a draw in the same turn, so these are no more than the draws. Passes with the stock exhausted
    come in rows, which only a play or a resignation can break (nothing else refills the stock), and a row of one more
    than the players ends the game.
    """
    plays: int = deal.options["max_plays"]
    draws = plays + 51 * (resignations + 1)
    passes = draws + (deal.players + 1) * (plays + resignations + 1)
    return plays + plays + draws + passes + resignations


@settings(max_examples=100, deadline=None)
@given(DEALS)
def test_every_game_ends_within_its_bound(deal: Deal) -> None:
    turns = list(play_out(deal))
    resignations = sum(turn.action is Leave.RESIGNS for turn in turns)
    assert len(turns) <= most_steps(deal, resignations)
    last = turns[-1].after
    outcome = RULES.outcome(last)
    assert outcome is not None
    told_of = {change.public["type"] for turn in turns for change in turn.step.changes}
    event(f"ended: {outcome.reason}{', after a reshuffle' if 'reshuffled' in told_of else ''}")
    assert RULES.to_act(last) == ()
    assert RULES.forced(last) == ()
    assert all(RULES.legal(last, seat) == () for seat in range(deal.players))
    assert [change.public["type"] for change in turns[-1].step.changes][-1] == "ended"


def test_no_options_allow_a_game_that_is_longer_than_a_table_bears() -> None:
    # A table ends a game at 10,000 events; the rules' own limit comes first, whatever the players do.
    most_plays = RULES.options_schema["properties"]["max_plays"]["maximum"]
    assert most_steps(Deal(players=5, seed=0, options={"max_plays": most_plays}), resignations=3) < 10_000


@settings(max_examples=100, deadline=None)
@given(DEALS)
def test_the_end_is_told_as_it_was(deal: Deal) -> None:
    *_, last = play_out(deal)
    state, outcome = last.after, RULES.outcome(last.after)
    assert outcome is not None
    assert len(outcome.scores) == deal.players
    hands = [len(hand) for hand in state.hands]
    match outcome.reason:
        case "went_out":
            assert outcome.winner == last.seat
            assert hands[last.seat] == 0
            assert isinstance(last.action, Play) or last.action is Leave.DAWDLES
        case "blocked":
            assert isinstance(last.action, Pass) or last.action is Leave.DAWDLES
            assert not state.stock
        case "play_limit":
            assert state.plays == state.options.max_plays
        case reason:
            assert reason == "resignation"
            assert last.action is Leave.RESIGNS
            assert state.playing() == (outcome.winner,)
    if outcome.winner is not None:
        assert not RULES.has_resigned(state, outcome.winner)
    if state.options.scoring == "winner":
        assert all(score == 0 for seat, score in enumerate(outcome.scores) if seat != outcome.winner)
        assert min(outcome.scores) >= 0
    else:
        assert max(outcome.scores) <= 0


# ---- at every step


@settings(max_examples=60, deadline=None)
@given(DEALS)
def test_the_52_cards_are_always_all_there_and_each_once(deal: Deal) -> None:
    for state in positions(deal):
        assert sorted(cards_of(state)) == sorted(PACK)


@settings(max_examples=60, deadline=None)
@given(DEALS)
def test_an_empty_stock_means_that_there_is_nothing_to_reshuffle_and_nothing_owed(deal: Deal) -> None:
    for state in positions(deal):
        if not state.stock and state.outcome is None:
            assert len(state.discards) == 1 or not state.options.reshuffle
            assert state.owed == 0


@settings(max_examples=20, deadline=None)
@given(DEALS)
def test_legal_lists_exactly_what_apply_takes(deal: Deal) -> None:
    for state in positions(deal):
        for seat in range(deal.players):
            listed = RULES.legal(state, seat)
            legal = set(listed)
            assert len(legal) == len(listed)
            assert bool(legal) is (seat in RULES.to_act(state))
            refusals = {}
            for action in EVERY_ACTION:
                chance = Chance(b"any")
                if (text := refusal(state, seat, action, chance)) is not None:
                    refusals[action] = text
                    assert chance.position == 0  # a refusal uses up no chance
            assert legal.isdisjoint(refusals)
            assert legal.union(refusals) == set(EVERY_ACTION)
            if not legal:  # out of turn, and after the end, there is nothing more to say
                assert len(set(refusals.values())) == 1


def refusal(state: State, seat: int, action: Action, chance: Chance) -> str | None:
    """Why this seat may not do this now; None: it may."""
    try:
        RULES.apply(state, seat, action, chance)
    except IllegalAction as error:
        return str(error)
    return None


@settings(max_examples=60, deadline=None)
@given(DEALS)
def test_an_eight_is_followed_by_the_choice_of_its_suit_by_the_same_seat(deal: Deal) -> None:
    for turn in play_out(deal):
        eight = isinstance(turn.action, Play) and turn.action.card.startswith("8")
        if eight and turn.after.outcome is None:
            (forced,) = RULES.forced(turn.after)
            assert (forced.seat, forced.action_type) == (turn.seat, "choose_suit")
            assert RULES.to_act(turn.after) == (turn.seat,)
            dumped = [RULES.dump(action) for action in RULES.legal(turn.after, turn.seat)]
            assert dumped == [{"type": "choose_suit", "suit": suit} for suit in forced.params["suits"]]
        elif turn.action is not Leave.RESIGNS:
            assert RULES.forced(turn.after) == ()


@settings(max_examples=60, deadline=None)
@given(DEALS)
def test_who_has_resigned_is_gone_for_good(deal: Deal) -> None:
    gone: set[int] = set()
    for turn in play_out(deal):
        if turn.action is Leave.RESIGNS:
            gone.add(turn.seat)
        assert {seat for seat in range(deal.players) if RULES.has_resigned(turn.after, seat)} == gone
        assert not gone & set(RULES.to_act(turn.after))
        assert RULES.current(turn.after) not in gone
        if turn.after.outcome is None:
            assert all(turn.after.hands[seat] == () for seat in gone)


# ---- pure functions


@settings(max_examples=30, deadline=None)
@given(DEALS)
def test_a_step_changes_nothing_of_the_position_it_starts_from(deal: Deal) -> None:
    chance = Chance(deal.key)
    state = RULES.set_up(deal.players, deal.options, chance)
    for turn in play_out(deal):
        assert state == turn.before
        kept = asdict(turn.before)
        RULES.legal(turn.before, turn.seat)
        RULES.view(turn.before, turn.seat)
        take_again(turn, Chance(deal.key, turn.position))
        assert asdict(turn.before) == kept
        state = turn.after


@settings(max_examples=40, deadline=None)
@given(DEALS)
def test_the_same_position_action_and_chance_give_the_same_step(deal: Deal) -> None:
    turns = list(play_out(deal))
    for turn, following in zip(turns, [*turns[1:], None], strict=True):
        chance = Chance(deal.key, turn.position)
        assert take_again(turn, chance) == turn.step
        if following is not None:
            assert chance.position == following.position


@settings(max_examples=40, deadline=None)
@given(DEALS)
def test_a_game_replayed_from_its_json_is_the_same_game(deal: Deal) -> None:
    chance = Chance(deal.key)
    state = RULES.set_up(deal.players, deal.options, chance)
    for turn in play_out(deal):
        chance = Chance(deal.key, chance.position)
        action = turn.action
        if not isinstance(action, Leave):
            action = RULES.parse(json.loads(json.dumps(RULES.dump(action))))
        step = take(state, turn.seat, action, chance)
        assert step == turn.step
        state = step.state


def take_again(turn: Turn, chance: Chance) -> Step[State]:
    return take(turn.before, turn.seat, turn.action, chance)


# ---- a snapshot


@settings(max_examples=40, deadline=None)
@given(DEALS)
def test_a_position_is_restored_as_it_was_saved(deal: Deal) -> None:
    for state in positions(deal):
        saved = RULES.save(state)
        text = json.dumps(saved)
        assert RULES.restore(saved) == state
        assert RULES.restore(json.loads(text)) == state
        assert json.dumps(RULES.save(RULES.restore(json.loads(text)))) == text


@settings(max_examples=30, deadline=None)
@given(DEALS)
def test_a_game_goes_on_from_a_snapshot_as_it_would_have_without(deal: Deal) -> None:
    for turn in play_out(deal):
        restored = evolve(turn, before=RULES.restore(RULES.save(turn.before)))
        assert take_again(restored, Chance(deal.key, turn.position)) == turn.step


# ---- the clock


@settings(max_examples=60, deadline=None)
@given(DEALS)
def test_the_clock_starts_anew_with_each_turn_and_each_choice_and_only_then(deal: Deal) -> None:
    for turn in play_out(deal):
        if turn.after.outcome is not None:
            return
        anew = RULES.turn(turn.after) != RULES.turn(turn.before)
        match turn.action:
            case Play() | Pass() | ChooseSuit() | Leave.DAWDLES:
                assert anew
            case Draw():
                assert anew is (turn.before.owed > 0)  # a debt ends the turn; another draw is within it
            case Leave.RESIGNS:
                assert anew is (turn.seat == turn.before.turn)


@settings(max_examples=60, deadline=None)
@given(DEALS)
def test_time_that_runs_out_ends_the_turn_with_one_step_of_those_that_the_rules_allow(deal: Deal) -> None:
    for turn in play_out(deal):
        before, seat = turn.before, turn.before.turn
        step = RULES.time_out(before, (seat,), Chance(deal.key, turn.position))
        kinds = [change.public["type"] for change in step.changes if change.public["type"] in EVENTS]
        event(" ".join(kinds))
        legal = {action.type for action in RULES.legal(before, seat)}
        match kinds:
            case ["timed_out", "suit_chosen"]:
                assert before.choosing
            case ["timed_out", "drew", *more] if before.owed:
                assert set(more) <= {"drew"}
            case ["timed_out", "drew", "passed"]:
                assert "draw" in legal
                assert before.draws == 0
                assert len(step.state.hands[seat]) == len(before.hands[seat]) + 1
            case ["timed_out", "passed", *_]:
                assert "pass" in legal or before.draws > 0
            case ["timed_out", "played", *more]:
                assert legal == {"play"}
                assert more in ([], ["suit_chosen"], ["ended"])
            case _:
                raise AssertionError(kinds)
        assert not step.state.choosing
        assert step.state.outcome is not None or RULES.turn(step.state) > RULES.turn(before)


# ---- what is hidden stays hidden


def told(turn: Turn, viewer: int | None) -> str:
    """Everything that this viewer is sent after the step, as text."""
    mine = viewer is not None
    return json.dumps(
        [
            RULES.view(turn.after, viewer),
            [change.seen_by(viewer) for change in turn.step.changes],
            [asdict(due) if due.seat == viewer else due.reason for due in RULES.forced(turn.after)],
            [RULES.dump(action) for action in RULES.legal(turn.after, viewer)] if viewer is not None else [],
            turn.step.message if mine and viewer == turn.seat else "",
        ]
    )


@settings(max_examples=60, deadline=None)
@given(DEALS)
def test_no_card_of_another_hand_or_of_the_stock_is_ever_told(deal: Deal) -> None:
    for turn in play_out(deal):
        if turn.after.outcome is not None:
            return  # the end shows the hands
        for viewer in (*range(deal.players), None):
            text = told(turn, viewer)
            own = set() if viewer is None else set(turn.after.hands[viewer])
            hidden = set(PACK) - own - {turn.after.top}
            assert not hidden & set(CARD_IN_JSON.findall(text))
            assert not hidden & {CARDS_BY_NAME[name] for name in NAME_IN_TEXT.findall(text)}


def hidden_otherwise(state: State, viewer: int | None, number: int) -> State:
    """The same position, but with the cards that this viewer cannot see lying elsewhere; which is for `number`."""
    others = [seat for seat in range(len(state.hands)) if seat != viewer]
    hidden = set(state.stock).union(*(state.hands[seat] for seat in others))
    pool = [card for card in ORDERS[number % len(ORDERS)] if card in hidden]
    hands = list(state.hands)
    for seat in others:
        hands[seat] = tuple(pool.pop() for _ in hands[seat])
    return evolve(state, hands=tuple(hands), stock=tuple(pool))


@settings(max_examples=30, deadline=None)
@given(DEALS)
def test_nothing_that_a_viewer_is_told_depends_on_what_is_hidden_from_them(deal: Deal) -> None:
    for number, state in enumerate(positions(deal)):
        if state.outcome is not None:
            return
        for viewer in (*range(deal.players), None):
            other = hidden_otherwise(state, viewer, number)
            assert json.dumps(RULES.view(other, viewer)) == json.dumps(RULES.view(state, viewer))
            assert RULES.forced(other) == RULES.forced(state)
            if viewer in RULES.to_act(state):  # what others are told, whatever they try, is always the same
                assert viewer is not None
                legal = RULES.legal(state, viewer)
                assert RULES.legal(other, viewer) == legal
                for action in set(EVERY_ACTION).difference(legal):
                    told = refusal(state, viewer, action, NO_CHANCE)
                    assert told is not None
                    assert refusal(other, viewer, action, NO_CHANCE) == told


@settings(max_examples=50, deadline=None)
@given(DEALS)
def test_others_are_told_of_a_draw_or_a_resignation_what_the_hidden_cards_cannot_change(deal: Deal) -> None:
    for number, turn in enumerate(play_out(deal)):
        if isinstance(turn.action, Play | ChooseSuit | Pass) or turn.after.outcome is not None:
            continue
        before = turn.before
        if turn.action is Leave.DAWDLES and not (before.options.draw_when_playable and may_draw(before)):
            continue  # they had to play what they hold
        watcher = next(viewer for viewer in (*range(deal.players), None) if viewer != turn.seat)
        for viewer in (watcher, None):
            other = evolve(turn, before=hidden_otherwise(turn.before, viewer, number))
            try:
                step = take_again(other, Chance(deal.key, turn.position))
            except IllegalAction:
                continue  # with other cards this table would not have let them draw
            seen = [change.seen_by(viewer) for change in turn.step.changes]
            assert json.dumps([change.seen_by(viewer) for change in step.changes]) == json.dumps(seen)
