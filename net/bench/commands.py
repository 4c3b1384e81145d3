"""`croupier bench durability` and `croupier bench recovery`, as click has them."""

from __future__ import annotations

from pathlib import Path

import click

_json_option = click.option(
    "--json",
    "json_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file to write the figures to as well.",
)


@click.command()
@click.option(
    "--tables", type=click.IntRange(1, 1000), default=32, show_default=True, metavar="N", help="Tables of two players."
)
@click.option(
    "--seconds",
    type=click.FloatRange(1, 3600),
    default=15,
    show_default=True,
    metavar="S",
    help="How long they play, on the three servers together.",
)
@_json_option
def durability(*, tables: int, seconds: float, json_file: Path | None) -> None:
    """Compare what the store's durability costs: actions a second with each appendfsync.

    Figures of one run can be compared with each other, those of two cannot.
    """
    from net.bench.durability_run import run_durability

    run_durability(tables=tables, seconds=seconds, json_file=json_file)


@click.command()
@click.option(
    "--games",
    type=click.IntRange(1, 1_000_000),
    default=10_000,
    show_default=True,
    metavar="N",
    help="How many games are at rest, at most.",
)
@_json_option
def recovery(*, games: int, json_file: Path | None) -> None:
    """Measure how long a killed server takes to be back, and what a game takes up in the store and in the archive.

    Figures of one run can be compared with each other, those of two cannot.
    """
    from net.bench.recovery_run import run_recovery

    run_recovery(games=games, json_file=json_file)
