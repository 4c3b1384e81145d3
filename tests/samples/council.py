"""A game of one to eight for tests, in which several act at once: a council.

In each of three rounds everybody votes for a number in secret; when all have voted, the votes are open, and everybody
whose number others have too is forced to pay one coin or two, in secret likewise. Who paid least has won. Who runs out
of time votes 1 and pays 2. With `rounds` another number of rounds is played.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, frozen

from actors.rules.interface import Change, ForcedAction, IllegalAction, MalformedAction, Outcome, Step
from actors.rules.saving import StateCodec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actors.rules.chance import Chance
    from actors.rules.interface import JsonObject

VOTES = range(1, 4)
COINS = (1, 2)


@frozen
class Word:
    """`{"type": "vote", "number": 3}` or `{"type": "pay", "number": 1}`."""

    type: str
    number: int


@frozen
class CouncilState:
    """`votes` of this round; `owing` have yet to pay, `paid` is what the others paid in this round; `coins` in all."""

    players: int
    rounds: int
    round: int = 1
    votes: tuple[tuple[int, int], ...] = ()
    owing: tuple[int, ...] = ()
    paid: tuple[tuple[int, int], ...] = ()
    coins: tuple[int, ...] = ()
    gone: tuple[int, ...] = ()
    phases: int = 0


_CODEC = StateCodec(CouncilState)


class Council:
    name = "council"
    version = "1"
    title = "Council"
    min_players = 1
    max_players = 8

    @property
    def options_schema(self) -> JsonObject:
        return {
            "type": "object",
            "properties": {"rounds": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3}},
            "additionalProperties": False,
        }

    def set_up(self, players: int, options: JsonObject, chance: Chance) -> CouncilState:
        return CouncilState(players, options.get("rounds", 3), coins=(0,) * players)

    def parse(self, action: JsonObject) -> Word:
        match action:
            case {"type": "vote" | "pay" as kind, "number": int() as number} if (
                type(number) is int and len(action) == 2
            ):
                return Word(kind, number)
        raise MalformedAction("an action is vote or pay, with a number")

    def dump(self, action: Word) -> JsonObject:
        return {"type": action.type, "number": action.number}

    def legal(self, state: CouncilState, seat: int) -> Sequence[Word]:
        if seat not in self.to_act(state):
            return ()
        return [Word("pay", n) for n in COINS] if state.owing else [Word("vote", n) for n in VOTES]

    def apply(self, state: CouncilState, seat: int, action: Word, chance: Chance) -> Step[CouncilState]:
        if action not in self.legal(state, seat):
            raise IllegalAction("vote for 1, 2 or 3; pay 1 or 2 when you owe")
        hidden = {"type": f"{action.type}_cast", "seat": seat}
        change = Change(hidden, {seat: {**hidden, "number": action.number}})
        return self._going_on(self._said(state, seat, action.number), (change,))

    def _said(self, state: CouncilState, seat: int, number: int) -> CouncilState:
        if not state.owing:
            return evolve(state, votes=(*state.votes, (seat, number)))
        owing = tuple(one for one in state.owing if one != seat)
        return evolve(state, owing=owing, paid=(*state.paid, (seat, number)))

    def _going_on(self, state: CouncilState, changes: tuple[Change, ...]) -> Step[CouncilState]:
        """Opens the votes when the last has voted, and begins the next round when the last has paid."""
        if state.owing or not set(self._left(state)) <= {seat for seat, _ in state.votes}:
            return Step(state, changes)
        if not state.paid and (owing := self._alike(state)):
            opened = Change({"type": "votes", "votes": dict(map(_as_text, state.votes))})
            return Step(evolve(state, owing=owing, phases=state.phases + 1), (*changes, opened))
        coins = list(state.coins)
        for seat, number in state.paid:
            coins[seat] += number
        closed = Change({"type": "round", "coins": coins})
        after = evolve(state, round=state.round + 1, votes=(), paid=(), coins=tuple(coins), phases=state.phases + 1)
        return Step(after, (*changes, closed))

    def _alike(self, state: CouncilState) -> tuple[int, ...]:
        numbers = [number for _, number in state.votes]
        return tuple(sorted(s for s, n in state.votes if numbers.count(n) > 1 and s not in state.gone))

    def _left(self, state: CouncilState) -> tuple[int, ...]:
        return tuple(seat for seat in range(state.players) if seat not in state.gone)

    def resign(self, state: CouncilState, seat: int, chance: Chance) -> Step[CouncilState]:
        gone = evolve(state, gone=(*state.gone, seat), owing=tuple(one for one in state.owing if one != seat))
        change = Change({"type": "resigned", "seat": seat})
        if self._is_over(gone):
            return Step(gone, (change,))
        was_paying = bool(state.owing)
        if was_paying and not gone.owing and not gone.paid:  # nobody is left who owes
            gone = evolve(gone, paid=((seat, 0),))
        return self._going_on(gone, (change,))

    end_in_draw = None

    def view(self, state: CouncilState, seat: int | None) -> JsonObject:
        votes, paid = dict(state.votes), dict(state.paid)
        return {
            "round": state.round,
            "coins": list(state.coins),
            "votes": dict(map(_as_text, state.votes)) if state.owing or state.paid else None,
            "voted": sorted(votes),
            "my_vote": None if seat is None else votes.get(seat),
            "my_payment": None if seat is None else paid.get(seat),
            "owing": list(state.owing),
        }

    def current(self, state: CouncilState) -> int | None:
        return None

    def to_act(self, state: CouncilState) -> tuple[int, ...]:
        if self._is_over(state):
            return ()
        voted = dict(state.votes)
        return state.owing or tuple(seat for seat in self._left(state) if seat not in voted)

    def forced(self, state: CouncilState) -> tuple[ForcedAction, ...]:
        if self._is_over(state):
            return ()
        vote = dict(state.votes)
        reason = "others have the same number"
        return tuple(ForcedAction(seat, "pay", reason, {"your_vote": vote[seat]}) for seat in state.owing)

    def turn(self, state: CouncilState) -> int:
        return state.phases

    def time_out(self, state: CouncilState, seats: tuple[int, ...], chance: Chance) -> Step[CouncilState]:
        number = 2 if state.owing else 1
        changes = []
        for seat in seats:
            state = self._said(state, seat, number)
            changes.append(Change({"type": "timed_out", "seat": seat}))
        return self._going_on(state, tuple(changes))

    def save(self, state: CouncilState) -> JsonObject:
        return _CODEC.save(state)

    def restore(self, saved: JsonObject) -> CouncilState:
        return _CODEC.restore(saved)

    def has_resigned(self, state: CouncilState, seat: int) -> bool:
        return seat in state.gone

    def _is_over(self, state: CouncilState) -> bool:
        return state.round > state.rounds or len(self._left(state)) < min(2, state.players)

    def outcome(self, state: CouncilState) -> Outcome | None:
        if not self._is_over(state):
            return None
        left = self._left(state)
        least = min((state.coins[seat] for seat in left), default=None)
        first = [seat for seat in left if state.coins[seat] == least]
        winner = first[0] if len(first) == 1 else None
        return Outcome(winner, tuple(-coins for coins in state.coins), "counted")


def _as_text(vote: tuple[int, int]) -> tuple[str, int]:
    return str(vote[0]), vote[1]
