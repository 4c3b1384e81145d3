"""Whole games of Duel at random, for tests."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from attrs import field, frozen
from hypothesis import strategies as st

from actors.rules.chance import Chance, key_of
from actors.rules.duel import Duel
from actors.rules.duel.actions import Action, EndTurn
from actors.rules.duel.cards import CARDS, CreatureCard, is_a
from actors.rules.duel.decks import DECK_SIZE, MOST_OF_A_CARD, READY
from actors.rules.duel.effects import What
from actors.rules.duel.state import State
from actors.rules.interface import JsonObject, Step

if TYPE_CHECKING:
    from collections.abc import Iterator


RULES = Duel()


class Leave(enum.Enum):
    """What a seat does that is no action of the game."""

    RESIGNS = "resigns"
    DAWDLES = "dawdles"


@frozen
class Deal:
    """A game to be played at random, with everything that decides how it goes."""

    seed: int
    options: JsonObject = field(factory=dict)
    quick: int = 0
    """In how many of 100 turns that could go on the player does not think of ending it."""
    resigning: int = 0
    """In how many of 1000 steps a player, either, resigns."""
    dawdling: int = 0
    """In how many of 100 steps those who are to act let their time run out."""

    @property
    def key(self) -> bytes:
        """The key of the game's chance."""
        return key_of(str(self.seed))


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


def any_deck(seed: int) -> list[str]:
    """Forty cards at random: lines of evolution as often as not, every card sooner or later."""
    pick = Chance(key_of(f"deck {seed}"))
    basics = [card for card in CARDS if is_a(card, What.BASIC)]
    deck = [pick.choice(basics)]
    energies = [card for card in CARDS if is_a(card, What.ENERGY)]
    while len(deck) < DECK_SIZE:
        card = pick.choice(energies if pick.below(3) == 0 else list(CARDS))
        found = CARDS[card]
        wanted = [card]
        while isinstance(found, CreatureCard) and found.evolves_from is not None:
            wanted.append(found.evolves_from)
            found = CARDS[found.evolves_from]
        deck += [one for one in wanted if one in energies or deck.count(one) < MOST_OF_A_CARD]
    return deck[:DECK_SIZE]


_DECKS = st.sampled_from(sorted(READY)) | st.integers(0, 10_000).map(any_deck)
DEALS = st.builds(
    Deal,
    seed=st.integers(0, 2**64),
    options=st.fixed_dictionaries(
        {"decks": st.lists(_DECKS, min_size=2, max_size=2)},
        optional={"points_to_win": st.integers(1, 6), "first_player": st.sampled_from(["random", "seat_0"])},
    ),
    quick=st.sampled_from([0, 90, 95]),
    resigning=st.sampled_from([0, 0, 0, 3]),
    dawdling=st.sampled_from([0, 0, 10, 60]),
)


def play_out(deal: Deal) -> Iterator[Turn]:
    """Plays the game to its end."""
    chance, pick = Chance(deal.key), Chance(key_of(f"the players' moods in {deal.seed}"))
    state = RULES.set_up(2, deal.options, chance)
    while to_act := RULES.to_act(state):
        position, seat = chance.position, pick.choice(to_act)
        action: Action | Leave
        if pick.below(1000) < deal.resigning:
            seat, action = pick.below(2), Leave.RESIGNS
        elif pick.below(100) < deal.dawdling:
            action = Leave.DAWDLES
        else:
            legal = list(RULES.legal(state, seat))
            if len(legal) > 1 and pick.below(100) < deal.quick and EndTurn() in legal:
                legal.remove(EndTurn())
            action = pick.choice(legal)
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


def positions(deal: Deal) -> Iterator[State]:
    """Every position of the game."""
    yield RULES.set_up(2, deal.options, Chance(deal.key))
    for turn in play_out(deal):
        yield turn.after
