"""`croupier bench kit`, from the command line to the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from rich.console import Console

from net.bench.files import check_writable
from net.bench.kit import compare
from net.bench.kit_actors import measure
from net.bench.kit_report import KitReport
from net.bench.machine import Machine
from net.bench.process import check_system
from net.bench.progress import ProgressBar
from net.bench.publish import publish
from net.interrupt import interruptible

if TYPE_CHECKING:
    from pathlib import Path

    from net.bench.kit import Outcome
    from net.bench.kit_actors import Crowds
    from net.bench.progress import Watcher


def run_kit(*, actors: int, messages: int, json_file: Path | None) -> None:
    """Measures the kit and prints the tables on standard output; progress goes to standard error. `messages` are those
    of one slice of one round, `actors` those of the largest crowd.

    Writes the figures to `json_file` too, if one is given. Raises StartError, alone or in a group, for what cannot be
    measured, and SystemExit when it was interrupted. Leaves no process behind.
    """
    check_system()
    if json_file is not None:
        check_writable(json_file)
    screen = Console(stderr=True)
    with ProgressBar(screen) as progress:
        outcomes, crowds, status = trio.run(_measure, actors, messages, progress)
    if status:
        screen.print("Interrupted.")
        raise SystemExit(status)
    report = KitReport(Machine.this(), messages, outcomes, crowds)
    publish(report, report.tables(), json_file)


async def _measure(actors: int, messages: int, watcher: Watcher) -> tuple[list[Outcome], list[Crowds], int]:
    """The figures, and the exit status if a signal ended it all."""
    outcomes: list[Outcome] = []
    crowds: list[Crowds] = []
    async with interruptible() as interrupt:
        outcomes = await compare(watcher, messages=messages)
        crowds = await measure(actors, watcher)
    return outcomes, crowds, interrupt.status
