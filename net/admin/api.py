"""What the admin listener answers: the tree of what runs, and the latest crashes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import trio
from attrs import frozen

from actors.kit.shelter import Shelter
from actors.kit.tree import Node, as_json
from actors.ports import Clock
from net.http import Routes, json_response

if TYPE_CHECKING:
    from actors.kit.reports import CrashReport
    from actors.rules.interface import JsonObject
    from net.http import Request, Response


@frozen
class AdminApi:
    """The handlers. `tree` takes the snapshot; `supervisors` are those whose crash reports are told."""

    tree: Callable[[], Node]
    supervisors: Sequence[Shelter]
    clock: Clock

    def routes(self) -> Routes:
        """Every path, with its handler."""
        routes = Routes()
        routes.add("GET", "/tree", self.show_tree)
        routes.add("GET", "/crashes", self.show_crashes)
        return routes

    async def show_tree(self, _: Request) -> Response:
        """Every supervisor, actor and service, as it is now."""
        return json_response(200, as_json(self.tree()))

    async def show_crashes(self, _: Request) -> Response:
        """The last crash reports of each supervisor, the newest first; as confidential as they are in the log."""
        reports = [report for supervisor in self.supervisors for report in supervisor.reports]
        reports.sort(key=lambda report: report.at, reverse=True)
        return json_response(200, {"crashes": [self._crash(report) for report in reports]})

    def _crash(self, report: CrashReport) -> JsonObject:
        at = self.clock.now() - (trio.current_time() - report.at)
        return {
            "at": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "supervisor": report.supervisor,
            "child": report.child,
            "what": report.what.value,
            "error": report.error,
            "message_type": report.message_type,
            "restarts": report.restarts,
            "traceback": report.traceback,
        }
