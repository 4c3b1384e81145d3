"""The restart policy: OTP's, as a pure function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.kit.policy import (
    AutoShutdown,
    Exited,
    Forget,
    GiveUp,
    How,
    Member,
    Policy,
    Rest,
    Restart,
    ShutDown,
    Start,
    Stop,
    Strategy,
    decide,
)

if TYPE_CHECKING:
    from actors.kit.policy import (
        Action,
    )


def policy_of(*restarts: Restart, strategy: Strategy = Strategy.ONE_FOR_ONE, most: int = 3) -> Policy:
    policy = Policy(strategy=strategy, max_restarts=most)
    for name, restart in zip("abcdef", restarts, strict=False):
        policy = policy.with_member(Member(name, restart))
    return policy


P, T, X = Restart.PERMANENT, Restart.TRANSIENT, Restart.TEMPORARY


@pytest.mark.parametrize(
    ("restart", "how", "comes_back"),
    [
        (P, How.NORMAL, True),
        (P, How.CRASHED, True),
        (P, How.NEVER_UP, True),
        (T, How.NORMAL, False),
        (T, How.CRASHED, True),
        (T, How.NEVER_UP, True),
        (X, How.NORMAL, False),
        (X, How.CRASHED, False),
        (X, How.NEVER_UP, False),
    ],
)
def test_the_restart_type_and_the_exit_decide_whether_a_child_comes_back(
    restart: Restart, how: How, comes_back: bool
) -> None:
    policy, actions = decide(policy_of(restart), Exited("a", how, at=0.0))
    if comes_back:
        assert [type(action) for action in actions] == [Start]
        assert policy.members == (Member("a", restart),)
        return
    assert policy.restarts == ()
    if restart is X:
        assert actions == (Forget("a"),)
        assert policy.members == ()
    else:
        assert actions == (Rest("a"),)
        assert policy.members == (Member("a", restart, active=False),)


def test_one_for_one_restarts_the_child_alone() -> None:
    _, actions = decide(policy_of(P, P, P), Exited("b", How.CRASHED, at=0.0))
    assert actions == (Start(("b",), 0.0),)


def test_rest_for_one_takes_those_after_it_along_in_order() -> None:
    policy = policy_of(P, P, P, P, strategy=Strategy.REST_FOR_ONE)
    _, actions = decide(policy, Exited("b", How.CRASHED, at=0.0))
    assert actions == (Stop(("d", "c")), Start(("b", "c", "d"), 0.0))


def test_one_for_all_takes_all_along_in_order() -> None:
    policy = policy_of(P, P, P, strategy=Strategy.ONE_FOR_ALL)
    _, actions = decide(policy, Exited("b", How.CRASHED, at=0.0))
    assert actions == (Stop(("c", "a")), Start(("a", "b", "c"), 0.0))


def test_a_temporary_sibling_that_is_taken_along_does_not_come_back() -> None:
    policy = policy_of(P, X, P, strategy=Strategy.REST_FOR_ONE)
    after, actions = decide(policy, Exited("a", How.CRASHED, at=0.0))
    assert actions == (Stop(("c", "b")), Forget("b"), Start(("a", "c"), 0.0))
    assert [member.id for member in after.members] == ["a", "c"]


def test_as_many_restarts_as_allowed_are_made_and_one_more_is_given_up() -> None:
    policy = policy_of(P, most=2)
    for at in (0.0, 1.0):
        policy, actions = decide(policy, Exited("a", How.CRASHED, at))
        assert actions == (Start(("a",), 0.0),)
    _, actions = decide(policy, Exited("a", How.CRASHED, at=5.0))
    assert actions == (GiveUp("a"),)


def test_a_restart_older_than_the_period_no_longer_counts() -> None:
    policy = policy_of(P, most=1)
    policy, _ = decide(policy, Exited("a", How.CRASHED, at=0.0))
    policy, actions = decide(policy, Exited("a", How.CRASHED, at=5.01))
    assert actions == (Start(("a",), 0.0),)
    assert policy.restarts == (5.01,)


def test_the_intensity_counts_all_children_of_the_supervisor_together() -> None:
    policy = policy_of(P, P, most=1)
    policy, _ = decide(policy, Exited("a", How.CRASHED, at=0.0))
    _, actions = decide(policy, Exited("b", How.CRASHED, at=1.0))
    assert actions == (GiveUp("b"),)


def test_no_restart_at_all_when_none_is_allowed() -> None:
    _, actions = decide(policy_of(P, most=0), Exited("a", How.CRASHED, at=0.0))
    assert actions == (GiveUp("a"),)


def test_an_exit_that_needs_no_restart_does_not_count() -> None:
    policy = policy_of(T, X, most=0)
    policy, actions = decide(policy, Exited("b", How.CRASHED, at=0.0))
    assert actions == (Forget("b"),)
    _, actions = decide(policy, Exited("a", How.NORMAL, at=0.0))
    assert actions == (Rest("a"),)


def test_a_sibling_at_rest_is_started_with_its_group() -> None:
    policy = policy_of(P, T, P, strategy=Strategy.ONE_FOR_ALL)
    policy, _ = decide(policy, Exited("b", How.NORMAL, at=0.0))
    assert not policy.member("b").active
    policy, actions = decide(policy, Exited("a", How.CRASHED, at=1.0))
    assert actions == (Stop(("c", "b")), Start(("a", "b", "c"), 0.0))
    assert policy.member("b").active


def test_a_child_that_is_stopped_on_request_rests_and_a_temporary_one_is_gone() -> None:
    policy = policy_of(P, X).stopped("a").stopped("b")
    assert policy.members == (Member("a", P, active=False),)
    assert policy.started("a").members == (Member("a", P),)


def significant(*kinds: Restart, auto: AutoShutdown, strategy: Strategy = Strategy.ONE_FOR_ONE) -> Policy:
    policy = Policy(strategy=strategy, auto_shutdown=auto)
    for name, restart in zip("abcdef", kinds, strict=False):
        policy = policy.with_member(Member(name, restart, significant=restart is not P))
    return policy


@pytest.mark.parametrize(
    ("restart", "how", "shuts_down"),
    [
        (T, How.NORMAL, True),
        (T, How.CRASHED, False),
        (T, How.NEVER_UP, False),
        (X, How.NORMAL, True),
        (X, How.CRASHED, True),
    ],
)
def test_any_significant_child_that_does_not_come_back_shuts_down(restart: Restart, how: How, shuts_down: bool) -> None:
    policy = significant(restart, T, P, auto=AutoShutdown.ANY_SIGNIFICANT)
    _, actions = decide(policy, Exited("a", how, at=0.0))
    assert (ShutDown("a") in actions) is shuts_down


def test_the_last_significant_child_shuts_down() -> None:
    policy = significant(T, X, P, auto=AutoShutdown.ALL_SIGNIFICANT)
    policy, actions = decide(policy, Exited("a", How.NORMAL, at=0.0))
    assert actions == (Rest("a"),)
    _, actions = decide(policy, Exited("b", How.CRASHED, at=0.0))
    assert actions == (Forget("b"), ShutDown("b"))


def test_a_significant_child_that_was_stopped_on_request_no_longer_counts() -> None:
    policy = significant(T, T, auto=AutoShutdown.ALL_SIGNIFICANT).stopped("a")
    _, actions = decide(policy, Exited("b", How.NORMAL, at=0.0))
    assert actions == (Rest("b"), ShutDown("b"))


@pytest.mark.parametrize("auto", AutoShutdown)
def test_a_child_that_is_not_significant_never_shuts_down(auto: AutoShutdown) -> None:
    policy = Policy(auto_shutdown=auto).with_member(Member("a", T))
    _, actions = decide(policy, Exited("a", How.NORMAL, at=0.0))
    assert actions == (Rest("a"),)


def test_a_significant_sibling_that_is_taken_along_does_not_shut_down() -> None:
    policy = significant(P, X, auto=AutoShutdown.ANY_SIGNIFICANT, strategy=Strategy.ONE_FOR_ALL)
    _, actions = decide(policy, Exited("a", How.CRASHED, at=0.0))
    assert actions == (Stop(("b",)), Forget("b"), Start(("a",), 0.0))


@pytest.mark.parametrize("auto", AutoShutdown)
def test_a_permanent_child_cannot_be_significant(auto: AutoShutdown) -> None:
    policy = Policy(auto_shutdown=auto)
    policy.check("a", P, False)
    with pytest.raises(ValueError, match="a is permanent"):
        policy.check("a", P, True)


def test_without_automatic_shutdown_no_child_can_be_significant() -> None:
    Policy(auto_shutdown=AutoShutdown.ANY_SIGNIFICANT).check("a", T, True)
    with pytest.raises(ValueError, match="without automatic shutdown"):
        Policy().check("a", T, True)


@pytest.mark.parametrize("wrong", [{"max_restarts": -1}, {"within": 0.0}, {"backoff": -1.0}])
def test_an_intensity_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Policy(**wrong)


def test_an_unknown_child_is_an_error() -> None:
    with pytest.raises(KeyError):
        decide(policy_of(P), Exited("z", How.CRASHED, at=0.0))


def test_failed_restarts_wait_longer_each_time_and_the_next_crash_starts_anew() -> None:
    policy = policy_of(P, most=9)
    delays = []
    for how in (How.CRASHED, How.NEVER_UP, How.NEVER_UP, How.NEVER_UP, How.CRASHED, How.NEVER_UP):
        policy, actions = decide(policy, Exited("a", how, at=0.0))
        delays += [action.delay for action in actions if isinstance(action, Start)]
    assert delays == [0.0, 0.05, 0.1, 0.2, 0.0, 0.05]


@given(chance=st.floats(0.0, 1.0, exclude_max=True), failures=st.integers(1, 2000))
def test_chance_shortens_a_backoff_by_as_much_as_half(chance: float, failures: int) -> None:
    policy = Policy(max_restarts=failures, within=1e9, failures=failures - 1).with_member(Member("a", P))
    _, (plain,) = decide(policy, Exited("a", How.NEVER_UP, at=0.0))
    _, (shorter,) = decide(policy, Exited("a", How.NEVER_UP, 0.0, chance))
    assert isinstance(plain, Start)
    assert isinstance(shorter, Start)
    assert shorter.delay == plain.delay * (1 - chance / 2)
    assert plain.delay / 2 <= shorter.delay <= plain.delay


@given(
    most=st.integers(0, 50),
    within=st.floats(0.01, 1000),
    backoff=st.floats(0.0, 1000),
    chances=st.lists(st.floats(0.0, 1.0, exclude_max=True), min_size=50, max_size=50),
)
def test_a_child_that_always_fails_to_restart_is_given_up(
    most: int, within: float, backoff: float, chances: list[float]
) -> None:
    """However long the backoff, whatever chance says: the delays add up to less than the period."""
    policy = Policy(max_restarts=most, within=within, backoff=backoff).with_member(Member("a", P))
    at = 1_000.0
    policy, actions = decide(policy, Exited("a", How.CRASHED, at))
    for _ in range(most):
        (start,) = actions
        assert isinstance(start, Start)
        at += start.delay
        policy, actions = decide(policy, Exited("a", How.NEVER_UP, at, chances.pop()))
    assert actions == (GiveUp("a"),)


exits = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(How), st.floats(0.0, 3.0)),
    max_size=20,
)


@given(
    strategy=st.sampled_from(Strategy),
    kinds=st.lists(st.sampled_from(Restart), min_size=1, max_size=5),
    most=st.integers(0, 3),
    exits=exits,
)
def test_the_policy_agrees_with_a_plain_model(
    strategy: Strategy, kinds: list[Restart], most: int, exits: list[tuple[int, How, float]]
) -> None:
    policy = policy_of(*kinds, strategy=strategy, most=most)
    alive = dict(zip("abcdef", kinds, strict=False))  # the model: who lives, and when it was restarted
    log: list[float] = []
    now = 0.0
    resting: set[str] = set()
    for pick, how, passed in exits:
        now += passed
        names = list(alive)
        awake = [name for name in names if name not in resting]
        if not awake:
            return
        name = awake[pick % len(awake)]
        policy, actions = decide(policy, Exited(name, how, now))
        kind = alive[name]
        if kind is X:
            del alive[name]
            assert actions == (Forget(name),)
            continue
        if kind is T and how is How.NORMAL:
            resting.add(name)
            assert actions == (Rest(name),)
            continue
        log.append(now)
        if sum(now - at <= 5.0 for at in log) > most:
            assert actions == (GiveUp(name),)
            return
        place = names.index(name)
        first, last = {
            Strategy.ONE_FOR_ONE: (place, place + 1),
            Strategy.REST_FOR_ONE: (place, len(names)),
            Strategy.ONE_FOR_ALL: (0, len(names)),
        }[strategy]
        group = names[first:last]
        assert ids_of(actions, Stop) == [sibling for sibling in reversed(group) if sibling != name]
        assert ids_of(actions, Forget) == [sibling for sibling in group if alive[sibling] is X]
        assert ids_of(actions, Start) == [sibling for sibling in group if alive[sibling] is not X]
        assert isinstance(actions[-1], Start)
        alive = {n: k for n, k in alive.items() if n not in group or k is not X}
        resting -= set(group)
        assert [member.id for member in policy.members] == list(alive)
        assert {member.id for member in policy.members if not member.active} == resting


def ids_of(actions: tuple[Action, ...], kind: type[Stop | Forget | Start]) -> list[str]:
    ids: list[str] = []
    for action in actions:
        if isinstance(action, kind):
            match action:
                case Stop(several) | Start(several, _):
                    ids += several
                case Forget(one):
                    ids.append(one)
    return ids
