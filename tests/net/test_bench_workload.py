"""The benchmarks' own game: that it is the workload that the others play, and that servers have it only when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.rules.chance import Chance
from actors.rules.interface import IllegalAction, MalformedAction
from actors.rules.registry import Registry
from actors.rules.validation import InvalidRules, validate
from net.bench.server import started_server
from net.bench.workload import BenchDuel

if TYPE_CHECKING:
    from net.bench.workload import State

RULES = BenchDuel()
CHANCE = Chance(b"k" * 32)


def played(choices: list[int]) -> State:
    """After so many turns, in each of which the card at that place of the hand was played."""
    state = RULES.set_up(2, {}, CHANCE)
    for at in choices:
        seat = state.turn % 2
        state = RULES.apply(state, seat, state.players[seat].hand[at], CHANCE).state
    return state


choices = st.lists(st.integers(0, 6), max_size=30)


def test_it_passes_the_checks_of_rules() -> None:
    assert validate(RULES) is RULES


def test_the_first_view_is_that_of_the_workload() -> None:
    view = RULES.view(RULES.set_up(2, {}, CHANCE), 0)
    assert [card["id"] for card in view["hand"]] == [1, 2, 3, 4, 5, 6, 7]
    assert view["hand"][0] == {"id": 1, "suit": "hearts", "rank": 3}
    assert (view["turn"], view["discard"], view["last_action"]) == (0, [], None)


def test_a_played_card_lies_open_and_the_next_one_is_drawn() -> None:
    view = RULES.view(played([0]), 0)
    assert [card["id"] for card in view["hand"]] == [2, 3, 4, 5, 6, 7, 15]
    assert view["discard"] == [{"id": 1, "suit": "hearts", "rank": 3, "by": 0, "turn": 1}]
    assert view["players"][0] == {"name": "Player 0", "score": 3, "played": 1, "hand_count": 7}
    assert view["last_action"] == {"type": "play", "seat": 0, "card": 1}


@given(choices)
def test_nobody_sees_a_card_of_another_hand(choices: list[int]) -> None:
    state = played(choices)
    for viewer in (0, 1, None):
        shown = {card["id"] for card in RULES.view(state, viewer)["hand"]}
        assert shown == (set() if viewer is None else set(state.players[viewer].hand))


@given(choices)
def test_a_state_comes_back_from_its_save(choices: list[int]) -> None:
    state = played(choices)
    assert RULES.restore(RULES.save(state)) == state


@given(choices)
def test_every_legal_action_survives_its_json_and_is_taken(choices: list[int]) -> None:
    state = played(choices)
    seat = state.turn % 2
    assert RULES.legal(state, 1 - seat) == ()
    for action in RULES.legal(state, seat):
        assert RULES.parse(RULES.dump(action)) == action
        assert RULES.apply(state, seat, action, CHANCE).state.turn == state.turn + 1


@pytest.mark.parametrize(("seat", "card"), [(1, 8), (0, 8)])
def test_who_is_not_to_act_and_what_is_not_in_the_hand_is_refused(seat: int, card: int) -> None:
    with pytest.raises(IllegalAction):
        RULES.apply(played([]), seat, card, CHANCE)


@pytest.mark.parametrize("action", [{"type": "play"}, {"type": "play", "card": "1"}, {"type": "pass", "card": 1}])
def test_what_is_no_play_is_malformed(action: dict[str, Any]) -> None:
    with pytest.raises(MalformedAction):
        RULES.parse(action)


def test_it_ends_only_when_somebody_gives_up() -> None:
    state = played([0, 0, 0])
    assert RULES.outcome(state) is None
    given_up = RULES.resign(state, 0, CHANCE).state
    outcome = RULES.outcome(given_up)
    assert outcome is not None
    assert outcome.winner == 1
    assert RULES.to_act(given_up) == ()


def test_a_dawdler_plays_their_first_card() -> None:
    assert RULES.time_out(played([]), (0,), CHANCE).state == played([0])


def test_no_server_has_it_unless_asked_to() -> None:
    assert BenchDuel.name not in Registry.discover().names
    assert BenchDuel.name in Registry.discover([RULES]).names


def test_rules_of_a_name_that_is_taken_are_refused() -> None:
    with pytest.raises(InvalidRules, match="already there"):
        Registry.discover([RULES, RULES])


async def test_the_server_of_croupier_bench_serve_has_it() -> None:
    async with started_server(connections=10, bench_rules=True) as server:
        names = [rules["name"] for rules in await server.api.rules()]
    assert names == ["bench_duel", "crazy_eights", "duel"]
