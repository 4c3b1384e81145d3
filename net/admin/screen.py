"""The tree as a table: pure functions of its nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve
from rich import box
from rich.table import Table
from rich.text import Text

from net.admin.rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors.kit.tree import Node
    from net.admin.rows import Row


_STYLES: Final = {
    "starting": "yellow", "restarting": "yellow", "stopping": "yellow", "overrunning": "bold red", "down": "red",
    "suspended": "bold red",
}  # fmt: skip
_INDENT: Final = "  "
_AROUND: Final = 2
"""Lines of the table that are no rows: its head, and the rule below."""


def pruned(node: Node, depth: int) -> Node:
    """The tree down to so many levels below this node; what is deeper is counted in `more`."""
    if depth == 0:
        return evolve(node, children=(), more=node.more + len(node.children))
    return evolve(node, children=tuple(pruned(child, depth - 1) for child in node.children))


def shortened(node: Node, most: int) -> Node:
    """The tree with at most so many children listed of each node; the others are counted in `more`."""
    listed = tuple(shortened(child, most) for child in node.children[:most])
    return evolve(node, children=listed, more=node.more + len(node.children) - len(listed))


def fitted(node: Node, height: int) -> Node:
    """As much of the tree as the table of it has lines for, long lists shortened; at least the root and a count."""
    fits, too_many = 0, _longest(node) + 1
    while too_many - fits > 1:
        most = (fits + too_many) // 2
        if sum(1 for _ in rows_of(shortened(node, most))) + _AROUND <= height:
            fits = most
        else:
            too_many = most
    return shortened(node, fits)


def _longest(node: Node) -> int:
    return max(len(node.children), max(map(_longest, node.children), default=0))


def table_of(node: Node) -> Table:
    """The tree; columns that would be empty are left out."""
    rows = list(rows_of(node))
    nodes = [row.node for row in rows if row.node is not None]
    busy = any(node.in_hand is not None for node in nodes)
    crashed = any(node.last_crash is not None for node in nodes)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("what runs", no_wrap=True, overflow="ellipsis")
    table.add_column("state", no_wrap=True)
    for heading in ("restarts", "mailbox", "peak", "handled"):
        table.add_column(heading, justify="right", no_wrap=True)
    if busy:
        table.add_column("in hand", no_wrap=True, overflow="ellipsis")
    if crashed:
        table.add_column("last crash", no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*_cells(row, busy=busy, crashed=crashed))
    return table


def _cells(row: Row, *, busy: bool, crashed: bool) -> Iterator[Text]:
    indent = _INDENT * row.depth
    if row.node is None:
        yield Text(f"{indent}and {row.more} more", style="dim")
        return
    node = row.node
    yield Text(indent + node.name, style="bold" if node.kind == "supervisor" else "")
    yield Text(node.state, style=_STYLES.get(node.state, ""))
    yield Text(str(node.restarts) if node.restarts else "", style="yellow")
    numbers = (node.mailbox_depth, node.mailbox_peak, node.handled) if node.kind == "actor" else ("", "", "")
    yield from (Text(str(number)) for number in numbers)
    if busy:
        yield Text("" if node.in_hand is None else f"{node.in_hand}, {node.in_hand_for:.1f} s")
    if crashed:
        yield Text(node.last_crash or "", style="red")
