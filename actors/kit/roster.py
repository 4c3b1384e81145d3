"""Who a supervisor's children are, as data, and why a request about one of them is refused.

The refusals are OTP's (`already_started`, `already_present`, `not_found`, `running`, `restarting`), an exception each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from actors.kit.policy import Restart

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actors.kit.child import Child


@frozen
class ChildInfo:
    """A child as `which_children` tells of it.

    `state` is as in `Node.state`: `starting`, `up`, `stopping` or `overrunning` where OTP has a pid, `restarting` as in
    OTP, and `down` where OTP has `undefined`.
    """

    id: str
    state: str
    supervisor: bool
    restart: Restart
    restarts: int

    @classmethod
    def of(cls, child: Child) -> ChildInfo:
        """The child as it is now."""
        return cls(child.spec.id, child.state, child.spec.supervisor, child.spec.restart, child.restarts)


@frozen
class ChildCount:
    """The children in numbers: all of them, those that run now, those that are supervisors and those that are not."""

    specs: int
    active: int
    supervisors: int
    workers: int

    @classmethod
    def of(cls, children: Iterable[Child]) -> ChildCount:
        """These children, counted."""
        specs = active = supervisors = 0
        for child in children:
            specs += 1
            active += child.running and not child.retrying
            supervisors += child.spec.supervisor
        return cls(specs, active, supervisors, specs - supervisors)


class ChildError(Exception):
    """A request about a child that the supervisor refuses; nothing has changed."""

    def __init__(self, supervisor: str, child: str, why: str) -> None:
        super().__init__(f"{supervisor} {why}")
        self.supervisor = supervisor
        self.child = child

    def __str__(self) -> str:  # KeyError would quote it
        return str(self.args[0])


class AlreadyStarted(ChildError, ValueError):
    """There is a child of this id, and it runs. Take another id, or stop it first."""

    def __init__(self, supervisor: str, child: str) -> None:
        super().__init__(supervisor, child, f"has a child {child} already")


class AlreadyPresent(ChildError, ValueError):
    """There is a child of this id that does not run: it rests, or waits for its next try. `stop_child` makes room."""

    def __init__(self, supervisor: str, child: str) -> None:
        super().__init__(supervisor, child, f"has a child {child} already, which does not run")


class ChildNotFound(ChildError, KeyError):
    """There is no child of this id. Temporary children are none any more as soon as they end."""

    def __init__(self, supervisor: str, child: str) -> None:
        super().__init__(supervisor, child, f"has no child {child}")


class ChildRunning(ChildError):
    """The child runs; `terminate_child` stops it."""

    def __init__(self, supervisor: str, child: str) -> None:
        super().__init__(supervisor, child, f"runs {child}")


class ChildRestarting(ChildError):
    """The child waits for its next try; `terminate_child` calls that off."""

    def __init__(self, supervisor: str, child: str) -> None:
        super().__init__(supervisor, child, f"restarts {child}")
