"""`croupier drill`, as click has it."""

from __future__ import annotations

from pathlib import Path

import click

_FAULTS = (
    "kill",
    "kill-store",
    "kill-both",
    "pause",
    "drop-connections",
    "slow-store",
    "restart",
    "term",
    "two-servers",
)
"""`net.drill.plan.Fault`, which is not imported for a help text."""

_KILLS = 20


@click.group(invoke_without_command=True, subcommand_metavar="")
@click.option(
    "--games", type=click.IntRange(1, 1000), default=10, show_default=True, metavar="N", help="Games at a time."
)
@click.option("--minutes", type=click.FloatRange(0.01, 10_000), metavar="M", help="How long it lasts.")
@click.option(
    "--kills",
    type=click.IntRange(0, 100_000),
    metavar="K",
    help=f"How many kills it lasts, and each other fault once at least. [default: {_KILLS}, if no --minutes]",
)
@click.option(
    "--closing",
    type=click.FloatRange(0, 10_000),
    default=30,
    show_default=True,
    metavar="S",
    help="Seconds that the games under way have at the end to come to theirs. Those that do not must be playable.",
)
@click.option("--seed", metavar="TEXT", help="What all its choices follow from. [default: a new one]")
@click.option(
    "--faults",
    metavar="LIST",
    help=f"Which faults, separated by commas. [default: all: {','.join(_FAULTS)}]",
)
@click.option(
    "--report",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file to write the report to, as JSON.",
)
@click.option(
    "--keep",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="An empty folder to work in, and to leave everything in. It may hold hidden cards.",
)
@click.option(
    "--config",
    "config_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The configuration to drill; its Redis is used under a prefix of its own. [default: none, the defaults]",
)
@click.pass_context
def drill(
    context: click.Context,
    *,
    games: int,
    minutes: float | None,
    kills: int | None,
    closing: float,
    seed: str | None,
    faults: str | None,
    report: Path | None,
    keep: Path | None,
    config_file: Path | None,
) -> None:
    """Prove that nothing is lost: games on a server of its own, which is killed again and again.

    Players on real sockets keep a record of what was acknowledged and what they saw; at the end it is held against the
    journal. Exits with status 1 when a promise was broken, and keeps the evidence.
    """
    if context.invoked_subcommand is not None:  # `croupier drill serve`, which a drill starts
        return
    from net.drill.plan import Fault, Plan
    from net.drill.run import BROKEN, Options, new_seed, run_drill

    chosen = None if faults is None else tuple(dict.fromkeys(_fault(name.strip()) for name in faults.split(",")))
    if kills is None and minutes is None:
        kills = _KILLS
    plan = Plan(
        seed=seed if seed is not None else new_seed(),
        games=games,
        kills=kills,
        seconds=None if minutes is None else 60 * minutes,
        closing=closing,
    )
    asked = Options(plan, None if chosen is None else tuple(map(Fault, chosen)), report, keep, config_file)
    if not run_drill(asked).holds:
        raise SystemExit(BROKEN)


def _fault(name: str) -> str:
    if name not in _FAULTS:
        raise click.BadParameter(f"there is no fault {name!r}; there are {', '.join(_FAULTS)}", param_hint="--faults")
    return name
