"""`croupier bench scale`, from the command line to the figures, the tables and the plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio
from attrs import asdict, frozen
from rich.console import Console
from rich.table import Table

from net.bench.files import check_writable, write_text
from net.bench.load_crew import SPARE
from net.bench.machine import Machine
from net.bench.plot import Line, Panel, draw
from net.bench.process import allow_open_files, check_system
from net.bench.progress import ProgressBar
from net.bench.publish import publish
from net.bench.scale import Figures, Plan, measure
from net.interrupt import interruptible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from actors.rules.interface import JsonObject
    from net.bench.progress import Watcher
    from net.bench.scale import Point

_MS: Final = 1000
_US: Final = 1_000_000
_KIB: Final = 1024
_MIB: Final = 1024 * 1024


@frozen
class ScaleReport:
    """A whole run."""

    machine: Machine
    plan: Plan
    figures: Figures

    def tables(self) -> list[Table]:
        """Against the games, against the connections, and what each takes up. They fit a terminal of 80 columns."""
        return [
            self._points("games", self.figures.games, lambda point: point.games),
            self._points("at\nrest", self.figures.connections, lambda point: point.resting),
            self._memory(),
        ]

    def _points(self, what: str, points: Sequence[Point], size: Callable[[Point], int]) -> Table:
        table = Table(padding=0)  # or it would not fit a terminal
        for name in (
            what, "actions\na second", "half,\nms", "99 %,\nms", "CPU,\nµs",
            "server", "store", "players", "MiB", "busy",
        ):  # fmt: skip
            table.add_column(name, justify="right", no_wrap=True)
        for point in points:
            table.add_row(
                f"{size(point):,}",
                f"{point.rate:,.0f}",
                f"{point.half * _MS:,.1f}",
                f"{point.p99 * _MS:,.1f}",
                f"{point.each * _US:,.0f}",
                f"{point.server:.0%}",
                f"{point.store:.0%}",
                f"{point.players:.0%}",
                f"{point.seated / _MIB:,.0f}",
                self._limit(point),
            )
        return table

    def _limit(self, point: Point) -> str:
        return point.limit(self.machine.processors, self.plan.processes)

    def _memory(self) -> Table:
        memory = self.figures.memory
        table = Table()
        table.add_column("one of them takes up", no_wrap=True)
        table.add_column("memory", justify="right", no_wrap=True)
        for name, size in (
            ("a session that rests", memory.session),
            ("a game that runs, its two sessions not counted", memory.running),
            ("a game at rest", memory.at_rest),
            ("the same in the store", memory.at_rest_in_store),
        ):
            table.add_row(name, "-" if size is None else f"{size / _KIB:,.1f} KiB")
        return table

    def notes(self) -> list[str]:
        """What the tables have no room for, a line each."""
        plan, most = self.plan, max(self.figures.games, key=lambda point: point.rate)
        failures = sum(point.failures for point in (*self.figures.games, *self.figures.connections))
        return [
            f"Closed loop, {plan.seconds:g} s each, {plan.processes} processes play; beside the connections at rest "
            f"{plan.beside} games are played; {failures} failures.",
            "Half and 99 % of the answers came within so many ms. CPU is the server's for an action; percent are of "
            "one processor; MiB are the server's, before the first action; busy is who has no more to give.",
            f"At the most {most.rate:,.0f} actions a second, with {most.games:,} games; busy: {self._limit(most)}.",
            str(self.machine),
        ]

    def plot(self) -> str:
        """The tables as an SVG."""
        points, crowds = self.figures.games, [point for point in self.figures.connections if point.resting]
        panels = [
            Panel("Throughput", "games", "actions a second", [Line("all", [(p.games, p.rate) for p in points])]),
            Panel("Wait for the answer", "games", "milliseconds", _waits(points, lambda p: p.games), powers=True),
            Panel(
                "Processors used",
                "games",
                "processors",
                [
                    Line("server", [(p.games, p.server) for p in points]),
                    Line("store", [(p.games, p.store) for p in points]),
                    Line("players", [(p.games, p.players) for p in points]),
                ],
            ),
        ]
        if crowds:
            name = f"Beside {self.plan.beside} games"
            panels.append(
                Panel(name, "connections at rest", "milliseconds", _waits(crowds, lambda p: p.resting), powers=True)
            )
        return draw(panels)

    def json(self) -> JsonObject:
        """Everything that was measured: seconds, bytes, processors."""
        return {
            "benchmark": "scale",
            "machine": asdict(self.machine),
            "plan": asdict(self.plan),
            "games": [self._json(point) for point in self.figures.games],
            "connections": [self._json(point) for point in self.figures.connections],
            "memory": asdict(self.figures.memory),
        }

    def _json(self, point: Point) -> JsonObject:
        return {
            **asdict(point),
            "actions_per_second": point.rate,
            "cpu_of_action": point.each,
            "busy": self._limit(point),
        }


def _waits(points: Sequence[Point], size: Callable[[Point], int]) -> list[Line]:
    return [
        Line("half", [(size(point), point.half * _MS) for point in points]),
        Line("99 %", [(size(point), point.p99 * _MS) for point in points]),
    ]


def run_scale(plan: Plan, *, json_file: Path | None, plot_file: Path | None) -> None:
    """Measures and prints the tables on standard output; progress goes to standard error.

    Raises StartError, alone or in a group, for what cannot be measured, and SystemExit when it was interrupted. Leaves
    no server and no file behind but those that were asked for.
    """
    for name, file in (("--json", json_file), ("--plot", plot_file)):
        if file is not None:
            check_writable(file, name)
    check_system()
    allow_open_files(plan.files + SPARE)
    screen = Console(stderr=True)
    with ProgressBar(screen) as progress:
        figures, status = trio.run(_measure, plan, progress)
    if status or figures is None:
        screen.print("Interrupted; the benchmark's servers and their files are gone.")
        raise SystemExit(status or 1)
    report = ScaleReport(Machine.this(), plan, figures)
    publish(report, report.tables(), json_file)
    if plot_file is not None:
        write_text(plot_file, report.plot(), "--plot")


async def _measure(plan: Plan, watcher: Watcher) -> tuple[Figures | None, int]:
    figures: Figures | None = None
    async with interruptible() as interrupt:
        figures = await measure(plan, watcher)
    return figures, interrupt.status
