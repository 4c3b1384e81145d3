"""Which web pages may use the server: CORS for HTTP (the Fetch standard), and an origin check for WebSockets, which
browsers do not hold to CORS (RFC 6455, section 10.2).

Clients that are no browsers send no Origin, and are not concerned. Tokens, not cookies, say who somebody is, so a page
that is let in can do nothing that its user's token does not allow.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import evolve, field, frozen

from net.http import Refused, Response, error_response

if TYPE_CHECKING:
    from net.http import Handler, Headers, Request

ANY: Final = "*"
_ORIGIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[!-~]+")
_MAX_AGE: Final = 7200
_METHODS: Final = "GET, HEAD, POST"
_HEADERS: Final = "Authorization, Content-Type"


def _in_lower_case(origins: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(origin.lower() for origin in origins)


@frozen
class Cors:
    """The allow-list. `*` lets every page in; else an origin is `https://example.org`, or with a port."""

    origins: tuple[str, ...] = field(default=(ANY,), converter=_in_lower_case)

    def allows(self, request: Request) -> bool:
        """Whether this request may come: it has no origin, its own, or one of the list."""
        origin = request.header("origin")
        if origin is None or ANY in self.origins or origin.lower() in self.origins:
            return True
        if not _ORIGIN.fullmatch(origin):  # "null", and what could not be sent back
            return False
        host = (request.header("host") or "").lower()
        return bool(host) and origin.lower().partition("://")[2] == host

    def refuse(self, request: Request) -> Response | None:
        """The refusal of a WebSocket from a page that may not use the server; None when it may."""
        if self.allows(request):
            return None
        return error_response(403, "forbidden", "this origin may not use the server")

    def around(self, respond: Handler) -> Handler:
        """The same handler, with preflights answered and the headers added by which a browser lets a page read."""

        async def handle(request: Request) -> Response:
            if request.method == "OPTIONS":
                return self._preflight(request)
            headers = self._headers(request)
            try:
                response = await respond(request)
            except Refused as refused:
                response = refused.response
            return evolve(response, headers=(*response.headers, *headers))

        return handle

    def _preflight(self, request: Request) -> Response:
        headers = self._headers(request)
        if headers and request.header("access-control-request-method") is not None:
            headers += (
                ("Access-Control-Allow-Methods", _METHODS),
                ("Access-Control-Allow-Headers", _HEADERS),
                ("Access-Control-Max-Age", str(_MAX_AGE)),
            )
        return Response(204, (("Allow", f"{_METHODS}, OPTIONS"), *headers))

    def _headers(self, request: Request) -> Headers:
        origin = request.header("origin")
        if ANY in self.origins:
            return (("Access-Control-Allow-Origin", ANY),) if origin is not None else ()
        vary = (("Vary", "Origin"),)
        if origin is None or not self.allows(request):
            return vary
        return (("Access-Control-Allow-Origin", origin), *vary)
