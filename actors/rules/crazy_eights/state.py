"""What a game of Crazy Eights is made of, and the questions one can ask of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from attrs import asdict, converters, evolve, field, fields, frozen

from actors.rules.cards import Card, Rank, Suit, rank_of, suit_of
from actors.rules.interface import Outcome

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject

MIN_PLAYERS: Final = 2
MAX_PLAYERS: Final = 5


@frozen
class Options:
    """How this table plays; the defaults are Bicycle's rules, with pagat.com's reshuffle.

    Whole numbers are converted, because JSON Schema takes 5.0 for an integer as well.
    """

    hand_size: int | None = field(default=None, converter=converters.optional(int))
    draw_limit: int | None = field(default=None, converter=converters.optional(int))
    draw_when_playable: bool = True
    pass_when_playable: bool = False
    reshuffle: bool = True
    extra_passes: int = field(default=0, converter=int)
    max_plays: int = field(default=500, converter=int)
    scoring: Literal["winner", "penalty"] = "winner"
    first_player: Literal["random", "seat_0"] = "random"
    special_cards: bool = False

    def cards_each(self, players: int) -> int:
        """How many cards are dealt to each: seven to two players, five to more, unless the options say."""
        if self.hand_size is not None:
            return self.hand_size
        return 7 if players == 2 else 5

    def unusual(self) -> JsonObject:
        """Those of the options that are not at their defaults."""
        return asdict(self, filter=lambda one, value: value != one.default)


def _schema(name: str, description: str, **constraints: object) -> JsonObject:
    default = getattr(fields(Options), name).default
    return {"description": description, "default": default, **constraints}


OPTIONS_SCHEMA: Final[JsonObject] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        # Nine at most: five players then leave seven cards, and one at least of them is no eight.
        "hand_size": _schema(
            "hand_size",
            "Cards dealt to each player; null: seven to two players, five to more.",
            type=["integer", "null"],
            minimum=1,
            maximum=9,
        ),
        "draw_limit": _schema(
            "draw_limit",
            "The most cards a player may draw in one turn; null: as many as there are.",
            type=["integer", "null"],
            minimum=1,
            maximum=52,
        ),
        "draw_when_playable": _schema(
            "draw_when_playable", "Whether a player who could play a card may draw instead.", type="boolean"
        ),
        "pass_when_playable": _schema(
            "pass_when_playable",
            "Whether a player who may draw no more may pass although they could play a card.",
            type="boolean",
        ),
        "reshuffle": _schema(
            "reshuffle",
            "Whether an exhausted stock is made anew from the discard pile but its top.",
            type="boolean",
        ),
        "extra_passes": _schema(
            "extra_passes",
            "How many passes in a row, beyond one by every player, with the stock exhausted, block the game.",
            type="integer",
            minimum=0,
            maximum=1,
        ),
        # At most so many that a game takes fewer than 10,000 steps (a table's default limit), whatever is played.
        "max_plays": _schema(
            "max_plays",
            "After so many cards played by all together the game ends, and the fewest points win.",
            type="integer",
            minimum=1,
            maximum=900,
        ),
        "scoring": _schema(
            "scoring",
            "winner: the winner scores what the others hold; penalty: everybody loses what they hold.",
            enum=["winner", "penalty"],
        ),
        "first_player": _schema("first_player", "Who begins: drawn by lot, or seat 0.", enum=["random", "seat_0"]),
        "special_cards": _schema(
            "special_cards",
            "Whether a queen skips the next player, an ace turns the direction round, and after a two the next "
            "player plays a two or draws two cards for each two.",
            type="boolean",
        ),
    },
}


@frozen
class State:
    """A position. Piles are tuples whose last card is the top; a hand is in the order in which it was drawn.

    `suit` is the suit to be matched; None: an eight lies on top and its player has not chosen yet (or the
    game ended on it). `draws` counts the cards drawn in this turn, `passes` the passes in a row with the
    stock exhausted, `plays` the cards played in the game. `forfeited` are the points that a seat held when it
    resigned and gave its cards away. `direction` is 1 where play goes from seat 0 to seat 1, -1 where it goes back.
    `owed` counts the cards that the player whose turn it is must draw for twos; while it is not 0 there is a stock.
    `turns` counts the times that the turn clock has started: with each turn, and with each suit that is to be chosen.
    """

    options: Options
    hands: tuple[tuple[Card, ...], ...]
    stock: tuple[Card, ...]
    discards: tuple[Card, ...]
    suit: Suit | None
    turn: int
    resigned: tuple[bool, ...]
    forfeited: tuple[int, ...]
    draws: int = 0
    passes: int = 0
    plays: int = 0
    direction: int = 1
    owed: int = 0
    turns: int = 0
    outcome: Outcome | None = None

    @property
    def top(self) -> Card:
        """The card that the next one is played upon."""
        return self.discards[-1]

    @property
    def choosing(self) -> bool:
        """Whether the suit of an eight must be chosen before anything else."""
        return self.suit is None and self.outcome is None

    def playing(self) -> tuple[int, ...]:
        """The seats that have not resigned."""
        return tuple(seat for seat, gone in enumerate(self.resigned) if not gone)

    def after(self, seat: int) -> int:
        """The next seat, in the direction of play, that has not resigned."""
        players = len(self.hands)
        others = ((seat + self.direction * step) % players for step in range(1, players + 1))
        return next(other for other in others if not self.resigned[other])

    def next_turn(self) -> State:
        """The next player's turn, of which nothing has happened yet."""
        return evolve(self, turn=self.after(self.turn), draws=0, turns=self.turns + 1)


def fits(state: State, card: Card) -> bool:
    """Whether this card may be played: an eight, or of the suit in force, or of the top card's rank.

    While cards are owed for twos, only another two may be.
    """
    rank = rank_of(card)
    if state.owed:
        return rank is Rank.TWO
    return rank is Rank.EIGHT or suit_of(card) is state.suit or rank is rank_of(state.top)


def can_play(state: State) -> bool:
    """Whether the player whose turn it is holds a card that fits."""
    return any(fits(state, card) for card in state.hands[state.turn])


def draws_left(state: State) -> int | None:
    """How many more cards the turn's limit lets its player draw; None: no limit."""
    limit = state.options.draw_limit
    return None if limit is None else limit - state.draws


def may_draw(state: State) -> bool:
    """Whether the player whose turn it is may draw; what they owe for twos, always."""
    if state.owed:
        return True
    if not state.stock or draws_left(state) == 0:
        return False
    return state.options.draw_when_playable or not can_play(state)


def may_pass(state: State) -> bool:
    """Whether the player whose turn it is may pass: only when they can draw no more."""
    if state.owed:
        return False
    if state.stock and draws_left(state) != 0:
        return False
    return state.options.pass_when_playable or not can_play(state)
