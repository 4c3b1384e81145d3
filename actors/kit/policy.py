"""The restart policy, pure: `decide(policy, exited)` gives the next policy and what is to be done.

It follows OTP's supervisor (https://www.erlang.org/doc/apps/stdlib/supervisor): restart types, strategies, automatic
shutdown, and the restart intensity, in which failed restarts count. docs/otp.md compares the two, point by point. The
shell that carries the actions out is `actors.kit.supervisor`.
"""

from __future__ import annotations

import enum
from typing import TypeAlias

from attrs import evolve, field, frozen, validators

JITTER = 0.5
"""The part of a backoff that chance may take away. It only shortens, so that no jitter outlasts the intensity's
period ("equal jitter": Brooker, Exponential Backoff And Jitter, AWS 2015)."""


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


class AutoShutdown(enum.Enum):
    """When a supervisor ends by itself: after significant children that ended and do not come back."""

    NEVER = "never"
    ANY_SIGNIFICANT = "any_significant"  # after the first of them
    ALL_SIGNIFICANT = "all_significant"  # after the last of them


class How(enum.Enum):
    """How a child came to its end, when nobody had asked it to."""

    NORMAL = "normal"
    CRASHED = "crashed"
    NEVER_UP = "never up"  # it was being restarted, and failed before it was up


@frozen
class Member:
    """A child, as far as the policy is concerned. `active`: it runs, or is to run; else it rests, and only a request
    or a sibling's restart brings it back."""

    id: str
    restart: Restart
    significant: bool = False
    active: bool = True


@frozen
class Exited:
    """The event: this child is gone; `at` in seconds of any clock that does not go back. `chance`, at least 0 and
    below 1, is how much of the jitter a backoff is to have: all randomness comes from outside."""

    id: str
    how: How
    at: float
    chance: float = 0.0


@frozen
class Stop:
    """Stop these, in this order, one at a time. Those already down need nothing."""

    ids: tuple[str, ...]


@frozen
class Forget:
    """This child does not come back, and is no child any more."""

    id: str


@frozen
class Rest:
    """This child has ended in order. It stays a child, at rest."""

    id: str


@frozen
class Start:
    """After `delay` seconds start these, in this order; if one fails to come up, leave those after it."""

    ids: tuple[str, ...]
    delay: float


@frozen
class ShutDown:
    """The significant children have done what there was to do: stop everything and end in order."""

    id: str


@frozen
class GiveUp:
    """Too many restarts: stop everything and fail. The child that was one too many does not come back either."""

    id: str


Action: TypeAlias = Stop | Forget | Rest | Start | ShutDown | GiveUp


@frozen
class Policy:
    """The state: the children in the order of their start, and the restarts that still count.

    More than `max_restarts` within `within` seconds is too many. A restart that fails is tried again after `backoff`
    seconds, then twice that, and so on, each shortened by as much as half, as chance says, and always soon enough that
    failing on and on exceeds the intensity.
    """

    strategy: Strategy = Strategy.ONE_FOR_ONE
    max_restarts: int = field(default=3, validator=validators.ge(0))
    within: float = field(default=5.0, validator=validators.gt(0))
    backoff: float = field(default=0.05, validator=validators.ge(0))
    auto_shutdown: AutoShutdown = AutoShutdown.NEVER
    members: tuple[Member, ...] = ()
    restarts: tuple[float, ...] = ()
    failures: int = 0

    def member(self, child_id: str) -> Member:
        """The child of this id. Raises KeyError when there is none."""
        for member in self.members:
            if member.id == child_id:
                return member
        raise KeyError(child_id)

    def check(self, child_id: str, restart: Restart, significant: bool) -> None:
        """Raises ValueError for a child that cannot be significant here: a permanent one, which always comes back, or
        any at all where there is no automatic shutdown."""
        if significant and restart is Restart.PERMANENT:
            raise ValueError(f"{child_id} is permanent, so it cannot be significant")
        if significant and self.auto_shutdown is AutoShutdown.NEVER:
            raise ValueError(f"{child_id} cannot be significant under a supervisor without automatic shutdown")

    def with_member(self, member: Member) -> Policy:
        """With this child as the last."""
        return evolve(self, members=(*self.members, member))

    def without_member(self, child_id: str) -> Policy:
        """Without that child."""
        return evolve(self, members=tuple(member for member in self.members if member.id != child_id))

    def started(self, child_id: str) -> Policy:
        """That child, which rested, runs again."""
        return self._set(frozenset([child_id]), active=True)

    def stopped(self, child_id: str) -> Policy:
        """That child was stopped on request, or ended for good: it rests; a temporary one is no child any more."""
        if self.member(child_id).restart is Restart.TEMPORARY:
            return self.without_member(child_id)
        return self._set(frozenset([child_id]), active=False)

    def _set(self, ids: frozenset[str], *, active: bool) -> Policy:
        return evolve(
            self,
            members=tuple(evolve(member, active=active) if member.id in ids else member for member in self.members),
        )


