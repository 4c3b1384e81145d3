"""How the game goes on by itself: effects, knock-outs, victory, the check-up between turns, the next turn.

`settle` is called at the end of each step, and stops where a player must decide something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from actors.rules.duel.effects import Condition
from actors.rules.duel.resolving import resolve
from actors.rules.duel.state import POISON, Stage
from actors.rules.interface import Change, Outcome

if TYPE_CHECKING:
    from actors.rules.duel.bout import Bout

POINTS: Final = "points"
NO_CREATURE: Final = "no_creature"
EMPTY_DECK: Final = "empty_deck"
RESIGNATION: Final = "resignation"
BOTH_AT_ONCE: Final = "both_at_once"


def settle(bout: Bout) -> None:
    """Carries the game on until a player must act, or it is over."""
    while not bout.over:
        resolve(bout)
        if bout.state.resolving is None:
            knock_out(bout)
        if not _goes_on(bout):
            return
        if bout.state.stage is Stage.CHECKUP:
            check_up(bout)
        else:
            begin_turn(bout)


def _goes_on(bout: Bout) -> bool:
    """Whether what comes next comes by itself."""
    state = bout.state
    waits = bout.over or state.resolving is not None or state.promoting() is not None
    return not waits and state.stage in (Stage.CHECKUP, Stage.NEXT_TURN)


# ---- knock-outs and victory


def knock_out(bout: Bout) -> None:
    """Discards every creature with as much damage as hit points, scores them, and sees whether somebody has won."""
    fallen = False
    for seat in (bout.state.turn, 1 - bout.state.turn):
        for spot in reversed(bout.side(seat).spots()):
            there = bout.side(seat).at(spot)
            if there.knocked_out:
                fallen = True
                _remove(bout, seat, spot)
                scorer = bout.side(1 - seat)
                bout.set_side(1 - seat, evolve(scorer, points=scorer.points + there.card.points))
                bout.tell(
                    "knocked_out",
                    seat,
                    spot=spot,
                    card=there.stages[-1],
                    points=[side.points for side in bout.state.sides],
                )
    if fallen:
        _see_who_has_won(bout)


def _remove(bout: Bout, seat: int, spot: int) -> None:
    side = bout.side(seat)
    there = side.at(spot)
    bout.set_side(seat, evolve(side.vacated(spot), discard=(*side.discard, *there.cards)))


def _see_who_has_won(bout: Bout) -> None:
    sides = bout.state.sides
    enough = [side.points >= bout.state.points_to_win for side in sides]
    bare = [not side.spots() for side in sides]
    won = [enough[seat] or bare[1 - seat] for seat in (0, 1)]
    if won == [True, True]:
        ahead = sides[0].points - sides[1].points
        end(bout, None if ahead == 0 else 0 if ahead > 0 else 1, BOTH_AT_ONCE)
    elif any(won):
        winner = won.index(True)
        end(bout, winner, POINTS if enough[winner] else NO_CREATURE)


def end(bout: Bout, winner: int | None, reason: str) -> None:
    """The game is over."""
    scores = (0.5, 0.5) if winner is None else (1.0, 0.0) if winner == 0 else (0.0, 1.0)
    bout.state = evolve(bout.state, outcome=Outcome(winner, scores, reason), resolving=None)
    bout.changes.append(Change({"type": "ended", "reason": reason, "winner": winner}))


# ---- between turns


def check_up(bout: Bout) -> None:
    """Between turns: poison hurts, sleepers flip for waking, and what held for this turn holds no more."""
    bout.state = evolve(bout.state, stage=Stage.NEXT_TURN)
    for seat in (bout.state.turn, 1 - bout.state.turn):
        there = bout.side(seat).at(0)
        if Condition.POISONED in there.conditions:
            bout.hurt(seat, 0, POISON)
        if Condition.ASLEEP in there.conditions and bout.flip(seat, "waking"):
            bout.lift(seat, Condition.ASLEEP)
        for spot in bout.side(seat).spots():
            _let_lapse(bout, seat, spot)


def _let_lapse(bout: Bout, seat: int, spot: int) -> None:
    there, number = bout.side(seat).at(spot), bout.state.number
    if there.guard and there.guard_turn <= number:
        bout.set_creature(seat, spot, evolve(there, guard=0, guard_turn=0))
    if there.held_turn and there.held_turn <= number:
        bout.set_creature(seat, spot, evolve(bout.side(seat).at(spot), held_turn=0))


def begin_turn(bout: Bout) -> None:
    """The other player's turn, which begins with a card drawn; a player who has none to draw has lost."""
    before = bout.state
    seat = 1 - before.turn if before.number else before.turn
    bout.state = evolve(
        before,
        turn=seat,
        number=before.number + 1,
        stage=Stage.MAIN,
        attached=False,
        retreated=False,
        planned=False,
    )
    bout.tell("turn", seat, number=bout.state.number)
    if bout.side(seat).deck:
        bout.draw(seat, 1)
    else:
        end(bout, 1 - seat, EMPTY_DECK)
