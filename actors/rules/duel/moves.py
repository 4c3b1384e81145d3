"""What the player whose turn it is does, once it is known that they may; promotion; resignation; time that is up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from actors.rules.duel import checks
from actors.rules.duel.actions import Attach, Bench, Choose, EndTurn, Evolve, Play, Retreat, Strike
from actors.rules.duel.cards import CARDS, ActionCard, is_a, name_of
from actors.rules.duel.choices import choice_due
from actors.rules.duel.combat import strike
from actors.rules.duel.effects import What
from actors.rules.duel.opening import choose_active, yet_to_choose
from actors.rules.duel.resolving import discard_energy, take
from actors.rules.duel.state import InPlay, Resolving, Stage
from actors.rules.duel.turns import RESIGNATION, end
from actors.rules.interface import IllegalAction

if TYPE_CHECKING:
    from actors.rules.duel.actions import Action
    from actors.rules.duel.bout import Bout


def move(bout: Bout, action: Action) -> None:
    """Takes an action of the player whose turn it is, when nobody owes a choice. Raises IllegalAction."""
    if (reason := checks.why_not(bout.state, action)) is not None:
        raise IllegalAction(reason)
    seat = bout.state.turn
    match action:
        case Bench(card=card):
            _bench(bout, seat, card)
        case Evolve(card=card, spot=spot):
            _evolve(bout, seat, card, spot)
        case Attach(card=card, spot=spot):
            _attach(bout, seat, card, spot)
        case Play(card=card):
            _play(bout, seat, card)
        case Retreat(spot=spot, pay=pay):
            _retreat(bout, seat, spot, pay)
        case Strike(attack=attack):
            strike(bout, seat, attack)
        case EndTurn():
            bout.state = evolve(bout.state, stage=Stage.CHECKUP)
            bout.tell("turn_ended", seat)
            bout.message = "You ended your turn."


def _bench(bout: Bout, seat: int, card: str) -> None:
    side = bout.side(seat).without(card)
    bout.set_side(seat, evolve(side, bench=(*side.bench, InPlay((card,), since=bout.state.number))))
    bout.tell("benched", seat, spot=len(side.bench) + 1, card=card)
    bout.message = f"{name_of(card)} is on your bench."


def _evolve(bout: Bout, seat: int, card: str, spot: int) -> None:
    side = bout.side(seat).without(card)
    there = side.at(spot)
    after = evolve(there.rested(), stages=(*there.stages, card), since=bout.state.number)
    bout.set_side(seat, side.put(spot, after))
    bout.tell("evolved", seat, spot=spot, card=card)
    bout.message = f"{there.card.name} evolved into {name_of(card)}."


def _attach(bout: Bout, seat: int, card: str, spot: int) -> None:
    side = bout.side(seat).without(card)
    there = side.at(spot)
    bout.set_side(seat, side.put(spot, there.with_energies((*there.energies, card))))
    bout.state = evolve(bout.state, attached=True)
    bout.tell("attached", seat, spot=spot, card=card)
    bout.message = f"{there.card.name} has {name_of(card)}."


def _play(bout: Bout, seat: int, card: str) -> None:
    side = bout.side(seat).without(card)
    played = CARDS[card]
    assert isinstance(played, ActionCard)
    bout.set_side(seat, evolve(side, discard=(*side.discard, card)))
    planned = bout.state.planned or played.kind == "plan"
    bout.state = evolve(bout.state, planned=planned, resolving=Resolving(seat, card))
    bout.tell("played", seat, card=card)
    bout.message = f"You played {played.name}."


def _retreat(bout: Bout, seat: int, spot: int, pay: tuple[str, ...]) -> None:
    leaving = bout.side(seat).at(0)
    for energy in pay:
        discard_energy(bout, seat, energy)
    bout.swap(seat, spot)
    bout.state = evolve(bout.state, retreated=True)
    bout.message = f"{leaving.card.name} retreated."


# ---- what is owed


def promote(bout: Bout, seat: int, spot: int) -> None:
    """Makes a creature of the bench the active one. Raises IllegalAction."""
    side = bout.side(seat)
    if bout.state.promoting() != seat:
        raise IllegalAction("there is nothing for you to promote")
    if spot not in side.spots():
        raise IllegalAction("you have no creature on that spot of your bench")
    coming = side.at(spot)
    bout.set_side(seat, evolve(side.vacated(spot), active=coming))
    bout.tell("promoted", seat, spot=spot, card=coming.stages[-1])
    bout.message = f"{coming.card.name} is your active creature."


def choose(bout: Bout, seat: int, chosen: Choose) -> None:
    """Makes the choice that an effect asks for. Raises IllegalAction."""
    due = choice_due(bout.state)
    if due is None or due.seat != seat:
        raise IllegalAction("there is nothing for you to choose")
    if chosen not in due.actions:
        raise IllegalAction(f"that cannot be chosen: {due.reason}")
    bout.message = "You chose." if chosen != Choose() else "You chose nothing."
    take(bout, chosen)


# ---- leaving, and dawdling


def resign(bout: Bout, seat: int) -> None:
    """That seat gives up, and the other has won. Raises IllegalAction when the game is over."""
    if bout.state.outcome is not None:
        raise IllegalAction("the game is over")
    bout.state = evolve(bout.state, resigned=seat)
    bout.tell("resigned", seat)
    bout.message = "You resigned."
    end(bout, 1 - seat, RESIGNATION)


def time_out(bout: Bout, seats: tuple[int, ...]) -> None:
    """The first of what these seats could do: the first basic creature of the hand, the first of the bench, the first
    of what an effect offers, or nothing where that can be chosen; and a turn in which nothing is owed ends."""
    state = bout.state
    for seat in seats:
        bout.tell("timed_out", seat)
    for seat in yet_to_choose(state):
        choose_active(bout, seat, next(card for card in bout.side(seat).hand if is_a(card, What.BASIC)))
    if state.stage is Stage.OPENING:
        return
    if (due := choice_due(state)) is not None:
        choose(bout, due.seat, Choose() if due.may_decline else due.actions[0])
    elif (promoting := state.promoting()) is not None:
        promote(bout, promoting, 1)
    else:
        move(bout, EndTurn())