def decide(policy: Policy, exited: Exited) -> tuple[Policy, tuple[Action, ...]]:
    """What to do now that a child is gone. Raises KeyError when the policy does not know it."""
    member = policy.member(exited.id)
    if not _comes_back(member.restart, exited.how):
        return _end(policy, member)
    policy = _counted(policy, exited)
    if len(policy.restarts) > policy.max_restarts:
        return policy, (GiveUp(member.id),)
    return _restart(policy, member, exited.chance)


def _comes_back(restart: Restart, how: How) -> bool:
    if restart is Restart.TRANSIENT:
        return how is not How.NORMAL
    return restart is Restart.PERMANENT


def _end(policy: Policy, member: Member) -> tuple[Policy, tuple[Action, ...]]:
    policy = policy.stopped(member.id)
    ended = Forget(member.id) if member.restart is Restart.TEMPORARY else Rest(member.id)
    return policy, (ended, ShutDown(member.id)) if _is_last_that_counts(policy, member) else (ended,)


def _is_last_that_counts(policy: Policy, member: Member) -> bool:
    """Whether the supervisor has nothing more to do, now that this child has ended by itself."""
    if not member.significant or policy.auto_shutdown is AutoShutdown.NEVER:
        return False
    if policy.auto_shutdown is AutoShutdown.ANY_SIGNIFICANT:
        return True
    return not any(other.significant and other.active for other in policy.members)


def _counted(policy: Policy, exited: Exited) -> Policy:
    recent = tuple(at for at in policy.restarts if exited.at - at <= policy.within)
    failures = policy.failures + 1 if exited.how is How.NEVER_UP else 0
    return evolve(policy, restarts=(*recent, exited.at), failures=failures)


def _restart(policy: Policy, member: Member, chance: float) -> tuple[Policy, tuple[Action, ...]]:
    place = policy.members.index(member)
    if policy.strategy is Strategy.ONE_FOR_ONE:
        group: tuple[Member, ...] = (member,)
    elif policy.strategy is Strategy.REST_FOR_ONE:
        group = policy.members[place:]
    else:
        group = policy.members
    # A temporary sibling that is stopped for another's sake does not come back (OTP: "temporary … is never restarted
    # (even when the supervisor's restart strategy is rest_for_one or one_for_all …)"). One at rest does: OTP starts
    # every child whose specification it still has.
    leaving = [sibling for sibling in group if sibling.restart is Restart.TEMPORARY]
    actions: list[Action] = []
    if len(group) > 1:
        actions.append(Stop(tuple(sibling.id for sibling in reversed(group) if sibling is not member)))
    for sibling in leaving:
        policy = policy.without_member(sibling.id)
        actions.append(Forget(sibling.id))
    coming = tuple(sibling.id for sibling in group if sibling not in leaving)
    actions.append(Start(coming, _delay(policy, chance)))
    return policy._set(frozenset(coming), active=True), tuple(actions)


def _delay(policy: Policy, chance: float) -> float:
    if policy.failures == 0:
        return 0.0
    # max_restarts of these in a row add up to less than the period, so that the intensity notices.
    longest = policy.within / (policy.max_restarts + 1)
    # The exponent is bounded because 2.0**1024 overflows: with a large intensity there may be that many failures.
    full = float(min(policy.backoff * 2.0 ** min(policy.failures - 1, 60), longest))
    return full * (1.0 - JITTER * chance)
