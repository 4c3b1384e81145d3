"""Crazy Eights in step with another implementation of it: OpenSpiel's `crazy_eights`, which DeepMind wrote.

Random games are played in both at once. OpenSpiel leaves chance to its caller, so it is dealt our cards; what it makes
of them is its own, and at every step it has to agree: on the cards that are left to draw, whose turn it is, every legal
action, every hand, the top card, the suit in force, the direction of play. At the end it has to agree who won.

CROUPIER_OPENSPIEL_GAMES says how many games are played, CROUPIER_OPENSPIEL_SEED, any text, which ones.
"""

from __future__ import annotations

import importlib
import os
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pytest
from attrs import frozen

from actors.rules.cards import PACK, Rank, Suit, rank_of, suit_of
from actors.rules.chance import Chance, key_of
from actors.rules.crazy_eights import CrazyEights
from actors.rules.crazy_eights.actions import ChooseSuit, Draw, Pass, Play

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.rules.cards import Card
    from actors.rules.crazy_eights.actions import Action
    from actors.rules.crazy_eights.state import State
    from actors.rules.interface import JsonObject, Outcome, Step

pyspiel: Any = importlib.import_module("pyspiel")  # written in C++, without types
Theirs: TypeAlias = Any
"""A position of OpenSpiel's. It is changed by what is applied to it."""

RULES: Final = CrazyEights()

GAMES: Final = int(os.environ.get("CROUPIER_OPENSPIEL_GAMES", "320"))
SEED: Final = os.environ.get("CROUPIER_OPENSPIEL_SEED", "in step")
TABLES: Final = [
    (players, special_cards, reshuffle)
    for players in range(2, 6)
    for special_cards in (False, True)
    for reshuffle in (False, True)
]

# ---- OpenSpiel's numbers: the cards by rank, the ace highest, then by suit; then the other actions

_RANKS: Final = (*(rank for rank in Rank if rank is not Rank.ACE), Rank.ACE)
_SUITS: Final = tuple(Suit)
NUMBERS: Final = {card: 4 * _RANKS.index(rank_of(card)) + _SUITS.index(suit_of(card)) for card in PACK}
CARDS: Final = {number: card for card, number in NUMBERS.items()}
DRAW, PASS, CHOOSE_SUIT = 52, 53, 54
DEALER: Final = 52


def number_of(action: Action) -> int:
    """OpenSpiel's number of this action."""
    match action:
        case Play(card=card):
            return NUMBERS[card]
        case Draw():
            return DRAW
        case Pass():
            return PASS
        case ChooseSuit(suit=suit):
            return CHOOSE_SUIT + _SUITS.index(suit)


def penalty(card: Card) -> int:
    """What a card costs by OpenSpiel's comments: 50 for an eight, 10 for a court card, for others the face value."""
    match rank_of(card):
        case Rank.EIGHT:
            return 50
        case Rank.JACK | Rank.QUEEN | Rank.KING:
            return 10
        case Rank.ACE:
            return 1
        case rank:
            return int(rank)


def penalty_in_code(card: Card) -> int:
    """What OpenSpiel's code takes off for a card.

    It takes an ace for a court card, and for the face value of a two to a ten the number of the card, plus two.
    """
    match rank_of(card):
        case Rank.EIGHT:
            return 50
        case Rank.JACK | Rank.QUEEN | Rank.KING | Rank.ACE:
            return 10
        case _:
            return NUMBERS[card] + 2


# ---- one game in both


@frozen
class Game:
    """A game to be played, with everything that decides how it goes."""

    name: str
    players: int
    special_cards: bool
    reshuffle: bool
    draw_limit: int
    max_plays: int
    habit: str
    """What the players prefer: `any`; to `play`; to `keep` their cards, by drawing and passing, except `twos`."""

    @property
    def options(self) -> JsonObject:
        """Our options for OpenSpiel's variant."""
        return {
            "draw_limit": self.draw_limit,
            "extra_passes": 1,
            "max_plays": self.max_plays,
            "pass_when_playable": True,
            "reshuffle": self.reshuffle,
            "scoring": "penalty",
            "special_cards": self.special_cards,
        }

    def in_openspiel(self) -> Theirs:
        """The same game there, before its deal."""
        parameters = {
            "players": self.players,
            "max_draw_cards": self.draw_limit,
            "max_turns": self.max_plays,
            "reshuffle": self.reshuffle,
            "use_special_cards": self.special_cards,
        }
        return pyspiel.load_game("crazy_eights", parameters).new_initial_state()


