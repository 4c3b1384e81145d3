"""`croupier sim`, as click has it."""

from __future__ import annotations

import re
from pathlib import Path

import click

from net.errors import StartError

_ALL = 2**31


class _Seeds(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """`7`, `0..99`."""

    name = "seeds"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> range:
        """A range of seeds."""
        if isinstance(value, range):
            return value
        found = re.fullmatch(r"(\d+)(?:\.\.(\d+))?", str(value))
        if found is None:
            self.fail(f"{value!r} is neither a seed (7) nor a range of them (0..99)", param, ctx)
        first = int(found[1])
        last = first if found[2] is None else int(found[2])
        if last < first:
            self.fail(f"{last} comes before {first}", param, ctx)
        return range(first, last + 1)


@click.command()
@click.option(
    "--seeds",
    type=_Seeds(),
    metavar="A..B",
    help="Which worlds, one or a range. [default: 0..99, or with --minutes as many as there is time for]",
)
@click.option("--minutes", type=click.FloatRange(0.01, 10_000), metavar="M", help="How long it lasts, at most.")
@click.option("--jobs", type=click.IntRange(1, 256), metavar="N", help="Processes. [default: one for each processor]")
@click.option(
    "--trace",
    "trace_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the whole story of the one world of --seeds there, as text.",
)
@click.option(
    "--keep",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("sim-failures"),
    show_default=True,
    help="Where the story of each world in which a promise is broken goes.",
)
def sim(*, seeds: range | None, minutes: float | None, jobs: int | None, trace_file: Path | None, keep: Path) -> None:
    """Play whole worlds out of one number each: servers, stores, networks and people, and everything that can go wrong
    with them, in virtual time.

    What a world does follows from its seed alone, so a failure is replayed by the command that is printed with it.
    Exits with status 1 when a promise was broken. Needs the extra croupier[sim], which the binary has.
    """
    try:
        from net.testing.world.many import Options, run_many
    except ModuleNotFoundError as error:
        raise StartError(f"{error.name} is not installed: pip install 'croupier[sim]'") from None

    if trace_file is not None and (seeds is None or len(seeds) != 1):
        raise click.UsageError("--trace is for one world: give its seed with --seeds")
    if seeds is None:
        seeds = range(100) if minutes is None else range(_ALL)
    asked = Options(seeds, None if minutes is None else 60 * minutes, jobs, keep, trace_file)
    if not run_many(asked):
        raise SystemExit(1)
