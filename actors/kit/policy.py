"""The restart policy, pure: `decide(policy, exited)` gives the next policy and what is to be done.

It follows OTP's supervisor (https://www.erlang.org/doc/apps/stdlib/supervisor): restart types, strategies, and the
restart intensity, in which failed restarts count. The shell that carries the actions out is `actors.kit.supervisor`.
"""

from __future__ import annotations

import enum
from typing import TypeAlias

from attrs import evolve, frozen


class Restart(enum.Enum):
    """Which exits of a child are followed by a restart."""

    PERMANENT = "permanent"  # every one
    TRANSIENT = "transient"  # crashes
    TEMPORARY = "temporary"  # none


class Strategy(enum.Enum):
    """Which siblings a restart takes along: they are stopped in reverse order, and started again in order."""

    ONE_FOR_ONE = "one_for_one"  # none
    REST_FOR_ONE = "rest_for_one"  # those that were started after it
    ONE_FOR_ALL = "one_for_all"  # all


class How(enum.Enum):
    """How a child came to its end, when nobody had asked it to."""

    NORMAL = "normal"
    CRASHED = "crashed"
    NEVER_UP = "never up"  # it was being restarted, and failed before it was up


@frozen
class Member:
    """A child, as far as the policy is concerned."""

    id: str
    restart: Restart


@frozen
class Exited:
    """The event: this child is gone; `at` in seconds of any clock that does not go back."""

    id: str
    how: How
    at: float


@frozen
class Stop:
    """Stop these, in this order, one at a time. Those already down need nothing."""

    ids: tuple[str, ...]


@frozen
class Forget:
    """This child does not come back."""

    id: str


@frozen
class Start:
    """After `delay` seconds start these, in this order; if one fails to come up, leave those after it."""

    ids: tuple[str, ...]
    delay: float


@frozen
class GiveUp:
    """Too many restarts: stop everything and fail. The child that was one too many does not come back either."""

    id: str


Action: TypeAlias = Stop | Forget | Start | GiveUp


@frozen
class Policy:
    """The state: the children in the order of their start, and the restarts that still count.

    More than `max_restarts` within `within` seconds is too many. A restart that fails is tried again after `backoff`
    seconds, then twice that, and so on, but always soon enough that failing on and on exceeds the intensity.
    """

    strategy: Strategy = Strategy.ONE_FOR_ONE
    max_restarts: int = 3
    within: float = 5.0
    backoff: float = 0.05
    members: tuple[Member, ...] = ()
    restarts: tuple[float, ...] = ()
    failures: int = 0

    def with_member(self, member: Member) -> Policy:
        """With this child as the last."""
        return evolve(self, members=(*self.members, member))

    def without_member(self, child_id: str) -> Policy:
        """Without that child."""
        return evolve(self, members=tuple(member for member in self.members if member.id != child_id))


def decide(policy: Policy, exited: Exited) -> tuple[Policy, tuple[Action, ...]]:
    """What to do now that a child is gone. Raises KeyError when the policy does not know it."""
    member = _member(policy, exited.id)
    if not _comes_back(member.restart, exited.how):
        return policy.without_member(member.id), (Forget(member.id),)
    policy = _counted(policy, exited)
    if len(policy.restarts) > policy.max_restarts:
        return policy, (GiveUp(member.id),)
    return _restart(policy, member)


def _member(policy: Policy, child_id: str) -> Member:
    for member in policy.members:
        if member.id == child_id:
            return member
    raise KeyError(child_id)


def _comes_back(restart: Restart, how: How) -> bool:
    match restart:
        case Restart.PERMANENT:
            return True
        case Restart.TRANSIENT:
            return how is not How.NORMAL
        case Restart.TEMPORARY:
            return False


def _counted(policy: Policy, exited: Exited) -> Policy:
    recent = tuple(at for at in policy.restarts if exited.at - at <= policy.within)
    failures = policy.failures + 1 if exited.how is How.NEVER_UP else 0
    return evolve(policy, restarts=(*recent, exited.at), failures=failures)


def _restart(policy: Policy, member: Member) -> tuple[Policy, tuple[Action, ...]]:
    place = policy.members.index(member)
    match policy.strategy:
        case Strategy.ONE_FOR_ONE:
            group: tuple[Member, ...] = (member,)
        case Strategy.REST_FOR_ONE:
            group = policy.members[place:]
        case Strategy.ONE_FOR_ALL:
            group = policy.members
    # A temporary sibling that is stopped for another's sake does not come back (OTP: "temporary … is never restarted
    # (even when the supervisor's restart strategy is rest_for_one or one_for_all …)").
    leaving = [sibling for sibling in group if sibling.restart is Restart.TEMPORARY]
    actions: list[Action] = []
    if len(group) > 1:
        actions.append(Stop(tuple(sibling.id for sibling in reversed(group) if sibling is not member)))
    for sibling in leaving:
        policy = policy.without_member(sibling.id)
        actions.append(Forget(sibling.id))
    actions.append(Start(tuple(sibling.id for sibling in group if sibling not in leaving), _delay(policy)))
    return policy, tuple(actions)


def _delay(policy: Policy) -> float:
    if policy.failures == 0:
        return 0.0
    # max_restarts of these in a row add up to less than the period, so that the intensity notices.
    longest = policy.within / (policy.max_restarts + 1)
    return float(min(policy.backoff * 2.0 ** (policy.failures - 1), longest))
