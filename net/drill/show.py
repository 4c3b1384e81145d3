"""What is seen of a drill while it runs: a line for each blow, and on a terminal how it stands below them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from attrs import define, field
from rich.console import Console
from rich.live import Live
from rich.text import Text

from net.drill.plan import Plan
from net.drill.score import Score

if TYPE_CHECKING:
    from types import TracebackType

    from net.checks import Violation


@define(eq=False)
class Screen:
    """Prints on this console; the status is drawn in the caller's time, and gone when the context ends."""

    console: Console
    plan: Plan
    score: Score
    _live: Live = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._live = Live(console=self.console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def say(self, text: str, style: str = "") -> None:
        """A line that stays."""
        self.console.print(Text(text, style), soft_wrap=True)

    def violation(self, violation: Violation) -> None:
        """A line that nobody should overlook."""
        self.say(f"BROKEN: {violation}", "bold red")

    def draw(self, doing: str, seconds: float) -> None:
        """How it stands."""
        if not self.console.is_terminal:
            return
        score = self.score
        kills = f"{score.kills} of {self.plan.kills} kills" if self.plan.kills is not None else f"{score.kills} kills"
        parts = [
            f"{seconds:.0f} s",
            kills,
            f"{score.actions:,} actions acknowledged",
            f"{score.judged} of {score.made} games judged",
            f"{len(score.violations)} violations",
            doing,
        ]
        self._live.update(Text("  ".join(parts), "dim"), refresh=True)
