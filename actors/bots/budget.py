"""How long a player may think: so many iterations, or so many seconds, whichever is over first.

In simulation it is iterations alone: seconds would make a game depend on how quick the machine is.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from attrs import frozen


@frozen
class Budget:
    """`seconds` need a `clock`, which gives seconds and does not go back."""

    iterations: int = 1000
    seconds: float = math.inf
    clock: Callable[[], float] | None = None

    def begin(self) -> Spending:
        """From now on it is spent."""
        if self.clock is None and self.seconds != math.inf:
            raise ValueError("a budget of seconds needs a clock")
        return Spending(self, 0.0 if self.clock is None else self.clock())


@frozen
class Spending:
    """A budget that is being spent, since this moment of its clock."""

    budget: Budget
    since: float

    def left(self, done: int) -> float:
        """How many more iterations there will be after so many: as many as the time allows, if they go on taking as
        long as they did; 0 when it is over."""
        left = float(self.budget.iterations - done)
        if self.budget.clock is not None:
            spent = self.budget.clock() - self.since
            if spent >= self.budget.seconds:
                return 0.0
            if done and spent > 0:
                left = min(left, done * (self.budget.seconds - spent) / spent)
        return left
