"""What is running now: a snapshot for the admin page, the tests and `croupier tree`.

A supervisor makes it (`Supervisor.node()`), without an await, from what it and its children count anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator


@frozen
class Node:
    """One supervisor, actor or service, and what is below it.

    `state` is `starting`, `up`, `stopping`, `overrunning` (it should have stopped by now), `restarting` (it waits for
    its next try) or `down`. `mailbox_depth` and `mailbox_peak` count messages, `handled` those that were handled.
    `in_hand` is the type of the message that is being handled. `more` children are not listed.
    """

    name: str
    kind: str
    state: str = "up"
    restarts: int = 0
    mailbox_depth: int = 0
    mailbox_peak: int = 0
    handled: int = 0
    children: tuple[Node, ...] = ()
    in_hand: str | None = None
    more: int = 0


def render(node: Node) -> str:
    """The tree as lines of text, a child indented under its supervisor."""
    return "\n".join(_lines(node, ""))


def _lines(node: Node, indent: str) -> Iterator[str]:
    yield indent + _line(node)
    below = indent + "  "
    for child in node.children:
        yield from _lines(child, below)
    if node.more:
        yield f"{below}and {node.more} more"


def _line(node: Node) -> str:
    parts = [node.name, node.kind, node.state]
    if node.restarts:
        parts.append(f"restarts={node.restarts}")
    if node.kind == "actor":
        parts.append(f"mailbox={node.mailbox_depth} (peak {node.mailbox_peak})")
        parts.append(f"handled={node.handled}")
    if node.in_hand is not None:
        parts.append(f"handling {node.in_hand}")
    return "  ".join(parts)
