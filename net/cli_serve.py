"""`croupier serve`, and what is served in its place to a benchmark, to a drill, and to rules in native code."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from net.cli_options import all_options, crash_points_option, load, until_eof_option
from net.collector import calm_down

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actors.ports import CrashPoints
    from actors.rules.interface import AnyRules
    from net.cli_options import AllOptions
    from net.config_load import Loaded


@click.command()
@all_options
@crash_points_option
@until_eof_option
def serve(*, crash_points_fd: int | None, until_eof: bool, **options: Unpack[AllOptions]) -> None:
    """Serve games, until SIGTERM or Ctrl-C.

    Prints one line, `croupier listening on http://HOST:PORT` (https with a certificate), when it is ready; the log
    goes to standard error.
    """
    calm_down()
    _serve(load(**options), crash_points=_crash_points(crash_points_fd), until_eof=until_eof)


def _serve(
    loaded: Loaded,
    *,
    until_eof: bool,
    crash_points: CrashPoints | None = None,
    besides: Iterable[AnyRules] = (),
) -> None:
    from net.logs import configure

    configure(loaded.config.log)
    import trio

    from net.serve import serve_forever

    trio.run(
        partial(
            serve_forever,
            loaded.config,
            announce=_announce,
            crash_points=crash_points,
            besides=besides,
            loaded=loaded,
            until_eof=until_eof,
        )
    )


def _crash_points(descriptor: int | None) -> CrashPoints:
    """Those that a drill may arm, if it is a drill that started us."""
    from actors.ports import NoCrashPoints
    from net.crash_points import InheritedCrashPoints

    return NoCrashPoints() if descriptor is None else InheritedCrashPoints.inherited(descriptor)


def _announce(url: str) -> None:
    click.echo(f"croupier listening on {url}")  # echo flushes: whoever waits for the line gets it at once


@click.command(name="serve")
@all_options
@click.option(
    "--stages",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write there at the end where the time went, by stage of an action's way, as JSON.",
)
@until_eof_option
def bench_serve(*, stages: Path | None, until_eof: bool, **options: Unpack[AllOptions]) -> None:
    """Serve as `croupier serve` does, with the benchmarks' own game besides.

    For a load from other machines (`croupier bench load --url`), or from another program.
    """
    calm_down()
    from net.bench.stages import watch_stages
    from net.bench.workload import BenchDuel

    if stages is not None:
        watch_stages(stages)
    _serve(load(**options), besides=(BenchDuel(),), until_eof=until_eof)


@click.command(name="serve", hidden=True)
@all_options
@crash_points_option
@until_eof_option
def drill_serve(*, crash_points_fd: int | None, until_eof: bool, **options: Unpack[AllOptions]) -> None:
    """Serve as `croupier serve` does, with the drill's own game besides."""
    calm_down()
    from net.drill.rules import PeacefulEights

    crash_points = _crash_points(crash_points_fd)
    _serve(load(**options), crash_points=crash_points, besides=(PeacefulEights(),), until_eof=until_eof)


@click.command("rules-worker", hidden=True)
def rules_worker() -> None:
    """What rules in native code run in; the server starts it."""
    from net.rules_worker import run_worker

    run_worker()
