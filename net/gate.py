"""What an address may ask of the port before anybody knows who is there: requests over HTTP, and sessions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import trio

from actors.failures import Code
from net.forwarded import network_of
from net.http import error_response
from net.limits import Buckets, Rate, in_milliseconds

if TYPE_CHECKING:
    from net.config import Limits
    from net.http import Handler, Request, Response

PATIENCE: Final = 2.0
"""Seconds that an HTTP request waits for its turn. So whoever floods is slowed down to what their address may ask: a
connection has one request at a time, and an address only so many connections."""


class Gate:
    """Lets through what an address may ask, and keeps waiting or refuses what it may not."""

    def __init__(self, limits: Limits) -> None:
        self._sessions = Buckets(Rate.per_minute(limits.address_connects_per_minute))
        self._requests = Buckets(Rate(limits.address_requests_per_second, limits.address_request_burst))

    def refuse(self, request: Request) -> Response | None:
        """Counts a request for a session, a WebSocket or an Engine.IO handshake; its refusal, when it is one too
        many."""
        wait = self._sessions.take(network_of(request.peer), trio.current_time())
        return None if wait is None else _too_often("your address connects too often; try again later", wait)

    def around(self, respond: Handler) -> Handler:
        """The same handler, for requests that have waited for their turn; it is not asked about those that would wait
        too long."""

        async def handle(request: Request) -> Response:
            network = network_of(request.peer)
            wait = self._requests.reserve(network, trio.current_time(), PATIENCE)
            if wait is None:
                await trio.sleep(PATIENCE)
                wait = self._requests.wait(network, trio.current_time())
                return _too_often("your address sends too many requests; try again later", wait)
            if wait:
                await trio.sleep(wait)
            return await respond(request)

        return handle


def _too_often(message: str, wait: float) -> Response:
    details = {"retry_after": in_milliseconds(wait)}
    return error_response(429, Code.RATE_LIMITED, message, details, (("Retry-After", str(math.ceil(wait))),))
