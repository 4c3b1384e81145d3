"""The tree as lines, for whoever shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from actors.kit.tree import Node

if TYPE_CHECKING:
    from collections.abc import Iterator


@frozen
class Row:
    """One line: a node, or (None) that so many more are not listed; `depth` is how far below the root."""

    depth: int
    node: Node | None
    more: int = 0


def rows_of(node: Node, depth: int = 0) -> Iterator[Row]:
    """The node, what is below it, and how much more there is, in the order of the tree."""
    yield Row(depth, node)
    for child in node.children:
        yield from rows_of(child, depth + 1)
    if node.more:
        yield Row(depth + 1, None, node.more)
