"""`croupier bench load`, from the command line to the figures: the server, if it is ours, and the report."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import trio
from attrs import asdict, evolve, frozen
from rich.console import Console
from rich.table import Table

from net.bench.errors import BenchFailed
from net.bench.files import check_writable
from net.bench.load import LoadPlan, Tally, percentile
from net.bench.load_crew import SECRET, SPARE, RemoteServer, play, server_to_load
from net.bench.machine import Machine
from net.bench.process import ProcessMeter, allow_open_files, check_system
from net.bench.progress import ProgressBar
from net.bench.publish import publish
from net.bench.stages import STAGES, Stages, budget
from net.bench.workload import BenchDuel
from net.interrupt import interruptible

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from actors.rules.interface import JsonObject
    from net.bench.progress import Watcher

_MS: Final = 1000
_US: Final = 1_000_000
_COUNTING: Final = 3.0
"""Seconds in which a server that says where its time goes has counted its calls, mostly."""
_MIB: Final = 1024 * 1024
_PARTS: Final = (0.5, 0.9, 0.99, 0.999)


@frozen
class LoadReport:
    """A whole run. CPU is seconds of the server's process, memory bytes of its own, before and after; None for a
    server that is not ours. `stages`: where its time went, if that was looked at."""

    machine: Machine
    plan: LoadPlan
    processes: int
    tally: Tally
    cpu: float | None = None
    memory: tuple[int, int] | None = None
    stages: Stages | None = None

    @property
    def rate(self) -> float:
        """Actions a second."""
        return self.tally.actions / self.plan.seconds

    def table(self) -> Table:
        """Waits in milliseconds."""
        table = Table(title=f"{self.rate:,.0f} actions a second, {self.tally.frames / self.plan.seconds:,.0f} states")
        table.add_column("milliseconds", no_wrap=True)
        for name in ("half", "90 %", "99 %", "99.9 %", "longest"):
            table.add_column(name, justify="right", no_wrap=True)
        for name, waits in (
            ("from an action to its answer", self.tally.answers),
            ("to the other player's state", self.tally.states),
            ("from a break to all back", self.tally.storms),
        ):
            if waits:
                shown = [percentile(waits, part) or 0.0 for part in _PARTS] + [max(waits)]
                table.add_row(name, *(f"{wait * _MS:.2f}" for wait in shown))
        return table

    def budget(self) -> Table | None:
        """What an action costs the server, by stage of its way; None where that was not looked at."""
        if self.stages is None or self.cpu is None or not self.tally.actions:
            return None
        table = Table(title="An action")
        table.add_column("stage", no_wrap=True)
        for name in ("part", "µs", "calls in Python", "native calls"):
            table.add_column(name, justify="right", no_wrap=True)
        whole = [0.0] * 4
        for stage, seconds, calls, native in budget(self.stages, self.cpu / self.tally.actions):
            row = (self.stages.time[stage], seconds * _US, calls, native)
            whole = [sum(pair) for pair in zip(whole, row, strict=True)]
            table.add_row(stage, *_shown(row))
        table.add_row("all", *_shown(whole))
        return table

    def notes(self) -> list[str]:
        """What the table has no room for, a line each."""
        plan = self.plan
        pace = f"{plan.rate:g} actions a second" if plan.rate else "as fast as they may"
        if plan.think:
            pace += f", after {plan.think:g} s of thought"
        notes = [
            f"{plan.games} games of {plan.rules}, {plan.spectators} spectators each, {pace}; "
            f"{self.processes} processes play, {plan.seconds:g} s; {self.tally.errors} failures.",
        ]
        if self.tally.frames:
            each = self.tally.state_bytes / self.tally.frames
            notes.append(f"A state took {each:,.0f} bytes, with the encoding {plan.state_encoding!r}.")
        if self.cpu is not None and self.memory is not None and self.tally.actions:
            each = self.cpu / self.tally.actions * _MS
            notes.append(
                f"The server took {each:.3f} ms of CPU an action, {self.cpu / self.plan.seconds:.0%} of a processor,"
                f" and {self.memory[1] / _MIB:.0f} MiB ({self.memory[0] / _MIB:.0f} before anybody came)."
            )
        if self.stages is not None:
            notes.append(f"The kernel's part of the server's time was {self.stages.kernel:.0%}.")
        return [*notes, str(self.machine)]

    def json(self) -> JsonObject:
        """Everything that was measured: seconds, bytes."""
        tally = self.tally
        waits = {"answers": tally.answers, "states": tally.states, "storms": tally.storms}
        return {
            "benchmark": "load",
            "machine": asdict(self.machine),
            "plan": asdict(self.plan),
            "processes": self.processes,
            "actions": tally.actions,
            "frames": tally.frames,
            "state_bytes": tally.state_bytes,
            "errors": tally.errors,
            "actions_per_second": self.rate,
            "server": {
                "cpu": self.cpu,
                "memory": self.memory,
                "stages": None if self.stages is None else asdict(self.stages),
            },
            **{
                name: {
                    **{f"p{part * 100:g}": percentile(each, part) for part in _PARTS},
                    "max": max(each, default=None),
                }
                for name, each in waits.items()
            },
        }


def _shown(row: Sequence[float]) -> tuple[str, ...]:
    part, us, calls, native = row
    return f"{part:.0%}", f"{us:.0f}", f"{calls:.0f}", f"{native:.0f}"


def run_load(
    plan: LoadPlan, *, processes: int, url: str | None, secret: str | None, profile: bool, json_file: Path | None
) -> None:
    """Plays and prints the table on standard output; progress goes to standard error. Raises StartError, alone or in a
    group, for what cannot be measured, and SystemExit when it was interrupted. Leaves nothing behind."""
    if json_file is not None:
        check_writable(json_file)
    if url is None:
        check_system()
    processes = min(processes, plan.games)
    allow_open_files(plan.games * plan.people + SPARE)
    screen = Console(stderr=True)
    with ProgressBar(screen) as progress:
        report, status = trio.run(partial(_measure, plan, processes, url, secret, progress, profile=profile))
    if status or report is None:
        screen.print("Interrupted; what the benchmark had started is gone.")
        raise SystemExit(status or 1)
    publish(report, filter(None, [report.table(), report.budget()]), json_file)


async def _measure(
    plan: LoadPlan, processes: int, url: str | None, secret: str | None, watcher: Watcher, *, profile: bool
) -> tuple[LoadReport | None, int]:
    report: LoadReport | None = None
    async with interruptible() as interrupt:
        if url is not None:
            if not secret:
                raise BenchFailed("--url needs the server's secret: set CROUPIER_AUTH_SECRET")
            remote = RemoteServer(url.partition("://")[2].rstrip("/") or url, secret)
            played = await play(plan, processes, remote, watcher)
            report = LoadReport(Machine.this(), plan, processes, played.tally)
        else:
            report = await _measure_own(plan, processes, watcher, profile=profile)
    return report, interrupt.status


async def _measure_own(plan: LoadPlan, processes: int, watcher: Watcher, *, profile: bool) -> LoadReport:
    if profile:  # the counting is over before it is measured what an action takes
        plan = evolve(plan, warmup=_COUNTING)
    watcher.step("starting a server", 1)
    async with server_to_load(plan.games * plan.people, stages=profile) as server:
        meter = ProcessMeter(server.pid)
        memory = meter.memory()
        played = await play(plan, processes, RemoteServer(server.address, SECRET), watcher, [meter])
        report = LoadReport(Machine.this(), plan, processes, played.tally)
        if played.cpu:
            report = evolve(report, cpu=played.cpu[0], memory=(memory, played.memory[0]))
        if profile:
            await server.stop()
            report = evolve(report, stages=Stages.read(server.folder / STAGES))
    return report


RULES: Final = BenchDuel.name
"""What is played on a server of our own."""
