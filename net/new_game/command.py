"""`croupier new-game`, as click has it."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("new-game")
@click.argument("name")
@click.option(
    "--into",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where its folder is made. [default: here]",
)
def new_game(name: str, into: Path) -> None:
    """Make the package of a new game, in a folder NAME: a game that works, to be made into yours.

    It has rules of a small game with hidden hands, its tests, and the entry point by which a server finds it.
    """
    from net.new_game.make import make_game

    for file in make_game(name, into):
        click.echo(f"made {file}")
    click.echo(
        f"""
What next:
  cd {into / name}
  pip install -e . --no-deps        in the environment that has Croupier
  pytest                            needs croupier[testing]
  croupier demo --rules {name}
Then make {name}/rules.py your game."""
    )
