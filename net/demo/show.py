"""Where the demo is shown: a screen that changes on a terminal, and lines anywhere else."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Self

from attrs import evolve
from rich.console import Console
from rich.live import Live

from net.demo.screen import LEAST_HEIGHT, LEAST_WIDTH, in_colour, introduction, screen

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rich.console import ConsoleDimensions

    from net.demo.scene import Scene


class DemoConsole(Console):
    """Standard output. When whoever read it has gone, `hung_up` is called, once, and nothing more is written."""

    hung_up: Callable[[], None] = staticmethod(lambda: None)

    def on_broken_pipe(self) -> None:
        """See `rich.console.Console`, which ends the process here: we have a server to end first."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at exit
        self.hung_up()


class Lines:
    """Prints what happens, a line each: for pipes, files, and terminals that cannot do more."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._introduced = False
        self._printed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, scene: Scene) -> None:
        """Prints what of this scene was not printed yet."""
        if not self._introduced:
            self._introduced = True
            self._console.print(introduction(scene.plan))
            self._console.print()
        for line in scene.log[self._printed :]:
            self._console.print(in_colour(line, self._console.width), soft_wrap=True)
        self._printed = len(scene.log)


class Screen:
    """Draws the scene in place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._drawn: tuple[ConsoleDimensions, Scene] | None = None
        # It draws when it is told to, without a thread of its own.
        self._live = Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, scene: Scene) -> None:
        """Draws this scene over the one before, if it looks otherwise."""
        size = self._console.size
        looks = (size, evolve(scene, now=0.0) if scene.down_for is None else scene)
        if looks != self._drawn:
            self._drawn = looks
            self._live.update(screen(scene, size.width, size.height - 1), refresh=True)


def show_on(console: Console) -> Screen | Lines:
    """The best that this console can do."""
    size = console.size
    room = size.width >= LEAST_WIDTH and size.height >= LEAST_HEIGHT
    return Screen(console) if console.file.isatty() and not console.is_dumb_terminal and room else Lines(console)
