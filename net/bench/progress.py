"""How far a benchmark is: a bar on a terminal, a line a step anywhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, Self

import trio
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console

_DRAW_EVERY: Final = 0.1


class Watcher(Protocol):
    """Is told how far a benchmark is."""

    def step(self, what: str, total: int) -> None:
        """This begins now, and has so many parts."""

    def done(self) -> None:
        """One part of the step is done."""


class ProgressBar:
    """Shows the step in hand; gone from a terminal when the context ends. Draws in the caller's time, at most ten
    times a second: what is measured runs beside it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._done = 0
        self._drawn_at = 0.0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=console,
            auto_refresh=False,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=1, visible=False)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def step(self, what: str, total: int) -> None:
        """See `Watcher`."""
        if self._bar.disable:
            self._console.print(what, soft_wrap=True, highlight=False)
        self._done = 0
        self._bar.update(self._task, description=what, total=total, completed=0, visible=True, refresh=True)

    def done(self) -> None:
        """See `Watcher`."""
        self._done += 1
        now = trio.current_time()
        if now >= self._drawn_at + _DRAW_EVERY:
            self._drawn_at = now
            self._bar.update(self._task, completed=self._done, refresh=True)
