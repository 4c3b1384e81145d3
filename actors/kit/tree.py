"""What is running now: a snapshot for the admin page, the tests and `croupier tree`.

A supervisor makes it (`Supervisor.node()`), without an await, from what it and its children count anyway. It can be
taken while serving: that of a thousand actors costs some milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import fields, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attrs import Attribute


@frozen
class Node:
    """One supervisor, actor or service, and what is below it.

    `state` is `starting`, `up`, `stopping`, `overrunning` (it should have stopped by now), `restarting` (it waits for
    its next try) or `down`; whoever knows better what is up may say so (`suspended`, of a game). `mailbox_depth` and
    `mailbox_peak` count messages, `handled` those that were handled. `in_hand` is the type of the message that is being
    handled, `in_hand_for` how many seconds it has been. `last_crash` tells of the last crash, if there was one: the
    error's type and the message's; of a supervisor, the last one that it reported, and whose it was. `more` children
    are not listed.
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
    in_hand_for: float = 0.0
    last_crash: str | None = None

    def supervised(self, name: str, state: str, restarts: int, last_crash: str | None) -> Node:
        """The same, with what only its supervisor knows. `last_crash` counts where the node knows of none."""
        # Written out: attrs.evolve takes several times as long, and there may be thousands of these.
        return Node(
            name,
            self.kind,
            state,
            restarts,
            self.mailbox_depth,
            self.mailbox_peak,
            self.handled,
            self.children,
            self.in_hand,
            self.more,
            self.in_hand_for,
            last_crash if self.last_crash is None else self.last_crash,
        )


# ---- as JSON

_FIELDS: Final[tuple[Attribute[Any], ...]] = tuple(field for field in fields(Node) if field.name != "children")
_TYPES: Final = {
    field.name: (str, type(None)) if field.name in ("in_hand", "last_crash") else type(field.default)
    for field in _FIELDS
    if field.name not in ("name", "kind")
} | {"name": str, "kind": str}


def as_json(node: Node) -> dict[str, Any]:
    """The tree as nested dicts of what JSON has. What is as by default is left out."""
    tree: dict[str, Any] = {}
    for field in _FIELDS:
        value = getattr(node, field.name)
        if value != field.default:
            tree[field.name] = value
    if node.children:
        tree["children"] = [as_json(child) for child in node.children]
    return tree


def from_json(tree: object) -> Node:
    """The tree that `as_json` made this of. Raises ValueError for anything else; what it does not know it ignores, so
    that a newer server can be looked at."""
    if not isinstance(tree, dict):
        raise ValueError("a node of the tree is an object")
    values: dict[str, Any] = {}
    for name, kind in _TYPES.items():
        if name in tree:
            values[name] = _checked(name, kind, tree[name])
    children = tree.get("children", [])
    if "name" not in values or "kind" not in values or not isinstance(children, list):
        raise ValueError("a node of the tree has a name, a kind and a list of children")
    return Node(children=tuple(from_json(child) for child in children), **values)


def _checked(name: str, kind: type | tuple[type, ...], value: object) -> object:
    if kind is float and type(value) is int:
        return float(value)  # JSON does not tell them apart
    if isinstance(value, kind) and not isinstance(value, bool):
        return value
    raise ValueError(f"{name} of a node of the tree is not {value!r}")


# ---- as text


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
        parts.append(f"handling {node.in_hand} for {node.in_hand_for:.1f} s")
    if node.last_crash is not None:
        parts.append(f"last crash: {node.last_crash}")
    return "  ".join(parts)
