"""`croupier bench crowd`, from the command line to the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio
from attrs import asdict, frozen
from rich.console import Console
from rich.table import Table

from net.bench.crowd import Crowd, Figures, Plan
from net.bench.files import check_writable
from net.bench.machine import Machine
from net.bench.process import allow_open_files, check_system
from net.bench.progress import ProgressBar
from net.bench.publish import publish
from net.bench.ratios import quotient, ratio
from net.bench.server import started_server
from net.interrupt import interruptible

if TYPE_CHECKING:
    from pathlib import Path

    from actors.rules.interface import JsonObject
    from net.bench.progress import Watcher

_SPARE_FILES: Final = 200
_KIB: Final = 1024
_MS: Final = 1000
_US: Final = 1_000_000


@frozen
class CrowdReport:
    """A whole run."""

    machine: Machine
    plan: Plan
    figures: Figures

    def table(self) -> Table:
        """What was measured, a line each: for all, and for one of them."""
        table = Table()
        table.add_column("the server's part", no_wrap=True)
        table.add_column("all", justify="right", no_wrap=True)
        table.add_column("each", justify="right", no_wrap=True)
        arrival, beats, figures = self.figures.arrival, self.figures.beats, self.figures
        few, many = figures.few, figures.many
        each_ping = beats.each_round / beats.guests
        table.add_row(
            f"{arrival.guests:,} connect",
            f"{arrival.seconds:.2f} s",
            f"{arrival.cpu / arrival.guests * _MS:.2f} ms CPU",
        )
        table.add_row(
            "memory while they are idle",
            f"{arrival.memory / _KIB / _KIB:.1f} MiB",
            f"{arrival.memory / arrival.guests / _KIB:.1f} KiB",
        )
        table.add_row(
            "a round of pings and pongs", f"{beats.each_round * _MS:.0f} ms CPU", f"{each_ping * _US:.0f} µs CPU"
        )
        table.add_row(
            f"an action before {many.spectators:,} spectators",
            f"{many.each * _MS:.1f} ms CPU",
            f"{figures.per_spectator * _US:.1f} µs CPU",
        )
        table.add_row(f"the same before {few.spectators}", f"{few.each * _MS:.1f} ms CPU", ratio(few.each, many.each))
        table.add_row("until the last of them saw it", f"{many.delay * _MS:.0f} ms", "")
        for one in figures.returns:
            how = "with their sessions" if one.recovered else "put into their games"
            each = one.cpu / len(one.seconds)
            table.add_row(f"{len(one.seconds):,} come back, {how}", f"{one.slowest:.2f} s", f"{each * _MS:.2f} ms CPU")
        return table

    def notes(self) -> list[str]:
        """What the table has no room for, a line each."""
        downs = " and ".join(f"{one.down:.2f} s" for one in self.figures.returns)
        halves = " and ".join(f"{one.middle:.2f} s" for one in self.figures.returns)
        beats, many = self.figures.beats, self.figures.many
        return [
            f"All come back at the same moment, when the server is up again: {downs} after it was killed.",
            f"The seconds are until the last is in its seat; half of them were after {halves}.",
            f"{beats.rounds} rounds of pings, {self.plan.ping_every:g} s apart; {len(many.delays)} actions.",
            "Clients, server and store share this machine.",
            str(self.machine),
        ]

    def json(self) -> JsonObject:
        """Everything that was measured: bytes, and seconds."""
        figures = self.figures
        return {
            "benchmark": "crowd",
            "machine": asdict(self.machine),
            "plan": asdict(self.plan),
            "arrival": asdict(figures.arrival),
            "beats": asdict(figures.beats),
            "broadcasts": [asdict(figures.few), asdict(figures.many)],
            "per_spectator": figures.per_spectator,
            "of_one_spectator": quotient(figures.many.each, figures.few.each),
            "returns": [asdict(one) | {"slowest": one.slowest, "median": one.middle} for one in figures.returns],
        }


def run_crowd(*, guests: int, spectators: int, actions: int, ping_every: float, json_file: Path | None) -> None:
    """Measures, and prints the table on standard output; progress goes to standard error.

    Writes the figures to `json_file` too, if one is given. Raises StartError, alone or in a group, for what cannot be
    measured, and SystemExit when it was interrupted. Leaves no server and no file behind.
    """
    check_system()
    if json_file is not None:
        check_writable(json_file)
    plan = Plan(guests, min(spectators, guests - 2), actions, ping_every)
    allow_open_files(guests + _SPARE_FILES)
    screen = Console(stderr=True)
    with ProgressBar(screen) as progress:
        figures, status = trio.run(_measure, plan, progress)
    if figures is None:
        screen.print("Interrupted; the benchmark's server and its files are gone.")
        raise SystemExit(status)
    report = CrowdReport(Machine.this(), plan, figures)
    publish(report, [report.table()], json_file)


async def _measure(plan: Plan, watcher: Watcher) -> tuple[Figures | None, int]:
    """The figures, or the exit status if a signal ended it all."""
    figures: Figures | None = None
    environ = {"CROUPIER_SESSIONS_PING_INTERVAL": f"{plan.ping_every:g}"}
    async with (
        interruptible() as interrupt,
        started_server(connections=plan.guests + _SPARE_FILES, environ=environ) as server,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(server.watch)
        figures = await Crowd(server, plan, watcher).measure()
        nursery.cancel_scope.cancel()
    return figures, interrupt.status
