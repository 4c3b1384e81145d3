"""`croupier tree`: what runs in the server now, once or again and again."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click
import orjson
import trio
from attrs import frozen
from rich.console import Console
from rich.live import Live
from rich.text import Text

from actors.kit.tree import as_json
from net.admin.client import AdminClient, NoAnswer, client_for
from net.admin.screen import fitted, pruned, table_of
from net.interrupt import interruptible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

    from actors.kit.tree import Node
    from net.config import Config

EVERY: Final = 1.0
"""Seconds between two looks of --watch."""

_WIDE: Final = 200
"""Columns where there is no terminal: nothing is cut that somebody may look for."""

_CTRL_C: Final = 128 + signal.SIGINT


def show_tree(config: Config, *, watch: bool, as_text: bool, depth: int | None) -> None:
    """Prints the tree of the server that this configuration is of, down to `depth` levels below its root: as a table,
    or as JSON. With `watch` as a table every second, until Ctrl-C. Raises NoAnswer, alone or in a group; SystemExit
    when another signal ended it."""
    view = _View(client_for(config), depth)
    if not as_text:
        click.echo(orjson.dumps(as_json(trio.run(view.tree)), option=orjson.OPT_INDENT_2))
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDE)
    if not watch:
        console.print(table_of(trio.run(view.tree)))
        return
    status = trio.run(_watch, view, console)
    if status != _CTRL_C:
        raise SystemExit(status)


@frozen
class _View:
    """The server's tree, as much of it as was asked for."""

    client: AdminClient
    depth: int | None

    async def tree(self) -> Node:
        node = await self.client.tree()
        return node if self.depth is None else pruned(node, self.depth)


async def _watch(view: _View, console: Console) -> int:
    """Shows it until a signal comes, whose status is returned. A server that goes away may come back; one that was
    not there in the first place raises NoAnswer."""
    async with interruptible() as interrupt:
        node: Node | str = await view.tree()
        with _shown_on(console) as show:
            while not interrupt.status:
                show(node)
                await trio.sleep(EVERY)
                node = await _tree_or_why_not(view)
    return interrupt.status


async def _tree_or_why_not(view: _View) -> Node | str:
    try:
        return await view.tree()
    except NoAnswer as gone:
        return str(gone)


@contextmanager
def _shown_on(console: Console) -> Iterator[Callable[[Node | str], None]]:
    """Something that shows a tree, or says why there is none: on a terminal in place of what stood there before."""
    if not console.is_terminal:
        yield lambda shown: console.print(_drawn(shown, None))
        return
    # It draws when it is told to, without a thread of its own.
    with Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        yield lambda shown: live.update(_drawn(shown, console.height - 1), refresh=True)


def _drawn(shown: Node | str, height: int | None) -> RenderableType:
    if isinstance(shown, str):
        return Text(shown, style="yellow")
    return table_of(shown if height is None else fitted(shown, height))
