"""From the command line to the figures and back: what is started here is ended here, whatever happens."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

import trio
from rich.console import Console

from net.bench.client import TRANSPORTS
from net.bench.errors import BenchFailed
from net.bench.files import check_writable
from net.bench.machine import Machine
from net.bench.process import ProcessMeter, allow_open_files, check_system, cpu_tick
from net.bench.progress import ProgressBar
from net.bench.publish import publish
from net.bench.report import Report
from net.bench.server import started_server
from net.bench.transport import CONNECTIONS, Bench, Plan, compare
from net.interrupt import interruptible

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from net.bench.progress import Watcher
    from net.bench.transport import Figures

_SPARE_FILES: Final = 200
"""Open files besides a session's one: everything that any process has, and connections that come and go."""

_PATIENCE: Final = 60.0
_SECONDS_A_SESSION: Final = 0.1
_SECONDS_A_MESSAGE: Final = 0.02
"""No machine that one would measure on is so slow: a run that takes longer hangs."""


def run_transport(*, sessions: int, messages: int, json_file: Path | None) -> None:
    """Measures every transport and prints the table on standard output; progress goes to standard error.

    Writes the figures to `json_file` too, if one is given. Raises StartError, alone or in a group, for what cannot be
    measured, and SystemExit when it was interrupted. Leaves no server and no file behind.
    """
    check_system()
    if json_file is not None:
        check_writable(json_file)
    plan = Plan(sessions, messages)
    allow_open_files(sessions + CONNECTIONS + _SPARE_FILES)
    screen = Console(stderr=True)
    with ProgressBar(screen) as progress:
        figures, status = trio.run(_measure, plan, progress)
    if status:
        screen.print("Interrupted; the benchmark's servers and their files are gone.")
        raise SystemExit(status)
    report = Report(Machine.this(), plan, figures, cpu_tick())
    publish(report, [report.table()], json_file)


async def _measure(plan: Plan, watcher: Watcher) -> tuple[list[Figures], int]:
    """The figures of each transport, and the exit status if a signal ended it all."""
    figures: list[Figures] = []
    async with interruptible() as interrupt, AsyncExitStack() as stack:
        # Each has a server of its own: memory that another has left would be used again, and not be seen.
        servers = []
        for transport in TRANSPORTS:
            watcher.step(f"{transport.name}: starting a server", 1)
            servers.append(await stack.enter_async_context(started_server(connections=plan.sessions + _SPARE_FILES)))
        benches = [
            Bench(transport, server, ProcessMeter(server.pid), plan, watcher)
            for transport, server in zip(TRANSPORTS, servers, strict=True)
        ]
        async with trio.open_nursery() as nursery:
            for server in servers:
                nursery.start_soon(server.watch)
            figures = await _within_limits(benches)
            nursery.cancel_scope.cancel()
        watcher.step("ending the servers", 1)
    return figures, interrupt.status


async def _within_limits(benches: Sequence[Bench]) -> list[Figures]:
    plan = benches[0].plan
    limit = len(benches) * (_PATIENCE + plan.sessions * _SECONDS_A_SESSION + plan.messages * _SECONDS_A_MESSAGE)
    with trio.move_on_after(limit):
        return await compare(benches)
    raise BenchFailed(f"the servers have not done their part within {limit:.0f} s")
