"""The benchmarks' own game: two hidden hands, a turn each, a view of about a kilobyte, and no end.

It is the workload of the comparison with other servers (docs/performance.md), rule for rule: hands of seven, the player
whose turn it is plays one and draws the next, the last eight cards played lie open. It is no game for people, so no
server has it but one that `croupier bench serve` runs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, frozen

from actors.rules.interface import Change, IllegalAction, MalformedAction, Outcome, Step
from actors.rules.saving import StateCodec

if TYPE_CHECKING:
    from actors.rules.chance import Chance
    from actors.rules.interface import JsonObject

_SUITS: Final = ("clubs", "diamonds", "hearts", "spades")
_HAND: Final = 7
_OPEN: Final = 8
_LOOKS: Final = 10_000


@frozen
class Played:
    """A card that was played: by which seat, in which turn."""

    card: int
    by: int
    turn: int


@frozen
class Player:
    """One seat: its hidden hand, and what everybody knows of it."""

    hand: tuple[int, ...]
    score: int = 0
    played: int = 0


@frozen
class State:
    """The whole of it. Cards are numbers, dealt in their order; `resigned` is who gave up."""

    players: tuple[Player, ...]
    next_card: int
    turn: int = 0
    discard: tuple[Played, ...] = ()
    resigned: int | None = None


def _face(number: int) -> tuple[str, int]:
    face = (number * 7919 + 13) % 52
    return _SUITS[face // 13], face % 13 + 1


_FACES: Final = tuple(_face(number) for number in range(52))
"""Suit and rank of each card; they come again after 52."""


# What a card looks like never changes, and one is shown many times while it is on the table: each is made once.


@lru_cache(maxsize=_LOOKS)
def _card(number: int) -> JsonObject:
    suit, rank = _FACES[number % 52]
    return {"id": number, "suit": suit, "rank": rank}


@lru_cache(maxsize=_LOOKS)
def _lies_open(card: int, by: int, turn: int) -> JsonObject:
    return _card(card) | {"by": by, "turn": turn}


@lru_cache(maxsize=_LOOKS)
def _play(card: int) -> JsonObject:
    return {"type": "play", "card": card}


class BenchDuel:
    """The Rules of it; it holds nothing."""

    name: Final = "bench_duel"
    version: Final = "1"
    title: Final = "The benchmarks' duel"
    min_players: Final = 2
    max_players: Final = 2
    end_in_draw: Final = None
    options_schema: Final[JsonObject] = {"type": "object", "additionalProperties": False, "properties": {}}

    def set_up(self, players: int, options: JsonObject, chance: Chance) -> State:
        """Seven cards each."""
        hands = (tuple(range(1 + seat * _HAND, 1 + (seat + 1) * _HAND)) for seat in range(players))
        return State(tuple(Player(hand) for hand in hands), next_card=1 + players * _HAND)

    def parse(self, action: JsonObject) -> int:
        """The card that is played. Raises MalformedAction."""
        card = action.get("card")
        if action["type"] != "play" or type(card) is not int:
            raise MalformedAction("an action is {type: play, card: a number}")
        return card

    def dump(self, action: int) -> JsonObject:
        """Playing this card."""
        return _play(action)

    def legal(self, state: State, seat: int) -> tuple[int, ...]:
        """Any card of the hand."""
        return state.players[seat].hand if seat in self.to_act(state) else ()

    def apply(self, state: State, seat: int, action: int, chance: Chance) -> Step[State]:
        """Plays a card, and draws the next. Raises IllegalAction."""
        if state.resigned is not None or state.turn % 2 != seat:
            raise IllegalAction("it is not your turn")
        me = state.players[seat]
        if action not in me.hand:
            raise IllegalAction("that card is not in your hand")
        at = me.hand.index(action)
        mine = Player(
            (*me.hand[:at], *me.hand[at + 1 :], state.next_card),
            me.score + _FACES[action % 52][1],
            me.played + 1,
        )
        turn = state.turn + 1
        after = State(
            (mine, state.players[1]) if seat == 0 else (state.players[0], mine),
            state.next_card + 1,
            turn,
            (Played(action, seat, turn), *state.discard[: _OPEN - 1]),
        )
        return Step(after, (Change({"type": "play", "seat": seat, "card": action}),), "played")

    def resign(self, state: State, seat: int, chance: Chance) -> Step[State]:
        """The other one wins: the only way to an end."""
        return Step(evolve(state, resigned=seat), (Change({"type": "resign", "seat": seat}),), "resigned")

    def view(self, state: State, seat: int | None) -> JsonObject:
        """What that seat may see; a spectator sees no hand."""
        last = state.discard[0] if state.discard else None
        return {
            "turn": state.turn,
            "your_seat": seat,
            "hand": [] if seat is None else list(map(_card, state.players[seat].hand)),
            "players": [
                {
                    "name": f"Player {number}",
                    "score": player.score,
                    "played": player.played,
                    "hand_count": len(player.hand),
                }
                for number, player in enumerate(state.players)
            ],
            "discard": [_lies_open(one.card, one.by, one.turn) for one in state.discard],
            "discarded": state.turn,
            "last_action": None if last is None else {"type": "play", "seat": last.by, "card": last.card},
        }

    def current(self, state: State) -> int | None:
        """The seats take turns."""
        return None if state.resigned is not None else state.turn % 2

    def to_act(self, state: State) -> tuple[int, ...]:
        """One at a time."""
        return () if state.resigned is not None else (state.turn % 2,)

    def forced(self, state: State) -> tuple[Any, ...]:
        """Never anything."""
        return ()

    def turn(self, state: State) -> int:
        """Each action ends a turn."""
        return state.turn

    def time_out(self, state: State, seats: tuple[int, ...], chance: Chance) -> Step[State]:
        """The first card of the hand is played for them."""
        return self.apply(state, seats[0], state.players[seats[0]].hand[0], chance)

    def save(self, state: State) -> JsonObject:
        """The state as JSON."""
        return _CODEC.save(state)

    def restore(self, saved: JsonObject) -> State:
        """The state of that JSON."""
        return _CODEC.restore(saved)

    def has_resigned(self, state: State, seat: int) -> bool:
        """Whether that seat gave up."""
        return state.resigned == seat

    def outcome(self, state: State) -> Outcome | None:
        """None until somebody gives up."""
        if state.resigned is None:
            return None
        scores = tuple(float(player.score) for player in state.players)
        return Outcome(1 - state.resigned, scores, "resignation")


_CODEC: Final = StateCodec(State)
