"""`croupier bench recovery`, from the command line to the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from attrs import asdict, frozen
from rich.console import Console
from rich.table import Table

from net.bench.files import check_writable
from net.bench.machine import Machine
from net.bench.process import allow_open_files
from net.bench.progress import ProgressBar
from net.bench.publish import publish
from net.bench.recovery import CLOCKS_ONE_IN, PLAYED, ROUNDS, SIZES, Figures, measure
from net.interrupt import interruptible

if TYPE_CHECKING:
    from pathlib import Path

    from actors.rules.interface import JsonObject
    from net.bench.progress import Watcher

_FILES = 500


@frozen
class RecoveryReport:
    """A whole run."""

    machine: Machine
    figures: Figures

    def tables(self) -> list[Table]:
        """Times, beside each its ratio to the first row's; and bytes."""
        times = Table()
        times.add_column("games\nat rest", justify="right", no_wrap=True)
        times.add_column("ready after a\nkill of the\nserver", justify="right", no_wrap=True)
        times.add_column("of the server\nand its store", justify="right", no_wrap=True)
        times.add_column("CPU of\nthe start", justify="right", no_wrap=True)
        times.add_column("memory\nafter it", justify="right", no_wrap=True)
        base = self.figures.recoveries[0]
        for one in self.figures.recoveries:
            times.add_row(
                f"{one.games:,}",
                f"{one.server_median:.2f} s x{one.server_median / base.server_median:.2f}",
                f"{one.both_median:.2f} s x{one.both_median / base.both_median:.2f}",
                "-" if one.cpu_median is None else f"{one.cpu_median:.2f} s",
                "-" if one.memory_median is None else f"{one.memory_median / 2**20:.1f} MiB",
            )
        sizes = self.figures.sizes
        took = Table()
        took.add_column("a game takes up", no_wrap=True)
        took.add_column("bytes", justify="right", no_wrap=True)
        took.add_row("in the store, just dealt", f"{sizes.dealt:,.0f}")
        took.add_row(f"in the store, ended with {sizes.events:.0f} events", f"{sizes.ended:,.0f}")
        took.add_row("in the store, when it is archived", f"{sizes.archived_in_store:,.0f}")
        took.add_row("in the archive", f"{sizes.archive:,.0f}")
        return [times, took]

    def notes(self) -> list[str]:
        """What the tables have no room for, a line each."""
        return [
            f"Of {CLOCKS_ONE_IN} games one has a running turn clock; medians of {ROUNDS}; {PLAYED} games were played.",
            str(self.machine),
        ]

    def json(self) -> JsonObject:
        """Everything that was measured: seconds and bytes."""
        return {"benchmark": "recovery", "machine": asdict(self.machine), **asdict(self.figures)}


def run_recovery(*, games: int, json_file: Path | None) -> None:
    """Measures with up to so many games and prints the tables on standard output; progress goes to standard error.

    Raises StartError, alone or in a group, for what cannot be measured, and SystemExit when it was interrupted. Leaves
    no server and no file behind.
    """
    if json_file is not None:
        check_writable(json_file)
    allow_open_files(_FILES)
    screen = Console(stderr=True)
    with ProgressBar(screen) as progress:
        figures, status = trio.run(_measure, [*(size for size in SIZES if size < games), games], progress)
    if status or figures is None:
        screen.print("Interrupted; the benchmark's servers and their files are gone.")
        raise SystemExit(status)
    report = RecoveryReport(Machine.this(), figures)
    publish(report, report.tables(), json_file)


async def _measure(sizes: list[int], watcher: Watcher) -> tuple[Figures | None, int]:
    figures: Figures | None = None
    async with interruptible() as interrupt:
        figures = await measure(sizes, watcher)
    return figures, interrupt.status
