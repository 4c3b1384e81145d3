"""`croupier bench durability`, from the command line to the figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import trio
from attrs import asdict, frozen
from rich.console import Console
from rich.table import Table

from net.bench.durability import LEVELS, TURNS, Figures, compare
from net.bench.files import check_writable
from net.bench.machine import Machine
from net.bench.progress import ProgressBar
from net.bench.publish import publish
from net.bench.ratios import quotient, ratio
from net.interrupt import interruptible

if TYPE_CHECKING:
    from pathlib import Path

    from actors.rules.interface import JsonObject
    from net.bench.progress import Watcher

_MS = 1000


@frozen
class DurabilityReport:
    """A whole run. The figures begin with the level that the others are compared with."""

    machine: Machine
    tables: int
    figures: Sequence[Figures]

    def table(self) -> Table:
        """Raw figures, and beside each its ratio to the first row's."""
        table = Table()
        table.add_column("appendfsync", no_wrap=True)
        table.add_column("actions a second", justify="right", no_wrap=True)
        table.add_column("from an action\nto its answer", justify="right", no_wrap=True)
        base = self.figures[0]
        for one in self.figures:
            table.add_row(
                one.level,
                f"{one.rate:,.0f} {ratio(one.rate, base.rate)}",
                f"{one.latency * _MS:.2f} ms {ratio(one.latency, base.latency)}",
            )
        return table

    def notes(self) -> list[str]:
        """What the table has no room for, a line each."""
        seconds = sum(one.seconds for one in self.figures) / len(self.figures)
        return [
            "Beside each figure stands its ratio to the first row's.",
            f"{self.tables} tables of two who act at once, {seconds:.1f} s each in {TURNS} turns; "
            "server, store and players share this machine.",
            str(self.machine),
        ]

    def json(self) -> JsonObject:
        """Everything that was measured."""
        base = self.figures[0]
        return {
            "benchmark": "durability",
            "machine": asdict(self.machine),
            "tables": self.tables,
            "levels": [
                {**asdict(one), "rate": one.rate, "latency": one.latency, "ratio": quotient(one.rate, base.rate)}
                for one in self.figures
            ],
        }


def run_durability(*, tables: int, seconds: float, json_file: Path | None) -> None:
    """Measures every level and prints the table on standard output; progress goes to standard error.

    `seconds` are those of all levels together. Raises StartError, alone or in a group, for what cannot be measured,
    and SystemExit when it was interrupted. Leaves no server and no file behind.
    """
    if json_file is not None:
        check_writable(json_file)
    screen = Console(stderr=True)
    with ProgressBar(screen) as progress:
        figures, status = trio.run(_measure, tables, seconds / len(LEVELS), progress)
    if status:
        screen.print("Interrupted; the benchmark's servers and their files are gone.")
        raise SystemExit(status)
    report = DurabilityReport(Machine.this(), tables, figures)
    publish(report, [report.table()], json_file)


async def _measure(tables: int, seconds: float, watcher: Watcher) -> tuple[list[Figures], int]:
    figures: list[Figures] = []
    async with interruptible() as interrupt:
        figures = await compare(tables=tables, seconds=seconds, watcher=watcher)
    return figures, interrupt.status
