"""The last resort of a process that is to end and does not.

Trio cannot kill: a task that shields itself, or code that never comes back, holds a shutdown up for ever. Every part
has a time limit of its own; this is for what has got past all of them.
"""

from __future__ import annotations

import contextlib
import faulthandler
import itertools
import logging
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from actors.kit.tree import render
from actors.kit.watchdog import describe, outwards, tasks_below

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actors.kit.tree import Node

logger = logging.getLogger("croupier.kit")

HUNG: Final = 70
"""The exit status of a process that was ended because its shutdown hung (EX_SOFTWARE of sysexits.h)."""

_ANSWER: Final = 1.0
_WRITE: Final = 2.0
_NATIVE: Final = 2.0
_LINES: Final = 200
_TASKS: Final = 60
_STDERR: Final = 2

_TRIO: Final = str(Path(trio.__file__).parent)


class LastResort:
    """Ends the process when it has not ended by itself `within` seconds after `arm`.

    First it logs what still runs: the tree that `tree` gives (called in the event loop), the tasks, and every thread's
    stack; files, lines and functions, never what they hold. Then the process ends with the status HUNG, at once, and
    whatever keeps the log from being written. `end` is `os._exit`, but for tests.
    """

    def __init__(self, within: float, tree: Callable[[], Node], *, end: Callable[[int], object] = os._exit) -> None:
        self._within = within
        self._tree = tree
        self._end = end
        self._disarmed = threading.Event()
        self._thread: threading.Thread | None = None

    def arm(self) -> None:
        """From now on the time runs; again does nothing. To be called in the event loop."""
        if self._thread is not None:
            return
        loop = trio.lowlevel.current_trio_token()
        root = trio.lowlevel.current_root_task()
        assert root is not None, "a running loop has a root"
        self._thread = threading.Thread(target=self._wait, args=(loop, root), name="last resort", daemon=True)
        self._thread.start()
        # No thread of Python's runs while native code keeps the interpreter's lock. This one is native itself.
        faulthandler.dump_traceback_later(self._within + _ANSWER + _WRITE + _NATIVE, exit=True, file=_STDERR)

    def disarm(self) -> None:
        """It was not needed. Does nothing when it is not armed."""
        self._disarmed.set()
        if self._thread is not None:
            faulthandler.cancel_dump_traceback_later()

    def _wait(self, loop: trio.lowlevel.TrioToken, root: trio.lowlevel.Task) -> None:
        if self._disarmed.wait(self._within):
            return
        # In a thread of its own, because it may never come back: what hangs may hold the lock of the log.
        writer = threading.Thread(target=self._write, args=(loop, root), name="last words", daemon=True)
        writer.start()
        writer.join(_ANSWER + _WRITE)
        self._end(HUNG)

    def _write(self, loop: trio.lowlevel.TrioToken, root: trio.lowlevel.Task) -> None:
        own = {threading.get_ident(), self._thread.ident if self._thread is not None else None}
        text = "\n".join([*self._ask_the_loop(loop, root), *_threads(own)])
        logger.critical(
            "the shutdown has not ended within %g s, so the process ends now, with status %d. What still runs:\n%s",
            self._within, HUNG, text,
        )  # fmt: skip

    def _ask_the_loop(self, loop: trio.lowlevel.TrioToken, root: trio.lowlevel.Task) -> list[str]:
        """The tree and the tasks; only the loop can say, because they change while it turns."""
        lines: list[str] = []
        answered = threading.Event()

        def answer() -> None:
            try:
                lines.extend(_bounded(render(self._tree()).splitlines(), _LINES))
            except Exception as error:
                lines.append(f"the tree cannot be told: {type(error).__name__}")
            lines.extend(_bounded(_tasks(root), _TASKS))
            answered.set()

        with contextlib.suppress(trio.RunFinishedError):
            loop.run_sync_soon(answer)
            if not answered.wait(_ANSWER):
                return ["the event loop does not turn: its thread is the one to look at"]
        return lines or ["the event loop has ended, and the process has not"]


def _tasks(root: trio.lowlevel.Task) -> Iterator[str]:
    """Every task that the program made, and where it waits."""
    for task in tasks_below(root):
        frames = [frame for frame, _ in task.iter_await_frames()]
        ours = [frame for frame in frames if not frame.f_code.co_filename.startswith(_TRIO)]
        if ours:
            yield f"task {task.name}, waiting in"
            yield from describe(ours[-1:])


def _threads(but: set[int | None]) -> Iterator[str]:
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        if ident not in but:
            yield f"thread {names.get(ident, 'of unknown name')}, in"
            yield from describe(outwards(frame))


def _bounded(lines: Iterator[str] | list[str], limit: int) -> Iterator[str]:
    rest = iter(lines)
    yield from itertools.islice(rest, limit)
    more = sum(1 for _ in rest)
    if more:
        yield f"and {more} lines more"
