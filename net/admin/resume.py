"""`croupier resume`: the suspended games of a running server, and having one tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import trio
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from net.admin.client import client_for

if TYPE_CHECKING:
    from actors.rules.interface import JsonObject
    from net.config import Config

_WIDE = 200
"""Columns where there is no terminal: nothing is cut that somebody may look for."""


def list_suspended(config: Config) -> None:
    """Prints the games that are suspended, the latest first. Raises NoAnswer."""
    games = trio.run(client_for(config).suspended)
    if not games:
        click.echo("no game is suspended")
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDE)
    console.print(_table_of(games))


def _table_of(games: list[JsonObject]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("game", no_wrap=True)
    for heading in ("rules", "since", "report", "why"):
        table.add_column(heading)
    for game in games:
        rules = f"{game.get('rules', '?')} {game.get('rules_version', '')}"
        cells = (game["game_id"], rules, game.get("since", ""), game.get("report", ""), game.get("why", ""))
        table.add_row(*(Text(str(cell)) for cell in cells))
    return table


def resume_game(config: Config, game_id: str) -> None:
    """Has a suspended game tried again, and says that it goes on. Raises NoAnswer when it does not."""
    answer = trio.run(client_for(config).resume, game_id)
    after = f"after event {answer['event_id']}"
    click.echo(f"game {game_id} goes on {after}" if answer["resumed"] else f"game {game_id} was running, {after}")
