"""How a position comes from the one before: dealing, the four actions, resignation, time that is up.

A move shares everything with its predecessor that it does not change. The stock is made anew the moment it
runs out, not when somebody next draws, so an empty stock always means that nothing can be drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from actors.rules.cards import PACK, Rank, name_of, rank_of, suit_of
from actors.rules.crazy_eights.effects import hand_on
from actors.rules.crazy_eights.scoring import (
    BLOCKED,
    PLAY_LIMIT,
    RESIGNATION,
    WENT_OUT,
    ended,
    ended_on_points,
    points_of,
)
from actors.rules.crazy_eights.state import (
    MAX_PLAYERS,
    MIN_PLAYERS,
    State,
    can_play,
    draws_left,
    fits,
    may_draw,
    may_pass,
)
from actors.rules.interface import Change, IllegalAction, Step

if TYPE_CHECKING:
    from actors.rules.cards import Card, Suit
    from actors.rules.chance import Chance
    from actors.rules.crazy_eights.state import Options

# ---- the deal


def deal(players: int, options: Options, chance: Chance) -> State:
    """The first position: a shuffled pack dealt one card at a time from the first player on, and a starter.

    An eight that would be the starter is buried at a random place of the stock, and the next card is turned.
    A special card does what it would do if the player before the first had laid it.
    Raises ValueError for a number of players that the game does not have.
    """
    if not MIN_PLAYERS <= players <= MAX_PLAYERS:
        raise ValueError(f"Crazy Eights has {MIN_PLAYERS} to {MAX_PLAYERS} players, not {players}")
    first = 0 if options.first_player == "seat_0" else chance.below(players)
    pack = chance.shuffled(PACK)
    dealt = options.cards_each(players) * players
    stock = list(reversed(pack[dealt:]))
    eights = []
    while rank_of(stock[-1]) is Rank.EIGHT:
        eights.append(stock.pop())
    starter = stock.pop()
    for eight in eights:
        stock.insert(chance.below(len(stock) + 1), eight)
    turned = State(
        options=options,
        hands=tuple(pack[(seat - first) % players : dealt : players] for seat in range(players)),
        stock=tuple(stock),
        discards=(starter,),
        suit=suit_of(starter),
        turn=(first - 1) % players,
        resigned=(False,) * players,
        forfeited=(0,) * players,
    )
    return hand_on(turned)[0]


# ---- the four actions


def play(state: State, card: Card, chance: Chance) -> Step[State]:
    """Lays a card of the hand on the pile. Raises IllegalAction."""
    _no_choice_due(state)
    seat = state.turn
    hand = state.hands[seat]
    if card not in hand:
        raise IllegalAction(f"{name_of(card)} is not in your hand")
    if not fits(state, card):
        raise IllegalAction(f"{name_of(card)} does not fit: {_wanted(state)}")
    rest = tuple(held for held in hand if held != card)
    eight = rank_of(card) is Rank.EIGHT
    after = evolve(
        state,
        hands=_with_hand(state, seat, rest),
        discards=(*state.discards, card),
        suit=None if eight else suit_of(card),
        draws=0,
        passes=0,
        plays=state.plays + 1,
    )
    played = Change({"type": "played", "seat": seat, "card": card, "cards_left": len(rest)})
    told = f"You played {name_of(card)}"
    if not rest:
        return _over(ended(after, WENT_OUT, seat), (played,), f"{told} and went out.")
    if after.plays >= state.options.max_plays:
        return _over(ended_on_points(after, PLAY_LIMIT), (played,), f"{told}, the last play of this game.")
    after, reshuffled = _restock(after, chance)
    if eight:
        # The clock starts anew for the choice: whoever played at the last moment has time to make it.
        return Step(evolve(after, turns=after.turns + 1), (played, *reshuffled), f"{told}. Choose a suit.")
    after, effects = hand_on(after)
    return Step(after, (played, *reshuffled, *effects), f"{told}.")


def draw(state: State, chance: Chance) -> Step[State]:
    """Takes the top card of the stock into the hand; the turn goes on. Raises IllegalAction.

    Who owes cards for twos takes them all, or as many as there are, and the turn is over.
    """
    _no_choice_due(state)
    if not may_draw(state):
        raise IllegalAction(_why_no_draw(state))
    if state.owed:
        return _pay(state, chance)
    after, changes = _take(evolve(state, draws=state.draws + 1), chance)
    return Step(after, changes, f"You drew {name_of(state.stock[-1])}.")


def _take(state: State, chance: Chance) -> tuple[State, tuple[Change, ...]]:
    """Moves one card from the stock into the hand of the player on turn."""
    seat = state.turn
    card = state.stock[-1]
    hand = (*state.hands[seat], card)
    after = evolve(state, hands=_with_hand(state, seat, hand), stock=state.stock[:-1], passes=0)
    told = {"type": "drew", "seat": seat, "card": None, "cards_left": len(hand)}
    drew = Change(told, {seat: {**told, "card": card}})
    after, reshuffled = _restock(after, chance)
    return after, (drew, *reshuffled)


def _pay(state: State, chance: Chance) -> Step[State]:
    """Draws the cards owed for twos, which ends the turn; what the stock cannot give is let off.

    A debt that is paid with the very last card counts in OpenSpiel as a pass. The row of passes there is one longer
    than the players are, and here it is so only where the table asks for an extra pass, so it is the extra one:
    every player still has a turn before the game is blocked.
    """
    after = state
    changes: tuple[Change, ...] = ()
    left = state.owed
    while left and after.stock:
        after, more = _take(after, chance)
        changes += more
        left -= 1
    passes = state.options.extra_passes if left == 0 and not after.stock else 0
    drawn = [name_of(card) for card in after.hands[state.turn][len(state.hands[state.turn]) :]]
    return Step(evolve(after, owed=0, passes=passes).next_turn(), changes, f"You drew {_listed(drawn)}.")


def pass_(state: State) -> Step[State]:
    """Ends the turn without a play; enough passes in a row, with the stock exhausted, end the game.

    Raises IllegalAction.
    """
    _no_choice_due(state)
    if not may_pass(state):
        raise IllegalAction(_why_no_pass(state))
    passed = Change({"type": "passed", "seat": state.turn})
    passes = 0 if state.stock else state.passes + 1
    if passes >= len(state.playing()) + state.options.extra_passes:
        after = evolve(state, draws=0, passes=passes)
        return _over(ended_on_points(after, BLOCKED), (passed,), "You passed, and the game is blocked.")
    return Step(evolve(state, passes=passes).next_turn(), (passed,), "You passed.")


def choose_suit(state: State, suit: Suit) -> Step[State]:
    """Names the suit of the eight just played, which ends the turn. Raises IllegalAction."""
    if not state.choosing:
        raise IllegalAction("there is no suit to choose: you have not just played an eight")
    chosen = Change({"type": "suit_chosen", "seat": state.turn, "suit": suit.value})
    return Step(evolve(state, suit=suit).next_turn(), (chosen,), f"You chose {suit.value}.")


# ---- resignation


def resign(state: State, seat: int) -> Step[State]:
    """That seat gives up. The last one left wins; while two or more go on, the cards go under the stock.

    Raises IllegalAction when the game is over or the seat has resigned before.
    """
    if state.outcome is not None:
        raise IllegalAction("the game is over")
    if state.resigned[seat]:
        raise IllegalAction("you have resigned already")
    hand = state.hands[seat]
    gone = tuple(left or s == seat for s, left in enumerate(state.resigned))
    after = evolve(state, resigned=gone)
    change = Change({"type": "resigned", "seat": seat, "cards": len(hand)})
    if len(after.playing()) == 1:
        won = ended(after, RESIGNATION, after.playing()[0])
        return _over(won, (change,), "You resigned.")
    points = tuple(points_of(hand) if s == seat else before for s, before in enumerate(state.forfeited))
    after = evolve(
        after,
        hands=_with_hand(state, seat, ()),
        stock=(*reversed(hand), *state.stock),
        forfeited=points,
        passes=0,
    )
    if seat == state.turn:
        # An eight whose player leaves before choosing stands for its own suit; cards owed are not left to others.
        after = evolve(after, suit=state.suit or suit_of(state.top), owed=0).next_turn()
    return Step(after, (change,), "You resigned.")


# ---- time that is up


def time_out(state: State, chance: Chance) -> Step[State]:
    """The turn of a player who dawdles, ended as cheaply for everybody as the rules allow.

    A suit that is due is the eight's own. A debt is drawn. Who may draw draws one card, if they have drawn none in this
    turn, and the turn is over. Else they pass, and where they must not, because they have to play, the first card of
    their hand that fits is played, an eight only where no other is, for its own suit. Raises IllegalAction when the
    game is over.
    """
    if state.outcome is not None:
        raise IllegalAction("the game is over")
    step = _least(state, chance)
    return Step(step.state, (Change({"type": "timed_out", "seat": state.turn}), *step.changes), step.message)


def _least(state: State, chance: Chance) -> Step[State]:
    if state.choosing:
        return choose_suit(state, suit_of(state.top))
    if state.owed:
        return draw(state, chance)
    if may_draw(state):
        return _draw_and_pass(state, chance)
    if may_pass(state):
        return pass_(state)
    return _play_first(state, chance)


def _draw_and_pass(state: State, chance: Chance) -> Step[State]:
    after, drew = (state, ()) if state.draws else _take(state, chance)
    passed = Change({"type": "passed", "seat": state.turn})
    return Step(evolve(after, passes=0).next_turn(), (*drew, passed), "Your time was up.")


def _play_first(state: State, chance: Chance) -> Step[State]:
    fitting = [card for card in state.hands[state.turn] if fits(state, card)]
    card = min(fitting, key=lambda one: rank_of(one) is Rank.EIGHT)
    played = play(state, card, chance)
    if not played.state.choosing:
        return played
    chosen = choose_suit(played.state, suit_of(card))
    return Step(chosen.state, (*played.changes, *chosen.changes), played.message)


# ---- what the moves share


def _with_hand(state: State, seat: int, hand: tuple[Card, ...]) -> tuple[tuple[Card, ...], ...]:
    return (*state.hands[:seat], hand, *state.hands[seat + 1 :])


def _restock(state: State, chance: Chance) -> tuple[State, tuple[Change, ...]]:
    """Makes an exhausted stock anew from the discard pile but its top, where the table plays so."""
    if state.stock or not state.options.reshuffle or len(state.discards) == 1:
        return state, ()
    stock = chance.shuffled(state.discards[:-1])
    change = Change({"type": "reshuffled", "stock": len(stock)})
    return evolve(state, stock=stock, discards=state.discards[-1:]), (change,)


def _over(state: State, changes: tuple[Change, ...], message: str) -> Step[State]:
    assert state.outcome is not None
    ending = Change({"type": "ended", "reason": state.outcome.reason, "winner": state.outcome.winner})
    return Step(state, (*changes, ending), message)


def _no_choice_due(state: State) -> None:
    if state.choosing:
        raise IllegalAction("first choose the suit that your eight stands for")


def _wanted(state: State) -> str:
    assert state.suit is not None
    if state.owed:
        return f"play a two, or draw the {state.owed} cards that you owe"
    if rank_of(state.top) is Rank.EIGHT:
        return f"the suit is {state.suit.value}; play that suit or an eight"
    return f"on {name_of(state.top)} play {state.suit.value}, the same rank, or an eight"


def _why_no_draw(state: State) -> str:
    if not state.stock:
        return "there is no card left to draw"
    if draws_left(state) == 0:
        return "you have drawn as many cards as you may in one turn"
    return "you hold a card that you can play, and this table draws only when there is none"


def _why_no_pass(state: State) -> str:
    if state.owed:
        return f"you owe {state.owed} cards: draw them, or play a two"
    if state.stock and draws_left(state) != 0:
        return "you can still draw; pass is only for a player who can draw no more"
    assert can_play(state)
    return "you hold a card that you can play"


def _listed(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
