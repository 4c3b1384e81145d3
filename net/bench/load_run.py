"""`croupier bench load`, from the command line to the figures: the server, if it is ours, the processes that play, and
the report."""

from __future__ import annotations

import subprocess
import sys
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson
import trio
from attrs import asdict, evolve, field, frozen
from rich.console import Console
from rich.table import Table

from net.auth import Tokens
from net.bench.errors import BenchFailed
from net.bench.files import check_writable, write_json
from net.bench.load import Load, LoadPlan, Tally, percentile
from net.bench.machine import Machine
from net.bench.process import ProcessMeter, allow_open_files, check_system
from net.bench.progress import ProgressBar
from net.bench.server import dial_tcp, started_server
from net.bench.stages import STAGES
from net.bench.workload import BenchDuel
from net.client import tcp
from net.config import Auth
from net.interrupt import interruptible
from net.outside import SystemClock
from net.process import own_command, own_environment

if TYPE_CHECKING:
    from pathlib import Path

    from actors.rules.interface import JsonObject
    from net.auth import Scope
    from net.bench.progress import Watcher
    from net.stream import Wire

_SPARE: Final = 200
_MS: Final = 1000
_MIB: Final = 1024 * 1024
_PARTS: Final = (0.5, 0.9, 0.99, 0.999)


@frozen
class RemoteServer:
    """A server at this address, whose secret we were told."""

    address: str
    secret: str = field(repr=False)

    async def dial(self) -> Wire:
        """See `net.bench.transport.Server`."""
        return await dial_tcp(self.address)

    async def connect(self) -> trio.abc.Stream:
        """See `net.bench.transport.Server`."""
        host, _, port = self.address.rpartition(":")
        return await tcp(host, int(port))()

    def token(self, user_id: str, scope: Scope) -> str:
        """See `net.bench.transport.Server`."""
        return Tokens((self.secret,), Auth().audience, SystemClock()).issue(user_id, scope, 86400.0)


@frozen
class LoadReport:
    """A whole run. CPU is seconds of the server's process, memory bytes of its own, before and after; None for a
    server that is not ours. `stages` is the part of its time that each stage took."""

    machine: Machine
    plan: LoadPlan
    processes: int
    tally: Tally
    cpu: float | None = None
    memory: tuple[int, int] | None = None
    stages: dict[str, float] = field(factory=dict)

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
        if self.cpu is not None and self.memory is not None and self.tally.actions:
            each = self.cpu / self.tally.actions * _MS
            notes.append(
                f"The server took {each:.3f} ms of CPU an action, {self.cpu / self.plan.seconds:.0%} of a processor,"
                f" and {self.memory[1] / _MIB:.0f} MiB ({self.memory[0] / _MIB:.0f} before anybody came)."
            )
        if self.stages:
            parts = ", ".join(f"{name} {part:.0%}" for name, part in self.stages.items() if part >= 0.005)
            notes.append(f"Where its time went: {parts}.")
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
            "errors": tally.errors,
            "actions_per_second": self.rate,
            "server": {"cpu": self.cpu, "memory": self.memory, "stages": self.stages},
            **{
                name: {
                    **{f"p{part * 100:g}": percentile(each, part) for part in _PARTS},
                    "max": max(each, default=None),
                }
                for name, each in waits.items()
            },
        }


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
    allow_open_files(plan.games * plan.people + _SPARE)
    screen = Console(stderr=True)
    with ProgressBar(screen) as progress:
        report, status = trio.run(partial(_measure, plan, processes, url, secret, progress, profile=profile))
    if status or report is None:
        screen.print("Interrupted; what the benchmark had started is gone.")
        raise SystemExit(status or 1)
    console = Console(highlight=False)
    console.print(report.table())
    for note in report.notes():
        console.print(note, soft_wrap=True)
    if json_file is not None:
        write_json(json_file, report.json())


