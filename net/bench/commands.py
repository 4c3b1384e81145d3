"""`croupier bench`, as click has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_json_option = click.option(
    "--json",
    "json_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file to write the figures to as well.",
)


def _count(flag: str, low: int, high: int, default: int, words: str, metavar: str = "N") -> Callable[[F], F]:
    """An option that is a whole number."""
    kind = click.IntRange(low, high)
    return click.option(flag, type=kind, default=default, show_default=True, metavar=metavar, help=words)


def _time(flag: str, low: float, high: float, default: float, words: str, metavar: str = "S") -> Callable[[F], F]:
    """An option that is a number of seconds."""
    kind = click.FloatRange(low, high)
    return click.option(flag, type=kind, default=default, show_default=True, metavar=metavar, help=words)


_processes_option = _count("--processes", 1, 64, 2, "That play the players.")


@click.group()
def bench() -> None:
    """Measure what this build costs on this machine, on a server of its own."""


@bench.command()
@_count("--guests", 4, 10_000, 2000, "How many clients connect, and come back when the server was killed.")
@_count("--spectators", 2, 10_000, 1000, "How many of them watch one game, at most all but its players.", "S")
@_count("--actions", 2, 30, 20, "How many actions are taken before them.", "A")
@_time("--ping-every", 0.5, 60, 6, "How often each of them is pinged.", "SECONDS")
@_json_option
def crowd(*, guests: int, spectators: int, actions: int, ping_every: float, json_file: Path | None) -> None:
    """Measure a crowd: its coming, its pings, one game before all eyes, and its return after a kill -9.

    Linux alone, because it reads /proc. Figures of one run can be compared with each other, those of two cannot.
    """
    from net.bench.crowd_run import run_crowd

    run_crowd(guests=guests, spectators=spectators, actions=actions, ping_every=ping_every, json_file=json_file)


@bench.command()
@_count("--tables", 1, 1000, 32, "Tables of two players.")
@_time("--seconds", 1, 3600, 15, "How long they play, on the three servers together.")
@_json_option
def durability(*, tables: int, seconds: float, json_file: Path | None) -> None:
    """Compare what the store's durability costs: actions a second with each appendfsync.

    Figures of one run can be compared with each other, those of two cannot.
    """
    from net.bench.durability_run import run_durability

    run_durability(tables=tables, seconds=seconds, json_file=json_file)


@bench.command()
@_count("--games", 1, 1_000_000, 10_000, "How many games are at rest, at most.")
@_json_option
def recovery(*, games: int, json_file: Path | None) -> None:
    """Measure how long a killed server takes to be back, and what a game takes up in the store and in the archive.

    Figures of one run can be compared with each other, those of two cannot.
    """
    from net.bench.recovery_run import run_recovery

    run_recovery(games=games, json_file=json_file)


@bench.command()
@_count("--sessions", 1, 10000, 500, "How many idle sessions memory is measured with.")
@_count("--messages", 1000, 1_000_000, 5000, "How many heartbeats CPU is measured with.", "M")
@_json_option
def transport(*, sessions: int, messages: int, json_file: Path | None) -> None:
    """Compare the transports: memory of an idle session, CPU of a message.

    Linux alone, because it reads /proc. Figures of one run can be compared with each other, those of two cannot.
    """
    from net.bench.run import run_transport

    run_transport(sessions=sessions, messages=messages, json_file=json_file)


@bench.command()
@_count("--actors", 100, 1_000_000, 100_000, "How many idle actors are started and stopped, at most.")
@_count(
    "--messages", 100, 1_000_000, 5000, "How many messages go each way at a time; eleven times each way in all.", "M"
)
@_json_option
@click.option("--crowd", type=click.IntRange(1), hidden=True)
@click.option("--as-served", is_flag=True, hidden=True)
def kit(*, actors: int, messages: int, json_file: Path | None, crowd: int | None, as_served: bool) -> None:
    """Compare the actor kit with bare Trio channels, and measure crowds of actors.

    100,000 actors take some 550 MB while they live. Linux alone, because it reads /proc.
    """
    if crowd is not None:
        from net.bench.kit_crowd import run_crowd

        run_crowd(crowd, as_served=as_served)
    else:
        from net.bench.kit_run import run_kit

        run_kit(actors=actors, messages=messages, json_file=json_file)


@bench.command()
@_count("--games", 1, 100_000, 50, "Games of two players.")
@_count("--spectators", 0, 10_000, 0, "Of each game.")
@_time("--seconds", 0.5, 86400, 5, "How long they play.")
@click.option(
    "--rate",
    type=click.FloatRange(0),
    default=0,
    metavar="R",
    help="Actions a second, of all games together; waits count from when an action was due. [default: closed loop]",
)
@_time("--think", 0, 3600, 0, "How long a player waits before they act.")
@click.option(
    "--storm",
    type=click.FloatRange(0, 3600),
    default=0,
    metavar="S",
    help="Break all connections at once every S seconds, and take the time until everybody is back. [default: never]",
)
@_processes_option
@click.option(
    "--state-encoding",
    type=click.Choice(["full", "patch"]),
    default="full",
    show_default=True,
    help="How everybody asks for their states: whole, or as a patch against the one before.",
)
@click.option("--url", metavar="URL", help="A server that runs already. [default: one of our own]")
@click.option("--secret", envvar="CROUPIER_AUTH_SECRET", metavar="TEXT", help="The secret of that server.")
@click.option("--rules", metavar="NAME", help="What is played. [default: the benchmarks' own game]")
@click.option("--profile", is_flag=True, help="Say where the server's time went, by stage; for a server of our own.")
@_json_option
def load(
    *,
    games: int,
    spectators: int,
    seconds: float,
    rate: float,
    think: float,
    storm: float,
    processes: int,
    state_encoding: str,
    url: str | None,
    secret: str | None,
    rules: str | None,
    profile: bool,
    json_file: Path | None,
) -> None:
    """Load a server with players on real sockets, and measure how long they wait.

    In a closed loop, at a fixed rate, or with time to think; players take the first of their legal actions. A server of
    your own (--url) needs the limits on rates off, and for the benchmarks' game `croupier bench serve`. Figures of one
    run can be compared with each other, those of two cannot.
    """
    if profile and url is not None:
        raise click.UsageError("--profile is for a server of our own: it does not go with --url")
    from net.bench.load import LoadPlan
    from net.bench.load_run import RULES, run_load

    name = rules or RULES
    plan = LoadPlan(
        name, games, spectators, seconds, rate=rate, think=think, storm=storm, state_encoding=state_encoding
    )
    run_load(plan, processes=processes, url=url, secret=secret, profile=profile, json_file=json_file)


@bench.command()
@_count("--games", 1, 20_000, 5000, "How many games of two are played, at most.")
@_count("--connections", 0, 50_000, 10_000, "How many connections rest beside those who play, at most.")
@_time("--seconds", 1, 60, 4, "How long each number is played.")
@_processes_option
@click.option(
    "--plot",
    "plot_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file for the curves, as SVG.",
)
@_json_option
def scale(
    *,
    games: int,
    connections: int,
    seconds: float,
    processes: int,
    plot_file: Path | None,
    json_file: Path | None,
) -> None:
    """Measure how far one server goes: against the games that are played, and the connections that rest beside them.

    Actions a second, waits, memory, and the CPU of the server, its store and the players, so that it shows what has no
    more to give first. Takes some minutes. Linux alone, because it reads /proc. Figures of one run can be compared with
    each other, those of two cannot.
    """
    from net.bench.scale import Plan
    from net.bench.scale_run import run_scale

    run_scale(Plan(games, connections, seconds, processes), json_file=json_file, plot_file=plot_file)


@bench.command(name="load-worker", hidden=True)
def load_worker() -> None:
    """One of the processes that play."""
    from net.bench.load_crew import run_worker

    run_worker()
