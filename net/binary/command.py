"""`croupier version`: what this is, what is inside, and under which licences."""

from __future__ import annotations

import click

from net import __version__


@click.command()
@click.option("--verbose", "-v", is_flag=True, help="Everything inside, with its version and licence.")
@click.option("--licences", is_flag=True, help="The text of every licence.")
def version(*, verbose: bool, licences: bool) -> None:
    """Print the version of Croupier, and what is inside."""
    click.echo(f"croupier {__version__}")
    if verbose:
        from net.binary.contents import parts

        inside = list(parts())[1:]
        names, versions = (max(len(getattr(part, column)) for part in inside) for column in ("name", "version"))
        for part in inside:
            click.echo(f"  {part.name:<{names}}  {part.version:<{versions}}  {part.licence}")
    if licences:
        from net.binary.contents import texts

        for title, text in texts():
            click.echo(f"\n{'=' * len(title)}\n{title}\n{'=' * len(title)}\n\n{text}")
