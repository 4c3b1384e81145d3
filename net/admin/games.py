"""Suspended games, for an operator: which they are and why, and having one tried again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from actors.directory import Directory
from actors.failures import Failure
from actors.kit.actor import ActorError
from net.http import json_response
from net.table_answers import resume

if TYPE_CHECKING:
    from actors.kit.tree import Node
    from actors.rules.interface import JsonObject
    from actors.standing import Standing
    from net.http import Request, Response, Routes


@frozen
class SuspendedGames:
    """The handlers. `failure_of` says what to answer for a table that cannot be asked."""

    directory: Directory
    failure_of: Callable[[ActorError], Failure]

    def routes(self, routes: Routes) -> None:
        """Adds every path, with its handler."""
        routes.add("GET", "/suspended", self.show)
        routes.add("POST", "/games/{id}/resume", self.resume)

    async def show(self, _: Request) -> Response:
        """Every game that is suspended in this process, the latest first."""
        found = sorted(self.directory.suspended(), key=lambda one: _since(one[1]), reverse=True)
        return json_response(200, {"games": [_shown(game_id, standing) for game_id, standing in found]})

    async def resume(self, request: Request) -> Response:
        """Has the game tried again. One that runs is let be, and it is said that it runs."""
        return await resume(self.directory, request.params["id"], self.failure_of)


def with_suspended(tree: Node, directory: Directory) -> Node:
    """The tree, with `suspended` as the state of the tables whose games are. To the kit these are up like any other:
    they answer, if only that they are suspended."""
    names = {table.name for _, standing, table in directory if standing.suspended is not None}
    return _with_state(tree, names) if names else tree


def _with_state(node: Node, names: set[str]) -> Node:
    if node.name in names and node.state == "up":
        return evolve(node, state="suspended")
    children = tuple(_with_state(child, names) for child in node.children)
    same = all(new is old for new, old in zip(children, node.children, strict=True))
    return node if same else evolve(node, children=children)


def _since(standing: Standing) -> float:
    return 0.0 if standing.suspended is None else standing.suspended.since


def _shown(game_id: str, standing: Standing) -> JsonObject:
    suspension, described = standing.suspended, standing.description
    shown: JsonObject = {"game_id": game_id}
    if described is not None:
        shown |= {"rules": described.rules, "rules_version": described.rules_version, "players": described.players}
        shown["event_count"] = described.event_count
    if suspension is not None:
        since = datetime.fromtimestamp(suspension.since, UTC).isoformat(timespec="milliseconds")
        shown |= {"report": suspension.report_id, "why": suspension.why, "since": since.replace("+00:00", "Z")}
    return shown
