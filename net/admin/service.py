"""The admin listener as a part of the server: its own supervisor, so that nothing else feels its crash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actors.kit.supervisor import ChildSpec, Restart, Supervisor
from net.admin.door import with_token
from net.handshake import SocketRoutes
from net.http import HttpLimits
from net.listener import Listener, ListenerLimits

if TYPE_CHECKING:
    from net.admin.door import Door
    from net.auth import Tokens
    from net.http import Handler, Report, Request, Response, Routes

LIMITS: Final = ListenerLimits(max_connections=64, http=HttpLimits(body_bytes=65536, timeout=15.0))

PAGES: Final = "admin"
"""What the path of a page begins with."""

_MAX_RESTARTS: Final = 30
_WITHIN: Final = 60.0


class AdminService:
    """Serves these routes at the door, where a token is needed if the door says so, and the `pages` below /admin, which
    see for themselves who comes."""

    def __init__(
        self, door: Door, routes: Routes, tokens: Tokens, report: Report, *, pages: Handler | None = None
    ) -> None:
        self._listener = Listener(
            door.acceptor,
            respond=_beside(pages, with_token(routes, tokens) if door.needs_token else routes),
            upgrade=SocketRoutes(),
            limits=LIMITS,
            report=report,
        )
        self.supervisor = Supervisor(
            "admin",
            [
                ChildSpec(
                    id="admin listener",
                    run=lambda status: self._listener.run(task_status=status),
                    ask_to_stop=self._listener.stop_accepting,
                    shutdown=5.0,
                )
            ],
            max_restarts=_MAX_RESTARTS,
            within=_WITHIN,
        )

    def as_child(self) -> ChildSpec:
        """It is temporary: if it fails for good, the server goes on without it."""
        return self.supervisor.as_child(restart=Restart.TEMPORARY)


def _beside(pages: Handler | None, others: Handler) -> Handler:
    async def respond(request: Request) -> Response:
        if pages is not None and request.segments[:1] == (PAGES,):
            return await pages(request)
        return await others(request)

    return respond
