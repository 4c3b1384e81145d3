"""The sample game, where other tests rely on it: its clock, its time-out, its snapshots, its faults."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.rules.chance import Chance, key_of
from actors.rules.validation import validate
from tests.samples.tally import Guess, Tally, TallyState


def chance() -> Chance:
    return Chance(key_of("tally"))


states = st.builds(
    TallyState,
    secrets=st.lists(st.integers(1, 9), min_size=2, max_size=4).map(tuple),
    current=st.integers(0, 1),
    must_bow=st.none() | st.integers(0, 1),
    gone=st.frozensets(st.integers(2, 3)),
    winner=st.none() | st.integers(0, 1),
    over=st.booleans(),
    turns=st.integers(0, 99),
)


@given(states)
def test_a_state_is_restored_as_it_was_saved(state: TallyState) -> None:
    text = json.dumps(Tally().save(state))
    assert Tally().restore(json.loads(text)) == state
    assert json.dumps(Tally().save(Tally().restore(json.loads(text)))) == text


def test_a_turn_a_forced_bow_and_what_follows_it_each_have_a_clock_of_their_own() -> None:
    rules = Tally()
    begun = TallyState((3, 5))
    rude = rules.apply(begun, 0, Guess("guess", 0), chance()).state
    bowed = rules.apply(rude, 0, Guess("bow"), chance()).state
    missed = rules.apply(bowed, 1, Guess("guess", 9), chance()).state
    assert [rules.turn(state) for state in (begun, rude, bowed, missed)] == [0, 1, 2, 3]
    assert rules.turn(rules.resign(TallyState((1, 2, 3)), 2, chance()).state) == 0
    assert rules.turn(rules.resign(TallyState((1, 2, 3)), 0, chance()).state) == 1


@pytest.mark.parametrize("must_bow", [None, 0])
def test_who_runs_out_of_time_is_passed_over_and_needs_not_bow(must_bow: int | None) -> None:
    drawn = chance()
    step = Tally().time_out(TallyState((3, 5), must_bow=must_bow), (0,), drawn)
    assert (step.state.current, step.state.must_bow, step.state.turns) == (1, None, 1)
    assert step.changes[0].public == {"type": "timed_out", "seat": 0, "bowed": must_bow is not None}
    assert drawn.position > 0


@pytest.mark.parametrize("where", ["turn", "time_out", "save", "restore"])
@pytest.mark.parametrize("escape", [None, SystemExit(3)])
def test_it_can_be_told_to_fail_in_each_of_them(where: str, escape: BaseException | None) -> None:
    rules = Tally(fail_in=where)
    rules.escape = escape
    arguments = {"turn": (), "time_out": ((0,), chance())}.get(where, ())
    given_to = Tally().save(TallyState((1, 2))) if where == "restore" else TallyState((1, 2))
    with pytest.raises(KeyError if escape is None else type(escape)):
        getattr(rules, where)(given_to, *arguments)


def test_it_is_rules() -> None:
    assert validate(Tally()).name == "tally"