async def _measure(
    plan: LoadPlan, processes: int, url: str | None, secret: str | None, watcher: Watcher, *, profile: bool
) -> tuple[LoadReport | None, int]:
    async with interruptible() as interrupt, AsyncExitStack() as stack:
        if url is not None:
            if not secret:
                raise BenchFailed("--url needs the server's secret: set CROUPIER_AUTH_SECRET")
            address = url.partition("://")[2].rstrip("/") or url
            report = await _played(plan, processes, address, secret, watcher)
            return report, interrupt.status
        watcher.step("starting a server", 1)
        environ = {"CROUPIER_GAMES_MAX_EVENTS": "1000000", "CROUPIER_AUTH_SECRET": _SECRET}
        server = await stack.enter_async_context(
            started_server(
                connections=plan.games * plan.people + _SPARE, environ=environ, bench_rules=True, stages=profile
            )
        )
        meter = ProcessMeter(server.pid)
        memory = meter.memory()
        report = await _played(plan, processes, server.address, _SECRET, watcher, meter)
        report = evolve(report, memory=(memory, meter.memory()))
        if profile:
            await server.stop()
            report = evolve(report, stages=orjson.loads((server.folder / STAGES).read_bytes()))
        return report, interrupt.status
    return None, interrupt.status  # type: ignore[unreachable]  # an interrupt is swallowed by its context


_SECRET: Final = "only for the benchmark's own server, on loopback, for a moment"


async def _played(
    plan: LoadPlan, processes: int, address: str, secret: str, watcher: Watcher, meter: ProcessMeter | None = None
) -> LoadReport:
    """Lets the processes play, and sums up what they measured."""
    tally = Tally()
    cpus: list[float] = []
    watcher.step(f"{plan.games} games are seated, then play for {plan.seconds:g} s", max(1, int(plan.seconds * 2)))

    async def one(number: int) -> None:
        share = [plan.games // processes + (at < plan.games % processes) for at in range(processes)]
        part = evolve(plan, games=share[number], first=sum(share[:number]), rate=plan.rate * share[number] / plan.games)
        task = {"address": address, "secret": secret, "plan": asdict(part)}
        async for line in _worker(orjson.dumps(task)):
            if "tally" in line:
                tally.add(Tally(**line["tally"]))
            elif number == 0:
                watcher.done()
                if meter is not None:
                    cpus.append(meter.cpu())

    async with trio.open_nursery() as nursery:
        for number in range(processes):
            nursery.start_soon(one, number)
    cpu = None
    if len(cpus) > 1:  # what was used between the first and the last look, for the whole time
        cpu = (cpus[-1] - cpus[0]) * len(cpus) / (len(cpus) - 1)
    return LoadReport(Machine.this(), plan, processes, tally, cpu=cpu)


async def _worker(task: bytes) -> Any:  # noqa: ANN401 - an async generator
    """The lines of one process that plays. Raises BenchFailed when it fails."""
    process = await trio.lowlevel.open_process(
        own_command("bench", "load-worker"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=own_environment(),
        process_group=0,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with process.stdin:
            await process.stdin.send_all(task)
        held = b""
        async for data in process.stdout:
            *lines, held = (held + data).split(b"\n")
            for line in lines:
                yield orjson.loads(line)
        if await process.wait():
            said = (b"".join([part async for part in process.stderr])).decode(errors="replace").strip().splitlines()
            raise BenchFailed(said[-1].removeprefix("croupier: ") if said else "a process that plays has failed")
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()


def run_worker() -> None:
    """One process that plays: the task comes on standard input, lines of JSON go to standard output."""
    task = orjson.loads(sys.stdin.buffer.read())

    def say(line: JsonObject) -> None:
        sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
        sys.stdout.buffer.flush()

    server = RemoteServer(task["address"], task["secret"])
    load = Load(server, LoadPlan(**task["plan"]), lambda actions: say({"actions": actions}))
    say({"tally": asdict(trio.run(load.play))})


RULES: Final = BenchDuel.name
"""What is played on a server of our own."""
