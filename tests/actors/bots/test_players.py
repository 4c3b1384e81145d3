"""What the house's players decide follows from what their seat sees; the better they look, the better they play."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from actors.bots.budget import Budget
from actors.bots.match import play_match
from actors.bots.players import KINDS, CannotChoose, decide, kind_of
from actors.bots.sight import Sight
from actors.rules.chance import Chance, key_of
from actors.rules.crazy_eights import CrazyEights
from actors.rules.duel import Duel
from tests.actors.rules.duel.test_hidden import hidden_otherwise
from tests.samples.duel_games import Deal, play_out
from tests.samples.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors.rules.duel.state import State
    from actors.rules.interface import AnyRules, JsonObject

RULES = Duel()
FEW = Budget(iterations=25)
EVEN: JsonObject = {"decks": ["borderlands", "borderlands"]}


def sight(rules: AnyRules, state: Any, seat: int, players: int = 2, past: tuple[JsonObject, ...] = ()) -> Sight:  # noqa: ANN401
    legal = rules.legal(state, seat)
    actions = None if legal is None else tuple(rules.dump(action) for action in legal)
    return Sight(rules.name, rules.version, players, seat, rules.view(state, seat), actions, past)


def choices(seed: int, every: int) -> Iterator[tuple[State, int]]:
    """Positions in which somebody has something to choose."""
    for number, turn in enumerate(play_out(Deal(seed, EVEN, quick=95))):
        to_act = RULES.to_act(turn.after)
        if number % every == 0 and to_act and len(RULES.legal(turn.after, to_act[0])) > 1:
            yield turn.after, to_act[0]


@pytest.mark.parametrize("kind", KINDS)
def test_games_that_differ_only_in_what_a_player_may_not_see_are_played_alike(kind: str) -> None:
    met = 0
    for number, (state, seat) in enumerate(choices(4, 9)):
        other = hidden_otherwise(state, seat, number)
        met += other != state
        seed = number.to_bytes(16, "big")
        decision = decide(kind, RULES, sight(RULES, state, seat), seed, FEW)
        assert decide(kind, RULES, sight(RULES, other, seat), seed, FEW) == decision
        assert decision.instead is None
    assert met > 3


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_decided_is_legal_and_follows_from_the_seed(kind: str) -> None:
    for number, (state, seat) in enumerate(choices(5, 9)):
        seen, seed = sight(RULES, state, seat), number.to_bytes(16, "big")
        decision = decide(kind, RULES, seen, seed, FEW)
        assert seen.legal_actions is not None
        assert decision.action in seen.legal_actions
        assert decide(kind, RULES, seen, seed, FEW) == decision


@pytest.mark.parametrize("kind", ["mcts", "greedy"])
def test_a_winning_action_is_taken(kind: str) -> None:
    rules, chance = CrazyEights(), Chance(key_of("a deal"))
    state = rules.set_up(2, {"first_player": "seat_0"}, chance)
    card = next(card for card in state.stock if card[-1] == state.top[-1] and card[0] != "8")
    state = evolve(state, hands=((card,), state.hands[1]), stock=tuple(one for one in state.stock if one != card))
    state = evolve(state, discards=(*state.hands[0][1:], *state.discards))
    assert decide(kind, rules, sight(rules, state, 0), b"seed", FEW).action == {"type": "play", "card": card}


def test_where_there_is_one_action_nobody_thinks_about_it() -> None:
    class Thoughtless(Duel):
        def imagine(self, view: JsonObject, seat: int, chance: Chance) -> State:
            raise AssertionError("there is nothing to think about")

    (state, seat), *_ = choices(4, 9)
    seen = sight(RULES, state, seat)
    assert seen.legal_actions is not None
    lone = evolve(seen, legal_actions=seen.legal_actions[:1])
    assert decide("mcts", Thoughtless(), lone, b"seed", FEW).action == seen.legal_actions[0]


def test_rules_that_fail_in_an_imagined_position_are_played_more_simply() -> None:
    class Failing(Duel):
        def imagine(self, view: JsonObject, seat: int, chance: Chance) -> State:
            raise KeyError("a hidden card")

    state, seat = next(choices(4, 9))
    decision = decide("mcts", Failing(), sight(RULES, state, seat), b"seed", FEW)
    assert decision.instead == "duel failed in an imagined position: KeyError"


def test_rules_that_imagine_nothing_are_dealt_again_until_it_fits() -> None:
    rules, chance = Tally(), Chance(key_of("tally"))
    state = rules.set_up(2, {}, chance)
    past = []
    for number in (7, 8, 7):
        past.append(rules.view(state, 1))
        seat = rules.to_act(state)[0]
        state = rules.apply(state, seat, rules.parse({"type": "guess", "number": number}), chance).state
        if state.over:
            break
    if state.over:
        pytest.fail("the deal is to be another one")
    seen = sight(rules, state, 1, past=tuple(past))
    assert decide("mcts", rules, seen, b"seed", FEW).instead is None


def test_where_nothing_fits_that_is_said_and_a_simpler_player_plays() -> None:
    rules = Tally()
    state = rules.set_up(2, {}, Chance(b"key"))
    impossible = evolve(sight(rules, state, 0), state={"secret": -1, "all": None})
    decision = decide("mcts", rules, impossible, b"seed", FEW)
    assert decision.instead == "no deal of tally was found that fits what was seen"


def test_nobody_chooses_where_the_rules_list_nothing() -> None:
    state, seat = next(choices(4, 9))
    with pytest.raises(CannotChoose):
        decide("random", RULES, evolve(sight(RULES, state, seat), legal_actions=None), b"seed", FEW)


@pytest.mark.parametrize(
    ("user_id", "kind"),
    [
        ("npc:mcts", "mcts"),
        ("npc:greedy:left", "greedy"),
        ("npc:random:a:b", "random"),
        ("npc:mcts9000", None),
        ("npc:", None),
        ("npc", None),
        ("mcts", None),
        ("someone:mcts", None),
        ("00000000-0000-4000-8000-00000000000a", None),
    ],
)
def test_which_users_are_ours(user_id: str, kind: str | None) -> None:
    assert kind_of(user_id) == kind


def test_a_match_goes_the_same_way_for_the_same_seed() -> None:
    one, other = (play_match(RULES, ["mcts", "greedy"], "a seed", Budget(iterations=2), EVEN) for _ in range(2))
    assert one == other
    assert one.instead is None


def won(first: str, second: str, deals: int, budget: Budget, options: JsonObject = EVEN) -> float:
    """How many games the first wins, both of them on both sides of these deals: always as many, for by iterations the
    same deal is played in the same way."""
    wins = 0.0
    for deal in range(deals):
        for bots in ([first, second], [second, first]):
            winner = play_match(RULES, bots, f"deal {deal}", budget, options).outcome.winner
            wins += 0.5 if winner is None else bots[winner] == first
    return wins


def test_greedy_beats_random() -> None:
    assert won("greedy", "random", 2, FEW) == 4


def test_search_beats_random() -> None:
    assert won("mcts", "random", 2, Budget(iterations=10), EVEN | {"points_to_win": 1}) >= 3