def made(name: str, players: int, special_cards: bool, reshuffle: bool) -> Game:
    """The game of this name at such a table; the rest is chosen at random."""
    name = f"{name}, {players} players, {special_cards=}, {reshuffle=}"
    pick = Chance(key_of(f"the rest of {name}"))
    return Game(
        name=name,
        players=players,
        special_cards=special_cards,
        reshuffle=reshuffle,
        draw_limit=1 + pick.below(7),
        max_plays=pick.choice([1, 20, 60, 100, 300]),
        habit=pick.choice(["any", "play", "play", "play", "keep", "twos"]),
    )


def play_in_step(game: Game) -> Counter[str]:
    """Plays the game in both to its end. What happened in it, by our names."""
    key = key_of(game.name)
    chance, pick = Chance(key), Chance(key_of(f"the players of {game.name}"))
    ours = RULES.set_up(game.players, game.options, chance)
    theirs = game.in_openspiel()
    turned_up = deal(theirs, game.players, Chance(key))
    happened = Counter(f"{rank_of(card).name} turned up" for card in turned_up)
    while (outcome := RULES.outcome(ours)) is None:
        assert theirs.current_player() == RULES.current(ours)
        assert_same_table(theirs, ours)
        legal = RULES.legal(ours, ours.turn)
        assert theirs.legal_actions() == sorted(map(number_of, legal))
        action = choose(legal, game.habit, pick)
        step = RULES.apply(ours, ours.turn, action, chance)
        theirs.apply_action(number_of(action))
        draw_the_same(theirs, ours, step)
        happened.update(happenings(ours, step))
        ours = step.state
    assert theirs.is_terminal()
    assert_same_table(theirs, ours)
    assert_same_result(theirs, ours, outcome)
    return happened


def deal(theirs: Theirs, players: int, chance: Chance) -> tuple[Card, ...]:
    """Deals there what our rules deal of this chance: the lot for the first player, then a shuffled pack.

    Returns the cards that were turned up as the starter: an eight goes back, and another card is dealt.
    """
    first = chance.below(players)
    theirs.apply_action(DEALER + (first - 1) % players)
    pack = chance.shuffled(PACK)
    dealt = 0
    while theirs.is_chance_node():
        theirs.apply_action(NUMBERS[pack[dealt]])
        dealt += 1
    return pack[(7 if players == 2 else 5) * players : dealt]


def draw_the_same(theirs: Theirs, before: State, step: Step[State]) -> None:
    """Draws there the cards that were drawn here, each out of the same stock."""
    stock = {NUMBERS[card] for card in before.stock}
    for change in step.changes:
        match change.seen_by(before.turn):
            case {"type": "drew", "card": card}:
                assert theirs.is_chance_node()
                assert theirs.legal_actions() == sorted(stock)
                theirs.apply_action(NUMBERS[card])
                stock.remove(NUMBERS[card])
            case {"type": "reshuffled"}:
                stock = {NUMBERS[card] for card in before.discards[:-1]}
    assert not theirs.is_chance_node()


def choose(legal: Sequence[Action], habit: str, pick: Chance) -> Action:
    """One of these at random, but seven times of eight after this habit where it can be."""
    wanted = [action for action in legal if likes(habit, action)]
    return pick.choice(wanted if wanted and pick.below(8) else legal)


def likes(habit: str, action: Action) -> bool:
    """Whether players of this habit like to do this."""
    match action:
        case Play(card=card):
            return habit == "play" or (habit == "twos" and rank_of(card) is Rank.TWO)
        case Draw() | Pass():
            return habit in ("keep", "twos")
        case ChooseSuit():
            return False


# ---- what has to be the same


def assert_same_table(theirs: Theirs, ours: State) -> None:
    """Every player sees there what they see here: their hand, the counts of the others, the top, suit, direction.

    An observation there is a row of numbers: for each card whether the player lacks it and whether they hold it; for
    each card whether it is on top; for each suit whether it is in force; for each other player and each number from 0
    to 52 whether they hold so many cards; and with special cards, whether the direction is the first one.
    """
    players = len(ours.hands)
    for seat, hand in enumerate(ours.hands):
        seen = theirs.observation_tensor(seat)
        holds = [0.0] * 52
        for card in hand:
            holds[NUMBERS[card]] = 1.0
        assert seen[1:104:2] == holds
        assert CARDS[seen.index(1.0, 104) - 104] == ours.top
        if ours.suit is not None:  # while it is to be chosen, they name that of the eight
            assert _SUITS[seen.index(1.0, 156) - 156] is ours.suit
        for other in range(1, players):
            counts = seen[160 + 53 * (other - 1) : 160 + 53 * other]
            assert counts.index(1.0) == len(ours.hands[(seat + other) % players])
        if ours.options.special_cards and ours.outcome is None:  # there an ace that ends the game still turns it
            assert seen[-1] == (ours.direction == 1)


def assert_same_result(theirs: Theirs, ours: State, outcome: Outcome) -> None:
    """Whoever goes out wins, in both; if nobody does, whoever has the best score by OpenSpiel's comments.

    Its code counts otherwise. That it has counted so, card by card, shows that it ended with the same hands.
    """
    returns = theirs.returns()
    assert returns == [-sum(map(penalty_in_code, hand)) for hand in ours.hands]
    assert outcome.scores == tuple(-sum(map(penalty, hand)) for hand in ours.hands)
    best = [seat for seat, score in enumerate(outcome.scores) if score == max(outcome.scores)]
    assert outcome.winner == (best[0] if len(best) == 1 else None)
    empty = [seat for seat, lost in enumerate(returns) if lost == 0]
    assert empty == ([outcome.winner] if outcome.reason == "went_out" else [])


# ---- the games


def happenings(before: State, step: Step[State]) -> set[str]:
    """What of the rarer rules this step followed."""
    kinds = [change.public["type"] for change in step.changes]
    told = {kind for kind in kinds if kind in ("reshuffled", "skipped", "reversed", "suit_chosen")}
    outcome = step.state.outcome
    if outcome is not None:
        told.add(outcome.reason)
    if step.state.owed > 2:
        told.add("a debt handed on")
    if before.owed and kinds[0] == "drew":
        drawn = kinds.count("drew")
        told.add("a debt paid" if drawn == before.owed else "a debt let off in part")
        if "reshuffled" in kinds[:-1]:
            told.add("a reshuffle within a debt")
        if drawn == before.owed and not step.state.stock:
            told.add("a debt paid with the last card")
    return told


@pytest.mark.parametrize(("players", "special_cards", "reshuffle"), TABLES)
def test_openspiel_agrees_at_every_step_of_every_game(players: int, special_cards: bool, reshuffle: bool) -> None:
    for number in range(-(-GAMES // len(TABLES))):
        play_in_step(made(f"{SEED}, {number}", players, special_cards, reshuffle))


def test_games_like_these_reach_every_rule_that_openspiel_has() -> None:
    wanted = {
        *(f"{rank.name} turned up" for rank in Rank),
        *("suit_chosen", "reshuffled", "went_out", "blocked", "play_limit"),
        *("skipped", "reversed", "a debt paid", "a debt handed on", "a debt let off in part"),
        *("a debt paid with the last card", "a reshuffle within a debt"),
    }
    reached: Counter[str] = Counter()
    with_special_cards = [table for table in TABLES if table[1]]
    for number in range(100):
        for table in with_special_cards:
            reached.update(play_in_step(made(f"whatever happens, {number}", *table)))
        if wanted <= reached.keys():
            return
    assert wanted <= reached.keys()
